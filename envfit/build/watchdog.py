"""A program of its own: end the processes of a session once whoever started it is gone.

Its standard input is a pipe that the starter holds.  A word in it says that all is over; its
end without a word, that the starter was killed.  Compilers would go on for hours otherwise, and
write into what the next attempt builds.  Linux only: ninja gives each compiler a process group
of its own, so that a session is all that holds them together.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

__all__ = ["end_session", "members"]


def members(session: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                text = (place / "stat").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(place.name))
    return found


def end_session(session: int, *, patience: float = 5.0) -> None:
    """Kill the processes of a session, also those that are started meanwhile."""
    deadline = time.monotonic() + patience
    while there := members(session):
        for process in there:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


if __name__ == "__main__":
    if not sys.stdin.buffer.read(1):
        end_session(int(sys.argv[1]))
