"""The tools that are measured, each by its command line, and what they pin.

Every tool runs with an empty home and none of this machine's settings, against one
index, for CPython on Linux x86_64 with glibc of the world's version where it can be told.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

import uv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks.worlds import World

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Caches",
    "Command",
    "Envfit",
    "Job",
    "Pdm",
    "Pins",
    "Pip",
    "PipTools",
    "Poetry",
    "Tool",
    "Uv",
    "program_version",
]

Pins = Mapping[str, str]  # name -> version


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that tools resolve for, and that some of them run with."""

    path: str
    version: str  # in full, because markers tell patch releases apart


class Caches(Enum):
    """What a tool finds from runs before."""

    COLD = "cold"  # nothing
    WARM = "warm"  # its caches, as fresh as the index lets them be
    OFFLINE = "offline"  # its caches, and it is told to ask no index
    RELOCK = "relock"  # its caches and its own answer; nothing has changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a tool is asked to do, and where."""

    world: World
    index: str
    folder: Path  # to work in
    cache: Path  # for everything that it keeps
    caches: Caches = Caches.COLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with its arguments and all of its environment."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class Tool(Protocol):
    """One tool."""

    name: str
    version: str
    states: frozenset[Caches]  # those that it can be measured in

    def command(self, job: Job) -> Command:
        """Write the input into the folder of a job, and return the command that answers it."""

    def pins(self, job: Job) -> Pins:
        """Return what the answer in the folder of a job pins."""


_HOST = "127.0.0.1"  # pip keeps what comes over plain HTTP only from hosts that it is told to trust
_ANSWERS = ("pylock.toml", "out.txt", "pdm.lock", "poetry.lock", "report.json")


def clear_answer(folder: Path) -> None:
    """Delete the answer of a run before."""
    for name in _ANSWERS:
        (folder / name).unlink(missing_ok=True)


class Envfit:
    """envfit, as ``envfit lock``."""

    states = frozenset(Caches)

    def __init__(
        self,
        program: Sequence[str],
        python: Interpreter,
        *,
        gpu: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._program = tuple(program)
        self._python = python
        self._gpu = gpu
        self.name = "envfit-gpu" if gpu else "envfit"
        self._variables = dict(variables or {})
        self.version = program_version([*program, "--version"], **self._variables)

    def command(self, job: Job) -> Command:
        """Return ``envfit lock`` for the target of the world."""
        world = job.world
        gpu = world.gpu if self._gpu else "none"
        words = [*self._program, "lock", "-r", _requirements(job), "-o", "pylock.toml"]
        words += ["--index-url", job.index, "--python", self._python.version]
        words += ["--gpu", gpu, "--glibc", world.glibc]
        if self._gpu:
            words += [word for name in world.if_supported for word in ("--if-supported", name)]
        words += ["--offline"] if job.caches is Caches.OFFLINE else []
        environment = _environment(job, ENVFIT_CACHE_DIR=str(job.cache), **self._variables)
        return Command(words=tuple(words), environment=environment)

    def pins(self, job: Job) -> Pins:
        """Return the pins of the lock."""
        return _locked(job.folder / "pylock.toml")


class Uv:
    """uv, as ``uv pip compile`` for one environment."""

    name = "uv"
    states = frozenset(Caches)

    def __init__(self, python: Interpreter) -> None:
        self._uv = uv.find_uv_bin()
        self._python = python
        self.version = program_version([self._uv, "--version"])

    def command(self, job: Job) -> Command:
        """Return ``uv pip compile`` for the target of the world."""
        world = job.world
        words = [self._uv, "pip", "compile", _requirements(job), "-o", "out.txt", "--quiet", "--no-config"]
        words += [
            "--index-url",
            job.index,
            "--python",
            self._python.path,
            "--python-version",
            self._python.version,
        ]
        words += ["--python-platform", f"x86_64-manylinux_{world.glibc.replace('.', '_')}"]
        words += ["--no-python-downloads"]
        words += ["--offline"] if job.caches is Caches.OFFLINE else []
        return Command(words=tuple(words), environment=_environment(job, UV_CACHE_DIR=str(job.cache)))

    def pins(self, job: Job) -> Pins:
        """Return the pins of the requirements file."""
        return _required(job.folder / "out.txt")


class Pip:
    """pip, as ``pip install --dry-run``."""

    name = "pip"
    states = frozenset({Caches.COLD, Caches.WARM})

    def __init__(self, environment: Path) -> None:
        self._python = str(environment / "bin" / "python")
        self.version = program_version([self._python, "-m", "pip", "--version"])

    def command(self, job: Job) -> Command:
        """Return ``pip install --dry-run`` with a report."""
        words = [self._python, "-I", "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        words += ["--report", "report.json", "--index-url", job.index, "--trusted-host", _HOST]
        words += ["-r", _requirements(job)]
        return Command(words=tuple(words), environment=_environment(job, **_variables_of_pip(job)))

    def pins(self, job: Job) -> Pins:
        """Return what the report would install."""
        report = json.loads((job.folder / "report.json").read_text(encoding="utf-8"))
        return _pins(item["metadata"] for item in report["install"])


class PipTools:
    """pip-tools, as ``pip-compile``."""

    name = "pip-tools"
    states = frozenset({Caches.COLD, Caches.WARM})

    def __init__(self, environment: Path) -> None:
        self._program = str(environment / "bin" / "pip-compile")
        self.version = program_version([self._program, "--version"])

    def command(self, job: Job) -> Command:
        """Return ``pip-compile``."""
        words = [self._program, "--quiet", "--no-config", "--output-file", "out.txt"]
        words += ["--index-url", job.index, "--cache-dir", str(job.cache), "--strip-extras"]
        words += ["--trusted-host", _HOST, _requirements(job)]
        return Command(words=tuple(words), environment=_environment(job, **_variables_of_pip(job)))

    def pins(self, job: Job) -> Pins:
        """Return the pins of the requirements file."""
        return _required(job.folder / "out.txt")


class Pdm:
    """PDM, as ``pdm lock`` for one platform."""

    name = "pdm"
    states = frozenset({Caches.COLD, Caches.WARM})

    def __init__(self, environment: Path, python: Interpreter) -> None:
        self._program = str(environment / "bin" / "pdm")
        self._python = python
        self.version = program_version([self._program, "--version"])

    def command(self, job: Job) -> Command:
        """Return ``pdm lock`` for this platform and one Python."""
        source = f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{job.index}"\nverify_ssl = false\n'
        _project(job, self._python, source)
        words = [
            self._program,
            "lock",
            "--quiet",
            "--lockfile",
            "pdm.lock",
            "--platform",
            "manylinux_2_28_x86_64",
        ]
        words += ["--python", f"=={self._python.version}", "--implementation", "cpython"]
        variables = {
            "PDM_CACHE_DIR": str(job.cache),
            "PDM_CHECK_UPDATE": "0",
            "PDM_IGNORE_SAVED_PYTHON": "1",
            "PDM_USE_VENV": "0",
            "PDM_PYTHON": self._python.path,
        }
        return Command(words=tuple(words), environment=_environment(job, **variables))

    def pins(self, job: Job) -> Pins:
        """Return the pins of the lock."""
        return _locked(job.folder / "pdm.lock", key="package")


class Poetry:
    """Poetry, as ``poetry lock``: for every platform, it knows no other."""

    name = "poetry"
    states = frozenset({Caches.COLD, Caches.WARM})

    def __init__(self, environment: Path, python: Interpreter) -> None:
        self._program = str(environment / "bin" / "poetry")
        self._python = python
        self.version = program_version([self._program, "--version"])

    def command(self, job: Job) -> Command:
        """Return ``poetry lock``."""
        source = f'[[tool.poetry.source]]\nname = "replay"\nurl = "{job.index}"\npriority = "primary"\n'
        _project(job, self._python, f"[tool.poetry]\npackage-mode = false\n{source}")
        words = [self._program, "lock", "--no-interaction", "--quiet"]
        variables = {"POETRY_CACHE_DIR": str(job.cache), "POETRY_VIRTUALENVS_CREATE": "false"}
        return Command(words=tuple(words), environment=_environment(job, **variables))

    def pins(self, job: Job) -> Pins:
        """Return the pins of the lock."""
        return _locked(job.folder / "poetry.lock", key="package")


def _environment(job: Job, **variables: str) -> Mapping[str, str]:
    nowhere = job.folder / "home"
    nowhere.mkdir(parents=True, exist_ok=True)
    inherited = {
        name: os.environ[name] for name in ("LANG", "LC_ALL", "PATH", "TMPDIR") if name in os.environ
    }
    return {**inherited, "HOME": str(nowhere), "PIP_CONFIG_FILE": os.devnull, **variables}


def _variables_of_pip(job: Job) -> Mapping[str, str]:
    return {"PIP_CACHE_DIR": str(job.cache), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _requirements(job: Job) -> str:
    path = job.folder / "requirements.in"
    path.write_text("\n".join([*job.world.requirements, ""]), encoding="utf-8")
    return path.name


def _project(job: Job, python: Interpreter, tables: str) -> None:
    lines = ["[project]", 'name = "world"', 'version = "0"']
    lines += [f'requires-python = "=={python.version}"']
    lines += [f"dependencies = {json.dumps(job.world.requirements)}", "", tables]
    (job.folder / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")


def _locked(path: Path, *, key: str = "packages") -> Pins:
    packages = tomllib.loads(path.read_text(encoding="utf-8")).get(key, [])
    return _pins(package for package in packages if "version" in package)


def _required(path: Path) -> Pins:
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            requirement = Requirement(text.rstrip(" \\"))
            found[canonicalize_name(requirement.name)] = _normal(
                str(requirement.specifier).removeprefix("==")
            )
    return found


def _pins(packages: Iterable[Mapping[str, str]]) -> Pins:
    return {canonicalize_name(package["name"]): _normal(package["version"]) for package in packages}


def _normal(version: str) -> str:
    return str(Version(version))


def program_version(command: Sequence[str], **variables: str) -> str:
    """Return the version that a program says, run where no checkout lies in its way."""
    said = subprocess.run(
        command, cwd="/", env={**os.environ, **variables}, capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\d+(\.\d+)+\S*", said)
    return found[0].rstrip(",)") if found else said.strip()
