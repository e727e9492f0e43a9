"""Everything that was found in a log -> the one thing that its failure comes from.

What counts, in this order: the exception that ended the program, walked to its root; where
that only passes on a failure, the exceptions before it; where there is none, the lines of
tools.  What was merely warned of is never the cause of an exception that says something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from envfit.diagnosis.mechanisms import PACKAGE_REFUSES
from envfit.diagnosis.mixing import mixtures
from envfit.diagnosis.model import Confidence, Diagnosis, Hypothesis, Quote
from envfit.diagnosis.scene import Scene, package_of_file
from envfit.diagnosis.sign import Hit
from envfit.diagnosis.tracebacks import Chain, Raised
from envfit.diagnosis.wrappers import CONSEQUENCES, WRAPPER_TYPES
from envfit.doctor.finding import Remedy
from envfit.frozen import frozen
from envfit.knowledge.symptom import SymptomRank

__all__ = ["weigh"]

_MOST_OTHERS = 5
_RIGHT_BEFORE = 12  # lines
#: Exceptions that Python code raises where a library has said why on its own.
_VAGUE = frozenset({"ValueError", "RuntimeError", "AssertionError", "Exception", "OSError"})
_MOST_QUOTES = 4
_LONGEST_QUOTE = 240
_WARNS = re.compile(
    r"warn|caught was|ignore import error|\bINFO\b|\bDEBUG\b|deprecat|\bW\d{4}\b|skipping|fall(?:ing)? "
    r"?back|using .{1,40} instead",
    re.IGNORECASE,
)
#: What says that something failed, whatever else stands in the line: NCCL has no level above WARN.
_SURE = re.compile(r"\bERROR\b|^\s*(?:\S+: )?(?:fatal )?error:|\bNCCL WARN\b|\]\s+WARN ")
#: What an installer says; where a module is missing after that, it is not there because of it.
_NOT_INSTALLED = frozenset(
    {
        "no-such-package",
        "no-such-version",
        "no-release-for-this-python",
        "no-wheel-for-this-platform",
        "requirements-conflict",
        "metadata-malformed",
        "certificate-refused",
        "python-externally-managed",
    }
)
_ERRS = re.compile(
    r"\berror\b|fatal|fail|\N{MULTIPLICATION SIGN}|cannot|could not|abort|\bkilled\b|exception|not found|no "
    r"such",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"\s*(?:cause|Caused by|\d+): ")
#: Exceptions of programs that are wrong by themselves.
_OWN_FAULTS = frozenset(
    {
        "KeyError",
        "IndexError",
        "TypeError",
        "AttributeError",
        "NameError",
        "ZeroDivisionError",
        "UnboundLocalError",
    }
)
_OF_ENVIRONMENT = re.compile(
    r"\b(?:re)?install|upgrade|downgrade|incompatible|not "
    r"compatible|(?:requires?|needs?|required|minimum)\b.*\bversion|version\b.*\b(?:required|needed|too "
    r"old|too new|mismatch)|(?:compiled|built) (?:with|for|against|without)|not supported "
    r"(?:on|by|with)|\bCUDA\b|\bdriver\b|compute capability",
    re.IGNORECASE,
)
#: What other processes say after one has failed.
_FOLLOWS = frozenset({"nccl-failed", "nccl/unhandled-error", "processes-did-not-meet", "cause-hidden"})
#: Exceptions that follow where an import failed before and was caught.
_AFTER_IMPORT = frozenset({"NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError"})
#: Words by which a failed import and what follows from it are known to belong together.
_WORD = re.compile(r"[A-Za-z][a-z0-9_]{4,}")


@frozen
class _Event:
    """A chain of exceptions, and what was found in it."""

    chain: Chain
    raised: Raised  # the one at the root, as far as that is known
    hits: tuple[Hit, ...]  # about it, the best first; none where it is not understood


def weigh(scene: Scene, hits: Sequence[Hit], notes: tuple[str, ...] = ()) -> Diagnosis:
    """Return what a log tells."""
    finder = _Finder(scene, hits)
    event, passed = finder.event()
    chosen, cause = _chosen(scene, finder, event, passed)
    printed = finder.printed_wrappers()
    if cause is not None and printed:
        chain = tuple(text for text in printed if not any(text in said for said in cause.chain)) + cause.chain
        cause = _with_chain(cause, chain)
    others = [*finder.others(chosen), *mixtures(scene)]
    wrapper = finder.wrapper() if cause is None and event is None else None
    root, raised_at = finder.root(event) if cause is None else (None, None)
    return Diagnosis(
        cause=cause,
        others=tuple(_hypothesis(scene, hit, chain=(), sure=False) for hit in others[:_MOST_OTHERS]),
        harmless=tuple(_hypothesis(scene, hit, chain=(), sure=True) for hit in _harmless(hits)),
        root=root,
        raised_at=raised_at,
        chain=_chain(event, passed) if cause is None and event is not None else (),
        hidden=f"{wrapper.cause} {' '.join(wrapper.remedies)}" if wrapper is not None else None,
        notes=notes,
    )


def _chosen(
    scene: Scene, finder: _Finder, event: _Event | None, passed: tuple[Chain, ...]
) -> tuple[Hit | None, Hypothesis | None]:
    """Return what the failure comes from, as it was found and as it is told."""
    lines = finder.outside()
    if event is None:
        if not lines or (passed and finder.is_warning(lines[0])):
            return None, None
        hit = lines[0]
        rivals = {each.code for each in lines if each.rank is hit.rank and not finder.is_warning(each)}
        sure = (len(rivals) <= 1 or not finder.chains) and not finder.is_warning(hit)
        return hit, _hypothesis(scene, hit, chain=_told_last(passed), sure=sure)
    chain = _chain(event, passed)
    if (before := _not_installed(event, lines, finder)) is not None:
        return before, _hypothesis(scene, before, chain=chain, sure=False)
    if event.hits:
        if (asserted := _asserted(event, lines)) is not None:
            return asserted, _hypothesis(scene, asserted, chain=chain, sure=True)
        hit, sure = event.hits[0], event.chain.traced or not lines
        return hit, _hypothesis(scene, hit, chain=chain, sure=sure, about=event.raised)
    behind = _behind(event, lines, finder) or _said_by_package(event)
    if behind is None:
        return None, None
    return behind, _hypothesis(scene, behind, chain=chain, sure=False, about=event.raised)


def _harmless(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return what is harmless, the first that says so of each line."""
    found: dict[tuple[int, int], Hit] = {}
    for hit in hits:
        if hit.rank is SymptomRank.HARMLESS:
            found.setdefault(hit.places[0], hit)
    return tuple(found.values())


def _order(hit: Hit) -> tuple[int, int, bool, int]:
    """Sort the nearest to the cause first."""
    return -hit.rank, -hit.weight, not hit.certain, hit.places[0][0]


class _Finder:
    def __init__(self, scene: Scene, hits: Sequence[Hit]) -> None:
        self._scene = scene
        self._hits = sorted((hit for hit in hits if hit.rank is not SymptomRank.HARMLESS), key=_order)
        harmless = {
            place
            for hit in hits
            if hit.rank is SymptomRank.HARMLESS
            for first, last in hit.places
            for place in range(first, last + 1)
        }
        # Lines of source code in a traceback hold words of messages that nobody said.
        self._code = {
            place
            for chain in scene.chains
            for raised in chain.raised
            for place in range(raised.begin, raised.first)
        }
        self._at: dict[int, list[Hit]] = {}
        said = []
        for hit in self._hits:
            places = [place for first, last in hit.places for place in range(first, last + 1)]
            for place in places:
                if place not in harmless:
                    self._at.setdefault(place, []).append(hit)
            if not all(place in harmless or place in self._code for place in places):
                said.append(hit)
        self._said = said
        self.chains = tuple(
            chain
            for chain in scene.chains
            if not all(raised.ignored or raised.first in harmless for raised in chain.raised)
        )

    # -- exceptions ---------------------------------------------------------------

    def about(self, raised: Raised) -> tuple[Hit, ...]:
        """Return what is found in the message of an exception, the best first."""
        found: dict[int, Hit] = {}
        for place in range(raised.first, raised.last + 1):
            for hit in self._at.get(place, ()):
                found.setdefault(id(hit), hit)
        return tuple(sorted(found.values(), key=_order))

    def event(self) -> tuple[_Event | None, tuple[Chain, ...]]:
        """Return the failure that counts, and the later ones that only pass it on."""
        traced = [chain for chain in self.chains if chain.traced]
        for chains in (traced, [chain for chain in self.chains if not chain.traced]):
            passed: list[Chain] = []
            follower: _Event | None = None
            for chain in reversed(chains):
                if self._passes_on(chain):
                    passed.append(chain)
                    continue
                event = self._read(chain)
                if event.hits and event.hits[0].code in _FOLLOWS:
                    follower = follower or event
                    passed.append(chain)
                    continue
                if not event.hits and not chain.traced:
                    continue  # an exception that a line mentions: it may be anything
                return event, tuple(passed)
            if follower is not None and not self._causes():
                return follower, ()
            if passed and chains is traced:
                mentioned = self._mentioned()
                return mentioned, tuple(passed)
        return None, ()

    def _mentioned(self) -> _Event | None:
        for chain in self.chains:
            if not chain.traced and not self._passes_on(chain):
                event = self._read(chain)
                if event.hits and not self.is_warning(event.hits[0]) and event.hits[0].code not in _FOLLOWS:
                    return event
        return None

    def _causes(self) -> list[Hit]:
        return [hit for hit in self._said if hit.rank is SymptomRank.CAUSE and not self.is_warning(hit)]

    def _passes_on(self, chain: Chain) -> bool:
        """Tell whether nothing in a chain says what failed."""
        return not any(self._speaks(chain, place) for place in range(len(chain.raised)))

    def _speaks(self, chain: Chain, place: int) -> bool:
        """Tell whether an exception of a chain says what failed, by itself."""
        raised = chain.raised[place]
        hits = self.about(raised)
        understood = any(hit.rank > SymptomRank.WRAPPER for hit in hits)
        if (raised.name in WRAPPER_TYPES or hits) and not understood:
            return False
        if raised.name in CONSEQUENCES and not understood:
            return False
        # What was tried and handled before another program was started: "no prebuilt wheel, so build it".
        handled = any(
            not chain.causes[later - 1] and self._hides(chain.raised[later])
            for later in range(place + 1, len(chain.raised))
        )
        return not handled or any(hit.rank is SymptomRank.CAUSE for hit in hits)

    def _hides(self, raised: Raised) -> bool:
        hits = self.about(raised)
        return raised.name in WRAPPER_TYPES or (
            bool(hits) and all(hit.rank is SymptomRank.WRAPPER for hit in hits)
        )

    def _read(self, chain: Chain) -> _Event:
        """Find the root of a chain: the innermost exception that is understood best."""
        speaking = [place for place in range(len(chain.raised)) if self._speaks(chain, place)]
        told = []
        for place in speaking:
            hits = tuple(hit for hit in self.about(chain.raised[place]) if hit.rank > SymptomRank.WRAPPER)
            if hits:
                told.append((place, chain.raised[place], hits))
        if not told:
            root = chain.raised[speaking[0] if speaking else 0]
            return _Event(chain=chain, raised=root, hits=())
        best = max(hits[0].rank for _, _, hits in told)
        told = [each for each in told if each[2][0].rank == best]
        place, raised, hits = told[0]
        for later, outer, outer_hits in told[1:]:
            # "try: import a; except ImportError: import b": the last resort is what is missing.
            tried = raised.name == "ModuleNotFoundError" and hits[0].code != "extension-missing"
            if not tried or hits[0].weight == 1 or any(chain.causes[place:later]):
                break
            place, raised, hits = later, outer, outer_hits
        return _Event(chain=chain, raised=raised, hits=hits)

    def in_code(self, event: _Event) -> Hit | None:
        """Return a symptom that is known by the line of code that raised an exception."""
        places = range(event.raised.begin, event.raised.first)
        found = [hit for place in places for hit in self._at.get(place, ()) if hit.weight == 1]
        return next((hit for hit in found if hit.rank is SymptomRank.CAUSE), None)

    # -- lines ----------------------------------------------------------------------

    def outside(self) -> list[Hit]:
        """Return what any line says, the best first, but for what was tried and handled."""
        handled = {
            place
            for chain in self.chains
            for index, raised in enumerate(chain.raised)
            if not self._speaks(chain, index)
            for place in range(raised.first, raised.last + 1)
        }
        found = [
            hit
            for hit in self._said
            if hit.rank is SymptomRank.CAUSE
            or (
                hit.rank is SymptomRank.GENERAL
                and (hit.weight == 1 or not self.is_warning(hit))
                and not all(first in handled for first, _ in hit.places)
            )
        ]
        return sorted(found, key=lambda hit: (self.is_warning(hit), *_order(hit)))

    def is_warning(self, hit: Hit) -> bool:
        """Tell whether a thing was only warned of, each time it was said."""
        return all(self._warns(first) for first, _ in hit.places)

    def _warns(self, place: int) -> bool:
        raised, _ = self._scene.messages.get(place, (None, ()))
        if raised is not None and raised.frames:
            return False
        lines = self._scene.log.lines
        while place and _CONTINUES.match(lines[place].text):
            place -= 1  # uv tells causes below what it warns of
        line = lines[place]
        text = f"{line.prefix} {line.text}"
        if raised is not None and raised.ignored:
            return True
        return bool(_WARNS.search(text)) and not _SURE.search(text)

    def wrapper(self) -> Hit | None:
        """Return the message that hides the cause."""
        return next((hit for hit in self._said if hit.rank is SymptomRank.WRAPPER), None)

    def printed_wrappers(self) -> tuple[str, ...]:
        """Return what programs printed that hides the cause, outside of exceptions."""
        lines = self._scene.log.lines
        places = {
            hit.places[0][0]
            for hit in self._said
            if hit.rank is SymptomRank.WRAPPER and hit.places[0][0] not in self._scene.messages
        }
        return tuple(dict.fromkeys(_short(lines[place].text) for place in sorted(places)[:3]))

    def others(self, chosen: Hit | None) -> list[Hit]:
        """Return what else is wrong, without what says the same."""
        taken: set[int] = set()
        codes: set[str] = set()
        if chosen is not None:
            codes.add(chosen.code)
            for first, last in chosen.places:
                raised, outer = self._scene.messages.get(first, (None, ()))
                taken |= set(range(first, last + 1))
                for each in (raised, *outer):
                    if each is not None:
                        taken |= set(range(each.first, each.last + 1))
        kept = []
        for hit in self.outside():
            spots = {place for first, last in hit.places for place in range(first, last + 1)}
            if hit.code in codes or spots & taken:
                continue
            if (
                hit.rank is SymptomRank.GENERAL
                and chosen is not None
                and set(hit.values) & set(chosen.values)
            ):
                continue  # the same, less clearly
            codes.add(hit.code)
            taken |= spots
            kept.append(hit)
        return kept

    def root(self, event: _Event | None) -> tuple[Quote | None, str | None]:
        """Return where an unknown cause was raised, or the first line that says that something failed."""
        lines = self._scene.log.lines
        if event is not None:
            raised = event.raised
            frame = raised.frames[-1] if raised.frames else None
            where = None
            if frame is not None:
                line = f", line {frame.line}" if frame.line else ""
                where = f"{frame.file}{line}{f', in {frame.function}' if frame.function else ''}"
            return Quote(line=lines[raised.first].number, text=_short(str(raised))), where
        mentioned = next((chain.raised[0] for chain in self.chains), None)
        if mentioned is not None:
            return Quote(line=lines[mentioned.first].number, text=_short(str(mentioned))), None
        wrapper = self.wrapper()
        place = wrapper.places[0][0] if wrapper is not None else self._first_error()
        if place is None:
            return None, None
        return Quote(line=lines[place].number, text=_short(lines[place].text)), None

    def _first_error(self) -> int | None:
        for place, line in enumerate(self._scene.log.lines):
            if (
                re.match(r"\s*(?:\S+: )?(?:fatal )?(?:error|ERROR|FATAL|fatal)\b", line.text)
                or "ERROR" in line.prefix
            ):
                return place
        return None


def _not_installed(event: _Event | None, lines: Sequence[Hit], finder: _Finder) -> Hit | None:
    """Return why an installer failed, where a module is missing after that."""
    if event is None or not event.hits or event.hits[0].code != "module-not-installed":
        return None
    for hit in lines:
        if (
            hit.code in _NOT_INSTALLED
            and hit.places[0][0] < event.raised.begin
            and not finder.is_warning(hit)
        ):
            return hit
    return None


def _asserted(event: _Event, lines: Sequence[Hit]) -> Hit | None:
    """Return the check of a kernel that failed before CUDA or a library of it said anything in general."""
    if event.hits[0].rank is SymptomRank.CAUSE:
        return None
    return next(
        (hit for hit in lines if hit.code == "cuda-device-assert" and hit.places[0][0] < event.raised.first),
        None,
    )


def _behind(event: _Event, lines: Sequence[Hit], finder: _Finder) -> Hit | None:
    """Return what was said before an exception that is not understood, where the two belong together."""
    raised = event.raised
    near = " ".join((raised.message, *(frame.file for frame in raised.frames[-3:])))
    for hit in lines:
        if hit.rank is SymptomRank.CAUSE and hit.places[0][0] < raised.first:
            words = {word for text in (*hit.values, hit.package or "") for word in _WORD.findall(text)}
            if any(
                word in raised.message or (raised.name in _AFTER_IMPORT and word in near) for word in words
            ):
                return hit
    if (known := finder.in_code(event)) is not None:
        return known
    # What a library printed right before an exception that only says that something failed.
    near_lines = range(max(0, raised.begin - _RIGHT_BEFORE), raised.begin)
    for hit in lines:
        if (
            hit.rank is not SymptomRank.WRAPPER
            and hit.places[-1][1] in near_lines
            and not finder.is_warning(hit)
            and (raised.name in _VAGUE or "'NoneType'" in raised.message)
        ):
            return hit
    return None


def _said_by_package(event: _Event) -> Hit | None:
    """Return what an installed package says of its environment when it stops by itself."""
    raised = event.raised
    owner = next(
        (package for frame in reversed(raised.frames) if (package := package_of_file(frame.file))), None
    )
    if owner is None or raised.name in _OWN_FAULTS or not _OF_ENVIRONMENT.search(raised.message):
        return None
    said = raised.message.rstrip(" .:")
    return Hit(
        code=PACKAGE_REFUSES.code,
        cause=f"{owner} stopped by itself and says: {_short(said)}.",
        remedies=(PACKAGE_REFUSES.remedy,),
        package=canonicalize_name(owner),
        environment=True,
        rank=SymptomRank.GENERAL,
        certain=False,
        weight=0,
        places=((raised.first, raised.last),),
        values=(),
    )


def _chain(event: _Event, passed: Sequence[Chain]) -> tuple[str, ...]:
    """Return exceptions from the one that was printed last to the root."""
    raised = event.chain.raised
    inside = raised[raised.index(event.raised) :]
    said = [*_told_last(passed), *(_short(str(each)) for each in reversed(inside))]
    return tuple(dict.fromkeys(said))


def _told_last(passed: Sequence[Chain]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_short(str(chain.raised[-1])) for chain in passed))[:3]


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 4]} ..."


def _quotes(scene: Scene, hit: Hit, about: Raised | None) -> Iterable[Quote]:
    spans = [place for place in hit.places if about is not None and about.first <= place[0] <= about.last]
    first, last = (spans or hit.places)[-1]
    for line in scene.log.lines[first : min(last + 1, first + _MOST_QUOTES)]:
        if line.text.strip():
            yield Quote(line=line.number, text=_short(line.text))


def _hypothesis(
    scene: Scene, hit: Hit, *, chain: tuple[str, ...], sure: bool, about: Raised | None = None
) -> Hypothesis:
    certain = sure and hit.certain
    remedies = [Remedy(text=text) for text in hit.remedies]
    if hit.commands and remedies:
        remedies[0] = Remedy(text=remedies[0].text, commands=hit.commands)
    return Hypothesis(
        code=hit.code,
        cause=hit.cause,
        confidence=Confidence.CERTAIN if certain else Confidence.LIKELY,
        rests_on=tuple(_quotes(scene, hit, about)),
        chain=chain,
        remedies=tuple(remedies),
        rules=hit.rules,
        package=hit.package,
        environment=hit.environment,
    )


def _with_chain(hypothesis: Hypothesis, chain: tuple[str, ...]) -> Hypothesis:
    from dataclasses import replace

    return replace(hypothesis, chain=chain)
