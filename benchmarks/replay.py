"""Serve a recorded index on loopback: ``python -m benchmarks.replay RECORDING [--delay MS] ...``.

The server shares the machine with what it serves, so it is cheap: one thread, answers
built before the first request, one write for each.  It prints its address once it
serves, and ends when its standard input is a pipe that closes, or when nobody asks
anything for a while.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import socket
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from benchmarks.answers import Answers, Request, parse_request
from benchmarks.recording import Recording, RecordingError, find_recording

__all__ = ["Link", "Replay", "main", "serve"]

_IDLE = 1800.0  # seconds without a request after which nobody needs the server any more
_PIECE = 16 << 10  # bytes sent at once over a limited link
_LARGEST_HEAD = 64 << 10


@dataclass(slots=True)
class Link:
    """A line of limited bandwidth, shared by every connection."""

    bytes_per_second: float
    _free: float = 0.0  # when the last byte that was given to it will have left

    def departure(self, length: int, now: float) -> float:
        """Return when bytes that are given to the line now have left it."""
        self._free = max(self._free, now) + length / self.bytes_per_second
        return self._free


@dataclass(slots=True, kw_only=True)
class Replay:
    """What every connection shares."""

    answers: Answers
    delay: float = 0.0  # seconds before each answer
    link: Link | None = None
    obtain: Callable[[Request], None] | None = None  # run in a thread before each answer, by a recorder
    last_request: float = field(default=0.0)


class _Connection(asyncio.Protocol):
    """Answers the requests of one client, in order."""

    __slots__ = ("_buffer", "_busy", "_loop", "_replay", "_transport")

    def __init__(self, replay: Replay, loop: asyncio.AbstractEventLoop) -> None:
        self._replay = replay
        self._loop = loop
        self._buffer = bytearray()
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._take()

    def _take(self) -> None:
        """Take the next request from the buffer, where it is complete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                self._transport.close()
            return
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        try:
            request = parse_request(head)
        except ValueError:
            self._transport.close()
            return
        self._busy = True
        self._replay.last_request = self._loop.time()
        if self._replay.obtain is not None and not request.path.startswith("/-/"):
            obtained = self._loop.run_in_executor(None, self._replay.obtain, request)
            obtained.add_done_callback(lambda done: self._obtained(done, request))
        elif self._replay.delay and not request.path.startswith("/-/"):
            self._loop.call_later(self._replay.delay, self._send, request)
        else:
            self._send(request)

    def _obtained(self, done: asyncio.Future[None], request: Request) -> None:
        failure = done.exception()
        if failure is not None:
            print(f"{request.path}: {failure}", file=sys.stderr)
        self._send(request)

    def _send(self, request: Request) -> None:
        answer = self._replay.answers.answer(request)
        link = self._replay.link
        if link is None or answer.kind == "control":
            self._transport.write(answer.head + answer.body)
            self._sent(request)
        else:
            self._send_over(link, request, memoryview(answer.head + answer.body))

    def _send_over(self, link: Link, request: Request, content: memoryview) -> None:
        """Send a piece when the line has carried it, then the rest; other connections come in between."""
        piece, rest = content[:_PIECE], content[_PIECE:]

        def depart() -> None:
            self._transport.write(piece)
            if rest:
                self._send_over(link, request, rest)
            else:
                self._sent(request)

        self._loop.call_at(link.departure(len(piece), self._loop.time()), depart)

    def _sent(self, request: Request) -> None:
        self._busy = False
        if request.closes:
            self._transport.close()
        elif self._buffer and not self._transport.is_closing():
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if not self._busy:
            self._take()


async def serve(replay: Replay, listening: socket.socket) -> asyncio.Server:
    """Begin to serve on a socket that listens."""
    loop = asyncio.get_running_loop()
    replay.last_request = loop.time()
    return await loop.create_server(lambda: _Connection(replay, loop), sock=listening)


async def _serve_until_over(replay: Replay, listening: socket.socket) -> None:
    """Serve until standard input, where it is a pipe, closes, or nobody asks for long."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def read() -> None:
        if not os.read(0, 4096):
            over.set()

    if stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode):
        loop.add_reader(0, read)
    async with await serve(replay, listening):
        print(f"{replay.answers.root}/simple/", flush=True)
        while not over.is_set() and loop.time() - replay.last_request < _IDLE:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(over.wait(), timeout=60)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one recording."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description="Serve a recorded index."
    )
    parser.add_argument("recording", help="the name of a world, or the directory of a recording")
    parser.add_argument("--delay", type=float, default=0, metavar="MS", help="before each answer")
    parser.add_argument("--bandwidth", type=float, metavar="MBIT", help="per second, of all connections")
    parser.add_argument("--no-metadata", action="store_true", help="advertise and serve no core metadata")
    parser.add_argument("--mirror", action="store_true", help="HTML pages and whole files only")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        given = Path(options.recording)
        recording = Recording.load(given if given.is_dir() else find_recording(options.recording))
    except RecordingError as error:
        print(error, file=sys.stderr)
        return 2
    listening = socket.create_server(("127.0.0.1", options.port), backlog=512)
    root = f"http://127.0.0.1:{listening.getsockname()[1]}"
    answers = Answers(recording=recording, root=root, sidecars=not options.no_metadata, mirror=options.mirror)
    answers.build()
    gc.freeze()  # what was built stays
    replay = Replay(
        answers=answers,
        delay=options.delay / 1000,
        link=Link(options.bandwidth * 1e6 / 8) if options.bandwidth else None,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_until_over(replay, listening))
    return 0


if __name__ == "__main__":
    sys.exit(main())
