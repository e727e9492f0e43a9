"""Who requires whom in an environment, by its metadata and with markers evaluated for its Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement

from envfit.distribution import Declared
from envfit.frozen import frozen
from envfit.installed.model import InstalledDistribution

__all__ = ["Demand", "Dependencies"]


@frozen
class Demand:
    """A requirement that applies in the environment, and the package that makes it."""

    by: InstalledDistribution
    requirement: Declared

    @property
    def name(self) -> str:
        """The normalized name of what is required."""
        return self.requirement.name

    def __str__(self) -> str:
        extras = f"[{','.join(self.requirement.extras)}]" if self.requirement.extras else ""
        return f"{self.name}{extras}{self.requirement.specifier_text}"


class Dependencies:
    """The demands of what an environment sees; extras count where somebody asks for them.

    ``unreadable`` are requirements as written that are none, with who makes them.
    """

    def __init__(self, seen: Mapping[str, InstalledDistribution], environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.unreadable: list[tuple[InstalledDistribution, str]] = []
        self.demands: list[Demand] = []
        asked: list[tuple[str, str]] = []
        for distribution in seen.values():
            self._take(distribution, "", asked)
        done = set(asked)
        while asked:
            name, extra = asked.pop()
            if name in seen:
                more: list[tuple[str, str]] = []
                self._take(seen[name], extra, more)
                asked += [item for item in dict.fromkeys(more) if item not in done]
                done.update(more)
        self._by_name: dict[str, list[Demand]] = defaultdict(list)
        for demand in self.demands:
            self._by_name[demand.name].append(demand)

    def on(self, name: str) -> Sequence[Demand]:
        """Return the demands on a package that others make."""
        return [demand for demand in self._by_name.get(name, ()) if demand.by.name != name]

    def _take(self, distribution: InstalledDistribution, extra: str, asked: list[tuple[str, str]]) -> None:
        """Add the demands of a distribution, those of an extra only where one is given."""
        for requirement in self._applying(distribution, extra):
            demand = Demand(by=distribution, requirement=requirement)
            self.demands.append(demand)
            asked += [(demand.name, item) for item in requirement.extras]

    def _applying(self, distribution: InstalledDistribution, extra: str) -> Iterator[Declared]:
        for text in distribution.requires:
            # Most requirements are those of extras that nobody asks for: they are not even parsed.
            if ("extra" in text.partition(";")[2]) != bool(extra):
                continue
            try:
                requirement = Declared.parse(text)
            except InvalidRequirement:
                if not extra:
                    self.unreadable.append((distribution, text))
                continue
            if requirement.holds(self._environment, extra):
                yield requirement
