"""Small programs, each run by an environment's own Python in a fresh process, within a limit of time.

What fails is told by the exception at the root of its chain, where it was raised: the last
wrapper ("failed to import, see above") names no cause.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from envfit.frozen import frozen

__all__ = ["Failure", "Program", "Ran", "run_programs"]

_PARALLEL = min(4, os.cpu_count() or 1)  # an import of torch takes about a GiB of memory
_POLL = 0.02  # seconds
_OUTPUT = 2000  # characters of a crash's output that are kept

# Answers on a descriptor of its own: what packages print is not the answer.  It answers with less
# than a pipe holds, so that nobody has to read while it is written.
_RUNNER = """\
import sys
path, answer = sys.argv[1], int(sys.argv[2])
if sys.path[:1] == [""]:
    del sys.path[0]  # the root, where the program is run
import faulthandler, json, os, sysconfig
os.set_inheritable(answer, False)
faulthandler.enable()
answer = os.fdopen(answer, "w")
source = sys.stdin.read()

def say(*words):
    answer.write(json.dumps(words) + "\\n")
    answer.flush()

def tell(text):
    say("told", str(text)[:1000])

def passed(error):
    found = []
    if isinstance(error, SyntaxError) and error.filename:
        found.append((error.filename, error.lineno))
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<") and file != path:
            found.append((file, trace.tb_lineno))
        trace = trace.tb_next
    return found[-12:]

def described(error):
    where = passed(error)
    place = ""
    if where:
        file, line = where[0] if isinstance(error, SyntaxError) else where[-1]
        site = sysconfig.get_path("purelib") + os.sep
        place = "%s:%s" % (file[len(site):] if file.startswith(site) else file, line)
    files = list(dict.fromkeys(file for file, _ in where))
    if isinstance(error, SyntaxError):
        files.reverse()
    return [type(error).__name__, str(error)[:1500], place, files]

def chain(error):
    seen = []
    while error is not None and not any(error is item for item in seen):
        seen.append(error)
        error = error.__cause__ if error.__suppress_context__ else error.__context__
    return seen[:1] + seen[1:][-4:]

try:
    exec(compile(source, path, "exec"), {"__name__": "envfit_program", "tell": tell})
    errors = []
except BaseException as error:
    errors = [described(item) for item in chain(error)]
    for item in errors[:-1]:
        item[3] = []
say("errors", errors)
# Threads and handlers of packages may hang at exit, and what was asked is answered.
os._exit(0)
"""


@frozen
class Program:
    """A program: what it is called, and its text.  It may ``tell(text)`` what it has seen."""

    name: str
    source: str
    path: str = "<program>"  # of its file, where it needs to be one: triton reads the source of kernels


@frozen
class Failure:
    """What ended a program: a chain of exceptions, a signal, or its time."""

    chain: tuple[str, ...]  # "ImportError: libcudart.so.12: ...", the last wrapper first, the root last
    place: str = ""  # of the root: "torch/__init__.py:290", relative to site-packages where it is there
    files: tuple[str, ...] = ()  # that the root passed through, where it was raised last

    @property
    def error(self) -> str:
        """What the root says."""
        return self.chain[-1]

    @property
    def raised_as(self) -> str:
        """The last wrapper, where it differs from the root."""
        return self.chain[0] if self.chain[0] != self.error else ""


@frozen
class Ran:
    """A program that was run, and what came of it."""

    name: str
    told: tuple[str, ...] = ()  # in order, also before it failed
    failure: Failure | None = None


def run_programs(
    python: Path,
    programs: Iterable[Program],
    *,
    seconds: float,
    parallel: int = _PARALLEL,
    notify: Callable[[Ran], None] = lambda _: None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Ran, ...]:
    """Run programs, a few at a time, and return what came of them in their order.

    ``seconds`` is the limit of each.  Each result is told as it comes.  ``environ`` are the
    variables that the environment is used with, PYTHONPATH among them; without them the
    programs run isolated, as Python's -I does.
    """
    wanted = list(programs)
    pending = list(reversed(wanted))
    running: list[_Running] = []
    results: dict[str, Ran] = {}
    try:
        while pending or running:
            while pending and len(running) < parallel:
                running.append(_Running.start(python, pending.pop(), seconds, environ))
            for each in [each for each in running if each.is_over()]:
                running.remove(each)
                result = results[each.name] = each.result()
                notify(result)
            if running:
                time.sleep(_POLL)
    finally:
        for each in running:
            each.end()
    return tuple(results[program.name] for program in wanted)


@dataclass(slots=True, kw_only=True)
class _Running:
    """A program under way."""

    name: str
    process: subprocess.Popen[bytes]
    answer: IO[str]
    output: IO[bytes]
    seconds: float
    started: float = field(default_factory=time.monotonic)
    timed_out: bool = False

    @classmethod
    def start(
        cls, python: Path, program: Program, seconds: float, environ: Mapping[str, str] | None
    ) -> _Running:
        reading, writing = os.pipe()
        answer = os.fdopen(reading, encoding="utf-8")
        output = tempfile.TemporaryFile()
        try:
            with tempfile.TemporaryFile() as source:
                source.write(program.source.encode())
                source.seek(0)
                process = subprocess.Popen(
                    [
                        str(python),
                        *(["-I"] if environ is None else []),
                        "-c",
                        _RUNNER,
                        program.path,
                        str(writing),
                    ],
                    stdin=source,
                    stdout=subprocess.DEVNULL,
                    stderr=output,
                    # An empty directory would do; the root is there without being made.
                    cwd="/",
                    env=_isolated(os.environ) if environ is None else dict(environ),
                    pass_fds=[writing],
                    start_new_session=True,
                )
        except BaseException:
            answer.close()
            output.close()
            raise
        finally:
            os.close(writing)
        return cls(name=program.name, process=process, answer=answer, output=output, seconds=seconds)

    def is_over(self) -> bool:
        """Tell whether it is over, ending it where its time is."""
        if self.process.poll() is not None:
            return True
        self.timed_out = time.monotonic() - self.started > self.seconds
        return self.timed_out

    def result(self) -> Ran:
        """Return what came of it; it must be over."""
        self._kill()
        with self.answer, self.output:
            said = list(_lines(self.answer.read()))
            told = tuple(str(what) for kind, what in said if kind == "told")
            errors = next((what for kind, what in said if kind == "errors"), None)
            failure = self._end() if errors is None or self.timed_out else _failure(errors)
        return Ran(name=self.name, told=told, failure=failure)

    def _end(self) -> Failure:
        """Return what ended a program that did not say so itself."""
        if self.timed_out:
            return Failure(chain=(f"Timeout: not done after {self.seconds:g} s",))
        self.output.seek(0)
        said = self.output.read().decode("utf-8", "replace").strip()
        status = self.process.returncode
        if status >= 0:
            end = f"Exit: the process ended with status {status} {said[-_OUTPUT:]}"
            return Failure(chain=(end.strip(),))
        before, _, after = said.partition("Fatal Python error: ")
        frames = re.findall(r'^  File "([^"<][^"]*)", line (\d+)', after, re.MULTILINE)
        crash = f"Crash: {signal.Signals(-status).name} {before.strip()[-_OUTPUT:]}"
        return Failure(
            chain=(crash.strip(),),
            place=":".join(frames[0]) if frames else "",
            files=tuple(dict.fromkeys(file for file, _ in reversed(frames))),
        )

    def end(self) -> None:
        """End it without an answer."""
        self._kill()
        self.answer.close()
        self.output.close()

    def _kill(self) -> None:
        # The whole session, so that nothing that a program started outlives it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _isolated(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environ.items() if not key.startswith("PYTHON")}


def _lines(text: str) -> Iterator[tuple[str, object]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            kind, what = json.loads(line)
            yield kind, what


def _failure(errors: object) -> Failure | None:
    """Return what a program said that it failed with, or None where it did not."""
    if not isinstance(errors, list) or not errors:
        return None
    *_, (_, _, place, files) = errors
    chain = tuple(f"{kind}: {message}" if message else str(kind) for kind, message, _, _ in errors)
    return Failure(chain=chain, place=place, files=tuple(files))
