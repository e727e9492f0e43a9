"""The first line of a log that is a cause, out of all that follow from it."""

from __future__ import annotations

import pytest

from envfit.build.cause import cause_of

TRACEBACK = (
    "Traceback (most recent call last):\n"
    "subprocess.CalledProcessError: Command '['ninja', '-v']' returned non-zero exit status 1.\n"
    "The above exception was the direct cause of the following exception:\n"
    "RuntimeError: Error compiling objects for extension\n"
)


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (
            "[1/3] nvcc ...\nFAILED: a.o\nnvcc fatal   : Unsupported gpu architecture 'compute_70'\n"
            + TRACEBACK,
            "nvcc fatal   : Unsupported gpu architecture 'compute_70'",
        ),
        (
            'csrc/add.cu(1): error: identifier "absent" is undefined\ncsrc/add.cu(9): error: more\n'
            + TRACEBACK,
            'csrc/add.cu(1): error: identifier "absent" is undefined',
        ),
        (
            "csrc/scale.cpp:1:10: fatal error: torch/extension.h: No such file or directory\n" + TRACEBACK,
            "csrc/scale.cpp:1:10: fatal error: torch/extension.h: No such file or directory",
        ),
        ("ptxas fatal   : Value 'sm_7' is not defined for option 'gpu-name'\n", "ptxas fatal"),
        (
            "/usr/bin/ld: cannot find -lcudart: No such file or directory\ncollect2: error: ld\n",
            "cannot find -lcudart",
        ),
        (
            "  File \"setup.py\", line 1\nModuleNotFoundError: No module named 'torch'\n",
            "No module named 'torch'",
        ),
        (TRACEBACK, "RuntimeError: Error compiling objects for extension"),
        ("something else\n\n", "something else"),
        ("", "it said nothing and ended with status 1"),
    ],
)
def test_causes(log, cause):
    assert cause in cause_of(log, 1).text


@pytest.mark.parametrize(
    ("log", "status"),
    [
        ("[1/3] nvcc\ng++: fatal error: Killed signal terminated program cc1plus\n" + TRACEBACK, 1),
        ("g++: internal compiler error: Killed (program cc1plus)\n", 1),
        ("nvcc error   : 'cicc' died due to signal 9 (Kill signal)\n" + TRACEBACK, 1),
        ("Killed\n", 1),
        ("", -9),
        ("", 137),
    ],
)
def test_a_full_memory_is_told_with_what_helps(log, status):
    cause = cause_of(log, status)
    assert "memory is full" in cause.text
    assert "--jobs" in cause.hint


def test_a_full_disk():
    assert cause_of("error: could not write: No space left on device\n", 1).text.startswith(
        "the disk is full"
    )
