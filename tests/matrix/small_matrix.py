"""A small matrix with an answer of every kind, and text that would be markup if it were not escaped."""

from __future__ import annotations

from packaging.version import Version

from envfit.matrix.answer import Answer
from envfit.matrix.build import build_matrix
from envfit.matrix.model import Matrix, MatrixDriver, MatrixGpu, MatrixReason, Outcome

__all__ = ["DRIVERS", "GPUS", "small_matrix"]

GPUS = (
    MatrixGpu(name="V100", capability="7.0", architecture="Volta", platform="linux-x86_64"),
    MatrixGpu(name="H100", capability="9.0", architecture="Hopper", platform="linux-x86_64"),
    MatrixGpu(
        name="GB10", capability="12.1", architecture="Blackwell", platform="linux-aarch64", own_platform=True
    ),
)
DRIVERS = (
    MatrixDriver(name="535", version="535.54.03", cuda="12.2", supported=False),
    MatrixDriver(name="580", version="580.65.06", cuda="13.0", supported=True),
    MatrixDriver(name="595", version="595.45.04", cuda="13.2", supported=True),
)
_DRIVER = MatrixReason(
    about="torch 2.11.0 to 2.15.0 (7 releases)",
    why="It needs driver 580.65.06 or newer.",
    rule="cuda/13-driver",
    evidence=("docs: Table 1 <b>bold</b> & more",),
)
_CODE = MatrixReason(about="torch 2.11.0", why="None of its GPU code runs on 7.0.", rule="torch/device-code")
_OLD = Answer(version=Version("2.10.0"), newer=Version("2.15.0"), reasons=(_DRIVER,))
_NEW = Answer(version=Version("2.15.0"))
_NO_DRIVER = Answer(
    refusal=Outcome.IMPOSSIBLE, reasons=(MatrixReason(why="driver 595 starts at capability 7.5"),)
)
_NONE = Answer(
    refusal=Outcome.REFUSED, reasons=(MatrixReason(why="no wheel </script><script>alert(1)</script>"),)
)


def small_matrix() -> Matrix:
    """Return it: two packages, three GPUs, three drivers."""
    answers = {
        ("torch", "V100", "535"): _OLD,
        ("torch", "V100", "580"): Answer(
            version=Version("2.10.0"), newer=Version("2.15.0"), reasons=(_CODE, _DRIVER)
        ),
        ("torch", "V100", "595"): _NO_DRIVER,
        ("torch", "H100", "535"): _OLD,
        ("torch", "H100", "580"): _NEW,
        ("torch", "H100", "595"): _NEW,
        ("torch", "GB10", "535"): _NO_DRIVER,
        ("torch", "GB10", "580"): _NEW,
        ("torch", "GB10", "595"): _NEW,
        ("flash-attn", "V100", "535"): _NONE,
        ("flash-attn", "V100", "580"): _NONE,
        ("flash-attn", "V100", "595"): _NO_DRIVER,
        ("flash-attn", "H100", "535"): Answer(
            refusal=Outcome.UNDECIDED, reasons=(MatrixReason(why="only a build states its metadata"),)
        ),
        ("flash-attn", "H100", "580"): Answer(
            version=Version("2.8.3"), built=True, unproved=("nvcc is there",), warnings=("it is slow",)
        ),
        ("flash-attn", "H100", "595"): Answer(version=Version("2.8.3"), built=True),
        ("flash-attn", "GB10", "535"): _NO_DRIVER,
        ("flash-attn", "GB10", "580"): Answer(version=Version("2.7.0")),
        ("flash-attn", "GB10", "595"): Answer(version=Version("2.8.3"), built=True),
    }
    return build_matrix(
        [("torch", "torch"), ("flash-attn", "flash-attn")],
        GPUS,
        DRIVERS,
        answers,
        python="3.11.18",
        glibc="2.28",
        day="2026-11-27",
        knowledge_version="0123456789ab",
    )
