"""Reading GPU code out of wheels: what was named, found and read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as PackagingRequirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from envfit.binary.library import LibraryCode, LibraryReader
from envfit.digest import sha256_of
from envfit.distribution import Wheel, claimed_glibc
from envfit.errors import FileError, RequirementError, UnknownPackageError
from envfit.frozen import frozen
from envfit.index.archive import RemoteFile
from envfit.index.wheel_code import read_wheel_code
from envfit.target import Platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from envfit.index.session import Session
    from envfit.index.source import PackageIndex

__all__ = ["Scanned", "python_rank", "scan_all"]

_STEP = 1 << 20  # bytes of a file read at a time
# Of wheels of one release that differ in their Python, the first of these is read: kernels do not differ.
_PYTHONS = ("py3", "cp312", "cp311", "cp313", "cp310", "cp39", "cp314", "cp38", "cp37", "cp36")


@frozen
class Scanned:
    """A wheel or library that was read."""

    filename: str
    sha256: str
    size: int  # bytes
    name: str | None = None  # of the package; None for a library
    version: str | None = None
    platforms: tuple[str, ...] = ()  # that the wheel is for
    libraries: Mapping[str, LibraryCode]  # by the path in the wheel

    @property
    def untrue_tags(self) -> tuple[str, ...]:
        """What the platform tags of the wheel claim and its libraries do not bear out, a sentence each."""
        machines = {code.machine for code in self.libraries.values() if code.machine is not None}
        needed = max((code.glibc for code in self.libraries.values() if code.glibc is not None), default=None)
        claimed = claimed_glibc(self.platforms)
        found = []
        if machines and "any" in self.platforms:
            found.append(
                f"its tag says any platform, and its libraries are for {' and '.join(sorted(machines))}"
            )
        if claimed is not None and needed is not None and needed > claimed:
            found.append(f"its tags say glibc {claimed}, and its libraries need {needed}")
        return tuple(found)


def scan_all(
    named: Sequence[str],
    platform: Platform,
    packages: PackageIndex,
    session: Session,
    notify: Callable[[str], None],
) -> Iterator[Scanned]:
    """Yield what is read, in the order named: paths, addresses of wheels, and releases of packages.

    Of a release (``name==version``, or ``name`` for its newest) one wheel for the platform is
    read.  Everything that is named is looked for before the first is read.  Raises FileError,
    RequirementError, UnknownPackageError and SourceError.
    """
    jobs = [_job(each, platform, packages) for each in named]
    for job in jobs:
        if isinstance(job, Path):
            yield _read_path(job, notify)
        else:
            yield _read_address(job, session, notify)


@frozen
class _Remote:
    url: str
    filename: str
    sha256: str | None = None


def _job(text: str, platform: Platform, packages: PackageIndex) -> Path | _Remote:
    """Return what a word names."""
    scheme, found, _ = text.partition("://")
    if found:
        if not scheme.strip().isidentifier():
            raise RequirementError(f"{text!r} is no address")
        address, _, fragment = text.partition("#")
        stated = dict(part.partition("=")[::2] for part in fragment.split("&"))
        filename = unquote(urlsplit(address).path.rpartition("/")[2])
        if not filename.endswith(".whl"):
            raise RequirementError(f"{text} is no wheel, and nothing else is read over the network")
        _check_name(filename)
        return _Remote(url=address, filename=filename, sha256=stated.get("sha256"))
    path = Path(text)
    if path.exists() or "/" in text or path.suffix in (".whl", ".so"):
        if not path.is_file():
            raise FileError(f"there is no file {path}")
        if path.suffix == ".whl":
            _check_name(path.name)
        return path
    wheel = _wheel_of(text, platform, packages)
    return _Remote(url=wheel.url, filename=wheel.filename, sha256=wheel.sha256)


def _wheel_of(text: str, platform: Platform, packages: PackageIndex) -> Wheel:
    """Return the wheel of a release that is read."""
    try:
        wanted = PackagingRequirement(text)
    except InvalidRequirement as error:
        raise RequirementError(f"{text!r} is neither a file, an address nor a release: {error}") from None
    name = canonicalize_name(wanted.name)
    listed = [file for listing in packages.listing(name) for file in listing.distributions]
    if not listed:
        raise UnknownPackageError(f"no index in use has {name}")
    allowed = [
        file
        for file in listed
        if isinstance(file, Wheel) and wanted.specifier.contains(file.version, prereleases=True)
    ]
    finals = [file for file in allowed if not file.version.is_prerelease] or allowed
    ranked = [
        (file.version, -rank, file) for file in finals if (rank := python_rank(file, platform)) is not None
    ]
    if not ranked:
        raise RequirementError(
            f"{text} has no wheel for {platform}",
            hints=[f"its files are {', '.join(sorted({_kind(file) for file in allowed or listed})[:6])}"],
        )
    return max(ranked, key=lambda item: item[:2])[2]


def python_rank(wheel: Wheel, platform: Platform) -> int | None:
    """Return how far behind a wheel's Python stands; None where it is for another platform."""
    ranks = [
        _PYTHONS.index(tag.interpreter) if tag.interpreter in _PYTHONS else len(_PYTHONS)
        for tag in wheel.tags
        if tag.platform == "any"
        or (tag.platform.startswith(("manylinux", "linux")) and tag.platform.endswith(platform.machine))
    ]
    return min(ranks, default=None)


def _kind(file: object) -> str:
    tags = file.tags if isinstance(file, Wheel) else ()
    return next((tag.platform for tag in sorted(tags, key=str)), "a source distribution")


def _read_address(job: _Remote, session: Session, notify: Callable[[str], None]) -> Scanned:
    notify(f"reading {job.filename}")
    with RemoteFile(session, job.url, sha256=job.sha256, notify=notify) as file:
        libraries = read_wheel_code(file, job.filename, notify=notify)
        size = file.size
    return _scanned(job.filename, job.sha256 or "", size, libraries)


def _read_path(path: Path, notify: Callable[[str], None]) -> Scanned:
    try:
        with path.open("rb") as file:
            digest = sha256_of(file)
            size = file.tell()
            file.seek(0)
            if path.suffix == ".whl":
                libraries = read_wheel_code(file, path.name, notify=notify)
                return _scanned(path.name, digest, size, libraries)
            with tempfile.TemporaryFile(prefix="envfit-") as spool:
                reader = LibraryReader(spool)
                while data := file.read(_STEP):
                    reader.feed(data)
                libraries = {path.name: reader.finish()}
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    return Scanned(filename=path.name, sha256=digest, size=size, libraries=libraries)


def _check_name(filename: str) -> None:
    """Raise RequirementError where a wheel's name is none: before it is read, which may take minutes."""
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise RequirementError(str(error)) from None


def _scanned(filename: str, sha256: str, size: int, libraries: Mapping[str, LibraryCode]) -> Scanned:
    name, version, _, tags = parse_wheel_filename(filename)
    return Scanned(
        filename=filename,
        sha256=sha256,
        size=size,
        name=name,
        version=str(version),
        platforms=tuple(sorted({tag.platform for tag in tags})),
        libraries=libraries,
    )
