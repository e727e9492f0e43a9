"""The corpus: real-world inputs and the machines that they are locked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["CORPUS", "Corpus", "GpuTarget", "Input", "read_corpus"]

CORPUS = Path(__file__).with_name("corpus.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuTarget:
    """A machine: a GPU and the driver version that is on it, and what NVIDIA says of both."""

    name: str
    gpu: str
    driver: str
    capability: str
    cuda: str  # supported by the driver
    python: str | None = None  # on it; None: what the input states
    machine: str = "x86_64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What somebody asks for, and what the answer is to be judged with."""

    name: str
    requirements: tuple[str, ...]
    if_supported: tuple[str, ...] = ()
    python: str = "3.11"
    glibc: str = "2.28"
    pip: str = "26.3"
    targets: tuple[str, ...] = ()  # names; empty: every one
    rank: int = 0  # among the most downloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Inputs and targets, in the order of the file."""

    inputs: tuple[Input, ...]
    targets: tuple[GpuTarget, ...]

    def pairs(
        self, *, inputs: tuple[str, ...] = (), targets: tuple[str, ...] = ()
    ) -> Iterator[tuple[Input, GpuTarget]]:
        """Yield each input with each of its targets; names restrict them, none means all.

        Raises ValueError where a name is of none of them.
        """
        for wanted, there in ((inputs, self.inputs), (targets, self.targets)):
            unknown = set(wanted).difference(item.name for item in there)
            if unknown:
                raise ValueError(f"not in the corpus: {', '.join(sorted(unknown))}")
        for item in self.inputs:
            for target in self.targets:
                if (
                    (not inputs or item.name in inputs)
                    and (not targets or target.name in targets)
                    and (not item.targets or target.name in item.targets)
                ):
                    yield item, target


def read_corpus(path: Path = CORPUS) -> Corpus:
    """Read the corpus."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return Corpus(
        inputs=tuple(_input(table) for table in document["input"]),
        targets=tuple(GpuTarget(**table) for table in document["target"]),
    )


def _input(table: dict[str, object]) -> Input:
    stated: dict[str, object] = {"requirements": (str(table["name"]),)}
    for key, value in table.items():
        if key != "why":  # for readers of the file
            stated[key.replace("-", "_")] = tuple(value) if isinstance(value, list) else value
    return Input(**stated)  # type: ignore[arg-type]  # a wrong key or type is the file's fault, and fails here
