"""Files of a lock, brought into a directory: several at a time, resumed where they broke off, hash-checked.

A file that is not complete yet lies beside as ``.NAME.part``; the next run asks for the
rest of it alone (RFC 9110, section 14).  It takes its name only when its hash is right.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import BinaryIO

from envfit.address import public_address
from envfit.digest import sha256_of
from envfit.distribution import Distribution
from envfit.errors import FileError, SourceError
from envfit.index.progress import Progress
from envfit.index.session import BrokenOffError, Session

__all__ = ["fetch_files"]

_WORKERS = 6
_IN_VAIN = 4  # attempts in a row that bring nothing, after which it is given up
_PAUSE = 0.5  # seconds before the first of them, doubled each time
_PARTIAL, _NO_RANGE = 206, 416


class _Stopped(Exception):  # noqa: N818 - no error: another thread ended the work
    """The work is to end."""


def fetch_files(
    files: Sequence[Distribution],
    directory: Path,
    *,
    session: Session,
    addresses: Mapping[str, str],
    progress: Progress,
    notify: Callable[[str], None] = lambda _: None,
) -> int:
    """Bring files into a directory under their own names, and return how many bytes came for that.

    ``addresses`` gives, by the address in the lock, the one to ask the session for, where
    that is another.  What comes whole stays, whatever becomes of the others.  Raises
    SourceError that names every file that did not come, FileError where one cannot be written.
    """
    stop = threading.Event()
    job = _Job(
        directory,
        session=session,
        addresses=addresses,
        progress=progress,
        count=len(files),
        stop=stop,
        notify=notify,
    )
    workers = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="envfit-fetch")
    # The largest first: they take longest, whatever the others do.
    pending = {
        workers.submit(job.fetch, file): file for file in sorted(files, key=lambda file: -(file.size or 0))
    }
    failed: dict[str, SourceError] = {}
    try:
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                _take(future, pending.pop(future), failed)
    except BaseException:
        stop.set()
        raise
    finally:
        # An interrupt does not wait for a server that is silent.
        workers.shutdown(wait=not pending, cancel_futures=True)
    if failed:
        raise _errors(failed, len(files))
    return job.received


def _take(future: Future[None], file: Distribution, failed: dict[str, SourceError]) -> None:
    try:
        future.result()
    except SourceError as error:
        failed[file.filename] = error


def _errors(failed: Mapping[str, SourceError], of: int) -> SourceError:
    """Return one error for every file that did not come."""
    if len(failed) == 1:
        (error,) = failed.values()
        return error
    hints = dict.fromkeys(hint for error in failed.values() for hint in error.hints)
    return SourceError(
        f"{len(failed)} of {of} files did not come; the others stay",
        details={name: failed[name].message for name in sorted(failed)},
        hints=tuple(hints),
    )


class _Job:
    """What the fetching of each file shares."""

    def __init__(
        self,
        directory: Path,
        *,
        session: Session,
        addresses: Mapping[str, str],
        progress: Progress,
        count: int,
        stop: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        self.received = 0
        self._directory = directory
        self._session = session
        self._addresses = addresses
        self._progress = progress
        self._count = count
        self._stop = stop
        self._notify = notify
        self._lock = threading.Lock()
        self._under_way: list[str] = []
        self._done = 0
        progress.prepared(0, count)

    def fetch(self, file: Distribution) -> None:
        """Bring one file; raises SourceError and FileError."""
        if self._stop.is_set():
            raise _Stopped
        part = self._directory / f".{file.filename}.part"
        with self._counted(file):
            try:
                with part.open("ab+") as sink:
                    had = self._bring(file, sink)
                    found = _sha256(sink)
                    if had and file.sha256 not in {None, found}:
                        # What an earlier run left may be of another file.
                        sink.truncate(0)
                        self._bring(file, sink)
                        found = _sha256(sink)
                    if file.sha256 not in {None, found}:
                        part.unlink()
                        raise self._wrong(file, found)
                    os.fsync(sink.fileno())
                part.replace(self._directory / file.filename)
            except OSError as error:
                raise _unwritable(part, error) from error

    @contextlib.contextmanager
    def _counted(self, file: Distribution) -> Iterator[None]:
        with self._lock:
            self._under_way.append(file.filename)
            self._progress.under_way(self._under_way)
        try:
            yield
            with self._lock:
                self._done += 1
                self._progress.prepared(self._done, self._count)
        finally:
            with self._lock:
                self._under_way.remove(file.filename)
                self._progress.under_way(self._under_way)

    def _bring(self, file: Distribution, sink: BinaryIO) -> int:
        """Fetch what is not there yet, again where it breaks off; return how many bytes were there."""
        had = start = sink.seek(0, os.SEEK_END)
        if had:
            self._notify(f"resuming {file.filename} at {had / 1e6:.1f} MB")
        in_vain, ranged = 0, True
        while True:
            try:
                if self._ask(file, sink, ranged=ranged):
                    return had
                ranged = False
            except BrokenOffError:
                sink.flush()
                came = sink.seek(0, os.SEEK_END)
                in_vain = 0 if came > start else in_vain + 1
                if in_vain == _IN_VAIN:
                    raise
                start = came
                if self._stop.wait(_PAUSE * 2**in_vain if in_vain else 0):
                    raise _Stopped from None

    def _ask(self, file: Distribution, sink: BinaryIO, *, ranged: bool) -> bool:
        """Fetch once from where the file ends; return False where the server refuses to begin there."""
        start = sink.seek(0, os.SEEK_END)
        if file.size and start == file.size:
            return True
        url = self._addresses.get(file.url, file.url)
        headers = {"Accept-Encoding": "identity"}
        if start and ranged:
            headers["Range"] = f"bytes={start}-"
        accepted = (_NO_RANGE,) if start and ranged else ()
        with self._session.stream(url, headers=headers, accepted=accepted) as answer:
            if answer is None:
                raise SourceError(f"{public_address(url)} is locked and is not there")
            if answer.status == _NO_RANGE:
                return False
            if answer.status == _PARTIAL and not _begins_at(start, answer.headers):
                raise SourceError(f"{answer.url} answered other bytes than asked for")
            if answer.status != _PARTIAL and start:
                sink.truncate(0)  # a server without ranges sends all of it
                start = 0
            whole = file.size or start + (answer.length or 0)
            for chunk in answer.chunks:
                if self._stop.is_set():
                    raise _Stopped
                sink.write(chunk)
                start += len(chunk)
                with self._lock:
                    self.received += len(chunk)
                self._progress.fetched(file.filename, start, whole)
                if whole and start > whole:
                    break  # its hash will not be right
        return True

    def _wrong(self, file: Distribution, found: str) -> SourceError:
        address = public_address(self._addresses.get(file.url, file.url))
        return SourceError(
            f"{address} is not the file of the lock: its sha256 is {found}, the lock says {file.sha256}"
        )


def _sha256(file: BinaryIO) -> str:
    file.flush()
    file.seek(0)
    return sha256_of(file)


def _begins_at(start: int, headers: Mapping[str, str]) -> bool:
    stated = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return stated is not None and int(stated[1]) == start


def _unwritable(path: Path, error: OSError) -> FileError:
    what = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else error.strerror or error
    return FileError(f"cannot write {path}: {what}")
