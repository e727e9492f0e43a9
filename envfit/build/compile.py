"""From a source distribution to a wheel in the cache: unpacked, built, read back, named and kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path

from packaging.version import Version

from envfit.build.cache import BuildCache, BuildKey, BuiltWheel, Measured
from envfit.build.isolation import isolation
from envfit.build.local_version import local_version, with_local_version
from envfit.build.progress import Costs, duration
from envfit.build.readback import check_wheel, read_back
from envfit.build.run import build_wheel
from envfit.build.settings import Settings
from envfit.build.surroundings import surroundings
from envfit.errors import FileError
from envfit.frozen import frozen

__all__ = ["BuildPython", "Order", "compile_wheel"]


@frozen
class BuildPython:
    """An interpreter that has what a build needs."""

    path: str
    requirements: Mapping[str, str]  # what it has, by name: the version
    headers: tuple[str, ...] = ()  # directories of CUDA's headers, for a toolkit that has none


@frozen
class Order:
    """One wheel to be compiled."""

    key: BuildKey
    settings: Settings
    environ: Mapping[str, str]
    costs: Costs = field(default_factory=Costs)
    toolkit: str | None = None  # directory of the CUDA toolkit
    inherited: frozenset[str] = frozenset()  # variables that the interpreter needs
    network: bool = False

    @property
    def title(self) -> str:
        """What is built, for messages."""
        return f"{self.key.name} {self.key.version}"

    @property
    def local(self) -> str:
        """The local version of the wheel."""
        return local_version(
            cuda=Version(self.key.cuda) if self.key.cuda else None,
            torch=Version(self.key.torch) if self.key.torch else None,
            codes=self.key.codes,
        )


def compile_wheel(
    order: Order,
    cache: BuildCache,
    *,
    unpack: Callable[[Path], Path],
    interpreter: Callable[[Path, Path], BuildPython],
    watch: Callable[[Callable[[], str]], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> BuiltWheel:
    """Return the wheel of an order: from the cache, or compiled, going on from where a former run was.

    ``unpack`` puts the source, its hash checked, into an empty directory and returns its top
    folder; ``interpreter`` makes or finds the Python of the build: it is given a directory and the source.
    Raises BuildError, CrippledBuildError and FileError.
    """
    found = cache.find(order.key)
    if found is not None:
        return found
    with cache.exclusive(order.key) as tree:
        found = cache.find(order.key)  # whoever was waited for may have built it
        if found is not None:
            return found
        source = _source(tree, unpack, notify)
        python = interpreter(tree, source)
        made = _compile(order, cache, source, python, watch=watch, notify=notify)
        shutil.rmtree(tree, ignore_errors=True)
    return made


def _compile(
    order: Order,
    cache: BuildCache,
    source: Path,
    python: BuildPython,
    *,
    watch: Callable[[Callable[[], str]], None] | None,
    notify: Callable[[str], None],
) -> BuiltWheel:
    settings, tree = order.settings, cache.tree(order.key)
    if settings.local_version_in is not None and order.local:
        variables = {**settings.variables, settings.local_version_in: order.local}
        settings = replace(settings, variables=variables)
    around = surroundings(
        settings,
        order.environ,
        toolkit=order.toolkit,
        path=(str(Path(python.path).parent),),
        headers=python.headers,
        inherited=order.inherited,
        network=order.network,
    )
    if around.left_out:
        notify(f"not taken over from the environment: {', '.join(around.left_out)}")
    walled = isolation(network=order.network)
    log = tree / "build.log"
    jobs = f"{settings.jobs} job{'s' if settings.jobs > 1 else ''}"
    for_what = " and ".join(f"sm_{code}" for code in settings.codes)
    notify(f"compiling {order.title} for {for_what or 'this machine'} with {jobs}; {walled.wall.value}")
    notify(f"its output goes to {log}")
    output = tree / "output"
    output.mkdir(exist_ok=True)
    built = build_wheel(
        source,
        python.path,
        name=order.title,
        variables=around.variables,
        isolation=walled,
        jobs=settings.jobs,
        output=output,
        log=log,
        costs=order.costs,
        watch=watch,
        notify=notify,
    )
    wheel = with_local_version(built.wheel, order.local)
    libraries = read_back(wheel)
    check_wheel(
        wheel,
        libraries,
        patterns=settings.libraries,
        codes=settings.codes,
        ptx=settings.ptx,
        cuda=Version(order.key.cuda).major if order.key.cuda else None,
        log=log,
    )
    notify(f"{order.title} was compiled in {duration(built.seconds)}")
    measured = Measured(
        seconds=built.seconds,
        objects=built.objects,
        compiled=built.compiled,
        peak_memory=built.peak_memory,
        jobs=settings.jobs,
    )
    return cache.store(
        order.key,
        wheel,
        libraries,
        measured,
        requirements=python.requirements,
        isolation=built.wall.name.lower(),
        left_out=around.left_out,
        log=log,
    )


def _source(tree: Path, unpack: Callable[[Path], Path], notify: Callable[[str], None]) -> Path:
    """Return the unpacked source: that of a former run, with what it finished, or unpacked now."""
    place, noted = tree / "source", tree / "source.is"
    try:
        if noted.is_file():
            there = place / noted.read_text(encoding="utf-8")
            if there.is_dir():
                notify(f"going on in {tree}, where a former build stopped")
                return there
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        top = unpack(place)
        noted.write_text(top.name, encoding="utf-8")  # only now: what is half unpacked does not count
    except OSError as error:
        raise FileError(f"{place} cannot be written: {error.strerror or error}") from error
    return top
