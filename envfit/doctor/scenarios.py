"""Judges what packages showed when they were used together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envfit.doctor.causes import Causes, short
from envfit.doctor.finding import Finding, Remedy, Severity
from envfit.doctor.kinds_of_running import (
    ATTENTION_BREAKS_MODELS,
    SCENARIO_FAILS,
    SCENARIO_NOT_PROVABLE,
)
from envfit.doctor.words import listed
from envfit.frozen import frozen
from envfit.prove.program import Failure, Ran
from envfit.prove.scenarios import Scenario

__all__ = ["Played", "judge_scenarios"]

#: What torch and the driver say where there is no GPU, though torch was made to say that there is one.
_NO_GPU = re.compile(
    r"Found no NVIDIA driver|No CUDA GPUs are available|not compiled with CUDA enabled|"
    r"no CUDA-capable device|driver version is insufficient|lib(?:cuda|nvidia-ml)\.so(?:\.1)?: cannot open"
)
_FLASH_ATTN = "flash-attn"
_CHOICE = "transformers/attention"
#: Measured with broken builds of flash-attn and 20 releases of transformers from 4.33.3 to 5.23.0.
_FROM_455 = (
    "Or install transformers 4.55 or newer, which imports flash-attn for these models only where it is "
    "asked for."
)


@frozen
class Played:
    """A scenario that was played, and what came of it."""

    scenario: Scenario
    packages: tuple[str, ...]  # of it that are installed
    ran: Ran
    raised_by: str | None = None
    is_gpu_real: bool = True  # else torch was made to say that there is one


def judge_scenarios(played: Sequence[Played], causes: Causes) -> tuple[Finding, ...]:
    """Return a finding for each root at which scenarios fail."""
    groups: dict[tuple[str, str], list[Played]] = {}
    for each in played:
        if each.ran.failure is not None:
            groups.setdefault((each.ran.failure.error, each.ran.failure.place), []).append(each)
    return tuple(
        _finding(first, failure, others, causes)
        for first, *others in groups.values()
        if (failure := first.ran.failure) is not None
    )


def _finding(each: Played, failure: Failure, others: Sequence[Played], causes: Causes) -> Finding:
    """Return the finding of a scenario; what fails with it, as what is made of transformers' models does."""
    titles = [
        causes.title(name) for name in dict.fromkeys(name for one in (each, *others) for name in one.packages)
    ]
    if not each.is_gpu_real and any(map(_NO_GPU.search, failure.chain)):
        return Finding(
            kind=SCENARIO_NOT_PROVABLE,
            severity=Severity.OPEN,
            subject=tuple(titles),
            text=f"Whether {each.scenario.what} works is not provable without a GPU.",
            measured=_measured(each, failure),
            remedies=(Remedy(text="Check the environment on the machine with the GPU."),),
        )
    owner = each.raised_by if each.raised_by is not None else each.packages[0]
    cause = causes.of(failure, owner)
    title = causes.title(owner)
    is_choice = each.scenario.id == _CHOICE and owner == _FLASH_ATTN
    text = f"{each.scenario.what} fails in {title}: {short(failure.error)}."
    if is_choice:
        text = (
            f"{titles[0]} takes {title} for usable where a GPU is visible, and then its models cannot be "
            f"imported: {short(failure.error)}."
        )
    if others:
        verb, whats = "fails" if len(others) == 1 else "fail", [one.scenario.what for one in others]
        text += f" With it {verb} {listed(whats)}."
    return Finding(
        kind=ATTENTION_BREAKS_MODELS if is_choice else SCENARIO_FAILS,
        severity=Severity.BREAKS,
        subject=tuple(dict.fromkeys([title, *titles])),
        text=text,
        because=cause.because,
        measured=_measured(each, failure),
        remedies=(*cause.remedies, *((Remedy(text=_FROM_455),) if is_choice else ())),
    )


def _measured(each: Played, failure: Failure) -> tuple[str, ...]:
    seen = list(each.ran.told)
    if not each.is_gpu_real:
        seen.insert(0, "torch was made to say that a GPU is visible")
    if failure.place:
        seen.append(f"raised in {failure.place}")
    if failure.raised_as:
        seen.append(f"it ends with {short(failure.raised_as)}")
    return tuple(seen)
