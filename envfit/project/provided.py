"""``--provided``: the packages that a loaded module already supplies.

Said one by one, or by a file as ``pip list --format=freeze`` prints it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.address import without_credentials
from envfit.errors import ProjectError, RequirementError
from envfit.project.faults import Faults
from envfit.project.lines import join_lines
from envfit.project.text_file import read_text
from envfit.target import Provided

__all__ = ["read_provided"]

_COMMAND_LINE = "--provided"
_LIST = "make the file with: pip list --format=freeze"


def read_provided(arguments: Sequence[str]) -> tuple[Provided, ...]:
    """Read the values of ``--provided``: each is ``NAME==VERSION`` or a file of such lines.

    In the order given, each package once.  Raises RequirementError on a malformed
    value, ProjectError with every fault of a file and on two versions of one
    package, FileError where a file cannot be read.
    """
    found: dict[str, Provided] = {}
    for argument in arguments:
        for provided in _read_argument(argument):
            known = found.setdefault(provided.name, provided)
            if known.version != provided.version:
                raise ProjectError(
                    f"{provided.name} is provided in two versions: {known.version} ({known.source}) "
                    f"and {provided.version} ({provided.source})"
                )
    return tuple(found.values())


def _read_argument(argument: str) -> tuple[Provided, ...]:
    if re.match(r"\s*[\w.-]+\s*[=<>!~]", argument):
        return (_parse_pin(argument, _COMMAND_LINE),)
    path = Path(argument)
    if not path.exists() and re.fullmatch(r"[\w-]+", argument):
        return (_parse_pin(argument, _COMMAND_LINE),)  # a name without its version, and told so
    return _read_file(path)


def _read_file(path: Path) -> tuple[Provided, ...]:
    faults = Faults(path)
    found = []
    for number, line in join_lines(read_text(path)):
        try:
            found.append(_parse_pin(line, f"{path} line {number}"))
        except RequirementError as error:
            faults.add(error.message, hints=error.hints)
    faults.raise_any()
    return tuple(found)


def _parse_pin(text: str, where: str) -> Provided:
    """Parse ``NAME==VERSION``; raise RequirementError on anything else."""
    text = text.strip()
    shown = without_credentials(text)
    if text.startswith("-") or " @ " in text:
        raise RequirementError(f"{where}: {shown!r} does not say which version is installed", hints=[_LIST])
    # Three equals signs: how pip writes a version that is not of PEP 440.
    pin = re.fullmatch(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*={2,3}\s*([^\s=;,]+)", text, re.ASCII)
    if pin is None:
        raise RequirementError(
            f"{where}: {shown!r} is not a package and its version, such as torch==2.4.0", hints=[_LIST]
        )
    name, version = pin.groups()
    try:
        return Provided(name=canonicalize_name(name), version=Version(version), source=where)
    except InvalidVersion:
        raise RequirementError(f"{where}: {version!r} is not a version (PEP 440)") from None
