"""From the files that indexes list to candidates on a target, best first.

A version may exist in several builds: the one of the default index, and those
with a local label on an index of variants.  To the engine each build is a
candidate of its own.  Their order: what a lock holds; the newest public version, or
the oldest where that is asked for; of one version the default index's build
before labelled ones, labelled ones by newest CUDA; a wheel before a source
distribution.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from packaging.tags import Tag
from packaging.version import Version

from envfit.distribution import Distribution, Listing, Sdist, Wheel
from envfit.target import GLIBC, Target

__all__ = [
    "ALL",
    "QUARANTINED",
    "Candidate",
    "Preferences",
    "Rejection",
    "Selection",
    "Strategy",
    "is_yanked",
    "select",
    "yank_reason",
]

#: Stands for every name in ``--no-binary`` and ``--only-binary``, as in pip.
ALL = ":all:"
#: A status by which an index says that a project is not safe to use (PEP 792).
QUARANTINED = "quarantined"

_NO_CUDA = Version("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One build of one version; ``distribution`` is None where a module provides it."""

    name: str
    version: Version
    distribution: Distribution | None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why no file of a version can be used on the target."""

    version: Version
    reason: str  # a phrase that goes after "torch 2.0.1 "


class Strategy(enum.Enum):
    """Which of the versions that fit is best."""

    HIGHEST = "highest"
    LOWEST = "lowest"
    LOWEST_DIRECT = "lowest-direct"  # the oldest of what the user names, the newest of the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the user said about which files may be used, and which are best."""

    prereleases: bool = False
    newest_upload: datetime | None = None  # nothing uploaded at or after this moment
    build: bool = True  # whether source distributions may be used at all
    no_binary: frozenset[str] = frozenset()  # names of which no wheel may be used, or ":all:"
    only_binary: frozenset[str] = frozenset()  # names of which only wheels may be used, or ":all:"
    hashes: Mapping[str, frozenset[str]] = field(
        default_factory=dict
    )  # sha256, one of which a file must have
    pinned: Mapping[str, Version] = field(default_factory=dict)  # versions of an existing lock, kept
    strategy: Strategy = Strategy.HIGHEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The candidates of one name, best first, and why the other versions are out."""

    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]


def select(
    name: str,
    listings: Iterable[Listing],
    target: Target,
    *,
    tags: Mapping[Tag, int],
    preferences: Preferences,
    label_cuda: Mapping[str, Version],
    oldest_first: bool = False,
) -> Selection:
    """Choose one file per build of every version listed.

    ``tags`` ranks the target's tags, best lowest; ``label_cuda`` gives the CUDA
    version of a local label, where the label is one of an index of variants.
    """
    listings = tuple(listings)
    files: dict[tuple[Version, int], list[Distribution]] = defaultdict(list)
    for position, listing in enumerate(listings):
        for distribution in listing.distributions:
            files[distribution.version, min(position, 1)].append(distribution)
    candidates: list[tuple[int, Candidate]] = []
    quarantined = any(listing.status == QUARANTINED for listing in listings)
    rejections: dict[Version, Rejection] = {}
    for (version, position), group in files.items():
        if quarantined:
            rejections[version] = Rejection(version=version, reason="is quarantined by its index")
            continue
        chosen, reason = _choose(group, target, tags, preferences)
        if chosen is None:
            rejections[version] = Rejection(version=version, reason=reason)
            continue
        candidate = Candidate(name=name, version=version, distribution=chosen)
        candidates.append((position, candidate))
    # Sorts are stable: the last one counts most.
    candidates.sort(key=lambda pair: _build_preference(pair[0], pair[1], label_cuda), reverse=True)
    candidates.sort(key=lambda pair: Version(pair[1].version.public), reverse=not oldest_first)
    candidates.sort(key=lambda pair: preferences.pinned.get(name) == pair[1].version, reverse=True)
    unique: dict[Version, Candidate] = {}
    for _, candidate in candidates:
        # The same local version on two pages of a variant index is the same build.
        unique.setdefault(candidate.version, candidate)
    return Selection(
        candidates=tuple(unique.values()),
        rejections=tuple(
            rejections[version] for version in sorted(rejections, reverse=True) if version not in unique
        ),
    )


def _build_preference(
    position: int, candidate: Candidate, label_cuda: Mapping[str, Version]
) -> tuple[object, ...]:
    """Return a key of one build among those of one version; the highest is best."""
    return (
        -position,
        label_cuda.get(candidate.version.local or "", _NO_CUDA),
        isinstance(candidate.distribution, Wheel),
        candidate.version,
    )


def _choose(
    group: list[Distribution],
    target: Target,
    tags: Mapping[Tag, int],
    preferences: Preferences,
) -> tuple[Distribution | None, str]:
    """Return the best file of one build, or None and why none serves."""
    if target.fact(GLIBC).assumed:
        group = _without_needless_sources(group, tags)
    reasons: set[str] = set()
    best: tuple[tuple[object, ...], Distribution] | None = None
    for distribution in group:
        reason = _refusal(distribution, target, tags, preferences)
        if reason is not None:
            reasons.add(reason)
            continue
        rank: tuple[object, ...]
        if isinstance(distribution, Wheel):
            tag = min(tags[tag] for tag in distribution.tags if tag in tags)
            rank = (not is_yanked(distribution), 1, -tag, distribution.build_tag, distribution.filename)
        else:
            rank = (not is_yanked(distribution), 0, 0, (), distribution.filename)
        if best is None or rank > best[0]:
            best = (rank, distribution)
    if best is not None:
        return best[1], ""
    # A yank or a date explains more than a foreign tag does, and there are always foreign tags.
    # By the words then, so that the order in which an index lists files does not count.
    return None, min(reasons, key=lambda reason: (_specificity(reason), reason))


def _without_needless_sources(group: list[Distribution], tags: Mapping[Tag, int]) -> list[Distribution]:
    """Leave out source distributions of a version whose wheels lack nothing but a newer glibc.

    Where glibc is only assumed, to say that it is too old serves a user better than to build.
    """
    wheels = [item for item in group if isinstance(item, Wheel)]
    if any(tag in tags for wheel in wheels for tag in wheel.tags):
        return group
    if not any(_newer_glibc(tag, tags) is not None for wheel in wheels for tag in wheel.tags):
        return group
    return list(wheels)


def _specificity(reason: str) -> int:
    return 1 if reason.startswith("has no file") else 0


def _refusal(
    distribution: Distribution, target: Target, tags: Mapping[Tag, int], preferences: Preferences
) -> str | None:
    """Return why a file cannot be used, or None where it can."""
    if distribution.requires_python is not None and not distribution.requires_python.contains(
        target.python, prereleases=True
    ):
        return f"requires Python {distribution.requires_python}"
    if isinstance(distribution, Wheel):
        reason = _refusal_of_wheel(distribution, target, tags, preferences)
    else:
        reason = _refusal_of_sdist(distribution, preferences)
    if reason is not None:
        return reason
    stated = preferences.hashes.get(distribution.name)
    # An index may state no hashes: those of the files that are chosen are compared once they are read.
    known = distribution.sha256 is not None or distribution.reference is not None
    if stated is not None and known and distribution.sha256 not in stated:
        return "has none of the hashes that are stated for it"
    if preferences.newest_upload is None or distribution.reference is not None:
        return None
    if distribution.upload_time is None:
        return "has no upload time on its index, and --exclude-newer is given"
    if distribution.upload_time >= preferences.newest_upload:
        return f"was not uploaded before {preferences.newest_upload:%Y-%m-%d %H:%M} UTC"
    return None


def _refusal_of_wheel(
    wheel: Wheel, target: Target, tags: Mapping[Tag, int], preferences: Preferences
) -> str | None:
    if not any(tag in tags for tag in wheel.tags):
        newer = [glibc for tag in wheel.tags if (glibc := _newer_glibc(tag, tags)) is not None]
        if newer:
            fact = target.fact(GLIBC)
            note = f"; {fact.value} is assumed, and --glibc states it" if fact.assumed else ""
            return f"needs glibc {min(newer)} or newer{note}"
        return f"has no file for CPython {target.python_minor} on {target.platform}"
    if wheel.reference is None and _is_named(wheel.name, preferences.no_binary, preferences.only_binary):
        return "has no source distribution, and --no-binary is given"
    return None


def _refusal_of_sdist(sdist: Sdist, preferences: Preferences) -> str | None:
    if not preferences.build:
        return "has only a source distribution for this target, and --no-build is given"
    if _is_named(sdist.name, preferences.only_binary, preferences.no_binary):
        return "has only a source distribution for this target, and --only-binary is given"
    return None


def _is_named(name: str, names: frozenset[str], opposite: frozenset[str]) -> bool:
    """Tell whether a name is meant; one that the opposite names is no part of "all", as in pip."""
    return name in names or (ALL in names and name not in opposite)


def _newer_glibc(tag: Tag, tags: Mapping[Tag, int]) -> Version | None:
    """Return the glibc of a tag that lacks nothing else on the target; None for any other tag."""
    match = re.fullmatch(r"manylinux_(\d+)_(\d+)_(\w+)", tag.platform)
    if match is None or Tag(tag.interpreter, tag.abi, f"linux_{match[3]}") not in tags:
        return None
    return Version(f"{match[1]}.{match[2]}")


def yank_reason(distribution: Distribution | None) -> str:
    """Return why a file was withdrawn, on one line; empty where it was not or its index does not say."""
    return " ".join((distribution.yanked or "").split()) if distribution is not None else ""


def is_yanked(distribution: Distribution | None) -> bool:
    """Tell whether a file was withdrawn (PEP 592); such files serve exact pins only."""
    return distribution is not None and distribution.yanked is not None
