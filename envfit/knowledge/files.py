"""The files of constraints directories, and the digest that names what is in them.

Beside envfit's own directory there may be folders of rules that a user or a site adds.  They
have the same folders, and a file that lies in none of them is about a package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from envfit.frozen import frozen

__all__ = ["FOLDERS", "Files", "constraints_directory", "read_files"]

FOLDERS = ("axes", "hardware", "packages", "known-good", "symptoms", "derived")


@frozen
class Files:
    """Contents by place, such as ``packages/torch.toml``, in the order in which they are read."""

    contents: Mapping[str, bytes]
    digest: str  # of places and contents
    faults: tuple[str, ...] = ()  # files that cannot be read
    added: Mapping[str, str] = field(default_factory=dict)  # places that a site added -> their folder

    def folder_of(self, file: str) -> str:
        """Return the folder that says of which kind a file is."""
        return self.added.get(file) or file.partition("/")[0]


def constraints_directory() -> Path:
    """Return the knowledge shipped with envfit: beside the code in a wheel, one level up in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "constraints"
    return shipped if shipped.is_dir() else package.parent / "constraints"


def read_files(directory: Path, *sites: Path) -> Files:
    """Read every constraint file of a directory and of the folders that sites add, unparsed.

    What a site adds is known by its path as it is given; the digest has no paths of this machine.
    """
    contents: dict[str, bytes] = {}
    faults: list[str] = []
    added: dict[str, str] = {}
    digest = hashlib.sha256()
    found = [(path, f"{folder}/{path.name}", "") for folder, path in _listed(directory)]
    for number, site in enumerate(sites, 1):
        if not site.is_dir():
            faults.append(f"{site}: there is no such folder")
        loose = [("packages", path) for path in _toml_files(site)]
        for folder, path in (*loose, *_listed(site)):
            found.append((path, path.as_posix(), f"site {number}/{folder}/{path.name}"))
            added[path.as_posix()] = folder
    for path, file, named in found:
        try:
            content = contents[file] = path.read_bytes()
        except OSError as error:
            faults.append(f"{file}: {error}")
            continue
        digest.update((named or file).encode() + b"\0" + content + b"\0")
    return Files(contents=contents, digest=digest.hexdigest()[:12], faults=tuple(faults), added=added)


def _listed(directory: Path) -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in _toml_files(directory / folder):
            yield folder, path


def _toml_files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(
        (entry for entry in directory.iterdir() if entry.name.endswith(".toml")), key=lambda item: item.name
    )
