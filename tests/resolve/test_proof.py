"""The check of the search's proofs: it accepts true ones, and no proof of what is not so."""

from __future__ import annotations

from copy import deepcopy

import pytest

from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve import solver
from envfit.resolve.proof import proves_impossible
from envfit.resolve.provider import World
from envfit.resolve.search import Contradiction, Search
from envfit.resolve.statement import Statement
from envfit.selection.preferences import Preferences
from tests.resolve.brute_force import solvable
from tests.resolve.small_worlds import Small, axes, small_world, world_of
from tests.resolve.worlds import MemorySource, asked


def proof_in(world: World) -> Statement | None:
    """Return the search's proof that nothing fits, or None where something does."""
    try:
        Search(world, world.root_demands(), budget=solver.BUDGET).run()
    except Contradiction as found:
        return found.proof
    return None


def relaxed(small: Small) -> Small | None:
    """Return the world with one demand less, so that it has a solution; None where none alone does that."""
    for name, versions in small.packages.items():
        for number, entry in versions.items():
            for position in range(len(entry.declared)):
                other = deepcopy(small)
                del other.packages[name][number].declared[position]
                if solvable(other, other.asked):
                    return other
    return None


def test_a_proof_holds_in_its_world_and_not_where_there_is_a_solution() -> None:
    refused = 0
    for seed in range(200):
        small = small_world(seed)
        world = world_of(small)
        proof = proof_in(world)
        assert (proof is None) == solvable(small, small.asked), f"seed {seed}"
        if proof is None:
            continue
        assert proves_impossible(world, world.root_demands(), proof), f"seed {seed}"
        other = relaxed(small)
        if other is not None:
            world = world_of(other)
            assert not proves_impossible(world, world.root_demands(), proof), f"seed {seed}"
            refused += 1
    assert refused > 20


IMPOSSIBLE = {"a 2": ["c==2"], "a 1": ["c==2"], "b 1": ["c==1"], "c 2": [], "c 1": []}


def small(packages: dict[str, list[str]]) -> World:
    query = Query(axes(), named_target(axes(), []))
    return World(MemorySource(packages), query, asked("a", "b"), Preferences())


@pytest.mark.parametrize(
    ("package", "requires"), [("a 1", []), ("b 1", []), ("a 3", []), ("b 2", ["c"]), ("a 1", ["c"])]
)
def test_a_proof_that_leaves_something_out_is_refused(package: str, requires: list[str]) -> None:
    proof = proof_in(small(IMPOSSIBLE))
    assert proof is not None
    world = small({**IMPOSSIBLE, package: requires})
    assert not proves_impossible(world, world.root_demands(), proof)


def statements(proof: Statement) -> list[Statement]:
    """Return every statement that a proof rests on."""
    return [proof, *(each for _, below in proof.steps for each in statements(below))]


def test_a_step_that_does_not_follow_is_refused() -> None:
    world = small(IMPOSSIBLE)
    roots = world.root_demands()
    proof = proof_in(world)
    assert proof is not None
    assert proves_impossible(world, roots, proof)
    asked_for = Statement({"a": 1}, demander=None)
    demanded = next(each for each in statements(proof) if each.demander == "b")
    assert not proves_impossible(world, roots, asked_for), "it excludes a state of a, not everything"
    for wrong in (
        Statement({}),  # of nothing
        Statement({}, demander="b"),
        Statement({}, steps=(("", asked_for),)),  # less than it says
        Statement({}, steps=(("", demanded), ("b", asked_for))),
        Statement({}, steps=(("", asked_for), ("a", Statement({"a": -2})))),  # from what is not so
        Statement({}, steps=(("", asked_for), ("a", Statement({"a": -2}, demander="a")))),
        Statement({}, steps=(("", asked_for), ("a", Statement({"a": 0b110, "c": -1}, demander="c")))),
    ):
        assert not proves_impossible(world, roots, wrong)


def test_each_statement_of_a_proof_counts() -> None:
    world = small(IMPOSSIBLE)
    roots = world.root_demands()
    proof = proof_in(world)
    assert proof is not None
    for each in statements(proof):
        for name, states in each.states.items():
            # One state more is excluded than is so, or than follows.
            for more in range(len(world.candidates(name)) + 1):
                if not states >> more & 1:
                    each.states[name] = states | 1 << more
                    if each.steps or name != each.demander or not more:
                        assert not proves_impossible(world, roots, proof)
            each.states[name] = states
    assert proves_impossible(world, roots, proof)


def test_a_proof_that_does_not_hold_leaves_it_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small(IMPOSSIBLE)
    monkeypatch.setattr(solver, "proves_impossible", lambda *_: False)
    outcome = solver.solve(world, world.root_demands())
    assert isinstance(outcome, solver.Undecided)
    assert "proof" in outcome.reason
