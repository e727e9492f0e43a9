"""Judges what small computations on the GPU showed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envfit.doctor.causes import Causes, short
from envfit.doctor.finding import Finding, Kind, Remedy, Severity
from envfit.doctor.kinds_of_running import (
    GPU_NOT_SEEN,
    GPU_NOT_USED,
    GPU_PROGRAM_FAILS,
    GPU_PROGRAM_HANGS,
    GPU_RESULT_WRONG,
)
from envfit.frozen import frozen
from envfit.prove.gpu import GpuProgram
from envfit.prove.program import Failure, Ran

__all__ = ["Computed", "judge_gpu"]

_STEP = "step "
_WITHOUT_CUDNN = "cuDNN is not used"
_KINDS = {"WrongResultError": GPU_RESULT_WRONG, "NotSeenError": GPU_NOT_SEEN, "Timeout": GPU_PROGRAM_HANGS}


@frozen
class Computed:
    """A program that was run on the GPU, and what came of it."""

    program: GpuProgram
    owner: str  # normalized: the package that it is about
    ran: Ran
    raised_by: str | None = None


def judge_gpu(computed: Sequence[Computed], causes: Causes) -> tuple[Finding, ...]:
    """Return what is wrong with computations, each root once, in the order in which they were run."""
    found: dict[str, Finding] = {}
    for each in computed:
        failure = each.ran.failure
        if failure is not None:
            found.setdefault(failure.error, _failure(each, failure, causes))
        if _WITHOUT_CUDNN in each.ran.told:
            found.setdefault(_WITHOUT_CUDNN, _without_cudnn(each, causes))
    return tuple(found.values())


def _failure(each: Computed, failure: Failure, causes: Causes) -> Finding:
    title, kind, step = causes.title(each.owner), _kind(failure), _step(each.ran)
    cause = causes.of(failure, each.raised_by or each.owner)
    if kind is GPU_NOT_SEEN:
        text = f"{title} does not see the GPU of this machine: {short(_message(failure))}."
    elif kind is GPU_RESULT_WRONG:
        text = f"{title} computes a wrong result on the GPU, in the {step}: {short(_message(failure))}."
    else:
        verb = "does not end" if kind is GPU_PROGRAM_HANGS else "fails"
        where = f" in the {step}" if step else " before the first step"
        what = f"{each.program.what} of {title}" if each.program.is_part else title
        text = f"{what} {verb} on the GPU{where}: {short(failure.error)}."
    return Finding(
        kind=kind,
        severity=Severity.WARNS if each.program.is_part else Severity.BREAKS,
        subject=(title,),
        text=text,
        because=cause.because,
        measured=tuple(_measured(each.ran, failure)),
        remedies=cause.remedies,
    )


def _without_cudnn(each: Computed, causes: Causes) -> Finding:
    title = causes.title(each.owner)
    return Finding(
        kind=GPU_NOT_USED,
        severity=Severity.WARNS,
        subject=(title,),
        text=f"{title} computes convolutions on the GPU without cuDNN, which is slow.",
        measured=tuple(_measured(each.ran, None)),
        remedies=(Remedy(text="Install the cuDNN that its build asks for."),),
    )


def _kind(failure: Failure) -> Kind:
    ends = (_KINDS.get(text.partition(":")[0]) for text in failure.chain)
    return next((kind for kind in ends if kind is not None), GPU_PROGRAM_FAILS)


def _message(failure: Failure) -> str:
    return failure.error.partition(": ")[2] or failure.error


def _step(ran: Ran) -> str:
    """Return the last step that was begun."""
    steps = [text.removeprefix(_STEP) for text in ran.told if text.startswith(_STEP)]
    return steps[-1] if steps else ""


def _measured(ran: Ran, failure: Failure | None) -> Iterator[str]:
    """Yield what was told, each step in one line with its result."""
    step = ""
    for text in ran.told:
        if text.startswith(_STEP):
            step = text.removeprefix(_STEP)
        else:
            yield f"{step}: {text}" if step else text
    if failure is not None and failure.place:
        yield f"raised in {failure.place}"
    if failure is not None and failure.raised_as:
        yield f"it ends with {short(failure.raised_as)}"
