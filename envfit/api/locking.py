"""Locking: from a request to a written lock, one resolution for each Python that is admitted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.demands import amendments_of, check_files, check_hashes, hashes_of
from envfit.api.direct import locked_commits, open_direct
from envfit.api.ignored import ignored_rules
from envfit.api.indexes import notes_on_addresses, open_indexes, with_hashes
from envfit.api.knowing import load_knowledge
from envfit.api.provided import ask_interpreter, check_module, refuse_addresses, request_for, with_provided
from envfit.api.reading import READ_LIMIT, WheelReader
from envfit.api.request import LockRequest, index_request, lock_path, project_of
from envfit.api.targets import Notify, pythons_of, target_of, target_request, target_settings, with_python
from envfit.api.until_known import resolve_known
from envfit.errors import EnvfitError, ProjectError, RefusalError, UndecidedError, UnknownPackageError
from envfit.frozen import frozen
from envfit.index.build_metadata import BuildFailedError, CannotBuildHereError
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.contract import Contract, contract_of
from envfit.lock.document import to_pylock
from envfit.lock.file import check_writable, differences, lock_text, read_lock, write_lock
from envfit.lock.reading import locked_target
from envfit.project import Project, add_to_project, for_target, parse_requirement
from envfit.reference import DirectReference
from envfit.requirement import Requirement
from envfit.resolve.decide import Concede, Unsatisfied, resolve
from envfit.resolve.pythons import Tried, choose_python
from envfit.resolve.resolution import Resolution
from envfit.resolve.solver import BUDGET
from envfit.selection.preferences import Preferences, Strategy
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Target

if TYPE_CHECKING:
    from envfit.api.indexes import OpenIndexes
    from envfit.detect.interpreter import Interpreter

__all__ = ["LockResult", "lock_request"]

Watch = Callable[[Callable[[], str]], None]


@frozen
class LockResult:
    """A lock, what it rests on, and whether the file changed."""

    lock: Pylock
    path: Path
    resolution: Resolution
    contract: Contract
    interpreter: Interpreter | None  # whose packages are provided, where one was named
    changed: bool  # with ``check``: it is stale
    stale: tuple[str, ...] = ()  # how the former lock differs, a phrase for each
    edited: Path | None = None  # the project file that something was added to
    requests: int  # made to indexes
    received: int  # bytes
    #: Until when the same request would give the same, in seconds since the epoch, as long as no
    #: file changes that was read; None where that cannot be told.
    repeatable_until: float | None = None


def lock_request(
    request: LockRequest,
    base: KnowledgeBase,
    *,
    environ: Mapping[str, str],
    notify: Notify,
    watch: Watch,
) -> LockResult:
    """Lock what is asked for, and write the lock unless ``check`` is set.

    Raises the errors of every room on the way; nothing is written then.
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
    targets = [with_python(target, python, base) for python in pythons] or [target]
    job = _Job(
        request=request,
        project=project,
        base=base,
        previous=previous,
        former=former,
        interpreter=interpreter,
        ignored=ignored,
        environ=environ,
        notify=_once(notify),
        watch=watch,
        several=len(targets) > 1,
    )
    try:
        resolution = job.resolve_on(targets)
    except UnknownPackageError as error:
        raise _with_former_indexes(error, previous) from None
    check_module(resolution, interpreter, notify)
    for name in _in_both_halves(project, resolution):
        notify(f"note: {name} is in the conda half too; installed by pip as well, it replaces conda's")
    contract = contract_of(
        [(pin.name, pin.version, pin.candidate.distribution) for pin in resolution.pins],
        resolution.target,
        job.base,
        ignored=ignored,
    )
    document = to_pylock(resolution, contract, folder=path.parent.absolute(), carried=_carried(project))
    for moved in _moved(previous, document) if previous is not None else ():
        notify(f"note: {moved}")
    stale = differences(previous, document) if previous is not None else (f"there is no {path}",)
    changed = bool(stale) if request.check else previous is None or lock_text(previous) != lock_text(document)
    edited = None
    if not request.check:
        if request.added:
            edited = add_to_project(request.directory, request.added)
        if changed:
            write_lock(document, path)
    return LockResult(
        lock=document,
        path=path,
        resolution=resolution,
        contract=contract,
        interpreter=interpreter,
        changed=changed,
        stale=stale,
        edited=edited,
        requests=job.requests,
        received=job.received,
        repeatable_until=_repeatable_until(job, was_there=previous is not None, changed=changed),
    )


def _repeatable_until(job: _Job, *, was_there: bool, changed: bool) -> float | None:
    """Return until when pages of indexes alone give this answer; None where anything else plays a part."""
    request = job.request
    # A folder of rules may get a file more, which nobody has read.
    others = (
        request.added or request.check or request.offline or job.interpreter or job.project.settings.rules
    )
    others = others or request.provided
    if job.answered or job.local or others or Path("-") in request.files or (was_there and changed):
        return None
    return job.fresh_until


@dataclass(slots=True, kw_only=True)
class _Job:
    """One request, resolved on one target after another."""

    request: LockRequest
    project: Project
    base: KnowledgeBase
    previous: Pylock | None
    former: Target | None
    interpreter: Interpreter | None
    ignored: frozenset[str]
    environ: Mapping[str, str]
    notify: Notify
    watch: Watch
    several: bool  # whether the target's Python is one of several that are tried
    requests: int = 0  # made to indexes so far
    answered: int = 0  # of those
    received: int = 0  # bytes
    local: bool = False  # whether files of this machine are candidates
    fresh_until: float = float("inf")  # of the pages that were taken from the cache

    @property
    def strategy(self) -> Strategy:
        """Which of the versions that fit is best."""
        return Strategy(self.request.resolution or self.project.settings.resolution or "highest")

    def resolve_on(self, targets: list[Target]) -> Resolution:
        """Return the resolution on the best of several targets that differ in their Python.

        Of several, one that cannot be is passed over; raises what speaks against the newest
        where none can be.
        """
        if not self.several:
            return self._resolve(targets[0], ways=True)
        tried = []
        for target in targets:
            outcome: Resolution | EnvfitError
            try:
                outcome = self._resolve(target)
            except (RefusalError, UndecidedError, CannotBuildHereError, BuildFailedError) as error:
                outcome = error
            tried.append(Tried(python=target.python, outcome=outcome))
        if isinstance(tried[0].outcome, Unsatisfied) and not any(
            isinstance(one.outcome, Resolution) for one in tried
        ):
            return self._resolve(targets[0], ways=True)
        return choose_python(tried, strategy=self.strategy)

    def _resolve(self, target: Target, *, ways: bool = False) -> Resolution:
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
        with open_indexes(index_request(request, settings), query, self.environ, self.notify) as indexes:
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
                    self.notify(
                        f"note: {name} has no lower bound, so --resolution {self.strategy.value} "
                        "begins with its first release"
                    )
            preferences = Preferences(
                prereleases=request.prereleases or settings.pre,
                newest_upload=request.newest_upload or settings.exclude_newer,
                build=request.build,
                no_binary=frozenset(settings.no_binary),
                only_binary=frozenset(settings.only_binary),
                hashes=hashes,
                pinned=self._kept_pins(target),
                strategy=self.strategy,
            )

            def once(query: Query) -> Resolution:
                return resolve(
                    indexes.packages,
                    query,
                    requirements,
                    preferences=preferences,
                    constraints=constraints,
                    amendments=amendments_of(settings, overrides, environment),
                    optional=for_target(optional, environment),
                    concede=request.concede or Concede(settings.concede or Concede.MINOR),
                    variant_indexes=indexes.variants,
                    budget=request.budget or BUDGET,
                    ways=ways,
                    pythons=self._other_pythons(),
                )

            try:
                resolution = self._resolve_known(once, target, indexes)
                resolution = with_hashes(resolution, indexes)
            finally:
                self.requests += session.requests_made
                self.answered += session.requests_answered
                self.received += session.bytes_received
                self.fresh_until = min(self.fresh_until, indexes.cache.fresh_until)
                self.local = self.local or indexes.configuration.has_local_files
        check_files(resolution, hashes)
        if settings.require_hashes:
            check_hashes(resolution, project.requirements, hashes)
        files = [
            pin.candidate.distribution for pin in resolution.pins if pin.candidate.distribution is not None
        ]
        for note in notes_on_addresses(files, indexes.configuration):
            self.notify(f"note: {note}")
        return resolution

    def _other_pythons(self) -> tuple[Version, ...]:
        """Return the Pythons that may be taken instead; none where it depends on them what is asked for."""
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

    def _resolve_known(
        self, once: Callable[[Query], Resolution], target: Target, indexes: OpenIndexes
    ) -> Resolution:
        """Resolve with the GPU code of every wheel chosen, as far as it may be read."""
        request = self.request
        reader = WheelReader(
            indexes.session,
            indexes.cache,
            limit=READ_LIMIT if request.read_limit is None else request.read_limit,
            offline=request.offline,
            notify=self.notify,
        )
        resolution, self.base = resolve_known(
            once,
            self.base,
            target,
            reader,
            ignored=self.ignored,
            strict=bool(request.strict_knowledge or self.project.settings.strict_knowledge),
        )
        return resolution

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
            kept.update(
                (canonicalize_name(package.name), package.version)
                for package in locked
                if package.version is not None and not (package.archive or package.directory or package.vcs)
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


def _with_former_indexes(error: UnknownPackageError, former: Pylock | None) -> UnknownPackageError:
    """Return an error with the index that the existing lock has a package from: its option may be missing."""
    had = {package.name: package.index for package in former.packages} if former is not None else {}
    hints = [
        f"the existing lock has {name} from {had[canonicalize_name(name)]}: --extra-index-url adds it"
        for name in error.details
        if had.get(canonicalize_name(name))
    ]
    return UnknownPackageError(error.message, details=error.details, hints=[*error.hints, *hints])


def _moved(former: Pylock, now: Pylock) -> list[str]:
    """Return which packages come from another index than in the existing lock: an option may be missing."""
    before = {package.name: package.index for package in former.packages if package.index}
    return [
        f"{package.name} comes from {package.index}, and from {before[package.name]} in the existing lock"
        for package in now.packages
        if package.index and before.get(package.name, package.index).rstrip("/") != package.index.rstrip("/")
    ]


def _without_lower_bound(requirements: Sequence[Requirement]) -> list[str]:
    """Return the names of which any old release would do."""
    bounded = {
        item.name
        for item in requirements
        if item.direct is not None or any(one.operator not in ("<", "<=", "!=") for one in item.specifier)
    }
    return [name for name in dict.fromkeys(item.name for item in requirements) if name not in bounded]


def _once(notify: Notify) -> Notify:
    """Return what says each sentence once: several targets have much in common."""
    said: set[str] = set()

    def say(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            notify(sentence)

    return say


def _in_both_halves(project: Project, resolution: Resolution) -> list[str]:
    """Return the packages of the conda half that the lock has as well."""
    conda = project.conda.dependencies if project.conda is not None else ()
    named = {canonicalize_name(re.split(r"[\s=<>!~\[]", text.rpartition("::")[2])[0]) for text in conda}
    return [pin.name for pin in resolution.pins if pin.name in named]


def _carried(project: Project) -> dict[str, object]:
    """Return the conda half of the project, as the lock keeps it."""
    conda = project.conda
    if conda is None:
        return {}
    return {
        **({"name": conda.name} if conda.name is not None else {}),
        "channels": list(conda.channels),
        "dependencies": list(conda.dependencies),
    }


def _is_same(former: Target | None, target: Target) -> bool:
    """Tell whether a lock was made for this target; what is best for another says nothing here."""

    def essence(one: Target) -> tuple[object, ...]:
        facts = tuple(one.fact(name).value for name in (CUDA, CUDA_DRIVER, GLIBC))
        provided = {(package.name, package.version, package.cuda) for package in one.provided}
        return one.platform, one.python_minor, one.capabilities, facts, provided

    return former is None or essence(former) == essence(target)
