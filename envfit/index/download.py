"""Downloading a whole file, checked against its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from envfit.address import public_address
from envfit.errors import SourceError
from envfit.index.session import Session, Stream, until_complete

__all__ = ["LARGE", "download", "save"]

#: Bytes above which a download is announced before it begins.
LARGE = 50 * 1000 * 1000


def download(
    session: Session,
    url: str,
    sink: BinaryIO,
    *,
    sha256: str | None,
    notify: Callable[[str], None],
) -> None:
    """Write the file at an address into ``sink``.

    Raises SourceError where it is not there, breaks off or is not the file of that hash.
    """

    def whole() -> None:
        with session.stream(url, headers={"Accept-Encoding": "identity"}) as answer:
            if answer is None:
                raise SourceError(f"{public_address(url)} is listed by its index but is not there")
            save(answer, sink, sha256=sha256, notify=notify)

    until_complete(whole)


def save(answer: Stream, sink: BinaryIO, *, sha256: str | None, notify: Callable[[str], None]) -> None:
    """Write the body of an open answer into ``sink``, replacing what was in it; see ``download``."""
    if answer.length is not None and answer.length > LARGE:
        filename = answer.url.partition("?")[0].rpartition("/")[2]
        notify(f"downloading {filename} ({answer.length / 1e6:.0f} MB) to read its metadata")
    sink.seek(0)
    sink.truncate()
    digest = hashlib.sha256()
    for chunk in answer.chunks:
        digest.update(chunk)
        sink.write(chunk)
    sink.flush()
    if sha256 is not None and digest.hexdigest() != sha256:
        raise SourceError(
            f"{answer.url} is not the file of its hash: "
            f"its sha256 is {digest.hexdigest()}, stated is {sha256}",
            details={"address": answer.url},
        )
