"""Unpacks an archive into an empty directory: a program of its own, of the standard library alone.

``python -I -S unpack.py ARCHIVE DIRECTORY``; exits with 1 and the reason where the archive is damaged or
wants out of the directory.  In a thread beside the search each of thousands of small
writes would wait for its turn.
"""

from __future__ import annotations

import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

__all__ = ["DAMAGED", "main", "unpack_archive"]

#: What reading a damaged archive raises.
DAMAGED = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, KeyError, RuntimeError)


def unpack_archive(path: Path, directory: Path) -> None:
    """Write what is in an archive into an empty directory, and nothing outside of it; raises DAMAGED."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped:
            zipped.extractall(directory)  # noqa: S202 - zipfile itself drops ".." and roots
        return
    with tarfile.open(path, "r:*") as archive:
        _extract(archive, directory)


def _extract(archive: tarfile.TarFile, directory: Path) -> None:
    """Extract in one pass.

    ``extractall`` looks at the whole path of every member, for the sake of links that came
    before, and takes a second for a thousand.  Here links come last, and by it.
    """
    links, made = [], {directory}
    for member in archive:
        if not (member.isfile() or member.isdir()):
            links.append(member)
            continue
        if ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
            raise tarfile.TarError(f"{member.name} lies outside of the archive")
        path = directory / member.name
        folder = path if member.isdir() else path.parent
        if folder not in made:
            folder.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        content = archive.extractfile(member)
        if content is not None:
            with content, path.open("wb") as file:
                shutil.copyfileobj(content, file)
            if member.mode & stat.S_IXUSR:
                path.chmod(0o755)
    if links:
        if not hasattr(tarfile, "data_filter"):  # older Pythons
            raise tarfile.TarError(f"{links[0].name} is no plain file")
        archive.extractall(directory, members=links, filter="data")


def main() -> None:
    """Unpack what the arguments name."""
    archive, directory = map(Path, sys.argv[1:])
    try:
        unpack_archive(archive, directory)
    except DAMAGED as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
