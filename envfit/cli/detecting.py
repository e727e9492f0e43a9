"""What this machine is: options in, one call, print."""

from __future__ import annotations

from pathlib import Path

from envfit import api
from envfit.cli import render

__all__ = ["detect"]


def detect(*, json: bool, record: Path | None) -> None:
    """Say what this machine is, and where each fact came from."""
    machine = api.detect()
    if record is not None:
        path = api.record(machine, record)
        render.talk(f"wrote {path}")
    if json:
        render.print_json(render.machine_data(machine))
    else:
        render.print_machine(machine)
