"""Metadata as plain values, and back: parsed once, kept in the cache."""

from __future__ import annotations

from typing import Any

from envfit.distribution import Declared, Distribution, Metadata, parse_bound
from envfit.index.core_metadata import BadMetadata

__all__ = ["metadata_of", "record_of", "record_of_fault"]


def record_of(metadata: Metadata) -> object:
    """Return metadata as plain values."""
    return (
        metadata.source,
        None if metadata.requires_python is None else str(metadata.requires_python),
        sorted(metadata.extras),
        [one.parts for one in metadata.requires],
    )


def record_of_fault(fault: BadMetadata) -> object:
    """Return why the metadata of a file cannot be used, as plain values."""
    return fault.problem


def metadata_of(record: Any, distribution: Distribution) -> Metadata:
    """Return the metadata that a record holds; raises BadMetadata where it holds a fault."""
    if isinstance(record, str):
        raise BadMetadata(distribution, record)
    source, bound, extras, requires = record
    return Metadata(
        name=distribution.name,
        version=distribution.version,
        requires=tuple(Declared(*parts) for parts in requires),
        requires_python=None if bound is None else parse_bound(bound),
        extras=frozenset(extras),
        source=source,
    )
