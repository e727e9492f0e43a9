"""A requirement as the user wrote it, markers included.

Markers are kept, not evaluated: one project is locked for several targets, and
each has its own marker environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from envfit.address import without_credentials
from envfit.errors import RequirementError
from envfit.frozen import frozen
from envfit.project.direct import ARCHIVES, NotAReferenceError, looks_direct, read_reference
from envfit.reference import DirectReference
from envfit.requirement import Requirement, UserOrigin

__all__ = [
    "Declared",
    "applies",
    "constraint_fault",
    "for_target",
    "parse_requirement",
]

_SINGLE_EQUALS = re.compile(r"([\w.-]+(?:\[[^\]]*\])?)\s*=\s*(\d[^=;]*)")
_NAMED = re.compile(r"(?P<name>[\w.-]+)\s*(?P<extras>\[[^\]]*\])?\s*@\s*(?P<place>.+)", re.DOTALL)
_UNNAMED = re.compile(r"(?P<place>.*?)(?P<extras>\[[^\[\]/]*\])?", re.DOTALL)


@frozen
class Declared:
    """One requirement, where it is written, and how."""

    name: str | None  # normalized; None for a direct reference that has to be opened to know
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    extras: frozenset[str] = frozenset()  # normalized
    marker: Marker | None = None
    direct: DirectReference | None = None
    hashes: frozenset[str] = frozenset()  # sha256, of the files that may be chosen; empty: any
    text: str  # as written, without credentials; "-e ..." where it is editable
    where: str  # "the command line", "requirements.txt line 3"

    @property
    def shown(self) -> str:
        """What it is called in a message: its name, else as it is written."""
        return self.name or self.text


def parse_requirement(text: str, where: str, *, folder: Path = Path(), editable: bool = False) -> Declared:
    """Parse one requirement: a name (PEP 508), an address, a path or a repository.

    Paths are relative to ``folder``.  Raises RequirementError, naming text and
    place, on malformed text and on what cannot be used.
    """
    text = text.strip()
    try:
        requirement = DeclaredRequirement(text)
    except InvalidRequirement as error:
        return _parse_direct(text, where, folder, error, editable=editable)
    if requirement.url is not None or editable or requirement.name.lower().endswith(ARCHIVES):
        return _parse_direct(text, where, folder, None, editable=editable)
    return Declared(
        name=canonicalize_name(requirement.name),
        specifier=requirement.specifier,
        extras=frozenset(map(canonicalize_name, requirement.extras)),
        marker=requirement.marker,
        text=text,
        where=where,
    )


def for_target(declared: Iterable[Declared], environment: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Return the requirements whose markers hold in a marker environment, in the order given.

    ``environment`` holds PEP 508's variables without ``extra``, which is empty for
    whoever asks directly.  Direct references must have their names by now.
    Raises RequirementError where a marker cannot be evaluated.
    """
    return tuple(
        Requirement(
            name=one.shown,
            specifier=one.specifier,
            extras=one.extras,
            origin=UserOrigin(text=one.text, where=one.where),
            direct=one.direct,
        )
        for one in declared
        if applies(one, environment)
    )


def applies(declared: Declared, environment: Mapping[str, str]) -> bool:
    """Tell whether the marker of a requirement holds; raises RequirementError where nobody can tell."""
    if declared.marker is None:
        return True
    try:
        return declared.marker.evaluate({**environment, "extra": ""})
    except UndefinedEnvironmentName as error:
        reason = f"its marker uses {error.args[0]}, which only a lock file may use"
    except UndefinedComparison:
        reason = "its marker compares what has no order"
    raise RequirementError(f"{declared.where}: {declared.text!r} cannot be judged: {reason}")


def constraint_fault(declared: Declared) -> str | None:
    """Return the phrase that says why a requirement cannot be a constraint, or None."""
    if declared.extras:
        return "a constraint has no extras"
    if declared.direct is not None and declared.direct.editable:
        return "a constraint is not editable"
    if declared.name is None:
        return "a constraint begins with a name"
    return None


def _parse_direct(
    text: str, where: str, folder: Path, error: InvalidRequirement | None, *, editable: bool
) -> Declared:
    """Parse ``name @ place``, or a place alone, each with extras and a marker where there are some."""
    # An address may hold a semicolon, so a marker needs white space before it (PEP 508).
    body, *conditions = (part.strip() for part in re.split(r"\s;", text, maxsplit=1))
    named = _NAMED.fullmatch(body)
    if named is not None and not looks_direct(named["name"]):
        name, extras, place = canonicalize_name(named["name"]), named["extras"], named["place"]
    elif editable or looks_direct(body):
        unnamed = _UNNAMED.fullmatch(body)
        name, extras, place = None, unnamed and unnamed["extras"], unnamed["place"] if unnamed else body
    else:
        raise _malformed(text, where, error)
    shown = without_credentials(text)
    try:
        marker = Marker(conditions[0]) if conditions else None
        reference, stated = read_reference(place.strip(), folder=folder, editable=editable)
    except InvalidMarker as wrong:
        raise RequirementError(f"{where}: {shown!r} has a malformed marker: {wrong}") from None
    except NotAReferenceError as wrong:
        raise RequirementError(
            f"{where}: {shown!r} {wrong}", details={"text": shown, "where": where}
        ) from None
    if name is not None and stated is not None and name != stated:
        raise RequirementError(f"{where}: {shown!r} is called {name}, and the file is {stated}'s")
    return Declared(
        name=name or stated,
        extras=frozenset(
            canonicalize_name(extra.strip()) for extra in (extras or "[]")[1:-1].split(",") if extra.strip()
        ),
        marker=marker,
        direct=reference,
        text=f"-e {shown}" if editable else shown,
        where=where,
    )


def _malformed(text: str, where: str, error: InvalidRequirement | None) -> RequirementError:
    """Say what the text is instead of a requirement, where that can be told."""
    if re.match(r"(-e|--editable)(\s|=|$)", text):
        return RequirementError(
            f"{where}: {text!r} is an option",
            details={"text": text, "where": where},
            hints=["on the command line, --editable DIR; in a requirements file, a line of its own"],
        )
    reason = str(error).partition("\n")[0]
    reason = reason[:1].lower() + reason[1:]
    single = _SINGLE_EQUALS.fullmatch(text)
    hints = [f"did you mean {single.group(1)}=={single.group(2)}?"] if single else []
    return RequirementError(
        f"{where}: {text!r} is not a requirement: {reason}",
        details={"text": text, "where": where},
        hints=hints,
    )
