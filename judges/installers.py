"""uv and pip as judges: what they resolve to, and whether they would install a lock.

Both are given the indexes that envfit is configured to use and nothing else, so that a
folder of wheels on the judging machine decides nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv as uv_package
from packaging.utils import canonicalize_name

from envfit.index.configuration import configured_indexes

__all__ = [
    "Compiled",
    "Request",
    "Verdict",
    "compile_with_uv",
    "judged_by_pip",
    "judged_by_uv",
    "tool_environment",
    "without_addresses",
]

# pip's files as it keeps them; what is judged later is fetched again where they grow beyond.
_LARGEST_PIP_CACHE = 12 << 30

_UNSATISFIABLE = "No solution found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one judge says of one lock."""

    judge: str  # with its version
    accepted: bool
    says: str = ""  # where it does not accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What uv is asked to resolve, for one environment."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    python: str  # in full, such as 3.11.18
    glibc: str
    machine: str = "x86_64"
    stated: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Metadata that uv need not build: (name, version, requirements)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What uv answers: a lock, a proof that there is none, or neither."""

    lock: str = ""  # a pylock.toml
    impossible: bool = False
    says: str = ""  # where there is no lock

    @property
    def solved(self) -> bool:
        """Whether there is a lock."""
        return bool(self.lock)


def without_addresses(text: str) -> str:
    """Return a text without addresses, which name an index that is the reader's own business."""
    return re.sub(r"(?:https?|file)://[^\s`'\"),]+", "<address>", text)


def compile_with_uv(request: Request, environ: Mapping[str, str] | None = None) -> Compiled:
    """Have uv resolve for one platform and Python, without any knowledge of hardware."""
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        directory = Path(name)
        (directory / "requirements.in").write_text("\n".join(request.requirements) + "\n")
        (directory / "constraints.txt").write_text("\n".join(request.constraints) + "\n")
        (directory / "uv.toml").write_text(_uv_settings(request))
        ended = _run(
            [
                *(uv_package.find_uv_bin(), "pip", "compile", "requirements.in"),
                *("--constraint", "constraints.txt", "--config-file", "uv.toml"),
                *("--python-version", request.python),
                *("--python-platform", f"{request.machine}-manylinux_{request.glibc.replace('.', '_')}"),
                *(
                    "--format",
                    "pylock.toml",
                    "--output-file",
                    "pylock.toml",
                    "--quiet",
                    "--no-python-downloads",
                ),
            ],
            directory,
            tool_environment(os.environ if environ is None else environ),
        )
        if ended.returncode == 0:
            return Compiled(lock=(directory / "pylock.toml").read_text())
    return Compiled(impossible=_UNSATISFIABLE in ended.stderr, says=_last_words(ended.stderr))


def judged_by_uv(lock: Path, python: str, environ: Mapping[str, str] | None = None) -> Verdict:
    """Ask uv whether it would install a lock into an empty environment of that Python."""
    uv = uv_package.find_uv_bin()
    variables = tool_environment(os.environ if environ is None else environ)
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        directory = Path(name)
        made = _run([uv, "venv", "--quiet", "--python", python, "empty"], directory, variables)
        ended = made
        if made.returncode == 0:
            ended = _run(
                [
                    *(uv, "pip", "sync", "--dry-run", "--preview-features", "pylock"),
                    *("--python", "empty/bin/python", str(lock.resolve())),
                ],
                directory,
                variables,
            )
        version = _run([uv, "--version"], directory, variables).stdout.split()[1]
    return Verdict(
        judge=f"uv {version}",
        accepted=ended.returncode == 0,
        says="" if ended.returncode == 0 else _last_words(ended.stderr),
    )


def judged_by_pip(
    lock: Path, python: str, release: str, folder: Path, environ: Mapping[str, str] | None = None
) -> Verdict:
    """Ask a release of pip whether it would install a lock into an empty environment of that Python.

    pip downloads every file for it.  ``folder`` keeps pip's environments and its downloads.
    """
    variables = tool_environment(os.environ if environ is None else environ)
    home = folder / f"pip-{release}-python-{python}"
    interpreter = home / "bin" / "python"
    cache = folder / "pip-downloads"
    if not interpreter.exists():
        uv = uv_package.find_uv_bin()
        for command in (
            [uv, "venv", "--quiet", "--python", python, str(home)],
            [uv, "pip", "install", "--quiet", "--python", str(interpreter), f"pip=={release}"],
        ):
            made = _run(command, folder, variables)
            if made.returncode != 0:
                raise RuntimeError(f"pip {release} could not be installed: {_last_words(made.stderr)}")
    _prune(cache, _LARGEST_PIP_CACHE)
    ended = _run(
        [
            *(str(interpreter), "-m", "pip", "install", "--dry-run", "--progress-bar=off"),
            *("--cache-dir", str(cache), "-r", str(lock.resolve())),
        ],
        folder,
        variables,
    )
    return Verdict(
        judge=f"pip {release}",
        accepted=ended.returncode == 0,
        says="" if ended.returncode == 0 else _last_words(ended.stderr),
    )


def tool_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables under which pip and uv see the configured indexes and nothing else."""
    indexes = configured_indexes(environ, home=Path.home(), cwd=Path.cwd())
    network = ("PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY")
    kept = {
        key: value
        for key, value in environ.items()
        if key in network or not key.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_"))
    }
    remote = [url for url in indexes.extra if not url.startswith("file:")]
    return {
        **kept,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_INDEX_URL": indexes.default,
        "PIP_EXTRA_INDEX_URL": " ".join(remote),
        "UV_DEFAULT_INDEX": indexes.default,
        "UV_INDEX": " ".join(remote),
        **{key: environ[key] for key in ("UV_CACHE_DIR", "UV_HTTP_TIMEOUT") if key in environ},
    }


def _uv_settings(request: Request) -> str:
    """Return a uv.toml that states what uv would otherwise have to build."""
    lines = []
    for name, version, requirements in request.stated:
        wanted = ", ".join(f'"{item}"' for item in requirements)
        lines += ["[[dependency-metadata]]", f'name = "{canonicalize_name(name)}"', f'version = "{version}"']
        lines += [f"requires-dist = [{wanted}]", ""]
    return "\n".join(lines)


def _run(
    command: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(command),
        cwd=directory,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _last_words(text: str) -> str:
    """Return what a program ended with, for a result file: no addresses, few lines."""
    lines = [line.strip() for line in without_addresses(text).splitlines() if line.strip()]
    return " ".join(lines[-6:])[:600]


def _prune(folder: Path, limit: int) -> None:
    """Delete the oldest files of a folder until it holds no more than ``limit`` bytes."""
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime
    )
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= limit:
            return
        total -= path.stat().st_size
        path.unlink()
