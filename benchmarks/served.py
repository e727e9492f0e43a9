"""A replay server as a process of its own, ended with its owner."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Served", "Traffic"]

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a server was asked for since it was last reset."""

    requests: int
    bytes: int  # sent, heads and bodies
    missed: tuple[str, ...]  # asked for and not recorded


class Served:
    """Serves a recording while it is entered; options are those of ``benchmarks.replay``."""

    def __init__(self, recording: str, *options: str) -> None:
        self._command = [sys.executable, "-m", "benchmarks.replay", recording, *options]

    def __enter__(self) -> Served:
        self._process = subprocess.Popen(
            self._command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.index = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not self.index:
            self._process.communicate()
            raise ChildProcessError(f"the replay server ended with {self._process.returncode}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def reset(self) -> None:
        """Count from zero."""
        self._ask("reset")

    def traffic(self) -> Traffic:
        """Return what was asked for since the last reset."""
        counts = self._ask("counters")
        return Traffic(
            requests=counts.get("requests", 0), bytes=counts.get("bytes", 0), missed=tuple(counts["missed"])
        )

    def _ask(self, what: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.index.removesuffix("simple/") + f"-/{what}") as answer:  # noqa: S310 # loopback
            found: dict[str, Any] = json.load(answer)
            return found
