"""A requirement as the user wrote it, markers included.

Markers are kept, not evaluated: one project is locked for several targets, and
each has its own marker environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.utils import canonicalize_name

from envfit.errors import RequirementError
from envfit.requirement import Requirement, UserOrigin

__all__ = ["Declared", "for_target", "parse_requirement", "without_credentials"]

_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".tgz", ".zip")
_PATH = re.compile(r"[./~\\]|[A-Za-z]:\\|[^;\s]*/")
_SINGLE_EQUALS = re.compile(r"([\w.-]+(?:\[[^\]]*\])?)\s*=\s*(\d[^=;]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One requirement, where it is written, and how."""

    requirement: DeclaredRequirement
    text: str  # as written
    where: str  # "the command line", "requirements.txt line 3"


def parse_requirement(text: str, where: str) -> Declared:
    """Parse one requirement (PEP 508).

    Raises RequirementError, naming text and place, on malformed text and on what
    no index can answer: direct addresses, editable installs, local paths.
    """
    text = text.strip()
    try:
        requirement = DeclaredRequirement(text)
    except InvalidRequirement as error:
        raise _malformed(text, where, error) from None
    if requirement.url is not None:
        raise _unsupported(text, where, "names a direct address")
    if requirement.name.lower().endswith(_ARCHIVES):
        raise _unsupported(text, where, "is a file")
    return Declared(requirement=requirement, text=text, where=where)


def for_target(declared: Iterable[Declared], environment: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Return the requirements whose markers hold in a marker environment, in the order given.

    ``environment`` holds PEP 508's variables without ``extra``, which is empty for
    whoever asks directly.  Names and extras are normalized (PEP 503, PEP 685).
    Raises RequirementError where a marker cannot be evaluated.
    """
    return tuple(
        Requirement(
            name=canonicalize_name(one.requirement.name),
            specifier=one.requirement.specifier,
            extras=frozenset(canonicalize_name(extra) for extra in one.requirement.extras),
            origin=UserOrigin(text=one.text, where=one.where),
        )
        for one in declared
        if _applies(one, environment)
    )


def without_credentials(text: str) -> str:
    """Replace user name and password of every address in a text by asterisks."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def _applies(declared: Declared, environment: Mapping[str, str]) -> bool:
    marker = declared.requirement.marker
    if marker is None:
        return True
    try:
        return marker.evaluate({**environment, "extra": ""})
    except UndefinedEnvironmentName as error:
        reason = f"its marker uses {error.args[0]}, which only a lock file may use"
    except UndefinedComparison:
        reason = "its marker compares what has no order"
    raise RequirementError(f"{declared.where}: {declared.text!r} cannot be judged: {reason}")


def _malformed(text: str, where: str, error: InvalidRequirement) -> RequirementError:
    """Say what the text is instead of a requirement, where that can be told."""
    if re.match(r"(-e|--editable)(\s|=|$)", text):
        return _unsupported(text, where, "is an editable install")
    if "://" in text or " @ " in text:
        return _unsupported(text, where, "names a direct address")
    if _PATH.match(text) or text.lower().endswith(_ARCHIVES):
        return _unsupported(text, where, "is a path")
    reason = str(error).partition("\n")[0]
    reason = reason[:1].lower() + reason[1:]
    single = _SINGLE_EQUALS.fullmatch(text)
    hints = [f"did you mean {single.group(1)}=={single.group(2)}?"] if single else []
    return RequirementError(
        f"{where}: {text!r} is not a requirement: {reason}",
        details={"text": text, "where": where},
        hints=hints,
    )


def _unsupported(text: str, where: str, kind: str) -> RequirementError:
    text = without_credentials(text)
    return RequirementError(
        f"{where}: {text!r} {kind}, which is not supported yet",
        details={"text": text, "where": where},
        hints=["name a release on an index, such as NAME==VERSION"],
    )
