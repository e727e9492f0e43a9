"""Files of other projects that a judge needs, from the index that envfit is configured to use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from envfit.errors import SourceError
from envfit.index.cache import Cache, default_cache_dir
from envfit.index.configuration import configured_indexes
from envfit.index.download import download
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex

__all__ = ["PinnedFile", "default_folder", "fetched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """One file that an index lists under a project, and the hash that it must have."""

    project: str
    filename: str
    sha256: str


def default_folder() -> Path:
    """Return the folder for what judges keep between runs, in envfit's cache directory."""
    return default_cache_dir(os.environ, home=Path.home()) / "judges"


def fetched(pinned: PinnedFile, folder: Path) -> Path:
    """Return the path of a file in ``folder``, downloaded where it is not there yet.

    Raises SourceError where no index in use has it, or has another file under its name.
    """
    path = folder / pinned.filename
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    configuration = configured_indexes(os.environ, home=Path.home(), cwd=Path.cwd())
    cache = Cache(default_cache_dir(os.environ, home=Path.home()))
    with Session(os.environ) as session:
        for url in configuration.search_order:
            listing = SimpleIndex(url, session=session, cache=cache).listing(pinned.project)
            for file in listing.distributions if listing is not None else ():
                if file.filename != pinned.filename:
                    continue
                partial = folder / f".{pinned.filename}.{os.getpid()}"
                try:
                    with partial.open("w+b") as sink:
                        download(session, file.url, sink, sha256=pinned.sha256, notify=print)
                    return partial.replace(path)
                finally:
                    partial.unlink(missing_ok=True)
    raise SourceError(f"no index in use has {pinned.filename}")
