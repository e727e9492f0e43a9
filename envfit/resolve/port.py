"""What resolution asks of the outside: candidates and metadata, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from envfit.distribution import Distribution, Metadata
from envfit.selection.candidates import Selection
from envfit.selection.select import Selector

__all__ = ["REJECTING", "PackageSource"]

#: Errors that reject one file; every other error of a source ends the run.
REJECTING = frozenset({"bad-metadata", "metadata-needs-build"})


class PackageSource(Protocol):
    """Where candidates and metadata come from."""

    def selection(self, name: str, selector: Selector) -> Selection:
        """Return what the selector selects from what the indexes list under a name."""

    def allowed(self, name: str) -> tuple[str, ...]:
        """Return where a name may be taken from: the values that ``Distribution.index`` can have."""

    def is_there(self, distributions: Iterable[Distribution]) -> bool:
        """Tell whether chosen files are where they are said to be.

        Those that are not are not selected from then on, and all is to be searched again.
        """

    def metadata(self, distribution: Distribution) -> Metadata:
        """Return the metadata of one distribution.

        Raises EnvfitError with code ``bad-metadata`` or ``metadata-needs-build`` where
        that file has none to offer, which rejects the file and not the run.
        """

    def prefetch(
        self, names: Iterable[str], selector: Selector, then: Callable[[str], None] | None = None
    ) -> None:
        """Start to select what is likely to be asked for.

        ``then`` may be called with a name while something else is waited for, once what is
        selected for it is at hand; whether it is makes no difference to any answer.
        """

    def prefetch_metadata(
        self, distributions: Iterable[Distribution], then: Callable[[Distribution], None] | None = None
    ) -> None:
        """Start to fetch metadata that is likely to be asked for; ``then`` as in ``prefetch``."""
