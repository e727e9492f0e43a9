"""Exporting a lock: options in, one call, print."""

from __future__ import annotations

import sys
from pathlib import Path

from envfit import api
from envfit.cli import render
from envfit.errors import FileError, InputError

__all__ = ["export"]


def export(*, lock_file: Path, form: str, output: Path | None) -> None:
    """Write a lock in another tool's form: a requirements file with hashes, or environment.yml."""
    if form not in ("requirements", "conda"):
        raise InputError(f"unknown format {form!r}", hints=["formats: requirements, conda"])
    texts = api.export(lock_file, form)
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
