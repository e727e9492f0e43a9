"""What resolution asks of the outside: listings and metadata, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from envfit.distribution import Distribution, Listing, Metadata

__all__ = ["REJECTING", "PackageSource"]

#: Errors that reject one file; every other error of a source ends the run.
REJECTING = frozenset({"bad-metadata", "metadata-needs-build"})


class PackageSource(Protocol):
    """Where listings and metadata come from."""

    def listing(self, name: str) -> tuple[Listing, ...]:
        """Return the listings of the first index that has the name, then those it is routed to."""

    def allowed(self, name: str) -> tuple[str, ...]:
        """Return where a name may be taken from: the values that ``Distribution.index`` can have."""

    def metadata(self, distribution: Distribution) -> Metadata:
        """Return the metadata of one distribution.

        Raises EnvfitError with code ``bad-metadata`` or ``metadata-needs-build`` where
        that file has none to offer, which rejects the file and not the run.
        """

    def prefetch(self, names: Iterable[str]) -> None:
        """Start to fetch listings that are likely to be asked for."""

    def prefetch_metadata(self, distributions: Iterable[Distribution]) -> None:
        """Start to fetch metadata that is likely to be asked for."""
