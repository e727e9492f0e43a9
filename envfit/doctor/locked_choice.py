"""What of a locked file is installed on a target: which packages, and which file of each.

This is the choice that an installer makes: markers are those of the target, edges are
followed from the project where the file is a graph, the wheel with the best tag is taken,
and a source distribution where no wheel fits.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.errors import InputError
from envfit.frozen import frozen
from envfit.knowledge.query import Query
from envfit.lock.fit import Fit
from envfit.lock.reading import LockedPackage
from envfit.lock.refusal import Cause, Refusal
from envfit.project.locked import LockedEntry, LockedFile, LockedNeed
from envfit.reference import ReferenceKind
from envfit.resolve.reason import Reason
from envfit.target import Target

__all__ = ["Chosen", "Missing", "choose"]


@frozen
class Missing:
    """A package that another needs, and that the file does not have for the target, or not as needed."""

    needed_by: str
    name: str
    bounds: str = ""  # the versions that are needed, where not any
    found: str = ""  # the version that is locked instead


@frozen
class Chosen:
    """What is installed of a file on a target, in the order of the file."""

    packages: tuple[LockedPackage, ...]
    refusals: tuple[Refusal, ...] = ()  # no file of a package fits
    unnamed: tuple[str, ...] = ()  # packages whose files the file does not name
    built: tuple[Refusal, ...] = ()  # why no wheel of a package fits that is built from its source instead
    trees: tuple[LockedPackage, ...] = ()  # source trees: repositories and directories
    missing: tuple[Missing, ...] = ()


def choose(
    file: LockedFile,
    query: Query,
    fit: Fit,
    *,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Chosen:
    """Return what is installed; raises InputError on an extra or group that the file does not have."""
    _require("extra", extras, file.extras, file)
    _require("group", groups, {*file.groups, *file.default_groups}, file)
    wanted = frozenset(groups) | file.default_groups
    chooser = _Chooser(file, query, fit, _Environment(query.target, file, frozenset(extras), wanted))
    entries = chooser.reached(extras, wanted) if file.roots is not None else chooser.flat()
    return chooser.chosen(entries)


def _require(what: str, names: Iterable[str], known: Iterable[str], file: LockedFile) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, [*known])
            there = ", ".join(sorted(known))
            hint = f"did you mean {near[0]}?" if near else f"there is {there}" if there else ""
            raise InputError(f"{file.path} has no {what} {name}", hints=[hint] if hint else [])


class _Environment:
    """The values of marker variables on a target, with the extras and groups that were asked for."""

    def __init__(
        self, target: Target, file: LockedFile, extras: frozenset[str], groups: frozenset[str]
    ) -> None:
        self._values: dict[str, str | AbstractSet[str]] = {
            **target.marker_environment(),
            "extra": "",
            "extras": extras | _encoded(file.project, extras, groups),
            "dependency_groups": groups,
        }
        self.groups = groups

    def holds(self, marker: Marker | None) -> bool:
        """Tell whether a marker holds; one about a variable that nobody knows does not."""
        if marker is None:
            return True
        try:
            return marker.evaluate(self._values, context="lock_file")
        except (UndefinedEnvironmentName, UndefinedComparison):
            return False


def _encoded(project: str | None, extras: Iterable[str], groups: Iterable[str]) -> frozenset[str]:
    """Return how uv writes extras and groups of a project into markers."""
    if project is None:
        return frozenset()
    owner = f"{len(project)}-{project}"
    return frozenset(
        [
            *(f"extra-{owner}-{name}" for name in extras),
            *(f"group-{owner}-{name}" for name in groups),
            f"project-{owner}",
        ]
    )


class _Chooser:
    def __init__(self, file: LockedFile, query: Query, fit: Fit, environment: _Environment) -> None:
        self._file = file
        self._query = query
        self._fit = fit
        self._environment = environment
        self._missing: dict[Missing, None] = {}
        self._by_name: dict[str, list[LockedEntry]] = {}
        for entry in file.entries:
            self._by_name.setdefault(entry.name, []).append(entry)

    # -- which packages --

    def flat(self) -> list[LockedEntry]:
        """Return the entries whose markers and groups admit them."""
        taken = [
            entry
            for entry in self._file.entries
            if self._environment.holds(entry.marker)
            and (not entry.groups or entry.groups & self._environment.groups)
        ]
        self._check_needs(taken)
        return taken

    def _check_needs(self, taken: Sequence[LockedEntry]) -> None:
        """Note what the packages taken need and is not among them, as far as what they need is known."""
        by_name = {entry.name: entry for entry in taken}
        pending = deque((entry, extra) for entry in taken for extra in ("", *sorted(entry.extras)))
        done = set[tuple[str, str]]()
        while pending:
            entry, extra = pending.popleft()
            if (entry.name, extra) in done:
                continue
            done.add((entry.name, extra))
            for need in entry.needs_of_extras.get(extra, ()) if extra else entry.needs:
                if not self._environment.holds(need.marker):
                    continue
                other = by_name.get(need.name)
                version = other.version if other is not None else None
                if other is not None:
                    pending.extend((other, each) for each in sorted(need.extras))
                if other is not None and (
                    version is None or need.specifier.contains(version, prereleases=True)
                ):
                    continue
                self._missing[
                    Missing(
                        needed_by=str(entry),
                        name=need.name,
                        bounds=str(need.specifier),
                        found=str(version) if version is not None else "",
                    )
                ] = None

    def reached(self, extras: Sequence[str], groups: Iterable[str]) -> list[LockedEntry]:
        """Return the entries that the roots lead to on the target."""
        pending: deque[tuple[str, LockedNeed]] = deque(
            (self._file.path, need)
            for needs in (
                self._file.roots or (),
                *(self._file.extras[extra] for extra in extras),
                *(self._file.groups[group] for group in sorted(groups) if group in self._file.groups),
            )
            for need in needs
        )
        reached: dict[int, LockedEntry] = {}
        done: set[tuple[int, str]] = set()
        while pending:
            needed_by, need = pending.popleft()
            if not self._environment.holds(need.marker):
                continue
            entry = self._entry_for(need)
            if entry is None:
                self._missing[Missing(needed_by=needed_by, name=need.name)] = None
                continue
            reached[id(entry)] = entry
            for extra in ("", *sorted(need.extras)):
                if (id(entry), extra) not in done:
                    done.add((id(entry), extra))
                    following = entry.needs_of_extras.get(extra, ()) if extra else entry.needs
                    pending.extend((str(entry), other) for other in following)
        return [entry for entry in self._file.entries if id(entry) in reached]

    def _entry_for(self, need: LockedNeed) -> LockedEntry | None:
        entries = [
            entry
            for entry in self._by_name.get(need.name, ())
            if (need.version is None or entry.version == need.version)
            and (not need.source or entry.source == need.source)
        ]
        if len(entries) > 1:
            forked = [e for e in entries if not e.forks or any(map(self._environment.holds, e.forks))]
            entries = forked or entries
        return entries[0] if entries else None

    # -- which file of each --

    def chosen(self, entries: Sequence[LockedEntry]) -> Chosen:
        """Return the packages with one file for each, and what has none."""
        packages: list[LockedPackage] = []
        trees: list[LockedPackage] = []
        refusals: list[Refusal] = []
        unnamed: list[str] = []
        built: list[Refusal] = []
        for entry in entries:
            file = self._file_of(entry)
            if file is None:
                refusals.append(self._refusal(entry))
                if entry.version is None:
                    continue
                file = self._stand_in(entry)
            elif isinstance(file, Sdist) and any(isinstance(one, Wheel) for one in entry.files):
                built.append(self._refusal(entry))
            elif not entry.files and file.sha256 is None:
                unnamed.append(str(entry))
            package = LockedPackage(
                name=entry.name,
                # The address of a wheel tells its version.
                version=file.version if isinstance(file, Wheel) else entry.version,
                distribution=file,
                dependencies=tuple(need.name for need in entry.needs),
                build=False,
            )
            is_tree = entry.reference is not None and entry.reference.kind is not ReferenceKind.ARCHIVE
            (trees if is_tree else packages).append(package)
        return Chosen(
            packages=tuple(packages),
            refusals=tuple(refusals),
            unnamed=tuple(unnamed),
            built=tuple(built),
            trees=tuple(trees),
            missing=tuple(self._missing),
        )

    def _file_of(self, entry: LockedEntry) -> Distribution | None:
        """Return the file that is installed; None where none fits."""
        if not entry.is_listed:
            return None
        if not entry.files:
            named = self._fit.best(self._known_by_hash(entry))
            return named if named is not None else self._stand_in(entry)
        if not self._fit.admits(entry.requires_python):
            return None
        wheels = [file for file in entry.files if isinstance(file, Wheel)]
        best = self._fit.best(wheels)
        if best is not None:
            return best
        return next((file for file in entry.files if isinstance(file, Sdist)), None)

    def _known_by_hash(self, entry: LockedEntry) -> Iterator[Wheel]:
        """Yield the wheels that hashes are of, as far as their GPU code was read."""
        from envfit.project.locked_files import locked_distribution

        known = self._query.knowledge.device_code
        for sha256 in sorted(entry.hashes):
            if sha256 in known:
                wheel = locked_distribution(
                    known[sha256].filename,
                    path=self._file.path,
                    name=entry.name,
                    version=entry.version,
                    sha256=sha256,
                )
                if isinstance(wheel, Wheel):
                    yield wheel

    def _stand_in(self, entry: LockedEntry) -> Distribution:
        """Return what stands for a file that is not named: only name and version count of it."""
        name, version = entry.name, entry.version
        assert version is not None  # noqa: S101 - only a source tree has none, and it names its place
        source = Sdist(name=name, version=version, filename=f"{name}-{version}.tar.gz", url="", index="")
        is_prebuilt = self._query.prebuilt(name, version) is not None
        if self._query.source_build(name, source) is not None and not is_prebuilt:
            return source
        return Wheel(name=name, version=version, filename=f"{name}-{version}.whl", url="", index="")

    def _refusal(self, entry: LockedEntry) -> Refusal:
        """Say why no file of an entry fits: what lacks least."""
        if not entry.is_listed:
            of_hash = " with a hash that is stated" if entry.hashes else ""
            return _refusal(entry, Cause.TAGS, f"No index in use has a file of it{of_hash}.")
        if not self._fit.admits(entry.requires_python):
            sentence = f"It requires Python {entry.requires_python}, and the target has {self._python}."
            return _refusal(entry, Cause.PYTHON, sentence)
        wheels = [file for file in entry.files if isinstance(file, Wheel)] or entry.files
        misfits = [found for file in wheels if (found := self._fit.misfit(file)) is not None]
        for cause in (Cause.GLIBC, Cause.PYTHON):
            sentences = sorted(sentence for found, sentence in misfits if found is cause)
            if sentences:
                return _refusal(entry, cause, sentences[0])
        count = f"None of its {len(wheels)} wheels" if len(wheels) > 1 else wheels[0].filename
        made = "is made" if len(wheels) > 1 else "is not made"
        platform = self._query.target.platform
        return _refusal(entry, Cause.TAGS, f"{count} {made} for CPython {self._python} on {platform}.")

    @property
    def _python(self) -> str:
        return self._query.target.python_minor


def _refusal(entry: LockedEntry, cause: Cause, sentence: str) -> Refusal:
    return Refusal(packages=(str(entry),), reason=Reason(sentence=sentence), cause=cause)
