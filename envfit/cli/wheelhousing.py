"""A wheelhouse of a lock: options in, one call, print."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit.cli import render
from envfit.cli.progress import Progress

if TYPE_CHECKING:
    from envfit.api.wheelhouse import Wheelhouse

__all__ = ["wheelhouse"]


def wheelhouse(
    *, lock_file: Path, directory: Path, find_links: Sequence[Path], mirrors: Sequence[str], json: bool
) -> None:
    """Bring every file of a lock into a directory, with a lock that names them there."""
    from envfit.api.wheelhouse import WheelhouseRequest
    from envfit.api.wheelhouse import wheelhouse as make

    request = WheelhouseRequest(
        lock=lock_file, directory=directory, mirrors=tuple(mirrors), find_links=tuple(find_links)
    )
    with Progress() as progress:
        watch = progress.watch if progress.is_seen else None
        made = make(request, os.environ, notify=progress.talk, watch=watch)
    if json:
        render.print_json(_data(made))
    else:
        print(*_lines(made), sep="\n")


def _lines(made: Wheelhouse) -> Iterator[str]:
    for name in made.left_out:
        yield f"left out: {name} is a source tree, which the lock names as it did"
    for file in made.files:
        filename = file.package.distribution.filename
        if file.package.build:
            yield f"{filename} is compiled where it is installed"
        elif file.is_source:
            yield f"{filename} is built where it is installed; what it is built with is not in here"
    size = sum(file.size for file in made.files)
    counts: dict[str, int] = {}
    for file in made.files:
        counts[file.origin.value] = counts.get(file.origin.value, 0) + 1
    came = f" ({made.received / 1e6:.1f} MB)" if made.received else ""
    how = ", ".join(f"{count} {word}{came if word == 'downloaded' else ''}" for word, count in counts.items())
    yield f"{made.directory} has {len(made.files)} files, {size / 1e6:.1f} MB: {how or 'the lock names none'}"
    yield f"without a network: envfit install {made.lock} --offline, or uv pip sync {made.lock}"


def _data(made: Wheelhouse) -> dict[str, Any]:
    return {
        "directory": str(made.directory),
        "lock": str(made.lock),
        "received": made.received,
        "left-out": list(made.left_out),
        "files": [
            {
                "package": file.package.name,
                "version": str(file.package.version) if file.package.version is not None else None,
                "filename": file.package.distribution.filename,
                "size": file.size,
                "sha256": file.package.distribution.sha256,
                "origin": file.origin.value,
                "source": file.is_source,
                "build": file.package.build,
            }
            for file in made.files
        ],
    }
