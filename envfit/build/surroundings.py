"""The environment variables of a build: those that it is given, and little that it inherits.

What a login shell, an image or a former build has set decides otherwise what is compiled, unseen:
images set TORCH_CUDA_ARCH_LIST, and a MAX_JOBS of another day fills the memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from envfit.build.settings import Settings
from envfit.frozen import frozen

__all__ = ["SOURCE_DATE_EPOCH", "Surroundings", "surroundings"]

#: The first moment that a zip file can state, in seconds: so wheels of one build are alike.
SOURCE_DATE_EPOCH = 315532800

# How programs, compilers and libraries are found, and what people are called.
_INHERITED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|LANG|LC_\w+|TMPDIR|"
    r"LD_LIBRARY_PATH|LIBRARY_PATH|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|PKG_CONFIG_PATH|CMAKE_PREFIX_PATH|"
    r"CC|CXX|CUDAHOSTCXX|CUDA_HOME|CUDA_PATH|CUDNN_\w+|PYTORCH_NVCC|S?CCACHE_\w+|EBROOT\w+"
)
# What is left out and would have changed the result: that is told.
_TOLD = re.compile(
    r"TORCH_\w+|MAX_JOBS|NVCC_\w+|CUDAARCHS|CUDAFLAGS|CMAKE_\w+|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|FORCE_CUDA|"
    r"CUDA_ARCH\w*|SETUPTOOLS_\w+|DISTUTILS_\w+|MAKEFLAGS|NINJA\w*"
)
_NOWHERE = "http://127.0.0.1:9"  # the port of RFC 863: nothing answers


@frozen
class Surroundings:
    """The variables of a build, and the names of those that it does not inherit though they would count."""

    variables: Mapping[str, str]
    left_out: tuple[str, ...]


def surroundings(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    toolkit: str | None = None,
    path: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    inherited: frozenset[str] = frozenset(),
    network: bool = False,
) -> Surroundings:
    """Return the variables of a build.

    ``toolkit`` is the directory of the CUDA toolkit; directories of ``path`` come before all others,
    those of ``headers`` are searched after all others; ``inherited`` names further variables to take
    over, such as a module's PYTHONPATH.
    Without ``network``, pip, uv and whatever asks for a proxy are told that there is none.
    """
    given = {**settings.variables, **settings.effort}
    kept = {
        name: value
        for name, value in environ.items()
        if (_INHERITED.fullmatch(name) or name in inherited) and name not in settings.clears
    }
    left_out = tuple(
        sorted(
            name
            for name in environ.keys() - kept.keys()
            if name in settings.clears or name in given or _TOLD.fullmatch(name)
        )
    )
    variables = {**kept, "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)}
    if not inherited:
        variables["PYTHONNOUSERSITE"] = "1"
    if toolkit is not None:
        variables |= {"CUDA_HOME": toolkit, "CUDA_PATH": toolkit}
        path = (*path, f"{toolkit}/bin")
    variables["PATH"] = os.pathsep.join([*path, *filter(None, [kept.get("PATH")])])
    if headers:
        variables["CPATH"] = os.pathsep.join([*filter(None, [kept.get("CPATH")]), *headers])
    if not network:
        variables |= {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "GIT_ALLOW_PROTOCOL": "file"}
        for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
            variables |= {name: _NOWHERE, name.upper(): _NOWHERE}
    return Surroundings(variables={**variables, **given}, left_out=left_out)
