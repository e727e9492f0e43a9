"""The tools of a source build: the CUDA toolkit's nvcc and the host compiler.

Read the way builds choose them: the compiler that the environment names comes
before the one on PATH.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from envfit.detect.child import ChildError, ask
from envfit.detect.meanwhile import Meanwhile
from envfit.target import GXX, NVCC, Fact, FactState

__all__ = ["read_toolchain_facts"]

_TIME_LIMIT = 10  # seconds; asking a version takes 0.05
_HOST_COMPILER_VARIABLES = ("CUDAHOSTCXX", "CXX", "CC")
_HOST_COMPILERS = ("g++", "gcc")


def read_toolchain_facts(root: Path, environ: Mapping[str, str]) -> tuple[Fact, ...]:
    """Return the versions of nvcc and of the host compiler.

    Absent: none was found, and the source says where it was looked for.
    Unknown: one was found, or is named by a variable, and does not say its version.
    """
    nvcc = Meanwhile(partial(_nvcc, root, environ))
    compiler = _host_compiler(environ)
    return (nvcc.result(), compiler)


class _ToolError(Exception):
    """A tool that does not say its version; the message is the reason."""


def _nvcc(root: Path, environ: Mapping[str, str]) -> Fact:
    path = environ.get("PATH", "")
    toolkits = [environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if environ.get(name)]
    places = [*(f"{toolkit}/bin" for toolkit in toolkits), path, str(root / "usr/local/cuda/bin")]
    nvcc = next((found for place in places if (found := shutil.which("nvcc", path=place))), None)
    if nvcc is None:
        looked = "no nvcc in $CUDA_HOME/bin, $CUDA_PATH/bin, PATH or /usr/local/cuda/bin"
        return Fact(name=NVCC, state=FactState.ABSENT, source=looked)
    try:
        answer = _ask([nvcc, "--version"], environ)
        match = re.search(r"release \d+\.\d+, V(\d+(?:\.\d+)+)", answer)
        if match is None:
            raise _ToolError(f"{nvcc} --version names no release")
    except _ToolError as error:
        return Fact(name=NVCC, state=FactState.UNKNOWN, source=str(error))
    return Fact(name=NVCC, state=FactState.KNOWN, value=match.group(1), source=nvcc)


def _host_compiler(environ: Mapping[str, str]) -> Fact:
    try:
        command, origin = _host_compiler_command(environ)
        if not command:
            return Fact(name=GXX, state=FactState.ABSENT, source=origin)
        # clang would answer the next question with a version of its own, which is not GCC's.
        if "clang" in _ask([*command, "--version"], environ).lower():
            raise _ToolError(f"{origin} is clang, and GCC versions do not apply to it")
        answer = _ask([*command, "-dumpfullversion", "-dumpversion"], environ).strip()
        if not re.fullmatch(r"\d+(\.\d+)*", answer):
            raise _ToolError(f"{origin} answers {answer[:60]!r}, which is no version")
    except _ToolError as error:
        return Fact(name=GXX, state=FactState.UNKNOWN, source=str(error))
    return Fact(name=GXX, state=FactState.KNOWN, value=answer, source=origin)


def _host_compiler_command(environ: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the command of the host compiler, empty where there is none, and its origin."""
    path = environ.get("PATH", "")
    for variable in _HOST_COMPILER_VARIABLES:
        text = environ.get(variable, "").strip()
        if not text:
            continue
        try:
            command = shlex.split(text)  # "ccache g++" and "g++ -m64" are usual
        except ValueError as error:
            raise _ToolError(f"${variable} is {text!r}: {error}") from None
        if shutil.which(command[0], path=path) is None:
            raise _ToolError(f"${variable} names {command[0]}, which is not there")
        return command, f"{text} (${variable})"
    for name in _HOST_COMPILERS:
        if found := shutil.which(name, path=path):
            return [found], found
    return [], "no $CUDAHOSTCXX, $CXX or $CC, and no g++ or gcc on PATH"


def _ask(command: Sequence[str], environ: Mapping[str, str]) -> str:
    name = shlex.join(command)
    try:
        answer = ask(command, {**environ, "LC_ALL": "C"}, time_limit=_TIME_LIMIT)  # answers in English
    except ChildError as error:
        raise _ToolError(f"{name} {error}") from None
    if answer.status != 0:
        raise _ToolError(f"{name} failed with exit status {answer.status}")
    return answer.output
