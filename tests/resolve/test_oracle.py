"""Random small worlds against brute force: no false "impossible", no wrong pins, and the best ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Declared as DeclaredRequirement
from envfit.distribution import Wheel
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.requirement import Requirement
from envfit.resolve.explain import explain
from envfit.resolve.provider import World
from envfit.resolve.resolution import Resolution, build_resolution
from envfit.resolve.solver import Impossible, Solved, solve
from envfit.resolve.verify import verify
from envfit.selection.preferences import Preferences
from envfit.target import Fact
from tests.resolve.brute_force import admits, has_what_is_meant, holds, needed, solutions, solvable, standing
from tests.resolve.small_worlds import Declared, Entry, Need, Small, axes, small_world, world_of
from tests.resolve.worlds import INDEX, MemorySource, asked

WORLDS = 400
ALL_WORLDS = 60_000  # of the slow suite
CHUNKS = 10
ALL_CHUNKS = 60


def resolved(world: World) -> Resolution | None:
    """Return a resolution, or None where it is proved impossible."""
    roots = world.root_demands()
    outcome = solve(world, roots)
    assert isinstance(outcome, (Solved, Impossible)), outcome
    if isinstance(outcome, Impossible):
        return None
    return build_resolution(world, roots, outcome.pins)


def check_world(seed: int) -> str:
    """Hold one world against the oracle; return "solved" or "impossible"."""
    small = small_world(seed)
    world = world_of(small)
    resolution = resolved(world)
    every = list(solutions(small, small.asked))
    assert (resolution is not None) == bool(every), f"seed {seed}"
    if resolution is None:
        check_core(small, world)
        return "impossible"
    pins, extras = read(resolution)
    assert pins in every, f"seed {seed}"
    assert standing(small, pins) == max(standing(small, other) for other in every), f"seed {seed}"
    assert (set(pins), extras) == needed(small, pins, small.asked), f"seed {seed}"
    assert verify(resolution, world.query) == (), f"seed {seed}"
    for mutated in mutations(resolution, world):
        pins, extras = read(mutated)
        right = holds(small, pins, extras, small.asked) and (set(pins), extras) == needed(
            small, pins, small.asked
        )
        # What policy keeps out is the search's to leave out; the check knows no policy.
        assert (verify(mutated, world.query) == ()) == right or not lawful(small, pins), f"seed {seed}"
    return "solved"


def read(resolution: Resolution) -> tuple[dict[str, int], dict[str, frozenset[str]]]:
    """Return the pins of a resolution and their extras in the oracle's words."""
    pins = {pin.name: pin.version.major for pin in resolution.pins}
    return pins, {pin.name: pin.extras for pin in resolution.pins if pin.extras}


def lawful(small: Small, pins: Mapping[str, int]) -> bool:
    """Tell whether no pin is a pre-release or a yanked file, and each has the extras that are meant."""
    return all(has_what_is_meant(small, pins, need) for need in small.asked) and not any(
        entry.prerelease or entry.yanked
        for entry in (small.packages[name][number] for name, number in pins.items())
    )


def check_core(small: Small, world: World) -> None:
    """What an explanation names excludes every solution, and nothing of it is there in vain."""
    explanation = explain(world, world.root_demands())
    assert explanation.core
    core = [*explanation.core, *explanation.constraints, *explanation.facts]
    assert not solvable(*only(small, world, core))
    for needless in core:
        fewer = [member for member in core if member is not needless]
        assert solvable(*only(small, world, fewer)), f"{needless} is needless"


def only(small: Small, world: World, members: Sequence[Requirement | Fact]) -> tuple[Small, list[Need]]:
    """Return a small world in which some of what is asked, bounded and known counts, and what is asked."""
    wants = dict(zip(world.requirements, small.asked, strict=True))
    bounds = dict(zip(world.constraints, small.constraints, strict=True))
    known = {fact.name for fact in members if isinstance(fact, Fact)}
    every = {
        "GPU",
        "__glibc",
        "__cuda_driver",
        *(f"compute capability of capability {gpu}.0" for gpu in small.gpus),
    }
    reduced = replace(
        small,
        constraints=[bound for said, bound in bounds.items() if said in members],
        lifted=frozenset(every - known),
    )
    return reduced, [want for said, want in wants.items() if said in members]


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
    assert {"solved", "impossible"} == set(answers)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(ALL_CHUNKS))
def test_many_random_worlds(chunk: int) -> None:
    for seed in range(WORLDS + chunk, WORLDS + ALL_WORLDS, ALL_CHUNKS):
        check_world(seed)


def test_the_random_worlds_hold_what_they_are_there_for() -> None:
    """Every kind of thing is in the default run, and in worlds that have an answer."""
    seen: set[str] = set()
    for seed in range(WORLDS):
        small = small_world(seed)
        best = next(solutions(small, small.asked), None)
        if best is None:
            continue
        _, extras = needed(small, best, small.asked)
        entries = [small.packages[name][number] for name, number in best.items()]
        declared = [item for entry in entries for item in entry.declared]
        kinds = {
            "no gpu": not small.gpus,
            "several gpus": len(small.gpus) > 1,
            "choice": sum(entry.cuda is not None for entry in entries) > 1,
            "capability": any(entry.capability for entry in entries),
            "fact": any(entry.fact for entry in entries),
            "requires": any(entry.requires for entry in entries),
            "constrains": any(entry.constrains for entry in entries),
            "excludes": any(entry.excludes for entry in entries),
            "two extras of one package": any(len(names) > 1 for names in extras.values()),
            "a marker that holds": any(item.marker and item.always for item in declared),
            "a marker that does not hold": any(not item.always and not item.with_extras for item in declared),
            "an extra of an extra": any(
                item.need.name == name and item.with_extras & extras.get(name, frozenset())
                for name, number in best.items()
                for item in small.packages[name][number].declared
            ),
            "constraint": any(need.name in best for need in small.constraints),
            "pre-release": any(entry.prerelease for entry in entries),
            "yanked": any(entry.yanked for entry in entries),
            "pinned": any(best.get(name) == number for name, number in small.pinned.items()),
            "pinned in vain": any(
                name in best and best[name] != number for name, number in small.pinned.items()
            ),
        }
        seen |= {kind for kind, there in kinds.items() if there}
    assert seen == set(kinds)


def test_the_oracle_itself_knows_a_solvable_and_an_impossible_world() -> None:
    packages = {
        "a": {1: Entry(declared=[Declared(Need("b", frozenset({1})))]), 2: Entry(capability=9)},
        "b": {1: Entry(cuda=frozenset({12})), 2: Entry()},
    }
    small = Small(packages, (8,), [Need("a", frozenset({1, 2}))])
    assert list(solutions(small, small.asked)) == [{"a": 1, "b": 1}]
    assert standing(small, {"a": 1}) < standing(small, {"a": 2})
    assert not holds(small, {"a": 2}, {}, small.asked)
    assert not holds(small, {"a": 1, "b": 2}, {}, small.asked)
    assert not solvable(small, [*small.asked, Need("b", frozenset({2}))])
    packages["a"][1].cuda = frozenset({13})
    assert not solvable(small, small.asked)


@pytest.mark.parametrize(
    ("bound", "prerelease", "yanked", "pinned", "admitted"),
    [
        ({1, 2, 3}, False, False, None, True),
        ({1, 2, 3}, True, False, None, False),  # any version will do: no pre-release is named
        ({2, 3}, True, False, None, True),
        ({3}, False, True, None, True),
        ({2, 3}, False, True, None, False),
        ({1, 2, 3}, True, True, 3, True),
    ],
)
def test_the_oracle_states_the_policy(
    bound: set[int], prerelease: bool, yanked: bool, pinned: int | None, admitted: bool
) -> None:
    packages = {"a": {1: Entry(), 2: Entry(), 3: Entry(prerelease=prerelease, yanked=yanked)}}
    need = Need("a", frozenset(bound))
    small = Small(packages, (), [need], pinned={"a": pinned} if pinned else {})
    assert admits(small, need, 3) is admitted


def small_resolution() -> tuple[Resolution, World]:
    packages = {"app 1": ["lib<2"], "lib 1": [], "lib 2": []}
    query = Query(axes(), named_target(axes(), []))
    world = World(MemorySource(packages), query, asked("app"), Preferences())
    resolution = resolved(world)
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
    if change == "nothing requires it":
        assert lib.metadata is not None
        ring = replace(lib, metadata=replace(lib.metadata, requires=(DeclaredRequirement("lib"),)))
        return replace(resolution, requirements=(), pins=(ring,))
    pins = (app, lib, lib) if change == "pinned twice" else (app, changed[change])
    return replace(resolution, pins=pins)


def test_verify_refuses_a_file_of_an_index_that_its_name_is_not_routed_to() -> None:
    resolution, world = small_resolution()
    assert verify(resolution, world.query, lambda _: [INDEX]) == ()
    faults = verify(resolution, world.query, lambda name: [] if name == "lib" else [INDEX])
    assert len(faults) == 1
    assert faults[0].endswith(f"is from {INDEX}, which lib is not routed to")


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
        "nothing requires it",
    ],
)
def test_verify_refuses(change: str) -> None:
    resolution, world = small_resolution()
    assert verify(resolution, world.query) == ()
    assert verify(pin_of_lib(resolution, world, change), world.query) != ()
