"""Files that can be downloaded, the candidates made of them, and why some are out.

A distribution is one file; its hash is its identity.  A candidate is a name, a
version and the distribution chosen for the target.  A rejection is a value that
writes its own sentence: whatever decides that a file is out also says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import BuildTag, canonicalize_name
from packaging.version import Version

from envfit.reference import DirectReference

__all__ = [
    "Distribution",
    "Listing",
    "Metadata",
    "Sdist",
    "Wheel",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel on an index."""

    name: str  # normalized project name
    version: Version
    filename: str
    url: str  # absolute, without fragment and credentials
    index: str  # address of the index it came from, without credentials
    build_tag: BuildTag = ()
    tags: frozenset[Tag] = frozenset()
    sha256: str | None = None
    size: int | None = None  # bytes
    upload_time: datetime | None = None  # UTC
    requires_python: SpecifierSet | None = None
    yanked: str | None = None  # the reason, possibly empty; None where not yanked
    metadata_sha256: str | None = None  # of the PEP 658 sidecar; "" where advertised without a hash
    reference: DirectReference | None = None  # that named it, instead of an index


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """One source distribution on an index, or a source tree that a direct reference names."""

    name: str
    version: Version
    filename: str  # of a source tree: its address, which is what people know it by
    url: str
    index: str
    sha256: str | None = None
    size: int | None = None
    upload_time: datetime | None = None
    requires_python: SpecifierSet | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None
    reference: DirectReference | None = None


Distribution = Wheel | Sdist


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one index says of one project: its files, in the index's order.

    ``skipped`` names the files that are no distribution that anyone can install
    (eggs, installers, names that do not parse).
    """

    name: str
    index: str
    distributions: tuple[Distribution, ...]
    skipped: tuple[str, ...] = ()
    status: str | None = None  # PEP 792, where it is not "active"
    status_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The part of core metadata that resolution needs."""

    name: str
    version: Version
    requires: tuple[DeclaredRequirement, ...] = ()
    requires_python: SpecifierSet | None = None
    extras: frozenset[str] = frozenset()
    source: str = ""  # how it was obtained, for the reader of an explanation

    def known_extras(self) -> frozenset[str]:
        """Return the extras that it lists, and those that requirements speak of: old metadata lists none."""
        markers = [str(declared.marker) for declared in self.requires if declared.marker is not None]
        named = (extra for text in markers for extra in re.findall(r'extra == "([^"]+)"', text))
        return self.extras | {canonicalize_name(extra) for extra in named}
