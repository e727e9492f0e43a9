"""``environment.yml``: conda's environment file.

What its ``pip`` section asks for is judged and locked; the conda packages are
carried along as they are written.  ``python`` among them says which Python.

Source: conda's documentation, "Managing environments" and "Package match specifications".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envfit.errors import ProjectError
from envfit.frozen import frozen
from envfit.project.document import Table
from envfit.project.faults import Faults
from envfit.project.model import CondaEnvironment, Project
from envfit.project.requirements_file import Lines, always
from envfit.project.settings import TargetSettings
from envfit.project.text_file import read_text

__all__ = ["read_environment_yml"]

_KEYS = ("channels", "dependencies", "name", "platforms", "prefix", "variables")
_IGNORED = ("platforms", "prefix", "variables")
_PYTHON = re.compile(r"(?:[^\s:]+::)?python(?P<rest>[\s=<>!~\[].*)?", re.IGNORECASE)
_EXACT = re.compile(r"={0,2}\s*(?P<release>\d+(?:\.\d+){0,2})(?:\.?\*)?(?:[\s=]\s*(?P<build>[\w*]+))?")
_CLAUSE = re.compile(r"(?P<operator>>=|<=|==|!=|~=|>|<|=|)\s*(?P<version>\d+(?:\.\d+)*)(?P<star>\.\*)?")


def read_environment_yml(path: Path) -> Project:
    """Read a conda environment file and the requirements files that its pip section names.

    Raises ProjectError with every fault, FileError where a file cannot be read.
    """
    faults = Faults(path)
    document = Table(_parse(path), file=path, path="", faults=faults)
    document.reject_unknown(_KEYS)
    name = document.text("name")
    channels = tuple(text for _, text in document.texts("channels"))
    lines = Lines(faults)
    carried: list[str] = []
    pythons: list[tuple[str, str]] = []
    for key, item in document.items("dependencies"):
        if isinstance(item, dict):
            _read_pip(Table(item, file=path, path=key, faults=faults), path, lines)
        elif not isinstance(item, str):
            document.wrong(key, item, "a text or a pip section")
        elif found := _PYTHON.fullmatch(item.strip()):
            pythons.append((key, (found["rest"] or "").strip()))
        else:
            carried.append(item)
    python = _one_python(document, pythons)
    faults.raise_any()
    project = lines.project()
    return replace(
        project,
        requires_python=python.range,
        settings=replace(project.settings, target=TargetSettings(python=python.version)),
        conda=CondaEnvironment(name=name, channels=channels, dependencies=tuple(carried)),
        notes=(*_notes(document, path, carried, python), *project.notes),
    )


@frozen
class _Python:
    """What a file says of Python: one version, or a range, or nothing."""

    version: Version | None = None
    range: SpecifierSet | None = None
    build: str | None = None  # of the conda package; not kept


def _parse(path: Path) -> dict[str, object]:
    text = read_text(path)
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path} line {mark.line + 1}" if mark else str(path)
        raise _not_yaml(path, place, error.problem or error.context or "it cannot be read") from None
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, position) + 1
        raise _not_yaml(path, f"{path} line {line}", "it holds a control character") from None
    except RecursionError:
        raise _not_yaml(path, str(path), "it is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise _not_yaml(path, str(path), str(error)) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ProjectError(
            f"{path}: this is no conda environment file: it holds no keys such as dependencies",
            details={"file": str(path)},
        )
    return {str(key): value for key, value in document.items()}


def _not_yaml(path: Path, place: str, reason: str) -> ProjectError:
    return ProjectError(f"{place}: this is not YAML: {reason}", details={"file": str(path)})


def _read_pip(section: Table, path: Path, lines: Lines) -> None:
    section.reject_unknown(("pip",))
    for key, text in section.texts("pip"):
        lines.read_text(text, path=path, place=always(section.place(key)))


def _one_python(document: Table, specs: list[tuple[str, str]]) -> _Python:
    """Return what the specifications of python say; several, or one that cannot be read, are faults."""
    for key, _ in specs[1:]:
        document.fault(key, "names python a second time")
    if not specs:
        return _Python()
    key, spec = specs[0]
    python = _parse_python(spec)
    if python is None:
        document.fault(key, f"cannot be read: python{spec}", "write it as python=3.11 or python>=3.10,<3.13")
        return _Python()
    return python


def _parse_python(spec: str) -> _Python | None:
    """Parse the part of a match specification after the name; None where it is not understood.

    ``=3.11``, ``3.11``, ``==3.11.*`` name a minor; ``=3.11.4`` names a release.
    """
    if spec in ("", "*"):
        return _Python()
    if exact := _EXACT.fullmatch(spec):
        version = Version(exact["release"])
        if len(version.release) == 1:
            return _Python(range=SpecifierSet(f"=={version}.*"))
        return _Python(version=version, build=exact["build"])
    try:
        return _Python(range=SpecifierSet(",".join(_clauses(spec))))
    except InvalidSpecifier:
        return None


def _clauses(spec: str) -> Iterator[str]:
    """Yield the clauses of a conda range as those of PEP 440; raise InvalidSpecifier on others."""
    for text in spec.split(","):
        clause = _CLAUSE.fullmatch(text.strip())
        if clause is None:
            raise InvalidSpecifier(text)
        operator, version, star = clause["operator"], clause["version"], clause["star"] or ""
        if operator in ("", "="):  # conda's fuzzy equality
            operator, star = "==", ".*"
        elif operator in (">=", "<"):  # conda takes >=3.10.* for >=3.10
            star = ""
        yield f"{operator}{version}{star}"


def _notes(document: Table, path: Path, carried: list[str], python: _Python) -> Iterator[str]:
    if carried:
        yield f"{path}: conda packages are carried along and not judged: {', '.join(carried)}"
    if python.build is not None:
        yield f"{path}: the build {python.build} of python is not kept"
    for key in _IGNORED:
        if key in document:
            yield f"{path}: {key} is not used"
