"""uv, as envfit runs it: it makes the environment and puts the locked files into it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from envfit.errors import EnvfitError, FileError, InstallError, SourceError
from envfit.index.progress import Progress
from envfit.install.drawing import Drawing
from envfit.interpreter import own_interpreter
from envfit.uv_program import find_uv

__all__ = ["MISLEADING", "create_venv", "find_uv", "sync"]

#: What would lead uv, or the Python that it starts, to another environment than the one named.
MISLEADING = frozenset({"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_SYSTEM_PYTHON"})

_DISK_FULL = re.compile(r"No space left on device|os error 28\b|Disk quota exceeded")
_BUILD = re.compile(r"Failed to (?:download and )?build|Call to `\S+` failed|build backend")
_HASH = re.compile(r"Hash mismatch")
_NETWORK = re.compile(
    r"Failed to fetch|error sending request|HTTP status|dns error|tcp connect|timed out|"
    r"Network connectivity is disabled|invalid peer certificate|request or response body error|"
    r"error reading a body|Connection (?:reset|refused|closed)"
)
# uv's own word for a repository that could not be fetched, as it writes causes.
_GIT = re.compile(r"^\s*cause: Git operation failed", re.MULTILINE | re.IGNORECASE)
_PROMPT = re.compile(r"terminal prompts disabled|Authentication failed")
_ERROR_BEGINS = re.compile("error:|\\s*\N{MULTIPLICATION SIGN}")
_TERMINAL = (500, 400)  # lines and columns
_LINES = 30  # of uv's that are passed on, at most


def create_venv(
    directory: Path,
    python: str,
    *,
    interpreter: str | None = None,
    offline: bool = False,
    variables: Mapping[str, str] | None = None,
    prompt: str,
    notify: Callable[[str], None],
) -> None:
    """Make an empty virtual environment.

    ``python`` is a minor version of CPython: the one that runs envfit where it is
    that, else one that uv looks for, and downloads where its settings allow it;
    ``interpreter`` is the path of one to take instead.
    Raises InstallError where there is no such Python, SourceError where it
    could not be downloaded, FileError where the disk is full.
    """
    # No project is looked for: another Python that it asks for is not this environment's concern.
    # Quiet: uv would tell how to activate a path that nobody is to use.
    _run(
        [
            *("venv", "--quiet", "--no-project", "--relocatable", "--prompt", prompt),
            *(["--offline"] if offline else []),
            *("--python", interpreter or own_interpreter(python) or f"cpython@{python}"),
            str(directory),
        ],
        f"no environment with Python {python} could be made",
        notify,
        hints=[f"uv python install {python} installs that Python"],
        variables=variables,
    )


def sync(
    python: Path,
    lock: Path,
    *,
    require_hashes: bool = True,
    offline: bool = False,
    into: Path | None = None,
    build_constraints: Path | None = None,
    variables: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    notify: Callable[[str], None],
) -> None:
    """Make the environment of an interpreter hold what a lock names, every file checked by its hash.

    uv checks the hashes of a pylock.toml whatever its settings say; with
    ``require_hashes`` it refuses a lock with an entry that has none.  With ``into`` the
    files go into that directory instead, as links.  ``variables`` are settings of this
    run.  ``progress`` is told how far it is.  Raises SourceError where a file could not
    be fetched, FileError where the disk is full, InstallError otherwise.
    """
    constraints = ["--build-constraints", str(build_constraints)] if build_constraints is not None else []
    _run(
        [
            *("pip", "sync", "--python", str(python)),
            # Reading pylock.toml is a preview of uv's; without the flag it warns of that each time.
            *("--preview-features", "pylock"),
            *(["--require-hashes"] if require_hashes else []),
            *(["--offline"] if offline else []),
            *(["--target", str(into), "--link-mode", "symlink"] if into is not None else []),
            # A lock of nothing, or of which all is skipped, is an environment too.
            "--allow-empty-requirements",
            *constraints,
            str(lock),
        ],
        "the locked files could not be installed",
        notify,
        variables=variables,
        progress=progress,
    )


def _run(
    arguments: Sequence[str],
    failed: str,
    notify: Callable[[str], None],
    *,
    hints: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    words = [find_uv(), "--color", "never", *arguments]
    environ.update(variables or {})
    lines: list[str] = []
    said = _piped(words, environ) if progress is None else _drawn(words, environ, progress)
    with said as (process, sentences):
        for line in sentences:
            lines.append(line)
            notify(line)
        status = process.wait()
    if status != 0:
        raise _error(failed, lines, hints)


@contextmanager
def _piped(
    words: Sequence[str], environ: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Iterator[str]]]:
    """Run a program into a pipe; yield it and what it says, line by line."""
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ
    )
    try:
        yield process, (line.decode("utf-8", "replace").rstrip("\r\n") for line in process.stdout or ())
    finally:
        _end(process)


@contextmanager
def _drawn(
    words: Sequence[str], environ: Mapping[str, str], progress: Progress
) -> Iterator[tuple[subprocess.Popen[bytes], Iterator[str]]]:
    """Run a program on a terminal of its own, since it draws how far it is on a terminal alone.

    That terminal is wide and high, so that all is drawn whatever the user's is.  The
    program stays in the process group of this one: an interrupt reaches both.
    """
    import fcntl
    import pty
    import struct
    import termios

    ours, its = pty.openpty()
    try:
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", *_TERMINAL, 0, 0))
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=its, stderr=its, env=environ)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(its)
    try:
        yield process, _sentences(ours, Drawing(progress))
    finally:
        _end(process)
        os.close(ours)


def _sentences(terminal: int, drawing: Drawing) -> Iterator[str]:
    """Yield what is said on a terminal until nobody has it open any more."""
    # Linux says EIO at its end.
    with suppress(OSError):
        while data := os.read(terminal, 1 << 16):
            yield from drawing.feed(data)
    yield from drawing.finish()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _error(failed: str, lines: Sequence[str], hints: Sequence[str]) -> EnvfitError:
    """Return what a failure of uv's is; a build says anything, so its words prove no network failure."""
    begin = next(
        (i for i, line in enumerate(lines) if _ERROR_BEGINS.match(line)), max(0, len(lines) - _LINES)
    )
    said = "\n".join(lines[begin : begin + _LINES]).strip() or "uv says nothing"
    if _DISK_FULL.search(said):
        return FileError(f"{failed}, the disk is full:\n{said}")
    if _GIT.search(said):
        asks = ["it asks for credentials: git's own settings serve, such as a credential helper"]
        return SourceError(f"{failed}:\n{said}", hints=asks if _PROMPT.search(said) else hints)
    if _NETWORK.search(said) and not _BUILD.search(said) and not _HASH.search(said):
        return SourceError(f"{failed}:\n{said}", hints=hints)
    return InstallError(f"{failed}:\n{said}", hints=hints)
