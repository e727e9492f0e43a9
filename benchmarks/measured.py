"""What one run of a program costs: wall and CPU time, and the memory of its largest process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "measured"]

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """How a program ended, and what it took; children that it waited for are included."""

    code: int
    late: bool  # it was ended, because its time was over
    wall: float  # seconds
    cpu: float  # seconds, of user and system
    peak: int  # bytes, of the largest single process


def measured(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, output: Path, limit: float
) -> Cost:
    """Run a program in a folder to its end, or to the limit in seconds; what it prints goes to ``output``."""
    order = {
        "command": list(command),
        "environment": dict(environment),
        "limit": limit,
        "output": str(output),
    }
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(_LAUNCH)],
        cwd=folder,
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Cost(**json.loads(ended.stdout))
