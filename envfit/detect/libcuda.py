"""Which libcuda programs load, and the CUDA version that it supports.

The library comes with the kernel driver, or from a cuda-compat package that
stands before it on the search path; then what programs see is the library's
CUDA version and not the driver's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from packaging.version import Version

from envfit.detect import libcuda_probe
from envfit.detect.child import ChildError, ask
from envfit.detect.nvml import cuda_version
from envfit.frozen import frozen

__all__ = ["LibcudaReading", "read_libcuda"]

_TIME_LIMIT = 15  # seconds; a healthy answer takes 0.05
_OLDEST_BRANCH = 100  # numbers of driver branches have three digits


@frozen
class LibcudaReading:
    """The libcuda that a program started now would load."""

    cuda: Version | None = None  # CUDA version that it supports
    driver: str | None = None  # driver version in its file name, which not every system has
    path: str = ""
    sentence: str  # what was found, or why nothing was


def read_libcuda(environ: Mapping[str, str]) -> LibcudaReading:
    """Load libcuda in a child process that has that environment, and ask its version.

    A child, because a library once loaded stays in the process, because a broken
    one must not take envfit down, and because a driver that hangs can then be
    left behind.  Raises nothing: the sentence says what went wrong.
    """
    if not sys.executable:
        return LibcudaReading(sentence="libcuda was not asked: this Python does not know its own path")
    probe = [sys.executable, "-I", "-S", str(Path(libcuda_probe.__file__))]
    try:
        answer = ask(probe, environ, time_limit=_TIME_LIMIT)
    except ChildError as error:
        return LibcudaReading(sentence=f"libcuda: the program that asks it {error}")
    if answer.status == libcuda_probe.NOT_LOADED:
        return LibcudaReading(sentence="no libcuda.so.1 can be loaded")
    if answer.status != 0:
        reason = answer.errors.strip().rpartition("\n")[2] or f"exit status {answer.status}"
        return LibcudaReading(sentence=f"libcuda does not answer: {reason}")
    return _parse(answer.output)


def _parse(answer: str) -> LibcudaReading:
    number, _, rest = answer.partition("\n")
    path = rest.rstrip("\n")
    if not re.fullmatch(r"\d{4,6}", number):
        return LibcudaReading(sentence=f"libcuda answers {number!r}, which is no version")
    version = re.search(r"libcuda\.so\.(\d+\.\d+(?:\.\d+)?)$", path)
    # WSL's library is called libcuda.so.1.1: two one-digit numbers are no driver version.
    driver = (
        version.group(1) if version and int(version.group(1).partition(".")[0]) >= _OLDEST_BRANCH else None
    )
    cuda = cuda_version(int(number))
    name = f"libcuda {driver}" if driver else "libcuda"
    return LibcudaReading(cuda=cuda, driver=driver, path=path, sentence=f"{name} supports CUDA {cuda}")
