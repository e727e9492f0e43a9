"""Candidates of one name, best first, and why its other versions are out.

There may be a thousand, and few are ever looked at: candidates, their versions
and their distributions are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import overload

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Distribution, FileRow
from envfit.frozen import frozen
from envfit.selection.ordering import admitted, parse_version
from envfit.selection.positions import Positions

__all__ = [
    "Candidate",
    "Candidates",
    "Rejection",
    "Selection",
    "Status",
    "is_yanked",
    "public",
    "yank_reason",
]


@frozen
class Candidate:
    """One build of one version; ``distribution`` is None where a module provides it."""

    name: str
    version: Version
    distribution: Distribution | None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@frozen
class Rejection:
    """Why no file of a version can be used on the target."""

    version: Version
    reason: str  # a phrase that goes after "torch 2.0.1 "


@frozen
class Status:
    """What an index says of the state of a project, where it is not active (PEP 792)."""

    name: str
    status: str
    reason: str | None = None


class Candidates(Sequence[Candidate]):
    """The candidates of one name, best first."""

    def __init__(
        self,
        name: str,
        versions: Sequence[str],
        files: Sequence[FileRow | Distribution | None],
        *,
        ascending: Sequence[int] | None = None,
        prereleases: Positions | None = None,
        yanked: Positions | None = None,
    ) -> None:
        """Take versions and the file of each.

        ``ascending`` are the positions by version, lowest first: those given backwards where
        there is none.  ``prereleases`` and ``yanked`` are read from the files where not given.
        """
        self.name = name
        self.versions = versions
        self.files = files
        self._ascending = ascending
        self._made: dict[int, Candidate] = {}
        if prereleases is None:
            prereleases = Positions.of(
                place for place in range(len(versions)) if self.version(place).is_prerelease
            )
        if yanked is None:
            yanked = Positions.of(
                place for place, file in enumerate(files) if file is not None and file.yanked is not None
            )
        self.prereleases = prereleases
        self.yanked = yanked

    @classmethod
    def fixed(cls, name: str, versions: Iterable[Version]) -> Candidates:
        """Return candidates of given versions, best first, that have no file."""
        given = tuple(versions)
        return cls(
            name,
            tuple(map(str, given)),
            (None,) * len(given),
            ascending=sorted(range(len(given)), key=given.__getitem__),
        )

    @property
    def all(self) -> Positions:
        """Every position."""
        return Positions((1 << len(self.versions)) - 1)

    @cached_property
    def ascending(self) -> Sequence[int]:
        """The positions by version, lowest first."""
        return range(len(self.versions) - 1, -1, -1) if self._ascending is None else self._ascending

    @property
    def is_descending(self) -> bool:
        """Whether the best is the newest, and so on down."""
        return self._ascending is None

    def version(self, position: int) -> Version:
        """Return the version at a position."""
        return parse_version(self.versions[position])

    def __len__(self) -> int:
        return len(self.versions)

    @overload
    def __getitem__(self, position: int) -> Candidate: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Candidate]: ...
    def __getitem__(self, position: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        found = self._made.get(position)
        if found is None:
            version = self.version(position)
            file = self.files[position]
            if isinstance(file, tuple):  # a row, as a plain tuple where it comes from a cache
                file = FileRow(*file).distribution(self.name, version)
            found = self._made[position] = Candidate(name=self.name, version=version, distribution=file)
        return found

    def satisfying(self, specifier: SpecifierSet) -> Positions:
        """Return the positions of the versions that a specifier contains, pre-releases among them."""
        ascending, count = self.ascending, len(self.versions)
        places = admitted(specifier, lambda place: self.version(ascending[place]), count)
        if self._ascending is not None:
            return Positions.of(ascending[place] for place in Positions(places))
        if places == (1 << count) - 1:
            return Positions(places)
        # Backwards, a bit at a place becomes the one as far from the other end.
        return Positions(int(f"{places:0{count}b}"[::-1], 2)) if count else Positions.empty()

    def newer(self, version: Version) -> list[int]:
        """Return the positions of the final releases newer than a version, newest first.

        Their order among the candidates tells nothing here: what a lock holds stands first there.
        """
        ascending, bound = self.ascending, public(version)
        found: list[tuple[Version, int]] = []
        for place in range(len(ascending) - 1, -1, -1):
            position = ascending[place]
            release = public(self.version(position))
            if release <= bound:
                break
            if position not in self.prereleases:
                found.append((release, -position))
        return [-position for _, position in sorted(found, reverse=True)]

    def preferring(self, version: Version | None) -> Candidates:
        """Return the candidates with those of one version first: what a lock holds."""
        if version is None:
            return self
        first = [
            position
            for position in self.satisfying(SpecifierSet(f"=={version}"))
            if self.version(position) == version
        ]
        if first in ([], [0]):
            return self
        order = [*first, *(position for position in range(len(self)) if position not in first)]
        place_of = {position: place for place, position in enumerate(order)}
        return Candidates(
            self.name,
            [self.versions[position] for position in order],
            [self.files[position] for position in order],
            ascending=[place_of[position] for position in self.ascending],
            prereleases=Positions.of(place_of[position] for position in self.prereleases),
            yanked=Positions.of(place_of[position] for position in self.yanked),
        )


class Selection:
    """The candidates of one name, why its other versions are out, and what its index says of it."""

    __slots__ = ("_rejections", "candidates", "rejected", "statuses")

    def __init__(
        self,
        candidates: Candidates,
        *,
        rejected: Sequence[tuple[str, str]] = (),
        statuses: Sequence[Status] = (),
    ) -> None:
        """Take candidates, and the versions that have no usable file, newest first, with the reason."""
        self.candidates = candidates
        self.statuses = tuple(statuses)
        self.rejected = rejected
        self._rejections: tuple[Rejection, ...] | None = None

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """The versions that have no usable file, newest first."""
        if self._rejections is None:
            self._rejections = tuple(
                Rejection(version=parse_version(version), reason=reason) for version, reason in self.rejected
            )
        return self._rejections


def public(version: Version) -> Version:
    """Return a version without its local label."""
    return version if version.local is None else parse_version(version.public)


def yank_reason(distribution: Distribution | None) -> str:
    """Return why a file was withdrawn, on one line; empty where it was not or its index does not say."""
    return " ".join((distribution.yanked or "").split()) if distribution is not None else ""


def is_yanked(distribution: Distribution | None) -> bool:
    """Tell whether a file was withdrawn (PEP 592); such files serve exact pins only."""
    return distribution is not None and distribution.yanked is not None
