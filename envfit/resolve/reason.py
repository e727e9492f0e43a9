"""Why one candidate cannot be, as a value that writes its own sentence, and what several share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.version import Version

from envfit.frozen import frozen
from envfit.requirement import Requirement, RuleOrigin, UnusableOrigin
from envfit.resolve.names import base_name
from envfit.target import Fact

__all__ = ["Group", "Reason", "fact_sentence", "shared_reason", "span"]

_REQUIRES = "it requires "


@frozen
class Reason:
    """Why one candidate cannot be: a sentence, the rule behind it, the facts it read, its evidence."""

    sentence: str
    rule: str | None = None
    facts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    leads_to: str | None = None  # the name whose candidates are all out
    gist: str = ""  # a shorter sentence, where other versions share that and no more

    @property
    def group(self) -> tuple[str, str]:
        """What candidates with the same reason share."""
        return (self.rule or "", self.gist or self.sentence)

    @classmethod
    def of(cls, requirement: Requirement) -> Reason:
        """Return the reason that an unsatisfied requirement is."""
        origin = requirement.origin
        if isinstance(origin, RuleOrigin):
            return cls(
                sentence=origin.why,
                gist=origin.gist,
                rule=origin.rule,
                facts=tuple(fact_sentence(fact) for fact in origin.facts),
                evidence=origin.evidence,
            )
        if isinstance(origin, UnusableOrigin):
            return cls(sentence=f"it {origin.why}")
        return cls(sentence=f"{_REQUIRES}{requirement}", leads_to=base_name(requirement.name))

    def __str__(self) -> str:
        return f"{self.sentence} [{self.rule}]" if self.rule else self.sentence


@frozen
class Group:
    """Versions of one name that are out for the same reason."""

    name: str
    versions: tuple[Version, ...]  # newest first; empty where the reason is about the name as a whole
    reason: Reason

    def __str__(self) -> str:
        return f"{self.name} {span(self.versions)}: {self.reason}" if self.versions else str(self.reason)


def span(versions: Sequence[Version]) -> str:
    """Write versions as a range: ``2.11.0 to 2.15.0 (7 releases)``; several builds are one release."""
    if not versions:
        return ""
    releases = sorted({Version(version.public) for version in versions})
    if len(releases) == 1:
        return str(versions[0]) if len(versions) == 1 else str(releases[0])
    low, high = releases[0], releases[-1]
    return f"{low} to {high} ({len(releases)} releases)" if len(releases) > 2 else f"{low} and {high}"


_NAMED_REQUIREMENTS = 3


def shared_reason(reasons: Sequence[Reason]) -> Reason:
    """Return what the reasons of several versions come to, the newest version's first."""
    first = reasons[0]
    if len({reason.sentence for reason in reasons}) == 1:
        return first
    if first.leads_to is None:
        sentence = f"{first.sentence.removesuffix('.')} (that of the newest of them; the others likewise)."
        return replace(first, sentence=sentence)
    # The rule of one of them does not speak of the others.
    wanted = list(dict.fromkeys(reason.sentence.removeprefix(_REQUIRES) for reason in reasons))
    more = len(wanted) - _NAMED_REQUIREMENTS
    listed = ", ".join(wanted[:_NAMED_REQUIREMENTS]) + (f" and {more} more" if more > 0 else "")
    return Reason(
        sentence=f"each requires a release of {first.leads_to} that is out ({listed})",
        leads_to=first.leads_to,
    )


def fact_sentence(fact: Fact) -> str:
    """Say what a fact is and where it comes from."""
    source = f", from {fact.source}" if fact.source else ""
    return f"{fact}{source}"
