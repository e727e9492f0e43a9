"""The guard of an environment: options in, one call, print."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit.api.targets import TargetRequest
from envfit.cli import render
from envfit.errors import InputError
from envfit.install.guard import CONSTRAINTS

if TYPE_CHECKING:
    from envfit.install import Line

__all__ = ["guard", "guard_sentence", "uv_line"]


def guard(
    *,
    prefix: Path | None,
    on: bool,
    off: bool,
    gpus: Sequence[str],
    driver: str | None,
    ignore_rules: Sequence[str],
    json: bool,
) -> None:
    """Tell what an environment is held to, hold it to what is installed, or to nothing."""
    from envfit.api.guarding import guard_of, put_on, take_off

    if on and off:
        raise InputError("--on and --off exclude each other")
    if not on and (gpus or driver or ignore_rules):
        raise InputError("--gpu, --driver and --ignore-rule go with --on")
    lines: Sequence[Line] | None
    if off:
        place, had = take_off(prefix, os.environ)
        lines = None
        said = [f"{place} is no longer guarded" if had else f"{place} was not guarded"]
    elif on:
        target = TargetRequest(gpus=tuple(gpus), driver=driver)
        place, lines = put_on(
            prefix, target=target, ignore_rules=ignore_rules, environ=os.environ, notify=render.talk
        )
        said = [guard_sentence(lines), *uv_line(place)]
    else:
        place, lines = guard_of(prefix, os.environ)
        said = _told(place, lines)
    if json:
        render.print_json(_data(place, lines))
    else:
        print(*said, sep="\n")


def guard_sentence(lines: Sequence[Line]) -> str:
    """Return what a guard does in one line."""
    barred = sum(line.bars for line in lines)
    kept = sum(line.keeps is not None for line in lines)
    more = [f"bounds {len(lines) - kept - barred}"] if len(lines) > kept + barred else []
    more += [f"refuses {barred}"] if barred else []
    others = "".join(f", {phrase}" for phrase in more)
    return f"guarded: a later pip install keeps {kept} packages as they are{others}; envfit guard tells why"


def _told(place: Path, lines: Sequence[Line] | None) -> list[str]:
    if lines is None:
        return [f"{place} is not guarded; envfit guard --on does it"]
    said = [f"{place} is guarded, by its pip.conf and its activation"]
    for line in sorted(lines, key=lambda line: not line.bars):
        if line.keeps is None:
            said += [f"refused: {line.name}" if line.bars else f"bounded: {line}"]
            said += [f"    {sentence}" for sentence in line.why]
    said += [f"kept: {line.name} {line.keeps}" for line in lines if line.keeps is not None]
    if lines:
        said.append("to add a package and keep all this: envfit add NAME, and envfit install")
        said += uv_line(place)
    return said


def uv_line(place: Path) -> list[str]:
    """Return the line that holds uv to them without an activation; none where uv could not read the path."""
    path = place / CONSTRAINTS
    return [] if any(sign.isspace() for sign in str(path)) else [f"for uv: export UV_CONSTRAINT={path}"]


def _data(place: Path, lines: Sequence[Line] | None) -> dict[str, Any]:
    constraints = [
        {"name": line.name, "specifier": line.specifier, "refused": line.bars, "why": list(line.why)}
        for line in lines or ()
    ]
    return {"prefix": str(place), "guarded": lines is not None, "constraints": constraints}
