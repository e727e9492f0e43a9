"""Random small worlds: packages, GPUs and demands in a form of their own, and as the resolver sees them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.knowledge.files import Files
from envfit.knowledge.hardware import named_target
from envfit.knowledge.load import load_files
from envfit.knowledge.model import Condition, KnowledgeBase, Rule
from envfit.knowledge.query import Query
from envfit.requirement import Requirement
from envfit.resolve.provider import World
from envfit.selection.preferences import Preferences
from tests.resolve.worlds import AXES, MemorySource, asked

CUDA_VALUES = (11, 12, 13)  # of the choice __world_cuda
CAPABILITIES = (7, 8, 9)
EXTRAS = ("x", "y")

# Markers, and whether they hold for CPython 3.11 on linux x86_64.
MARKERS = {
    "python_version >= '3.9'": True,
    "sys_platform == 'linux' and platform_machine == 'x86_64'": True,
    "python_full_version < '3.9'": False,
    "sys_platform == 'win32' or implementation_name == 'pypy'": False,
}
# Facts beside the capability of GPUs, and whether they hold with and without a GPU.
# None: the fact is absent, which fails what requires it and not what it constrains.
FACTS: dict[str, tuple[bool, bool | None]] = {
    "__glibc>=2.17": (True, True),
    "__glibc>=2.90": (False, False),
    "__cuda_driver>=450": (True, None),
    "__cuda_driver>=9999": (False, None),
}


@dataclass(frozen=True)
class Need:
    """A demand: any of these versions of a package, and perhaps extras of it."""

    name: str
    allowed: frozenset[int]
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Declared:
    """A need as metadata declares it: where its marker holds."""

    need: Need
    marker: str = ""
    always: bool = True  # it holds here without any extra
    with_extras: frozenset[str] = frozenset()  # each of these makes it hold


@dataclass
class Entry:
    """One version of a package, and everything that it demands."""

    declared: list[Declared] = field(default_factory=list)
    capability: int | None = None  # the lowest that every GPU must have
    needs_gpu: bool = True  # whether the capability is required, or only bounds GPUs that are there
    fact: str | None = None
    needs_fact: bool = True  # likewise
    cuda: frozenset[int] | None = None  # values of the choice
    requires: list[Need] = field(default_factory=list)  # by a rule
    constrains: list[Need] = field(default_factory=list)  # if that package is there
    excludes: list[str] = field(default_factory=list)
    prerelease: bool = False
    yanked: bool = False


@dataclass
class Small:
    """A small world, and what is asked of it."""

    packages: dict[str, dict[int, Entry]]
    gpus: tuple[int, ...]
    asked: list[Need]
    constraints: list[Need] = field(default_factory=list)
    pinned: dict[str, int] = field(default_factory=dict)  # by an existing lock
    lifted: frozenset[str] = frozenset()  # facts that no rule is held against

    def version(self, name: str, number: int) -> str:
        """Return how a version is written."""
        entry = self.packages.get(name, {}).get(number)
        return f"{number}rc1" if entry is not None and entry.prerelease else str(number)

    def bounds(self, need: Need) -> tuple[int, ...]:
        """Return the lowest and highest version that a need writes down; none where it takes any."""
        if need.name in self.packages and need.allowed >= self.packages[need.name].keys():
            return ()
        return tuple(sorted({min(need.allowed), max(need.allowed)}))

    def text(self, need: Need) -> str:
        """Write a need as a requirement."""
        extras = f"[{','.join(sorted(need.extras))}]" if need.extras else ""
        bounds = [self.version(need.name, number) for number in self.bounds(need)]
        if len(bounds) < 2:
            return need.name + extras + "".join(f"=={bound}" for bound in bounds)
        gaps = [
            number for number in range(min(need.allowed), max(need.allowed)) if number not in need.allowed
        ]
        holes = "".join(f",!={self.version(need.name, number)}" for number in gaps)
        return f"{need.name}{extras}>={bounds[0]},<={bounds[1]}{holes}"

    def number(self, version: Version) -> int:
        """Return the number that a version was written for."""
        return version.major


# -- random worlds ------------------------------------------------------------


def small_world(seed: int) -> Small:
    """Return the world of a seed: by its lowest bits acyclic or cyclic, loose or full of pins, sparse or dense."""
    return _Maker(seed).world()


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.cyclic = bool(seed & 1)
        self.pins = 0.7 if seed & 2 else 0.15
        self.dense = bool(seed & 4)
        # Dense worlds are about versions: more of them, more demands, and less of everything else.
        self.names = [f"p{number}" for number in range(self.rng.randint(3, 7 if self.dense else 6))]
        self.counts = {name: self.rng.randint(1, 5 if self.dense else 4) for name in self.names}

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def rarely(self, probability: float) -> bool:
        return self.chance(probability / 4 if self.dense else probability)

    def world(self) -> Small:
        packages = {
            name: {number: self.entry(name) for number in range(1, self.counts[name] + 1)}
            for name in self.names
        }
        gpus = tuple(self.rng.sample(CAPABILITIES, self.rng.choice((0, 1, 1, 2, 2, 3))))
        goals = [self.need(name) for name in self.rng.sample(self.names, self.rng.randint(1, 3))]
        if self.chance(0.05):
            goals.append(self.need(goals[0].name))  # the same name twice
        world = Small(packages, gpus, goals)
        if self.chance(0.2):
            names = self.rng.sample(self.names, self.rng.randint(1, 2))
            world.constraints = [replace(self.need(name), extras=frozenset()) for name in names]
        if self.chance(0.25):
            for name in self.rng.sample(self.names, self.rng.randint(1, len(self.names))):
                world.pinned[name] = self.rng.randint(1, self.counts[name] + self.chance(0.1))
        return world

    def entry(self, name: str) -> Entry:
        place = self.names.index(name)
        others = [other for other in self.names if other != name] if self.cyclic else self.names[place + 1 :]
        entry = Entry(prerelease=self.rarely(0.06), yanked=self.rarely(0.06))
        if others:
            count = min(len(others), self.rng.choice((0, 1, 2, 2, 3) if self.dense else (0, 1, 1, 2)))
            entry.declared = [self.plain(self.need(other)) for other in self.rng.sample(others, count)]
            if self.rarely(0.3):
                entry.declared.append(self.optional(self.need(self.rng.choice(others))))
            if self.rarely(0.05):
                entry.requires = [self.bare(self.rng.choice(others))]
            if self.rarely(0.12):
                entry.constrains = [self.bare(self.rng.choice(others))]
            if self.rarely(0.06):
                entry.excludes = [self.rng.choice(others)]
        if self.rarely(0.08):
            # An extra of its own that asks for the other one, as a package's "all" does.
            entry.declared.append(
                self.optional(Need(name, frozenset(range(1, 9)), frozenset({self.rng.choice(EXTRAS)})))
            )
        if self.cyclic and self.rarely(0.02):
            entry.declared.append(self.plain(self.need(name)))  # a package that requires itself
        if self.rarely(0.12):
            entry.capability, entry.needs_gpu = self.rng.choice(CAPABILITIES), self.chance(0.5)
        if self.rarely(0.04):
            entry.fact, entry.needs_fact = self.rng.choice(list(FACTS)), self.chance(0.5)
        if self.rarely(0.2):
            entry.cuda = frozenset(self.rng.sample(CUDA_VALUES, self.rng.randint(1, 2)))
        return entry

    def need(self, name: str) -> Need:
        # One more than exists: some demands fit nothing.
        versions = range(1, self.counts[name] + (2 if self.chance(0.1) else 1))
        size = 1 if self.chance(self.pins) else self.rng.randint(1, len(versions))
        extras = [extra for extra in EXTRAS if self.rarely(0.1)]
        return Need(name, frozenset(self.rng.sample(versions, size)), frozenset(extras))

    def bare(self, name: str) -> Need:
        return replace(self.need(name), extras=frozenset())

    def plain(self, need: Need) -> Declared:
        if self.chance(0.75):
            return Declared(need)
        marker = self.rng.choice(list(MARKERS))
        return Declared(need, marker, always=MARKERS[marker])

    def optional(self, need: Need) -> Declared:
        extra, marker = self.rng.choice(EXTRAS), self.rng.choice(list(MARKERS))
        only = f"extra == '{extra}'"
        kind = self.rng.randrange(5)
        if kind == 0:
            here = frozenset({extra}) if MARKERS[marker] else frozenset()
            return Declared(need, f"{only} and ({marker})", always=False, with_extras=here)
        if kind == 1:
            return Declared(
                need, f"{marker} or {only}", always=MARKERS[marker], with_extras=frozenset({extra})
            )
        if kind == 2:
            either = " or ".join(f"extra == '{name}'" for name in EXTRAS)
            return Declared(need, either, always=False, with_extras=frozenset(EXTRAS))
        return Declared(need, only, always=False, with_extras=frozenset({extra}))


# -- as the resolver sees them ------------------------------------------------


@lru_cache
def axes() -> KnowledgeBase:
    """Return the real axes, with one more choice, and nothing else."""
    contents = {f"axes/{path.name}": path.read_bytes() for path in sorted(AXES.glob("*.toml"))}
    knowledge = load_files(Files(contents=contents, digest="axes"))
    some = next(iter(knowledge.choices.values()))
    choice = replace(some, name="__world_cuda", values=tuple(Version(str(value)) for value in CUDA_VALUES))
    return replace(knowledge, choices={choice.name: choice})


def rules_of(world: Small) -> Iterator[Rule]:
    """Yield the rules that say what the entries of a world do."""
    demands: dict[str, Any]
    for name, versions in world.packages.items():
        for number, entry in versions.items():
            said: list[tuple[str, str]] = [("requires", world.text(need)) for need in entry.requires]
            if entry.capability is not None:
                said.append(
                    ("requires" if entry.needs_gpu else "constrains", f"__capability>={entry.capability}.0")
                )
            if entry.fact is not None:
                said.append(("requires" if entry.needs_fact else "constrains", entry.fact))
            if entry.cuda is not None:
                said.append(("requires", world.text(Need("__world_cuda", entry.cuda))))
            said += [("constrains", world.text(need)) for need in entry.constrains]
            said += [("excludes", other) for other in entry.excludes]
            for position, (key, text) in enumerate(said):
                demands = {key: (text if key == "excludes" else condition(text),)}
                yield Rule(
                    id=f"{name}/{number}-{position}",
                    packages=(name,),
                    versions=SpecifierSet(f"=={world.version(name, number)}"),
                    why="A test says so.",
                    evidence=(),
                    file="",
                    **demands,
                )


def condition(text: str) -> Condition:
    """Return a condition as a rule states it."""
    name = text[: min((text.index(sign) for sign in "<=>" if sign in text), default=len(text))]
    return Condition(name=name, specifier=SpecifierSet(text.removeprefix(name)))


def world_of(small: Small) -> World:
    """Return a small world as the resolver sees it."""
    return World(*parts_of(small))


def parts_of(
    small: Small,
) -> tuple[MemorySource, Query, Sequence[Requirement], Preferences, Sequence[Requirement]]:
    """Return what a World is made of."""
    packages = {
        f"{name} {small.version(name, number)}{' yanked' if entry.yanked else ''}": [
            small.text(item.need) + (f"; {item.marker}" if item.marker else "") for item in entry.declared
        ]
        for name, versions in small.packages.items()
        for number, entry in versions.items()
    }
    knowledge = replace(axes(), rules=tuple(rules_of(small)))
    target = named_target(knowledge, [f"{gpu}.0" for gpu in small.gpus], python="3.11")
    pinned = {name: Version(small.version(name, number)) for name, number in small.pinned.items()}
    return (
        MemorySource(packages),
        Query(knowledge, target),
        asked(*map(small.text, small.asked)),
        Preferences(pinned=pinned),
        asked(*map(small.text, small.constraints), where="constraints.txt"),
    )
