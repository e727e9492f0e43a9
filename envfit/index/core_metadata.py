"""Core metadata, as text and as the part that resolution needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.distribution import Declared, Distribution, Metadata
from envfit.errors import SourceError

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

__all__ = ["BadMetadata", "declared", "parse_core_metadata", "stated_identity"]


class BadMetadata(SourceError):  # noqa: N818 - it is a reason to reject one candidate
    """The metadata of one distribution cannot be used; other versions may do."""

    code = "bad-metadata"

    def __init__(self, distribution: Distribution, problem: str) -> None:
        super().__init__(f"{distribution.filename}: {problem}", details={"address": distribution.url})
        self.distribution = distribution
        self.problem = problem


def parse_core_metadata(text: bytes, distribution: Distribution, *, source: str) -> Metadata:
    """Parse METADATA or PKG-INFO of a distribution.

    A malformed Requires-Python counts as none, as on index pages.  Raises
    BadMetadata where name or version are another's, or a requirement is malformed.
    """
    raw, unparsed = _parse_email(_headers(text))
    for label, field in (("Requires-Dist", "requires-dist"), ("Provides-Extra", "provides-extra")):
        if field in unparsed:
            raise BadMetadata(distribution, f"its {label} cannot be read")
    name, version = raw.get("name"), raw.get("version")
    if name is None or version is None:
        raise BadMetadata(distribution, "its metadata states no name or no version")
    if canonicalize_name(name) != distribution.name:
        raise BadMetadata(distribution, f"its metadata is that of {name}")
    try:
        if Version(version) != distribution.version:
            raise BadMetadata(distribution, f"its metadata is that of version {version}")
    except InvalidVersion:
        raise BadMetadata(distribution, f"its metadata states version {version!r}, which is none") from None
    return declared(
        distribution,
        requires=raw.get("requires_dist", []),
        requires_python=raw.get("requires_python"),
        extras=raw.get("provides_extra", []),
        source=source,
    )


def stated_identity(text: bytes) -> tuple[str, Version] | None:
    """Return the normalized name and the version that METADATA states; None where it states none."""
    raw, _ = _parse_email(_headers(text))
    try:
        return canonicalize_name(raw["name"], validate=True), Version(raw["version"])
    except (KeyError, ValueError):
        return None


def declared(
    distribution: Distribution,
    *,
    requires: list[str],
    requires_python: str | None,
    extras: list[str],
    source: str,
) -> Metadata:
    """Return metadata from what a distribution declares, parsed.

    Raises BadMetadata where a requirement is malformed.
    """
    requirements = []
    for line in requires:
        try:
            requirements.append(Declared.parse(line))
        except InvalidRequirement:
            raise BadMetadata(distribution, f"its requirement {line!r} is malformed") from None
    try:
        bound = SpecifierSet(requires_python) if requires_python else None
    except InvalidSpecifier:
        bound = None
    return Metadata(
        name=distribution.name,
        version=distribution.version,
        requires=tuple(requirements),
        requires_python=bound,
        extras=frozenset(canonicalize_name(extra) for extra in extras),
        source=source,
    )


def _headers(text: bytes) -> bytes:
    """Return metadata without the description that may follow it: it is long, and nobody asks for it here."""
    ends = [place for end in (b"\n\n", b"\r\n\r\n") if (place := text.find(end)) >= 0]
    return text[: min(ends) + 1] if ends else text


def _parse_email(text: bytes) -> tuple[RawMetadata, dict[str, list[str]]]:
    from packaging.metadata import parse_email

    return parse_email(text)
