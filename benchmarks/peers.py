"""The tools to measure: envfit and uv as they are here, the others in environments made on demand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import uv

from benchmarks.recording import home
from benchmarks.tools import Envfit, Interpreter, Pdm, Pip, PipTools, Poetry, Tool, Uv
from judges.interpreters import find_interpreter, installed_interpreters

__all__ = ["PEERS", "environment", "find_python", "tools"]

PEERS = ("uv", "pip", "pdm", "poetry", "pip-tools")
_INSTALLED = {
    "pip": ["pip"],
    "pdm": ["pdm[locked]"],
    "poetry": ["poetry"],
    "pip-tools": ["pip-tools", "pip"],
    "typer": ["typer"],
}


def tools(peers: Sequence[str], *, python: str, envfit: Path | None = None, gpu: bool = True) -> list[Tool]:
    """Return envfit, with and without a GPU, and these peers; raises ValueError for a stranger."""
    interpreter = find_python(python)
    program = [str(envfit or Path(sys.executable).with_name("envfit"))]
    found: list[Tool] = [Envfit(program, interpreter)]
    if gpu:
        found.append(Envfit(program, interpreter, gpu=True))
    return found + [_peer(name, interpreter) for name in peers]


def find_python(python: str) -> Interpreter:
    """Return the newest installed Python of a minor version; raises ValueError where there is none."""
    installed = installed_interpreters()
    path = find_interpreter(installed, python)
    if path is None:
        raise ValueError(f"no Python {python} is installed; peers resolve with one")
    version = next(version for version, its in installed.items() if its == path)
    return Interpreter(path=path, version=str(version))


def _peer(name: str, interpreter: Interpreter) -> Tool:
    match name:
        case "uv":
            return Uv(interpreter)
        case "pip":
            return Pip(environment(name, interpreter.path))
        case "pip-tools":
            return PipTools(environment(name, interpreter.path))
        case "pdm":
            return Pdm(environment(name, interpreter.path), interpreter)
        case "poetry":
            return Poetry(environment(name, interpreter.path), interpreter)
        case _:
            raise ValueError(f"{name} is none of {', '.join(PEERS)}")


def environment(name: str, python: str) -> Path:
    """Return an environment that has a program to compare with, made where it is not there yet."""
    directory = home() / "peers" / name
    if not (directory / "complete").exists():
        program = uv.find_uv_bin()
        subprocess.run(
            [program, "venv", "--quiet", "--clear", "--python", python, str(directory)], check=True
        )
        command = [program, "pip", "install", "--quiet", "--compile-bytecode"]
        subprocess.run(
            [*command, "--python", str(directory / "bin" / "python"), *_INSTALLED[name]], check=True
        )
        (directory / "complete").touch()
    return directory
