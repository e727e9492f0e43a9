"""The honest outcomes: solved, impossible with reasons, undecided; and failures that are none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from envfit.distribution import Distribution, Metadata
from envfit.errors import SourceError, UndecidedError, UnknownPackageError
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.decide import Concede, Unsatisfied, resolve
from envfit.resolve.provider import World
from envfit.resolve.reason import span
from envfit.resolve.solver import BUDGET, Impossible, Solved, Undecided, solve
from envfit.selection.preferences import Preferences
from tests.resolve.worlds import MemorySource, asked, knowledge_of, rule

# Both need the other newest version of c, so the search has to turn back.
DIAMOND = {"a 2": ["c==2"], "a 1": ["c==1"], "b 2": ["c==1"], "b 1": ["c==1"], "c 2": [], "c 1": []}


@pytest.fixture
def query(tmp_path: Path) -> Query:
    """A target with one GPU of capability 7.0, and one rule."""
    knowledge = knowledge_of(
        tmp_path, {"new": {"rule": [rule("new/ampere", requires=["__capability>=8.0"])]}}
    )
    return Query(knowledge, named_target(knowledge, ["7.0"], python="3.11"))


def world(query: Query, packages: dict[str, list[str]], *texts: str) -> World:
    return World(MemorySource(packages), query, asked(*texts), Preferences())


@pytest.mark.parametrize(
    ("budget", "outcome"), [(1, Undecided), (4, Undecided), (100, Solved), (BUDGET, Solved)]
)
def test_a_budget_that_is_too_small_leaves_it_undecided(query: Query, budget: int, outcome: type) -> None:
    diamond = world(query, DIAMOND, "a", "b")
    assert isinstance(solve(diamond, diamond.root_demands(), budget=budget), outcome)


def test_no_budget_makes_impossible_of_undecided(query: Query) -> None:
    packages = {"a 1": ["c==1"], "a 2": ["c==1"], "b 1": ["c==2"], "b 2": ["c==2"], "c 1": [], "c 2": []}
    impossible = world(query, packages, "a", "b")
    roots = impossible.root_demands()
    assert isinstance(solve(impossible, roots), Impossible)
    assert isinstance(solve(impossible, roots, budget=1), Undecided)


def test_undecided_is_an_error_of_its_own_and_leaves_an_optional_package_out(
    query: Query,
) -> None:
    source = MemorySource({**DIAMOND, "tool 1": []})
    with pytest.raises(UndecidedError, match="not decided: 4 decisions were not enough"):
        resolve(source, query, asked("a", "b"), preferences=Preferences(), budget=4)
    resolution = resolve(
        source, query, asked("tool"), preferences=Preferences(), optional=asked("a", "b"), budget=4
    )
    assert {item.name for item in resolution.left_out} == {"b"}
    assert "not decided: 4 decisions" in resolution.left_out[0].reasons[0]


class _Failing(MemorySource):
    def metadata(self, distribution: Distribution) -> Metadata:
        raise SourceError(f"cannot reach the index for {distribution.name}")


def test_an_index_that_fails_ends_the_run(query: Query) -> None:
    with pytest.raises(SourceError, match="cannot reach the index for a"):
        resolve(_Failing({"a 2": [], "a 1": []}), query, asked("a"), preferences=Preferences())


def test_an_unknown_name_says_who_asked_for_it(query: Query) -> None:
    with pytest.raises(UnknownPackageError, match="no index in use has nope") as caught:
        resolve(MemorySource({"a 1": []}), query, asked("a", "nope>=2"), preferences=Preferences())
    assert caught.value.details == {"nope": "you ask for nope>=2 (the command line)"}
    with pytest.raises(UnknownPackageError):
        resolve(
            MemorySource({"a 1": []}), query, asked("a"), preferences=Preferences(), optional=asked("nope")
        )


def test_an_explanation_groups_versions_by_reason(query: Query) -> None:
    packages: dict[str, list[str]] = {f"new {version}": [] for version in range(1, 8)}
    with pytest.raises(Unsatisfied, match="nothing satisfies app on this target") as caught:
        resolve(MemorySource({"app 1": ["new"], **packages}), query, asked("app"), preferences=Preferences())
    texts = [str(group) for group in caught.value.explanation.groups]
    assert texts == ["app 1: it requires new", "new 1 to 7 (7 releases): Because of new/ampere. [new/ampere]"]
    reason = caught.value.explanation.groups[-1].reason
    assert reason.facts == ("compute capability of capability 7.0 7.0, from --gpu 7.0",)
    assert reason.evidence == ("docs: a manual, page 1 (checked 2026-01-01)",)


def test_two_branches_that_exclude_each_other_are_explained(query: Query) -> None:
    """The requirements alone do not say why: what each of them needs of c has to be named."""
    packages: dict[str, list[str]] = {"a 1": ["c==1"], "b 1": ["c==2"], "c 1": [], "c 2": []}
    with pytest.raises(Unsatisfied) as caught:
        resolve(MemorySource(packages), query, asked("a", "b"), preferences=Preferences())
    assert [str(item) for item in caught.value.explanation.core] == ["a", "b"]
    text = "\n".join(map(str, caught.value.explanation.groups))
    assert "c==1" in text
    assert "c==2" in text


@pytest.mark.parametrize("length", [20, 200])
def test_a_long_chain_of_requirements_is_solved_and_explained(query: Query, length: int) -> None:
    packages: dict[str, list[str]] = {f"p{n} 1": [f"p{n + 1}"] for n in range(length)}
    good = MemorySource({**packages, f"p{length} 1": []})
    assert len(resolve(good, query, asked("p0"), preferences=Preferences()).pins) == length + 1
    bad = MemorySource({**packages, f"p{length} 1": ["new"], "new 1": []})
    with pytest.raises(Unsatisfied) as caught:
        resolve(bad, query, asked("p0"), preferences=Preferences())
    assert str(caught.value.explanation.groups[-1]) == "new 1: Because of new/ampere. [new/ampere]"


def test_a_pin_carries_who_asked_for_it_and_what_it_needs(query: Query) -> None:
    source = MemorySource({"app 1": ["lib>=1"], "lib 1": ["part; extra == 'x'"], "part 1": []})
    resolution = resolve(source, query, asked("app", "lib[x]"), preferences=Preferences())
    lib = resolution.pin("lib")
    assert lib is not None
    assert [f"{item}: {item.origin}" for item in lib.requirements] == [
        "lib[x]: you ask for lib[x] (the command line)",
        "lib>=1: app 1 requires it",
    ]
    assert lib.extras == {"x"}
    assert lib.dependencies == ("part",)
    assert resolution.pin("nothing") is None


@pytest.mark.parametrize(
    ("concede", "before", "after", "allowed"),
    [
        (Concede.NONE, "2.0", "2.0", True),
        (Concede.NONE, "2.0", "2.1", True),
        (Concede.NONE, "2.1", "2.0", False),
        (Concede.NONE, "2.1+cu130", "2.1+cu126", True),  # the same release in another build is not lower
        (Concede.MINOR, "2.9", "2.0", True),
        (Concede.MINOR, "2.0", "1.9", False),
        (Concede.MINOR, "1!2.0", "2.0", False),
        (Concede.ANY, "2.0", "0.1", True),
    ],
)
def test_concede(concede: Concede, before: str, after: str, *, allowed: bool) -> None:
    assert concede.allows(Version(before), Version(after)) is allowed


@pytest.mark.parametrize(
    ("versions", "text"),
    [(["1.0"], "1.0"), (["2.0", "1.0"], "1.0 and 2.0"), (["3.0", "2.0", "1.0"], "1.0 to 3.0 (3 releases)")],
)
def test_span(versions: list[str], text: str) -> None:
    assert span([Version(version) for version in versions]) == text


def test_an_alternative_is_named_where_it_serves(tmp_path: Path) -> None:
    flash: dict[str, Any] = {
        "rule": [rule("flash/ampere", requires=["__capability>=8.0"])],
        "alternative": [
            {"name": "everywhere", "text": "Serves all.", "evidence": []},
            {"name": "turing", "text": "Serves 7.5 and newer.", "capability": ">=7.5", "evidence": []},
        ],
    }
    knowledge = knowledge_of(tmp_path, {"flash": flash})
    for gpu, names in (("7.0", ["everywhere"]), ("7.5", ["everywhere", "turing"])):
        resolution = resolve(
            MemorySource({"app 1": [], "flash 1": []}),
            Query(knowledge, named_target(knowledge, [gpu])),
            asked("app"),
            preferences=Preferences(),
            optional=asked("flash"),
        )
        assert [item.name for item in resolution.left_out[0].alternatives] == names


@pytest.mark.parametrize(("needs", "offered"), [("app", True), ("app<2", False), ("nowhere", False)])
def test_a_package_is_an_alternative_only_where_it_lowers_nothing(
    tmp_path: Path, needs: str, offered: bool
) -> None:
    flash: dict[str, Any] = {
        "rule": [rule("flash/ampere", requires=["__capability>=8.0"])],
        "alternative": [{"name": "other", "text": "Serves.", "package": "other", "evidence": []}],
    }
    knowledge = knowledge_of(tmp_path, {"flash": flash})
    resolution = resolve(
        MemorySource({"app 2": [], "app 1": [], "flash 1": [], "other 1": [needs]}),
        Query(knowledge, named_target(knowledge, ["7.0"])),
        asked("app"),
        preferences=Preferences(),
        optional=asked("flash"),
    )
    assert bool(resolution.left_out[0].alternatives) is offered


def test_the_order_in_which_an_index_lists_decides_nothing(query: Query) -> None:
    packages = {**DIAMOND, "c 1 sdist": [], "a 2 tag=cp311-cp311-manylinux_2_17_x86_64": ["c==2"]}
    results = [
        resolve(MemorySource(order), query, asked("a", "b"), preferences=Preferences()).pins
        for order in (packages, dict(reversed(packages.items())))
    ]
    assert results[0] == results[1]


def test_a_file_that_nobody_could_take_explains_nothing(query: Query) -> None:
    releases = {"lib 2": [], "lib 1": [], "lib 0.5 python<3.9": [], "lib 0.4": [], "app 1": ["lib<1"]}
    with pytest.raises(Unsatisfied) as caught:
        resolve(MemorySource(releases), query, asked("lib==2", "app==1"), preferences=Preferences())
    assert [str(group) for group in caught.value.explanation.groups] == ["app 1: it requires lib<1"]


def test_a_file_that_everybody_would_take_is_told(query: Query) -> None:
    releases = {"lib 2": [], "lib 1 python<3.9": [], "lib 0.5": [], "app 1": ["lib>=1"]}
    with pytest.raises(Unsatisfied) as caught:
        resolve(MemorySource(releases), query, asked("lib<2", "app==1"), preferences=Preferences())
    assert [str(group) for group in caught.value.explanation.groups] == [
        "app 1: it requires lib>=1",
        "lib 1: it requires Python <3.9",
    ]


def test_a_name_that_is_nearly_one_that_is_known_is_suggested_where_it_is_there(query: Query) -> None:
    with pytest.raises(UnknownPackageError) as there:
        resolve(MemorySource({"new 1": []}), query, asked("neew"), preferences=Preferences())
    assert there.value.hints == ("did you mean new?",)
    with pytest.raises(UnknownPackageError) as absent:
        resolve(MemorySource({"old 1": []}), query, asked("neew"), preferences=Preferences())
    assert absent.value.hints == ()
