"""The header files of a build: Python.h, and those of CUDA's libraries."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envfit.detect.child import ChildError, ask
from envfit.target import CUDA_HEADERS, NVCC, PYTHON_HEADERS, Fact, FactState

__all__ = ["read_header_facts"]

_TIME_LIMIT = 10  # seconds; nvcc answers in 0.1
_TOP = re.compile(r"^#\$ TOP=(.+)$", re.MULTILINE)
_PATHS = ("CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH")  # that GCC searches


def read_header_facts(
    nvcc: Fact, headers: Sequence[str], environ: Mapping[str, str], *, python: Path | None = None
) -> tuple[Fact, Fact]:
    """Return where Python.h is, and where all of the headers of CUDA's libraries are.

    ``nvcc`` is the fact that names the compiler; its toolkit is looked into, and what GCC's variables name.
    ``python`` is the include directory of the Python that is built for, where it is another one.
    """
    own = python or Path(sysconfig.get_paths()["include"])
    named = [Path(part) for name in _PATHS for part in environ.get(name, "").split(":") if part]
    return (
        _found(PYTHON_HEADERS, ["Python.h"], [own, *named]),
        _found(CUDA_HEADERS, headers, [*_toolkits(nvcc, environ), *named]),
    )


def _found(name: str, wanted: Sequence[str], places: Sequence[Path]) -> Fact:
    searched = list(dict.fromkeys(places))
    found = {header: place for header in wanted for place in searched if (place / header).is_file()}
    missing = [header for header in wanted if header not in found]
    if missing:
        where = ", ".join(map(str, searched)) or "no directory is known"
        return Fact(name=name, state=FactState.ABSENT, source=f"no {', '.join(missing)} in {where}")
    used = ", ".join(dict.fromkeys(str(place) for place in found.values()))
    return Fact(name=name, state=FactState.KNOWN, value=used, source=used)


def _toolkits(nvcc: Fact, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the include directories of toolkits: the named one, and nvcc's own, also behind a wrapper."""
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if environ.get(variable):
            yield Path(environ[variable]) / "include"
    if nvcc.name != NVCC or nvcc.state is not FactState.KNOWN or not Path(nvcc.source).is_file():
        return
    yield Path(nvcc.source).resolve().parents[1] / "include"
    try:
        # Nothing is run: nvcc tells what it would do, and where its toolkit is.
        answer = ask(
            [nvcc.source, "--dryrun", "-E", "-x", "cu", "/dev/null"], environ, time_limit=_TIME_LIMIT
        )
    except ChildError:
        return
    top = _TOP.search(answer.errors)
    if top is not None:
        yield (Path(top[1]) / "include").resolve()
