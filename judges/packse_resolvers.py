"""The resolvers that are asked: envfit, and uv and pip as controls, each by its command line.

A resolver is told what a scenario says in its own words.  What it has no words
for is skipped with the reason, never approximated.  No resolver sees this
machine's configuration, cache or other indexes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import uv
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.version import __version__
from judges.interpreters import find_interpreter
from judges.packse_scenarios import Pins, Scenario
from judges.pinned_file import PinnedFile, fetched

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Answer", "Envfit", "Kind", "Pip", "Resolver", "Uv"]

_ROOT = Path(__file__).parents[1]
_TIMEOUT = 300.0  # seconds; a run takes about one
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR")

# glibc of the platforms that had a name before PEP 600.
_GLIBC = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}


class Kind(Enum):
    """How a resolver ended."""

    SOLVED = "solved"
    UNSATISFIABLE = "unsatisfiable"
    SKIPPED = "skipped"
    FAILED = "failed"  # neither an answer nor a refusal that says there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a resolver said."""

    kind: Kind
    pins: Pins = ()
    why: str = ""  # of a skip or a failure

    def __str__(self) -> str:
        if self.kind is not Kind.SOLVED:
            return str(self.kind.value)
        return " ".join(f"{name}=={version}" for name, version in self.pins) or "nothing"


class Resolver(Protocol):
    """One tool that is asked."""

    name: str
    version: str

    def answer(self, scenario: Scenario, index: str, folder: Path) -> Answer:
        """Return what the tool says of a scenario on an index, working in an empty folder of its own."""


class Envfit:
    """envfit, for a target without a GPU."""

    name = "envfit"
    version = __version__

    def answer(self, scenario: Scenario, index: str, folder: Path) -> Answer:
        """Return what ``envfit lock`` says.

        An option without a patch release means its first one to packse, and the
        newest one to ``--python``; so the first is named.
        """
        python = scenario.python
        if scenario.target_python is not None:
            python = _first_release(scenario.target_python)
        command = [sys.executable, "-m", "envfit", "lock", "-r", _requirements(scenario, folder)]
        command += ["--json", "--gpu", "none", "--python", python, "--index-url", index, "-o", "pylock.toml"]
        if scenario.python_platform is None:
            command += ["--platform", "linux-x86_64"]
        else:
            machine, _, name = scenario.python_platform.partition("-")
            glibc = _GLIBC.get(name) or name.removeprefix("manylinux_").replace("_", ".")
            command += ["--platform", f"linux-{machine}", "--glibc", glibc]
        command += ["--pre"] if scenario.prereleases else []
        command += _each("--only-binary", scenario.no_build) + _each("--no-binary", scenario.no_binary)
        ended = _run(
            command, folder, ENVFIT_CACHE_DIR=str(folder / "cache"), UV_NO_CONFIG="1", PYTHONPATH=str(_ROOT)
        )
        if ended.returncode == 0:
            return Answer(kind=Kind.SOLVED, pins=_locked(folder / "pylock.toml"))
        try:
            error = json.loads(ended.stdout).get("error")
        except ValueError:
            error = None
        if error in {"unsatisfiable", "unknown-package"}:
            return Answer(kind=Kind.UNSATISFIABLE)
        return _failure(ended, index)


class Uv:
    """uv, as ``uv pip compile``."""

    name = "uv"

    def __init__(self, installed: Mapping[Version, str]) -> None:
        self._uv = uv.find_uv_bin()
        self._installed = installed
        said = subprocess.run([self._uv, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = said.split()[1]

    def answer(self, scenario: Scenario, index: str, folder: Path) -> Answer:
        """Return what ``uv pip compile`` says."""
        command = [self._uv, "pip", "compile", _requirements(scenario, folder), "--color", "never"]
        command += ["--format", "pylock.toml", "-o", "pylock.toml", "--index-url", index]
        command += ["--no-config", "--no-cache", "--no-python-downloads"]
        exact = find_interpreter(self._installed, scenario.python)
        interpreter = exact or find_interpreter(self._installed, _minor(scenario.python))
        command += ["--python", interpreter] if interpreter is not None else []
        python = scenario.target_python or (None if exact is not None else scenario.python)
        command += ["--python-version", python] if python is not None else []
        if scenario.python_platform is not None:
            command += ["--python-platform", scenario.python_platform]
        command += ["--prerelease", "allow"] if scenario.prereleases else []
        command += _each("--only-binary", scenario.no_build) + _each("--no-binary", scenario.no_binary)
        ended = _run(command, folder)
        if ended.returncode == 0:
            return Answer(kind=Kind.SOLVED, pins=_locked(folder / "pylock.toml"))
        if "No solution found" in ended.stderr:
            return Answer(kind=Kind.UNSATISFIABLE)
        return _failure(ended, index)


_PIP_VERSION = "26.3"
_PIP = PinnedFile(
    project="pip",
    filename=f"pip-{_PIP_VERSION}-py3-none-any.whl",
    sha256="f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
)
_PIP_NEEDS = Version("3.10")  # Requires-Python of that wheel
_PIP_REFUSALS = ("No matching distribution found", "ResolutionImpossible")


class Pip:
    """pip, as ``pip install --dry-run``, in an environment of its own for each Python."""

    name = "pip"
    version = _PIP_VERSION

    def __init__(self, installed: Mapping[Version, str], folder: Path) -> None:
        """Take the interpreters to run with, and the folder where the environments are kept."""
        self._installed = {
            version: executable for version, executable in installed.items() if version >= _PIP_NEEDS
        }
        self._folder = folder
        self._lock = threading.Lock()

    def answer(self, scenario: Scenario, index: str, folder: Path) -> Answer:
        """Return what ``pip install --dry-run`` says."""
        python = scenario.target_python or scenario.python
        interpreter = find_interpreter(self._installed, python) if scenario.target_python is None else None
        elsewhere: list[str] = []
        if interpreter is None or scenario.python_platform is not None:
            reason = _not_elsewhere(scenario)
            if reason is None and not self._installed:
                reason = f"pip {self.version} needs Python {_PIP_NEEDS} or newer"
            if reason is not None:
                return Answer(kind=Kind.SKIPPED, why=reason)
            elsewhere = [
                "--target",
                str(folder / "target"),
                "--only-binary",
                ":all:",
                "--python-version",
                python,
            ]
            if scenario.python_platform is not None:
                machine, _, name = scenario.python_platform.partition("-")
                elsewhere += ["--platform", f"{name}_{machine}"]
        environment = self._environment(interpreter or self._installed[max(self._installed)])
        command = [environment, "-I", "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--report", "report.json", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
        command += ["--index-url", index, "-r", _requirements(scenario, folder), *elsewhere]
        command += ["--pre"] if scenario.prereleases else []
        command += _each("--only-binary", scenario.no_build) + _each("--no-binary", scenario.no_binary)
        ended = _run(command, folder)
        if ended.returncode == 0:
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            found = [item["metadata"] for item in report["install"]]
            return Answer(kind=Kind.SOLVED, pins=_pins(found))
        if any(refusal in ended.stderr for refusal in _PIP_REFUSALS):
            return Answer(kind=Kind.UNSATISFIABLE)
        return _failure(ended, index)

    def _environment(self, interpreter: str) -> str:
        """Return the Python of an environment that has pip, made where it is not there yet."""
        with self._lock:
            version = next(key for key, value in self._installed.items() if value == interpreter)
            environment = self._folder / f"pip-{self.version}-on-{version}"
            python = environment / "bin" / "python"
            if not (environment / "bin" / "pip").exists():
                wheel = fetched(_PIP, self._folder)
                command = [uv.find_uv_bin(), "venv", "--quiet", "--clear", "--no-config"]
                subprocess.run([*command, "--python", interpreter, str(environment)], check=True)
                command = [
                    uv.find_uv_bin(),
                    "pip",
                    "install",
                    "--quiet",
                    "--no-config",
                    "--offline",
                    "--no-deps",
                ]
                subprocess.run([*command, "--python", str(python), str(wheel)], check=True)
            return str(python)


def _not_elsewhere(scenario: Scenario) -> str | None:
    """Say why pip cannot resolve a scenario for another Python or platform than the one that runs it.

    It does so from wheels alone, and judges markers for the Python that runs it.
    """
    if scenario.no_binary or any(
        release.sdist and release.wheel_tags != ("py3-none-any",) for release in scenario.releases
    ):
        return (
            f"pip resolves for another Python than one of {_PIP_NEEDS} or newer that is here from wheels only"
        )
    requirements = [*scenario.requires]
    for release in scenario.releases:
        requirements += release.requires
        requirements += [requirement for _, requires in release.extras for requirement in requires]
    if any(";" in requirement for requirement in requirements):
        return "pip judges markers for the Python that runs it, which is another"
    return None


def _requirements(scenario: Scenario, folder: Path) -> str:
    path = folder / "requirements.txt"
    path.write_text("\n".join([*scenario.requires, ""]), encoding="utf-8")
    return path.name


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _first_release(python: str) -> str:
    return python if python.count(".") > 1 else f"{python}.0"


def _run(command: Sequence[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**inherited, "PIP_CONFIG_FILE": os.devnull, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", f"no answer within {_TIMEOUT:g} s")


def _locked(path: Path) -> Pins:
    """Return what a lock (PEP 751) pins."""
    return _pins(tomllib.loads(path.read_text(encoding="utf-8")).get("packages", []))


def _pins(packages: Sequence[Mapping[str, str]]) -> Pins:
    return tuple(
        sorted((canonicalize_name(package["name"]), Version(package["version"])) for package in packages)
    )


def _failure(ended: subprocess.CompletedProcess[str], index: str) -> Answer:
    lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
    last = re.sub(r"/\S*/(?=\S)", "", " ".join(lines[-3:]).replace(index, "INDEX/"))
    return Answer(kind=Kind.FAILED, why=f"exit {ended.returncode}: {last}")
