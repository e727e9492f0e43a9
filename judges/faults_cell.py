"""Cells of the table of faults: a world, a command that a fault stops, and what holds afterwards.

    python -m judges.faults_cell

runs in a mount namespace of its own (``unshare -rm``), where a small file system in memory can be
filled or made read-only without harm.  Each line of its input is a cell (JSON: the template of the
world, the words of the command, the fault and where it happens); each line of its output says what did
not hold, and how long the command took.  A command is the real one, in a child that is forked
when all its modules are there: nine hundred cells start it three thousand times.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import requests

from envfit.cli.app import main as main_of_envfit
from judges.faults_point import suffer

__all__ = ["COPY", "MOUNT", "Cell", "described", "main", "run_cell"]

COPY = shutil.which("cp") or "cp"
MOUNT = shutil.which("mount") or "mount"
_UNMOUNT = shutil.which("umount") or "umount"

_SIZE = "48m"  # of the file system
_OLD, _NEW = "1.0", "2.0"
_LIMIT = 120  # seconds for one command


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A world, a command and its fault."""

    scenario: str
    template: str  # a directory that is copied into the file system
    root: str  # where the file system is mounted; templates were made at this path
    words: tuple[str, ...]  # of envfit
    fault: str
    at: int = 0  # the count of what is about to be done; 0 never
    after: float = 0  # seconds after which it is killed instead
    index: str = ""  # the address of the server
    log: str = ""  # a file for what is counted
    without: tuple[str, ...] = ()  # calls that the C library is to lack
    mounts: bool = True  # whether there is a file system of its own

    @property
    def goes_back(self) -> bool:
        """Whether it is a rollback."""
        return self.words[0] == "rollback"

    @property
    def prefix(self) -> Path:
        """The environment."""
        return Path(self.root) / "env"

    @property
    def versions(self) -> Path:
        """Its versions."""
        return Path(self.root) / ".env.envfit"


def run_cell(cell: Cell) -> tuple[list[str], float]:
    """Return what did not hold, and the seconds that the command took."""
    _make_world(cell)
    try:
        before = _version(cell)
        begun = time.monotonic()
        ended = _faulty(cell)
        seconds = time.monotonic() - begun
        return [f"{cell.fault} at {cell.at}: {fault}" for fault in _judge(cell, before, ended)], seconds
    finally:
        if cell.mounts:
            subprocess.run([_UNMOUNT, "-l", cell.root], check=True)
        else:
            shutil.rmtree(cell.root, ignore_errors=True)


def _judge(cell: Cell, before: str | None, ended: subprocess.CompletedProcess[str]) -> Iterator[str]:
    said = ended.stdout + ended.stderr
    now = _version(cell)
    aim = _OLD if cell.goes_back else _NEW
    is_between = now is None and cell.without and ended.returncode < 0
    if now not in {before, aim} and not is_between:
        yield f"the environment was {before} and is {now}: {said[-600:]}"
    if ended.returncode == 0 and now != aim:
        yield f"it said that all went well, and the environment is {now}: {said[-600:]}"
    if ended.returncode > 0 and now != before and "is the new version" not in said:
        yield f"it failed, and the environment is {now} instead of {before}: {said[-600:]}"
    if ended.returncode in {1, 2, 3} and not ("hint:" in said or "as it was" in said):
        yield f"the message does not say what to do: {said[-1500:]}"
    if "Traceback" in said:
        yield f"it is a bug: {said[-1500:]}"
    _mend(cell)
    yield from _judge_again(cell, now, before)


def _judge_again(cell: Cell, now: str | None, before: str | None) -> Iterator[str]:
    """Do the same once more without a fault, and then go back."""
    if cell.goes_back:
        wanted, back = (_OLD, {_NEW}) if now == _NEW else (_NEW, {_OLD})
    else:
        # Where the first attempt came through, the second one has replaced the new version by itself.
        wanted, back = _NEW, {_OLD} if now in {before, None} else {_OLD, _NEW}
    again = _envfit(cell, cell.words)
    if again.returncode != 0 or _version(cell) != wanted:
        yield f"again: {again.returncode}, {_version(cell)} instead of {wanted}: {again.stderr[-600:]}"
        return
    yield from _left(cell)
    if before is None or "--keep" in cell.words:
        return
    returned = _envfit(cell, ("rollback", "--prefix", str(cell.prefix)))
    if returned.returncode != 0 or _version(cell) not in back:
        yield f"rollback: {returned.returncode}, {_version(cell)}: {returned.stderr[-600:]}"
    yield from _left(cell)


def _left(cell: Cell) -> Iterator[str]:
    """Yield what lies about that belongs to nothing."""
    history = (cell.versions / "history").read_text(encoding="utf-8").split()
    for path in cell.versions.iterdir():
        if path.name not in {"lock", "history", *history}:
            yield f"{path.name} was left behind"


def _make_world(cell: Cell) -> None:
    root = Path(cell.root)
    root.mkdir(parents=True, exist_ok=True)
    if cell.mounts:
        subprocess.run([MOUNT, "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", cell.root], check=True)
    subprocess.run([COPY, "-a", f"{cell.template}/.", cell.root], check=True)


def _faulty(cell: Cell) -> subprocess.CompletedProcess[str]:
    spec = {
        "root": cell.root,
        "at": cell.at,
        "fault": cell.fault,
        "log": cell.log,
        "index": cell.index,
        "without": cell.without,
        "journals": [str(cell.versions / "journal")],
    }
    return _envfit(cell, cell.words, lambda: suffer(spec), after=cell.after)


def _envfit(
    cell: Cell, words: tuple[str, ...], prepare: Callable[[], None] = lambda: None, *, after: float = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command in a child; ``after`` are seconds after which it is killed, where not 0."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        child = os.fork()
        if child == 0:
            _become_envfit(cell, words, prepare, said.fileno())
        if after:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)  # this process alone: a uv that it started goes on
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return subprocess.CompletedProcess(words, status, "", said.read())


def _become_envfit(cell: Cell, words: tuple[str, ...], prepare: Callable[[], None], output: int) -> NoReturn:
    """Run a command in this process, a child, and end it."""
    code = 70
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(cell.root)
        os.environ.update(_environ(cell))
        signal.alarm(_LIMIT)
        prepare()
        main_of_envfit(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as Python would print it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _environ(cell: Cell) -> Mapping[str, str]:
    return {
        "UV_CACHE_DIR": f"{cell.root}/uv",
        "UV_HTTP_RETRIES": "0",
        "UV_PYTHON_DOWNLOADS": "never",
        "XDG_CACHE_HOME": f"{cell.root}/cache",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/usr/bin/nowhere",  # no compilers: what they are takes time to ask and is of no matter
    }


def _version(cell: Cell) -> str | None:
    """Return what the environment's own program says of its version; None where there is nothing at all."""
    if not os.path.lexists(cell.prefix):
        return None
    script = cell.prefix / "bin" / "hello"
    words = [str(script)] if script.exists() else [str(cell.prefix / "bin" / "python"), "-c", _HELLO]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    except OSError as error:
        return f"broken: {error}"
    return ended.stdout.strip() if ended.returncode == 0 else f"broken: {ended.stderr}"


_HELLO = "import app, lib; print(app.__version__)"


def _mend(cell: Cell) -> None:
    if cell.fault == "read-only":
        subprocess.run([MOUNT, "-o", "remount,rw", cell.root], check=True)
    Path(cell.root, "filler").unlink(missing_ok=True)
    if cell.fault == "network cut":
        requests.get(f"{cell.index}/mend", timeout=10)


def _read(text: str) -> Cell:
    found: dict[str, Any] = json.loads(text)
    return Cell(**{**found, "words": tuple(found["words"]), "without": tuple(found["without"])})


def described(cell: Cell) -> str:
    """Return a cell as ``main`` takes it."""
    return json.dumps(asdict(cell))


def main() -> None:
    """Run the cells that the lines of the input describe."""
    import envfit.api.installing
    import envfit.cli.rolling_back

    envfit.api.knowledge()
    for line in sys.stdin:
        wrong, seconds = run_cell(_read(line))
        print(json.dumps({"wrong": wrong, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
