"""Sentences of uv and Poetry that begin with "Because", read for what excludes what."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Telling

__all__ = ["listed", "tell_because"]

_MOST_NAMED = 4

_ENDS = re.compile(r"conclude|unsatisfiable|version solving failed|cannot be used|forbidden|incompatible")
_ABSENT = re.compile(
    r"[Bb]ecause (\S+) was not found in the (?:package registry|provided package locations|cache)"
)
_NO_WHEEL = re.compile(
    r"(\S+) has no (?:\S+ )?wheels with a matching "
    r"(Python version|Python implementation|Python ABI|platform|ABI)[^(,]*(?:\([^)]*?(`[^)`]+`)\))?"
)
_PYTHON = re.compile(
    r"the (?:current|requested) Python version \(([^)]+)\) does not satisfy Python([<>=!~][^\s]*[\w*])"
    r"(?:,? and (\S+) depends on Python)?"
)
_PYTHON_RANGE = re.compile(
    r"(?:requires|Python requirement|supported Python range)[^.]{0,80}Python.{0,120}(?:not compatible|"
    r"forbidden)"
)
_NO_VERSION = re.compile(
    r"(?:there (?:is|are) no versions? of|no versions of) "
    r"([\w.-]+(?:\[[\w,-]+\])?(?:\{[^}]*\})?\S*(?: \([^)]*\))?)"
)
_ONLY = re.compile(r"only (?:the following versions of )?(\S+) (?:is|are) available")
_YANKED = re.compile(r"(\S+) (?:was|were|is|are) yanked")
_HINT_ACCESS = re.compile(
    r"[Aa]n index URL \(([^)]+)\) (?:could not be queried|returned)[^.]*(?:401|403|authentication|"
    r"Unauthorized|Forbidden)"
)
_HINT_OFFLINE = re.compile(r"network was disabled")
_HINT_OTHER_INDEX = re.compile(r"[`']?([\w.-]+)[`']? was found on (\S+), but not at the requested version")
_HINT_PRE = re.compile(r"[Pp]re-releases are available for [`']?([\w.-]+)")
_HINT_PYTHON = re.compile(
    r"requires-python[`']? value \(([^)]+)\) includes Python versions that are not supported"
)
_LABEL = re.compile(r"\+(?:cu|cpu|rocm|xpu)")
_DEPENDS = re.compile(
    r"(?P<who>you|your project|the project|[A-Za-z][\w.\[\]-]*(?:\{[^}]*\})?[<>=!~\w.*+,]*(?: "
    r"\([^)]{1,40}\))?)"
    r" (?:depends? on|requires?) (?P<what>one of: .*?(?= [Aa]nd |, we |, (?:\w+ )?version solving|$)"
    r"|[A-Za-z][\w.\[\],-]*(?:\{[^}]*\})?[<>=!~^]*[\w.*+<>=!~,^]*(?: \([^)]{1,60}\))?)"
)


def listed(parts: Sequence[str]) -> str:
    """Return sentences in one, the first few of them."""
    return "; ".join(parts[:_MOST_NAMED]) + ("; ..." if len(parts) > _MOST_NAMED else "")


def tell_because(text: str) -> Telling | None:
    """Return what a statement in one line says; None where it is another tool's sentence."""
    if not _ENDS.search(text):
        return None
    return next((told for reader in _READERS if (told := reader(text)) is not None), None)


def _hint(text: str) -> Telling | None:
    """Read what uv itself found out besides."""
    if found := _HINT_ACCESS.search(text):
        return Telling(
            mechanism=m.INDEX_FORBIDDEN,
            cause=(
                f"The index {found[1]} refused access (no or wrong credentials), so that its packages were "
                "not found."
            ),
        )
    if _HINT_OFFLINE.search(text):
        return Telling(
            mechanism=m.INDEX_UNREACHABLE,
            cause="uv was told to use no network (--offline), and what was asked for is not in its cache.",
        )
    if found := _HINT_OTHER_INDEX.search(text):
        return Telling(
            mechanism=m.NO_SUCH_VERSION,
            cause=(
                f"{found[1]} is taken from the first index that has it, {found[2]}, which does not have "
                "the version that was asked for; another index may have it."
            ),
            remedies=(
                (
                    "Name the index for the package (tool.uv.sources), or use --index-strategy "
                    "unsafe-best-match."
                ),
            ),
        )
    if found := _HINT_PYTHON.search(text):
        return Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause=(
                f"The project allows Pythons ({found[1]}) that a package which it requires does not support."
            ),
            remedies=("Narrow requires-python of the project to what the package supports.",),
        )
    if found := _HINT_PRE.search(text):
        return Telling(
            mechanism=m.NO_SUCH_VERSION,
            cause=(
                f"Only pre-releases of {found[1]} would satisfy what was asked for, and they are not allowed."
            ),
            remedies=("Allow them: uv --prerelease=allow, or name the pre-release.",),
        )
    return None


def _absent(text: str) -> Telling | None:
    found = _ABSENT.search(text)
    if found is None:
        return None
    return Telling(
        mechanism=m.NO_SUCH_PACKAGE,
        cause=f"The index has no package named {found[1]}: the name is wrong, or it is on another index.",
        remedies=("Look at the spelling, or add the index that has it.",),
    )


def _no_wheel(text: str) -> Telling | None:
    found = _NO_WHEEL.search(text)
    if found is None:
        return None
    tag = f", {found[3]}" if found[3] else ""
    python = found[2] != "platform"
    return Telling(
        mechanism=m.NOT_FOR_PYTHON if python else m.NOT_FOR_PLATFORM,
        cause=(
            f"{found[1]} has no wheel for this {'Python' if python else 'platform'}{tag}, and no source "
            "that may be built in its place."
        ),
        remedies=(
            "Use an older or newer Python (uv --python), or another release."
            if python
            else "Use another release or another machine.",
        ),
        package=canonicalize_name(re.split(r"[<>=!~\[]", found[1])[0]),
    )


def _python(text: str) -> Telling | None:
    found = _PYTHON.search(text)
    if found is not None:
        who = f" by {found[3]}" if found[3] else ""
        return Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause=f"Python{found[2]} is required{who}, and the Python in use is {found[1]}.",
            remedies=("Use a Python in that range, or another release of the package.",),
        )
    if _PYTHON_RANGE.search(text):
        return Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause=(
                "The range of Pythons that the project allows reaches beyond those that a package supports."
            ),
            remedies=(
                "Narrow the project's requires-python (in Poetry: python) to what the package supports.",
            ),
        )
    return None


def _no_version(text: str) -> Telling | None:
    found = _NO_VERSION.search(text)
    if found is None:
        return None
    wanted = found[1].rstrip(",.")
    if _LABEL.search(wanted):
        return Telling(
            mechanism=m.LOCAL_VERSION,
            cause=(
                f"No index that is asked has {wanted}: builds with a label are only on the index of those "
                "who made them (for torch, the page of its label)."
            ),
            remedies=("Name that index for the package, or ask for the version without the label.",),
        )
    need = _dependencies(text)
    if len({each.rpartition(" ")[2] for each in need}) > 1 and "==" not in wanted:
        return None
    who = re.search(r"(\S+) depends on", text)
    required = f", and {who[1]} requires it" if who and who[1] != "project" else ""
    return Telling(
        mechanism=m.NO_SUCH_VERSION,
        cause=f"There is no {wanted} on the index that was asked{required}.",
        remedies=("Ask for a version that is there; an index may have only some releases.",),
    )


def _only(text: str) -> Telling | None:
    found = _ONLY.search(text)
    if found is None:
        return None
    need = _dependencies(text)
    return Telling(
        mechanism=m.NO_SUCH_VERSION if len(need) <= 1 else m.CONFLICT,
        cause=f"Only {found[1]} is available, and that does not satisfy: {listed(need)}."
        if need
        else f"Only {found[1]} is available, which does not satisfy what was asked for.",
    )


def _yanked(text: str) -> Telling | None:
    found = _YANKED.search(text)
    if found is None:
        return None
    return Telling(
        mechanism=m.NO_SUCH_VERSION,
        cause=(
            f"{found[1]} was withdrawn (yanked) by those who made it, so that it is only taken when it is "
            "asked for exactly."
        ),
    )


def _conflict(text: str) -> Telling | None:
    need = _dependencies(text)
    if not need:
        return None
    return Telling(
        mechanism=m.CONFLICT,
        cause=f"What was asked for excludes itself: {listed(need)}.",
        certain="Python" not in text,
        remedies=(
            "Loosen one of the requirements that are named, or take other releases of what makes them.",
        ),
    )


_READERS: tuple[Callable[[str], Telling | None], ...] = (
    _hint,
    _absent,
    _no_wheel,
    _python,
    _no_version,
    _only,
    _yanked,
    _conflict,
)


def _dependencies(text: str) -> list[str]:
    found = []
    for match in _DEPENDS.finditer(text):
        who = match["who"]
        verb = "require" if who == "you" else "requires"
        sentence = f"{who} {verb} {match['what'].rstrip(',. ')}"
        if sentence not in found:
            found.append(sentence)
    return found
