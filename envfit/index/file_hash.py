"""Hash and size of a file, read from the file itself where its index states none.

A lock names every file by its hash (PEP 751).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from envfit.address import is_local, local_path
from envfit.digest import sha256_of
from envfit.distribution import Distribution
from envfit.errors import SourceError
from envfit.index.download import LARGE
from envfit.index.session import Session, until_complete

__all__ = ["hash_of_file", "with_hash"]


def with_hash(
    distribution: Distribution, *, session: Session, notify: Callable[[str], None] = lambda _: None
) -> Distribution:
    """Return a distribution with its sha256 and its size; the whole file is read for them.

    Raises SourceError where it is not there or cannot be read.
    """
    address = session.address(distribution.url)
    if is_local(address):
        digest, size = hash_of_file(local_path(address))
        return replace(distribution, sha256=digest, size=size)

    def whole() -> tuple[str, int]:
        with session.stream(distribution.url, headers={"Accept-Encoding": "identity"}) as answer:
            if answer is None:
                raise SourceError(f"{address} is listed by its index but is not there")
            if answer.length is not None and answer.length > LARGE:
                notify(f"downloading {distribution.filename} ({answer.length / 1e6:.0f} MB) for its hash")
            return _digest(answer.chunks)

    digest, size = until_complete(whole)
    return replace(distribution, sha256=digest, size=size)


def hash_of_file(path: Path) -> tuple[str, int]:
    """Return the sha256 of a file on the disk, and its size in bytes; raises SourceError."""
    try:
        with path.open("rb") as file:
            return sha256_of(file), file.tell()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def _digest(pieces: Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size
