"""One file per build of every version, for a target: which one, and why none.

A version may exist in several builds: the one of the default index, and those
with a local label on an index of variants.  To the search each build is a
candidate of its own.  Their order: what a lock holds; the newest public version, or
the oldest where that is asked for; of one version the default index's build
before labelled ones, labelled ones by newest CUDA.  Prebuilt wheels of a release page, which
are of no index, stand after the wheels of indexes, in the order in which they are given, and
before source distributions; with them, a release and its post-releases count as one version,
since a post-release changes nothing of what is compiled (PEP 440).

An index lists a hundred thousand files in a session, and most are looked at once: what
is asked of a tag set or of a Requires-Python is remembered by its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from envfit.distribution import (
    Distribution,
    FileRow,
    ListedFile,
    Listing,
    PageFiles,
    Sdist,
    Wheel,
    parse_bound,
    parse_moment,
)
from envfit.selection.candidates import Candidates, Selection, Status, public
from envfit.selection.ordering import parse_version
from envfit.selection.preferences import Preferences, Strategy
from envfit.target import GLIBC, Target

__all__ = ["QUARANTINED", "Selector"]

#: A status by which an index says that a project is not safe to use (PEP 792).
QUARANTINED = "quarantined"

_NO_CUDA = Version("0")
_NO_RANK = 1 << 30  # of a tag set that does not run on the target
_NO_FILE = "has no file"
_POST = re.compile(r"\.post\d+")

_File = ListedFile | Distribution
_Listed = tuple[str, _File]  # after what follows the version of a wheel in its name
_Chosen = tuple[
    Version, int, FileRow | Distribution
]  # with the place of its listing, 1 for all after the first


class Selector:
    """Selection for one target and one set of preferences."""

    def __init__(
        self,
        target: Target,
        preferences: Preferences,
        *,
        label_cuda: Mapping[str, Version],
        named: Iterable[str] = (),
    ) -> None:
        """Take the target, and what the user said.

        ``label_cuda`` gives the CUDA version of a local label, where the label is one of an
        index of variants; ``named`` are the names that the user asks for.
        """
        self.target = target
        self.preferences = preferences
        self._label_cuda = label_cuda
        self._named = frozenset(named)
        self._tags: dict[Tag, int] | None = None
        self._ranks: dict[str, int] = {}
        self._refusals: dict[str, str] = {}
        self._pythons: dict[str | SpecifierSet, bool] = {}
        self._assumed_glibc = target.fact(GLIBC).assumed

    def is_oldest_first(self, name: str) -> bool:
        """Tell whether the oldest version of a name is the best one."""
        strategy = self.preferences.strategy
        return strategy is Strategy.LOWEST or (strategy is Strategy.LOWEST_DIRECT and name in self._named)

    def question(self, name: str) -> str | None:
        """Return, as text, all that a selection from the default index depends on besides its page.

        Two selectors of the same question select the same; what a lock holds is not part of
        it.  None where the answer is for one run only.
        """
        preferences = self.preferences
        if name in preferences.hashes:
            return None
        uploaded = preferences.newest_upload
        parts = (
            self.target.platform,
            self.target.python,
            self.target.fact(GLIBC),
            self.is_oldest_first(name),
            uploaded.isoformat() if uploaded is not None else None,
            preferences.build,
            preferences.admits_wheels(name),
            preferences.admits_sdists(name),
        )
        return "|".join(map(str, parts))

    def select(self, name: str, listings: Sequence[Listing]) -> Selection:
        """Choose one file per build of every version listed."""
        statuses = tuple(
            Status(name=listing.name, status=listing.status, reason=listing.status_reason)
            for listing in listings
            if listing.status is not None
        )
        quarantined = any(listing.status == QUARANTINED for listing in listings)
        rejected: dict[Version, str] = {}
        chosen: list[_Chosen] = []
        for place, listing in enumerate(listings):
            for version, files in _releases(listing).items():
                if quarantined:
                    rejected[version] = "is quarantined by its index"
                    continue
                best, reason = self._choose(name, files)
                if best is None:
                    rejected[version] = reason
                elif isinstance(best, Wheel | Sdist):
                    chosen.append((version, min(place, 1), best))
                else:
                    chosen.append((version, min(place, 1), listing.row(best)))
        return Selection(
            self._ordered(name, chosen),
            rejected=[
                (str(version), rejected[version])
                for version in sorted(rejected.keys() - {item[0] for item in chosen}, reverse=True)
            ],
            statuses=statuses,
        )

    def _ordered(self, name: str, chosen: list[_Chosen]) -> Candidates:
        oldest_first = self.is_oldest_first(name)
        if all(place == 0 and version.local is None for version, place, _ in chosen):
            chosen.sort(key=lambda item: item[0], reverse=not oldest_first)
        else:
            # Sorts are stable: the last one counts most.
            is_prebuilt = any(_is_of_no_index(file) for _, _, file in chosen)
            release_of = _without_post if is_prebuilt else public
            chosen.sort(
                key=self._prebuilt_preference if is_prebuilt else self._build_preference, reverse=True
            )
            chosen.sort(key=lambda item: release_of(item[0]), reverse=not oldest_first)
            # The same local version on two pages of a variant index is the same build.
            unique: dict[Version, _Chosen] = {}
            for item in chosen:
                unique.setdefault(item[0], item)
            chosen = list(unique.values())
        versions = [version for version, _, _ in chosen]
        ascending = sorted(range(len(versions)), key=lambda place: (versions[place], -place))
        return Candidates(
            name,
            list(map(str, versions)),
            [file for _, _, file in chosen],
            ascending=None if ascending == list(range(len(versions) - 1, -1, -1)) else ascending,
        )

    def _build_preference(self, item: _Chosen) -> tuple[object, ...]:
        """Return a key of one build among those of one version; the highest is best."""
        version, place, file = item
        return (-place, self._label_cuda.get(version.local or "", _NO_CUDA), _is_wheel(file), version)

    def _prebuilt_preference(self, item: _Chosen) -> tuple[object, ...]:
        """Return such a key where some builds are prebuilt wheels of a release page."""
        version, place, file = item
        if _is_of_no_index(file):
            return (
                True,
                False,
                public(version),
                0,
                _NO_CUDA,
                _NO_CUDA,
            )  # among builds of one release, the first that is given
        cuda = self._label_cuda.get(version.local or "", _NO_CUDA)
        return (_is_wheel(file), True, public(version), -place, cuda, version)

    def _choose(self, name: str, files: Sequence[_Listed]) -> tuple[_File | None, str]:
        """Return the best file of one build, or None and why none serves."""
        best: _File | None = None
        best_rank: tuple[object, ...] = ()
        anything_goes = self._anything_goes(name)
        pythons, ranks = self._pythons, self._ranks
        for rest, file in files:
            bound = file.requires_python
            if bound is not None:
                runs = pythons.get(bound)
                if not (self._runs_python(bound) if runs is None else runs):
                    continue
            tag = 0
            if rest:
                known = ranks.get(rest)
                tag = self._tag_rank(rest) if known is None else known
                if tag == _NO_RANK:
                    continue
            if not anything_goes and self._refusal_of_preferences(name, file, is_wheel=bool(rest)):
                continue
            rank = (file.yanked is None, bool(rest), -tag, _build_tag(rest), file.filename)
            if best is None or rank > best_rank:
                best, best_rank = file, rank
        if self._assumed_glibc and (best is None or not best_rank[1]) and self._are_sources_needless(files):
            files, best = [(rest, file) for rest, file in files if rest], None
        if best is not None:
            return best, ""
        # A yank or a date explains more than a foreign tag does, and there are always foreign tags.
        # By the words then, so that the order in which an index lists files does not count.
        reasons = {self._refusal(name, rest, file) for rest, file in files}
        return None, min(reasons, key=lambda reason: (reason.startswith(_NO_FILE), reason))

    def _anything_goes(self, name: str) -> bool:
        """Tell whether what the user said speaks against no file of a name, whatever the file is."""
        preferences = self.preferences
        return (
            preferences.newest_upload is None
            and preferences.build
            and name not in preferences.hashes
            and preferences.admits_wheels(name)
            and preferences.admits_sdists(name)
        )

    def _are_sources_needless(self, files: Sequence[_Listed]) -> bool:
        """Tell whether the wheels of a version lack nothing but a newer glibc.

        Where glibc is only assumed, to say that it is too old serves a user better than to build.
        """
        wheels = [rest for rest, _ in files if rest]
        if len(wheels) == len(files) or any(self._tag_rank(rest) != _NO_RANK for rest in wheels):
            return False
        return any(self._refusal_of_tags(rest).startswith("needs glibc") for rest in wheels)

    def _refusal(self, name: str, rest: str, file: _File) -> str:
        """Return why a file that cannot be used cannot."""
        bound = file.requires_python
        if bound is not None and not self._runs_python(bound):
            return f"requires Python {parse_bound(bound) if isinstance(bound, str) else bound}"
        if rest and self._tag_rank(rest) == _NO_RANK:
            return self._refusal_of_tags(rest)
        return self._refusal_of_preferences(name, file, is_wheel=bool(rest)) or ""

    def _refusal_of_preferences(self, name: str, file: _File, *, is_wheel: bool) -> str | None:
        """Return why what the user said speaks against a file, or None."""
        preferences = self.preferences
        is_direct = isinstance(file, Distribution) and file.reference is not None
        if is_wheel:
            if not is_direct and not preferences.admits_wheels(name):
                return "has no source distribution, and --no-binary is given"
        elif not preferences.build:
            return "has only a source distribution for this target, and --no-build is given"
        elif not preferences.admits_sdists(name):
            return "has only a source distribution for this target, and --only-binary is given"
        stated = preferences.hashes.get(name)
        # An index may state no hashes: those of the files that are chosen are compared once they are read.
        is_known = file.sha256 is not None or _is_of_no_index(file)
        if stated is not None and is_known and file.sha256 not in stated:
            return "has none of the hashes that are stated for it"
        if preferences.newest_upload is None or is_direct:
            return None
        uploaded = _uploaded(file)
        if uploaded is None:
            return "has no upload time on its index, and --exclude-newer is given"
        if uploaded >= preferences.newest_upload:
            return f"was not uploaded before {preferences.newest_upload:%Y-%m-%d %H:%M} UTC"
        return None

    def _runs_python(self, bound: str | SpecifierSet) -> bool:
        known = self._pythons.get(bound)
        if known is None:
            parsed = parse_bound(bound) if isinstance(bound, str) else bound
            known = parsed is None or parsed.contains(self.target.python, prereleases=True)
            self._pythons[bound] = known
        return known

    def _tag_rank(self, rest: str) -> int:
        """Return the rank of a wheel's best tag on the target, best lowest; _NO_RANK where none runs."""
        rank = self._ranks.get(rest)
        if rank is None:
            ranks = self._target_tags()
            rank = min((ranks[tag] for tag in _tags(rest) if tag in ranks), default=_NO_RANK)
            self._ranks[rest] = rank
        return rank

    def _refusal_of_tags(self, rest: str) -> str:
        """Return why none of a wheel's tags runs on the target."""
        reason = self._refusals.get(rest)
        if reason is None:
            newer = [glibc for tag in _tags(rest) if (glibc := self._newer_glibc(tag)) is not None]
            if newer:
                fact = self.target.fact(GLIBC)
                note = f"; {fact.value} is assumed, and --glibc states it" if fact.assumed else ""
                reason = f"needs glibc {min(newer)} or newer{note}"
            else:
                reason = f"{_NO_FILE} for CPython {self.target.python_minor} on {self.target.platform}"
            self._refusals[rest] = reason
        return reason

    def _newer_glibc(self, tag: Tag) -> Version | None:
        """Return the glibc of a tag that lacks nothing else on the target; None for any other tag."""
        match = re.fullmatch(r"manylinux_(\d+)_(\d+)_(\w+)", tag.platform)
        if match is None or Tag(tag.interpreter, tag.abi, f"linux_{match[3]}") not in self._target_tags():
            return None
        return Version(f"{match[1]}.{match[2]}")

    def _target_tags(self) -> dict[Tag, int]:
        if self._tags is None:
            self._tags = {tag: rank for rank, tag in enumerate(self.target.tags())}
        return self._tags


def _releases(listing: Listing) -> Mapping[Version, Sequence[_Listed]]:
    """Return the files of a listing by version."""
    files = listing.distributions
    if isinstance(files, PageFiles):
        return files.releases
    releases: dict[Version, list[_Listed]] = {}
    for item in files:
        rest = item.filename.split("-", 2)[2] if isinstance(item, Wheel) else ""
        releases.setdefault(item.version, []).append((rest, item))
    return releases


def _is_of_no_index(file: _File) -> bool:
    """Tell whether a file is a prebuilt wheel of a release page, or is at an address that the user names."""
    return isinstance(file, Wheel | Sdist) and not file.index


def _without_post(version: Version) -> Version:
    """Return the version that a post-release is one of, without its local label."""
    return parse_version(_POST.sub("", version.public)) if version.is_postrelease else public(version)


def _is_wheel(file: FileRow | Distribution) -> bool:
    return file.filename.endswith(".whl") and not isinstance(file, Sdist)


def _tags(rest: str) -> frozenset[Tag]:
    return parse_tag("-".join(rest.removesuffix(".whl").split("-")[-3:]))


def _build_tag(rest: str) -> tuple[object, ...]:
    if rest.count("-") < 3:
        return ()
    match = re.match(r"(\d+)(.*)", rest.partition("-")[0])
    return (int(match[1]), match[2]) if match is not None else ()


def _uploaded(file: _File) -> datetime | None:
    moment = file.upload_time
    return parse_moment(moment) if isinstance(moment, str) else moment
