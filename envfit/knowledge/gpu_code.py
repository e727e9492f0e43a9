"""What GPU code a chosen wheel has, and which of it serves each GPU of a target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envfit.distribution import Distribution
from envfit.frozen import frozen
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.own_code import OwnPart, own_parts
from envfit.knowledge.query import Query
from envfit.target import CUDA, Gpu

__all__ = ["GpuCode", "Served", "gpu_code"]


@frozen
class Served:
    """One GPU, and what runs on it."""

    gpu: Gpu
    code: str | None  # such as sm_70, or PTX for 8.0; None where nothing does

    def __str__(self) -> str:
        return f"{self.code or 'nothing'} serves the {self.gpu.name} ({self.gpu.capability})"


@frozen
class GpuCode:
    """The GPU code that a package loads."""

    sass: tuple[str, ...]  # without dots, lowest first
    ptx: tuple[str, ...]
    source: str  # where it was read
    served: tuple[Served, ...]  # one for each capability in use

    def __str__(self) -> str:
        has = [f"sm_{code}" for code in self.sass]
        has += [f"PTX for {_dotted(code)}" for code in self.ptx]
        serves = "".join(f"; {served}" for served in self.served)
        return f"GPU code: {', '.join(has)}{serves}"


def gpu_code(query: Query, name: str, distribution: Distribution | None) -> GpuCode | None:
    """Return the GPU code of a package that its own libraries have; None where none is known."""
    package = query.package(name)
    code = query.device_code(name, distribution)
    if code is None:
        return None
    if code.sass is not None:
        toolkit = code.cuda
        parts: Sequence[OwnPart] = [
            OwnPart(library="", sass=code.sass, ptx=code.ptx, toolkit=toolkit, runtime=None)
        ]
    else:
        own = own_parts(code, package, query.knowledge.toolkits) or ()
        parts = [part for part in own if part.own is None or part.own.needed_for is None]
    sass, ptx = _union(part.sass for part in parts), _union(part.ptx for part in parts)
    if not sass and not ptx:
        return None
    gpus = sorted(query.gpu_per_capability(), key=lambda gpu: gpu.capability)
    served = tuple(Served(gpu=gpu, code=_serving(query, parts, gpu)) for gpu in gpus)
    return GpuCode(sass=sass, ptx=ptx, source=code.source, served=served)


def _serving(query: Query, parts: Iterable[OwnPart], gpu: Gpu) -> str | None:
    """Return the newest code that runs on a GPU: machine code before PTX, as the driver takes it."""
    supported = query.target.fact(CUDA).version
    for part in parts:
        for code in reversed(part.sass):
            if runs_on([code], [], gpu.capability, built_with=part.toolkit, supported_cuda=supported):
                return f"sm_{code}"
    for part in parts:
        for code in reversed(part.ptx):
            if runs_on([], [code], gpu.capability, built_with=part.toolkit, supported_cuda=supported):
                return f"PTX for {_dotted(code)}"
    return None


def _union(several: Iterable[Iterable[str]]) -> tuple[str, ...]:
    found = {code for codes in several for code in codes}
    return tuple(sorted(found, key=lambda code: (int(code.rstrip("af")), code)))


def _dotted(code: str) -> str:
    return f"{code.rstrip('af')[:-1]}.{code.rstrip('af')[-1]}{code[len(code.rstrip('af')) :]}"
