"""Signs: texts by which a mechanism is known in any program's log, and what is told of a text found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from envfit.diagnosis.mechanisms import Mechanism
from envfit.diagnosis.scene import Scene, package_of_file
from envfit.frozen import frozen
from envfit.knowledge.log_text import LogText
from envfit.knowledge.symptom import SymptomRank
from envfit.knowledge.symptom_match import SymptomMatch
from envfit.knowledge.symptom_pattern import read_pattern
from envfit.knowledge.symptom_text import filled

__all__ = ["Hit", "Sign", "Telling", "find_signs", "hit_of_symptom", "sign_of"]

#: Escaped signs and classes of signs.
_PLAIN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_NAMED = re.compile(r"\(\?P<\w+>")
_MOST_OF_ONE = 40  # different things that one sign may say of one log


@frozen
class Telling:
    """What is said of a text: the sentences of one case."""

    mechanism: Mechanism
    cause: str
    remedies: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    package: str | None = None
    rank: SymptomRank = SymptomRank.CAUSE
    certain: bool = True


@frozen
class Sign:
    """Patterns, as symptoms have them, and how to tell what they say."""

    patterns: tuple[str, ...]
    telling: Telling | None = None  # with {name} of groups; where one sentence serves
    tell: Callable[[Mapping[str, str], Scene], Telling | None] | None = None  # None: it says nothing
    also: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()  # in the lines that matched
    overrides: bool = False  # it knows better than a symptom in the same lines


def sign_of(
    mechanism: Mechanism,
    *patterns: str,
    cause: str = "",
    remedies: tuple[str, ...] = (),
    rank: SymptomRank = SymptomRank.CAUSE,
    certain: bool = True,
    unless: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    overrides: bool = False,
) -> Sign:
    """Return a sign that says one thing: without other words, what holds of the mechanism anywhere."""
    return Sign(
        patterns=patterns,
        telling=Telling(
            mechanism=mechanism,
            cause=cause or mechanism.cause,
            remedies=remedies,
            rank=rank,
            certain=certain,
        ),
        also=also,
        unless=unless,
        overrides=overrides,
    )


@frozen
class Hit:
    """A mechanism or a symptom found in a log."""

    code: str
    cause: str
    remedies: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...] = ()
    rules: tuple[str, ...] = ()
    package: str | None = None
    environment: bool
    rank: SymptomRank
    certain: bool
    weight: int  # 0: a sign, 1: a symptom, 2: a sign that knows better
    places: tuple[tuple[int, int], ...]  # in ``LogText.lines``
    values: tuple[str, ...]  # what was captured


#: In a symptom's cause: words for a package that only the traceback names.
_UNNAMED = re.compile(r"\b(?:[Aa] package (?:imports|uses|reads|asks)|in the traceback|older code)\b")


def hit_of_symptom(match: SymptomMatch, scene: Scene) -> Hit:
    """Return a symptom that was found, as a hit; with the package that the traceback names, if it matters."""
    symptom = match.symptom
    caller = scene.at(match.places[0][0]).caller(symptom.package) if match.places else None
    named = f" Here that is {caller}." if caller and _UNNAMED.search(match.cause) else ""
    line = scene.log.lines[match.places[0][0]].text if match.places else ""
    owner = package_of_file(line.partition(": undefined symbol")[0].split(" ")[-1])
    if owner and ".so" in match.cause and owner.replace("_", "-") not in match.cause.replace("_", "-"):
        named = f" The file is of {owner}."
    return Hit(
        code=symptom.id,
        cause=f"{match.cause}{named}",
        remedies=match.remedy,
        rules=symptom.rules,
        package=symptom.package,
        environment=symptom.environment,
        rank=symptom.rank,
        certain=symptom.rank is SymptomRank.CAUSE,
        weight=1,
        places=match.places,
        values=tuple(value for value in match.values.values() if value),
    )


def find_signs(scene: Scene, signs: Sequence[Sign]) -> Iterator[Hit]:
    """Yield what is found, each thing once with all its places."""
    for sign in signs:
        yield from _hits(scene, sign)


def _hits(scene: Scene, sign: Sign) -> Iterator[Hit]:
    found = _places(scene.log, sign)
    if not found or not all(scene.log.has(read_pattern(pattern)) for pattern in sign.also):
        return
    told: dict[Telling, tuple[list[tuple[int, int]], dict[str, str]]] = {}
    for values, place in found:
        here = scene.at(place[0])
        telling = sign.tell(values, here) if sign.tell is not None else _filled(sign.telling, values)
        if telling is not None and (telling in told or len(told) < _MOST_OF_ONE):
            told.setdefault(telling, ([], values))[0].append(place)
    for telling, (places, values) in told.items():
        yield Hit(
            code=telling.mechanism.code,
            cause=telling.cause,
            remedies=telling.remedies or (telling.mechanism.remedy,),
            commands=telling.commands,
            package=telling.package,
            environment=telling.mechanism.environment,
            rank=telling.rank,
            certain=telling.certain and telling.rank is SymptomRank.CAUSE,
            weight=2 if sign.overrides else 0,
            places=tuple(dict.fromkeys(places)),
            values=tuple(value for value in values.values() if value),
        )


def _places(log: LogText, sign: Sign) -> list[tuple[dict[str, str], tuple[int, int]]]:
    found = []
    for pattern in (each for written in sign.patterns for each in alternatives(written)):
        for match in log.find(read_pattern(pattern)):
            if not any(read_pattern(text).expression.search(log.whole_lines(match)) for text in sign.unless):
                values = {name: " ".join(text.split()) for name, text in match.groupdict().items() if text}
                found.append((values, log.span(match)))
    return found


@cache
def alternatives(pattern: str) -> tuple[str, ...]:
    """Return patterns that together match what one does, each with a word to look for where it can be.

    A pattern without such a word is split where it first chooses, outside of other groups.
    """
    if read_pattern(pattern).words:
        return (pattern,)
    plain = _PLAIN.sub(lambda match: "x" * len(match[0]), pattern)  # no sign in it is to be taken literally
    depth, opened = 0, -1
    bars: list[int] = []
    for place, sign in enumerate(plain):
        if sign == "(":
            if not depth:
                opened, bars = place, []
            depth += 1
        elif sign == "|" and depth == 1:
            bars.append(place)
        elif sign == ")":
            depth -= 1
            if not depth and bars and plain[place + 1 : place + 2] not in ("?", "*", "+", "{"):
                return _split(pattern, opened, (*bars, place))
    return (pattern,)


def _split(pattern: str, opened: int, ends: Sequence[int]) -> tuple[str, ...]:
    named = _NAMED.match(pattern, opened)
    begin = named.end() if named else opened + len("(?:")
    head, tail = pattern[:opened], pattern[ends[-1] + 1 :]
    parts = []
    for end in ends:
        inside = pattern[begin:end]
        parts.append(f"{head}{named[0]}{inside}){tail}" if named else f"{head}{inside}{tail}")
        begin = end + 1
    return tuple(each for part in parts for each in (alternatives(part) if not named else (part,)))


def _filled(telling: Telling | None, values: Mapping[str, str]) -> Telling | None:
    if telling is None:
        return None
    return Telling(
        mechanism=telling.mechanism,
        cause=filled(telling.cause, values),
        remedies=tuple(filled(remedy, values) for remedy in telling.remedies),
        commands=tuple(tuple(filled(word, values) for word in command) for command in telling.commands),
        package=filled(telling.package, values) if telling.package else None,
        rank=telling.rank,
        certain=telling.certain,
    )
