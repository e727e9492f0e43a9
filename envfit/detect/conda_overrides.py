"""Conda's override variables: facts that the user states instead of the machine.

Names and meaning are conda's (CEP 30, CEP 46): a version, or the empty string
for "there is none".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from envfit.errors import TargetError
from envfit.target import ARCHSPEC, CUDA, CUDA_ARCH, GLIBC, LINUX, Capability, Fact, FactState

__all__ = ["conda_overrides"]

_VERSION = r"\d+(\.\d+)*"
_SHAPES = {  # what a value must look like, and an example for the message
    CUDA: (_VERSION, "12.8"),
    CUDA_ARCH: (r"\d{1,2}\.\d", "8.6"),
    GLIBC: (r"\d+(\.\d+)+", "2.28"),
    LINUX: (_VERSION, "5.14"),
    ARCHSPEC: (r".+", "skylake"),
}


def conda_overrides(environ: Mapping[str, str]) -> dict[str, Fact]:
    """Return the facts that override variables state, by name.

    Raises TargetError, naming the variable, if a value is malformed.
    """
    facts: dict[str, Fact] = {}
    for name, (shape, example) in _SHAPES.items():
        variable = f"CONDA_OVERRIDE_{name.lstrip('_').upper()}"
        text = environ.get(variable)
        if text is None:
            continue
        # CEP 46 allows "version=build"; the build string says nothing that matters here.
        value = text.strip().partition("=")[0] if name == CUDA_ARCH else text.strip()
        if not text.strip():
            facts[name] = Fact(name=name, state=FactState.ABSENT, source=f"{variable} is empty")
        elif re.fullmatch(shape, value, re.ASCII):
            value = str(Capability.parse(value)) if name == CUDA_ARCH else value
            facts[name] = Fact(name=name, state=FactState.KNOWN, value=value, source=variable)
        else:
            raise TargetError(
                f"{variable} is {text!r}, which is no value such as {example}",
                details={"variable": variable},
                hints=[f'{variable}="" says that there is none'],
            )
    return facts
