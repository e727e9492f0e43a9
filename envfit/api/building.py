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
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.address import is_local, local_path
from envfit.build.cache import BuildCache, BuildKey, BuiltWheel
from envfit.build.compile import BuildPython, Order, compile_wheel
from envfit.build.progress import Costs
from envfit.build.run import toolkit_of
from envfit.build.settings import Settings
from envfit.distribution import Sdist
from envfit.errors import BuildError, FileError, InstallError, LockError
from envfit.frozen import frozen
from envfit.index.cache import default_cache_dir
from envfit.knowledge.model import KnowledgeBase, SourceBuild
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.target import GLIBC, GXX, NVCC, FactState, Target

if TYPE_CHECKING:
    from envfit.api.targets import Notify
    from envfit.detect.interpreter import Interpreter

__all__ = ["BuildMode", "Buildable", "build_locked", "built_directory"]

Watch = Callable[[Callable[[], str]], None]


class BuildMode(enum.Enum):
    """Whether an installation compiles what its lock marks as builds."""

    AUTO = "auto"  # what is in the cache from there, the rest is compiled
    NEVER = "never"
    ONLY_CACHED = "only-cached"  # nothing is compiled, and no compiler is needed


@frozen
class Buildable:
    """One package that a lock marks as a build, and how it is built for a target."""

    package: LockedPackage
    sdist: Sdist
    needs: tuple[str, ...]
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


def build_locked(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    *,
    mode: BuildMode = BuildMode.AUTO,
    interpreter: Interpreter | None = None,
    skip: frozenset[str] = frozenset(),
    jobs: int | None = None,
    network: bool = False,
    find_links: Sequence[Path] = (),
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    notify: Notify = lambda _: None,
) -> tuple[BuiltWheel, ...]:
    """Return a wheel for each package that a lock marks as a build, in the order of the lock.

    ``target`` is this machine, with the GPUs to build for; ``interpreter`` provides torch, where
    one does; source distributions are looked for in ``find_links`` before they are fetched;
    ``directory`` is where the configuration of indexes counts.  Nothing is returned for NEVER.
    Raises BuildError where one cannot be built, or is not in the cache and may not be built, and
    the errors of fetching and installing.
    """
    environ = os.environ if environ is None else environ
    if mode is BuildMode.NEVER:
        return ()
    cache = BuildCache(built_directory(environ), notify=notify)
    return tuple(
        _built(one, lock, cache, mode, interpreter, find_links, directory or Path.cwd(), environ, watch, notify)
        for one in _buildable(lock, target, base, interpreter, skip, jobs, network, environ)
    )


def _built(
    one: Buildable,
    lock: Pylock,
    cache: BuildCache,
    mode: BuildMode,
    interpreter: Interpreter | None,
    find_links: Sequence[Path],
    directory: Path,
    environ: Mapping[str, str],
    watch: Watch | None,
    notify: Notify,
) -> BuiltWheel:
    key = one.order.key
    found = cache.find(key) if key.nvcc else cache.find_any(key)
    if found is None and mode is BuildMode.ONLY_CACHED:
        found = cache.find_any(key)
    if found is not None:
        notify(f"{one.package} is there: it was compiled before ({found.path.name})")
        return found
    if mode is BuildMode.ONLY_CACHED:
        raise BuildError(
            f"{one.package} is not among the wheels that were compiled here before",
            hints=["envfit build LOCK compiles it", f"or put its wheel into {cache.wheelhouse}"],
        )
    if not key.nvcc:
        raise BuildError(f"{one.package} must be compiled, and there is no nvcc here")
    sources = _Sources(find_links=find_links, directory=directory, environ=environ, notify=notify)
    return compile_wheel(
        one.order,
        cache,
        unpack=lambda folder: sources.unpack(one.sdist, folder),
        interpreter=lambda tree: (
            _provided(one, interpreter)
            if interpreter is not None
            else _isolated(one, lock, tree, directory, environ, notify)
        ),
        watch=watch,
        notify=notify,
    )


# -- what is to be built ------------------------------------------------------


def _buildable(
    lock: Pylock,
    target: Target,
    base: KnowledgeBase,
    interpreter: Interpreter | None,
    skip: frozenset[str],
    jobs: int | None,
    network: bool,  # noqa: FBT001 - passed on
    environ: Mapping[str, str],
) -> Iterator[Buildable]:
    packages = locked_packages(lock)
    torch = _torch(packages, interpreter)
    python = interpreter.python if interpreter is not None else _python(lock, target)
    nvcc, compiler = target.fact(NVCC), target.fact(GXX)
    toolkit = toolkit_of(nvcc.source) if nvcc.state is FactState.KNOWN else None
    query = Query(base, target)
    for package in packages:
        sdist = package.distribution
        if not package.build or package.name in skip or not isinstance(sdist, Sdist):
            continue
        build = query.source_build(package.name, sdist)
        if build is None or sdist.sha256 is None:
            raise LockError(f"nothing is known of how {package} is built, or its file has no hash")
        settings, costs = _settings(build, target, jobs)
        own = torch if _needs(build, "torch") else None
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
            environ=environ,
            costs=costs,
            toolkit=toolkit,
            inherited=frozenset({"PYTHONPATH"}) if interpreter is not None else frozenset(),
            network=network,
        )
        yield Buildable(package=package, sdist=sdist, needs=build.needs, order=order)


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


def _needs(build: SourceBuild, name: str) -> bool:
    return any(canonicalize_name(Requirement(text).name) == name for text in build.needs)


def _settings(build: SourceBuild, target: Target, jobs: int | None) -> tuple[Settings, Costs]:
    """Return the variables of a build for a target's GPUs."""
    raise NotImplementedError


# -- what it is built from and with -------------------------------------------


@frozen
class _Sources:
    """Where source distributions come from."""

    find_links: Sequence[Path]
    directory: Path
    environ: Mapping[str, str]
    notify: Notify

    def unpack(self, sdist: Sdist, folder: Path) -> Path:
        """Unpack a source distribution, its hash checked, and return its top folder."""
        from envfit.index.source_tree import unpack

        archive = folder.with_name(sdist.filename)
        self._copy(sdist, archive)
        try:
            return unpack(archive, sdist, folder)
        finally:
            archive.unlink(missing_ok=True)

    def _copy(self, sdist: Sdist, archive: Path) -> None:
        from envfit.index.file_hash import hash_of_file

        for path in self._local(sdist):
            if path.is_file():
                digest, _ = hash_of_file(path)
                if digest == sdist.sha256:
                    shutil.copyfile(path, archive)
                    return
                self.notify(f"{path} is not the file that is locked: its sha256 is {digest}")
        if not sdist.url.startswith(("http:", "https:")):
            raise FileError(
                f"{sdist.filename} is not at {sdist.url}",
                hints=["name the directory that has it: --find-links DIR"],
            )
        self._download(sdist, archive)

    def _local(self, sdist: Sdist) -> Iterator[Path]:
        for directory in self.find_links:
            yield directory / sdist.filename
        if is_local(sdist.url):
            yield local_path(sdist.url)
        elif "://" not in sdist.url:
            yield self.directory / sdist.url

    def _download(self, sdist: Sdist, archive: Path) -> None:
        from envfit.api.indexes import IndexRequest, open_packages
        from envfit.index.download import download

        self.notify(f"fetching {sdist.filename}")
        request = IndexRequest(directory=self.directory)
        with (
            open_packages(request, self.environ, self.notify) as (_, session),
            archive.open("w+b") as file,
        ):
            download(session, sdist.url, file, sha256=sdist.sha256, notify=self.notify)


def _provided(one: Buildable, interpreter: Interpreter) -> BuildPython:
    """Return the interpreter that provides torch; raises BuildError where it lacks what the build needs."""
    has: dict[str, str] = {}
    lacking = []
    for text in one.needs:
        needed = Requirement(text)
        package = interpreter.package(canonicalize_name(needed.name))
        if package is None:
            lacking.append(text)
        elif not needed.specifier.contains(package.version, prereleases=True):
            lacking.append(f"{text} (it has {package.version})")
        else:
            has[package.name] = str(package.version)
    if lacking:
        raise BuildError(
            f"{one.package} cannot be built with {interpreter.path}, which lacks {', '.join(lacking)}",
            hints=["install what is lacking there, or build without --provided-from, in an environment made for it"],
        )
    return BuildPython(path=interpreter.path, requirements=has)


def _isolated(
    one: Buildable, lock: Pylock, tree: Path, directory: Path, environ: Mapping[str, str], notify: Notify
) -> BuildPython:
    """Return the Python of an environment with the locked torch and what the build needs, made where it is not."""
    from envfit.api.indexes import IndexRequest, open_downloads
    from envfit.install import BUILD_CONSTRAINTS
    from envfit.install.addresses import handed_over
    from envfit.install.run_tool import run_tool
    from envfit.install.run_uv import create_venv, sync
    from envfit.lock.file import write_lock

    place, noted = tree / "environment", tree / "environment.is"
    python = place / "bin" / "python"
    if not noted.is_file():
        shutil.rmtree(place, ignore_errors=True)
        minor = one.order.key.python.removeprefix("cp")
        names = {canonicalize_name(Requirement(text).name) for text in one.needs}
        part = _closure(lock, names)
        notify(f"making the environment that {one.package} is compiled in")
        create_venv(place, f"{minor[0]}.{minor[1:]}", prompt="build", notify=notify)
        record = tree / "pylock.toml"
        write_lock(part, record)
        with open_downloads(IndexRequest(directory=directory), environ, notify) as downloads:
            files = [package.distribution for package in locked_packages(part)]
            with handed_over(part, record, downloads.locate(files)) as given:
                sync(python, given, notify=notify)
            there = {package.name for package in part.packages}
            others = [
                text for text in one.needs if canonicalize_name(Requirement(text).name) not in there
            ]
            bounds = tree / "build-constraints.txt"
            bounds.write_text("".join(f"{line}\n" for line in BUILD_CONSTRAINTS), encoding="utf-8")
            if others:
                command = ["uv", "pip", "install", "--python", str(python), "--constraints", str(bounds), *others]
                run_tool(command, {**environ, **downloads.build_variables()}, notify=notify)
        noted.write_text("", encoding="utf-8")
    frozen_list = run_tool(["uv", "pip", "freeze", "--python", str(python)], environ)
    pins = dict(line.split("==", 1) for line in frozen_list.splitlines() if "==" in line and " " not in line)
    return BuildPython(path=str(python), requirements=pins)


def _closure(lock: Pylock, names: set[str]) -> Pylock:
    """Return the part of a lock that some packages need: themselves, and what they depend on."""
    dependencies = {package.name: package.dependencies for package in locked_packages(lock)}
    pending = [name for name in names if name in dependencies]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [other for other in dependencies[name] if other in dependencies]
    builds = {package.name for package in locked_packages(lock) if package.build}
    if found & builds:
        raise InstallError(f"{', '.join(sorted(found & builds))} must be compiled first")
    return replace(lock, packages=[package for package in lock.packages if package.name in found])
