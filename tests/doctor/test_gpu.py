"""What is said of computations on the GPU."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from envfit.doctor.causes import Causes
from envfit.doctor.finding import Finding, Severity
from envfit.doctor.gpu import Computed, judge_gpu
from envfit.prove.gpu import GPU_PROGRAMS, gpu_programs_for
from envfit.prove.program import Failure, Ran
from tests.doctor.test_imports import base, installed

BY_ID = {program.id: program for program in GPU_PROGRAMS}


def judged(*computed: tuple[str, Sequence[str], Sequence[str]]) -> list[Finding]:
    return list(
        judge_gpu(
            [
                Computed(
                    program=BY_ID[name],
                    owner="torch",
                    ran=Ran(
                        name=name, told=tuple(told), failure=Failure(chain=tuple(chain)) if chain else None
                    ),
                )
                for name, told, chain in computed
            ],
            Causes(installed(), base()),
        )
    )


TOLD = ["GPU 0: V100, 7.0", "step allocation", "step matrix product", "off by 0.5, at most 0.1 is right"]


@pytest.mark.parametrize(
    ("chain", "code", "text"),
    [
        (
            ["WrongResultError: off by 0.5"],
            "gpu-result-wrong",
            "torch 2.8.0 computes a wrong result on the GPU, in the matrix product: off by 0.5.",
        ),
        (
            ["NotSeenError: not seen", "RuntimeError: The driver is too old."],
            "gpu-not-seen",
            "torch 2.8.0 does not see the GPU of this machine: The driver is too old.",
        ),
        (
            ["Timeout: not done after 300 s"],
            "gpu-program-hangs",
            "torch 2.8.0 does not end on the GPU in the matrix product: Timeout: not done after 300 s.",
        ),
        (
            ["Crash: SIGSEGV"],
            "gpu-program-fails",
            "torch 2.8.0 fails on the GPU in the matrix product: Crash: SIGSEGV.",
        ),
    ],
)
def test_the_kind_and_the_step_are_told(chain: list[str], code: str, text: str) -> None:
    (finding,) = judged(("torch_math", TOLD, chain))
    assert (finding.kind.code, finding.severity, finding.text) == (code, Severity.BREAKS, text)
    assert finding.measured[:2] == ("GPU 0: V100, 7.0", "matrix product: off by 0.5, at most 0.1 is right")


def test_a_part_only_warns_and_the_same_root_is_told_once() -> None:
    error = ["RuntimeError: no kernel image"]
    assert len(judged(("torch_math", TOLD, error), ("torch_linalg", [], error))) == 1
    (finding,) = judged(("torch_linalg", ["step linear equations"], error))
    assert finding.severity is Severity.WARNS
    assert finding.text == (
        "torch.linalg of torch 2.8.0 fails on the GPU in the linear equations: RuntimeError: no kernel image."
    )


def test_convolution_without_cudnn_works_and_warns() -> None:
    assert judged(("torch_math", [*TOLD, "cuDNN 91002"], [])) == []
    (finding,) = judged(("torch_math", [*TOLD, "cuDNN is not used"], []))
    assert (finding.kind.code, finding.severity) == ("gpu-not-used", Severity.WARNS)


def test_programs_are_for_what_is_installed_and_each_has_its_file() -> None:
    assert [each.id for each in gpu_programs_for(["torch"])] == ["torch_math", "torch_linalg"]
    assert [each.id for each in gpu_programs_for(["cupy-cuda12x", "jax"])] == ["cupy_math"]
    assert [each.id for each in gpu_programs_for(["jax-cuda13-plugin", "jax"])] == ["jax_math"]
    for each in GPU_PROGRAMS:
        compile(each.program.source, each.program.path, "exec")
