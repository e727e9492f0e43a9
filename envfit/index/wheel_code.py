"""The GPU code of a wheel, read over ranges in one pass, a library at a time."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

from envfit.binary.library import LibraryCode, LibraryReader
from envfit.errors import SourceError
from envfit.index.archive import RemoteFile

__all__ = ["read_wheel_code"]

_STEP = 1 << 20  # bytes inflated at a time
_SMALLEST = 16 << 10  # bytes of a library; a smaller one has no kernels
_LONG = 16 << 20  # bytes of a library that takes long enough to be told of
_LIBRARIES = (".so", ".pyd", ".dll")


def read_wheel_code(
    file: BinaryIO | RemoteFile, filename: str, *, notify: Callable[[str], None] = lambda _: None
) -> Mapping[str, LibraryCode]:
    """Return what each library of a wheel says of itself, by its path in the wheel.

    ``file`` can seek, and need not be here: everything is read once and in order, but for
    the directory at the end.  Libraries with neither GPU code nor anything linked are left out.
    Raises SourceError where the wheel is damaged.
    """
    found = {}
    try:
        with zipfile.ZipFile(file) as wheel:
            members = [member for member in wheel.infolist() if _is_library(member)]
            for member in sorted(members, key=lambda member: member.header_offset):
                if member.compress_size > _LONG:
                    notify(f"reading {member.filename} ({member.compress_size / 1e6:.0f} MB)")
                code = _read(wheel, member)
                if code.has_gpu_code or code.needed:
                    found[member.filename] = code
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SourceError(f"{filename} is damaged: {error}") from error
    return found


def _is_library(member: zipfile.ZipInfo) -> bool:
    name = member.filename.rpartition("/")[2]
    return member.file_size >= _SMALLEST and (name.endswith(_LIBRARIES) or ".so." in name)


def _read(wheel: zipfile.ZipFile, member: zipfile.ZipInfo) -> LibraryCode:
    with tempfile.TemporaryFile(prefix="envfit-") as spool, wheel.open(member) as stream:
        reader = LibraryReader(spool)
        while data := stream.read(_STEP):
            reader.feed(data)
        return reader.finish()
