"""The header files of a build: Python.h, and those of CUDA's libraries."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from envfit.target import CUDA_HEADERS, PYTHON_HEADERS, Fact, FactState

__all__ = ["read_header_facts"]

_PATHS = ("CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH")  # that GCC searches


def read_header_facts(
    headers: Sequence[str], toolkit: str | None, environ: Mapping[str, str], *, python: Path | None = None
) -> tuple[Fact, Fact]:
    """Return where Python.h is, and where all of the headers of CUDA's libraries are.

    ``toolkit`` is the directory of the CUDA toolkit; what GCC's variables name is looked into too.
    ``python`` is the include directory of the Python that is built for, where it is not this one.
    """
    own = python or Path(sysconfig.get_paths()["include"])
    named = [Path(part) for name in _PATHS for part in environ.get(name, "").split(":") if part]
    of_toolkit = [Path(toolkit) / "include"] if toolkit is not None else []
    return (
        _found(PYTHON_HEADERS, ["Python.h"], [own, *named]),
        _found(CUDA_HEADERS, headers, [*of_toolkit, *named]),
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
