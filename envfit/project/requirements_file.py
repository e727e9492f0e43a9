"""Requirements files, in the form that pip reads.

A line is a requirement or holds options.  What a line can say and envfit cannot
honour yet is a fault, never passed over.

Source: pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from envfit.address import local_path, without_credentials
from envfit.errors import RequirementError
from envfit.project.declared import Declared, constraint_fault, parse_requirement
from envfit.project.faults import Faults
from envfit.project.lines import (
    join_lines,
    split_options,
    split_requirement,
    unset_variable,
    with_variables,
)
from envfit.project.model import Project
from envfit.project.options import Options
from envfit.project.text_file import STANDARD_INPUT, read_standard_input, read_text

__all__ = ["Lines", "always", "read_constraints", "read_overrides", "read_requirements_file"]

_OTHER_KINDS = (".toml", ".yaml", ".yml")


def read_requirements_file(path: Path) -> Project:
    """Read a requirements file and the files that it names; ``-`` is standard input.

    Raises ProjectError with every fault, by file and line; FileError where a file
    cannot be read.
    """
    return _read(path, constraints=False)


def read_constraints(path: Path) -> Project:
    """Read a constraints file: what it names is bounded, and not brought in.

    Raises as read_requirements_file does.
    """
    return _read(path, constraints=True)


def read_overrides(path: Path) -> Project:
    """Read a file of requirements that stand in the place of all others of their names.

    Raises as read_requirements_file does.
    """
    project = _read(path, constraints=False)
    faults = Faults(path)
    for declared in project.requirements:
        if declared.name is None:
            faults.add(f"{declared.where}: an override needs a name, such as NAME @ {declared.text}")
    faults.raise_any()
    settings = replace(project.settings, override_dependencies=project.requirements)
    return replace(project, requirements=(), settings=settings)


def _read(path: Path, *, constraints: bool) -> Project:
    standard_input = str(path) == "-"
    faults = Faults(Path(STANDARD_INPUT) if standard_input else path)
    lines = Lines(faults)
    if standard_input:
        text = read_standard_input()
        lines.read_text(
            text, path=path, place=lambda number: f"{STANDARD_INPUT} line {number}", constraints=constraints
        )
    else:
        lines.read_file(path, constraints=constraints)
    faults.raise_any()
    return lines.project()


def always(place: str) -> Callable[[int], str]:
    """Return the naming of lines for a text that has one place, whatever the line."""
    return lambda _: place


class Lines:
    """What the lines read so far say."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._options = Options(faults)
        self._requirements: list[Declared] = []
        self._constraints: list[Declared] = []
        self._seen: set[tuple[str, bool]] = set()

    def project(self) -> Project:
        """Return what was read."""
        return Project(
            requirements=tuple(self._requirements),
            constraints=tuple(self._constraints),
            settings=self._options.settings(),
            notes=self._options.notes(),
        )

    def read_file(
        self,
        path: Path,
        *,
        constraints: bool = False,
        named_at: str = "",
        chain: tuple[str, ...] = (),
    ) -> None:
        """Read a file; ``chain`` holds the files that led here, outermost first."""
        text = read_text(path, named_at=named_at)
        identity = os.path.realpath(path)
        if identity in chain:
            self._faults.add(f"{named_at}: {path} includes itself")
            return
        # A second reading adds nothing, and files that include others twice would double each time.
        if (identity, constraints) in self._seen:
            return
        self._seen.add((identity, constraints))
        self.read_text(
            text,
            path=path,
            place=lambda number: f"{path} line {number}",
            folders=(path.parent, Path()),
            constraints=constraints,
            chain=(*chain, identity),
        )

    def read_text(
        self,
        text: str,
        *,
        path: Path,
        place: Callable[[int], str],
        folders: tuple[Path, ...] = (),
        constraints: bool = False,
        chain: tuple[str, ...] = (),
    ) -> None:
        """Read the lines of a text that stands in a file; ``place`` names a line by its number.

        ``folders`` are those that a path may be relative to; where there is none, the file's.
        """
        for number, line in join_lines(text):
            context = _Context(path, place(number), folders or (path.parent,), constraints, chain)
            self._read_line(line, context)

    def _read_line(self, line: str, context: _Context) -> None:
        unset = unset_variable(line, os.environ)
        if unset is not None:
            self._faults.add(f"{context.where}: the environment variable {unset} is not set")
            return
        filled = with_variables(line, os.environ)
        found = split_requirement(filled)
        if found is None:
            self._read_options(filled, context)
            return
        text, editable, options = found
        hashes = self._read_hashes(options, context)
        if hashes is None:
            return
        # A variable may hold a password: the line is then shown as it is written.
        shown = None if filled == line else (split_requirement(line) or (line,))[0]
        declared = self._parse(text, context, editable=editable, shown=shown)
        if declared is not None:
            self._add(replace(declared, hashes=hashes), context)

    def _parse(self, text: str, context: _Context, *, editable: bool, shown: str | None) -> Declared | None:
        try:
            if not text:
                raise RequirementError(f"{context.where}: --editable names nothing")
            declared = _parse_in_folders(text, context, editable=editable)
        except RequirementError as error:
            message = error.message
            if shown is not None:
                message = f"{context.where}: {without_credentials(shown)!r} cannot be used as a requirement"
            self._faults.add(message, hints=error.hints if shown is None else ())
            return None
        if shown is None:
            return declared
        return replace(declared, text=f"-e {shown}" if editable else shown)

    def _add(self, declared: Declared, context: _Context) -> None:
        if declared.hashes and declared.direct is not None and declared.direct.editable:
            self._faults.add(f"{context.where}: a directory has no hash")
        elif not context.constraints:
            self._requirements.append(declared)
        elif (fault := constraint_fault(declared)) is not None:
            self._faults.add(f"{context.where}: {fault}, unlike {declared.text!r}")
        else:
            self._constraints.append(declared)

    def _read_hashes(self, text: str, context: _Context) -> frozenset[str] | None:
        """Return the hashes after a requirement, or None where there is a fault."""
        hashes: set[str] = set()
        for name, value in self._split(text, context):
            algorithm, _, digest = value.partition(":")
            if name != "--hash":
                self._options.refuse(name, context.where)
                return None
            if algorithm.lower() != "sha256":
                self._faults.add(
                    f"{context.where}: the hash {value!r} is not by sha256, which is the one that is checked"
                )
                return None
            if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
                self._faults.add(f"{context.where}: {digest!r} is not a sha256, 64 hexadecimal digits")
                return None
            hashes.add(digest.lower())
        return frozenset(hashes)

    def _read_options(self, text: str, context: _Context) -> None:
        for name, value in self._split(text, context):
            if name in ("--requirement", "--constraint"):
                self._include(name, value, context)
            else:
                self._options.add(name, value, where=context.where, folders=context.folders)

    def _split(self, text: str, context: _Context) -> tuple[tuple[str, str], ...]:
        try:
            return tuple(split_options(text))
        except ValueError:
            self._faults.add(f"{context.where}: a quotation mark is not closed")
            return ()

    def _include(self, name: str, value: str, context: _Context) -> None:
        path = local_path(value) if value.startswith("file:") else context.path.parent / value
        if not value:
            self._faults.add(f"{context.where}: {name} names nothing")
        elif value == "-":
            self._faults.add(f"{context.where}: {name}: standard input is for the command line to name")
        elif "://" in value and not value.startswith("file:"):
            self._faults.add(
                f"{context.where}: {name} with an address is not supported yet",
                hints=["download that file, and name the copy"],
            )
        elif path.suffix.lower() in _OTHER_KINDS:
            self._faults.add(
                f"{context.where}: {path} is no requirements file",
                hints=[f"name it on the command line: envfit lock -r {path}"],
            )
        elif name == "--requirement" and context.constraints:
            self._faults.add(f"{context.where}: a constraints file cannot bring in requirements")
        else:
            self.read_file(
                path,
                constraints=name == "--constraint",
                named_at=context.where,
                chain=context.chain,
            )


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a line stands."""

    path: Path
    where: str
    folders: tuple[Path, ...]  # that a path may be relative to
    constraints: bool
    chain: tuple[str, ...]


def _parse_in_folders(text: str, context: _Context, *, editable: bool) -> Declared:
    """Parse a requirement whose path may be relative to the file or, as pip and uv mean it, to where one is.

    Raises RequirementError, and where the two are different places.
    """
    found: list[Declared] = []
    failures: list[RequirementError] = []
    for folder in context.folders:
        try:
            declared = parse_requirement(text, context.where, folder=folder, editable=editable)
        except RequirementError as error:
            failures.append(error)
        else:
            if declared not in found:
                found.append(declared)
    if not found:
        raise failures[0]
    if len(found) > 1:
        places = " and ".join(str(one.direct) for one in found)
        raise RequirementError(
            f"{context.where}: {text!r} is in two places: {places}",
            hints=["write an absolute path, or run envfit in the directory of that file"],
        )
    return found[0]
