"""The files that a lock names, as distributions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.errors import LockError
from envfit.reference import DirectReference, ReferenceKind

__all__ = ["UNSTATED", "filename_of", "locked_distribution", "referred_distribution"]

#: What stands for a version that a lock leaves out, as it does of source trees.
UNSTATED = Version("0")


def filename_of(address: str) -> str:
    """Return the file name in an address or a path; an address writes the + of a local version as %2B."""
    path = urlsplit(address).path if "://" in address else address
    return (unquote(path) if "://" in address else path).rpartition("/")[2]


def locked_distribution(
    filename: str,
    *,
    path: Path | str,
    name: str,
    version: Version | None,
    url: str = "",
    index: str = "",
    sha256: str | None = None,
    size: int | None = None,
    upload_time: datetime | None = None,
    requires_python: SpecifierSet | None = None,
    reference: DirectReference | None = None,
) -> Distribution:
    """Return what a lock names by a file name; raises LockError on the name of a wheel that is none."""
    if not filename.endswith(".whl"):
        return Sdist(
            name=name,
            version=version if version is not None else UNSTATED,
            filename=filename,
            url=url,
            index=index,
            sha256=sha256,
            size=size,
            upload_time=upload_time,
            requires_python=requires_python,
            reference=reference,
        )
    try:
        named, stated, build_tag, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        message = f"{path}: {name}: {filename!r} is not the name of a wheel: {error}"
        raise LockError(message, details={"file": str(path)}) from None
    return Wheel(
        name=named,
        version=stated,
        filename=filename,
        url=url,
        index=index,
        build_tag=build_tag,
        tags=tags,
        sha256=sha256,
        size=size,
        upload_time=upload_time,
        requires_python=requires_python,
        reference=reference,
    )


def referred_distribution(
    reference: DirectReference,
    *,
    path: Path | str,
    name: str,
    version: Version | None,
    requires_python: SpecifierSet | None = None,
) -> Distribution:
    """Return what is at the address of a direct reference; a source tree is known by its address."""
    is_archive = reference.kind is ReferenceKind.ARCHIVE
    return locked_distribution(
        filename_of(reference.url) if is_archive else str(reference),
        path=path,
        name=name,
        version=version,
        url=reference.url,
        sha256=reference.sha256,
        requires_python=requires_python,
        reference=reference,
    )
