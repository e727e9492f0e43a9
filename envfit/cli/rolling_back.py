"""Going back to a former version of an environment: options in, one call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render
from envfit.cli.ending import ending_in_order
from envfit.errors import InputError

if TYPE_CHECKING:
    from envfit.install.rollback import Version

__all__ = ["rollback"]


def rollback(*, prefix: Path | None, to: str | None, only_list: bool, json: bool) -> None:
    """Switch to the former version, or list those that there are."""
    if only_list:
        if to is not None:
            raise InputError("--list switches nothing, so it does not go with --to")
        _print_versions(prefix, json=json)
        return
    with ending_in_order():
        done = api.rollback(prefix, to=to, notify=render.talk)
    if json:
        render.print_json({"prefix": str(done.prefix), "before": done.before, "now": done.now})
        return
    before = f", and was {done.before}: envfit rollback again goes back to it" if done.before else ""
    print(f"{done.prefix} is version {done.now}{before}")


def _print_versions(prefix: Path | None, *, json: bool) -> None:
    found = api.versions(prefix)
    if json:
        render.print_json({"versions": [_version_data(version) for version in found]})
        return
    if not found:
        print(f"envfit made no environment at {prefix or '.venv'}")
    for version in found:
        notes = [
            *(["in use"] if version.is_in_use else []),
            *(["envfit rollback goes to it"] if version.is_next else []),
            *(["adopted, not made by envfit"] if version.was_adopted else []),
        ]
        print("  ".join([version.name, str(version.path), *([f"({', '.join(notes)})"] if notes else [])]))


def _version_data(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "path": str(version.path),
        "in-use": version.is_in_use,
        "next": version.is_next,
        "adopted": version.was_adopted,
    }
