"""Record what worlds need of the index in use: ``python -m benchmarks.record WORLD...``.

Every tool resolves the world through a server that fetches what it does not know yet, so
that whatever any of them asks for is recorded; then releases beside those and the newest
of each project are read, for tools that ask for others tomorrow.  From the same names and date, and an
index that keeps its files, the same recording comes again.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answers import Answers
from benchmarks.measured import measured
from benchmarks.peers import PEERS, tools
from benchmarks.recording import Recording, RecordingError, home
from benchmarks.replay import Replay, serve
from benchmarks.simple_page import with_hashes
from benchmarks.tools import Job, Tool
from benchmarks.upstream import Upstream
from benchmarks.worlds import World, chosen

__all__ = ["main", "record"]

_RELEASES = 4  # of each project that are read beyond what was asked for


def record(world: World, directory: Path, resolvers: Sequence[Tool], *, limit: float) -> Recording:
    """Record a world into a directory, beside what is recorded there already of the same date."""
    recording = _begun(world, directory)
    upstream = Upstream(recording, whole=world.whole)
    for sidecars in (True, False):
        with (
            _Recorder(recording, upstream, sidecars=sidecars) as index,
            tempfile.TemporaryDirectory() as folder,
        ):
            for tool in resolvers:
                if sidecars or tool.name in {"envfit", "envfit-gpu", "uv"}:
                    _resolve(world, tool, index, Path(folder) / tool.name, limit)
    upstream.deepen(python=world.python, glibc=world.glibc, releases=_RELEASES)
    for name, page in recording.pages.items():
        recording.pages[name] = with_hashes(page, recording.metadata)
    recording.save(directory)
    return recording


def _begun(world: World, directory: Path) -> Recording:
    fresh = Recording(world=world.name, date=world.date, requirements=world.requirements)
    try:
        recording = Recording.load(directory)
    except RecordingError:
        return fresh
    if recording.date != world.date:
        return fresh
    recording.requirements = world.requirements
    return recording


def _resolve(world: World, tool: Tool, index: str, folder: Path, limit: float) -> None:
    folder.mkdir(parents=True)
    job = Job(world=world, index=index, folder=folder, cache=folder / "cache")
    command = tool.command(job)
    output = folder / "output"
    cost = measured(command.words, environment=command.environment, folder=folder, output=output, limit=limit)
    ended = "did not end" if cost.late else f"exit {cost.code}"
    print(f"{world.name}: {tool.name} {tool.version}: {ended} after {cost.wall:.1f} s", flush=True)
    if cost.code and not cost.late:
        print(output.read_text(errors="replace")[-600:].replace(index, "INDEX/"))
    shutil.rmtree(folder, ignore_errors=True)


class _Recorder:
    """Serves a recording that grows with each request, in a thread, while it is entered."""

    def __init__(self, recording: Recording, upstream: Upstream, *, sidecars: bool) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._root = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        answers = Answers(recording=recording, root=self._root, sidecars=sidecars)
        self._replay = Replay(answers=answers, obtain=upstream.obtain)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> str:
        self._thread.start()
        return f"{self._root}/simple/"

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        server = self._loop.run_until_complete(serve(self._replay, self._listening))
        self._loop.run_forever()
        server.close()
        self._loop.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Record worlds, all of them where none is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.record", description="Record worlds.")
    parser.add_argument("worlds", nargs="*", metavar="WORLD")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="for each tool")
    parser.add_argument("--peers", default=",".join(PEERS), help="the tools besides envfit")
    parser.add_argument("--envfit", type=Path, help="the program; default: beside this Python")
    parser.add_argument("-o", "--output", type=Path, help="the directory for recordings")
    options = parser.parse_args(arguments)
    try:
        worlds = chosen(options.worlds)
        peers = [name for name in options.peers.split(",") if name]
        for world in worlds:
            directory = (options.output or home() / "recordings") / world.name
            directory.parent.mkdir(parents=True, exist_ok=True)
            able = [name for name in peers if name not in world.cannot]
            resolvers = tools(able, python=world.python, envfit=options.envfit)
            recording = record(world, directory, resolvers, limit=options.limit)
            held = sum(file.known for file in recording.files.values()) / 1e6
            print(
                f"{world.name}: {len(recording.pages)} pages, metadata of {len(recording.metadata)} wheels, "
                f"{held:.1f} MB of {len(recording.files)} files in {directory}"
            )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
