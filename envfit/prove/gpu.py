"""Small computations on the GPU, held against the exact result: each a program in a fresh process.

The programs are files beside this one, which the environment's Python runs; envfit imports none
of them.  Before each step a program tells ``step NAME``, so that a crash has a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from envfit.frozen import frozen
from envfit.prove.program import Program

__all__ = ["GPU_PROGRAMS", "GpuProgram", "gpu_programs_for"]

_PROGRAMS = Path(__file__).parent / "gpu_programs"


@frozen
class GpuProgram:
    """One program, and what it proves."""

    id: str  # the stem of its file
    what: str  # as in "torch.linalg of torch 2.8.0 fails"
    packages: tuple[tuple[str, ...], ...]  # normalized names; of each tuple, one must be there
    is_part: bool = False  # of a package that works without it

    @property
    def program(self) -> Program:
        """The program itself."""
        path = _PROGRAMS / f"{self.id}.py"
        return Program(name=self.id, source=path.read_text(encoding="utf-8"), path=str(path))

    def owner(self, names: Iterable[str]) -> str | None:
        """Return the package that it is about; None where what it needs is not installed."""
        there = frozenset(names)
        found = [next((name for name in each if name in there), None) for each in self.packages]
        return found[0] if None not in found else None


_TORCH = ("torch",)

GPU_PROGRAMS = (
    GpuProgram(id="torch_math", what="torch", packages=(_TORCH,)),
    GpuProgram(id="torch_linalg", what="torch.linalg", packages=(_TORCH,), is_part=True),
    GpuProgram(id="triton_kernel", what="a Triton kernel", packages=(("triton",), _TORCH), is_part=True),
    GpuProgram(id="flash_attn_math", what="flash-attn", packages=(("flash-attn",), _TORCH)),
    GpuProgram(id="xformers_math", what="xformers", packages=(("xformers",), _TORCH)),
    GpuProgram(
        id="cupy_math", what="CuPy", packages=(("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x"),)
    ),
    GpuProgram(
        id="jax_math",
        what="JAX",
        packages=(("jax",), ("jax-cuda12-plugin", "jax-cuda13-plugin")),
    ),
)


def gpu_programs_for(names: Iterable[str]) -> tuple[GpuProgram, ...]:
    """Return the programs whose packages are installed, by normalized names."""
    there = frozenset(names)
    return tuple(each for each in GPU_PROGRAMS if each.owner(there) is not None)
