"""Exporting locks: options in, one call, print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from envfit import api
from envfit.cli import render
from envfit.errors import FileError, InputError

__all__ = ["export"]

_PROJECT = Path("pyproject.toml")


def export(*, locks: Sequence[Path], form: str, output: Path | None, write: bool) -> None:
    """Write locks in another tool's form, to standard output, a file or a ``pyproject.toml`` that exists."""
    locks = list(locks) or [Path("pylock.toml")]
    if write:
        _merge(locks, form, output or _PROJECT)
        return
    if form == "uv" and output is not None and output.name == _PROJECT.name and output.exists():
        raise InputError(
            f"{output} exists, and a fragment would take its place",
            hints=["--write puts the fragment into it and keeps everything else"],
        )
    texts = api.export(locks, form, project=_PROJECT)
    for suffix, text in texts.items():
        if output is None:
            sys.stdout.write(text if not suffix else f"# --- {suffix} ---\n{text}")
            continue
        path = output.with_name(f"{output.stem}-{suffix}{output.suffix}") if suffix else output
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        render.talk(f"wrote {path}")


def _merge(locks: Sequence[Path], form: str, project: Path) -> None:
    if form != "uv":
        raise InputError("--write is for --format uv: no other format has a place in a pyproject.toml")
    for note in api.export_into_project(locks, project):
        render.talk(f"note: {note}")
    render.talk(f"wrote {project}")
