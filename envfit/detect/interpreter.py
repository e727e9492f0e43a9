"""What an interpreter provides: a loaded module's, a container's, a virtual environment's.

It is asked as it would be run now.  ``PYTHONPATH``, the user's own site directory
and what ``sitecustomize`` adds count, since that is how modules bring their
packages; the directory that envfit runs in does not.  No package is imported.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.detect.child import Answer, ChildError, ask
from envfit.detect.host import as_platform
from envfit.detect.interpreter_probe import MARK, TORCH_FILES
from envfit.errors import FileError, TargetError
from envfit.frozen import frozen
from envfit.target import Platform, Provided

__all__ = ["Interpreter", "read_interpreter"]

_TIME_LIMIT = 60.0  # seconds; 300 packages take 0.5, a cold network file system much longer
_LOAD = "load the module first: it may set what its Python needs, such as LD_LIBRARY_PATH"
_NAME = re.compile(r"([A-Za-z0-9][\w.]*?)(?:-\d[^-]*.*)?\.(?:dist|egg)-info", re.ASCII)
_SHOWN = 5  # names in a note


@frozen
class Interpreter:
    """A Python, and the packages that it sees."""

    path: str  # as it was named, made absolute
    executable: str  # what it calls itself
    python: Version
    platform: Platform
    glibc: str | None
    provided: tuple[Provided, ...]  # sorted by name; the source of each is its directory
    unreadable: tuple[str, ...]  # names that are there in a version that nobody can compare
    directories: tuple[str, ...]  # its search path without the standard library
    site_directories: frozenset[str]  # those of them whose .pth files it reads
    notes: tuple[str, ...]

    def package(self, name: str) -> Provided | None:
        """Return what it provides under a name, or None."""
        return next((package for package in self.provided if package.name == name), None)

    def __str__(self) -> str:
        torch = self.package("torch")
        text = f"{len(self.provided)} packages of {self.path}"
        if torch is None:
            return text
        runtime = {None: "CUDA runtime not known", Version("0"): "without CUDA"}
        return f"{text}, torch {torch.version} " + runtime.get(torch.cuda, f"with CUDA runtime {torch.cuda}")


def read_interpreter(
    python: str, environ: Mapping[str, str], *, time_limit: float = _TIME_LIMIT
) -> Interpreter:
    """Ask an interpreter, by its path or its name on ``PATH``, what it is and what it sees.

    Where a package is there twice, the first directory of the search path has it.
    Raises TargetError where it is no Python that envfit knows, FileError where it
    cannot be run or does not answer.
    """
    path = _find(python, environ)
    probe = Path(__file__).with_name("interpreter_probe.py").read_text(encoding="utf-8")
    try:
        # Without writing byte code into what may be everybody's.
        answer = ask([path, "-B", "-c", probe], environ, time_limit=time_limit)
    except ChildError as error:
        raise FileError(f"the interpreter {path} {error}", hints=[_LOAD]) from None
    line = next((line for line in reversed(answer.output.splitlines()) if line.startswith(MARK)), None)
    if answer.status == 0 and line is not None:
        return _interpreter(path, json.loads(line.removeprefix(MARK)))
    raise _refused(path, answer, _asked_version(path, environ))


def _asked_version(path: str, environ: Mapping[str, str]) -> str:
    """Return what a program answers to ``-V``; Python's answer begins with its name."""
    try:
        answer = ask([path, "-V"], environ, time_limit=_TIME_LIMIT)
    except ChildError as error:
        return str(error)
    return f"{answer.output}{answer.errors}".strip()


def _refused(path: str, answer: Answer, version: str) -> FileError | TargetError:
    """Return the error of a program that did not answer: broken, too old or no Python at all."""
    if "error while loading shared libraries" in version:
        said = version.partition("\n")[0]
        return FileError(f"the interpreter {path} does not start: {said}", hints=[_LOAD])
    if not version.startswith("Python "):
        return TargetError(
            f"{path} is not a Python", hints=["name its interpreter, such as /opt/module/bin/python3"]
        )
    said = answer.errors.strip().rpartition("\n")[2]
    ended = f"ended with status {answer.status}" + (f": {said}" if said else "")
    if "SyntaxError" in said:
        return TargetError(f"{path} is {version.splitlines()[0]}, which is too old to be asked")
    return FileError(f"the interpreter {path} does not work, it {ended}", hints=[_LOAD])


def _find(python: str, environ: Mapping[str, str]) -> str:
    """Return the path of an interpreter; not where a link leads, which is another environment's."""
    found = None if os.sep in python else shutil.which(python, path=environ.get("PATH", ""))
    path = Path(found or python).absolute()
    if path.is_dir():
        inside = [path / "bin" / "python3", path / "bin" / "python"]
        hints = [f"its interpreter is {item}" for item in inside if item.is_file()][:1]
        raise TargetError(f"{python} is a directory, not an interpreter", hints=hints)
    if not path.exists():
        where = f"{path} is not there" if os.sep in python else f"there is no {python} on PATH"
        raise TargetError(f"{where}, so nothing can be asked what it provides")
    if not os.access(path, os.X_OK):
        raise FileError(f"{path} may not be executed")
    return str(path)


def _interpreter(path: str, answer: Mapping[str, Any]) -> Interpreter:
    if answer["implementation"] != "cpython" or answer["free-threaded"]:
        kind = "free-threaded" if answer["free-threaded"] else answer["implementation"]
        raise TargetError(f"{path} is a {kind} Python, and envfit knows CPython with its lock only")
    readings = list(_readings(answer["distributions"]))
    chosen, notes = _first_of_each(readings)
    known = {item.name for item in chosen if item.version is not None}
    unreadable = tuple(sorted({item.name for item in chosen} - known))
    return Interpreter(
        path=path,
        executable=answer["executable"] or path,
        python=Version(answer["python"]),
        platform=as_platform(answer["system"], answer["machine"]),
        glibc=answer["glibc"] or None,
        provided=tuple(
            Provided(
                name=item.name,
                version=item.version,
                source=item.directory,
                requires=tuple(_requires(item, known, unreadable, notes)),
                cuda=_torch_cuda(item.files),
                cxx11_abi=_torch_abi(item.files),
            )
            for item in sorted(chosen, key=lambda item: item.name)
            if item.version is not None
        ),
        unreadable=unreadable,
        directories=tuple(answer["directories"]),
        site_directories=frozenset(answer["site-directories"]),
        notes=(*_unreadable_notes(chosen), *notes),
    )


@frozen
class _Reading:
    """One distribution, as its metadata says."""

    name: str
    version: Version | None  # None where it has none, or one that is not of PEP 440
    says: str  # its version as written
    directory: str
    requires: tuple[str, ...]
    files: Mapping[str, str]


def _readings(entries: Iterable[Mapping[str, Any]]) -> Iterator[_Reading]:
    for entry in entries:
        folder = entry["metadata"]
        if folder.startswith("~"):  # what an interrupted pip leaves behind
            continue
        by_folder = _NAME.fullmatch(folder)
        name = entry.get("name") or (by_folder and by_folder[1])
        if not name:
            continue
        says = str(entry.get("version") or "")
        try:
            version = Version(says)
        except InvalidVersion:
            version = None
        yield _Reading(
            name=canonicalize_name(name),
            version=version,
            says=says,
            directory=entry["directory"],
            requires=tuple(entry.get("requires", ())),
            files=entry.get("files", {}),
        )


def _first_of_each(readings: Iterable[_Reading]) -> tuple[list[_Reading], list[str]]:
    """Return the reading that counts for each name, and what is to be said of the choice."""
    chosen: dict[str, _Reading] = {}
    notes: dict[str, str] = {}
    for item in readings:
        former = chosen.setdefault(item.name, item)
        if former is item or former.directory != item.directory or former.says == item.says:
            continue
        # Which of the two the files are, only their order on the disk would say.
        newest = max(former, item, key=lambda one: (one.version or Version("0.dev0"), one.says))
        chosen[item.name] = newest
        notes[item.name] = (
            f"{item.name} is there twice in {item.directory}; it is taken for the newer, {newest.says}"
        )
    return list(chosen.values()), [notes[name] for name in sorted(notes)]


def _unreadable_notes(chosen: Iterable[_Reading]) -> Iterator[str]:
    found = sorted(f"{item.name} {item.says}".strip() for item in chosen if item.version is None)
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield (
            f"{', '.join(found[:_SHOWN])}{more}: there in a version that is none (PEP 440), so nothing "
            "locked may need it"
        )


def _requires(
    item: _Reading, known: set[str], unreadable: Sequence[str], notes: list[str]
) -> Iterator[DeclaredRequirement]:
    """Yield what a distribution requires, without addresses and without what is there unreadably."""
    for text in item.requires:
        try:
            declared = DeclaredRequirement(text)
        except InvalidRequirement:
            notes.append(f"{item.name} {item.says} requires {text!r}, which is no requirement; left out")
            continue
        name = canonicalize_name(declared.name)
        if name in unreadable:
            continue
        if declared.url is not None:
            if name not in known and "extra" not in str(declared.marker):
                notes.append(
                    f"{item.name} {item.says} requires {name} from an address, and it is not there; left out"
                )
            if name not in known:
                continue
            declared.url = None
        yield declared


def _torch_cuda(files: Mapping[str, str]) -> Version | None:
    """Return the CUDA runtime that torch/version.py states, 0 where it states that there is none."""
    stated = re.search(
        r"^cuda\s*(?::[^=\n]*)?=\s*(?:(None)|['\"](\d+\.\d+)[\d.]*['\"])",
        files.get(TORCH_FILES[0], ""),
        re.MULTILINE,
    )
    if stated is None:
        return None
    return Version("0") if stated[1] else Version(stated[2])


def _torch_abi(files: Mapping[str, str]) -> bool | None:
    """Return whether torch's CMake files set the C++11 ABI; releases since 2.13 no longer say."""
    stated = re.search(r"_GLIBCXX_USE_CXX11_ABI=([01])\b", files.get(TORCH_FILES[1], ""))
    return None if stated is None else stated[1] == "1"
