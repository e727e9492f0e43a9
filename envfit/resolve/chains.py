"""How a package comes in: the ways from what the user asks for, through extras and rules, to a name."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from envfit.frozen import frozen
from envfit.requirement import MetadataOrigin, RuleOrigin, UserOrigin
from envfit.resolve.resolution import Resolution

__all__ = ["Chain", "Demander", "chains_to", "demanders_of", "roots_of"]

#: Unfinished ways that are looked at: with many packages that require each other there is no end of them.
_PATIENCE = 20_000


@frozen
class Demander:
    """Who brings a package in, and what it wants of it."""

    package: str | None  # None: the user
    version: str = ""
    extra: str = ""  # of the package, that it comes with
    wanted: str = ""  # such as torch==2.7.0; empty where a lock does not tell
    rule: str | None = None  # that brings it in
    said: str = ""  # the user's words, and where they are

    def __str__(self) -> str:
        if self.package is None:
            return self.said
        extra = f"[{self.extra}]" if self.extra else ""
        return f"{self.package}{extra} {self.version}".rstrip()


@frozen
class Chain:
    """One way in, from the user to a name."""

    name: str
    steps: tuple[Demander, ...]  # the user first

    @property
    def is_direct(self) -> bool:
        """Whether the user asks for the name itself."""
        return len(self.steps) == 1

    def __str__(self) -> str:
        if self.is_direct:
            return f"you ask for {self.steps[0]}"
        parts = [f"{step} -[{step.rule}]" if step.rule else str(step) for step in self.steps[1:]]
        return " -> ".join([*parts, self.steps[-1].wanted or self.name])


def demanders_of(resolution: Resolution) -> Mapping[str, Sequence[Demander]]:
    """Return who brings each package in: the user first, then by name."""
    found: dict[str, tuple[Demander, ...]] = {}
    for pin in resolution.pins:
        demanders: dict[Demander, None] = {}
        for requirement in pin.requirements:
            origin = requirement.origin
            if isinstance(origin, UserOrigin):
                said = f"{origin.text} ({origin.where})"
                demanders[Demander(package=None, wanted=str(requirement), said=said)] = None
            elif isinstance(origin, MetadataOrigin | RuleOrigin):
                package, _, extra = origin.package.rstrip("]").partition("[")
                demanders[
                    Demander(
                        package=package,
                        version=origin.version,
                        extra=extra.lstrip("="),
                        wanted=str(requirement),
                        rule=origin.rule if isinstance(origin, RuleOrigin) else None,
                    )
                ] = None
        found[pin.name] = tuple(sorted(demanders, key=_order))
    return found


def chains_to(name: str, demanders: Mapping[str, Sequence[Demander]], *, limit: int) -> tuple[Chain, ...]:
    """Return the ways to a name, the shortest first; no more than ``limit``."""
    found: list[Chain] = []
    for chain in _chains(name, demanders):
        found.append(chain)
        if len(found) == limit:
            break
    return tuple(found)


def roots_of(name: str, demanders: Mapping[str, Sequence[Demander]]) -> tuple[str, ...]:
    """Return the names that the user asks for and that lead to a name, by name; itself is none of them."""
    seen, pending = {name}, [name]
    while pending:
        for demander in demanders.get(pending.pop(), ()):
            if demander.package is not None and demander.package not in seen:
                seen.add(demander.package)
                pending.append(demander.package)
    return tuple(
        sorted(
            other
            for other in seen - {name}
            if any(demander.package is None for demander in demanders.get(other, ()))
        )
    )


def _chains(name: str, demanders: Mapping[str, Sequence[Demander]]) -> Iterator[Chain]:
    pending: deque[tuple[str, tuple[Demander, ...], frozenset[str]]] = deque([(name, (), frozenset({name}))])
    for _ in range(_PATIENCE):
        if not pending:
            return
        here, steps, seen = pending.popleft()
        for demander in demanders.get(here, ()):
            if demander.package is None:
                yield Chain(name=name, steps=(demander, *steps))
            elif demander.package not in seen:
                pending.append((demander.package, (demander, *steps), seen | {demander.package}))


def _order(demander: Demander) -> tuple[bool, str, str, str]:
    return demander.package is not None, demander.package or "", demander.extra, demander.wanted
