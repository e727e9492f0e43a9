"""A matrix: packages, GPUs and drivers, and for each three of them one answer with its reasons."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from envfit.frozen import frozen

__all__ = ["Matrix", "MatrixCell", "MatrixDriver", "MatrixGpu", "MatrixPackage", "MatrixReason", "Outcome"]


class Outcome(enum.Enum):
    """What an answer is."""

    NEWEST = "newest"  # the newest release runs
    OLDER = "older"  # the newest release that runs is an older one
    REFUSED = "refused"  # proved: no release runs
    IMPOSSIBLE = "impossible"  # the driver does not drive the GPU, so nothing was resolved
    UNDECIDED = "undecided"  # neither was found out


@frozen
class MatrixReason:
    """Why releases, or all of them, are out; or why there is no such machine."""

    about: str = ""  # such as "torch 2.11.0 to 2.15.0 (7 releases)"; empty where it is about the whole
    why: str
    rule: str | None = None
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.about}: {self.why}" if self.about else self.why
        return f"{text} [{self.rule}]" if self.rule else text


@frozen
class MatrixCell:
    """The answer for one package on one GPU with one driver."""

    package: str
    gpu: str
    driver: str
    outcome: Outcome
    version: str | None = None  # None unless something runs
    built: bool = False  # whether it must be compiled where it is installed
    reasons: tuple[MatrixReason, ...] = ()  # the first is that of the newest release
    warnings: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()  # what is still to be proved where it is installed
    better: tuple[str, ...] = ()  # newer builds that another index has for this machine

    @property
    def answer(self) -> tuple[object, ...]:
        """All but where it holds: what two cells share that make no difference."""
        said = (self.reasons, self.warnings, self.unproved, self.better)
        return (self.outcome, self.version, self.built, *said)


@frozen
class MatrixPackage:
    """What was asked for, as it was written, and the newest release that is known to be out."""

    requirement: str
    name: str
    newest: str | None = None


@frozen
class MatrixGpu:
    """One GPU, with what an answer depends on."""

    name: str
    capability: str
    architecture: str
    platform: str
    own_platform: bool = False  # whether it exists on that one alone


@frozen
class MatrixDriver:
    """One driver: as it was named, its version, and the CUDA version that it supports."""

    name: str
    version: str
    cuda: str
    supported: bool  # by NVIDIA, still


@frozen
class Matrix:
    """All answers, and what they rest on."""

    packages: tuple[MatrixPackage, ...]
    gpus: tuple[MatrixGpu, ...]
    drivers: tuple[MatrixDriver, ...]
    cells: tuple[MatrixCell, ...]  # of each package in turn, of each GPU, of each driver
    python: str
    glibc: str
    day: str  # when the indexes were asked
    knowledge_version: str
    solved: int = 0  # resolutions that were made
    requests: int = 0
    received: int = 0  # bytes

    def cell(self, package: int, gpu: int, driver: int) -> MatrixCell:
        """Return a cell by the places of its package, its GPU and its driver."""
        return self.cells[(package * len(self.gpus) + gpu) * len(self.drivers) + driver]

    def of_package(self, package: int) -> Iterator[MatrixCell]:
        """Yield the cells of one package."""
        width = len(self.gpus) * len(self.drivers)
        yield from self.cells[package * width : (package + 1) * width]
