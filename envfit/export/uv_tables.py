"""Locks as what uv's project settings can say: an extra for each target, and what holds for all.

An extra pins what decides whether the target's GPU is served: the GPU stack, what comes from
another index, what differs between the locks, and what nothing else would bring.  All the rest is
the same in every lock, so ``constraint-dependencies`` holds it.

Source: uv's documentation, "Settings" (``conflicts``, ``constraint-dependencies``, ``environments``,
``exclude-dependencies``, ``sources``) and "Using uv with PyTorch".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

from packaging.pylock import Pylock
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.errors import InputError
from envfit.export.header import provided_pins, told
from envfit.frozen import frozen
from envfit.knowledge.gpu_stack import is_gpu_stack
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.reference import ReferenceKind
from envfit.target import Platform, Target

__all__ = ["Named", "UvExtra", "UvIndex", "UvSource", "UvTables", "uv_tables"]

_LABEL = re.compile(r"cpu|cu\d+|rocm[\d.]+|xpu")


@frozen
class Named:
    """A lock and the name of its target: of the extra that is made of it."""

    name: str  # normalized
    lock: Pylock


@frozen
class UvExtra:
    """One target's extra."""

    name: str
    runs_on: str  # the contract of its lock; empty where the lock tells of none
    requirements: tuple[str, ...]  # by name
    compiled: tuple[str, ...]  # what must be compiled and is not in it, as NAME==VERSION
    left_out: tuple[str, ...]  # names: wanted where they are supported, and not supported


@frozen
class UvIndex:
    """An index besides the default one, which serves only what names it."""

    name: str
    url: str


@frozen
class UvSource:
    """From where one package is taken for one extra: an index, or a path."""

    package: str
    extra: str
    index: str = ""
    path: str = ""  # where there is no index
    editable: bool = False


@frozen
class UvTables:
    """What is written into a ``pyproject.toml``."""

    python: str  # requires-python of all locks; empty where none states one
    extras: tuple[UvExtra, ...]
    environments: tuple[str, ...]
    constraints: tuple[str, ...]
    overrides: tuple[str, ...]
    excluded: tuple[str, ...]
    indexes: tuple[UvIndex, ...]
    sources: tuple[UvSource, ...]  # by package


def uv_tables(
    named: Sequence[Named],
    knowledge: KnowledgeBase,
    *,
    default_index: str = "",
    declared: AbstractSet[str] = frozenset(),
) -> UvTables:
    """Return what uv needs to come to what the locks say.

    ``default_index`` is the address, as locks record it, of the index that uv asks
    anyway; where no package comes from it, the one that most packages come from counts.
    ``declared`` are the normalized names that the project asks for itself.  Raises LockError on a lock
    that envfit did not write, and InputError on what uv cannot be told.
    """
    _refuse_doubled(named)
    python = _one_python(named)
    for one in named:
        _refuse_provided(one)
    packages = {one.name: locked_packages(one.lock) for one in named}
    compiled = _compiled(packages)
    chosen = {name: tuple(item for item in these if not item.build) for name, these in packages.items()}
    default = _default_index(chosen.values(), default_index)
    queries = {one.name: Query(knowledge, _target(one.lock)) for one in named}
    asked = {one.name: _asked(one.lock) for one in named}
    held = {
        one.name: frozenset(item.name for item in chosen[one.name])
        if asked[one.name] is None
        else _held(one.name, chosen, queries[one.name], default=default, declared=declared)
        for one in named
    }
    everywhere = frozenset[str]().union(*held.values())
    constraints = {
        item.name: f"{item.name}=={item.version}"
        for these in chosen.values()
        for item in these
        if item.name not in everywhere and _is_of_index(item)
    }
    indexes = _named_indexes(chosen.values(), default)
    return UvTables(
        python=python,
        extras=tuple(
            UvExtra(
                name=one.name,
                runs_on=str(told(one.lock).get("contract", "")),
                requirements=tuple(
                    _requirement(item, (asked[one.name] or {}).get(item.name, frozenset()))
                    for item in sorted(chosen[one.name], key=lambda item: item.name)
                    if item.name in held[one.name]
                ),
                compiled=tuple(f"{item.name}=={item.version}" for item in packages[one.name] if item.build),
                left_out=tuple(str(item["name"]) for item in told(one.lock).get("left-out", ())),
            )
            for one in named
        ),
        environments=tuple(dict.fromkeys(text for one in named for text in _environments(one.lock, python))),
        constraints=tuple(constraints[name] for name in sorted(constraints)),
        overrides=_same(named, "overrides"),
        excluded=tuple(sorted({*_same(named, "excluded"), *compiled})),
        indexes=indexes,
        sources=tuple(_sources(named, chosen, held, indexes)),
    )


# -- what uv cannot be told ---------------------------------------------------


def _refuse_doubled(named: Sequence[Named]) -> None:
    for name, count in Counter(one.name for one in named).items():
        if count > 1:
            raise InputError(
                f"{count} locks are for a target of the name {name}, and an extra can be made of one only",
                hints=["lock with --target NAME: the name of pylock.NAME.toml is that of the extra"],
            )


def _one_python(named: Sequence[Named]) -> str:
    pythons = {str(one.lock.requires_python or ""): one.name for one in named}
    if len(pythons) > 1:
        said = ", ".join(f"{name}: {python or 'any'}" for python, name in pythons.items())
        raise InputError(
            f"the locks are for different Pythons ({said}), and uv resolves all extras of a project for one "
            "range of them",
            hints=["lock all targets for one Python: envfit lock --python VERSION"],
        )
    return next(iter(pythons), "")


def _refuse_provided(one: Named) -> None:
    pins = provided_pins(one.lock)
    if pins:
        raise InputError(
            f"the lock for {one.name} counts on {pins[0]} from a module"
            f"{f' and {len(pins) - 1} more packages' if len(pins) > 1 else ''}, and uv would install its own",
            hints=["envfit export --format requirements keeps what a module provides out, by constraints"],
        )


def _compiled(packages: Mapping[str, Sequence[LockedPackage]]) -> set[str]:
    """Return the names that must be compiled for a GPU."""
    compiled = {item.name: name for name, these in packages.items() for item in these if item.build}
    for name, these in packages.items():
        for item in these:
            if item.name in compiled and not item.build:
                raise InputError(
                    f"{item.name} must be compiled for {compiled[item.name]} and not for {name}, and uv can "
                    "leave a package out for all extras only",
                    hints=["export the two locks separately"],
                )
    return set(compiled)


def _same(named: Sequence[Named], key: str) -> tuple[str, ...]:
    """Return what the locks tell of an input that uv takes for all extras alike."""
    said = {one.name: tuple(sorted(map(str, told(one.lock).get(key, ())))) for one in named}
    first = next(iter(said.values()))
    for name, texts in said.items():
        if texts != first:
            raise InputError(
                f"the locks were made with different {key} ({named[0].name}: {', '.join(first) or 'none'}; "
                f"{name}: {', '.join(texts) or 'none'}), and uv takes one list for all extras",
                hints=["lock all targets with the same settings"],
            )
    return first


# -- what goes where ----------------------------------------------------------


def _held(
    name: str,
    chosen: Mapping[str, Sequence[LockedPackage]],
    query: Query,
    *,
    default: str,
    declared: AbstractSet[str],
) -> frozenset[str]:
    """Return the names that a target's extra pins."""
    mine = {item.name: item for item in chosen[name]}
    held = {
        item.name
        for item in mine.values()
        if _decides(item, query, default) or _differs(item, chosen.values())
    }
    # A direct reference that the project declares has its source there.
    held -= {item for item in held & declared if mine[item].distribution.reference is not None}
    wanted = {other for item in mine.values() for other in item.dependencies if other != item.name}
    held |= mine.keys() - wanted - declared
    reached = _reached(held | (declared & mine.keys()), mine)
    for left in sorted(mine):  # of what is required in a circle only, the first by name brings the rest
        if left not in reached:
            held.add(left)
            reached |= _reached({left}, mine)
    return frozenset(held)


def _decides(item: LockedPackage, query: Query, default: str) -> bool:
    """Tell whether the choice of a package is one that uv would not come to by itself."""
    if not _is_of_index(item) or item.version is None:
        return True
    elsewhere = _plain(item.distribution.index) != default
    return elsewhere or item.version.is_prerelease or is_gpu_stack(item.name, item.version, query)


def _differs(item: LockedPackage, all_chosen: Iterable[Sequence[LockedPackage]]) -> bool:
    return any(
        other.name == item.name
        and (other.version != item.version or other.distribution.reference != item.distribution.reference)
        for these in all_chosen
        for other in these
    )


def _reached(names: Iterable[str], packages: Mapping[str, LockedPackage]) -> set[str]:
    found = set[str]()
    pending = [*names]
    while pending:
        name = pending.pop()
        if name in packages and name not in found:
            found.add(name)
            pending.extend(packages[name].dependencies)
    return found


def _asked(lock: Pylock) -> dict[str, frozenset[str]] | None:
    """Return by name the extras that were asked for; None where a lock does not tell, or not by name.

    What an extra brings is lost where it is not named, so such a lock is held as a whole.
    """
    tool = told(lock)
    asked: dict[str, frozenset[str]] = {}
    for text in (*tool.get("requirements", ()), *tool.get("if-supported", ())):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return None
        name = canonicalize_name(requirement.name)
        asked[name] = asked.get(name, frozenset()) | requirement.extras
    return asked or None


def _requirement(item: LockedPackage, extras: AbstractSet[str]) -> str:
    name = f"{item.name}[{','.join(sorted(extras))}]" if extras else item.name
    if _is_of_index(item):
        return f"{name}=={item.version}"
    # A path has its place in the sources: the standard has no relative one for a requirement.
    return name if _is_path(item) else f"{name} @ {item.distribution.reference or item.distribution.url}"


def _is_of_index(item: LockedPackage) -> bool:
    """Tell whether an index serves it: neither a direct reference, nor a file that no index has."""
    return item.distribution.reference is None and bool(item.distribution.index)


def _is_path(item: LockedPackage) -> bool:
    reference = item.distribution.reference
    if reference is None:
        return not item.distribution.index and "://" not in item.distribution.url
    return reference.kind is ReferenceKind.DIRECTORY or "://" not in reference.url


def _environments(lock: Pylock, python: str) -> Iterator[str]:
    bounds = [f"python_full_version {_condition(part)}" for part in python.split(",") if part]
    for marker in lock.environments or ():
        yield " and ".join([str(marker).replace('"', "'"), *bounds])


def _condition(specifier: str) -> str:
    operator = re.match(r"[<>=!~]+", specifier)
    start = operator.end() if operator else 0
    return f"{specifier[:start]} '{specifier[start:].strip()}'"


def _target(lock: Pylock) -> Target:
    """Return the target that a lock tells of; without one, what knowledge has of x86_64 counts."""
    return locked_target(lock) or Target(platform=Platform(), python=Version("3.11"))


# -- indexes and sources ------------------------------------------------------


def _plain(url: str) -> str:
    return url.rstrip("/")


def _used(all_chosen: Iterable[Sequence[LockedPackage]]) -> Counter[str]:
    """Count what comes from each index."""
    return Counter(
        _plain(item.distribution.index) for these in all_chosen for item in these if _is_of_index(item)
    )


def _default_index(all_chosen: Iterable[Sequence[LockedPackage]], configured: str) -> str:
    used = _used(all_chosen)
    if _plain(configured) in used or not used:
        return _plain(configured)
    plain = {url: count for url, count in used.items() if not _LABEL.fullmatch(url.rpartition("/")[2])}
    return max(sorted(plain), key=lambda url: plain[url]) if plain else _plain(configured)


def _named_indexes(all_chosen: Iterable[Sequence[LockedPackage]], default: str) -> tuple[UvIndex, ...]:
    found: dict[str, str] = {}
    for url in sorted(_used(all_chosen)):
        if url != default:
            base = name = _index_name(url)
            number = 1
            while name in found:
                number += 1
                name = f"{base}-{number}"
            found[name] = url
    return tuple(UvIndex(name=name, url=url) for name, url in found.items())


def _index_name(url: str) -> str:
    parts = urlsplit(url)
    label = parts.path.rpartition("/")[2]
    if _LABEL.fullmatch(label):
        return f"pytorch-{label}"
    words = [part for part in parts.path.split("/") if part and part != "simple"]
    return (
        re.sub(r"[^A-Za-z0-9]+", "-", "-".join([parts.hostname or "", *words])).strip("-").lower() or "index"
    )


def _sources(
    named: Sequence[Named],
    chosen: Mapping[str, Sequence[LockedPackage]],
    held: Mapping[str, AbstractSet[str]],
    indexes: Sequence[UvIndex],
) -> Iterator[UvSource]:
    names = {index.url: index.name for index in indexes}
    pairs = [(item, one.name) for one in named for item in chosen[one.name] if item.name in held[one.name]]
    for item, extra in sorted(pairs, key=lambda pair: pair[0].name):
        if _is_path(item):
            reference = item.distribution.reference
            inside = reference.subdirectory if reference is not None else None
            yield UvSource(
                package=item.name,
                extra=extra,
                path="/".join(filter(None, (item.distribution.url, inside))),
                editable=reference is not None and reference.editable,
            )
        elif _is_of_index(item) and _plain(item.distribution.index) in names:
            yield UvSource(package=item.name, extra=extra, index=names[_plain(item.distribution.index)])
