"""Compiling what a lock marks as builds: each from the cache, or in an environment made for it.

The environment of a build holds exactly the torch that is locked, its dependencies and what the
build needs; where an interpreter provides torch, that interpreter builds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.version import Version

from envfit.api.build_pythons import cuda_headers, include_directory, isolated_python, provided_python
from envfit.api.build_sources import Sources
from envfit.build.cache import BuildCache, BuildKey, BuiltWheel
from envfit.build.case import Case
from envfit.build.compile import BuildPython, Order, compile_wheel
from envfit.build.gate import Judged, Outcome, judge
from envfit.build.progress import Costs
from envfit.build.run import toolkit_of
from envfit.build.settings import Settings
from envfit.distribution import Sdist
from envfit.errors import BuildError, FileError, InstallRefusedError, LockError
from envfit.frozen import frozen
from envfit.index.cache import default_cache_dir
from envfit.install.options import Build
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.target import GLIBC, GXX, NVCC, Fact, FactState, Target

if TYPE_CHECKING:
    from envfit.api.targets import Notify, TargetRequest
    from envfit.detect.interpreter import Interpreter

__all__ = ["BuildRequest", "build_file", "build_locked", "built_directory"]

Watch = Callable[[Callable[[], str]], None]


@frozen
class _Buildable:
    """One package that a lock marks as a build, and how it is built for a target."""

    package: LockedPackage
    sdist: Sdist
    judged: Judged
    python: str  # minor version
    order: Order


@frozen
class _Torch:
    """The torch that builds are made against."""

    version: Version
    cuda: Version | None
    cxx11_abi: bool | None


def built_directory(environ: Mapping[str, str]) -> Path:
    """Return where compiled wheels are kept."""
    return default_cache_dir(environ, home=Path.home()) / "builds-v1"


@frozen
class BuildRequest:
    """What is said of builds."""

    environ: Mapping[str, str]
    directory: Path  # whose configuration of indexes counts
    mode: Build = Build.AUTO
    interpreter: Interpreter | None = None  # that provides torch
    skip: frozenset[str] = frozenset()
    jobs: int | None = None  # default: by cores and memory
    ignored: frozenset[str] = frozenset()  # rules that are switched off
    network: bool = False  # whether builds may use the network
    find_links: tuple[Path, ...] = ()  # where source distributions are looked for first


def build_locked(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    request: BuildRequest,
    *,
    watch: Watch | None = None,
    notify: Notify = lambda _: None,
) -> tuple[BuiltWheel, ...]:
    """Return a wheel for each package that a lock marks as a build, in the order of the lock.

    ``target`` is this machine, with the GPUs to build for.  ``watch`` is given what returns a line of
    status, where somebody shows it.  Nothing is returned for NEVER.  Raises BuildError where one cannot
    be built, or is not in the cache and may not be built, and the errors of fetching and installing.
    """
    if request.mode is Build.NEVER:
        return ()
    if not target.gpus:
        raise BuildError("there is no GPU to compile for", hints=["name one: --gpu H200"])
    cache = BuildCache(built_directory(request.environ), notify=notify)
    return tuple(
        _built(one, lock, cache, request, watch=watch, notify=notify)
        for one in _buildable(lock, target, base, request)
    )


def build_file(
    path: Path,
    *,
    target: TargetRequest,
    output: Path | None = None,
    provided_from: str | None = None,
    skip: Sequence[str] = (),
    jobs: int | None = None,
    network: bool = False,
    find_links: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    notify: Notify = lambda _: None,
) -> tuple[BuiltWheel, ...]:
    """Compile what a lock file marks as builds for the GPUs of a target, on this machine.

    No GPU is needed for GPUs that are named.  ``output`` is a directory that gets the wheels besides
    the cache.  Raises what ``build_locked`` raises, and the errors of reading the lock.
    """
    from packaging.utils import canonicalize_name

    from envfit.api.knowing import load_knowledge
    from envfit.api.provided import ask_interpreter
    from envfit.api.targets import this_machine
    from envfit.lock.file import read_lock
    from envfit.lock.reading import rebased
    from envfit.project import rules_of

    environ = os.environ if environ is None else environ
    lock = rebased(read_lock(path), path.parent.absolute())
    base = load_knowledge(rules_of(path.parent / "pyproject.toml"))
    locked = locked_target(lock)
    machine = this_machine(target, base, notify=notify)
    if not machine.gpus and locked is not None:
        machine = replace(machine, gpus=locked.gpus)  # a login node, or an image, builds for others
    request = BuildRequest(
        environ=environ,
        directory=path.parent,
        interpreter=ask_interpreter(provided_from, (), environ, notify),
        skip=frozenset(map(canonicalize_name, skip)),
        jobs=jobs,
        network=network,
        find_links=tuple(find_links),
    )
    wheels = build_locked(lock, machine, base, request, watch=watch, notify=notify)
    if output is None:
        return wheels
    return tuple(replace(wheel, path=_copied(wheel.path, output)) for wheel in wheels)


def _copied(wheel: Path, directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(wheel, directory))
    except OSError as error:
        raise FileError(
            f"{wheel.name} cannot be written to {directory}: {error.strerror or error}"
        ) from error


def _built(
    one: _Buildable,
    lock: Pylock,
    cache: BuildCache,
    request: BuildRequest,
    *,
    watch: Watch | None,
    notify: Notify,
) -> BuiltWheel:
    key = one.order.key
    only_cached = request.mode is Build.ONLY_CACHED
    found = cache.find(key) or (cache.find_any(key) if only_cached or not key.nvcc else None)
    if found is not None:
        notify(f"{one.package} was compiled before: {found.path.name}")
        return found
    if only_cached:
        raise BuildError(
            f"{one.package} is not among the wheels that were compiled here before",
            hints=["envfit build LOCK compiles it"],
        )
    _refuse(one.judged)
    sources = Sources(
        find_links=request.find_links, directory=request.directory, environ=request.environ, notify=notify
    )

    def python(tree: Path) -> BuildPython:
        if request.interpreter is not None:
            return provided_python(str(one.package), one.judged.case.build.needs, request.interpreter)
        return isolated_python(
            lock,
            one.judged.case.build.needs,
            one.python,
            tree,
            directory=request.directory,
            environ=request.environ,
            notify=notify,
        )

    return compile_wheel(
        one.order,
        cache,
        unpack=lambda folder: sources.unpack(one.sdist, folder),
        interpreter=python,
        watch=watch,
        notify=notify,
    )


# -- what is to be built ------------------------------------------------------


def _buildable(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    request: BuildRequest,
) -> Iterator[_Buildable]:
    packages, interpreter = locked_packages(lock), request.interpreter
    torch = _torch(packages, interpreter)
    python = interpreter.python if interpreter is not None else _python(lock, target)
    nvcc, compiler = target.fact(NVCC), target.fact(GXX)
    toolkit = toolkit_of(nvcc.source) if nvcc.state is FactState.KNOWN else None
    query = Query(base, target)
    here = replace(target, facts=(*target.facts, *_facts_of_builds(request, base, nvcc)))
    installed = (
        {item.name: item.version for item in interpreter.provided} if interpreter is not None else None
    )
    for package in packages:
        sdist = package.distribution
        if not package.build or package.name in request.skip or not isinstance(sdist, Sdist):
            continue
        build = query.source_build(package.name, sdist)
        if build is None or sdist.sha256 is None:
            raise LockError(f"nothing is known of how {package} is built, or its file has no hash")
        own = torch if build.needs_torch else None
        judged = judge(
            Case(
                knowledge=base,
                target=here,
                package=package.name,
                version=sdist.version,
                build=build,
                torch=own.version if own is not None else None,
                torch_cuda=own.cuda if own is not None else None,
                ignored_rules=request.ignored,
                installed=installed,
            )
        )
        settings = _settings(judged, request.jobs)
        cuda = own.cuda if own is not None else nvcc.version
        key = BuildKey(
            name=package.name,
            version=sdist.version.public,
            sdist=sdist.sha256,
            python=f"cp{python.major}{python.minor}",
            platform=f"{target.platform.system}_{target.platform.machine}",
            glibc=target.fact(GLIBC).value,
            torch=str(own.version.public) if own is not None else "",
            cuda=f"{cuda.major}.{cuda.minor}" if cuda is not None else "",
            cxx11_abi=own.cxx11_abi if own is not None else None,
            codes=settings.codes,
            ptx=settings.ptx,
            nvcc=str(nvcc.version) if nvcc.version is not None else "",
            compiler=str(compiler.version) if compiler.version is not None else "",
            settings=tuple(sorted(settings.variables.items())),
        )
        order = Order(
            key=key,
            settings=settings,
            environ=request.environ,
            costs=_costs(judged),
            toolkit=toolkit,
            inherited=frozenset({"PYTHONPATH"}) if interpreter is not None else frozenset(),
            network=request.network,
        )
        yield _Buildable(
            package=package,
            sdist=sdist,
            judged=judged,
            python=f"{python.major}.{python.minor}",
            order=order,
        )


def _torch(packages: Sequence[LockedPackage], interpreter: Interpreter | None) -> _Torch | None:
    """Return the torch that an interpreter provides, else the one that is locked."""
    provided = interpreter.package("torch") if interpreter is not None else None
    if provided is not None:
        return _Torch(version=provided.version, cuda=provided.cuda, cxx11_abi=provided.cxx11_abi)
    locked = {package.name: package for package in packages}
    torch = locked.get("torch")
    if torch is None or torch.version is None:
        return None
    label = torch.version.local or ""
    if label.startswith("cu") and label[2:].isdigit():
        return _Torch(version=torch.version, cuda=Version(f"{label[2:-1]}.{label[-1]}"), cxx11_abi=None)
    # The default index names no CUDA in its version: the runtime that is locked beside it does.
    runtimes = [
        package.version
        for name, package in locked.items()
        if name.startswith("nvidia-cuda-runtime") and package.version is not None
    ]
    return _Torch(version=torch.version, cuda=runtimes[0] if runtimes else None, cxx11_abi=None)


def _python(lock: Pylock, target: Target) -> Version:
    locked = locked_target(lock)
    return locked.python if locked is not None else target.python


def _settings(judged: Judged, jobs: int | None) -> Settings:
    """Return what the recipe of a build sets, and what its wheel must hold."""
    recipe, build = judged.recipe, judged.case.build
    if jobs is None:
        jobs = judged.jobs.count if judged.jobs is not None else 1
    return Settings(
        variables=recipe.variables,
        effort=recipe.effort(jobs),
        clears=recipe.clears,
        local_version_in=build.local_version_in,
        libraries=build.libraries,
        codes=recipe.codes,
        jobs=jobs,
    )


def _costs(judged: Judged) -> Costs:
    cost, architectures = judged.case.build.cost, len(judged.recipe.codes)
    if cost is None:
        return Costs()
    return Costs(
        seconds={item.name: item.seconds * architectures for item in cost.objects}, around=cost.around
    )


def _facts_of_builds(request: BuildRequest, base: KnowledgeBase, nvcc: Fact) -> Iterator[Fact]:
    """Yield what builds can have of this machine: cores, memory, disk, header files."""
    from envfit.detect.headers import read_header_facts
    from envfit.detect.resources import read_resources

    directory = built_directory(request.environ)
    yield from read_resources(Path("/"), request.environ, directory)
    wanted = tuple(base.torch_extensions.headers) if base.torch_extensions is not None else ()
    toolkit = toolkit_of(nvcc.source) if nvcc.state is FactState.KNOWN else None
    interpreter, environ = request.interpreter, dict(request.environ)
    if interpreter is not None:
        more = cuda_headers(interpreter.directories)
        environ["CPATH"] = os.pathsep.join([*filter(None, [environ.get("CPATH")]), *more])
    python, cuda = read_header_facts(
        wanted,
        toolkit,
        environ,
        python=include_directory(interpreter.path) if interpreter is not None else None,
    )
    yield python
    if interpreter is not None or cuda.state is FactState.KNOWN:
        yield cuda  # what an environment that is yet to be made will have, nobody knows


def _refuse(judged: Judged) -> None:
    """Raise InstallRefusedError, with every gate that is closed, where a build is not possible."""
    if judged.possible:
        return
    from envfit.build.remedy import with_remedies

    closed = [gate for gate in with_remedies(judged).gates if gate.outcome is Outcome.FAILED]
    raise InstallRefusedError(
        f"{judged.case.release} cannot be compiled here",
        details={gate.name: " ".join(map(str, gate.reasons)) for gate in closed},
        hints=[
            f"{remedy.text} {remedy.command or ''}".strip() for gate in closed for remedy in gate.remedies
        ],
    )
