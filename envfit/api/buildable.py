"""What a lock marks as builds, and how each is built for a target: orders, before anything is done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.version import Version

from envfit.api.build_pythons import cuda_headers, include_directory
from envfit.api.indexes import IndexRequest
from envfit.build.cache import BuildKey
from envfit.build.case import Case, torch_cuda
from envfit.build.compile import Order
from envfit.build.gate import Judged, judge
from envfit.build.progress import Costs
from envfit.build.run import toolkit_of
from envfit.build.settings import Settings
from envfit.distribution import Sdist, Wheel
from envfit.errors import LockError
from envfit.frozen import frozen
from envfit.index.cache import default_cache_dir
from envfit.install.options import Build
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.target import GLIBC, GXX, NVCC, Fact, FactState, Target

if TYPE_CHECKING:
    from envfit.detect.interpreter import Interpreter

__all__ = ["BuildRequest", "Buildable", "buildable", "built_directory", "facts_of_builds", "for_gpus_of"]


@frozen
class Buildable:
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
    indexes: IndexRequest  # where what is not here comes from
    mode: Build = Build.AUTO
    interpreter: Interpreter | None = None  # that provides torch
    skip: frozenset[str] = frozenset()
    jobs: int | None = None  # default: by cores and memory
    ignored: frozenset[str] = frozenset()  # rules that are switched off
    network: bool = False  # whether builds may use the network
    find_links: tuple[Path, ...] = ()  # where source distributions are looked for first


def buildable(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    request: BuildRequest,
) -> Iterator[Buildable]:
    """Yield what a lock marks as builds, in its order; raises LockError where nobody knows how."""
    packages, interpreter = locked_packages(lock), request.interpreter
    query = Query(base, target)
    torch = _torch(query, packages, interpreter)
    python = interpreter.python if interpreter is not None else _python(lock, target)
    nvcc, compiler = target.fact(NVCC), target.fact(GXX)
    toolkit = toolkit_of(nvcc.source) if nvcc.state is FactState.KNOWN else None
    here = replace(target, facts=(*target.facts, *facts_of_builds(request, toolkit, base)))
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
                jobs=request.jobs,
                locked=frozenset(item.name for item in packages) if installed is None else None,
            )
        )
        settings = _settings(judged)
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
        yield Buildable(
            package=package,
            sdist=sdist,
            judged=judged,
            python=f"{python.major}.{python.minor}",
            order=order,
        )


def _torch(query: Query, packages: Sequence[LockedPackage], interpreter: Interpreter | None) -> _Torch | None:
    """Return the torch that an interpreter provides, else the one that is locked."""
    provided = interpreter.package("torch") if interpreter is not None else None
    if provided is not None:
        return _Torch(version=provided.version, cuda=provided.cuda, cxx11_abi=provided.cxx11_abi)
    locked = {package.name: package for package in packages}
    torch = locked.get("torch")
    if torch is None or torch.version is None:
        return None
    wheel = torch.distribution if isinstance(torch.distribution, Wheel) else None
    cuda = torch_cuda(query, torch.version, wheel)
    if cuda is None:  # of a release that nobody has read, the runtime that is locked beside it says it
        runtimes = (item.version for name, item in locked.items() if name.startswith("nvidia-cuda-runtime"))
        cuda = next(runtimes, None)
    return _Torch(version=torch.version, cuda=cuda, cxx11_abi=None)


def for_gpus_of(lock: Pylock, machine: Target) -> Target:
    """Return a machine with the GPUs that a lock was made for, where it has none: it builds for others."""
    locked = locked_target(lock)
    return machine if machine.gpus or locked is None else replace(machine, gpus=locked.gpus)


def _python(lock: Pylock, target: Target) -> Version:
    locked = locked_target(lock)
    return locked.python if locked is not None else target.python


def _settings(judged: Judged) -> Settings:
    """Return what the recipe of a build sets, and what its wheel must hold."""
    recipe, build = judged.recipe, judged.case.build
    jobs = judged.jobs.count if judged.jobs is not None else judged.case.jobs or 1
    # torch's own way of building reads this one whatever the package does.
    of_torch = {"MAX_JOBS": str(jobs)} if build.needs_torch else {}
    return Settings(
        variables=recipe.variables,
        effort={**of_torch, **recipe.effort(jobs)},
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


def facts_of_builds(request: BuildRequest, toolkit: str | None, base: KnowledgeBase) -> tuple[Fact, ...]:
    """Return what builds can have of this machine: cores, memory, disk, header files.

    ``toolkit`` is the directory of the CUDA toolkit.
    """
    from envfit.detect.headers import read_header_facts
    from envfit.detect.resources import read_resources

    resources = read_resources(Path("/"), request.environ, built_directory(request.environ))
    wanted = tuple(base.torch_extensions.headers) if base.torch_extensions is not None else ()
    python, environ = None, dict(request.environ)
    if request.interpreter is not None:
        python = include_directory(request.interpreter.path)
        more = cuda_headers(request.interpreter.directories)
        environ["CPATH"] = os.pathsep.join([*filter(None, [environ.get("CPATH")]), *more])
    return (*resources, *read_header_facts(wanted, toolkit, environ, python=python))
