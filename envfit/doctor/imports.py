"""Judges what imports showed: one finding for each root, about who raised it and not who passed it on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from envfit.doctor.causes import Causes, short
from envfit.doctor.finding import Finding, Kind, Remedy, Severity
from envfit.doctor.kinds_of_running import (
    IMPORT_CRASHES,
    IMPORT_FAILS,
    IMPORT_HANGS,
    IMPORT_NOT_PROVABLE,
)
from envfit.doctor.words import listed
from envfit.frozen import frozen
from envfit.prove.imports import ImportResult, Outcome
from envfit.prove.program import Failure

__all__ = ["Imported", "judge_imports"]

_KINDS = {"Crash": IMPORT_CRASHES, "Timeout": IMPORT_HANGS}
#: What differs between two runs of the same failure.
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@frozen
class Imported:
    """What came of one name, whose name it is, and whose file raised what it failed with."""

    distribution: str  # normalized
    result: ImportResult
    is_requested: bool = True  # whether somebody asked for it, and not a package that requires it
    raised_by: str | None = None  # normalized; None where it is nobody's file


def judge_imports(imported: Iterable[Imported], causes: Causes) -> tuple[Finding, ...]:
    """Return a finding for each root of failures, in the order in which they were met."""
    groups: dict[tuple[str, str], list[Imported]] = {}
    unprovable = []
    for each in imported:
        failure = each.result.failure
        if each.result.outcome is Outcome.UNPROVABLE:
            unprovable.append(each)
        elif failure is not None:
            groups.setdefault((_ADDRESS.sub("0x", failure.error), failure.place), []).append(each)
    found = [
        _failure(group, failure, causes) for group in groups.values() if (failure := group[0].result.failure)
    ]
    return (*found, *([_not_provable(unprovable, causes)] if unprovable else []))


def _failure(group: Sequence[Imported], failure: Failure, causes: Causes) -> Finding:
    failing = list(dict.fromkeys(each.distribution for each in group))
    owner = next((each.raised_by for each in group if each.raised_by), failing[0])
    others = [causes.title(name) for name in failing if name != owner]
    cause = causes.of(failure, owner)
    verb = "fails when it is imported" if others else "cannot be imported"
    text = f"{causes.title(owner)} {verb}: {short(failure.error)}."
    if others:
        text += f" With it {'fails' if len(others) == 1 else 'fail'} {listed(others)}."
    return Finding(
        kind=_kind(failure),
        severity=Severity.BREAKS if any(each.is_requested for each in group) else Severity.WARNS,
        subject=(causes.title(owner), *others),
        text=text,
        because=cause.because,
        measured=tuple(_measured(group, failure)),
        remedies=cause.remedies,
    )


def _not_provable(group: Sequence[Imported], causes: Causes) -> Finding:
    titles = [causes.title(name) for name in dict.fromkeys(each.distribution for each in group)]
    return Finding(
        kind=IMPORT_NOT_PROVABLE,
        severity=Severity.OPEN,
        subject=tuple(titles),
        text=f"Whether {listed(titles)} can be imported is not provable without NVIDIA's driver.",
        measured=tuple(f"import {each.result.name}: {short(each.result.error)}" for each in group),
        remedies=(Remedy(text="Check the environment on the machine with the GPU."),),
    )


def _kind(failure: Failure) -> Kind:
    return _KINDS.get(failure.error.partition(":")[0], IMPORT_FAILS)


def _measured(group: Sequence[Imported], failure: Failure) -> Iterator[str]:
    """Yield where the root was raised, and what each import said in the end."""
    if failure.place:
        yield f"raised in {failure.place}"
    for each in group:
        last = each.result.raised_as
        yield f"import {each.result.name}" + (f" ends with {short(last)}" if last else " fails")
