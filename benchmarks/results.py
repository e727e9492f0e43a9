"""Files of results: what was measured, on which machine, and what its rounds come to."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MEASURES", "Measure", "Summary", "machine", "read", "summaries", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The median of several runs, and their bounds."""

    median: float
    least: float
    most: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Summarise values, one at least."""
        return cls(median=statistics.median(values), least=min(values), most=max(values), runs=len(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One quantity of a run, and how it is written."""

    name: str
    unit: str

    def of(self, run: Mapping[str, Any]) -> float:
        """Return its value in a run."""
        value = run["cost"][self.name] if self.name in run["cost"] else run[self.name]
        return float(value)

    def text(self, value: float) -> str:
        """Return a value as it is read."""
        match self.unit:
            case "s":
                return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"
            case "MiB":
                return f"{value / (1 << 20):.0f} MiB"
            case "MB":
                return f"{value / 1e6:.2f} MB"
            case _:
                return f"{value:.0f}"


MEASURES = (
    Measure(name="wall", unit="s"),
    Measure(name="cpu", unit="s"),
    Measure(name="peak", unit="MiB"),
    Measure(name="requests", unit=""),
    Measure(name="bytes", unit="MB"),
)


def machine() -> Mapping[str, Any]:
    """Return what matters of this machine."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"model name\s*:\s*(.*)", text)
    return {
        "cpu": model[1].strip() if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a file of results, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(f"{json.dumps(document, indent=1, sort_keys=True)}\n", encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> Mapping[str, Any]:
    """Read a file of results."""
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def summaries(runs: Iterable[Mapping[str, Any]]) -> Mapping[str, Summary] | None:
    """Return each measure of runs that are alike; None where none of them counts."""
    counted = [run for run in runs if run["counts"]]
    if not counted:
        return None
    return {measure.name: Summary.of([measure.of(run) for run in counted]) for measure in MEASURES}
