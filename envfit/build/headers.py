"""Where the header files of a build come from: the toolkit, or the wheels that are locked beside torch."""

from __future__ import annotations

from envfit.build.case import Case
from envfit.build.reason import HeadersMissing
from envfit.frozen import frozen
from envfit.target import CUDA_HEADERS, PYTHON_HEADERS, FactState

__all__ = ["Headers", "find_headers"]


@frozen
class Headers:
    """What was found, what is missing and what nobody knows; phrases for a sentence."""

    found: tuple[str, ...] = ()
    missing: tuple[HeadersMissing, ...] = ()
    unknown: tuple[str, ...] = ()


def find_headers(case: Case) -> Headers:
    """Return where the headers are that a build includes: Python.h, and those that torch's own include."""
    parts = [_of_python(case), *([_of_cuda(case)] if case.build.needs_torch else [])]
    return Headers(
        found=tuple(text for part in parts for text in part.found),
        missing=tuple(reason for part in parts for reason in part.missing),
        unknown=tuple(text for part in parts for text in part.unknown),
    )


def _of_python(case: Case) -> Headers:
    fact = case.target.fact(PYTHON_HEADERS)
    if fact.state is FactState.ABSENT:
        return Headers(missing=(HeadersMissing(what="Python.h", source=fact.source),))
    if fact.state is FactState.UNKNOWN:
        return Headers(unknown=("Python.h was not looked for",))
    return Headers(found=(f"Python.h in {fact.value}",))


def _of_cuda(case: Case) -> Headers:
    stated, toolkit = case.knowledge.torch_extensions, case.target.fact(CUDA_HEADERS)
    if stated is None:
        return Headers()
    if toolkit.state is FactState.KNOWN:
        return Headers(found=(f"those of CUDA's libraries in {toolkit.value}",))
    wheels = tuple(dict.fromkeys(stated.headers.values()))
    lacking = [wheel for wheel in wheels if case.locked is not None and not _has(case.locked, wheel)]
    if case.locked is not None and not lacking:
        return Headers(found=("those of CUDA's libraries in wheels that are locked beside torch",))
    if toolkit.state is FactState.ABSENT and (case.locked is not None or case.installed is not None):
        where = f"{toolkit.source}; not locked: {', '.join(lacking)}" if lacking else toolkit.source
        what = f"{', '.join(stated.headers)}, which torch's own headers include,"
        return Headers(missing=(HeadersMissing(what=what, source=where),))
    there = "are not in the toolkit" if toolkit.state is FactState.ABSENT else "were not looked for"
    bring = f"wheels that are locked beside torch bring them: {', '.join(wheels)}"
    return Headers(unknown=(f"those of CUDA's libraries {there}; {bring}",))


def _has(names: frozenset[str], wheel: str) -> bool:
    """Tell whether a wheel is among names, under the one of CUDA 13 or those before it."""
    return any(name == wheel or name.startswith(f"{wheel}-cu") for name in names)
