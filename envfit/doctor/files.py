"""What the files of an environment show: leftovers, what is missing or altered, and who is in whose way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath

from envfit.doctor.dependencies import Dependencies
from envfit.doctor.finding import Finding, Remedy, Severity
from envfit.doctor.kinds import (
    ALTERED_FILES,
    DEAD_PATH,
    DOUBLED_METADATA,
    EDITABLE_GONE,
    HALF_REMOVED,
    HOLLOW_PACKAGE,
    MISSING_FILES,
    NO_INTERPRETER,
    NO_METADATA,
    NO_RECORD,
    SHADOWED,
    SHARED_FILES,
)
from envfit.doctor.tool import Tool
from envfit.installed.contents import Contents, Owned
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, InstalledFile, PrefixKind
from envfit.knowledge.model import KnowledgeBase, Rule
from envfit.resolve.reason import Reason

__all__ = ["find_in_files", "interpreter_fails", "interpreter_gone", "lacks_interpreter"]

_SHOWN = 8  # files of a finding
_CODE = frozenset({".py", ".so", ".pyd"})
# Directories that packages put at the top by mistake, or that nothing imports when they are used.
_BESIDE = frozenset(
    {"benchmarks", "doc", "docs", "example", "examples", "scripts", "test", "testing", "tests"}
)
_ROOT = "__init__"
_OTHER_PYTHON = (
    Remedy(text="Put the Python that it was made from back where it was, or make the environment anew."),
)


def find_in_files(
    environment: InstalledEnvironment, contents: Contents, dependencies: Dependencies, base: KnowledgeBase
) -> Iterator[Finding]:
    """Yield what the files of an environment show."""
    tool = Tool(environment)
    doubled = _doubled(environment)
    yield from _half_removed(environment, tool)
    yield from _doubled_metadata(doubled, contents, tool)
    yield from _incomplete_metadata(environment, contents, tool)
    yield from _shared_files(_shared(contents, doubled), contents, base, dependencies, tool)
    # What packages do to each other's files, a LICENSE at the top included, is not told a second time.
    counts = Counter(file.path for owned in contents.owned for file in owned.files)
    explained = frozenset(path for path, count in counts.items() if count > 1)
    for owned in contents.owned:
        if owned.distribution.name not in doubled:
            yield from _missing(owned, explained, tool)
            yield from _altered(owned, explained, tool)
    yield from _gone(contents, tool)
    yield from _dead_paths(environment, contents, tool)
    yield from _shadowed(environment, contents)
    yield from _hollow(contents, tool)


def lacks_interpreter(environment: InstalledEnvironment) -> bool:
    """Tell whether there is no interpreter where one is to be: conda makes prefixes without a Python, too."""
    made_for_it = environment.kind is not PrefixKind.CONDA or bool(environment.distributions)
    return environment.python is None and made_for_it


def interpreter_gone(environment: InstalledEnvironment, *, sure: bool) -> Finding:
    """Return that an environment has no interpreter; not ``sure``: on another machine there may be one."""
    link = environment.prefix / "bin" / "python"
    leads = f": it leads to {link.readlink()}" if link.is_symlink() else ""
    return Finding(
        kind=NO_INTERPRETER,
        severity=Severity.BREAKS if sure else Severity.OPEN,
        subject=(str(link),),
        text=f"{link} is not there, so that nothing in this environment can be run.",
        measured=(f"{link}{leads}",),
        remedies=_OTHER_PYTHON,
    )


def interpreter_fails(environment: InstalledEnvironment, why: str, *, sure: bool) -> Finding:
    """Return that the interpreter of an environment does not start here, or is another by now."""
    return Finding(
        kind=NO_INTERPRETER,
        severity=Severity.BREAKS if sure else Severity.OPEN,
        subject=(str(environment.python),),
        text=f"{why[0].upper()}{why[1:]}.",
        remedies=_OTHER_PYTHON,
    )


def _half_removed(environment: InstalledEnvironment, tool: Tool) -> Iterator[Finding]:
    if not environment.half_removed:
        return
    paths = [str(path) for path in environment.half_removed]
    names = ", ".join(path.name for path in environment.half_removed)
    yield Finding(
        kind=HALF_REMOVED,
        severity=Severity.WARNS,
        subject=tuple(path.name for path in environment.half_removed),
        text=f"{names}: left behind by a pip that was interrupted while it removed or replaced a package.",
        measured=tuple(paths),
        remedies=(tool.take_away("Remove what is left.", paths),),
    )


def _doubled(environment: InstalledEnvironment) -> Mapping[str, tuple[InstalledDistribution, ...]]:
    """Return the packages with two metadata directories in one place."""
    places: dict[tuple[str, Path], list[InstalledDistribution]] = defaultdict(list)
    for item in environment.distributions:
        if environment.is_own(item) and item.has_metadata:
            places[item.name, item.directory].append(item)
    return {name: tuple(several) for (name, _), several in places.items() if len(several) > 1}


def _doubled_metadata(
    doubled: Mapping[str, Sequence[InstalledDistribution]], contents: Contents, tool: Tool
) -> Iterator[Finding]:
    by_place = {owned.distribution.place: owned for owned in contents.owned}
    for name, several in doubled.items():
        states = [(item, by_place.get(item.place)) for item in several]
        whole = [
            item for item, owned in states if owned is not None and not owned.missing and not owned.altered
        ]
        remedies = [
            tool.install(f"Install {name} again, in the version that is wanted.", [(name, "")], anew=True)
        ]
        if contents.hashed and len(whole) == 1:
            stale = [str(item.place) for item in several if item is not whole[0]]
            remedies.insert(
                0, tool.take_away(f"Keep {whole[0]}, whose files are there, and remove the other.", stale)
            )
        yield Finding(
            kind=DOUBLED_METADATA,
            severity=Severity.WARNS,
            subject=tuple(map(str, several)),
            text=f"{name} is there twice, as {' and '.join(item.says or 'no version' for item in several)}; "
            f"{_which(whole) if contents.hashed else 'whose files are there was not compared'}.",
            measured=tuple(_state(item, owned) for item, owned in states),
            remedies=tuple(remedies),
        )


def _which(whole: Sequence[InstalledDistribution]) -> str:
    if len(whole) == 1:
        return f"the files are those of {whole[0].says}"
    return "both have all their files" if whole else "neither has all its files"


def _state(distribution: InstalledDistribution, owned: Owned | None) -> str:
    if owned is None:
        return f"{distribution.metadata}: no RECORD"
    return (
        f"{distribution.metadata}: of {len(owned.files)} files {len(owned.missing)} missing, "
        f"{len(owned.altered)} altered"
    )


def _incomplete_metadata(
    environment: InstalledEnvironment, contents: Contents, tool: Tool
) -> Iterator[Finding]:
    whole = {owned.distribution.place for owned in contents.owned if _has_code(owned)}
    for item in environment.distributions:
        if not environment.is_own(item) or not item.metadata.endswith(".dist-info"):
            continue
        if not item.has_metadata:
            yield Finding(
                kind=NO_METADATA,
                severity=Severity.WARNS,
                subject=(str(item),),
                text=f"{item.metadata} has no METADATA that names the package: whoever asks {item.name} for "
                "its version gets none.",
                measured=(str(item.place),),
                remedies=(
                    # Without the directory, its files would be nobody's, and who requires it would miss it.
                    _again(item, tool, over=True)
                    if item.place in whole
                    else tool.take_away("Remove what is left of it.", [str(item.place)]),
                ),
            )
        elif not item.has_record and item.installer != "conda":
            yield Finding(
                kind=NO_RECORD,
                severity=Severity.WARNS,
                subject=(str(item),),
                text=f"{item} has no RECORD, so that no tool can remove or replace it cleanly.",
                measured=(str(item.place),),
                remedies=(
                    tool.install(
                        "Install it again over what is there.",
                        [(item.name, f"=={item.says}")],
                        anew=True,
                        over=True,
                    ),
                ),
            )


def _has_code(owned: Owned) -> bool:
    """Tell whether files of a distribution are there besides its metadata."""
    missing = frozenset(owned.missing)
    inside = f"{owned.distribution.metadata}/"
    return any(not file.path.startswith(inside) and file.path not in missing for file in owned.files)


# -- packages in each other's way ---------------------------------------------


def _shared(contents: Contents, doubled: Mapping[str, object]) -> Mapping[tuple[Path, Path], tuple[str, ...]]:
    """Return which code two packages both install with other contents, by their metadata."""
    first: dict[Path, dict[str, tuple[Owned, InstalledFile]]] = defaultdict(dict)
    several: dict[tuple[Path, str], list[tuple[Owned, InstalledFile]]] = defaultdict(list)
    for owned in contents.owned:
        if owned.distribution.name in doubled:
            continue
        # Nearly every file has one owner, and there are tens of thousands.
        owners = first[owned.distribution.directory]
        for file in owned.files:
            mine = owned, file
            former = owners.setdefault(file.path, mine)
            if former is not mine:
                shared = several[owned.distribution.directory, file.path]
                shared += [mine] if shared else [former, mine]
    found: dict[tuple[Path, Path], list[str]] = defaultdict(list)
    for (_, path), owners_of_it in several.items():
        if _is_code(path) and len({file.sha256 for _, file in owners_of_it}) > 1:
            for (one, _), (other, _) in combinations(owners_of_it, 2):
                found[one.distribution.place, other.distribution.place].append(path)
    for pair, name in _same_modules(contents, doubled):
        found.setdefault(pair, []).append(name)
    return {pair: tuple(paths) for pair, paths in found.items()}


def _is_code(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.suffix in _CODE and parts.parts[0] not in {*_BESIDE, ".."}


def _same_modules(
    contents: Contents, doubled: Mapping[str, object]
) -> Iterator[tuple[tuple[Path, Path], str]]:
    """Yield a package and a module of one name in two distributions: an import finds one of them."""
    modules: dict[tuple[Path, str], tuple[Owned, str]] = {}
    for owned in contents.owned:
        if owned.distribution.name in doubled:
            continue
        for file in owned.files:
            name, separator, rest = file.path.partition("/")
            if separator and rest != "__init__.py":
                continue
            if not separator and not name.endswith((".py", ".so")):
                continue
            module = name.partition(".")[0]
            if module in _BESIDE:
                continue
            former, path = modules.setdefault((owned.distribution.directory, module), (owned, file.path))
            if former is not owned and path != file.path:
                yield (former.distribution.place, owned.distribution.place), path


def _shared_files(
    shared: Mapping[tuple[Path, Path], tuple[str, ...]],
    contents: Contents,
    base: KnowledgeBase,
    dependencies: Dependencies,
    tool: Tool,
) -> Iterator[Finding]:
    by_place = {owned.distribution.place: owned for owned in contents.owned}
    for (one, other), paths in shared.items():
        several = [by_place[one].distribution, by_place[other].distribution]
        there = _files_there(by_place[one], by_place[other], paths) if contents.hashed else []
        tops = Counter(path.partition("/")[0].partition(".")[0] for path in paths)
        what = ", ".join(name for name, _ in tops.most_common(3))
        whose = f"; what is there is {there[0].name}'s" if len(there) == 1 else ""
        rule = _rule_about(several, base)
        yield Finding(
            kind=SHARED_FILES,
            severity=Severity.WARNS,
            subject=tuple(map(str, several)),
            text=f"{several[0]} and {several[1]} both install {what}, with other contents{whose}; "
            "removing either breaks both.",
            because=Reason(sentence=rule.why, rule=rule.id, evidence=tuple(map(str, rule.evidence)))
            if rule is not None
            else None,
            measured=_shown(paths),
            remedies=tuple(_keep_one(there, several, dependencies, tool)),
        )


def _keep_one(
    there: Sequence[InstalledDistribution],
    several: Sequence[InstalledDistribution],
    dependencies: Dependencies,
    tool: Tool,
) -> Iterator[Remedy]:
    """Yield the remedies that keep one of two: the required one, else first the one whose files are there."""
    required = [item for item in several if dependencies.on(item.name)]
    if len(required) == len(several):
        whose = "; ".join(f"{item.name} by {dependencies.on(item.name)[0].by}" for item in several)
        yield Remedy(text=f"Both are required ({whose}): one of those has to go.")
        return
    for keep in dict.fromkeys((*required, *(() if required else there), *(() if required else several))):
        (drop,) = (item for item in several if item is not keep)
        yield tool.keep_one(f"Keep {keep.name}, and remove {drop.name}.", keep.name, drop.name)


def _files_there(one: Owned, other: Owned, paths: Sequence[str]) -> Sequence[InstalledDistribution]:
    """Return the one of two whose contents all their common files have, where files were compared."""
    return [
        owned.distribution
        for owned in (one, other)
        if not any(path in owned.altered or path in owned.missing for path in paths)
    ]


def _rule_about(several: Sequence[InstalledDistribution], base: KnowledgeBase) -> Rule | None:
    """Return the rule that says that one of two packages does not go with the other."""
    for one, other in (several, several[::-1]):
        for place in base.lookup.rules_about(one.name):
            rule = base.rules[place]
            if one.version is not None and not rule.versions.contains(one.version, prereleases=True):
                continue
            if other.name in rule.excludes or any(
                condition.name == other.name
                and other.version is not None
                and not condition.specifier.contains(other.version, prereleases=True)
                for condition in rule.constrains
            ):
                return rule
    return None


# -- files of one package -----------------------------------------------------


def _missing(owned: Owned, explained: frozenset[str], tool: Tool) -> Iterator[Finding]:
    known = explained if owned.distribution.has_metadata else {*explained, _metadata_of(owned.distribution)}
    missing = [path for path in owned.missing if path not in known and not _is_own_note(path)]
    if not missing:
        return
    distribution = owned.distribution
    code = [path for path in missing if _is_code(path)]
    roots = [path for path in code if _is_root(path)]
    breaks = roots or [path for path in code if path.endswith(".so")]
    yield Finding(
        kind=MISSING_FILES,
        severity=Severity.BREAKS if breaks else Severity.WARNS,
        subject=(str(distribution),),
        text=f"{_count(missing)} of {distribution} {'is' if len(missing) == 1 else 'are'} missing"
        f"{_naming(breaks or code or missing)}.",
        measured=_shown(missing),
        remedies=(_again(distribution, tool),),
    )


def _metadata_of(distribution: InstalledDistribution) -> str:
    return f"{distribution.metadata}/METADATA"


def _altered(owned: Owned, explained: frozenset[str], tool: Tool) -> Iterator[Finding]:
    known = explained if owned.distribution.has_metadata else {*explained, _metadata_of(owned.distribution)}
    altered = [path for path in owned.altered if path not in known and not _is_own_note(path)]
    if not altered:
        return
    distribution = owned.distribution
    yield Finding(
        kind=ALTERED_FILES,
        severity=Severity.WARNS,
        subject=(str(distribution),),
        text=f"{_count(altered)} of {distribution} {'is' if len(altered) == 1 else 'are'} not as installed"
        f"{_naming(altered)}.",
        measured=_shown(altered),
        remedies=(_again(distribution, tool),),
    )


def _again(distribution: InstalledDistribution, tool: Tool, *, over: bool = False) -> Remedy:
    wanted = [(distribution.name, f"=={distribution.says}")]
    return tool.install("Install the same version again.", wanted, anew=True, over=over)


def _is_own_note(path: str) -> bool:
    """Tell whether a file is one that installers write and rewrite themselves."""
    return path.rpartition("/")[2] in {"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"}


def _is_root(path: str) -> bool:
    """Tell whether a file is what an import of a top-level name loads."""
    parts = path.split("/")
    return len(parts) == 1 or (len(parts) == 2 and parts[1].partition(".")[0] == _ROOT)


def _count(paths: Sequence[str]) -> str:
    return "One file" if len(paths) == 1 else f"{len(paths)} files"


def _naming(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f": {', '.join(paths[:3])}{more}"


def _shown(paths: Sequence[str]) -> tuple[str, ...]:
    more = (f"and {len(paths) - _SHOWN} more",) if len(paths) > _SHOWN else ()
    return (*sorted(paths)[:_SHOWN], *more)


# -- the search path ----------------------------------------------------------


def _gone(contents: Contents, tool: Tool) -> Iterator[Finding]:
    for item in contents.gone:
        yield Finding(
            kind=EDITABLE_GONE,
            severity=Severity.BREAKS,
            subject=(str(item),),
            text=f"{item} is an editable installation of {item.editable}, which is not there any more.",
            measured=(str(item.place / "direct_url.json"),),
            remedies=(
                Remedy(text="Put the project back where it was."),
                tool.remove("Remove it.", [item.name]),
            ),
        )


def _dead_paths(environment: InstalledEnvironment, contents: Contents, tool: Tool) -> Iterator[Finding]:
    gone = [str(item.editable).removeprefix("file://") for item in contents.gone]
    for dead in environment.dead_paths:
        if any(str(dead.path).startswith(project) for project in gone):
            continue
        own = dead.file.parent in environment.own_directories
        yield Finding(
            kind=DEAD_PATH,
            severity=Severity.WARNS,
            subject=(dead.file.name,),
            text=f"{dead.file.name} adds {dead.path} to the search path, and that is not there.",
            measured=(str(dead.file),),
            # A file with other lines does more than this one.
            remedies=(tool.take_away("Remove the file.", [str(dead.file)]),)
            if own and dead.alone
            else (Remedy(text=f"Remove the line from {dead.file}."),),
        )


def _shadowed(environment: InstalledEnvironment, contents: Contents) -> Iterator[Finding]:
    own = environment.own_directories
    seen = environment.seen()
    named = set()
    for item in environment.distributions:
        first = seen[item.name]
        if item.directory in own and first.directory not in own and first.says != item.says:
            named.add(item.name)
            yield Finding(
                kind=SHADOWED,
                severity=Severity.WARNS,
                subject=(str(item),),
                text=f"{first} in {first.directory} is found before {item}, which the environment has.",
                measured=(str(first.place), str(item.place)),
                remedies=(_without(first.directory),),
            )
    for shadow in contents.shadows:
        if shadow.distribution.name in named or shadow.path.parent in {
            other.directory / shadow.name for other in environment.distributions if other.directory not in own
        }:
            continue
        yield Finding(
            kind=SHADOWED,
            severity=Severity.WARNS,
            subject=(str(shadow.distribution),),
            text=f"{shadow.path} is found before {shadow.name} of {shadow.distribution}.",
            measured=(str(shadow.path),),
            remedies=(_without(shadow.path.parent),),
        )


def _without(directory: Path) -> Remedy:
    if ".local" in directory.parts:
        return Remedy(text="Set PYTHONNOUSERSITE=1 for what runs in this environment.")
    return Remedy(text=f"Leave {directory} out of PYTHONPATH for what runs in this environment.")


def _hollow(contents: Contents, tool: Tool) -> Iterator[Finding]:
    for path in contents.hollow:
        yield Finding(
            kind=HOLLOW_PACKAGE,
            severity=Severity.WARNS,
            subject=(path.name,),
            text=f"{path.name} is a directory without any code: importing it succeeds and gives nothing.",
            measured=(str(path),),
            remedies=(tool.take_away("Remove the directory.", [str(path)]),),
        )
