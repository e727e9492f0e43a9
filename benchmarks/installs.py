"""What it takes to have an environment that works: ``python -m benchmarks.installs``.

``torch``: from nothing, over a line of 50 Mbit/s, to a torch that imports.  ``scientific``: a lock that
is there, with every wheel in uv's cache.  envfit proves what was asked for by importing it, uv
does not: that part is told apart.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import uv

from benchmarks.peers import find_python
from benchmarks.recording import home
from benchmarks.results import write
from benchmarks.served import Served
from benchmarks.timed import Program, document, run_in_turn, told
from benchmarks.tools import program_version
from benchmarks.wheelhouse import recorded_wheels, wheelhouse
from benchmarks.worlds import chosen

__all__ = ["main"]

_PYTHON = "3.11"
_BANDWIDTH = 50  # Mbit/s
_TORCH = "torch==2.13.0+cpu"  # the smallest build: on the index of PyTorch's CPU builds
_LIMIT = 900.0  # seconds for one run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where one tool works, with caches of its own."""

    folder: Path
    python: str
    index: str
    envfit: str

    def environment(self) -> Mapping[str, str]:
        """Return the variables of a tool that knows nothing of this machine's settings."""
        return {
            "HOME": str(self.folder / "home"),
            "PATH": "/usr/bin:/bin",
            "ENVFIT_CACHE_DIR": str(self.folder / "cache" / "envfit"),
            "UV_CACHE_DIR": str(self.folder / "cache" / "uv"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_PYTHON_INSTALL_DIR": str(Path(self.python).parents[2]),
            "UV_INDEX_URL": self.index,
        }

    def clear(self, *, caches: bool) -> None:
        """Remove the environment, and the caches too."""
        for path in (*self.folder.glob("*env"), *self.folder.glob(".*env.envfit")):
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path)
        if caches:
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
            (self.folder / "pylock.toml").unlink(missing_ok=True)

    def proof(self) -> float | None:
        """Return the seconds that envfit's proof took."""
        report: Mapping[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return float(report["proof-seconds"])

    def lock(self, requirements: Sequence[str]) -> str:
        """Return the command that locks."""
        asked = " ".join(f"'{requirement}'" for requirement in requirements)
        target = f"--gpu none --python {_PYTHON} --glibc {platform.libc_ver()[1]}"
        return f"{self.envfit} lock {asked} {target} --index-url {self.index} -o pylock.toml"

    def install(self) -> str:
        """Return the command that installs the lock."""
        return f"{self.envfit} install pylock.toml --gpu none --prefix env --json >report.json"

    def venv(self) -> str:
        """Return uv's command for an empty environment."""
        return f"{uv.find_uv_bin()} venv --quiet --python {self.python} env"

    def uv_pip(self, words: str) -> str:
        """Return a command of ``uv pip``."""
        verb, _, rest = words.partition(" ")
        return f"{uv.find_uv_bin()} pip {verb} --quiet --python env/bin/python {rest}"

    def program(self, label: str, *commands: str, caches: bool, proves: bool = False) -> Program:
        """Return a program of commands, each run only where the one before ended well."""
        return Program(
            label=label,
            words=("/bin/sh", "-c", " && ".join(commands)),
            environment=self.environment(),
            folder=self.folder,
            before=lambda: self.clear(caches=caches),
            part=self.proof if proves else lambda: None,
        )


def torch(folder: Path, envfit: str, rounds: int) -> Iterator[Mapping[str, Any]]:
    """Yield runs from nothing to a torch that imports."""
    python = find_python(_PYTHON).path
    recording = folder / "recording"
    recorded_wheels("torch", wheelhouse("torch", [_TORCH], python)).save(recording)
    with Served(str(recording), "--bandwidth", str(_BANDWIDTH)) as server:
        ours, theirs, proved = (
            _place(folder / name, python, server.index, envfit) for name in ("envfit", "uv", "uv-import")
        )
        install = f"install '{_TORCH}'"
        programs = [
            ours.program(
                "envfit lock, envfit install", ours.lock([_TORCH]), ours.install(), caches=True, proves=True
            ),
            theirs.program("uv venv, uv pip install", theirs.venv(), theirs.uv_pip(install), caches=True),
            proved.program(
                "uv venv, uv pip install, import torch",
                proved.venv(),
                proved.uv_pip(install),
                "env/bin/python -c 'import torch'",
                caches=True,
            ),
        ]
        job = f"{_TORCH} from nothing, {_BANDWIDTH} Mbit/s"
        yield from run_in_turn(job, programs, rounds=rounds, limit=_LIMIT)


def scientific(folder: Path, envfit: str, rounds: int) -> Iterator[Mapping[str, Any]]:
    """Yield runs that install a lock from a full cache."""
    python = find_python(_PYTHON).path
    (world,) = chosen(["scientific"])
    recording = folder / "recording"
    recorded_wheels(world.name, wheelhouse(world.name, world.requirements, python)).save(recording)
    with Served(str(recording)) as server:
        ours, theirs = (_place(folder / name, python, server.index, envfit) for name in ("envfit", "uv"))
        subprocess.run(
            ["/bin/sh", "-c", ours.lock(world.requirements)],
            cwd=ours.folder,
            env=ours.environment(),
            check=True,
        )
        shutil.copy(ours.folder / "pylock.toml", theirs.folder)
        sync = "sync --preview-features pylock --require-hashes pylock.toml"
        programs = [
            ours.program("envfit install", ours.install(), caches=False, proves=True),
            theirs.program("uv venv, uv pip sync", theirs.venv(), theirs.uv_pip(sync), caches=False),
        ]
        for program in programs:  # fills uv's caches
            list(run_in_turn("not measured", [program], rounds=1, limit=_LIMIT))
        job = "the scientific world from a lock, every wheel cached"
        yield from run_in_turn(job, programs, rounds=rounds, limit=_LIMIT)


def _place(folder: Path, python: str, index: str, envfit: str) -> _Place:
    (folder / "home").mkdir(parents=True)
    return _Place(folder=folder, python=python, index=index, envfit=envfit)


_JOBS = {"torch": torch, "scientific": scientific}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure installations, and write what was found; exit 1 where a run does not count."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.installs", description="Measure installations."
    )
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(_JOBS)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--envfit", type=Path, help="the program to measure; default: beside this Python")
    parser.add_argument("-o", "--output", type=Path, help="the file of results")
    options = parser.parse_args(arguments)
    unknown = set(options.jobs) - _JOBS.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(_JOBS)}")
    envfit = str(options.envfit or Path(sys.executable).with_name("envfit"))
    runs: list[Mapping[str, Any]] = []
    for name in options.jobs or _JOBS:
        home().mkdir(parents=True, exist_ok=True)
        # Beside the caches, so that files can be linked into environments as they are for users.
        with tempfile.TemporaryDirectory(prefix="installs-", dir=home()) as folder:
            runs += _JOBS[name](Path(folder), envfit, options.rounds)
    now = datetime.now(timezone.utc)
    output = options.output or home() / "results" / f"installs-{now:%Y%m%dT%H%M%S}.json"
    write(output, document(runs, {"uv": program_version([uv.find_uv_bin(), "--version"])}))
    print("\n".join(told(runs)))
    print(f"\nwritten to {output}")
    return 0 if all(run["counts"] for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
