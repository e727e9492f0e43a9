"""The local version of a wheel that was compiled here, which names CUDA, torch and architectures (PEP 440).

flash-attn's own metadata requires "torch" in any version, and its file works with one: two builds
of one release that lie in one directory would be told apart by nothing.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import parse_wheel_filename
from packaging.version import Version

from envfit.errors import CrippledBuildError

__all__ = ["local_version", "with_local_version"]

_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)  # that a zip file can state


def local_version(*, cuda: Version | None, torch: Version | None, codes: Sequence[str]) -> str:
    """Return the local version of a build: ``cu130torch211sm90``."""
    parts = [f"cu{cuda.major}{cuda.minor}"] if cuda is not None else []
    parts += [f"torch{torch.major}{torch.minor}"] if torch is not None else []
    return "".join([*parts, *(f"sm{code}" for code in codes)])


def with_local_version(wheel: Path, local: str) -> Path:
    """Return a wheel under a local version, beside the one given, in file name, METADATA and RECORD.

    It is the same file where it has that version already.  Raises CrippledBuildError where it is
    no wheel (PEP 427).
    """
    try:
        _, version, _, _ = parse_wheel_filename(wheel.name)
        if version.local == local or not local:
            return wheel
        written = wheel.name.split("-")
        old = f"{written[0]}-{written[1]}"
        new = f"{written[0]}-{version.public}+{local}"
        target = wheel.with_name(f"{new}-{'-'.join(written[2:])}")
        with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as sink:
            _rewrite(source, sink, old=old, new=new)
    except (zipfile.BadZipFile, ValueError, KeyError, OSError) as error:
        raise CrippledBuildError(f"{wheel.name} cannot be given its local version: {error}") from error
    return target


def _rewrite(source: zipfile.ZipFile, sink: zipfile.ZipFile, *, old: str, new: str) -> None:
    folders = {f"{old}.dist-info": f"{new}.dist-info", f"{old}.data": f"{new}.data"}
    record = f"{new}.dist-info/RECORD"
    rows: list[tuple[str, str, str]] = []
    source.getinfo(f"{old}.dist-info/METADATA")  # raises KeyError where the folder has another name
    for item in source.infolist():
        folder, separator, rest = item.filename.partition("/")
        name = f"{folders.get(folder, folder)}{separator}{rest}"
        if name in {record, f"{record}.jws", f"{record}.p7s"}:
            continue  # signatures are of what it was
        body = source.read(item)
        if name == f"{new}.dist-info/METADATA":
            version = new.partition("-")[2].encode()
            body, found = re.subn(rb"(?mi)^version:[^\r\n]*", b"Version: " + version, body, count=1)
            if not found:
                raise ValueError("its METADATA states no version")
        _write(sink, name, body, item.external_attr)
        if not name.endswith("/"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
            rows.append((name, f"sha256={digest}", str(len(body))))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
    _write(sink, record, text.getvalue().encode(), 0o100644 << 16)


def _write(sink: zipfile.ZipFile, name: str, body: bytes, attributes: int) -> None:
    entry = zipfile.ZipInfo(name, date_time=_FIRST_MOMENT)
    entry.external_attr = attributes
    entry.compress_type = zipfile.ZIP_DEFLATED
    sink.writestr(entry, body)
