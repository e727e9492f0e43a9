"""The METADATA inside a wheel (PEP 427)."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO

from packaging.utils import canonicalize_name

from envfit.distribution import Wheel
from envfit.index.archive import RemoteFile
from envfit.index.core_metadata import BadMetadata

__all__ = ["metadata_in_wheel"]

# What zipfile raises of archives that are damaged, encrypted or packed in unknown ways.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)

_LARGEST_MEMBER = 16 << 20  # bytes; METADATA is a text for people


def metadata_in_wheel(file: BinaryIO | RemoteFile, wheel: Wheel) -> bytes:
    """Return the METADATA in an open wheel; raises BadMetadata where it has none or is damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.read(_metadata_member(archive, wheel))
    except _DAMAGED as error:
        raise BadMetadata(wheel, f"the archive is damaged ({error})") from error


def _metadata_member(archive: zipfile.ZipFile, wheel: Wheel) -> zipfile.ZipInfo:
    """Return the METADATA of a wheel's own .dist-info folder."""
    found = []
    for member in archive.infolist():
        folder, _, filename = member.filename.partition("/")
        if filename == "METADATA" and folder.endswith(".dist-info"):
            name = folder.removesuffix(".dist-info").rpartition("-")[0]
            if canonicalize_name(name) == wheel.name:
                found.append(member)
    if len(found) != 1:
        raise BadMetadata(wheel, f"it has {len(found) or 'no'} METADATA of {wheel.name}")
    if found[0].file_size > _LARGEST_MEMBER:
        raise BadMetadata(wheel, "its METADATA is larger than any text for people")
    return found[0]
