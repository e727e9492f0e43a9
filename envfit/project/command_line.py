"""What the options of the command line ask for, as a project beside those of the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packaging.utils import InvalidName, canonicalize_name

from envfit.errors import InputError, RequirementError
from envfit.project.declared import parse_requirement
from envfit.project.formats import read_formats
from envfit.project.index_address import find_links_address
from envfit.project.model import Project, combine
from envfit.project.requirements_file import read_constraints, read_overrides
from envfit.project.settings import Settings

__all__ = ["read_command_line"]

_COMMAND_LINE = "the command line"


def read_command_line(
    *,
    requirements: Sequence[str] = (),
    editables: Sequence[str] = (),
    constraints: Sequence[Path] = (),
    overrides: Sequence[Path] = (),
    exclude: Sequence[str] = (),
    find_links: Sequence[str] = (),
    no_binary: Sequence[str] = (),
    only_binary: Sequence[str] = (),
) -> Project:
    """Read what the options ask for; ``constraints`` and ``overrides`` are requirements files.

    Paths are relative to the current directory.  Raises RequirementError or InputError on a
    malformed value, and what reading the files raises.
    """
    if any(str(path) == "-" for path in (*constraints, *overrides)):
        raise InputError("standard input is for requirements: -r -")
    formats = read_formats(no_binary, only_binary)
    own = Project(
        requirements=(
            *(parse_requirement(text, _COMMAND_LINE) for text in requirements),
            *(parse_requirement(text, _COMMAND_LINE, editable=True) for text in editables),
        ),
        settings=Settings(
            find_links=tuple(_find_links(text) for text in find_links),
            no_binary=formats.no_binary,
            only_binary=formats.only_binary,
            exclude_dependencies=tuple(dict.fromkeys(_name(text) for text in exclude)),
        ),
    )
    return combine([own, *map(read_constraints, constraints), *map(read_overrides, overrides)])


def _find_links(text: str) -> str:
    try:
        return find_links_address(text, Path())
    except InputError as error:
        raise InputError(f"--find-links: {error.message}") from None


def _name(text: str) -> str:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise RequirementError(f"--exclude: {text!r} is not the name of a package") from None
