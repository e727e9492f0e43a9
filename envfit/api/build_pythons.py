"""The Python that a build runs with: one that provides torch, or an environment made for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envfit.build.compile import BuildPython
from envfit.build_system import build_system
from envfit.errors import BuildError, InstallError
from envfit.lock.reading import locked_packages

if TYPE_CHECKING:
    from envfit.api.indexes import IndexRequest
    from envfit.api.targets import Notify
    from envfit.detect.interpreter import Interpreter

__all__ = ["cuda_headers", "include_directory", "isolated_python", "provided_python"]

_TIME_LIMIT = 10  # seconds


def cuda_headers(directories: Iterable[str]) -> tuple[str, ...]:
    """Return where NVIDIA's wheels have the headers of CUDA's libraries.

    torch includes them, and a toolkit that has the compiler alone does not have them.
    """
    found = (place for directory in directories for place in Path(directory).glob("nvidia/*/include"))
    return tuple(sorted(map(str, found)))


def include_directory(python: str) -> Path | None:
    """Return where an interpreter has Python.h; None where it does not say."""
    from envfit.detect.child import ChildError, ask

    program = "import sysconfig; print(sysconfig.get_paths()['include'])"
    try:
        answer = ask([python, "-I", "-c", program], os.environ, time_limit=_TIME_LIMIT)
    except ChildError:
        return None
    return Path(answer.output.strip()) if answer.status == 0 else None


def provided_python(needs: Sequence[str], interpreter: Interpreter) -> BuildPython:
    """Return the interpreter that provides torch; that it has what a build needs is a gate."""
    names = set(map(_name, needs))
    return BuildPython(
        path=interpreter.path,
        requirements={item.name: str(item.version) for item in interpreter.provided if item.name in names},
        headers=cuda_headers(interpreter.directories),
    )


def isolated_python(
    lock: Pylock,
    needs: Sequence[str],
    python: str,
    tree: Path,
    *,
    source: Path,
    indexes: IndexRequest,
    environ: Mapping[str, str],
    notify: Notify,
) -> BuildPython:
    """Return the Python of an environment with what is locked of what a build needs, and the rest of it.

    What the source itself says that it needs counts too.  ``python`` is a minor version; the
    environment lies in ``tree``, where it stays for a build that is taken up again.  Raises the
    errors of uv.
    """
    from envfit.api.indexes import open_downloads
    from envfit.install import BUILD_CONSTRAINTS
    from envfit.install.addresses import handed_over
    from envfit.install.run_tool import run_tool
    from envfit.install.run_uv import create_venv, sync
    from envfit.lock.file import write_lock

    place, noted = tree / "environment", tree / "environment.is"
    own = place / "bin" / "python"
    if not noted.is_file():
        shutil.rmtree(place, ignore_errors=True)
        needs = _with_own(needs, source)
        part = _closure(lock, map(_name, needs))
        notify(f"making an environment to compile in, with {', '.join(needs) or 'nothing'}")
        create_venv(place, python, prompt="build", notify=notify)
        record = tree / "pylock.toml"
        write_lock(part, record)
        with open_downloads(indexes, environ, notify) as downloads:
            files = [package.distribution for package in locked_packages(part)]
            with handed_over(part, record, downloads.locate(files)) as given:
                sync(own, given, offline=indexes.offline, notify=notify)
            there = {package.name for package in part.packages}
            others = [text for text in needs if _name(text) not in there]
            bounds = tree / "build-constraints.txt"
            bounds.write_text("".join(f"{line}\n" for line in BUILD_CONSTRAINTS), encoding="utf-8")
            if others:
                offline = ["--offline"] if indexes.offline else []
                where = ["--python", str(own), "--constraints", str(bounds)]
                command = ["uv", "pip", "install", *offline, *where, *others]
                run_tool(command, {**environ, **downloads.build_variables()}, notify=notify)
        noted.write_text("", encoding="utf-8")
    said = run_tool(["uv", "pip", "freeze", "--python", str(own)], environ)
    pins = dict(line.split("==", 1) for line in said.splitlines() if "==" in line and " " not in line)
    site_packages = map(str, place.glob("lib/python3*/site-packages"))
    return BuildPython(path=str(own), requirements=pins, headers=cuda_headers(site_packages))


def _with_own(needs: Sequence[str], source: Path) -> tuple[str, ...]:
    """Return what is known to be needed, and what a source's ``[build-system]`` requires besides."""
    known = set(map(_name, needs))
    try:
        own = build_system(source).requires
        return (*needs, *(text for text in own if _name(text) not in known))
    except ValueError as error:
        raise BuildError(f"the pyproject.toml in {source} is malformed: {error}") from error


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _closure(lock: Pylock, names: Iterable[str]) -> Pylock:
    """Return the part of a lock that some packages need: themselves, and what they depend on."""
    dependencies = {package.name: package.dependencies for package in locked_packages(lock)}
    pending = [name for name in names if name in dependencies]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [other for other in dependencies[name] if other in dependencies]
    builds = {package.name for package in locked_packages(lock) if package.build}
    if found & builds:
        raise InstallError(f"{', '.join(sorted(found & builds))} must be compiled first")
    return replace(lock, packages=[package for package in lock.packages if package.name in found])
