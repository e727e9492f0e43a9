"""One resolution, or the error that came instead of it, as the answer of a cell."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from envfit.errors import EnvfitError, RefusalError, TargetImpossibleError
from envfit.frozen import frozen
from envfit.matrix.model import MatrixReason, Outcome
from envfit.requirement import RuleOrigin
from envfit.resolve.decide import Unsatisfied
from envfit.resolve.reason import Group, span
from envfit.resolve.resolution import Resolution

__all__ = ["Answer", "answer_of", "refusal_of"]


@frozen
class Answer:
    """What a package comes to on one machine, before it is known which release is the newest."""

    version: Version | None = None
    refusal: Outcome | None = None  # where nothing runs
    built: bool = False
    reasons: tuple[MatrixReason, ...] = ()
    newer: Version | None = None  # the newest release that is out
    warnings: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    better: tuple[str, ...] = ()


def answer_of(name: str, resolution: Resolution) -> Answer:
    """Return what a resolution says of the one package that it was made for."""
    pin = resolution.pin(name)
    if pin is None:
        return Answer(refusal=Outcome.REFUSED, reasons=(MatrixReason(why=f"{name} is not for this target"),))
    held = [group for group in resolution.excluded if group.name == name]
    held.sort(key=lambda group: max(group.versions, default=Version("0")), reverse=True)
    return Answer(
        version=pin.version,
        built=pin.build,
        reasons=tuple(map(_reason, held)),
        newer=max((version for group in held for version in group.versions), default=None),
        warnings=_once(resolution.warnings),
        unproved=_once(resolution.conditions),
        better=tuple(
            f"{item.name} {item.version} on the {item.index} index ({item.option})"
            for item in resolution.better
        ),
    )


def refusal_of(error: EnvfitError) -> Answer:
    """Return what an error says in the place of a resolution."""
    if isinstance(error, Unsatisfied):
        groups = error.explanation.groups
        return Answer(
            refusal=Outcome.REFUSED,
            reasons=tuple(map(_reason, groups)) or (MatrixReason(why=error.message),),
            better=tuple(
                f"{item.name} {item.version} on the {item.index} index ({item.option})"
                for item in error.better
            ),
        )
    refusal = Outcome.UNDECIDED
    if isinstance(error, RefusalError):
        refusal = Outcome.IMPOSSIBLE if isinstance(error, TargetImpossibleError) else Outcome.REFUSED
    evidence = error.details.get("evidence")
    reason = MatrixReason(why=error.message, evidence=(evidence,) if evidence else ())
    return Answer(refusal=refusal, reasons=(reason,))


def _reason(group: Group) -> MatrixReason:
    return MatrixReason(
        about=f"{group.name} {span(group.versions)}" if group.versions else "",
        why=group.reason.sentence,
        rule=group.reason.rule,
        evidence=group.reason.evidence[:1],
    )


def _once(origins: Iterable[RuleOrigin]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, origins)))
