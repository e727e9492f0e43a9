"""The files of constraints directories, and the digest that names what is in them.

Beside envfit's own directory there may be folders of rules that a user or a site adds.  They
have the same folders, and a file that lies in none of them is about a package.
"""

from __future__ import annotations

import hashlib
import os
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
    found = [(f"{directory}{os.sep}{file}", file, "") for _, file in _listed(str(directory))]
    for number, site in enumerate(map(str, sites), 1):
        if not os.path.isdir(site):  # noqa: PTH112
            faults.append(f"{site}: there is no such folder")
        loose = [("packages", name) for name in _toml_files(site)]
        for folder, file in (*loose, *_listed(site)):
            path = f"{site}{os.sep}{file}"
            found.append((path, path, f"site {number}/{folder}/{file.rpartition('/')[2]}"))
            added[path] = folder
    for path, file, named in found:
        try:
            with open(path, "rb", buffering=0) as opened:  # noqa: PTH123
                content = contents[file] = opened.read()
        except OSError as error:
            faults.append(f"{file}: {error}")
            continue
        digest.update((named or file).encode() + b"\0" + content + b"\0")
    return Files(contents=contents, digest=digest.hexdigest()[:12], faults=tuple(faults), added=added)


def _listed(directory: str) -> Iterator[tuple[str, str]]:
    """Yield folder and place of every file; in texts, for paths of pathlib's cost more than the files."""
    for folder in FOLDERS:
        for name in _toml_files(f"{directory}{os.sep}{folder}"):
            yield folder, f"{folder}/{name}"


def _toml_files(directory: str) -> list[str]:
    if not os.path.isdir(directory):  # noqa: PTH112
        return []
    return sorted(name for name in os.listdir(directory) if name.endswith(".toml"))  # noqa: PTH208
