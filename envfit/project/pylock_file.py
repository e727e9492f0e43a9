"""``pylock.toml`` as an input: what a lock was asked for, and which versions it prefers.

A lock of envfit says what was asked for under ``[tool.envfit]``.  Of a lock of pip
or uv, it is the packages that no other package of the lock needs, or all of
them where no dependencies are recorded; extras are not in such a lock.

Source: PEP 751.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import quote

from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from envfit.errors import LockError, RequirementError
from envfit.project.declared import Declared, constraint_fault, parse_requirement
from envfit.project.document import Table
from envfit.project.faults import Faults
from envfit.project.model import Project
from envfit.project.requirements_file import Lines, always
from envfit.project.settings import Settings
from envfit.project.toml_file import read_toml

__all__ = ["read_pylock"]

# Variables that only a lock may use (PEP 751): they choose parts of it that are not installed by default.
_CHOSEN_LATER = re.compile(r"\b(extras|dependency_groups)\b")


def read_pylock(path: Path) -> Project:
    """Read a lock as what was asked for, its versions as preferences.

    Raises LockError where the file is no lock, ProjectError on what it says of its
    requirements and cannot be used, FileError where it cannot be read.
    """
    document = read_toml(path)
    try:
        lock = Pylock.from_dict(document)
    except PylockUnsupportedVersionError as error:
        raise LockError(f"{path}: {error}", details={"file": str(path)}) from None
    except PylockValidationError as error:
        raise LockError(f"{path} is no lock (PEP 751): {error}", details={"file": str(path)}) from None
    faults = Faults(path)
    table = Table(document, file=path, path="", faults=faults).table("tool").table("envfit")
    project = (
        _asked_of_envfit(table, path, lock, faults)
        if "requirements" in table
        else _guessed(path, lock, faults)
    )
    faults.raise_any()
    return project


def _pinned(lock: Pylock) -> tuple[tuple[str, Version], ...]:
    """Return the version of each package that the lock has in one version, from an index."""
    versions = Counter(package.name for package in lock.packages)
    return tuple(
        (package.name, package.version)
        for package in lock.packages
        if package.version is not None and package.archive is None and versions[package.name] == 1
    )


# -- A lock of envfit ---------------------------------------------------------


def _asked_of_envfit(table: Table, path: Path, lock: Pylock, faults: Faults) -> Project:
    def declared(key: str) -> tuple[Declared, ...]:
        return tuple(_declared(table, key, path, faults))

    return Project(
        requirements=declared("requirements"),
        constraints=declared("constraints"),
        settings=Settings(
            if_supported=declared("if-supported"),
            override_dependencies=declared("overrides"),
            exclude_dependencies=_names(table, "excluded"),
        ),
        pinned=_pinned(lock),
    )


def _declared(table: Table, key: str, path: Path, faults: Faults) -> Iterator[Declared]:
    """Read requirements as lines of a requirements file: ``-e ./tool`` and ``${NAME}`` are among them."""
    for item_key, text in table.texts(key):
        if re.match(r"\s*-(?!e\s)", text):
            table.fault(item_key, f"is {text!r}, which is no requirement")
            continue
        lines = Lines(faults)
        # Credentials are not in a lock; netrc and the like serve.
        plain = text.replace("://***@", "://")
        lines.read_text(plain, path=path, place=always(table.place(item_key)))
        for declared in lines.project().requirements:
            fault = constraint_fault(declared) if key == "constraints" else None
            if fault is not None:
                table.fault(item_key, f"cannot be used: {fault}")
            # The key is for a fault; to a reader, the file is the place.
            yield replace(declared, where=str(path))


def _names(table: Table, key: str) -> tuple[str, ...]:
    found = []
    for item_key, text in table.texts(key):
        try:
            found.append(canonicalize_name(text, validate=True))
        except InvalidName:
            table.fault(item_key, f"is {text!r}, which is not the name of a package")
    return tuple(found)


# -- A lock of another tool ---------------------------------------------------


def _guessed(path: Path, lock: Pylock, faults: Faults) -> Project:
    """Return what a lock without that record was asked for, as far as it tells."""
    roots = _roots(lock.packages)
    later = [package.name for package in roots if _is_chosen_later(package)]
    requirements = []
    for package in roots:
        if _is_chosen_later(package):
            continue
        try:
            requirements.append(_requirement(package, path))
        except RequirementError as error:
            faults.add(error.message, hints=error.hints)
    if any(package.dependencies for package in lock.packages):
        names = ", ".join(dict.fromkeys(one.shown for one in requirements)) or "none"
        taken = f"taken are the packages that no other needs: {names}"
    else:
        taken = f"taken are all {len(lock.packages)} packages, for none says what it needs"
    notes = [f"{path} does not say what it was made for; {taken}"]
    if later:
        notes.append(f"{path}: left out, for an extra or a group chooses them: {', '.join(later)}")
    return Project(requirements=tuple(dict.fromkeys(requirements)), pinned=_pinned(lock), notes=tuple(notes))


def _is_chosen_later(package: Package) -> bool:
    return package.marker is not None and _CHOSEN_LATER.search(str(package.marker)) is not None


def _roots(packages: Sequence[Package]) -> list[Package]:
    """Return the packages from which all others are reached, in the order of the lock.

    Where no dependencies are recorded, these are all of them.
    """
    needs: dict[str, set[str]] = {package.name: set() for package in packages}
    for package in packages:  # a name may have several entries
        needs[package.name].update(_dependencies(package))
    needed = {other for name, others in needs.items() for other in others if other != name}
    names = [name for name in needs if name not in needed]
    reached = _reached(names, needs)
    for name in needs:  # a ring that nothing else leads to: its first package stands for it
        if name not in reached:
            names.append(name)
            reached |= _reached([name], needs)
    return [package for package in packages if package.name in names]


def _reached(names: Sequence[str], needs: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    open_ = list(names)
    while open_:
        name = open_.pop()
        if name not in reached:
            reached.add(name)
            open_.extend(needs.get(name, ()))
    return reached


def _dependencies(package: Package) -> Iterator[str]:
    for entry in package.dependencies or ():
        name = entry.get("name")
        if isinstance(name, str):
            yield canonicalize_name(name)


def _requirement(package: Package, path: Path) -> Declared:
    """Return the demand on one package: its name, or the place where it comes from."""
    text, editable = package.name + _place(package), False
    if package.directory is not None:
        editable = bool(package.directory.editable)
    if package.marker is not None:
        text += f" ; {package.marker}"
    return parse_requirement(text, str(path), folder=path.parent, editable=editable)


def _place(package: Package) -> str:
    """Return ``" @ ..."`` for a package that comes from no index, else nothing."""
    if package.vcs is not None:
        vcs = package.vcs
        revision = quote(vcs.requested_revision or vcs.commit_id)
        return f" @ {vcs.type}+{vcs.url or vcs.path}@{revision}{_fragment(vcs.subdirectory)}"
    if package.directory is not None:
        directory = package.directory
        return f" @ {_relative(directory.path)}{_fragment(directory.subdirectory)}"
    if package.archive is not None:
        archive = package.archive
        # One of the two is there (PEP 751), which packaging has checked.
        place = archive.url or _relative(cast("str", archive.path))
        return f" @ {place}{_fragment(archive.subdirectory)}"
    return ""


def _relative(path: str) -> str:
    return path if "/" in path else f"./{path}"


def _fragment(subdirectory: str | None) -> str:
    return f"#subdirectory={quote(subdirectory)}" if subdirectory else ""
