"""Reading inside a remote file by ranged requests (RFC 9110, section 14).

A wheel is a zip file: its directory is at the end, its metadata by
recommendation just before (PEP 427).  One request for the last 64 KiB usually
brings both.  A server without ranges is served too, by a download of the whole.
"""

from __future__ import annotations

import errno
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO

from envfit.address import is_local, local_path, public_address
from envfit.errors import SourceError
from envfit.index.archive_tail import IDENTITY, TAIL, TAIL_REQUEST
from envfit.index.download import save
from envfit.index.session import Session, Stream, until_complete
from envfit.index.transfer import Transfer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["RemoteFile"]

_SMALLEST = 64 << 10  # bytes of a later request, at least
_LARGEST = 1 << 20  # bytes of a request within a sequence of them
_GROWTH = 4  # by which reads in sequence ask for more
_KEPT = 32 << 20  # bytes of pieces kept in memory
_PARTIAL = 206
# What servers answer that have ranges but no suffix ranges, or none at all.
_REFUSED = (400, 405, 416, 501)


class RemoteFile(io.RawIOBase):
    """A file at an address, read piece by piece; pass it to ``zipfile.ZipFile``.

    Reads in sequence ask for larger and larger pieces, up to 1 MiB, so that the
    beginning of a large member can be read until something is found in it.
    """

    def __init__(
        self,
        session: Session,
        url: str,
        *,
        sha256: str | None = None,
        tail: Transfer | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open the file, with one request where the server has suffix ranges.

        ``tail`` is the answer to that request, where it was sent ahead.  ``sha256`` is
        checked only where the whole file had to be downloaded.
        Raises SourceError.
        """
        super().__init__()
        self._session = session
        self._url = url
        self._sha256 = sha256
        self._notify = notify
        self._position = 0
        self._size = 0
        self._pieces: dict[int, bytes] = {}  # by offset; the least recently fetched first
        self._offsets: list[int] = []  # of the pieces, sorted
        self._next_in_sequence = -1
        self._request_size = _SMALLEST
        self._whole: BinaryIO | None = None
        if is_local(url):
            self._open_local()
        elif not self._has_tail(tail) and not until_complete(self._open_tail):
            until_complete(self._open_by_length)

    @property
    def size(self) -> int:
        """The length of the file in bytes."""
        return self._size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; no request is made."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            # As of a file on disk; zipfile takes it for a file too short to be an archive.
            raise OSError(errno.EINVAL, f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer, short only at the end of the file, as zipfile expects."""
        view = memoryview(buffer).cast("B")
        if self._whole is not None:
            self._whole.seek(self._position)
            data = self._whole.read(len(view))
            view[: len(data)] = data
            self._position += len(data)
            return len(data)
        filled = 0
        end = min(len(view), max(0, self._size - self._position))
        while filled < end:
            piece = self._piece(self._position, end - filled)
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def close(self) -> None:
        """Forget what was read."""
        if self._whole is not None:
            self._whole.close()
        self._pieces.clear()
        self._offsets.clear()
        super().close()

    def _open_local(self) -> None:
        try:
            self._whole = local_path(self._url).open("rb")
        except OSError as error:
            raise SourceError(f"{self._url} cannot be read: {error.strerror}") from error
        self._size = self._whole.seek(0, io.SEEK_END)

    def _open_tail(self) -> bool:
        """Fetch the end of the file; return False where the server has no suffix ranges."""
        with self._session.stream(self._url, headers=TAIL_REQUEST, accepted=_REFUSED) as answer:
            if answer is None:
                raise self._missing()
            if answer.status in _REFUSED:
                return False
            if answer.status != _PARTIAL:
                self._download(answer)
                return True
            return self._take_tail(answer.headers, b"".join(answer.chunks))

    def _has_tail(self, ahead: Transfer | None) -> bool:
        """Take the end of the file from what was fetched ahead; return False where it is not that."""
        return ahead is not None and ahead.status == _PARTIAL and self._take_tail(ahead.answer, ahead.body)

    def _take_tail(self, headers: Mapping[str, str], body: bytes) -> bool:
        start, end, size = _content_range(headers.get("Content-Range", ""))
        # Some servers take the suffix for a prefix; their answer is not at the end.
        if size is None or end + 1 != size or len(body) != size - start:
            return False
        self._size = size
        self._keep(start, body)
        return True

    def _open_by_length(self) -> None:
        size = self._session.length(self._url)
        if size is None:
            with self._session.stream(self._url, headers=IDENTITY) as answer:
                if answer is None:
                    raise self._missing()
                self._download(answer)
            return
        self._size = size
        if size:
            self._fetch(max(0, size - TAIL), size)

    def _download(self, answer: Stream) -> None:
        import tempfile

        whole = tempfile.TemporaryFile(prefix="envfit-")
        try:
            save(answer, whole, sha256=self._sha256, notify=self._notify)
        except BaseException:
            whole.close()
            raise
        self._size = whole.tell()
        self._whole = whole

    def _piece(self, position: int, wanted: int) -> bytes:
        """Return up to ``wanted`` bytes at a position, at least one, fetching what is not there."""
        index = bisect_right(self._offsets, position) - 1
        if index >= 0:
            start = self._offsets[index]
            piece = self._pieces[start]
            if position < start + len(piece):
                return piece[position - start : position - start + wanted]
        following = self._offsets[index + 1] if index + 1 < len(self._offsets) else self._size
        in_sequence = position == self._next_in_sequence
        self._request_size = min(self._request_size * _GROWTH, _LARGEST) if in_sequence else _SMALLEST
        end = min(position + max(self._request_size, wanted), following, self._size)
        until_complete(lambda: self._fetch(position, end))
        if self._whole is not None:
            self._whole.seek(position)
            return self._whole.read(wanted)
        self._next_in_sequence = end
        return self._pieces[position][:wanted]

    def _fetch(self, start: int, end: int) -> None:
        """Fetch the bytes from ``start`` up to ``end``; the whole file where there are no ranges."""
        headers = {**IDENTITY, "Range": f"bytes={start}-{end - 1}"}
        with self._session.stream(self._url, headers=headers) as answer:
            if answer is None:
                raise self._missing()
            if answer.status != _PARTIAL:
                self._download(answer)
                return
            first, _, size = _content_range(answer.headers.get("Content-Range", ""))
            body = b"".join(answer.chunks)
        if first != start or len(body) != end - start or size not in {None, self._size}:
            raise SourceError(
                f"{public_address(self._url)} answered other bytes than asked for; "
                "it may have changed while it was read"
            )
        self._keep(start, body)

    def _keep(self, start: int, body: bytes) -> None:
        self._pieces[start] = body
        # The first piece, the end of the file, is always kept: the directory is there.
        while sum(map(len, self._pieces.values())) > _KEPT and len(self._pieces) > 2:
            del self._pieces[list(self._pieces)[1]]
        self._offsets = sorted(self._pieces)

    def _missing(self) -> SourceError:
        return SourceError(f"{public_address(self._url)} is listed by its index but is not there")


def _content_range(text: str) -> tuple[int, int, int | None]:
    """Return first byte, last byte and size of a Content-Range header; (-1, -1, None) where malformed."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", text.strip())
    if match is None:
        return -1, -1, None
    return int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])
