"""One build of an unpacked source distribution by its own back end (PEP 517), to a wheel.

The tree is kept as the build leaves it: ninja's log and the finished objects in it are what the
next attempt goes on from.  Nothing is unpacked anew over it, for that would make all objects old.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyproject_hooks

from envfit.build.cause import cause_of
from envfit.build.isolation import Isolation, Wall
from envfit.build.progress import Costs, Progress, edges, finished
from envfit.build.session import Sample, run_session
from envfit.build_system import build_system, hooks
from envfit.errors import BuildError
from envfit.frozen import frozen

__all__ = ["Built", "build_wheel", "toolkit_of"]

_EVERY = 30.0  # seconds between lines for those who see no status
_TOP = re.compile(r"^#\$ TOP=(.+)$", re.MULTILINE)
_TIME_LIMIT = 10  # seconds; nvcc answers in 0.1


@frozen
class Built:
    """What a build made, and what it took."""

    wheel: Path  # as the back end wrote it
    seconds: float  # of this run
    objects: int  # of the whole build; 0 where nobody counted
    compiled: int  # in this run: fewer after an interrupt
    peak_memory: int  # bytes that its processes held together, looked at each second
    wall: Wall


def build_wheel(
    tree: Path,
    python: str,
    *,
    name: str,
    variables: Mapping[str, str],
    isolation: Isolation,
    jobs: int,
    output: Path,
    log: Path,
    costs: Costs | None = None,
    watch: Callable[[Callable[[], str]], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Built:
    """Run the build of a source tree with an interpreter that has what it needs, and return its wheel.

    ``watch`` is given what returns a line of status, where somebody shows it; without it a line is
    told now and then.  Raises BuildError with the cause and the place of the log.
    """
    try:
        system = build_system(tree)
    except ValueError as error:
        raise BuildError(f"the pyproject.toml of {name} is malformed: {error}") from error
    progress = Progress(jobs=jobs, costs=costs, planned=lambda: edges(tree), finished=finished(tree))
    run = _Run(
        name=name,
        variables=variables,
        isolation=isolation,
        log=log,
        progress=progress,
        notify=notify if watch is None else lambda _: None,
    )
    if watch is not None:
        watch(lambda: "\n".join([f"{name}: {progress.lines()[0]}", *progress.lines()[1:]]))
    caller = hooks(tree, system, python=python, runner=run)
    for former in output.glob("*.whl"):
        former.unlink()
    begun = time.monotonic()
    try:
        wheel = output / caller.build_wheel(str(output))
    except (pyproject_hooks.BackendUnavailable, pyproject_hooks.HookMissing) as error:
        said = getattr(error, "message", None) or str(error) or "it has no hook that builds wheels"
        raise BuildError(
            f"the back end of {name} cannot be used: {said}", details={"log": str(log)}
        ) from error
    except (pyproject_hooks.UnsupportedOperation, OSError, ValueError) as error:
        raise BuildError(f"the build of {name} failed: {error}", details={"log": str(log)}) from error
    finally:
        if watch is not None:
            watch(str)  # nothing more
    if not wheel.is_file():
        raise BuildError(
            f"the build of {name} says that it made {wheel.name}, and it is not there",
            details={"log": str(log)},
        )
    return Built(
        wheel=wheel,
        seconds=time.monotonic() - begun,
        objects=progress.total,
        compiled=progress.compiled,
        peak_memory=progress.peak_memory,
        wall=isolation.wall,
    )


class _Run:
    """What runs the commands of the back end."""

    def __init__(
        self,
        *,
        name: str,
        variables: Mapping[str, str],
        isolation: Isolation,
        log: Path,
        progress: Progress,
        notify: Callable[[str], None],
    ) -> None:
        self._name = name
        self._variables = variables
        self._isolation = isolation
        self._log = log
        self._progress = progress
        self._notify = notify
        self._told = time.monotonic()

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run a command, as pyproject-hooks asks for; raises BuildError where it fails."""
        command = [*self._isolation.command, *cmd]
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {shlex.join(command)}\n")
        begin = self._log.stat().st_size
        try:
            status = run_session(
                command,
                directory=Path(cwd or "."),
                variables={**self._variables, **(extra_environ or {})},
                log=self._log,
                on_text=self._progress.feed,
                on_sample=self._sampled,
            )
        except OSError as error:
            raise BuildError(f"the build of {self._name} cannot be started: {error}") from error
        if status == 0:
            return
        with self._log.open("rb") as log_file:
            log_file.seek(begin)
            cause = cause_of(log_file.read().decode("utf-8", errors="replace"), status)
        done = f"; {self._progress.done} objects are finished and kept" if self._progress.done else ""
        raise BuildError(
            f"the build of {self._name} failed: {cause.text}{done}",
            details={"log": str(self._log)},
            hints=[*([cause.hint] if cause.hint else []), f"all that it said is in {self._log}"],
        )

    def _sampled(self, sample: Sample) -> None:
        self._progress.on_sample(sample)
        now = time.monotonic()
        if now - self._told >= _EVERY:
            self._told = now
            memory = f", {sample.memory / 2**30:.1f} GiB in use"
            self._notify(f"{self._name}: {self._progress.status()}{memory}")


def toolkit_of(nvcc: str) -> str | None:
    """Return the directory of the toolkit that an nvcc belongs to, also behind links and wrappers.

    torch takes the directory two above what PATH finds, which need not have the headers.
    """
    own = Path(nvcc).resolve().parents[1]
    if (own / "include" / "cuda.h").is_file():
        return str(own)
    try:
        said = subprocess.run(
            [nvcc, "--dryrun", "-x", "cu", "/dev/null", "-E"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIME_LIMIT,
            check=False,
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    top = _TOP.search(said)
    return str(Path(top[1]).resolve()) if top is not None else None
