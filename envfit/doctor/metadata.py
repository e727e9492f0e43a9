"""What the metadata of an environment shows: what is required and not there, or there in another version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envfit.doctor.dependencies import Demand, Dependencies
from envfit.doctor.finding import Finding, Remedy, Severity
from envfit.doctor.kinds import BAD_METADATA, MISSING_REQUIREMENT, WRONG_PYTHON, WRONG_VERSION
from envfit.doctor.tool import Tool
from envfit.installed.model import InstalledDistribution, InstalledEnvironment

__all__ = ["find_in_metadata"]


def find_in_metadata(environment: InstalledEnvironment, dependencies: Dependencies) -> Iterator[Finding]:
    """Yield what the metadata of what is installed demands and does not get."""
    tool = Tool(environment)
    seen = environment.seen()
    by_name: dict[str, list[Demand]] = defaultdict(list)
    for demand in dependencies.demands:
        by_name[demand.name].append(demand)
    for name, demands in sorted(by_name.items()):
        found = seen.get(name)
        if found is None:
            yield _missing(name, demands, dependencies, tool)
        elif found.version is not None:
            unmet = [demand for demand in demands if not _admits(demand, found)]
            if unmet:
                yield _wrong_version(found, unmet, demands, tool)
    for distribution in seen.values():
        yield from _python(distribution, environment, dependencies, tool)
        if distribution.has_metadata and distribution.version is None:
            yield Finding(
                kind=BAD_METADATA,
                severity=Severity.WARNS,
                subject=(str(distribution),),
                text=f"The version of {distribution.name}, {distribution.says!r}, is none (PEP 440), so that "
                "nobody can compare it.",
                measured=(str(distribution.place),),
            )
    for distribution, text in dependencies.unreadable:
        yield Finding(
            kind=BAD_METADATA,
            severity=Severity.WARNS,
            subject=(str(distribution),),
            text=f"{distribution} requires {text!r}, which is no requirement (PEP 508): it is not heeded.",
            measured=(str(distribution.place),),
        )


def _admits(demand: Demand, found: InstalledDistribution) -> bool:
    return found.version is not None and demand.requirement.specifier.contains(
        found.version, prereleases=True
    )


def _missing(name: str, demands: Sequence[Demand], dependencies: Dependencies, tool: Tool) -> Finding:
    addresses = [demand.requirement.url for demand in demands if demand.requirement.url]
    extras = sorted({extra for demand in demands for extra in demand.requirement.extras})
    wanted = f"[{','.join(extras)}]" if extras else ""
    install = (
        # An index may have something else under that name.
        Remedy(text=f"Install it from where it is asked to come from: {addresses[0]}.")
        if addresses
        else tool.install("Install it.", [(name, _together(demands))], extras=wanted)
    )
    return Finding(
        kind=MISSING_REQUIREMENT,
        severity=Severity.BREAKS,
        subject=(name,),
        text=f"{name} is not installed, and {_say(demands)}.",
        measured=_lines(demands),
        remedies=(
            install,
            *_without(demands, dependencies, tool),
        ),
    )


def _wrong_version(
    found: InstalledDistribution, unmet: Sequence[Demand], demands: Sequence[Demand], tool: Tool
) -> Finding:
    bounds = _together(demands)
    remedies = [tool.install("Install a version that all agree on.", [(found.name, bounds)])]
    for demand in unmet:
        by = demand.by
        # The release that fits may be another of the one that asks.
        remedies.append(
            Remedy(text=f"Or install a release of {by.name} that goes with {found}, or remove {by.name}.")
        )
    return Finding(
        kind=WRONG_VERSION,
        severity=Severity.BREAKS,
        subject=(str(found),),
        text=f"{found} is installed, and {_say(unmet)}.",
        measured=_lines(unmet),
        remedies=tuple(remedies),
    )


def _together(demands: Sequence[Demand]) -> str:
    """Return the bounds that several demands make, as one text that a shell and pip understand."""
    bounds = SpecifierSet()
    for demand in demands:
        bounds &= demand.requirement.specifier
    return ",".join(sorted(map(str, bounds), reverse=True))


def _without(demands: Sequence[Demand], dependencies: Dependencies, tool: Tool) -> Iterator[Remedy]:
    """Yield the removal of the only package that asks for another, where nothing asks for it in turn."""
    askers = {demand.by.name: demand.by for demand in demands}
    if len(askers) == 1:
        (asker,) = askers.values()
        if not dependencies.on(asker.name):
            yield tool.remove(f"Or remove {asker.name}, if nothing uses it.", [asker.name])


def _say(demands: Sequence[Demand]) -> str:
    said = [f"{demand.by} requires {demand}" for demand in demands[:2]]
    more = f", as do {len(demands) - 2} more" if len(demands) > 2 else ""
    return " and ".join(said) + more


def _lines(demands: Sequence[Demand]) -> tuple[str, ...]:
    return tuple(f"{demand.by.place}: Requires-Dist: {demand.requirement}" for demand in demands)


def _python(
    distribution: InstalledDistribution,
    environment: InstalledEnvironment,
    dependencies: Dependencies,
    tool: Tool,
) -> Iterator[Finding]:
    python = environment.python_version
    if distribution.requires_python is None or python is None:
        return
    try:
        bounds = SpecifierSet(distribution.requires_python)
    except InvalidSpecifier:
        return  # it counts as none for installers, too
    # Where only the minor version is known, a bound on patches says nothing against it.
    if len(python.release) < 3 and any(len(bound.version.split(".")) > 2 for bound in bounds):
        return
    if not bounds.contains(python, prereleases=True):
        remedy = (
            tool.remove(f"Remove {distribution.name}.", [distribution.name])
            if not dependencies.on(distribution.name)
            else Remedy(text=f"Install a release of {distribution.name} for Python {python}.")
        )
        yield Finding(
            kind=WRONG_PYTHON,
            severity=Severity.BREAKS,
            subject=(str(distribution),),
            text=f"{distribution} requires Python {distribution.requires_python}, and this is {python}.",
            measured=(f"{distribution.place}: Requires-Python: {distribution.requires_python}",),
            remedies=(remedy,),
        )
