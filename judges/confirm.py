"""A refusal held to uv: impossible with its reasons imposed, possible with them lifted.

uv knows no hardware.  So what envfit's rules refuse is told to it as constraints: where a
rule is about the machine, the very versions that it refuses; where a rule is about other
packages, its bound on them.  What metadata says uv reads for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envfit.knowledge.model import Condition, Rule
from judges.installers import Compiled, Request

__all__ = ["Confirmation", "confirm", "imposed_constraints"]

# Policy, not metadata: uv takes a release without the extra that was asked for, and warns.
_LACKS_EXTRA = "it has no extra "


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Whether uv agrees that the reasons, and they alone, make it impossible."""

    imposed: tuple[str, ...]
    impossible_with: bool
    possible_without: bool
    says: str = ""  # uv, where it does not agree

    @property
    def confirmed(self) -> bool:
        """Whether both hold."""
        return self.impossible_with and self.possible_without


def imposed_constraints(reasons: Iterable[Mapping[str, Any]], rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """Translate the reasons of a refusal, as ``envfit lock --json`` gives them, into constraints.

    ``rules`` are those of the knowledge by id; rules that are built in (what files say of
    their own GPU code) have no entry, and are about the machine.
    """
    out: dict[str, list[str]] = {}
    bounds: dict[str, None] = {}
    for reason in reasons:
        rule = reason["rule"]
        if not reason["versions"] or (rule is None and not reason["why"].startswith(_LACKS_EXTRA)):
            continue
        packages = _bounds(rules.get(rule or ""))
        if packages:
            bounds.update((str(condition), None) for condition in packages)
            continue
        versions = out.setdefault(reason["name"], [])
        versions += [version for version in reason["versions"] if version not in versions]
    # A constraint names public versions: the local label of a build is not uv's to know.
    public = {
        name: dict.fromkeys(text.partition("+")[0] for text in versions) for name, versions in out.items()
    }
    excluded = [f"{name}{','.join(f'!={one}' for one in versions)}" for name, versions in public.items()]
    return (*excluded, *bounds)


def confirm(request: Request, constraints: Sequence[str], ask: Callable[[Request], Compiled]) -> Confirmation:
    """Ask for the same with the constraints of a refusal imposed, and with them lifted."""
    imposed = ask(
        Request(
            requirements=request.requirements,
            constraints=(*request.constraints, *constraints),
            python=request.python,
            glibc=request.glibc,
            stated=request.stated,
        )
    )
    lifted = ask(request)
    says = []
    if not imposed.impossible:
        says.append("imposed: " + (imposed.says or "solved all the same"))
    if not lifted.solved:
        says.append("lifted: " + lifted.says)
    return Confirmation(
        imposed=tuple(constraints),
        impossible_with=imposed.impossible,
        possible_without=lifted.solved,
        says="; ".join(says),
    )


def _bounds(rule: Rule | None) -> tuple[Condition, ...]:
    """Return the conditions of a rule that are about packages; none where it is about the machine."""
    if rule is None:
        return ()
    conditions = (*rule.requires, *rule.constrains)
    if any(condition.is_fact for condition in conditions):
        return ()
    return conditions
