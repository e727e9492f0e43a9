"""What speaks against a locked set on a target, and what stays open, as values."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from envfit.frozen import frozen
from envfit.resolve.reason import Reason
from envfit.target import FactState

__all__ = ["GPU", "Cause", "Refusal", "Unproved", "named"]

#: The fact that a machine has a GPU at all, in sentences.
GPU = "GPU"
_NAMED = 3


def named(packages: Sequence[str]) -> str:
    """Name packages in a sentence: the first few, and how many more there are."""
    more = len(packages) - _NAMED
    return ", ".join(packages[:_NAMED]) + (f" and {more} more" if more > 0 else "")


class Cause(enum.Enum):
    """What kind of thing speaks against a package."""

    PLATFORM = "platform"  # the set is for other machines
    PYTHON = "python"
    TAGS = "tags"  # the wheel is for another Python or platform
    GLIBC = "glibc"
    CODE = "code"  # its GPU code serves not every GPU
    NO_CODE = "no-code"  # it has no GPU code
    SOURCE = "source"  # how to build it is not known
    GPU = "gpu"  # it wants another GPU, or a GPU at all
    DRIVER = "driver"
    FACT = "fact"  # another fact of the machine
    MISSING = "missing"  # a package that it needs is not there
    PACKAGES = "packages"  # packages that do not go together
    PROVIDED = "provided"  # what a module provides


@frozen
class Refusal:
    """One reason, and the locked packages that share it."""

    packages: tuple[str, ...]  # "torch 2.14.1", in the order of the lock; empty where it is the lock itself
    reason: Reason
    cause: Cause = Cause.PACKAGES

    def lines(self) -> list[str]:
        """Return the reason, the facts that it read and the first piece of its evidence."""
        return [str(self.reason), *self.reason.facts, *self.reason.evidence[:1]]

    def __str__(self) -> str:
        if not self.packages:
            return str(self.reason)
        return f"{named(self.packages)}: {self.reason}"


@frozen
class Unproved:
    """A condition that nothing here can prove, and the packages that depend on it."""

    fact: str  # "GPU", "__cuda_driver", or "GPU code" where no one has read it
    state: FactState
    bounds: str = ""  # what it must be, where known: "capability 7.0 to 12.0, driver 525.60.13 or newer"
    packages: tuple[str, ...] = ()  # "cupy-cuda12x 13.6.0"
    why: tuple[str, ...] = ()  # the rules' sentences

    def __str__(self) -> str:
        subject = f"a {self.fact}" if self.fact == GPU else self.fact
        waiting = "; ".join(part for part in (self.bounds, named(self.packages)) if part)
        return f"{subject} is {self.state.value} here: {waiting} still to be proved"
