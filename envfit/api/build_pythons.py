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
from envfit.errors import BuildError, InstallError
from envfit.lock.reading import locked_packages

if TYPE_CHECKING:
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


def provided_python(title: str, needs: Sequence[str], interpreter: Interpreter) -> BuildPython:
    """Return the interpreter that provides torch; raises BuildError where it lacks what the build needs."""
    has: dict[str, str] = {}
    lacking = []
    for text in needs:
        needed = Requirement(text)
        package = interpreter.package(canonicalize_name(needed.name))
        if package is None:
            lacking.append(text)
        elif not needed.specifier.contains(package.version, prereleases=True):
            lacking.append(f"{text} (it has {package.version})")
        else:
            has[package.name] = str(package.version)
    if lacking:
        raise BuildError(
            f"{title} cannot be built with {interpreter.path}, which lacks {', '.join(lacking)}",
            hints=["install what is lacking there, or build without --provided-from"],
        )
    return BuildPython(path=interpreter.path, requirements=has, headers=cuda_headers(interpreter.directories))


def isolated_python(
    lock: Pylock,
    needs: Sequence[str],
    python: str,
    tree: Path,
    *,
    directory: Path,
    environ: Mapping[str, str],
    notify: Notify,
) -> BuildPython:
    """Return the Python of an environment with what is locked of what a build needs, and the rest of it.

    ``python`` is a minor version; the environment lies in ``tree``, where it stays for a build that is
    taken up again.  Raises the errors of uv.
    """
    from envfit.api.indexes import IndexRequest, open_downloads
    from envfit.install import BUILD_CONSTRAINTS
    from envfit.install.addresses import handed_over
    from envfit.install.run_tool import run_tool
    from envfit.install.run_uv import create_venv, sync
    from envfit.lock.file import write_lock

    place, noted = tree / "environment", tree / "environment.is"
    own = place / "bin" / "python"
    if not noted.is_file():
        shutil.rmtree(place, ignore_errors=True)
        names = {canonicalize_name(Requirement(text).name) for text in needs}
        part = _closure(lock, names)
        notify(f"making an environment to compile in, with {', '.join(needs) or 'nothing'}")
        create_venv(place, python, prompt="build", notify=notify)
        record = tree / "pylock.toml"
        write_lock(part, record)
        with open_downloads(IndexRequest(directory=directory), environ, notify) as downloads:
            files = [package.distribution for package in locked_packages(part)]
            with handed_over(part, record, downloads.locate(files)) as given:
                sync(own, given, notify=notify)
            there = {package.name for package in part.packages}
            others = [text for text in needs if canonicalize_name(Requirement(text).name) not in there]
            bounds = tree / "build-constraints.txt"
            bounds.write_text("".join(f"{line}\n" for line in BUILD_CONSTRAINTS), encoding="utf-8")
            if others:
                command = [
                    "uv",
                    "pip",
                    "install",
                    "--python",
                    str(own),
                    "--constraints",
                    str(bounds),
                    *others,
                ]
                run_tool(command, {**environ, **downloads.build_variables()}, notify=notify)
        noted.write_text("", encoding="utf-8")
    said = run_tool(["uv", "pip", "freeze", "--python", str(own)], environ)
    pins = dict(line.split("==", 1) for line in said.splitlines() if "==" in line and " " not in line)
    site_packages = map(str, place.glob("lib/python3*/site-packages"))
    return BuildPython(path=str(own), requirements=pins, headers=cuda_headers(site_packages))


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
