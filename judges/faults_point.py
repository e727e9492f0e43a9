"""Faults that happen to a process at one point of what it does.

Python tells an audit hook of every file that is opened, renamed, linked or removed and of every
process that is started, before it is done.  Those under one directory are counted; at the one
that is chosen, the fault happens.  Nothing of envfit is changed for it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

__all__ = ["FAULTS", "suffer"]

_CHANGING = frozenset(
    {"os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "shutil.rmtree", "subprocess.Popen"}
)
_CALLS = frozenset({"renameat2", "syncfs"})  # by ctypes
_MOUNT = shutil.which("mount") or "mount"
_EVERY = 25  # of the files of a tree that is removed


def _signalled(number: signal.Signals) -> Callable[[dict[str, Any]], None]:
    return lambda _: os.kill(os.getpid(), number)


def _fill(spec: dict[str, Any]) -> None:
    """Write until nothing fits any more."""
    with Path(spec["root"], "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def _close(spec: dict[str, Any]) -> None:
    """Take the right to write away from everybody."""
    subprocess.run([_MOUNT, "-o", "remount,ro", spec["root"]], check=True)


def _cut(spec: dict[str, Any]) -> None:
    """Have the server stop in the middle of every file from now on."""
    requests.get(f"{spec['index']}/cut", timeout=10)


#: By name: what happens.
FAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "kill": _signalled(signal.SIGKILL),
    "SIGTERM": _signalled(signal.SIGTERM),
    "SIGHUP": _signalled(signal.SIGHUP),
    "Ctrl-C": _signalled(signal.SIGINT),
    "disk full": _fill,
    "read-only": _close,
    "network cut": _cut,
}


class _Counter:
    """Counts what is about to be done, and lets the fault happen."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._journals = list(spec["journals"])
        self._count = 0
        self._in_tree = 0
        self._busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or not self._counts(event, arguments):
            return
        self._busy = True
        try:
            self._count += 1
            if self._spec["log"]:
                self._note(event, arguments)
            if self._count == self._spec["at"]:
                FAULTS[self._spec["fault"]](self._spec)
        finally:
            self._busy = False

    def _counts(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "ctypes.dlsym":
            if arguments[1] in self._spec["without"]:
                raise AttributeError(arguments[1])  # as a C library answers that does not have it
            return arguments[1] in _CALLS
        if event == "open":
            path, _, flags = arguments
            return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) and self._is_ours(path)
        if event not in _CHANGING:
            return False
        if event == "subprocess.Popen":
            return True
        if event in {"os.remove", "os.rmdir"} and not Path(arguments[0]).is_absolute():
            self._in_tree += 1  # a name in a directory that is held open, as shutil.rmtree does
            return self._in_tree % _EVERY == 0
        return any(self._is_ours(argument) for argument in arguments)

    def _is_ours(self, argument: object) -> bool:
        return isinstance(argument, str | os.PathLike) and os.fspath(argument).startswith(self._spec["root"])

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        step = next(filter(None, map(_step, self._journals)), "")
        what = os.fspath(arguments[0]) if event != "ctypes.dlsym" else arguments[1]
        with Path(self._spec["log"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": self._count, "step": step, "event": event, "what": what}) + "\n")


def _step(path: str) -> str:
    try:
        return str(json.loads(Path(path).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError):
        return ""


def suffer(spec: dict[str, Any]) -> None:
    """Have a fault happen to this process: spec is {root, at, fault, log, index, without, journals}."""
    sys.addaudithook(_Counter(spec))
