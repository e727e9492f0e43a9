"""Wheels that were compiled here, kept by everything that they depend on.

Layout, under one directory::

    entries/KEY/NAME.whl     the wheel, and built.json: its key, its hash and what was measured
    wheels/NAME.whl          the same files (links), the newest of each name: a wheelhouse for
                             --find-links of any tool
    trees/KEY/               what is being built: source, environment, output, build.log; it goes
                             when the wheel is there
    trees/KEY.lock           held by whoever builds it

KEY is the sha256 of the key.  An entry appears whole, by a rename.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename
from packaging.version import InvalidVersion, Version

from envfit.build.readback import BuiltLibrary
from envfit.digest import sha256_of
from envfit.errors import FileError
from envfit.frozen import frozen

__all__ = ["BuildCache", "BuildKey", "BuiltWheel", "Measured"]

_FORMAT = 1
_RECORD = "built.json"


@frozen
class BuildKey:
    """Everything that a compiled wheel depends on."""

    name: str
    version: str  # without a local part
    sdist: str  # sha256
    python: str  # cp312
    platform: str  # linux_x86_64
    glibc: str  # of the machine that builds; older ones do not run it
    torch: str = ""  # empty where it needs none
    cuda: str = ""  # runtime of torch, else of the toolkit: 13.0
    cxx11_abi: bool | None = None
    codes: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    nvcc: str = ""  # empty where there is none, and any build serves
    compiler: str = ""  # version of the host compiler, as nvcc
    settings: tuple[tuple[str, str], ...] = ()  # variables that decide what is built

    @property
    def digest(self) -> str:
        """The key as the name of a directory."""
        text = json.dumps({"format": _FORMAT, **self.as_data()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            **asdict(self),
            "codes": list(self.codes),
            "ptx": list(self.ptx),
            "settings": dict(self.settings),
        }

    def admits(self, other: Mapping[str, Any]) -> bool:
        """Tell whether what was built under another key serves here, where nothing can be compiled.

        The tools that compiled it are not asked for, and its glibc may be older.
        """
        own = self.as_data()
        free = {"nvcc", "compiler", "glibc"}
        if not self.torch:
            free.add("cuda")  # the toolkit's own, which nobody knows where there is none
        if {name: own[name] for name in own if name not in free} != {
            name: value for name, value in other.items() if name not in free and name in own
        }:
            return False
        try:
            return Version(str(other.get("glibc"))) <= Version(self.glibc)
        except InvalidVersion:
            return other.get("glibc") == self.glibc


@frozen
class Measured:
    """What a build took."""

    seconds: float  # of the run that finished it
    objects: int
    compiled: int  # objects of that run
    peak_memory: int  # bytes
    jobs: int


@frozen
class BuiltWheel:
    """A compiled wheel in the cache."""

    name: str
    version: Version  # with the local part that names what it was built for
    path: Path
    sha256: str
    size: int  # bytes
    architectures: tuple[str, ...]  # of its machine code: "90"
    seconds: float  # that its build took
    from_cache: bool
    cuda: Version | None = None  # runtime of the torch that it was built beside, else of the toolkit
    peak_memory: int = 0  # bytes
    objects: int = 0
    compiled: int = 0
    libraries: tuple[BuiltLibrary, ...] = ()
    log: Path | None = None
    requirements: Mapping[str, str] = field(default_factory=dict)  # that it was built with
    isolation: str = ""
    left_out: tuple[str, ...] = ()  # variables that the build did not inherit


class BuildCache:
    """Compiled wheels under one directory; safe to use from several processes."""

    def __init__(self, directory: Path, *, notify: Callable[[str], None] = lambda _: None) -> None:
        self.directory = directory
        self._notify = notify

    @property
    def wheelhouse(self) -> Path:
        """The directory of all wheels, for --find-links."""
        return self.directory / "wheels"

    def tree(self, key: BuildKey) -> Path:
        """Return where a build takes place."""
        return self.directory / "trees" / key.digest[:32]

    def find(self, key: BuildKey) -> BuiltWheel | None:
        """Return the wheel of a key; None where there is none, or where its file was damaged."""
        return self._read(self._entry(key))

    def find_any(self, key: BuildKey) -> BuiltWheel | None:
        """Return a wheel that serves, whatever compiled it: for machines where nothing can be compiled."""
        try:
            entries = sorted((self.directory / "entries").iterdir(), key=lambda path: path.stat().st_mtime)
        except OSError:
            return None
        for entry in reversed(entries):
            record = _record(entry)
            if record is not None and key.admits(record["key"]) and (found := self._read(entry)) is not None:
                return found
        return None

    @contextlib.contextmanager
    def exclusive(self, key: BuildKey) -> Iterator[Path]:
        """Keep others from building the same meanwhile, and give the directory of the build.

        Raises FileError where it cannot be made.
        """
        tree = self.tree(key)
        try:
            tree.mkdir(parents=True, exist_ok=True)
            lock = tree.with_suffix(".lock").open("w", encoding="utf-8")
        except OSError as error:
            raise FileError(f"{error.filename} cannot be written: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._notify(f"waiting for another build of {key.name} {key.version} in {tree}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            tree.mkdir(exist_ok=True)  # whoever held the lock may have removed it
            yield tree

    def store(
        self,
        key: BuildKey,
        wheel: Path,
        libraries: Sequence[BuiltLibrary],
        measured: Measured,
        *,
        requirements: Mapping[str, str],
        isolation: str,
        left_out: Sequence[str],
        log: Path,
    ) -> BuiltWheel:
        """Keep a wheel that was read back, and return it; raises FileError where it cannot be written."""
        record = {
            "format": _FORMAT,
            "key": key.as_data(),
            "wheel": wheel.name,
            "sha256": _sha256(wheel),
            "size": wheel.stat().st_size,
            "libraries": [asdict(library) for library in libraries],
            "measured": asdict(measured),
            "requirements": dict(sorted(requirements.items())),
            "isolation": isolation,
            "left-out": list(left_out),
        }
        entry = self._entry(key)
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=".", dir=entry.parent))
            made.chmod(0o755)
            shutil.copy2(wheel, made / wheel.name)
            shutil.copy2(log, made / "build.log")
            (made / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            shutil.rmtree(entry, ignore_errors=True)
            made.rename(entry)
            self._link(entry / wheel.name)
        except OSError as error:
            raise FileError(f"{wheel.name} cannot be kept in {entry}: {error.strerror or error}") from error
        found = self._read(entry, from_cache=False)
        if found is None:
            raise FileError(f"{entry} does not hold what was just written there")
        return found

    def _entry(self, key: BuildKey) -> Path:
        return self.directory / "entries" / key.digest[:32]

    def _link(self, wheel: Path) -> None:
        self.wheelhouse.mkdir(parents=True, exist_ok=True)
        fresh = self.wheelhouse / f".{wheel.name}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        try:
            fresh.hardlink_to(wheel)
        except OSError:  # a file system without links
            shutil.copy2(wheel, fresh)
        fresh.replace(self.wheelhouse / wheel.name)

    def _read(self, entry: Path, *, from_cache: bool = True) -> BuiltWheel | None:
        record = _record(entry)
        if record is None:
            return None
        path = entry / record["wheel"]
        try:
            if _sha256(path) != record["sha256"]:
                self._notify(f"{path} was changed since it was built; it is not used")
                return None
        except OSError:
            return None
        name, version, _, _ = parse_wheel_filename(path.name)
        libraries = tuple(BuiltLibrary(**{**item, "ptx": tuple(item["ptx"])}) for item in record["libraries"])
        measured = record["measured"]
        return BuiltWheel(
            name=name,
            version=version,
            path=path,
            sha256=record["sha256"],
            size=record["size"],
            architectures=tuple(record["key"]["codes"]),
            seconds=measured["seconds"],
            from_cache=from_cache,
            cuda=Version(record["key"]["cuda"]) if record["key"]["cuda"] else None,
            peak_memory=measured["peak_memory"],
            objects=measured["objects"],
            compiled=measured["compiled"],
            libraries=libraries,
            log=entry / "build.log",
            requirements=record["requirements"],
            isolation=record["isolation"],
            left_out=tuple(record["left-out"]),
        )


def _record(entry: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((entry / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and record.get("format") == _FORMAT
    return record if known else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return sha256_of(file)
