"""Core metadata, as text and as the part that resolution needs."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.distribution import Declared, Distribution, Metadata, Wheel
from envfit.errors import SourceError
from envfit.header_fields import header_fields, is_readable, single

__all__ = ["BadMetadata", "declared", "parse_core_metadata", "stated_identity"]


class BadMetadata(SourceError):  # noqa: N818 - it is a reason to reject one candidate
    """The metadata of one distribution cannot be used; other versions may do."""

    code = "bad-metadata"
    cause = "The metadata of one file on an index is malformed, so that file cannot be used."
    remedy = "Take another release; tell whoever publishes the file."

    def __init__(self, distribution: Distribution, problem: str) -> None:
        super().__init__(f"{distribution.filename}: {problem}", details={"address": distribution.url})
        self.distribution = distribution
        self.problem = problem


def parse_core_metadata(text: bytes, distribution: Distribution, *, source: str) -> Metadata:
    """Parse METADATA or PKG-INFO of a distribution.

    A malformed Requires-Python counts as none, as on index pages.  Raises
    BadMetadata where name or version are another's, or a requirement is malformed.
    """
    fields = header_fields(text)
    for label in ("Requires-Dist", "Provides-Extra"):
        if not all(map(is_readable, fields.get(label.lower(), ()))):
            raise BadMetadata(distribution, f"its {label} cannot be read")
    name, version = single(fields, "name"), single(fields, "version")
    if name is None or version is None:
        raise BadMetadata(distribution, "its metadata states no name or no version")
    if canonicalize_name(name) != distribution.name:
        raise BadMetadata(distribution, f"its metadata is that of {name}")
    try:
        # A wheel that was renamed for its build says the release alone: its name has the label besides.
        renamed = isinstance(distribution, Wheel) and version == distribution.version.public
        if Version(version) != distribution.version and not renamed:
            raise BadMetadata(distribution, f"its metadata is that of version {version}")
    except InvalidVersion:
        raise BadMetadata(distribution, f"its metadata states version {version!r}, which is none") from None
    return declared(
        distribution,
        requires=fields.get("requires-dist", []),
        requires_python=single(fields, "requires-python"),
        extras=fields.get("provides-extra", []),
        source=source,
    )


def stated_identity(text: bytes) -> tuple[str, Version] | None:
    """Return the normalized name and the version that METADATA states; None where it states none."""
    fields = header_fields(text)
    try:
        return (
            canonicalize_name(single(fields, "name") or "", validate=True),
            Version(single(fields, "version") or ""),
        )
    except ValueError:
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
