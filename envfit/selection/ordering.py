"""Which of many versions a specifier admits, without asking it of each.

In the order of versions (PEP 440) what one clause of a specifier admits is one
run, or all but one run.  So its ends are searched by halves, and of hundreds of
versions a dozen are parsed and compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

__all__ = ["admitted", "parse_version"]

#: The version at a place in ascending order.
VersionAt = Callable[[int], Version]


@lru_cache(maxsize=1 << 16)
def parse_version(text: str) -> Version:
    """Parse a version; the same text gives the same object.  Raises InvalidVersion."""
    return Version(text)


def admitted(specifier: SpecifierSet, version_at: VersionAt, count: int) -> int:
    """Return the places in ascending order that a specifier contains, pre-releases among them, as bits."""
    everything = (1 << count) - 1
    found = everything
    for clause in specifier:
        if not found:
            break
        found &= _of_clause(clause, version_at, count, everything)
    return found


def _of_clause(clause: Specifier, version_at: VersionAt, count: int, everything: int) -> int:
    def admits(place: int) -> bool:
        return clause.contains(version_at(place), prereleases=True)

    operator, text = clause.operator, clause.version
    if operator in ("<", ">") and _is_no_release(text):
        pass  # what it admits around its own release is in pieces
    elif operator in (">=", ">"):
        return everything & -1 << _first(admits, 0, count)
    elif operator in ("<=", "<"):
        return (1 << _first(lambda place: not admits(place), 0, count)) - 1
    elif operator == "!=":
        return everything & ~_of_clause(Specifier(f"=={text}"), version_at, count, everything)
    elif operator in ("==", "~="):
        lowest = _lowest(text) if operator == "==" else Version(text)
        if lowest is not None:
            begin = _first(lambda place: version_at(place) >= lowest, 0, count)
            end = _first(lambda place: not admits(place), begin, count)
            return (1 << end) - (1 << begin)
    return sum(1 << place for place in range(count) if admits(place))


def _is_no_release(text: str) -> bool:
    version = parse_version(text)
    return version.is_prerelease or version.is_postrelease


def _lowest(text: str) -> Version | None:
    """Return a version that none that ``==text`` admits is below; None where the text is no version."""
    try:
        return Version(f"{text[:-2]}.dev0") if text.endswith(".*") else Version(text)
    except InvalidVersion:
        return None


def _first(holds: Callable[[int], bool], begin: int, end: int) -> int:
    """Return the first place from ``begin`` where something holds that holds ever after; else ``end``."""
    return bisect_left(range(end), 1, begin, end, key=holds)
