"""The one place that wires rooms together: each job of envfit as a function.

Nothing here decides; it fetches what each room needs, hands it over, and
returns what came back.  Talk goes to ``notify``, one sentence at a time.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.demands import amendments_of, check_hashes, hashes_of
from envfit.api.direct import open_direct
from envfit.api.indexes import IndexRequest, open_indexes
from envfit.api.targets import (
    Notify,
    TargetRequest,
    describe_target,
    target_of,
    target_request,
    target_settings,
    this_machine,
)
from envfit.detect import Machine
from envfit.detect import detect as detect_machine
from envfit.detect.record import record as record_machine
from envfit.errors import ProjectError
from envfit.export import constraints, environment_yml, requirements
from envfit.install import InstallReport
from envfit.install import install as install_lock
from envfit.knowledge.load import constraints_directory
from envfit.knowledge.load import load as load_knowledge
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query, is_built_in
from envfit.lock.contract import Contract, contract_of
from envfit.lock.document import locked_packages, locked_target, rebased, to_pylock
from envfit.lock.file import check_writable, lock_text, read_lock, write_lock
from envfit.project import (
    Project,
    ResolutionStrategy,
    Settings,
    combine,
    find_project,
    for_target,
    parse_requirement,
    read_command_line,
    read_files,
    read_provided,
)
from envfit.resolve.decide import Concede, resolve
from envfit.resolve.resolution import Resolution
from envfit.resolve.selection import Preferences, Strategy
from envfit.resolve.solver import BUDGET
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Target

__all__ = [
    "LockRequest",
    "LockResult",
    "TargetRequest",
    "describe_target",
    "detect",
    "export",
    "install",
    "knowledge",
    "lock",
    "record",
    "target_of",
]


def _silent(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What ``lock`` is asked for; the defaults are those of the command line."""

    requirements: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    editables: tuple[str, ...] = ()  # directories
    constraints: tuple[Path, ...] = ()  # requirements files, as are the overrides
    overrides: tuple[Path, ...] = ()
    exclude: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    target: TargetRequest = field(default_factory=TargetRequest)
    target_name: str | None = None
    if_supported: tuple[str, ...] = ()
    concede: Concede | None = None
    provided: tuple[str, ...] = ()
    prereleases: bool = False
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()  # addresses or paths
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    resolution: ResolutionStrategy | None = None
    pytorch_index: str | None = None  # an address, or "" for the index itself
    newest_upload: datetime | None = None
    budget: int | None = None  # decisions of one search
    offline: bool = False
    build: bool = True
    ignore_rules: tuple[str, ...] = ()
    output: Path | None = None
    check: bool = False
    directory: Path = field(default_factory=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """A lock, what it rests on, and whether the file changed."""

    lock: Pylock
    path: Path
    resolution: Resolution
    contract: Contract
    changed: bool  # with ``check``: would change
    requests: int  # made to indexes
    received: int  # bytes


def knowledge() -> KnowledgeBase:
    """Load the knowledge that envfit was installed with; raises KnowledgeError."""
    return load_knowledge(constraints_directory())


def detect(environ: Mapping[str, str] | None = None) -> Machine:
    """Detect this machine; raises TargetError where an override variable is malformed."""
    return detect_machine(environ=environ)


def record(machine: Machine, directory: Path) -> Path:
    """Write what detection read, without identifiers of devices; raises FileError."""
    return record_machine(machine, directory)


def lock(
    request: LockRequest,
    *,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
    watch: Callable[[Callable[[], str]], None] = lambda _: None,
) -> LockResult:
    """Lock what is asked for on one target, and write the lock unless ``check`` is set.

    ``watch`` is given, once resolution begins, a function that says how far it has come.
    Raises the errors of every room on the way; nothing is written then.
    """
    environ = os.environ if environ is None else environ
    base = knowledge()
    project = _project(request)
    settings = project.settings
    for note in (*project.notes, *_without_effect(settings)):
        notify(f"note: {note}")
    if settings.rules:
        raise ProjectError("tool.envfit.constraints: rules of your own are not supported yet")
    path = _lock_path(request)
    check_writable(path)
    previous = read_lock(path) if path.exists() else None
    former = locked_target(previous) if previous is not None else None
    stated = target_settings(settings, request.target_name)
    target = target_of(
        target_request(request.target, stated, project.requires_python, former, base),
        base,
        previous=former,
        notify=notify,
    )
    required = project.requires_python
    if required is not None and not required.contains(target.python, prereleases=True):
        raise ProjectError(f"the project requires Python {required}, and the target has {target.python}")
    target = replace(target, name=request.target_name)
    if request.provided:
        target = replace(target, provided=read_provided(request.provided))
    environment = target.marker_environment()
    ignored = _ignored_rules((*request.ignore_rules, *settings.ignore_rules), base)
    query = Query(base, target, ignored=ignored)
    optional = tuple(parse_requirement(text, "--if-supported") for text in request.if_supported)
    concede = request.concede or (Concede(settings.concede) if settings.concede else Concede.MINOR)
    with open_indexes(_index_request(request, settings), query, environ, notify) as indexes:
        session = indexes.session
        watch(lambda: f"resolving: {session.requests_made} requests, {session.bytes_received / 1e6:.1f} MB")
        wanted, bounds, overrides, optional = (
            open_direct(several, indexes.packages, environment)
            for several in (
                project.requirements,
                (*project.constraints, *settings.constraint_dependencies),
                settings.override_dependencies,
                (*optional, *settings.if_supported),
            )
        )
        hashes = hashes_of((*wanted, *bounds, *overrides), environment)
        resolution = resolve(
            indexes.packages,
            query,
            for_target(wanted, environment),
            preferences=Preferences(
                prereleases=request.prereleases or settings.pre,
                newest_upload=request.newest_upload or settings.exclude_newer,
                build=request.build,
                no_binary=frozenset(settings.no_binary),
                only_binary=frozenset(settings.only_binary),
                hashes=hashes,
                pinned=_kept_pins(request, previous if _is_same(former, target) else None, project),
                strategy=Strategy(request.resolution or settings.resolution or "highest"),
            ),
            constraints=for_target(bounds, environment),
            amendments=amendments_of(settings, overrides, environment),
            optional=for_target(optional, environment),
            concede=concede,
            variant_indexes=indexes.variants,
            budget=request.budget or BUDGET,
        )
        if settings.require_hashes:
            check_hashes(resolution, project.requirements, hashes)
    for name in _in_both_halves(project, resolution):
        notify(f"note: {name} is in the conda half too; installed by pip as well, it replaces conda's")
    contract = contract_of(
        [(pin.name, pin.version, pin.candidate.distribution) for pin in resolution.pins],
        target,
        base,
        ignored=ignored,
    )
    document = to_pylock(resolution, contract, folder=path.parent.absolute(), carried=_carried(project))
    changed = previous is None or lock_text(previous) != lock_text(document)
    if changed and not request.check:
        write_lock(document, path)
    return LockResult(
        lock=document,
        path=path,
        resolution=resolution,
        contract=contract,
        changed=changed,
        requests=session.requests_made,
        received=session.bytes_received,
    )


def install(
    path: Path,
    *,
    prefix: Path,
    target: TargetRequest,
    skip: Sequence[str] = (),
    ignore_rules: Sequence[str] = (),
    dry_run: bool = False,
    notify: Notify = _silent,
) -> InstallReport:
    """Install a lock into a new environment at ``prefix``, if it runs on this machine.

    Raises InstallRefusedError with the reasons before anything is made, and
    InstallError or VerificationError with the former environment untouched.
    """
    base = knowledge()
    document = rebased(read_lock(path), path.parent.absolute())
    return install_lock(
        document,
        this_machine(target, base, notify=notify),
        base,
        prefix,
        skip=frozenset(map(canonicalize_name, skip)),
        ignored=_ignored_rules(tuple(ignore_rules), base),
        dry_run=dry_run,
        notify=notify,
    )


def export(path: Path, form: str) -> Mapping[str, str]:
    """Return the texts of an export, by the suffix of the file that each belongs in.

    ``form`` is ``requirements`` or ``conda``.  An export of a lock that counts on
    a module's packages comes with their constraints.
    """
    document = read_lock(path)
    if form == "conda":
        return {"": environment_yml(document)}
    provided = constraints(document)
    return {"": requirements(document), **({"constraints": provided} if provided else {})}


def _project(request: LockRequest) -> Project:
    parts = []
    if request.files:
        parts.append(read_files(request.files, extras=request.extras, groups=request.groups))
    elif not (request.requirements or request.editables) or request.extras or request.groups:
        parts.append(find_project(request.directory, extras=request.extras, groups=request.groups))
    parts.append(
        read_command_line(
            requirements=request.requirements,
            editables=request.editables,
            constraints=request.constraints,
            overrides=request.overrides,
            exclude=request.exclude,
            find_links=request.find_links,
            no_binary=request.no_binary,
            only_binary=request.only_binary,
        )
    )
    return combine(parts)


def _without_effect(settings: Settings) -> Iterator[str]:
    """Yield what was read and is not acted on yet."""
    for name, value in (("--find-links", settings.find_links), ("--no-index", settings.no_index)):
        if value:
            yield f"{name} is read, and not acted on yet"


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


def _lock_path(request: LockRequest) -> Path:
    """Return where the lock goes; raises ProjectError on a target's name that is no name."""
    if request.output is not None:
        return request.output
    if request.target_name is None:
        return request.directory / "pylock.toml"
    if not re.fullmatch(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", request.target_name, re.ASCII):
        raise ProjectError(f"{request.target_name!r} is not a name for a target")
    name = request.target_name.lower().replace(".", "-")
    return request.directory / f"pylock.{name}.toml"


def _ignored_rules(ids: Sequence[str], base: KnowledgeBase) -> frozenset[str]:
    known = {rule.id for rule in base.rules}
    for rule in ids:
        if rule not in known:
            if is_built_in(rule):
                raise ProjectError(f"{rule} cannot be switched off: it is what the files themselves say")
            raise ProjectError(f"there is no rule {rule!r} to ignore")
    return frozenset(ids)


def _is_same(former: Target | None, target: Target) -> bool:
    """Tell whether a lock was made for this target; what is best for another says nothing here."""

    def essence(one: Target) -> tuple[object, ...]:
        facts = tuple(one.fact(name).value for name in (CUDA, CUDA_DRIVER, GLIBC))
        provided = {(package.name, package.version) for package in one.provided}
        return one.platform, one.python_minor, one.capabilities, facts, provided

    return former is None or essence(former) == essence(target)


def _kept_pins(request: LockRequest, previous: Pylock | None, project: Project) -> dict[str, Version]:
    """Return the versions to prefer: those of locks that were read, before them those of the former lock."""
    kept = dict(project.pinned)
    if previous is not None:
        kept.update(
            (package.name, package.version)
            for package in locked_packages(previous)
            if package.version is not None
        )
    upgraded = {canonicalize_name(name) for name in request.upgrade_packages}
    for name in sorted(upgraded.difference(kept)) if kept else ():
        near = difflib.get_close_matches(name, kept)
        raise ProjectError(
            f"{name} cannot be upgraded: it is not in the lock",
            hints=[f"did you mean {' or '.join(near)}?"] if near else [],
        )
    return {name: version for name, version in kept.items() if name not in upgraded and not request.upgrade}


def _index_request(request: LockRequest, settings: Settings) -> IndexRequest:
    pytorch = request.pytorch_index
    if pytorch is None and settings.pytorch_index is not False:
        pytorch = "" if settings.pytorch_index is True else settings.pytorch_index
    return IndexRequest(
        directory=request.directory,
        index_url=request.index_url or settings.index_url,
        extra_index_urls=(*request.extra_index_urls, *settings.extra_index_urls),
        pytorch_index=pytorch,
        offline=request.offline,
        build=request.build,
    )
