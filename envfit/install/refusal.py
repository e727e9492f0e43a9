"""That a lock is not installed here, as an error."""

from __future__ import annotations

from collections.abc import Sequence

from envfit.errors import InstallRefusedError
from envfit.lock.refusal import Refusal

__all__ = ["Refused"]


class Refused(InstallRefusedError):  # noqa: N818 - the outcome, as Unsatisfied is the resolver's
    """The lock does not run on this machine; carries every reason."""

    def __init__(self, message: str, reasons: Sequence[Refusal], *, hints: Sequence[str] = ()) -> None:
        details: dict[str, str] = {}
        for item in reasons:
            subject = ", ".join(item.packages) or "the lock"
            details[subject] = "\n".join([*filter(None, [details.get(subject)]), *item.lines()])
        super().__init__(message, details=details, hints=hints)
        self.reasons = tuple(reasons)
