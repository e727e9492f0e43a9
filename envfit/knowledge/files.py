"""The files of a constraints directory, and the digest that names what is in them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from envfit.frozen import frozen

__all__ = ["FOLDERS", "Files", "constraints_directory", "read_files"]

FOLDERS = ("axes", "hardware", "packages", "known-good", "symptoms", "derived")


@frozen
class Files:
    """Contents by place, such as ``packages/torch.toml``, in the order in which they are read."""

    contents: dict[str, bytes]
    digest: str  # of places and contents
    faults: tuple[str, ...] = ()  # files that cannot be read


def constraints_directory() -> Path:
    """Return the knowledge shipped with envfit: beside the code in a wheel, one level up in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "constraints"
    return shipped if shipped.is_dir() else package.parent / "constraints"


def read_files(directory: Path) -> Files:
    """Read every constraint file of a directory, unparsed."""
    contents: dict[str, bytes] = {}
    faults: list[str] = []
    digest = hashlib.sha256()
    for folder in FOLDERS:
        place = f"{directory}{os.sep}{folder}"  # texts: paths of pathlib's cost more than the files
        if not os.path.isdir(place):  # noqa: PTH112
            continue
        for name in sorted(os.listdir(place)):  # noqa: PTH208
            if not name.endswith(".toml"):
                continue
            file = f"{folder}/{name}"
            try:
                with open(f"{place}{os.sep}{name}", "rb", buffering=0) as opened:  # noqa: PTH123
                    content = contents[file] = opened.read()
            except OSError as error:
                faults.append(f"{file}: {error}")
                continue
            digest.update(file.encode() + b"\0" + content + b"\0")
    return Files(contents=contents, digest=digest.hexdigest()[:12], faults=tuple(faults))
