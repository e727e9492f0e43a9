"""GPU code of what is installed: known of its release, or read in its own libraries and kept.

What was read is kept by path, size and time of change: a library of a gigabyte is read once.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.tags import parse_tag
from packaging.version import Version

from envfit.distribution import Wheel
from envfit.doctor.linked import required_by
from envfit.frozen import frozen
from envfit.installed.contents import Owned
from envfit.installed.model import InstalledDistribution, InstalledEnvironment
from envfit.knowledge.derived import GENERATOR, DerivedWheel, derived_text, device_code, read_derived
from envfit.knowledge.document import Table
from envfit.knowledge.model import DeviceCode, KnowledgeBase
from envfit.knowledge.own_code import own_code_of
from envfit.knowledge.query import Query
from envfit.target import Target
from envfit.toml_text import parse_toml

if TYPE_CHECKING:
    from envfit.api.targets import Notify
    from envfit.binary.library import LibraryCode
    from envfit.index.cache import Cache

__all__ = ["InstalledCode", "installed_code"]

#: Bytes of libraries that one check reads; what was read before counts as nothing.
READ_LIMIT = 4_000_000_000

_STEP = 1 << 22  # bytes of a library read at a time
_TOLD = 100_000_000  # bytes of which reading takes so long that it is told
_SMALLEST = 100_000  # bytes of a library; a smaller one has no kernels
_COMPILED = re.compile(r"cu\d+.*(?:torch|pt)\d", re.DOTALL)  # a local version such as "cu130torch211sm80"
_CUDA = re.compile(r"^cuda\s*(?::[^=\n]*)?=\s*(?:(None)|['\"](\d+\.\d+))", re.MULTILINE)


@frozen
class InstalledCode:
    """The wheels that stand for what is installed, and the knowledge with what was read in them."""

    knowledge: KnowledgeBase
    wheels: Mapping[str, Wheel]  # by normalized name


def installed_code(
    environment: InstalledEnvironment,
    owned: Iterable[Owned],
    base: KnowledgeBase,
    target: Target,
    cache: Cache,
    *,
    quick: bool,
    notify: Notify,
) -> InstalledCode:
    """Return what stands for the installed packages, and read what GPU code they have where it may matter.

    ``quick``: no library is read; what is known of the release, or was read before, has to do.
    """
    files = {each.distribution.place: each for each in owned}
    query = Query(base, target)
    reader = _Reader(query, cache, 0 if quick else READ_LIMIT, notify)
    wheels: dict[str, Wheel] = {}
    found: list[DeviceCode] = []
    for distribution in environment.seen().values():
        if distribution.version is None:
            continue
        wheel = _wheel(distribution)
        wheels[distribution.name] = wheel
        mine = files.get(distribution.place)
        if distribution.name == "torch":
            code = _torch_code(distribution, wheel, query)
        elif mine is not None and target.gpus and _may_have_code(distribution, query):
            code = reader.read(mine, wheel)
        else:
            continue
        if code is not None:
            found.append(code)
            wheels[distribution.name] = replace(wheel, sha256=code.sha256)
    return InstalledCode(knowledge=base.with_device_code(found), wheels=wheels)


def _wheel(distribution: InstalledDistribution) -> Wheel:
    """Return the wheel that stands for an installed distribution: its tags are known, its hash is not."""
    version = distribution.version or Version("0")
    tags = frozenset(tag for text in distribution.tags for tag in parse_tag(text))
    return Wheel(
        name=distribution.name,
        version=version,
        filename=f"{distribution.name} {version} as installed",
        url="",
        index="",
        tags=tags,
    )


def _may_have_code(distribution: InstalledDistribution, query: Query) -> bool:
    """Tell whether a package may have GPU code: by what is known of it, or else by what it says of itself.

    Of packages that nobody described, those that require torch, or that were built for a CUDA and a
    torch by their local version (``cu130torch211sm80``), may be extensions that were compiled for GPUs.
    """
    package = query.package(distribution.name)
    if package.gpu_builds or package.own_code or package.extensions:
        return True
    if distribution.name in query.knowledge.packages:
        return False
    local = distribution.version.local if distribution.version is not None else None
    return _COMPILED.search(local or "") is not None or ("torch", False) in required_by(distribution)


def _torch_code(distribution: InstalledDistribution, wheel: Wheel, query: Query) -> DeviceCode | None:
    """Return torch's build by what torch/version.py states: which of several builds of a version it is.

    None where that is no other than what is known of the release.
    """
    place = distribution.directory / "torch/version.py"
    try:
        stated = _CUDA.search(place.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    if stated is None:
        return None
    cuda = None if stated[1] else Version(stated[2])
    known = query.device_code("torch", wheel)
    if known is not None and known.cuda == cuda:
        return None
    return DeviceCode(
        package="torch",
        version=wheel.version,
        platform=query.target.platform,
        filename=wheel.filename,
        sha256=f"installed {place}",
        cuda=cuda,
        sass=() if cuda is None else None,
        source=str(place),
    )


class _Reader:
    """Reads the libraries of packages, until the limit is reached."""

    def __init__(self, query: Query, cache: Cache, left: int, notify: Notify) -> None:
        self._query = query
        self._cache = cache
        self._left = left
        self._notify = notify

    def read(self, owned: Owned, wheel: Wheel) -> DeviceCode | None:
        """Return the GPU code of a package's libraries; None where it was not read, or there are none."""
        directory = owned.distribution.directory
        paths = {path: directory / path for path in self._wanted(owned, wheel)}
        try:
            states = [path.stat() for path in paths.values()]
        except OSError:
            return None
        if not paths:
            return None
        stamps = " ".join(
            f"{path} {state.st_size} {state.st_mtime_ns}"
            for path, state in zip(paths.values(), states, strict=True)
        )
        key = f"installed-code {GENERATOR} {wheel.name} {wheel.version} {stamps}"
        kept = self._cache.record(key)
        if isinstance(kept, str):
            return _code(wheel.name, kept)
        size = sum(state.st_size for state in states)
        if size > self._left:
            return None
        from envfit.api.deriving import libraries_of

        self._left -= size
        if size > _TOLD:
            self._notify(f"reading the GPU code of {wheel.name} {wheel.version} ({size / 1e6:.0f} MB)")
        try:
            libraries = libraries_of({name: _read(path) for name, path in paths.items()})
        except OSError:
            return None
        known = self._query.device_code(wheel.name, wheel)
        read = DerivedWheel(
            filename=wheel.filename,
            # Of what was read; the wheel that it came from is not known any more.
            sha256=hashlib.sha256(key.encode()).hexdigest(),
            version=wheel.version,
            platform=self._query.target.platform,
            cuda=known.cuda if known is not None else None,
            sass=None if libraries else (),
            libraries=libraries,
        )
        text = derived_text(wheel.name, GENERATOR, [read])
        self._cache.store_record(key, text)
        return _code(wheel.name, text)

    def _wanted(self, owned: Owned, wheel: Wheel) -> Sequence[str]:
        """Return the package's own libraries that are there; all where nobody said which are its own."""
        # An extension that nobody described may be of one kernel; there are few of those.
        smallest = _SMALLEST if wheel.name in self._query.knowledge.packages else 0
        there = [
            file.path
            for file in owned.files
            if ".so" in file.path.rpartition("/")[2]
            and (file.size or _SMALLEST) >= smallest
            and file.path not in owned.missing
        ]
        patterns = [
            pattern.replace("{}", "*")
            for own in own_code_of(self._query.package(wheel.name), wheel.version)
            for pattern in own.libraries
        ]
        own = [path for path in there if any(fnmatch.fnmatchcase(path, item) for item in patterns)]
        return own if patterns else there


def _read(path: Path) -> LibraryCode:
    from envfit.binary.library import LibraryReader

    with path.open("rb") as file, tempfile.TemporaryFile(prefix="envfit-") as spool:
        reader = LibraryReader(spool)
        while data := file.read(_STEP):
            reader.feed(data)
        return reader.finish()


def _code(name: str, text: str) -> DeviceCode | None:
    """Return the device code in a text that was kept; None where it cannot be used."""
    faults: list[str] = []
    read = read_derived(Table(parse_toml(text), file=name, path="", faults=faults))
    return device_code(name, read[0], GENERATOR) if read and not faults else None
