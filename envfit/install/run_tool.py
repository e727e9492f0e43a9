"""The tools by which people keep environments, run on one of them: pip, uv, conda."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence

from packaging.utils import canonicalize_name

from envfit.errors import InstallError
from envfit.install.run_uv import MISLEADING, find_uv

__all__ = ["Dry", "dry_run", "run_tool"]

# What would lead pip to another place than the environment of its Python.
_OF_PIP = frozenset({"PIP_PREFIX", "PIP_TARGET", "PIP_USER", "PIP_ROOT"})
_UV_LINE = re.compile(r"^ ([-+~]) ([A-Za-z0-9][\w.-]*)==(\S+)", re.MULTILINE)
_SAID = 6  # lines of a tool's that a message passes on

#: What a tool would do: by normalized name the version before (None: it is new) and after (None: it goes).
Dry = Mapping[str, tuple[str | None, str | None]]


def run_tool(
    words: Sequence[str], environ: Mapping[str, str], *, notify: Callable[[str], None] = lambda _: None
) -> str:
    """Run a command on an environment, and return what it prints; raises InstallError where it fails."""
    notify(f"$ {' '.join(words)}")
    clean = {name: value for name, value in environ.items() if name not in MISLEADING | _OF_PIP}
    try:
        done = subprocess.run(
            [_program(words[0], environ), *words[1:]],
            env=clean,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise InstallError(f"{words[0]} cannot be run: {error.strerror or error}") from error
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_SAID:])
        raise InstallError(f"{words[0]} failed: {said or f'it ended with status {done.returncode}'}")
    return done.stdout + done.stderr


def _program(name: str, environ: Mapping[str, str]) -> str:
    if os.sep in name:
        return name
    if name == "uv":
        return find_uv()
    if name == "conda" and environ.get("CONDA_EXE"):
        return environ["CONDA_EXE"]
    return shutil.which(name, path=environ.get("PATH", "")) or name


def dry_run(words: Sequence[str], installed: Mapping[str, str], environ: Mapping[str, str]) -> Dry:
    """Return what an installation by pip or uv would change; raises InstallError where it would fail.

    ``installed`` are the versions that are there, by normalized name.
    """
    if words[0] == "uv":
        said = run_tool([*words, "--dry-run", "--color", "never"], environ)
        return _of_uv(said)
    report = run_tool([*words, "--dry-run", "--quiet", "--report", "-"], environ)
    return _of_pip(report, installed)


def _of_uv(said: str) -> Dry:
    found: dict[str, tuple[str | None, str | None]] = {}
    for sign, written, version in _UV_LINE.findall(said):
        name = canonicalize_name(written)
        before, after = found.get(name, (None, None))
        if sign in "-~":
            before = version
        if sign in "+~":
            after = version
        found[name] = before, after
    return found


def _of_pip(report: str, installed: Mapping[str, str]) -> Dry:
    try:
        document = json.loads(report[report.index("{") : report.rindex("}") + 1])
        return {
            (name := str(canonicalize_name(item["metadata"]["name"]))): (
                installed.get(name),
                str(item["metadata"]["version"]),
            )
            for item in document["install"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise InstallError("pip does not say what it would do; release 22.2 and newer does") from error
