"""Why a build failed: the first line of its log that is a cause, not the many that follow from it."""

from __future__ import annotations

import re
import signal

from envfit.frozen import frozen

__all__ = ["Cause", "cause_of"]

_LONGEST = 400  # characters of a line that a message passes on

# In order of what they explain: a compiler that was killed prints errors as well.
_KILLED = re.compile(
    r"internal compiler error: Killed|Killed signal terminated program|fatal error: Killed|"
    r"^(?:\S+: line \d+: +\d+ )?Killed\b|died due to signal 9|(?:exit code|status) 137\b|MemoryError|"
    r"virtual memory exhausted|Cannot allocate memory|ptxas.*out of memory|std::bad_alloc"
)
_DISK = re.compile(r"No space left on device|Disk quota exceeded")
_COMPILER = re.compile(
    r"nvcc fatal\s*:|ptxas (?:fatal|error)\s*:|nvlink (?:fatal|error)\s*:|cicc.*(?:fatal|error)\s*:|"
    r"^\S+?(?:\(\d+\)|:\d+(?::\d+)?):\s*(?:catastrophic |fatal )?error\b|"
    r"^\S*(?:g\+\+|gcc|c\+\+|cc|clang\S*): (?:fatal )?error:|#error\b|"
    r"cannot find -l\S+|undefined reference to|error: command '.*' failed: No such file"
)
_MISSING = re.compile(r"^(?:ModuleNotFoundError|ImportError): .*|nvcc: (?:command )?not found")
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b(?::.*)?$")


@frozen
class Cause:
    """Why a build failed."""

    text: str
    hint: str = ""  # what helps


def cause_of(log: str, status: int) -> Cause:
    """Return why a build failed, by its output and its exit status (negative: ended by that signal)."""
    lines = [line.rstrip() for line in log.splitlines()]
    if status in {-signal.SIGKILL, 128 + signal.SIGKILL} or _first(_KILLED, lines):
        line = _first(_KILLED, lines)
        said = f" ({line.strip()[:_LONGEST]})" if line else ""
        return Cause(
            text=f"a process of the build was killed, as happens where the memory is full{said}",
            hint="give it fewer jobs: --jobs N; what is finished is not compiled again",
        )
    line = _first(_DISK, lines)
    if line:
        return Cause(text=f"the disk is full: {line.strip()[:_LONGEST]}", hint="make room, and run it again")
    line = _first(_COMPILER, lines) or _first(_MISSING, lines)
    if line:
        return Cause(text=line.strip()[:_LONGEST])
    raised = [line for line in lines if _RAISED.match(line)]
    if raised:
        return Cause(text=raised[-1][:_LONGEST])
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    return Cause(text=last[:_LONGEST] or f"it said nothing and ended with {ended}")


def _first(pattern: re.Pattern[str], lines: list[str]) -> str:
    return next((line for line in lines if pattern.search(line)), "")
