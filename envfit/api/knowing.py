"""The knowledge that envfit was installed with, and the rules that a project or a site adds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envfit.index.cache import Cache
    from envfit.knowledge.model import KnowledgeBase

__all__ = ["load_knowledge"]


def load_knowledge(sites: Sequence[Path] = ()) -> KnowledgeBase:
    """Return envfit's knowledge with that of folders of rules; raises KnowledgeError.

    It is compiled where Python would compile modules, else into the cache, and taken from
    there as long as the files are the same.
    """
    from envfit.knowledge.files import constraints_directory, read_files
    from envfit.knowledge.plain import from_plain, to_plain

    files = read_files(constraints_directory(), *sites)
    # The places of a site's files are in what is compiled, and not in the digest.
    key = f"knowledge {' '.join((files.digest, *map(str, sites)))}"
    for cache in _compiled_in(own=not sites):
        compiled = from_plain(cache.record(key))
        if compiled is not None and not files.faults:
            return compiled
    from envfit.knowledge.load import load_files

    loaded = load_files(files)
    for cache in _compiled_in(own=not sites):
        cache.store_record(key, to_plain(loaded))
        cache.flush()
        if cache.record(key) is not None:
            break
    return loaded


def _compiled_in(*, own: bool) -> Iterator[Cache]:
    """Yield where compiled knowledge may be: where Python keeps compiled modules, and in the cache."""
    from envfit.index.cache import Cache, default_cache_dir

    if own and not sys.dont_write_bytecode:
        yield Cache(Path(__file__).parents[1] / "__pycache__")
    yield Cache(default_cache_dir(os.environ, home=Path.home()))
