"""One command of a build, run in a session of its own: logged, sampled, and ended when asked to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from envfit.build import watchdog
from envfit.build.watchdog import end_session
from envfit.frozen import frozen

__all__ = ["Sample", "run_session"]

_POLL = 0.1  # seconds between looks at the log
_SAMPLE = 1.0  # seconds between looks at the processes
_PATIENCE = 10.0  # seconds that a build has to end after an interrupt
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: The programs that do a compiler's work; of each object one of them runs at a time.
_COMPILERS = frozenset({"cicc", "ptxas", "cudafe++", "cc1plus", "cc1", "clang", "rustc", "lto1"})


@frozen
class Sample:
    """The processes of a build at one moment."""

    memory: int  # bytes that are resident in all
    compilers: int


def run_session(
    command: Sequence[str],
    *,
    directory: Path,
    variables: Mapping[str, str],
    log: Path,
    on_text: Callable[[str], None],
    on_sample: Callable[[Sample], None],
) -> int:
    """Run a command to its end, its output appended to a log, and return its exit status.

    ``on_text`` gets what is logged as it comes, ``on_sample`` the processes each second.  When
    this process is interrupted the command is too; when this process is killed, all of the
    command is.  Raises OSError where it cannot be started.
    """
    with log.open("ab") as sink, log.open("rb") as source:
        source.seek(0, os.SEEK_END)
        child = subprocess.Popen(
            list(command),
            cwd=directory,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _watched(child.pid):
            try:
                sampled = 0.0
                while child.poll() is None:
                    time.sleep(_POLL)
                    _pass_on(source.read(), on_text)
                    if time.monotonic() - sampled >= _SAMPLE:
                        sampled = time.monotonic()
                        on_sample(_sample(child.pid))
            except BaseException:
                _interrupt(child)
                raise
            finally:
                end_session(child.pid)
                child.wait()
        _pass_on(source.read(), on_text)
    return child.returncode


def _pass_on(data: bytes, on_text: Callable[[str], None]) -> None:
    if data:
        on_text(data.decode("utf-8", errors="replace"))


@contextlib.contextmanager
def _watched(session: int) -> Iterator[None]:
    """Have a watchdog end a session if this process is killed meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", watchdog.__file__, str(session)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as dog:
        try:
            yield
        finally:
            if dog.stdin is not None:
                with contextlib.suppress(OSError):
                    dog.stdin.write(b".")
                    dog.stdin.flush()


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    """Let a build end in order: ninja notes what is finished and removes what is not."""
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        child.wait(_PATIENCE)


def _sample(session: int) -> Sample:
    memory = compilers = 0
    for process in watchdog.members(session):
        try:
            text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        before, _, after = text.rpartition(")")
        memory += int(after.split()[21]) * _PAGE
        compilers += before.partition("(")[2] in _COMPILERS
    return Sample(memory=memory, compilers=compilers)
