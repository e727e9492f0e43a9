"""The one place that wires rooms together: each job of envfit as a function.

Nothing here decides; it fetches what each room needs, hands it over, and
returns what came back.  Talk goes to ``notify``, one sentence at a time.
"""

from __future__ import annotations

import difflib
import os
import platform as host_platform
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from packaging.pylock import Pylock
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.detect import Machine
from envfit.detect import detect as detect_machine
from envfit.detect.record import record as record_machine
from envfit.distribution import Metadata, Sdist
from envfit.errors import ProjectError, TargetError, UnknownPackageError
from envfit.export import constraints, environment_yml, requirements
from envfit.index.build_metadata import BuildNotPossible, CannotBuildHereError, built_metadata
from envfit.index.cache import Cache, default_cache_dir
from envfit.index.configuration import configured_indexes
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.install import InstallReport
from envfit.install import install as install_lock
from envfit.knowledge.hardware import check_target, named_target, python_entry
from envfit.knowledge.load import constraints_directory
from envfit.knowledge.load import load as load_knowledge
from envfit.knowledge.model import KnowledgeBase, RoutedIndex
from envfit.knowledge.query import Query
from envfit.lock.contract import Contract, contract_of
from envfit.lock.document import locked_packages, locked_target, to_pylock
from envfit.lock.file import check_writable, lock_text, read_lock, write_lock
from envfit.project import (
    Project,
    Settings,
    TargetSettings,
    combine,
    find_project,
    for_target,
    parse_requirement,
    read_files,
    read_provided,
)
from envfit.resolve.decide import Concede, resolve
from envfit.resolve.resolution import Resolution
from envfit.resolve.selection import Preferences
from envfit.target import CUDA, CUDA_DRIVER, Fact, FactState, Target

__all__ = [
    "LockRequest",
    "LockResult",
    "TargetRequest",
    "detect",
    "export",
    "install",
    "knowledge",
    "lock",
    "record",
    "target_of",
]

Notify = Callable[[str], None]


def _silent(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRequest:
    """What the user says of the target; what is None or empty was not said."""

    gpus: tuple[str, ...] = ()  # "auto", "none", or names
    driver: str | None = None
    python: str | None = None
    glibc: str | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What ``lock`` is asked for; the defaults are those of the command line."""

    requirements: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    target: TargetRequest = TargetRequest()
    target_name: str | None = None
    if_supported: tuple[str, ...] = ()
    concede: Concede | None = None
    provided: tuple[str, ...] = ()
    prereleases: bool = False
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    pytorch_index: str | None = None  # an address, or "" for the index itself
    newest_upload: datetime | None = None
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


def target_of(
    request: TargetRequest, base: KnowledgeBase, *, previous: Target | None = None, notify: Notify = _silent
) -> Target:
    """Return the target that a request means.

    GPUs by name, else the previous lock's target, else this machine.  Raises
    TargetError on what is unknown or malformed, and TargetImpossibleError where
    a GPU and a driver exclude each other.
    """
    names = tuple(name for name in request.gpus if name.lower() != "none")
    if len(names) < len(request.gpus) and names:
        raise TargetError("--gpu none cannot be combined with another GPU")
    auto = [name for name in names if name.lower() == "auto"]
    if auto and len(names) > 1:
        raise TargetError("--gpu auto cannot be combined with another GPU")
    if request.gpus and not auto:
        return named_target(
            base,
            names,
            driver=request.driver,
            python=request.python,
            glibc=request.glibc,
            platform=request.platform,
        )
    for option, value in (
        ("--driver", request.driver),
        ("--glibc", request.glibc),
        ("--platform", request.platform),
    ):
        if value is not None:
            raise TargetError(
                f"{option} describes a named target, and none is named",
                hints=["name its GPUs too, such as --gpu V100, or --gpu none"],
            )
    python = python_entry(base, base.default_python if request.python is None else request.python)
    said = frozenset() if request.python is not None else frozenset({"python"})
    if previous is not None and not auto:
        if request.python is not None:
            previous = replace(previous, python=python, assumed=previous.assumed - {"python"})
        notify(f"for the target of the existing lock: {describe_target(previous)}")
        return previous
    machine = detect_machine()
    target = replace(machine.target, python=python, assumed=said)
    cuda = target.fact(CUDA)
    if not target.gpus and cuda.state is FactState.UNKNOWN:
        raise TargetError(
            f"this machine may have a GPU that cannot be read: {cuda.source}",
            hints=["say which: --gpu NAME, or --gpu none for an environment without one"],
        )
    check_target(base, target)
    if target.gpus:
        notify(f"for this machine: {describe_target(target)}")
    else:
        notify("for a machine without a GPU, as this one is; --gpu NAME locks for another")
    return target


def describe_target(target: Target) -> str:
    """Say a target in a few words."""
    models = Counter(f"{gpu.name} (capability {gpu.capability})" for gpu in target.gpus)
    gpus = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in models.items()) or "no GPU"
    driver = target.fact(CUDA_DRIVER)
    version = f", driver {driver.value}" if driver.state is FactState.KNOWN else ""
    return f"{gpus}{version}, {target.platform}, Python {target.python_minor}"


def lock(
    request: LockRequest, *, environ: Mapping[str, str] | None = None, notify: Notify = _silent
) -> LockResult:
    """Lock what is asked for on one target, and write the lock unless ``check`` is set.

    Raises the errors of every room on the way; nothing is written then.
    """
    environ = os.environ if environ is None else environ
    base = knowledge()
    project = _project(request)
    settings = project.settings
    for note in project.notes:
        notify(f"note: {note}")
    if settings.rules:
        raise ProjectError("tool.envfit.constraints: rules of your own are not supported yet")
    path = _lock_path(request)
    check_writable(path)
    previous = read_lock(path) if path.exists() else None
    former = locked_target(previous) if previous is not None else None
    stated = _target_settings(settings, request.target_name)
    target = target_of(
        _target_request(request.target, stated, project.requires_python, former, base),
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
    optional = [*(parse_requirement(text, "--if-supported") for text in request.if_supported)]
    concede = request.concede or (Concede(settings.concede) if settings.concede else Concede.MINOR)
    with _package_index(request, settings, query, environ, notify) as (index, session, variants):
        resolution = resolve(
            index,
            query,
            for_target(project.requirements, environment),
            preferences=Preferences(
                prereleases=request.prereleases or settings.pre,
                newest_upload=request.newest_upload or settings.exclude_newer,
                build=request.build,
                pinned=_kept_pins(request, previous),
            ),
            constraints=for_target(project.constraints, environment),
            optional=for_target([*optional, *settings.if_supported], environment),
            concede=concede,
            variant_indexes=variants,
        )
    contract = contract_of(
        [(pin.name, pin.version, pin.candidate.distribution) for pin in resolution.pins],
        target,
        base,
        ignored=ignored,
    )
    document = to_pylock(resolution, contract, carried=_carried(project))
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
    target: TargetRequest = TargetRequest(gpus=("auto",)),
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
    document = read_lock(path)
    return install_lock(
        document,
        _this_machine(target, base, notify=notify),
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


def _this_machine(request: TargetRequest, base: KnowledgeBase, *, notify: Notify) -> Target:
    """Return this machine with the GPUs that a request names, or with its own.

    An environment is made here whatever GPU it is for: platform, glibc and tools
    are this machine's, and an image for a GPU is built where none is.
    """
    if not request.gpus or request.gpus == ("auto",):
        return target_of(request, base, notify=notify)
    machine = detect_machine().target
    named = target_of(replace(request, platform=str(machine.platform)), base, notify=notify)
    own = tuple(fact for fact in named.facts if fact.name.startswith("__cuda"))
    others = tuple(fact for fact in machine.facts if not fact.name.startswith(("__cuda", "__libcuda")))
    return replace(named, facts=(*own, *others))


def _project(request: LockRequest) -> Project:
    parts = []
    if request.files:
        parts.append(read_files(request.files, extras=request.extras, groups=request.groups))
    elif not request.requirements or request.extras or request.groups:
        parts.append(find_project(request.directory, extras=request.extras, groups=request.groups))
    if request.requirements:
        parts.append(
            Project(
                requirements=tuple(
                    parse_requirement(text, "the command line") for text in request.requirements
                )
            )
        )
    return combine(parts)


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


def _target_settings(settings: Settings, name: str | None) -> TargetSettings:
    """Return what the project says of a named target, over what it says of every target.

    Raises ProjectError where it names targets, and not this one.
    """
    common = settings.target
    for named in settings.targets:
        if named.name == name:
            own = {field.name: value for field in fields(named) if (value := getattr(named, field.name))}
            # A driver is that of its GPUs: the common one goes with the common GPUs.
            return replace(replace(common, driver=None) if named.gpus else common, **own)
    if name is not None and settings.targets:
        known = ", ".join(str(target.name) for target in settings.targets)
        raise ProjectError(f"the project names no target {name!r}", hints=[f"it names {known}"])
    return common


def _target_request(
    said: TargetRequest,
    stated: TargetSettings,
    required: SpecifierSet | None,
    former: Target | None,
    base: KnowledgeBase,
) -> TargetRequest:
    """Fill what the command line leaves open from the project, and a Python that it admits."""
    gpus = said.gpus or stated.gpus
    # The driver of the file belongs to the GPUs of the file.
    same = not said.gpus or not stated.gpus
    python = said.python if said.python is not None else _text(stated.python)
    kept = former.python if former is not None and not gpus else None
    if python is None and required is not None and not (kept and required.contains(kept)):
        nearest = _python_for(required, base)
        python = nearest if kept is not None or nearest != base.default_python else None
    return TargetRequest(
        gpus=gpus,
        driver=said.driver if said.driver is not None or not same else stated.driver,
        python=python,
        glibc=said.glibc if said.glibc is not None or not same else _text(stated.glibc),
        platform=said.platform if said.platform is not None or not same else _text(stated.platform),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _python_for(required: SpecifierSet, base: KnowledgeBase) -> str:
    """Return the default Python where it is admitted, else the next newer one, else the next older.

    Wheels with GPU code lag behind Python, so the newest one is seldom served best.
    """
    admitted = [entry.minor for entry in base.pythons if required.contains(entry.newest, prereleases=True)]
    if not admitted:
        raise ProjectError(
            f"requires-python {required} admits the newest release of no known Python",
            hints=["name a release with --python, such as --python 3.11.4"],
        )
    default = Version(base.default_python)
    return min(
        admitted, key=lambda minor: (Version(minor) < default, abs(Version(minor).minor - default.minor))
    )


def _ignored_rules(ids: Sequence[str], base: KnowledgeBase) -> frozenset[str]:
    known = {rule.id for rule in base.rules}
    for rule in ids:
        if rule not in known:
            subject, _, what = rule.partition("/")
            if subject == "cuda" or what in ("device-code", "no-gpu-code", "no-recipe", "cuda-runtime"):
                raise ProjectError(f"{rule} cannot be switched off: it is what the files themselves say")
            raise ProjectError(f"there is no rule {rule!r} to ignore")
    return frozenset(ids)


def _kept_pins(request: LockRequest, previous: Pylock | None) -> dict[str, Version]:
    if previous is None or request.upgrade:
        return {}
    upgraded = {canonicalize_name(name) for name in request.upgrade_packages}
    locked = [package.name for package in previous.packages]
    for name in sorted(upgraded.difference(locked)):
        near = difflib.get_close_matches(name, locked)
        raise ProjectError(
            f"{name} cannot be upgraded: it is not in the lock",
            hints=[f"did you mean {' or '.join(near)}?"] if near else [],
        )
    return {
        package.name: package.version for package in locked_packages(previous) if package.name not in upgraded
    }


@contextmanager
def _package_index(
    request: LockRequest,
    settings: Settings,
    query: Query,
    environ: Mapping[str, str],
    notify: Notify,
) -> Iterator[tuple[PackageIndex, Session, frozenset[str]]]:
    configuration = configured_indexes(
        environ,
        home=Path.home(),
        cwd=request.directory.absolute(),
        index_url=request.index_url or settings.index_url,
        extra_index_urls=(*request.extra_index_urls, *settings.extra_index_urls),
    )
    for note in configuration.notes:
        notify(f"note: {note}")
    pytorch = request.pytorch_index
    if pytorch is None and settings.pytorch_index is not False:
        pytorch = "" if settings.pytorch_index is True else settings.pytorch_index
    routed: dict[str, tuple[str, ...]] = {}
    variants: frozenset[str] = frozenset()
    if pytorch is not None:
        index = query.knowledge.indexes["pytorch"]
        pages = _variant_pages(index, pytorch or index.url, query)
        routed = dict.fromkeys(index.packages, pages)
        variants = frozenset({index.name})
    session = Session(environ, offline=request.offline)
    cache = Cache(default_cache_dir(environ, home=Path.home()), notify=notify)
    here = host_platform.system() == "Linux" and host_platform.machine() == query.target.platform.machine

    def build(path: Path, sdist: Sdist) -> Metadata:
        if not request.build:
            raise BuildNotPossible(
                path, sdist, problem="only a build states its metadata, and --no-build is given"
            )
        if not here:
            raise CannotBuildHereError(
                sdist,
                f"this is not a {query.target.platform} machine",
                hints=["lock on such a machine, or name an older release of it"],
            )
        return built_metadata(
            path,
            sdist,
            python=query.target.python,
            cache=cache,
            index_urls=configuration.search_order,
            environ=environ,
            offline=request.offline,
            notify=notify,
        )

    with PackageIndex(
        session=session,
        cache=cache,
        configuration=configuration,
        routed=routed,
        static_metadata=lambda name, version: _static_metadata(query.knowledge, name, version),
        build=build,
        notify=notify,
    ) as packages:
        try:
            yield packages, session, variants
        except UnknownPackageError as error:
            searched = ", ".join(address for address, _ in configuration.public())
            raise UnknownPackageError(
                error.message, details={**error.details, "searched": searched}, hints=error.hints
            ) from None


def _variant_pages(index: RoutedIndex, url: str, query: Query) -> tuple[str, ...]:
    """Return the pages of an index of variants that can hold builds for the target."""
    base = url.rstrip("/")
    if base.rpartition("/")[2] in {label.label for label in index.labels}:
        return (f"{base}/",)  # one page was named
    driver = query.effective_fact(CUDA_DRIVER)
    return tuple(
        f"{base}/{label.label}/"
        for label in index.labels
        if (label.cuda is not None) == bool(query.target.gpus)
        and _driver_runs(query.knowledge, driver, label.cuda)
    )


def _driver_runs(base: KnowledgeBase, driver: Fact, cuda: Version | None) -> bool:
    runtime = base.runtimes.get(cuda.major) if cuda is not None else None
    if runtime is None or driver.version is None:
        return True
    return driver.version >= Version(runtime.driver)


def _static_metadata(base: KnowledgeBase, name: str, version: Version) -> Metadata | None:
    known = base.packages.get(name)
    for entry in known.metadata if known is not None else ():
        if entry.versions.contains(version, prereleases=True):
            return Metadata(
                name=name,
                version=version,
                requires=tuple(map(DeclaredRequirement, entry.requires)),
                requires_python=entry.requires_python,
                source="the knowledge base",
            )
    return None
