"""Why a lock is not installed here, as values."""

from __future__ import annotations

from collections.abc import Sequence

from envfit.errors import InstallRefusedError
from envfit.frozen import frozen
from envfit.resolve.explain import Reason

__all__ = ["Refusal", "Refused", "named"]

_NAMED = 3


def named(packages: Sequence[str]) -> str:
    """Name packages in a sentence: the first few, and how many more there are."""
    more = len(packages) - _NAMED
    return ", ".join(packages[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@frozen
class Refusal:
    """One reason, and the locked packages that share it."""

    packages: tuple[str, ...]  # "torch 2.14.1", in the order of the lock; empty where it is the lock itself
    reason: Reason

    def lines(self) -> list[str]:
        """Return the reason, the facts that it read and the first piece of its evidence."""
        return [str(self.reason), *self.reason.facts, *self.reason.evidence[:1]]

    def __str__(self) -> str:
        if not self.packages:
            return str(self.reason)
        return f"{named(self.packages)}: {self.reason}"


class Refused(InstallRefusedError):  # noqa: N818 - the outcome, as Unsatisfied is the resolver's
    """The lock does not run on this machine; carries every reason."""

    def __init__(self, message: str, reasons: Sequence[Refusal], *, hints: Sequence[str] = ()) -> None:
        details: dict[str, str] = {}
        for item in reasons:
            subject = ", ".join(item.packages) or "the lock"
            details[subject] = "\n".join([*filter(None, [details.get(subject)]), *item.lines()])
        super().__init__(message, details=details, hints=hints)
        self.reasons = tuple(reasons)
