"""Judge builds that cannot be, and some that can, and write what is told of them as a page.

    python -m judges.gates

The machine that compiles is a stated one, so that the page is the same wherever it is written.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from envfit import api
from envfit.build.advice import seconds_of
from envfit.build.case import Case, torch_cuda
from envfit.build.gate import judge
from envfit.build.progress import duration
from envfit.build.report import BuildReport, report_on
from envfit.cli.build_reports import build_report_lines
from envfit.distribution import Sdist
from envfit.frozen import frozen
from envfit.knowledge.hardware import named_target
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.target import (
    CORES,
    CUDA_HEADERS,
    DISK_FREE,
    GXX,
    MEMORY_FREE,
    NVCC,
    PYTHON_HEADERS,
    Fact,
    FactState,
)

__all__ = ["CASES", "Asked", "main", "page", "report_of"]

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "gates.md"

_NONE = "none"
_GLIBC = "2.35"
_FLASH = "flash-attn==2.8.3.post2"
_WHEELS = ("nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cusolver", "nvidia-cusparse", "torch")


@frozen
class Asked:
    """One build that is asked for, and the machine that would compile it."""

    title: str
    release: str = _FLASH
    gpus: tuple[str, ...]
    torch: str = "2.11.0"
    nvcc: str = "13.0.88"
    gxx: str = "13.3"
    memory: float = 120
    cores: int = 16
    possible: bool = False
    environ: tuple[tuple[str, str], ...] = ()

    @property
    def command(self) -> str:
        """The command that judges it."""
        words = ["envfit", "build", self.release]
        for gpu in self.gpus:
            words += ["--gpu", gpu]
        words += ["--torch", self.torch, "--nvcc", self.nvcc, "--gxx", self.gxx]
        words += ["--memory", f"{self.memory:g}", "--cores", str(self.cores), "--dry-run"]
        return " ".join([*(f"{name}={value}" for name, value in self.environ), shlex.join(words)])


CASES = (
    Asked(title="V100: no FlashAttention has code for it", gpus=("V100",)),
    Asked(title="T4: FlashAttention 1 could serve", gpus=("T4",)),
    Asked(title="A10 and L4: served by the code for 8.0", gpus=("A10", "L4"), possible=True),
    Asked(title="GB10: served by the code for 12.0", gpus=("GB10",), possible=True),
    Asked(title="A100 without nvcc", gpus=("A100",), nvcc=_NONE),
    Asked(
        title="nvcc 11.8 beside a torch with CUDA 12",
        gpus=("A100",),
        torch="2.6.0",
        nvcc="11.8.89",
        gxx="11.4",
    ),
    Asked(title="GCC 14 with nvcc 12.1", gpus=("A100",), torch="2.5.1", nvcc="12.1.105", gxx="14.2"),
    Asked(
        title="GCC 14 with nvcc 12.8, which torch 2.11 alone refuses",
        gpus=("H100",),
        torch="2.11.0+cu128",
        nvcc="12.8.93",
        gxx="14.2",
    ),
    Asked(title="8 GiB of memory", gpus=("A100",), memory=8, possible=True),
    Asked(title="4 GiB of memory", gpus=("A100",), memory=4),
    Asked(title="torch 2.14", gpus=("H100",), torch="2.14.0"),
    Asked(title="B200 with nvcc 12.4: left out silently", gpus=("B200",), torch="2.7.1", nvcc="12.4.131"),
    Asked(title="Thor: a GPU that no word serves", gpus=("11.0",), torch="2.13.0"),
    Asked(
        title="H200, in an image that sets TORCH_CUDA_ARCH_LIST",
        gpus=("H200",),
        possible=True,
        environ=(("TORCH_CUDA_ARCH_LIST", "9.0a"),),
    ),
    Asked(title="Mamba 2.2.4 with nvcc 13", release="mamba-ssm==2.2.4", gpus=("H100",)),
    Asked(
        title="grouped_gemm for two GPUs", release="grouped-gemm==0.3.0", gpus=("L4", "H100"), possible=True
    ),
)

_HEAD = """\
# Before a build: gates, remedies, cost

Written by `python -m judges.gates`; not to be edited. `envfit build --dry-run` prints such a report for a
lock or a release, and compiles nothing. Every gate is judged, whatever the others say; what is `to do` was
judged in the same way before it is told. Here the machine that compiles has glibc 2.35 and 64 GiB of disk
free, and what is locked has the wheels of CUDA's libraries beside torch.

"""
_COST = """\
## What FlashAttention 2.8 costs, by cores

For one architecture, from the seconds of its {objects} objects where they were measured ({machine}), in the
order of the build, with the uneven end. 16 cores were measured to take 1381 s.

| cores | 1 | {cores} |
| --- | {lines} |
| time | {one} | {times} |
"""
_CORES = (4, 8, 16, 32, 64)


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(api.knowledge()), encoding="utf-8")
    return 0


def page(knowledge: KnowledgeBase) -> str:
    """Return the page."""
    return "\n".join(
        [_HEAD.rstrip("\n"), "", *(line for asked in CASES for line in _section(asked, knowledge))]
    ) + ("\n" + _cost(knowledge))


def report_of(asked: Asked, knowledge: KnowledgeBase) -> BuildReport:
    """Return the report on what is asked for."""
    name, _, text = asked.release.partition("==")
    target = named_target(knowledge, asked.gpus, glibc=_GLIBC)
    facts = (
        _fact(NVCC, asked.nvcc, "--nvcc"),
        _fact(GXX, asked.gxx, "--gxx"),
        _fact(MEMORY_FREE, f"{asked.memory:g}", "--memory"),
        _fact(CORES, str(asked.cores), "--cores"),
        _fact(DISK_FREE, "64", "~/.cache/envfit"),
        _fact(PYTHON_HEADERS, "/usr/include/python3.12", "/usr/include/python3.12"),
        Fact(name=CUDA_HEADERS, state=FactState.UNKNOWN, source="--nvcc"),
    )
    target = replace(target, facts=(*target.facts, *facts))
    query, version, torch = Query(knowledge, target), Version(text), Version(asked.torch)
    build = query.source_build(name, Sdist(name=name, version=version, filename="", url="", index=""))
    if build is None:
        raise ValueError(f"nothing is known of how {asked.release} is built")
    case = Case(
        knowledge=knowledge,
        target=target,
        package=name,
        version=version,
        build=build,
        torch=torch,
        torch_cuda=torch_cuda(query, torch),
        locked=frozenset(_WHEELS),
    )
    return report_on(judge(case), dict(asked.environ))


def _fact(name: str, value: str, source: str) -> Fact:
    if value == _NONE:
        return Fact(name=name, state=FactState.ABSENT, source=f"{source} {_NONE}")
    return Fact(name=name, state=FactState.KNOWN, value=value, source=source)


def _section(asked: Asked, knowledge: KnowledgeBase) -> Iterator[str]:
    yield f"## {asked.title}"
    yield ""
    yield "```console"
    yield f"$ {asked.command}"
    yield from build_report_lines(report_of(asked, knowledge))
    yield "```"
    yield ""


def _cost(knowledge: KnowledgeBase) -> str:
    cost = next(
        build.cost for build in knowledge.packages["flash-attn"].source_builds if build.cost is not None
    )
    return _COST.format(
        objects=len(cost.objects),
        machine=cost.machine,
        cores=" | ".join(map(str, _CORES)),
        lines=" | ".join("---" for _ in range(len(_CORES) + 1)),
        one=duration(seconds_of(cost, 1, 1)),
        times=" | ".join(duration(seconds_of(cost, 1, count)) for count in _CORES),
    )


if __name__ == "__main__":
    sys.exit(main())
