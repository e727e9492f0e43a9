"""The check of the engine's proofs: it accepts true ones, and no proof of what is not so."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from nab_resolver.errors import ResolutionError
from nab_resolver.resolver import Resolver
from nab_resolver.types import Incompatibility, IncompatibilityCause, RootRequirement, Term

from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve import solver
from envfit.resolve.proof import proves_impossible
from envfit.resolve.provider import World
from envfit.selection.positions import Positions
from envfit.selection.preferences import Preferences
from tests.resolve.brute_force import solvable
from tests.resolve.small_worlds import Small, axes, small_world, world_of
from tests.resolve.worlds import MemorySource, asked


def proof_in(world: World) -> Any:
    """Return the engine's proof that nothing fits, or None where something does."""
    roots = world.root_demands()
    provider = solver._Provider(world, roots)
    requirements = [RootRequirement(demand.name, demand.allowed) for demand in roots]
    try:
        Resolver(provider, range_type=Positions).resolve(requirements)
    except ResolutionError as error:
        return error.incompatibility
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
    world = small({**IMPOSSIBLE, package: requires})
    assert not proves_impossible(world, world.root_demands(), proof)


def test_a_step_that_does_not_follow_is_refused() -> None:
    world = small(IMPOSSIBLE)
    roots = world.root_demands()
    proof = proof_in(world)
    assert proves_impossible(world, roots, proof)
    fact = next(node for node in proof.walk() if node.cause is IncompatibilityCause.ROOT)
    for left, right in ((fact, fact), (fact, None), (None, None)):
        wrong = Incompatibility(proof.terms, IncompatibilityCause.DERIVED, cause_left=left, cause_right=right)
        assert not proves_impossible(world, roots, wrong)
    only_a = Incompatibility([Term("a", Positions.full())], IncompatibilityCause.DERIVED, proof, proof)
    assert not proves_impossible(world, roots, only_a), "it ends with a package, not with what is asked"
    unknown = Incompatibility(proof.terms, IncompatibilityCause.CONSTRAINT)
    assert not proves_impossible(world, roots, unknown)


def test_a_proof_that_does_not_hold_leaves_it_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small(IMPOSSIBLE)
    monkeypatch.setattr(solver, "proves_impossible", lambda *_: False)
    outcome = solver.solve(world, world.root_demands())
    assert isinstance(outcome, solver.Undecided)
    assert "proof" in outcome.reason
