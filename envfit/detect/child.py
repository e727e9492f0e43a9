"""A program run once for its answer, within a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from envfit.frozen import frozen

__all__ = ["Answer", "ChildError", "ask"]


class ChildError(Exception):
    """The program could not be started or did not end in time; the message is the reason."""


@frozen
class Answer:
    """What a program printed, and how it ended."""

    status: int  # negative: ended by that signal
    output: str
    errors: str


def ask(command: Sequence[str], environ: Mapping[str, str], *, time_limit: float) -> Answer:
    """Run a program that has that environment, without input, for at most ``time_limit`` seconds.

    Raises ChildError if it cannot be started or does not end in time.  It is then
    killed with its own children, and left behind where even that does not end it:
    a process that waits inside a broken driver cannot be killed.
    """
    try:
        child = subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ChildError(f"cannot be run: {error}") from None
    try:
        output, errors = child.communicate(timeout=time_limit)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=1)
        raise ChildError(f"did not answer within {time_limit:g} s") from None
    return Answer(status=child.returncode, output=output, errors=errors)
