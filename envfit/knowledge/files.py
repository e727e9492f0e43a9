"""The files of a constraints directory, and the digest that names what is in them."""

from __future__ import annotations

import hashlib
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
        place = directory / folder
        if not place.is_dir():
            continue
        for entry in sorted(place.iterdir(), key=lambda item: item.name):
            if not entry.name.endswith(".toml"):
                continue
            file = f"{folder}/{entry.name}"
            try:
                content = contents[file] = entry.read_bytes()
            except OSError as error:
                faults.append(f"{file}: {error}")
                continue
            digest.update(file.encode() + b"\0" + content + b"\0")
    return Files(contents=contents, digest=digest.hexdigest()[:12], faults=tuple(faults))
