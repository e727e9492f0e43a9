"""Proof by import: each name in a fresh process of the new environment's Python.

What an import that fails says is the exception at the root of its chain, where
it was raised: the last wrapper ("failed to import, see above") names no cause.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from envfit.frozen import frozen

__all__ = ["ImportResult", "Outcome", "verify"]

_PARALLEL = min(4, os.cpu_count() or 1)  # an import of torch takes about a GiB of memory
_POLL = 0.02  # seconds
_OUTPUT = 2000  # characters of a crash's output that are kept

# The dynamic loader's words for a library of NVIDIA's driver that is not there.
_NO_DRIVER = re.compile(r"lib(?:cuda|nvidia-ml)\.so(?:\.1)?: cannot open shared object file")

# Writes to a descriptor of its own: what a package prints while it is imported is not the answer.
_PROBE = """\
import sys
name, answer = sys.argv[1], int(sys.argv[2])
import faulthandler, importlib, json, os, sysconfig
os.set_inheritable(answer, False)
faulthandler.enable()

def place(error):
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    found = None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<"):
            found = file, trace.tb_lineno
        trace = trace.tb_next
    return found

def chain(error):
    seen = []
    while error is not None and not any(error is item for item in seen):
        seen.append(error)
        error = error.__cause__ if error.__suppress_context__ else error.__context__
    # Less than a pipe holds, so that nobody has to read while it is written.
    return seen[:1] + seen[1:][-4:]

def told(error):
    where = place(error)
    if where:
        site = sysconfig.get_path("purelib") + os.sep
        where = where[0][len(site):] if where[0].startswith(site) else where[0], where[1]
    return [type(error).__name__, str(error)[:1500], "%s:%s" % where if where else "", files(error)]

def files(error):
    found = [error.filename] if isinstance(error, SyntaxError) and error.filename else []
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<") and file not in found:
            found.append(file)
        trace = trace.tb_next
    return found[-12:]

try:
    importlib.import_module(name)
    errors = []
except BaseException as error:
    errors = [told(item) for item in chain(error)]
    for item in errors[:-1]:
        item[3] = []
with os.fdopen(answer, "w") as file:
    json.dump(errors, file)
# Threads and handlers of the package may hang at exit, and what was asked is answered.
os._exit(0)
"""


class Outcome(enum.Enum):
    """What an import showed."""

    WORKS = "works"
    FAILED = "failed"
    UNPROVABLE = "not provable here"  # it fails merely for want of NVIDIA's driver


@frozen
class ImportResult:
    """One name that was imported, and what came of it."""

    name: str
    outcome: Outcome
    error: str = ""  # "ImportError: libcudart.so.12: ...", at the root of the chain
    place: str = ""  # "torch/__init__.py:290", relative to site-packages where it is there
    raised_as: str = ""  # the last wrapper, where it differs from the root
    chain: tuple[str, ...] = ()  # each exception as it says itself, the last wrapper first, the root last
    files: tuple[str, ...] = ()  # that the root passed through, where it was raised last

    def __str__(self) -> str:
        if self.outcome is Outcome.WORKS:
            return f"{self.name} works"
        place = f" ({self.place})" if self.place else ""
        return f"{self.name} {self.outcome.value}: {self.error}{place}"


def verify(
    python: Path,
    names: Iterable[str],
    *,
    gpu: bool,
    notify: Callable[[str], None] = lambda _: None,
    seconds: float = 120.0,
) -> tuple[ImportResult, ...]:
    """Import each name in a process of its own, a few at a time, and return the results in order.

    ``gpu`` says whether a driver must be there; ``seconds`` is the limit of one
    import.  Each result is told as it comes.
    """
    wanted = list(dict.fromkeys(names))
    pending = list(reversed(wanted))
    running: list[_Probe] = []
    results: dict[str, ImportResult] = {}
    try:
        while pending or running:
            while pending and len(running) < _PARALLEL:
                running.append(_Probe.start(python, pending.pop(), seconds))
            for probe in [probe for probe in running if probe.is_over()]:
                running.remove(probe)
                result = results[probe.name] = probe.result(gpu=gpu)
                notify(str(result))
            if running:
                time.sleep(_POLL)
    finally:
        for probe in running:
            probe.end()
    return tuple(results[name] for name in wanted)


@frozen
class _Error:
    """One exception of a chain."""

    kind: str
    message: str
    place: str = ""
    files: tuple[str, ...] = ()


def _crash(name: str, said: str) -> _Error:
    """Return the end of a process by a signal, with the place that faulthandler told."""
    before, _, after = said.partition("Fatal Python error: ")
    frames = re.findall(r'^  File "([^"<][^"]*)", line (\d+)', after, re.MULTILINE)
    return _Error(
        kind="Crash",
        message=f"{name} {before}".strip(),
        place=":".join(frames[0]) if frames else "",
        files=tuple(dict.fromkeys(file for file, _ in reversed(frames))),
    )


@dataclass(slots=True, kw_only=True)
class _Probe:
    """An import under way."""

    name: str
    process: subprocess.Popen[bytes]
    answer: IO[str]
    output: IO[bytes]
    seconds: float
    started: float = field(default_factory=time.monotonic)
    timed_out: bool = False

    @classmethod
    def start(cls, python: Path, name: str, seconds: float) -> _Probe:
        reading, writing = os.pipe()
        answer = os.fdopen(reading, encoding="utf-8")
        output = tempfile.TemporaryFile()
        try:
            process = subprocess.Popen(
                [str(python), "-I", "-c", _PROBE, name, str(writing)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                # An empty directory would do; the root is there without being made.
                cwd="/",
                env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
                pass_fds=[writing],
                start_new_session=True,
            )
        except BaseException:
            answer.close()
            output.close()
            raise
        finally:
            os.close(writing)
        return cls(name=name, process=process, answer=answer, output=output, seconds=seconds)

    def is_over(self) -> bool:
        """Tell whether it is over, ending it where its time is."""
        if self.process.poll() is not None:
            return True
        self.timed_out = time.monotonic() - self.started > self.seconds
        return self.timed_out

    def result(self, *, gpu: bool) -> ImportResult:
        """Return what came of it; it must be over."""
        self._kill()
        with self.answer, self.output:
            errors = self._errors()
        if not errors:
            return ImportResult(name=self.name, outcome=Outcome.WORKS)
        chain = tuple(f"{error.kind}: {error.message}" if error.message else error.kind for error in errors)
        outer, root = chain[0], chain[-1]
        no_driver = not gpu and any(_NO_DRIVER.search(error.message) for error in errors)
        return ImportResult(
            name=self.name,
            outcome=Outcome.UNPROVABLE if no_driver else Outcome.FAILED,
            error=root,
            place=errors[-1].place,
            raised_as=outer if len(errors) > 1 and outer != root else "",
            chain=chain,
            files=errors[-1].files,
        )

    def _errors(self) -> Sequence[_Error]:
        """Return the chain of exceptions, the root last; what ended the process where it gave none."""
        if self.timed_out:
            return [_Error(kind="Timeout", message=f"not imported after {self.seconds:g} s")]
        with contextlib.suppress(ValueError):
            return [
                _Error(kind=kind, message=message, place=place, files=tuple(files))
                for kind, message, place, files in json.load(self.answer)
            ]
        self.output.seek(0)
        said = self.output.read().decode("utf-8", "replace").strip()[-_OUTPUT:]
        status = self.process.returncode
        if status < 0:
            return [_crash(signal.Signals(-status).name, said)]
        return [_Error(kind="Exit", message=f"the process ended with status {status} {said}".strip())]

    def end(self) -> None:
        """End it without an answer."""
        self._kill()
        self.answer.close()
        self.output.close()

    def _kill(self) -> None:
        # The whole session, so that nothing that an import started outlives it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
