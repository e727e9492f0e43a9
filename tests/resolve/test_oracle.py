"""Random small worlds against brute force: no false "impossible", no wrong pins, no fault unseen.

300 worlds by default; ENVFIT_ORACLE_WORLDS=20000 for a long run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Wheel
from envfit.knowledge.hardware import named_target
from envfit.knowledge.load import load
from envfit.knowledge.model import Condition, KnowledgeBase, Rule
from envfit.knowledge.query import Query
from envfit.resolve.explain import explain
from envfit.resolve.provider import World
from envfit.resolve.resolution import Resolution, build_resolution
from envfit.resolve.selection import Preferences
from envfit.resolve.solver import ENGINE_ROUNDS, Impossible, Solved, solve
from envfit.resolve.verify import verify
from tests.resolve.worlds import AXES, MemorySource, asked

WORLDS = int(os.environ.get("ENVFIT_ORACLE_WORLDS", "300"))
CHUNKS = 10
CUDA_VALUES = (11, 12, 13)  # of the choice __world_cuda
CAPABILITIES = (7, 8, 9)


@dataclass(frozen=True)
class Need:
    """A demand: any of these versions of a package, and perhaps its extra ``x``."""

    name: str
    allowed: frozenset[int]
    extra: bool = False

    @property
    def text(self) -> str:
        low, high = min(self.allowed), max(self.allowed)
        gaps = "".join(f",!={value}" for value in range(low, high) if value not in self.allowed)
        bounds = f"=={low}" if low == high else f">={low},<={high}{gaps}"
        return f"{self.name}{'[x]' if self.extra else ''}{bounds}"


@dataclass
class Entry:
    """One version of a package, and everything that it demands."""

    needs: list[Need] = field(default_factory=list)
    needs_of_extra: list[Need] = field(default_factory=list)
    capability: int | None = None  # the lowest that every GPU must have
    cuda: frozenset[int] | None = None  # values of the choice
    constrains: list[Need] = field(default_factory=list)  # if that package is there
    excludes: list[str] = field(default_factory=list)


@dataclass
class Small:
    """A small world, and what is asked of it."""

    packages: dict[str, dict[int, Entry]]
    gpus: tuple[int, ...]
    asked: list[Need]


# -- the oracle ---------------------------------------------------------------


def holds(world: Small, pins: Mapping[str, int], extras: Iterable[str], asked: Iterable[Need]) -> bool:
    """Tell whether pins satisfy what is asked, and all that each pin demands."""
    entries = {name: world.packages[name][version] for name, version in pins.items()}
    needs = [*asked]
    for name, entry in entries.items():
        needs += [*entry.needs, *(entry.needs_of_extra if name in extras else ())]
    return all(
        pins.get(need.name) in need.allowed and (need.name in extras or not need.extra) for need in needs
    ) and _rules_hold(world, pins, entries)


def _rules_hold(world: Small, pins: Mapping[str, int], entries: Mapping[str, Entry]) -> bool:
    for entry in entries.values():
        if entry.capability is not None and any(gpu < entry.capability for gpu in world.gpus):
            return False
        if any(need.name in pins and pins[need.name] not in need.allowed for need in entry.constrains):
            return False
        if any(name in pins for name in entry.excludes):
            return False
    wanted = [entry.cuda for entry in entries.values() if entry.cuda is not None]
    return not wanted or bool(frozenset.intersection(*wanted))


def solvable(world: Small, asked: Iterable[Need]) -> bool:
    """Try everything: plain backtracking over the demands that are still open."""

    def search(pins: dict[str, int], extras: frozenset[str], todo: tuple[Need, ...]) -> bool:
        if not todo:
            return holds(world, pins, extras, ())
        need, *rest = todo
        versions = need.allowed & world.packages[need.name].keys()
        for version in versions & {pins[need.name]} if need.name in pins else versions:
            entry = world.packages[need.name][version]
            new = [] if need.name in pins else entry.needs
            more = entry.needs_of_extra if need.extra and need.name not in extras else []
            grown = extras | {need.name} if need.extra else extras
            if search({**pins, need.name: version}, grown, (*rest, *new, *more)):
                return True
        return False

    return search({}, frozenset(), tuple(asked))


# -- random worlds ------------------------------------------------------------


def small_world(seed: int) -> Small:
    """Return the world of a seed: in turn acyclic, cyclic, and either of them with many exact pins."""
    rng = random.Random(seed)
    cyclic, pins = seed % 2 == 1, 0.7 if seed % 4 >= 2 else 0.15
    names = [f"p{number}" for number in range(rng.randint(3, 6))]
    packages = {name: {v: Entry() for v in range(1, rng.randint(2, 4) + 1)} for name in names}

    def need(name: str) -> Need:
        # One more than exists: some demands fit nothing.
        versions = range(1, len(packages[name]) + (2 if rng.random() < 0.1 else 1))
        size = 1 if rng.random() < pins else rng.randint(1, len(versions))
        return Need(name, frozenset(rng.sample(versions, size)), extra=rng.random() < 0.15)

    for position, name in enumerate(names):
        others = [n for n in names if n != name] if cyclic else names[position + 1 :]
        for entry in packages[name].values():
            if not others:
                continue
            entry.needs = [need(n) for n in rng.sample(others, min(len(others), rng.choice((0, 1, 1, 2))))]
            if rng.random() < 0.3:
                entry.needs_of_extra = [need(rng.choice(others))]
            if rng.random() < 0.15:
                entry.constrains = [replace(need(rng.choice(others)), extra=False)]
            if rng.random() < 0.08:
                entry.excludes = [rng.choice(others)]
        for entry in packages[name].values():
            if rng.random() < 0.15:
                entry.capability = rng.choice(CAPABILITIES)
            if rng.random() < 0.2:
                entry.cuda = frozenset(rng.sample(CUDA_VALUES, rng.randint(1, 2)))
    goals = [need(name) for name in rng.sample(names, rng.randint(1, 3))]
    return Small(packages, tuple(rng.sample(CAPABILITIES, rng.randint(1, 2))), goals)


@lru_cache
def axes() -> KnowledgeBase:
    """Return the real axes, with one more choice, and nothing else."""
    knowledge = load(_OnlyAxes())  # type: ignore[arg-type]
    some = next(iter(knowledge.choices.values()))
    choice = replace(some, name="__world_cuda", values=tuple(Version(str(value)) for value in CUDA_VALUES))
    return replace(knowledge, choices={choice.name: choice})


class _OnlyAxes:
    def __truediv__(self, name: str) -> Path:
        return AXES if name == "axes" else AXES / "none"


def rules_of(world: Small) -> Iterator[Rule]:
    """Yield the rules that say what the entries of a world do."""
    demands: dict[str, Any]
    for name, versions in world.packages.items():
        for version, entry in versions.items():
            conditions = []
            if entry.capability is not None:
                conditions.append(f"__capability>={entry.capability}.0")
            if entry.cuda is not None:
                conditions.append(Need("__world_cuda", entry.cuda).text)
            constrains = [need.text for need in entry.constrains]
            for key, texts in (
                ("requires", conditions),
                ("constrains", constrains),
                ("excludes", entry.excludes),
            ):
                for position, text in enumerate(texts):
                    demands = {key: (text if key == "excludes" else condition(text),)}
                    yield Rule(
                        id=f"{name}/{version}-{key}-{position}",
                        packages=(name,),
                        versions=SpecifierSet(f"=={version}"),
                        why="A test says so.",
                        evidence=(),
                        file="",
                        **demands,
                    )


def condition(text: str) -> Condition:
    name = text[: min(text.index(sign) for sign in "<=>" if sign in text)]
    return Condition(name=name, specifier=SpecifierSet(text.removeprefix(name)))


def world_of(small: Small) -> World:
    """Return a small world as the resolver sees it."""
    packages = {
        f"{name} {version}": [
            *(need.text for need in entry.needs),
            *(f"{need.text}; extra == 'x'" for need in entry.needs_of_extra),
        ]
        for name, versions in small.packages.items()
        for version, entry in versions.items()
    }
    knowledge = replace(axes(), rules=tuple(rules_of(small)))
    target = named_target(knowledge, [f"{gpu}.0" for gpu in small.gpus])
    requirements = asked(*(need.text for need in small.asked))
    return World(MemorySource(packages), Query(knowledge, target), requirements, Preferences())


# -- the tests ----------------------------------------------------------------


def resolved(world: World, engine_rounds: int) -> Resolution | None:
    """Return a resolution, or None where it is proved impossible."""
    roots = world.root_demands()
    outcome = solve(world, roots, engine_rounds=engine_rounds)
    assert isinstance(outcome, (Solved, Impossible)), outcome
    if isinstance(outcome, Impossible):
        return None
    return build_resolution(world, roots, outcome.pins, outcome.engine)


def check_world(seed: int, engine_rounds: int = ENGINE_ROUNDS) -> str:
    """Hold one world against the oracle; return the engine that answered, or "impossible"."""
    small = small_world(seed)
    world = world_of(small)
    resolution = resolved(world, engine_rounds)
    assert (resolution is not None) == solvable(small, small.asked), f"seed {seed}"
    if resolution is None:
        check_core(small, world)
        return "impossible"
    pins = {pin.name: int(str(pin.version)) for pin in resolution.pins}
    extras = {pin.name for pin in resolution.pins if pin.extras}
    assert holds(small, pins, extras, small.asked), f"seed {seed}"
    assert verify(resolution, world.query) == (), f"seed {seed}"
    for mutated in mutations(resolution, world):
        pins = {pin.name: int(str(pin.version)) for pin in mutated.pins}
        extras = {pin.name for pin in mutated.pins if pin.extras}
        assert (verify(mutated, world.query) == ()) == holds(small, pins, extras, small.asked), f"seed {seed}"
    return resolution.engine


def check_core(small: Small, world: World) -> None:
    """The requirements that an explanation names exclude each other, and none of them is there in vain."""
    by_text = dict(zip(world.requirements, small.asked, strict=True))
    core = [by_text[requirement] for requirement in explain(world, world.root_demands()).core]
    assert core
    assert not solvable(small, core)
    for needless in core:
        assert solvable(small, [need for need in core if need is not needless])


def mutations(resolution: Resolution, world: World) -> Iterator[Resolution]:
    """Yield resolutions with one pin dropped, at another version, or without its extras."""
    for position, pin in enumerate(resolution.pins):
        others = (*resolution.pins[:position], *resolution.pins[position + 1 :])
        yield replace(resolution, pins=others)
        if pin.extras:
            yield replace(resolution, pins=(*others, replace(pin, extras=frozenset())))
        for candidate in world.candidates(pin.name):
            if candidate.version != pin.version:
                other = replace(pin, candidate=candidate, metadata=world.metadata(candidate))
                yield replace(resolution, pins=(*others, other))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_worlds(chunk: int) -> None:
    answers = [check_world(seed) for seed in range(chunk, WORLDS, CHUNKS)]
    assert {"resolvelib", "impossible"} <= set(answers)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_worlds_with_the_complete_search_alone(chunk: int) -> None:
    answers = [check_world(seed, engine_rounds=0) for seed in range(chunk, WORLDS, CHUNKS)]
    assert {"nab-resolver", "impossible"} == set(answers)


# Inputs on which resolvelib 1.2.1 alone is wrong; the answer is known.
@pytest.mark.parametrize(
    ("packages", "root", "answer"),
    [
        pytest.param(
            {
                "p0 1": [],
                "p0 2": ["p2==2"],
                "p1 1": [],
                "p1 2": ["p0==2"],
                "p2 1": ["p1<=2"],
                "p2 2": ["p1==3"],
            },
            "p2",
            {"p1": "1", "p2": "1"},
            id="false impossible (upstream issue 206)",
        ),
        pytest.param(
            {
                "p0 1": ["p1==2"],
                "p0 2": [],
                "p1 1": [],
                "p1 2": ["p0==1", "p2==1"],
                "p2 1": [],
                "p2 2": ["p1==2"],
            },
            "p2",
            {"p2": "1"},
            id="endless recursion",
        ),
        pytest.param(
            {
                "p0 1": [],
                "p0 2": ["p1", "p2==1"],
                "p1 1": ["p2==1"],
                "p1 2": ["p0==1"],
                "p2 1": [],
                "p2 2": ["p1==2", "p0==2"],
            },
            "p2",
            {"p2": "1"},
            id="wrong pins",
        ),
    ],
)
@pytest.mark.parametrize("engine_rounds", [ENGINE_ROUNDS, 0])
def test_what_resolvelib_alone_gets_wrong_is_solved(
    packages: dict[str, list[str]], root: str, answer: dict[str, str], engine_rounds: int
) -> None:
    query = Query(axes(), named_target(axes(), []))
    world = World(MemorySource(packages), query, asked(root), Preferences())
    resolution = resolved(world, engine_rounds)
    assert resolution is not None
    assert {pin.name: str(pin.version) for pin in resolution.pins} == answer


def test_the_oracle_itself_knows_a_solvable_and_an_impossible_world() -> None:
    packages = {
        "a": {1: Entry(needs=[Need("b", frozenset({1}))]), 2: Entry(capability=9)},
        "b": {1: Entry(), 2: Entry()},
    }
    world = Small(packages, (7,), [])
    anything = Need("a", frozenset({1, 2}))
    assert solvable(world, [anything])
    assert not solvable(world, [anything, Need("b", frozenset({2}))])
    assert solvable(Small(packages, (9,), []), [anything, Need("b", frozenset({2}))])


# -- what verify must refuse besides ------------------------------------------


def small_resolution() -> tuple[Resolution, World]:
    packages = {"app 1": ["lib<2"], "lib 1": [], "lib 2": []}
    query = Query(axes(), named_target(axes(), []))
    world = World(MemorySource(packages), query, asked("app"), Preferences())
    resolution = resolved(world, ENGINE_ROUNDS)
    assert resolution is not None
    return resolution, world


def pin_of_lib(resolution: Resolution, world: World, change: str) -> Resolution:
    """Return a resolution whose pin of lib is changed in one way."""
    app, lib = resolution.pins
    distribution = lib.candidate.distribution
    assert isinstance(distribution, Wheel)
    newer = next(item for item in world.candidates("lib") if item.version == Version("2"))
    candidate = lib.candidate
    changed = {
        "another version, same file": replace(lib, candidate=replace(candidate, version=Version("1.5"))),
        "no file": replace(lib, candidate=replace(candidate, distribution=None)),
        "a file for another Python": replace(
            lib, candidate=replace(candidate, distribution=replace(distribution, tags=frozenset()))
        ),
        "a file that requires another Python": replace(
            lib,
            candidate=replace(
                candidate, distribution=replace(distribution, requires_python=SpecifierSet("<3"))
            ),
        ),
        "metadata of another version": replace(lib, metadata=world.metadata(newer)),
        "no metadata": replace(lib, metadata=None),
    }
    pins = (app, lib, lib) if change == "pinned twice" else (app, changed[change])
    return replace(resolution, pins=pins)


@pytest.mark.parametrize(
    "change",
    [
        "another version, same file",
        "no file",
        "a file for another Python",
        "a file that requires another Python",
        "metadata of another version",
        "no metadata",
        "pinned twice",
    ],
)
def test_verify_refuses(change: str) -> None:
    resolution, world = small_resolution()
    assert verify(resolution, world.query) == ()
    assert verify(pin_of_lib(resolution, world, change), world.query) != ()
