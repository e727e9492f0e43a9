"""An independent check of a resolution: nothing of the provider or the search is used.

It reads the pins, the metadata behind them and the rules anew, evaluates
markers with packaging directly, and compares versions itself.  A resolution
that does not pass is never written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from envfit.address import without_credentials
from envfit.distribution import Declared, Distribution, Wheel
from envfit.knowledge.facts import fact_of
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE
from envfit.reference import DirectReference
from envfit.requirement import MetadataOrigin, Requirement
from envfit.resolve.resolution import Pin, Resolution
from envfit.target import FactState

__all__ = ["verify"]


def verify(
    resolution: Resolution, query: Query, allowed: Callable[[str], Collection[str]] | None = None
) -> tuple[str, ...]:
    """Return every way in which a resolution does not hold; empty where it does.

    ``allowed`` gives the indexes that a name is routed to; without it, routing is not checked.
    """
    return tuple(_Check(resolution, query, allowed).faults())


class _Check:
    def __init__(
        self, resolution: Resolution, query: Query, allowed: Callable[[str], Collection[str]] | None
    ) -> None:
        self._resolution = resolution
        self._allowed = allowed
        self._query = query
        self._pins: dict[str, Pin] = {}
        self._environment = resolution.target.marker_environment()
        self._amendments = resolution.amendments
        self._tags = frozenset(resolution.target.tags())
        self._choices: dict[str, list[Requirement]] = {}
        self._rules = {
            pin.name: query.judge(pin.name, pin.version, pin.candidate.distribution).requirements
            for pin in resolution.pins
        }
        self._provided = {package.name: package for package in resolution.target.provided}
        self._markers: dict[tuple[str, str], bool] = {}

    def faults(self) -> Iterable[str]:
        for pin in self._resolution.pins:
            if pin.name in self._pins:
                yield f"{pin.name} is pinned twice"
            self._pins[pin.name] = pin
        for requirement in self._resolution.requirements:
            for amended in self._amended(requirement):
                yield from self._unsatisfied(amended, "you")
        for constraint in self._resolution.constraints:
            if constraint.name in self._pins:
                yield from self._unsatisfied(constraint, "your constraint")
        for pin in self._resolution.pins:
            yield from self._file(pin)
            yield from self._metadata(pin)
            for requirement in self._rules[pin.name]:
                yield from self._unsatisfied(requirement, f"a rule about {pin.name} {pin.version}")
            for requirement in self._declared(pin, pin.extras):
                provided = ", which is provided" if pin.candidate.distribution is None else ""
                yield from self._unsatisfied(requirement, f"{pin.name} {pin.version}{provided}")
        yield from self._disagreements()
        yield from self._needless()

    def _file(self, pin: Pin) -> Iterable[str]:
        target = self._resolution.target
        distribution = pin.candidate.distribution
        if distribution is None:
            if not any(item.name == pin.name and item.version == pin.version for item in target.provided):
                yield f"{pin.name} {pin.version} has no file, and no module provides it"
            return
        if distribution.version != pin.version or distribution.name != pin.name:
            yield f"{distribution.filename} is not {pin.name} {pin.version}"
        if self._allowed is not None and distribution.index not in self._allowed(pin.name):
            yield f"{distribution.filename} is from {distribution.index}, which {pin.name} is not routed to"
        yield from self._prebuilt(pin, distribution)
        if isinstance(distribution, Wheel) and distribution.tags.isdisjoint(self._tags):
            yield f"{distribution.filename} does not fit {target.platform}, Python {target.python}"
        if distribution.requires_python is not None and not distribution.requires_python.contains(
            target.python, prereleases=True
        ):
            yield f"{distribution.filename} requires Python {distribution.requires_python}"

    def _prebuilt(self, pin: Pin, distribution: Distribution) -> Iterable[str]:
        """Yield how a prebuilt wheel of a release page is not what its name says, or not for this torch."""
        if distribution.index or distribution.reference is not None:
            return
        known = self._query.prebuilt(pin.name, pin.version)
        if known is None or known.url != distribution.url:
            yield f"{distribution.filename} is of no index, and of no release page that is known"
            return
        torch = self._resolution.pin("torch")
        minor = ".".join(map(str, torch.version.release[:2])) if torch is not None else "none"
        if minor != known.torch:
            yield f"{distribution.filename} is for torch {known.torch}, and torch {minor} is pinned"

    def _metadata(self, pin: Pin) -> Iterable[str]:
        metadata = pin.metadata
        if pin.candidate.distribution is None:
            return
        if metadata is None:
            yield f"the metadata of {pin.name} {pin.version} was not read"
            return
        if metadata.name != pin.name or metadata.version.public != pin.version.public:
            yield f"{pin.name} {pin.version} has metadata of {metadata.name} {metadata.version}"
        if metadata.requires_python is not None and not metadata.requires_python.contains(
            self._resolution.target.python, prereleases=True
        ):
            yield f"{pin.name} {pin.version} requires Python {metadata.requires_python}"
        for declared in metadata.requires:
            if (
                declared.url is not None
                and declared.name not in self._amendments.overrides
                and self._holds(declared, pin.extras)
            ):
                yield from self._from_elsewhere(declared.name, declared.url)

    def _declared(self, pin: Pin, extras: Collection[str]) -> Iterable[Requirement]:
        """Yield what the metadata of a pin requires with some extras, amended.

        A module's own versions are given, whatever its packages say of each other.
        """
        if pin.candidate.distribution is not None:
            requires: Sequence[Declared] = pin.metadata.requires if pin.metadata is not None else ()
        else:
            provided = self._provided.get(pin.name)
            stated = (provided.requires or ()) if provided is not None else ()
            requires = [Declared.parse(str(item)) for item in stated]
        for declared in requires:
            if not self._holds(declared, extras):
                continue
            name = declared.name
            given = pin.candidate.distribution is None and name in self._provided
            asked = Requirement(
                name=name,
                specifier=SpecifierSet() if given else declared.specifier,
                extras=frozenset(declared.extras),
                origin=MetadataOrigin(package=pin.name, version=str(pin.version)),
            )
            if given and name not in self._amendments.excluded:
                yield asked
            else:
                yield from self._amended(asked)

    def _holds(self, declared: Declared, extras: Collection[str]) -> bool:
        """Tell whether a requirement holds on the target with some extras."""
        marker = declared.marker
        if not marker:
            return True
        if not extras and " or " not in marker and 'extra == "' in marker:
            return False  # one of the clauses that must all hold asks for an extra
        return any(self._evaluated(marker, extra) for extra in ("", *extras))

    def _evaluated(self, marker: str, extra: str) -> bool:
        known = self._markers.get((marker, extra))
        if known is None:
            known = Marker(marker).evaluate({**self._environment, "extra": extra})
            self._markers[marker, extra] = known
        return known

    def _amended(self, requirement: Requirement) -> Sequence[Requirement]:
        """Return what the user put in the place of a requirement, else the requirement."""
        if requirement.name in self._amendments.excluded:
            return ()
        instead = self._amendments.overrides.get(requirement.name)
        if instead is None:
            return (self._amendments.unbound(requirement),)
        return [replace(other, extras=requirement.extras | other.extras) for other in instead]

    def _from_elsewhere(self, name: str, address: str) -> Iterable[str]:
        """Yield that a package is not the one at the address that another one's metadata names."""
        pin = self._pins.get(name)
        distribution = pin.candidate.distribution if pin is not None else None
        if distribution is not None and (
            distribution.reference is None or not distribution.reference.is_meant_by(address)
        ):
            yield f"{name} is not from {without_credentials(address)}"

    def _unsatisfied(self, requirement: Requirement, who: str) -> Iterable[str]:
        name = requirement.name
        if name == IMPOSSIBLE:
            yield f"{who}: {requirement.origin}"
        elif name.startswith("__"):
            fact = fact_of(self._resolution.target, name)
            if fact is None:
                self._choices.setdefault(name, []).append(requirement)
            elif fact.state is FactState.KNOWN and (
                fact.version is None or not requirement.specifier.contains(fact.version, prereleases=True)
            ):
                yield f"{who}: {requirement} does not hold, {fact}"
        else:
            pin = self._pins.get(name)
            if pin is None:
                yield f"{who}: {requirement} is not pinned"
            elif not requirement.specifier.contains(pin.version, prereleases=True):
                yield f"{who}: {requirement}, but {pin.version} is pinned"
            elif not requirement.extras <= pin.extras:
                yield f"{who}: {requirement}, but without its extras it is pinned"
            elif requirement.direct is not None and not self._is_from(pin, requirement.direct):
                yield f"{who}: {requirement}, but from elsewhere it is pinned"

    def _needless(self) -> Iterable[str]:
        """Yield the pins, and their extras, that nothing leads to from what the user asks for."""
        asked: dict[str, frozenset[str]] = {}
        pending = [one for requirement in self._resolution.requirements for one in self._amended(requirement)]
        while pending:
            requirement = pending.pop()
            pin, known = self._pins.get(requirement.name), asked.get(requirement.name)
            if pin is None or (known is not None and requirement.extras <= known):
                continue
            asked[pin.name] = (known or frozenset()) | requirement.extras
            pending += (*self._declared(pin, asked[pin.name]), *self._rules[pin.name])
        for name, pin in self._pins.items():
            if name not in asked:
                yield f"nothing requires {name}"
            elif not pin.extras <= asked[name]:
                yield f"nothing requires {name} with {', '.join(sorted(pin.extras - asked[name]))}"

    @staticmethod
    def _is_from(pin: Pin, direct: DirectReference) -> bool:
        distribution = pin.candidate.distribution
        reference = distribution.reference if distribution is not None else None
        return reference is not None and all(
            getattr(reference, part) == getattr(direct, part)
            for part in ("kind", "url", "subdirectory", "commit", "sha256")
        )

    def _disagreements(self) -> Iterable[str]:
        """Yield the choices on which no value satisfies everyone."""
        for name, requirements in self._choices.items():
            values = self._query.values(name) or ()
            if not any(
                all(item.specifier.contains(value, prereleases=True) for item in requirements)
                for value in values
            ):
                yield f"no value of {name} satisfies " + " and ".join(map(str, requirements))
