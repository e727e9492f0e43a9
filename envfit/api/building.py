"""Compiling what a lock marks as builds: each from the cache, or in an environment made for it.

The environment of a build holds exactly the torch that is locked, its dependencies and what the
build needs; where an interpreter provides torch, that interpreter builds.
"""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.version import Version

from envfit.api.build_pythons import isolated_python, provided_python
from envfit.api.build_sources import Sources
from envfit.build.cache import BuildCache, BuildKey, BuiltWheel
from envfit.build.compile import BuildPython, Order, compile_wheel
from envfit.build.progress import Costs
from envfit.build.run import toolkit_of
from envfit.build.settings import Settings
from envfit.distribution import Sdist
from envfit.errors import BuildError, FileError, LockError
from envfit.frozen import frozen
from envfit.index.cache import default_cache_dir
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.model import KnowledgeBase, SourceBuild
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.target import GLIBC, GXX, NVCC, FactState, Target

if TYPE_CHECKING:
    from envfit.api.targets import Notify, TargetRequest
    from envfit.detect.interpreter import Interpreter

__all__ = ["BuildMode", "BuildRequest", "build_file", "build_locked", "built_directory"]

Watch = Callable[[Callable[[], str]], None]


class BuildMode(enum.Enum):
    """Whether an installation compiles what its lock marks as builds."""

    AUTO = "auto"  # what is in the cache from there, the rest is compiled
    NEVER = "never"
    ONLY_CACHED = "only-cached"  # nothing is compiled, and no compiler is needed


@frozen
class _Buildable:
    """One package that a lock marks as a build, and how it is built for a target."""

    package: LockedPackage
    sdist: Sdist
    needs: tuple[str, ...]
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
    mode: BuildMode = BuildMode.AUTO
    interpreter: Interpreter | None = None  # that provides torch
    skip: frozenset[str] = frozenset()
    jobs: int | None = None  # default: by cores and memory
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
    if request.mode is BuildMode.NEVER:
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
    from envfit.api.targets import this_machine, without_ignored
    from envfit.lock.file import read_lock
    from envfit.lock.reading import rebased
    from envfit.project import rules_of

    environ = os.environ if environ is None else environ
    lock = rebased(read_lock(path), path.parent.absolute())
    base = load_knowledge(rules_of(path.parent / "pyproject.toml"))
    locked = locked_target(lock)
    machine = without_ignored(this_machine(target, base, notify=notify), locked, notify)
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
    only_cached = request.mode is BuildMode.ONLY_CACHED
    found = cache.find(key) or (cache.find_any(key) if only_cached or not key.nvcc else None)
    if found is not None:
        notify(f"{one.package} was compiled before: {found.path.name}")
        return found
    if only_cached:
        raise BuildError(
            f"{one.package} is not among the wheels that were compiled here before",
            hints=["envfit build LOCK compiles it"],
        )
    if not key.nvcc:
        raise BuildError(f"{one.package} must be compiled, and there is no nvcc here")
    sources = Sources(
        find_links=request.find_links, directory=request.directory, environ=request.environ, notify=notify
    )

    def python(tree: Path) -> BuildPython:
        if request.interpreter is not None:
            return provided_python(str(one.package), one.needs, request.interpreter)
        return isolated_python(
            lock,
            one.needs,
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
    for package in packages:
        sdist = package.distribution
        if not package.build or package.name in request.skip or not isinstance(sdist, Sdist):
            continue
        build = query.source_build(package.name, sdist)
        if build is None or sdist.sha256 is None:
            raise LockError(f"nothing is known of how {package} is built, or its file has no hash")
        settings, costs = _settings(build, target, nvcc.version, request.jobs)
        own = torch if build.needs_torch else None
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
            costs=costs,
            toolkit=toolkit,
            inherited=frozenset({"PYTHONPATH"}) if interpreter is not None else frozenset(),
            network=request.network,
        )
        yield _Buildable(
            package=package,
            sdist=sdist,
            needs=build.needs,
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


def _settings(
    build: SourceBuild, target: Target, nvcc: Version | None, jobs: int | None
) -> tuple[Settings, Costs]:
    """Return the variables of a build for a target's GPUs, and what it costs.

    Raises BuildError where the build knows no architecture for one of them.
    """
    words, codes = _architectures(build, target, nvcc)
    variables = dict(build.environment)
    if words:
        variables[build.architectures_in or "TORCH_CUDA_ARCH_LIST"] = build.separator.join(words)
    jobs = jobs or _jobs(build)
    effort = {build.jobs_in or "MAX_JOBS": str(jobs)}
    if build.threads_in is not None:
        effort[build.threads_in] = "1"
    cost = build.cost
    seconds = {item.name: item.seconds * len(codes) for item in cost.objects} if cost is not None else {}
    settings = Settings(
        variables=variables,
        effort=effort,
        clears=build.clears,
        local_version_in=build.local_version_in,
        libraries=build.libraries,
        codes=codes,
        jobs=jobs,
    )
    return settings, Costs(seconds=seconds, around=cost.around if cost is not None else 0.0)


def _architectures(
    build: SourceBuild, target: Target, nvcc: Version | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of the architectures that serve a target, and the machine code that comes of them."""
    if not build.architectures:
        each = target.capabilities
        return tuple(map(str, each)), tuple(f"{one.major}{one.minor}" for one in each)
    known = [one for one in build.architectures if nvcc is None or one.nvcc.contains(nvcc, prereleases=True)]
    chosen = {}
    for capability in target.capabilities:
        serving = [
            one for one in known if runs_on([one.code], [], capability, built_with=None, supported_cuda=None)
        ]
        if not serving:
            raise BuildError(f"its build knows no architecture that compute capability {capability} runs")
        best = max(serving, key=lambda one: int(one.code.rstrip("af")))
        chosen[best.word] = best.code
    if build.architectures_in is None:  # it compiles all that it knows
        return (), tuple(one.code for one in known)
    return tuple(chosen), tuple(chosen.values())


def _jobs(build: SourceBuild) -> int:
    """Return how many compilers run at a time: as many as there are cores and memory for."""
    cores = len(os.sched_getaffinity(0))
    available = next(
        (
            int(line.split()[1]) / 2**20
            for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
            if line.startswith("MemAvailable:")
        ),
        0.0,
    )
    return max(1, min(cores, int(available / (build.job_memory or 2.0))))
