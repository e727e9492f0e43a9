"""A judgement of one candidate: what it demands, what stays open, what works badly."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.model import Rule, Severity
from envfit.requirement import Requirement, RuleOrigin
from envfit.target import Fact

__all__ = ["IMPOSSIBLE", "Caution", "Judgement", "Verdict"]

#: The package that no version of exists: what a candidate requires that cannot run.
IMPOSSIBLE = "__impossible"


@frozen
class Caution:
    """What a rule that only warns says of another package or a choice; judged on the whole set."""

    name: str
    specifier: SpecifierSet | None  # None: no version goes with it
    required: bool  # whether it warns where the name is absent, too
    origin: RuleOrigin


@frozen
class Judgement:
    """What the rules say of one candidate.

    ``conditions`` hold only if a fact that is unknown turns out right;
    ``warnings`` say that it works badly here, ``cautions`` that it does beside others.
    """

    requirements: tuple[Requirement, ...] = ()
    conditions: tuple[RuleOrigin, ...] = ()
    warnings: tuple[RuleOrigin, ...] = ()
    cautions: tuple[Caution, ...] = ()

    @property
    def impossible(self) -> bool:
        """Whether no solution can hold the candidate, whatever else is chosen."""
        return any(requirement.name == IMPOSSIBLE for requirement in self.requirements)


class Verdict:
    """A judgement being made of one candidate."""

    def __init__(self, name: str, version: Version) -> None:
        self.name = name
        self.version = version
        self.requirements: list[Requirement] = []
        self.conditions: list[RuleOrigin] = []
        self.warnings: list[RuleOrigin] = []
        self.cautions: list[Caution] = []

    def origin(
        self, rule: str, why: str, evidence: tuple[str, ...], facts: tuple[Fact, ...], gist: str = ""
    ) -> RuleOrigin:
        """Return what says a verdict of this candidate."""
        return RuleOrigin(
            rule=rule,
            package=self.name,
            version=str(self.version),
            why=why,
            evidence=evidence,
            facts=facts,
            gist=gist,
        )

    def require(self, name: str, specifier: SpecifierSet, rule: Rule, *facts: Fact) -> None:
        """Demand a fact, a choice or a package, or warn where a rule only warns."""
        origin = self._of_rule(rule, facts)
        if rule.severity is Severity.BLOCKS:
            self.requirements.append(Requirement(name=name, specifier=specifier, origin=origin))
        elif any(
            fact.version is None or not specifier.contains(fact.version, prereleases=True) for fact in facts
        ):
            self.warnings.append(origin)

    def caution(
        self, name: str, specifier: SpecifierSet | None, rule: Rule, *, required: bool = False
    ) -> None:
        """Keep what a warning says of other names, for whoever sees the whole set."""
        if rule.severity is Severity.WARNS:
            self.cautions.append(
                Caution(name=name, specifier=specifier, required=required, origin=self._of_rule(rule, ()))
            )

    def leave_unread(self, name: str, filename: str) -> None:
        """Leave open what the GPU code of a wheel is for."""
        self.conditions.append(
            self.origin(f"{name}/device-code", f"The GPU code in {filename} has not been read.", (), ())
        )

    def depend(self, rule: Rule, fact: Fact) -> None:
        """Leave open what a fact that is unknown decides."""
        (self.conditions if rule.severity is Severity.BLOCKS else self.warnings).append(
            self._of_rule(rule, (fact,))
        )

    def refuse(
        self, rule: str, why: str, evidence: tuple[str, ...], facts: tuple[Fact, ...], gist: str = ""
    ) -> None:
        """Demand the impossible."""
        origin = self.origin(rule, why, evidence, facts, gist)
        self.requirements.append(Requirement(name=IMPOSSIBLE, origin=origin))

    def judgement(self) -> Judgement:
        """Return what was judged."""
        return Judgement(
            requirements=tuple(self.requirements),
            conditions=tuple(self.conditions),
            warnings=tuple(self.warnings),
            cautions=tuple(self.cautions),
        )

    def _of_rule(self, rule: Rule, facts: tuple[Fact, ...]) -> RuleOrigin:
        return self.origin(rule.id, rule.why, tuple(map(str, rule.evidence)), facts)
