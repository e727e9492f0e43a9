"""What the knowledge says of an environment: rules on the target, missing extensions, what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.version import Version

from envfit.distribution import Wheel
from envfit.doctor.dependencies import Dependencies
from envfit.doctor.finding import Finding, Remedy, Severity
from envfit.doctor.kinds import (
    CANNOT_WORK,
    CHANGED_SINCE_INSTALL,
    CODE_UNREAD,
    GPU_UNKNOWN,
    MADE_ANEW,
    MISSING_EXTENSION,
    WORKS_BADLY,
)
from envfit.doctor.tool import Tool
from envfit.frozen import frozen
from envfit.installed.contents import Contents, Owned
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind
from envfit.knowledge.model import Extension
from envfit.knowledge.objections import Objection, object_to
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE
from envfit.lock.reading import LockedPackage
from envfit.requirement import Requirement, RuleOrigin
from envfit.resolve.reason import Reason
from envfit.target import CUDA_DRIVER, LIBCUDA, FactState

__all__ = ["Known", "find_by_knowledge"]

_DRIVER = frozenset({CUDA_DRIVER, LIBCUDA})
_COMPILED = (".so", ".pyd")
_SHOWN = 12  # packages that are named
_NAMED = 4  # of them in the sentence


@frozen
class Known:
    """What an environment is held against."""

    query: Query  # the rules on the target
    wheels: Mapping[str, Wheel]  # what each package was installed from, as far as its files tell
    is_named: bool  # whether somebody said which GPU counts, "none" included
    why_no_gpu: str = ""  # why nothing is known of a GPU that may be there
    locked: Sequence[LockedPackage] | None = None  # what envfit installed there; None where it did not
    again: tuple[str, ...] = ()  # the words that its installation was asked with
    unread: tuple[str, ...] = ()  # packages whose GPU code was left unread, for want of time


def find_by_knowledge(
    environment: InstalledEnvironment,
    contents: Contents,
    dependencies: Dependencies,
    known: Known,
    told: Iterable[Finding] = (),
) -> Iterator[Finding]:
    """Yield what the knowledge says; rules that an earlier finding rests on are not told again."""
    around = _Around(environment=environment, dependencies=dependencies, known=known, tool=Tool(environment))
    cited = {finding.because.rule for finding in told if finding.because is not None}
    missing = list(_missing_extensions(contents, around))
    yield from missing
    # What a package without its extension would need is of no concern before it is whole.
    crippled = {finding.subject[0] for finding in missing if finding.severity is Severity.BREAKS}
    objections = _blamed(object_to(known.query, _versions(environment), files=known.wheels), known.query)
    lacking = [item for item in objections if _lacks_gpu(item) and not known.is_named]
    yield from _objections([item for item in objections if item not in lacking], around, cited)
    yield from _no_gpu(lacking, around, crippled)
    yield from _conditions(around, crippled)
    if known.locked is not None:
        yield from _changed(environment, known.locked, known.again)
    if environment.made_anew:
        yield _made_anew(environment)


@frozen
class _Around:
    """What every part of the stage looks at."""

    environment: InstalledEnvironment
    dependencies: Dependencies
    known: Known
    tool: Tool


# -- extensions ---------------------------------------------------------------


def _missing_extensions(contents: Contents, around: _Around) -> Iterator[Finding]:
    for owned in contents.owned:
        distribution = owned.distribution
        if distribution.version is None or distribution.editable is not None:
            continue
        for extension in around.known.query.package(distribution.name).extensions:
            if not extension.versions.contains(distribution.version, prereleases=True):
                continue
            missing = [module for module in extension.modules if not _has_module(owned, module)]
            if missing:
                yield _missing_extension(owned, extension, missing, around)


def _has_module(owned: Owned, module: str) -> bool:
    """Tell whether a compiled module is among the files of a distribution, and there."""
    stem = module.replace(".", "/")
    return any(
        file.path.startswith(stem)
        and file.path[len(stem) :].startswith(".")
        and file.path.endswith(_COMPILED)
        and file.path not in owned.missing
        for file in owned.files
    )


def _missing_extension(
    owned: Owned,
    extension: Extension,
    missing: Sequence[str],
    around: _Around,
) -> Finding:
    distribution = owned.distribution
    what = " and ".join(missing)
    tags = f"its wheel is tagged {', '.join(distribution.tags)}" if distribution.tags else "no tag is known"
    if extension.needed_for is None:
        means = "importing it fails, and so does whatever imports it because it is installed"
    else:
        means = f"{extension.needed_for} does not work"
    return Finding(
        kind=MISSING_EXTENSION,
        severity=Severity.BREAKS if extension.needed_for is None else Severity.WARNS,
        subject=(str(distribution),),
        text=f"{distribution} was installed without its compiled extension {what}, so {means}.",
        because=Reason(
            sentence=f"{distribution.name} consists of {what} and what calls it.",
            evidence=tuple(map(str, extension.evidence)),
        ),
        measured=(
            f"{distribution.place}/WHEEL: {tags}",
            *(f"no {module.replace('.', '/')}*.so among its {len(owned.files)} files" for module in missing),
        ),
        remedies=(*_without(distribution, around), _forgotten(distribution)),
    )


def _forgotten(distribution: InstalledDistribution) -> Remedy:
    """Return how pip forgets a wheel that it built here, which it would take again."""
    built = distribution.name.replace("-", "_")
    return Remedy(
        text=f"Before {distribution.name} is installed again: pip keeps what it built, and takes it back.",
        commands=(("python", "-m", "pip", "cache", "remove", built),),
    )


def _without(distribution: InstalledDistribution, around: _Around) -> Iterator[Remedy]:
    """Yield how to do without a package; who requires it is named instead of broken."""
    name = distribution.name
    askers = around.dependencies.on(name)
    alternatives = [item.text for item in around.known.query.package(name).alternatives]
    if askers:
        by = ", ".join(sorted({str(demand.by) for demand in askers}))
        yield Remedy(text=f"It is required by {by}: remove that too, or install a {name} that works here.")
        return
    yield around.tool.remove(
        f"Remove {name}; nothing here requires it." + "".join(f" {text}" for text in alternatives[:1]), [name]
    )


# -- rules --------------------------------------------------------------------


def _versions(environment: InstalledEnvironment) -> Mapping[str, Version]:
    return {item.name: item.version for item in environment.seen().values() if item.version is not None}


def _blamed(objections: Sequence[Objection], query: Query) -> list[Objection]:
    """Return objections without those of packages that agree with whoever decides a choice.

    Where one package wants another CUDA runtime than torch has, all that torch and its followers
    say of that choice is in conflict with it, and only the one is to blame.
    """
    decided = {
        item.demand.name: item.demand.specifier
        for item in objections
        if item.demand is not None and query.package(item.origin.package).cuda_choice == item.demand.name
    }
    kept = []
    for item in objections:
        decision = decided.get(item.demand.name) if item.demand is not None else None
        if item.demand is None or decision is None:
            kept.append(item)
            continue
        values = [value for value in query.values(item.demand.name) or () if decision.contains(value)]
        if not any(map(item.demand.specifier.contains, values)):
            kept.append(item)
    return kept


def _objections(
    objections: Sequence[Objection], around: _Around, cited: set[str | None]
) -> Iterator[Finding]:
    seen = around.environment.seen()
    groups: dict[tuple[object, ...], list[Objection]] = defaultdict(list)
    for objection in objections:
        origin = objection.origin
        if origin.rule not in cited:
            # That there is no GPU is said once of a package, whatever it would ask of one.
            lacks = _lacks_gpu(objection)
            key = (origin.package,) if lacks else (origin.rule, origin.why, objection.blocks, origin.facts)
            groups[key].append(objection)
    for several in groups.values():
        first = several[0]
        distributions = list({item.origin.package: seen[item.origin.package] for item in several}.values())
        needs = "it needs a GPU, and the target has none" if _lacks_gpu(first) else first.origin.why
        names = tuple(map(str, distributions))
        yield Finding(
            kind=CANNOT_WORK if first.blocks else WORKS_BADLY,
            severity=Severity.BREAKS if first.blocks else Severity.WARNS,
            subject=names,
            text=f"{_few(names)}: {needs.rstrip('.')}.",
            because=_reason(first.origin),
            remedies=tuple(_remedies(first, distributions, around)),
        )


def _reason(origin: RuleOrigin) -> Reason:
    return Reason.of(Requirement(name=origin.package, origin=origin))


def _lacks_gpu(objection: Objection) -> bool:
    """Tell whether an objection is only that there is no GPU."""
    demand = objection.demand
    return (
        demand is not None
        and demand.name == IMPOSSIBLE
        and any(fact.state is FactState.ABSENT for fact in objection.origin.facts)
    )


def _remedies(
    objection: Objection,
    distributions: Sequence[InstalledDistribution],
    around: _Around,
) -> Iterator[Remedy]:
    demand = objection.demand
    bounds = ",".join(sorted(map(str, demand.specifier), reverse=True)) if demand is not None else ""
    if demand is not None and demand.name in _DRIVER:
        yield Remedy(text=f"Install an NVIDIA driver {bounds} on this machine, or have it installed.")
    elif demand is not None and not demand.name.startswith("__"):
        there = "" if demand.name in around.environment.seen() else ", which is not there"
        yield around.tool.install(f"Install {demand.name}{bounds}{there}.", [(demand.name, bounds)])
    if objection.blocks and len(distributions) == 1:
        yield from _without(distributions[0], around)


# -- what stays open ----------------------------------------------------------


def _no_gpu(lacking: Sequence[Objection], around: _Around, crippled: set[str]) -> Iterator[Finding]:
    """Yield that there is no GPU to hold packages with GPU code against, and what they would ask of one."""
    known = around.known
    if known.query.target.gpus or (known.is_named and not known.why_no_gpu):
        return
    asking = {item.origin.package for item in lacking}
    names = [
        str(item)
        for item in around.environment.seen().values()
        if item.version is not None
        and str(item) not in crippled
        and (item.name in asking or _has_gpu_code(known, item.name))
    ]
    if names:
        why = known.why_no_gpu or "this machine has no GPU and none was named"
        yield Finding(
            kind=GPU_UNKNOWN,
            severity=Severity.OPEN,
            subject=tuple(names),
            text=f"{_few(names)} {'has' if len(names) == 1 else 'have'} GPU code, and {why}: "
            "whether it runs on one is not known.",
            measured=tuple(
                f"{item.origin.package} {item.origin.version}: {item.origin.why}"
                for item in lacking
                if f"{item.origin.package} {item.origin.version}" not in crippled
            ),
            remedies=(Remedy(text="Name the GPU, such as --gpu V100, and its driver with --driver."),),
        )


def _conditions(around: _Around, crippled: set[str]) -> Iterator[Finding]:
    known = around.known
    unread: list[tuple[str, RuleOrigin]] = []
    waiting: list[tuple[str, RuleOrigin]] = []
    for item in around.environment.seen().values():
        if item.version is None or item.name not in known.wheels or str(item) in crippled:
            continue
        for origin in known.query.judge(item.name, item.version, known.wheels[item.name]).conditions:
            (waiting if origin.facts else unread).append((str(item), origin))
    if unread:
        names = list(dict.fromkeys(name for name, _ in unread))
        yield Finding(
            kind=CODE_UNREAD,
            severity=Severity.OPEN,
            subject=tuple(names),
            text=f"The GPU code of {_few(names)} is not known and was not read.",
            measured=tuple(dict.fromkeys(origin.why for _, origin in unread)),
            remedies=(Remedy(text="Check without --quick: then its libraries are read."),),
        )
    for name, origin in waiting:
        yield Finding(
            kind=GPU_UNKNOWN,
            severity=Severity.OPEN,
            subject=(name,),
            text=f"{name}: {origin.why}",
            because=_reason(origin),
            remedies=(Remedy(text="Name the driver with --driver."),),
        )


def _has_gpu_code(known: Known, name: str) -> bool:
    """Tell whether a package is known to have GPU code as it is installed."""
    if not known.query.package(name).gpu_builds and not known.query.package(name).own_code:
        return False
    wheel = known.wheels.get(name)
    code = known.query.device_code(name, wheel) if wheel is not None else None
    return code is None or code.cuda is not None or bool(code.sass or code.libraries)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


# -- what changed -------------------------------------------------------------


def _changed(
    environment: InstalledEnvironment, locked: Sequence[LockedPackage], again: Sequence[str]
) -> Iterator[Finding]:
    own = {
        item.name: item for item in environment.distributions if item.directory in environment.own_directories
    }
    wanted = {package.name: package.version for package in locked}
    # A wheel of a release page was renamed for its build, and says the release alone when it is installed.
    renamed = {package.name for package in locked if not package.distribution.index}
    lines = []
    for name, version in sorted(wanted.items()):
        here = own.get(name)
        if here is None:
            lines.append(f"removed {name} {version or ''}".rstrip())
        elif version is None or here.version == version:
            continue
        elif name not in renamed or str(here.version) != version.public:
            lines.append(f"replaced {name} {version} by {here.says}{_by(here)}")
    added = [item for name, item in sorted(own.items()) if name not in wanted]
    lines += [f"added {item}{_by(item)}" for item in added]
    if not lines:
        return
    counts = {word: sum(line.startswith(word) for line in lines) for word in ("removed", "replaced", "added")}
    counted = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    said = "; ".join(lines) if len(lines) <= _NAMED else f"packages were {counted}"
    prefix = environment.prefix
    yield Finding(
        kind=CHANGED_SINCE_INSTALL,
        severity=Severity.WARNS,
        subject=tuple(line.partition(" ")[2] for line in lines),
        text=f"Since envfit installed this environment: {said}.",
        measured=tuple(lines[:_SHOWN])
        + ((f"and {len(lines) - _SHOWN} more",) if len(lines) > _SHOWN else ()),
        remedies=(
            Remedy(
                text="Install the lock again: a new version is made beside this one, which stays.",
                commands=(("envfit", "install", f"{prefix}/pylock.toml", "--prefix", str(prefix), *again),),
            ),
        )
        if environment.kind is PrefixKind.ENVFIT
        else (),
    )


def _made_anew(environment: InstalledEnvironment) -> Finding:
    return Finding(
        kind=MADE_ANEW,
        severity=Severity.WARNS,
        subject=(),
        text="What envfit installed here is gone, with its lock and its guard: another program, as uv sync "
        "does for another Python, emptied the environment and made it anew.",
        remedies=(
            Remedy(
                text=f"Install the lock again: envfit install LOCK --prefix {environment.prefix}; or take "
                f"the version before, where there is one: envfit rollback --prefix {environment.prefix}. "
                "UV_PROJECT_ENVIRONMENT gives uv an environment of its own."
            ),
        ),
    )


def _by(distribution: InstalledDistribution) -> str:
    return f", by {distribution.installer}" if distribution.installer else ""
