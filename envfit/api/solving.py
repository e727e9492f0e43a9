"""A request made ready, and solved: as it stands, or with one thing changed to see what that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Package, Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.demands import amendments_of, check_files, check_hashes, hashes_of
from envfit.api.direct import locked_commits, open_direct
from envfit.api.ignored import ignored_rules
from envfit.api.indexes import notes_on_addresses, open_indexes, with_hashes
from envfit.api.knowing import load_knowledge
from envfit.api.provided import ask_interpreter, refuse_addresses, request_for, with_provided
from envfit.api.reading import READ_LIMIT, WheelReader
from envfit.api.request import LockRequest, index_request, lock_path, project_of
from envfit.api.targets import Notify, pythons_of, target_of, target_request, target_settings, with_python
from envfit.api.until_known import resolve_known
from envfit.distribution import Distribution
from envfit.errors import EnvfitError, ProjectError, RefusalError, UndecidedError
from envfit.frozen import frozen
from envfit.index.build_metadata import BuildFailedError, CannotBuildHereError
from envfit.index.release_pages import is_prebuilt
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.file import check_writable, read_lock
from envfit.lock.reading import locked_target
from envfit.project import Project, for_target, parse_requirement
from envfit.reference import DirectReference
from envfit.requirement import Requirement
from envfit.resolve.amendments import Amendments, Lifted
from envfit.resolve.decide import Concede, Unsatisfied, resolve
from envfit.resolve.pythons import Tried, choose_python
from envfit.resolve.resolution import Resolution
from envfit.resolve.solver import BUDGET
from envfit.selection.preferences import Preferences, Strategy
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Target

if TYPE_CHECKING:
    from envfit.api.indexes import OpenIndexes
    from envfit.detect.interpreter import Interpreter
    from envfit.resolve.way_out import WayOut

__all__ = ["AS_ASKED", "Job", "OpenJob", "Variation", "Watch", "begin"]

Watch = Callable[[Callable[[], str]], None]


@frozen
class Variation:
    """What is changed of a request, to see what that does."""

    target: Target | None = None
    added: tuple[Requirement, ...] = ()
    dropped: frozenset[str] = frozenset()  # names that the user does not ask for
    unbound: frozenset[str] = frozenset()  # names whose versions the user does not bound
    lifted: frozenset[Lifted] = frozenset()
    ignored: frozenset[str] = frozenset()  # rules
    prereleases: bool = False
    upgraded: bool = False  # nothing is kept from a lock
    explained: frozenset[str] = frozenset()  # names to account for as if the user had asked for them


AS_ASKED = Variation()


@dataclass(slots=True, kw_only=True)
class OpenJob:
    """One request on one target, with the indexes open: it can be solved, and solved otherwise."""

    job: Job
    target: Target
    indexes: OpenIndexes
    reader: WheelReader
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    optional: tuple[Requirement, ...]
    amendments: Amendments
    preferences: Preferences

    def resolve(self, variation: Variation = AS_ASKED, *, ways: bool = False) -> Resolution:
        """Resolve with the GPU code of every wheel chosen, as far as it may be read.

        With ``ways`` a refusal carries ways out.
        """
        job = self.job
        requirements, constraints = self._asked(variation)
        amendments = self.amendments
        if variation.lifted:
            amendments = replace(amendments, lifted=variation.lifted)
        preferences = self.preferences
        if variation.prereleases:
            preferences = replace(preferences, prereleases=True)
        if variation.upgraded:
            preferences = replace(preferences, pinned={})

        def once(query: Query) -> Resolution:
            return resolve(
                self.indexes.packages,
                query,
                requirements,
                preferences=preferences,
                constraints=constraints,
                amendments=amendments,
                optional=self.optional,
                concede=job.concede,
                variant_indexes=self.indexes.variants,
                budget=job.request.budget or BUDGET,
                explained=variation.explained,
                ways=ways,
                # A hint is not worth minutes of building, and runs no code that nobody asked for.
                before_ways=self.indexes.stop_builds,
                pythons=job.other_pythons() if ways else (),
            )

        resolution, job.base = resolve_known(
            once,
            job.base,
            variation.target or self.target,
            self.reader,
            ignored=job.ignored | variation.ignored,
            strict=bool(job.request.strict_knowledge or job.project.settings.strict_knowledge),
        )
        return resolution

    def _asked(self, variation: Variation) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...]]:
        """Return the requirements and the constraints of a variation."""
        unbound = variation.unbound
        requirements = tuple(
            replace(one, specifier=type(one.specifier)()) if one.name in unbound else one
            for one in self.requirements
            if one.name not in variation.dropped
        )
        constraints = tuple(one for one in self.constraints if one.name not in unbound)
        return (*requirements, *variation.added), constraints


@dataclass(slots=True, kw_only=True)
class Job:
    """One request, resolved on one target after another."""

    request: LockRequest
    project: Project
    base: KnowledgeBase
    path: Path  # of its lock
    previous: Pylock | None
    former: Target | None
    interpreter: Interpreter | None
    ignored: frozenset[str]
    targets: tuple[Target, ...]  # one, or several that differ in their Python
    environ: Mapping[str, str]
    notify: Notify
    watch: Watch
    requests: int = 0  # made to indexes so far
    answered: int = 0  # of those
    received: int = 0  # bytes
    local: bool = False  # whether files of this machine are candidates
    fresh_until: float = float("inf")  # of the pages that were taken from the cache
    _said: set[str] = field(default_factory=set)

    @property
    def several(self) -> bool:
        """Whether the target's Python is one of several that are tried."""
        return len(self.targets) > 1

    @property
    def strategy(self) -> Strategy:
        """Which of the versions that fit is best."""
        return Strategy(self.request.resolution or self.project.settings.resolution or "highest")

    @property
    def concede(self) -> Concede:
        """How far an optional package may lower what the user named."""
        return self.request.concede or Concede(self.project.settings.concede or Concede.MINOR)

    def resolve(self) -> Resolution:
        """Return the resolution on the best of the targets.

        Of several, one that cannot be is passed over; where none can be, raises what speaks against
        the newest to which there is a way out, else against the newest.
        """
        if not self.several:
            return self._resolve(self.targets[0], ways=True)
        tried = []
        for target in self.targets:
            outcome: Resolution | EnvfitError
            try:
                outcome = self._resolve(target, fetch=False)
            except (RefusalError, UndecidedError, CannotBuildHereError, BuildFailedError) as error:
                outcome = error
            tried.append(Tried(python=target.python, outcome=outcome))
        newest = tried[0].outcome
        if isinstance(newest, Unsatisfied) and not any(isinstance(one.outcome, Resolution) for one in tried):
            self._refuse_all({one.python for one in tried if isinstance(one.outcome, Unsatisfied)})
        chosen = choose_python(tried, strategy=self.strategy)
        if all(item.sha256 is not None for item in _files(chosen) if is_prebuilt(item)):
            return chosen
        # Only of the Python that is taken is a prebuilt wheel fetched.
        target = next(one for one in self.targets if one.python == chosen.target.python)
        return replace(self._resolve(target), pythons_not_taken=chosen.pythons_not_taken)

    def _refuse_all(self, refused: AbstractSet[Version]) -> None:
        """Raise what speaks against one of the Pythons that are refused, and tell which one it is."""
        newest: Unsatisfied | None = None
        targets = [target for target in self.targets if target.python in refused]
        for target in targets:
            try:
                self._resolve(target, ways=True)
            except Unsatisfied as error:
                others = ", ".join(other.python_minor for other in targets if other is not target)
                also = f"; it is refused on {others}, too" if others else ""
                error.hints = (*error.hints, f"this is about Python {target.python_minor}{also}")
                newest = newest or error
                if error.ways:
                    raise
            except EnvfitError:
                continue
        if newest is not None:
            raise newest

    def best_target(self) -> Target:
        """Return the only target, or the one that ``resolve`` takes."""
        if not self.several:
            return self.targets[0]
        python = self.resolve().target.python
        return next(target for target in self.targets if target.python == python)

    def other_pythons(self) -> tuple[Version, ...]:
        """Return the Pythons that may be taken instead; none where what is asked depends on the Python."""
        project = self.project
        markers = [str(one.marker) for one in (*project.requirements, *project.constraints) if one.marker]
        if self.several or any("python" in marker for marker in markers):
            return ()
        required = project.requires_python
        return tuple(
            entry.newest
            for entry in self.base.pythons
            if required is None or required.contains(entry.newest, prereleases=True)
        )

    def _resolve(self, target: Target, *, ways: bool = False, fetch: bool = True) -> Resolution:
        """Resolve on one target; unless ``fetch``, prebuilt wheels are left without their hash."""
        with self.open(target) as opened:
            try:
                found = opened.resolve(ways=ways)
                while fetch and opened.indexes.packages.fetch_prebuilt(_files(found)):
                    found = opened.resolve(ways=ways)
            except Unsatisfied as error:
                if ways:
                    error.add_ways(self._on_other_indexes(target, error))
                raise
            resolution = with_hashes(found, opened.indexes)
            configuration = opened.indexes.configuration
            hashes = opened.preferences.hashes
        check_files(resolution, hashes)
        if self.project.settings.require_hashes:
            check_hashes(resolution, self.project.requirements, hashes)
        for note in notes_on_addresses(_files(resolution), configuration):
            self.say(f"note: {note}")
        return resolution

    def _on_other_indexes(self, target: Target, refused: Unsatisfied) -> Iterator[WayOut]:
        """Yield the index of variants that is known to have builds that run, where all resolves with it."""
        from envfit.resolve.way_out import Change, WayKind, WayOut

        request = self.request
        may_ask = not (request.offline or request.no_index or self.project.settings.no_index)
        for name in dict.fromkeys(better.index for better in refused.better) if may_ask else ():
            self.notify(f"asking the {name} index whether its builds would do")
            other = replace(self, request=replace(request, pytorch_index=""), notify=lambda _: None)
            try:
                with other.open(target) as opened:
                    opened.indexes.stop_builds()
                    found = opened.resolve()
            except EnvfitError:
                continue  # not to be reached, or of no help: what is known of it is told as a hint
            yield WayOut(
                kind=WayKind.INDEX,
                text=f"with --{name}-index",
                change=Change(options=(f"--{name}-index",)),
                outcome=found.versions_of(requirement.name for requirement in refused.explanation.core),
            )

    @contextmanager
    def open(self, target: Target) -> Iterator[OpenJob]:
        """Open the indexes, and all that the request names directly, for one target."""
        request, project, settings = self.request, self.project, self.project.settings
        required = project.requires_python
        if required is not None and not required.contains(target.python, prereleases=True):
            raise ProjectError(f"the project requires Python {required}, and the target has {target.python}")
        target = with_provided(
            replace(target, name=request.target_name),
            self.interpreter,
            request.provided,
            said=request.target,
            former=self.former,
        )
        environment = target.marker_environment()
        query = Query(self.base, target, ignored=self.ignored)
        optional = tuple(parse_requirement(text, "--if-supported") for text in request.if_supported)
        asked_of = index_request(request, settings, self._locked_files())
        with open_indexes(asked_of, query, self.environ, self.say) as indexes:
            session = indexes.session
            before = self.requests, self.received
            self.watch(
                lambda: (
                    f"resolving: {before[0] + session.requests_made} requests, "
                    f"{(before[1] + session.bytes_received) / 1e6:.1f} MB"
                )
            )
            asked = (*project.requirements, *project.constraints, *settings.override_dependencies)
            self.local = self.local or any(one.direct is not None for one in (*asked, *optional))
            excluded = frozenset(settings.exclude_dependencies)
            commits = self._kept_commits()
            overrides = open_direct(
                settings.override_dependencies,
                indexes.packages,
                environment,
                replaced=excluded,
                commits=commits,
            )
            replaced = excluded.union(one.shown for one in overrides)
            wanted, bounds, optional = (
                open_direct(
                    several, indexes.packages, environment, replaced=replaced, commits=commits, follow=follow
                )
                for several, follow in (
                    (project.requirements, True),
                    ((*project.constraints, *settings.constraint_dependencies), True),
                    ((*optional, *settings.if_supported), False),
                )
            )
            standing = (*(one for one in (*wanted, *bounds) if one.shown not in replaced), *overrides)
            hashes = hashes_of(standing, environment)
            refuse_addresses((*standing, *optional), target)
            requirements, constraints = for_target(wanted, environment), for_target(bounds, environment)
            if self.strategy is not Strategy.HIGHEST:
                for name in _without_lower_bound((*requirements, *constraints)):
                    self.say(
                        f"note: {name} has no lower bound, so --resolution {self.strategy.value} "
                        "begins with its first release"
                    )
            opened = OpenJob(
                job=self,
                target=target,
                indexes=indexes,
                reader=WheelReader(
                    session,
                    indexes.cache,
                    limit=READ_LIMIT if request.read_limit is None else request.read_limit,
                    offline=request.offline,
                    notify=self.say,
                ),
                requirements=tuple(requirements),
                constraints=tuple(constraints),
                optional=tuple(for_target(optional, environment)),
                amendments=amendments_of(settings, overrides, environment),
                preferences=Preferences(
                    prereleases=request.prereleases or settings.pre,
                    newest_upload=request.newest_upload or settings.exclude_newer,
                    build=request.build,
                    no_binary=frozenset(settings.no_binary),
                    only_binary=frozenset(settings.only_binary),
                    hashes=hashes,
                    pinned=self._kept_pins(target),
                    strategy=self.strategy,
                ),
            )
            try:
                yield opened
            finally:
                self.requests += session.requests_made
                self.answered += session.requests_answered
                self.received += session.bytes_received
                self.fresh_until = min(self.fresh_until, indexes.cache.fresh_until)
                self.local = self.local or indexes.configuration.has_local_files

    def say(self, sentence: str) -> None:
        """Say a sentence once: several resolutions have much in common."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.notify(sentence)

    def _locked_files(self) -> tuple[tuple[str, str, int], ...]:
        """Return address, hash and size of what the former lock has at an address, and stays."""
        request = self.request
        if self.previous is None or request.upgrade:
            return ()
        upgraded = {canonicalize_name(name) for name in request.upgrade_packages}
        return tuple(
            (archive.url, archive.hashes["sha256"], archive.size)
            for package in self.previous.packages
            if (archive := package.archive) is not None
            and package.name not in upgraded
            and archive.url is not None
            and archive.size is not None
            and "sha256" in archive.hashes
        )

    def _kept_commits(self) -> dict[DirectReference, str]:
        """Return the commits of the former lock that stay, whatever their branches have come to."""
        request = self.request
        if self.previous is None or request.upgrade:
            return {}
        return locked_commits(
            self.previous, except_of={canonicalize_name(name) for name in request.upgrade_packages}
        )

    def _kept_pins(self, target: Target) -> dict[str, Version]:
        """Return the versions to prefer: those of the former lock, then those of locks that were read.

        What came from an address says nothing of which release of an index to take.  Of several
        Pythons all prefer the same versions: else one that holds none of them back would win.
        """
        request = self.request
        kept = dict(self.project.pinned)
        names = set(kept)
        former = self.former
        if former is not None and self.several:
            former = replace(former, python=target.python)
        if self.previous is not None and _is_same(former, target):
            locked = self.previous.packages  # pip's and uv's, which leave a choice of files, are kept too
            names.update(canonicalize_name(package.name) for package in locked)
            query = Query(self.base, target)
            kept.update(
                (canonicalize_name(package.name), package.version)
                for package in locked
                if package.version is not None
                and (
                    not (package.archive or package.directory or package.vcs) or _is_prebuilt(package, query)
                )
            )
        upgraded = {canonicalize_name(name) for name in request.upgrade_packages}
        for name in sorted(upgraded.difference(names)) if names else ():
            import difflib

            near = difflib.get_close_matches(name, sorted(names))
            raise ProjectError(
                f"{name} cannot be upgraded: it is not in the lock",
                hints=[f"did you mean {' or '.join(near)}?"] if near else [],
            )
        return {
            name: version for name, version in kept.items() if name not in upgraded and not request.upgrade
        }


def _is_prebuilt(package: Package, query: Query) -> bool:
    """Tell whether a package of a lock is a prebuilt wheel of a release page."""
    if package.archive is None or package.version is None:
        return False
    known = query.prebuilt(package.name, package.version)
    return known is not None and known.url == package.archive.url


def _files(resolution: Resolution) -> list[Distribution]:
    found = (pin.candidate.distribution for pin in resolution.pins)
    return [item for item in found if item is not None]


def begin(
    request: LockRequest,
    base: KnowledgeBase,
    *,
    environ: Mapping[str, str],
    notify: Notify,
    watch: Watch,
) -> Job:
    """Read what is asked for, and find the targets that it is asked for; nothing is solved yet.

    Unless it is only to check, raises LockError where what it would write over is no lock; and the
    errors of every room that reads.
    """
    project = project_of(request)
    for note in project.notes:
        notify(f"note: {note}")
    if project.settings.rules:
        base = load_knowledge(project.settings.rules)
    path = lock_path(request)
    if not request.check:
        check_writable(path)
    previous = read_lock(path) if path.exists() else None
    former = locked_target(previous) if previous is not None else None
    stated = target_settings(project.settings, request.target_name)
    interpreter = ask_interpreter(request.provided_from, request.provided, environ, notify)
    said = request_for(interpreter, request.target, stated)
    pythons = pythons_of(said.python, project.requires_python, base)
    asked = target_request(
        replace(said, python=pythons[0]) if pythons else said, stated, project.requires_python, former, base
    )
    target = target_of(asked, base, previous=former, notify=notify)
    ignored = ignored_rules((*request.ignore_rules, *project.settings.ignore_rules), base)
    return Job(
        request=request,
        project=project,
        base=base,
        path=path,
        previous=previous,
        former=former,
        interpreter=interpreter,
        ignored=ignored,
        targets=tuple(with_python(target, python, base) for python in pythons) or (target,),
        environ=environ,
        notify=notify,
        watch=watch,
    )


def _without_lower_bound(requirements: Sequence[Requirement]) -> list[str]:
    """Return the names of which any old release would do."""
    bounded = {
        item.name
        for item in requirements
        if item.direct is not None or any(one.operator not in ("<", "<=", "!=") for one in item.specifier)
    }
    return [name for name in dict.fromkeys(item.name for item in requirements) if name not in bounded]


def _is_same(former: Target | None, target: Target) -> bool:
    """Tell whether a lock was made for this target; what is best for another says nothing here."""

    def essence(one: Target) -> tuple[object, ...]:
        facts = tuple(one.fact(name).value for name in (CUDA, CUDA_DRIVER, GLIBC))
        provided = {(package.name, package.version, package.cuda) for package in one.provided}
        return one.platform, one.python_minor, one.capabilities, facts, provided

    return former is None or essence(former) == essence(target)
