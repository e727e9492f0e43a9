"""Prebuilt wheels in a resolution: builds of a release that require what they were compiled for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.distribution import Distribution, Listing, Metadata, Wheel
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.resolve.decide import Unsatisfied, resolve
from envfit.resolve.resolution import Resolution
from envfit.resolve.verify import verify
from envfit.selection.preferences import Preferences, Strategy
from envfit.target import NVCC, Fact, FactState
from tests.resolve.worlds import EVIDENCE, MemorySource, asked, knowledge_of, rule

CP312 = "cp312-cp312-manylinux_2_28_x86_64"
WORLD = {
    f"torch 2.7.0 tag={CP312} cuda=12.6 sass=80,90": [],
    f"torch 2.8.0 tag={CP312} cuda=12.8 sass=80,90": [],
    f"torch 2.9.0 tag={CP312} cuda=13.0 sass=80,90": [],
    "flash-attn 2.8.3 sdist": ["torch"],
    "flash-attn 2.8.3.post1 sdist": ["torch"],
    "flash-attn 2.7 sdist": ["torch"],
}
PREBUILT = {
    "versions": ">=2.8.3,<=2.8.3.post1",
    "url": "https://pages.example/v{version}/flash_attn-{version}%2Bcu{cuda}torch{torch}cxx11abi{abi}"
    "-cp{python}-cp{python}-{platform}.whl",
    "torch": ["2.8", "2.7", "2.10"],
    "cuda": ["12"],
    "abi": ["FALSE", "TRUE"],
    "pythons": ["3.12"],
    "platforms": ["linux-x86_64"],
    "evidence": EVIDENCE,
}
FLASH = {
    "prebuilt": [PREBUILT],
    "source_build": [{"versions": ">=2", "needs": ["torch"]}],
    "rule": [rule("flash-attn/nvcc", requires=["__nvcc>=12"], applies={"distributions": "sdist"})],
}
TORCH = {
    "cuda_choice": "__torch_cuda",
    "rule": [
        rule("torch/old-abi", requires=["__torch_cxx11_abi==0"], applies={"versions": "<2.8"}),
        rule("torch/new-abi", requires=["__torch_cxx11_abi==1"], applies={"versions": ">=2.8"}),
    ],
}


class Pages(MemorySource):
    """A source with a release page, of which all or some files are there."""

    def __init__(self, query: Query, missing: frozenset[str] = frozenset()) -> None:
        super().__init__(WORLD)
        self._query = query
        self._missing = missing
        self._out: set[str] = set()
        self.looked_for: list[str] = []

    def listing(self, name: str) -> tuple[Listing, ...]:
        listings = super().listing(name)
        releases = {item.version for listing in listings for item in listing.distributions}
        wheels = tuple(
            wheel.as_wheel()
            for release in sorted(releases, reverse=True)
            for wheel in self._query.prebuilt_of(name, release)
            if str(wheel.version) not in self._out
        )
        return (*listings, Listing(name=name, index="", distributions=wheels)) if wheels else listings

    def allowed(self, name: str) -> tuple[str, ...]:
        return (*super().allowed(name), "")

    def is_there(self, distributions: Iterable[Distribution]) -> bool:
        chosen = [str(item.version) for item in distributions if not item.index]
        self.looked_for += chosen
        self._out |= self._missing.intersection(chosen)
        return not self._missing.intersection(chosen)

    def metadata(self, distribution: Distribution) -> Metadata:
        if distribution.index:
            return super().metadata(distribution)
        source = next(
            item.metadata
            for item in self.releases
            if str(item.metadata.version) == distribution.version.public
            and item.metadata.name == "flash-attn"
        )
        return replace(source, version=distribution.version)


@pytest.fixture
def query(tmp_path: Path) -> Query:
    knowledge = knowledge_of(tmp_path, {"torch": TORCH, "flash-attn": FLASH}, MemorySource(WORLD).releases)
    return Query(knowledge, named_target(knowledge, ["H100"], python="3.12"))


def without_nvcc(query: Query) -> Query:
    absent = Fact(name=NVCC, state=FactState.ABSENT)
    target = replace(query.target, facts=(*(one for one in query.target.facts if one.name != NVCC), absent))
    return Query(query.knowledge, target)


def pins(resolution: Resolution) -> dict[str, str]:
    return {pin.name: str(pin.version) for pin in resolution.pins}


def found(source: Pages, query: Query, *texts: str, preferences: Preferences | None = None) -> dict[str, str]:
    return pins(resolve(source, query, asked(*texts), preferences=preferences or Preferences()))


def test_the_newest_torch_is_kept_and_the_package_built(query: Query) -> None:
    assert found(Pages(query), query, "torch", "flash-attn") == {
        "torch": "2.9.0",
        "flash-attn": "2.8.3.post1",
    }


def test_of_the_torch_that_is_asked_for_the_wheel_is_taken(query: Query) -> None:
    source = Pages(query)
    assert found(source, query, "torch<2.9", "flash-attn") == {
        "torch": "2.8.0",
        "flash-attn": "2.8.3.post1+cu12torch2.8cxx11abitrue",
    }
    assert source.looked_for == ["2.8.3.post1+cu12torch2.8cxx11abitrue"]


def test_the_abi_of_torch_decides_which_wheel(query: Query) -> None:
    assert found(Pages(query), query, "torch==2.7.0", "flash-attn")["flash-attn"] == (
        "2.8.3.post1+cu12torch2.7cxx11abifalse"
    )


def test_the_wheel_of_the_release_before_a_post_release_is_better_than_its_source(query: Query) -> None:
    source = Pages(query, missing=frozenset({"2.8.3.post1+cu12torch2.8cxx11abitrue"}))
    assert found(source, query, "torch<2.9", "flash-attn")["flash-attn"] == "2.8.3+cu12torch2.8cxx11abitrue"


def test_the_post_release_that_would_have_to_be_compiled_is_accounted_for(query: Query) -> None:
    source = Pages(query, missing=frozenset({"2.8.3.post1+cu12torch2.8cxx11abitrue"}))
    found = resolve(source, query, asked("torch==2.8.0", "flash-attn"), preferences=Preferences())
    told = {group.reason.sentence: list(map(str, group.versions)) for group in found.excluded}
    assert told["it would have to be compiled, and what is taken is a prebuilt wheel"] == ["2.8.3.post1"]
    assert not any("+cu12" in version for versions in told.values() for version in versions)


def test_what_is_not_there_is_built(query: Query) -> None:
    missing = {f"2.8.3{post}+cu12torch2.8cxx11abitrue" for post in ("", ".post1")}
    source = Pages(query, missing=frozenset(missing))
    assert found(source, query, "torch==2.8.0", "flash-attn")["flash-attn"] == "2.8.3.post1"
    assert set(source.looked_for) == missing


def test_where_nothing_can_be_compiled_torch_goes_back_to_a_wheel(query: Query) -> None:
    query = without_nvcc(query)
    assert found(Pages(query), query, "torch", "flash-attn") == {
        "torch": "2.8.0",
        "flash-attn": "2.8.3.post1+cu12torch2.8cxx11abitrue",
    }


def test_a_refusal_names_the_torch_that_has_a_wheel(query: Query) -> None:
    query = without_nvcc(query)
    missing = frozenset({"2.8.3.post1+cu12torch2.8cxx11abitrue"})
    with pytest.raises(Unsatisfied) as refused:
        resolve(
            Pages(query, missing),
            query,
            asked("torch==2.9.0", "flash-attn"),
            preferences=Preferences(),
            ways=True,
        )
    ways = {way.text: dict(way.outcome) for way in refused.value.ways}
    assert ways["with torch==2.8.0 instead of torch==2.9.0"] == {
        "torch": Version("2.8.0"),
        "flash-attn": Version("2.8.3+cu12torch2.8cxx11abitrue"),  # the one that is there
    }


def test_the_oldest_is_the_oldest_release(query: Query) -> None:
    preferences = Preferences(strategy=Strategy.LOWEST)
    assert (
        found(Pages(query), query, "torch>=2.8", "flash-attn", preferences=preferences)["flash-attn"] == "2.7"
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"version": "2.8.3.post1+cu12torch2.7cxx11abifalse"}, "is for torch 2.7, and torch 2.8 is pinned"),
        ({"version": "2.8.3.post1+cu12torch2.8cxx11abifalse"}, "no value of __torch_cxx11_abi satisfies"),
        ({"url": "https://elsewhere.example/x.whl"}, "is of no index, and of no release page that is known"),
    ],
)
def test_the_check_refuses_another_wheel(query: Query, change: dict[str, str], fault: str) -> None:
    source = Pages(query)
    sound = resolve(source, query, asked("torch==2.8.0", "flash-attn"), preferences=Preferences())
    assert verify(sound, query, source.allowed) == ()
    flash = sound.pin("flash-attn")
    assert flash is not None
    version = Version(change["version"]) if "version" in change else flash.version
    known = query.prebuilt("flash-attn", version)
    assert known is not None
    wheel: Wheel = replace(known.as_wheel(), url=change.get("url", known.url))
    wrong = replace(flash, candidate=replace(flash.candidate, version=version, distribution=wheel))
    pinned = tuple(wrong if pin.name == "flash-attn" else pin for pin in sound.pins)
    assert any(fault in one for one in verify(replace(sound, pins=pinned), query, source.allowed))
