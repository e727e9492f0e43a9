"""Proof by import: each name in a fresh process of the environment's Python."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from envfit.frozen import frozen
from envfit.prove.program import Failure, Program, Ran, run_programs

__all__ = ["ImportResult", "Outcome", "verify"]

# The dynamic loader's words for a library of NVIDIA's driver that is not there.
_NO_DRIVER = re.compile(r"lib(?:cuda|nvidia-[\w-]+|nvcuvid)\.so(?:\.1)?: cannot open shared object file")


class Outcome(enum.Enum):
    """What an import showed."""

    WORKS = "works"
    FAILED = "failed"
    UNPROVABLE = "not provable here"  # it fails merely for want of NVIDIA's driver


@frozen
class ImportResult:
    """One name that was imported, and what came of it."""

    name: str
    outcome: Outcome
    failure: Failure | None = None

    @property
    def error(self) -> str:
        """What the root of a failure says, such as "ImportError: libcudart.so.12: ..."."""
        return self.failure.error if self.failure is not None else ""

    @property
    def place(self) -> str:
        """Where the root was raised: "torch/__init__.py:290"."""
        return self.failure.place if self.failure is not None else ""

    @property
    def raised_as(self) -> str:
        """The last wrapper, where it differs from the root."""
        return self.failure.raised_as if self.failure is not None else ""

    def __str__(self) -> str:
        if self.failure is None:
            return f"{self.name} works"
        place = f" ({self.place})" if self.place else ""
        return f"{self.name} {self.outcome.value}: {self.error}{place}"


def verify(
    python: Path,
    names: Iterable[str],
    *,
    gpu: bool,
    notify: Callable[[str], None] = lambda _: None,
    seconds: float = 120.0,
    environ: Mapping[str, str] | None = None,
) -> tuple[ImportResult, ...]:
    """Import each name in a process of its own, a few at a time, and return the results in order.

    ``gpu`` says whether a driver must be there; ``seconds`` is the limit of one
    import.  Each result is told as it comes.  ``environ`` are the variables that
    it is used with; without them none that speak to Python count, nor does what a
    user has in his own site directory.
    """
    programs = [
        Program(name=name, source=f"import importlib\nimportlib.import_module({name!r})\n")
        for name in dict.fromkeys(names)
    ]
    ran = run_programs(
        python,
        programs,
        seconds=seconds,
        notify=lambda each: notify(str(_result(each, gpu=gpu))),
        environ=environ,
    )
    return tuple(_result(each, gpu=gpu) for each in ran)


def _result(ran: Ran, *, gpu: bool) -> ImportResult:
    if ran.failure is None:
        return ImportResult(name=ran.name, outcome=Outcome.WORKS)
    no_driver = not gpu and any(map(_NO_DRIVER.search, ran.failure.chain))
    return ImportResult(
        name=ran.name, outcome=Outcome.UNPROVABLE if no_driver else Outcome.FAILED, failure=ran.failure
    )
