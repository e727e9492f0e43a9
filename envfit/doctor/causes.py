"""What a failure is known by, and what mends it."""

from __future__ import annotations

from collections.abc import Iterator

from envfit.doctor.finding import Remedy
from envfit.doctor.linked import required_by
from envfit.doctor.tool import Tool
from envfit.frozen import frozen
from envfit.installed.model import InstalledEnvironment
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.symptom import SymptomRank
from envfit.knowledge.symptom_match import SymptomMatch, find_symptoms
from envfit.prove.program import Failure
from envfit.resolve.reason import Reason

__all__ = ["Cause", "Causes", "short"]

_LONGEST = 300  # characters of a message that are shown


@frozen
class Cause:
    """Why something failed, as far as that is known, and what mends it."""

    because: Reason | None
    remedies: tuple[Remedy, ...]


class Causes:
    """Finds the causes of failures in one environment."""

    def __init__(self, environment: InstalledEnvironment, knowledge: KnowledgeBase) -> None:
        self._seen = environment.seen()
        self._tool = Tool(environment)
        self._knowledge = knowledge

    def title(self, name: str) -> str:
        """Return the name and version of a distribution."""
        found = self._seen.get(name)
        return name if found is None else f"{name} {found.says}"

    def of(self, failure: Failure, owner: str | None) -> Cause:
        """Return the cause of a failure whose root is a distribution's."""
        match = self._match(failure)
        return Cause(
            because=None if match is None else _reason(match),
            remedies=tuple(self._remedies(owner, match)),
        )

    def _match(self, failure: Failure) -> SymptomMatch | None:
        """Return the one cause that a failure is known by: by the root, else by what it was wrapped in."""
        for text in (failure.error, "\n".join(failure.chain)):
            for match in find_symptoms(text, self._knowledge.symptoms):
                if match.symptom.rank is SymptomRank.CAUSE and match.symptom.environment:
                    return match
        return None

    def _remedies(self, owner: str | None, match: SymptomMatch | None) -> Iterator[Remedy]:
        known = self._knowledge.packages.get(owner or "")
        if owner is not None and known is not None and known.alternatives and not self._is_required(owner):
            without = known.alternatives[0].text
            yield self._tool.remove(f"Uninstall {owner}: {without}", [owner])
        for text in match.remedy if match is not None else ():
            yield Remedy(text=text)

    def _is_required(self, name: str) -> bool:
        return any((name, False) in required_by(item) for item in self._seen.values())


def short(text: str) -> str:
    """Return a message in one line, and not too long."""
    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
    return line.rstrip(".")


def _reason(match: SymptomMatch) -> Reason:
    return Reason(
        sentence=match.cause,
        rule=match.symptom.id,
        evidence=tuple(str(item) for item in match.symptom.evidence[:1]),
    )
