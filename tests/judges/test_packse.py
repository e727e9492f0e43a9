"""The judge that asks packse's scenarios, on scenarios of our own."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from packaging.version import Version

from envfit.distribution import Sdist, Wheel
from envfit.index.cache import Cache
from envfit.index.metadata import MetadataReader
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex
from judges.packse import ask, failures
from judges.packse_index import Server, write_index
from judges.packse_resolvers import Answer, Envfit, Kind, Uv
from judges.packse_scenarios import Scenario, read_scenario
from judges.packse_verdict import Difference, Outcome, expected, judge, read_differences

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# The newest "lamp" is yanked, the one before it needs a bulb that does not exist.
LAMP = """\
name = "lamp"
[root]
requires = ["Lamp[shade_of_silk]"]
[expected]
satisfiable = true
packages = { lamp = "2.0", "paper.shade" = "1.0" }
[packages.Lamp.versions."2.0"]
requires = []
extras = { shade_of_silk = ["paper.shade<2; python_version >= '3.8'"] }
[packages.Lamp.versions."3.0"]
requires = ["bulb>7"]
[packages.Lamp.versions."4.0"]
yanked = true
[packages.bulb.versions."1.0"]
[packages."paper.shade".versions."1.0"]
wheel = false
[packages."paper.shade".versions."2.0"]
requires_python = ">=3.12,<4"
wheel_tags = ["py3-none-any", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"]
"""

IMPOSSIBLE = """\
name = "impossible"
[root]
requires = ["a", "b"]
[expected]
satisfiable = false
[packages.a.versions."1"]
requires = ["c<2"]
[packages.b.versions."1"]
requires = ["c>=2"]
[packages.c.versions."1"]
[packages.c.versions."2"]
"""


def scenario_of(text: str) -> Scenario:
    return read_scenario(tomllib.loads(text))


@pytest.fixture(scope="module")
def lamp() -> Scenario:
    return scenario_of(LAMP)


@pytest.fixture(scope="module")
def impossible() -> Scenario:
    return scenario_of(IMPOSSIBLE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[MetadataReader]:
    with Session({}) as session:
        reader = MetadataReader(session, Cache(tmp_path / "metadata-cache"))
        yield reader
        reader.close()


@pytest.mark.parametrize("sidecars", [True, False])
def test_wheel_and_sdist_of_a_release_are_listed_and_state_the_same(
    lamp: Scenario, tmp_path: Path, reader: MetadataReader, sidecars: bool
) -> None:
    write_index(lamp, tmp_path / "lamp", sidecars=sidecars)
    with Server(tmp_path) as server, Session({}) as session:
        index = SimpleIndex(server.url("lamp"), session=session, cache=Cache(tmp_path / "cache"))
        listing = index.listing("lamp")
        assert listing is not None
        assert listing.skipped == ()
        assert {(file.version, type(file), file.yanked is not None) for file in listing.distributions} == {
            (Version(version), kind, version == "4.0")
            for version in ("2.0", "3.0", "4.0")
            for kind in (Wheel, Sdist)
        }
        second = [file for file in listing.distributions if file.version == Version("2.0")]
        for file in second:
            metadata = reader.read(file)
            assert (metadata.name, metadata.version) == ("lamp", Version("2.0"))
            assert str(metadata.requires_python) == ">=3.12"
            (required,) = metadata.requires
            assert required.name == "paper-shade"
            environment = {"python_version": "3.12"}
            assert required.holds(environment, "shade-of-silk")
            assert not required.holds(environment)
        wheel = next(file for file in second if isinstance(file, Wheel))
        assert (wheel.metadata_sha256 is not None) is sidecars
        assert requests.get(f"{wheel.url}.metadata", timeout=10).status_code == (200 if sidecars else 404)


def test_the_index_has_what_the_scenario_states_and_nothing_else(lamp: Scenario, tmp_path: Path) -> None:
    write_index(lamp, tmp_path, build_wheels={"tool-1.0-py3-none-any.whl": b"not read here"})
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in files if name.startswith(("paper-shade/", "tool/"))} == {
        "paper-shade/index.json",
        "paper-shade/paper_shade-1.0.tar.gz",
        "paper-shade/paper_shade-2.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "paper-shade/paper_shade-2.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl.metadata",
        "paper-shade/paper_shade-2.0-py3-none-any.whl",
        "paper-shade/paper_shade-2.0-py3-none-any.whl.metadata",
        "paper-shade/paper_shade-2.0.tar.gz",
        "tool/index.json",
        "tool/tool-1.0-py3-none-any.whl",
    }


def test_the_same_scenario_gives_the_same_bytes(lamp: Scenario, tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        write_index(lamp, tmp_path / name)
        trees.append(
            {
                path.relative_to(tmp_path / name): path.read_bytes()
                for path in (tmp_path / name).rglob("*")
                if path.is_file()
            }
        )
    assert trees[0] == trees[1]


def test_the_server_gives_parts_of_files_and_nothing_outside_of_its_folder(
    lamp: Scenario, tmp_path: Path
) -> None:
    write_index(lamp, tmp_path / "served" / "lamp")
    (tmp_path / "secret").write_text("secret")
    with Server(tmp_path / "served") as server:
        url = f"{server.url('lamp')}lamp/lamp-2.0.tar.gz"
        whole = requests.get(url, timeout=10).content
        for header, part in (("bytes=0-3", whole[:4]), ("bytes=-5", whole[-5:]), ("bytes=7-", whole[7:])):
            answer = requests.get(url, headers={"Range": header}, timeout=10)
            assert (answer.status_code, answer.content) == (206, part)
        assert requests.get(url, headers={"Range": "bytes=999999-"}, timeout=10).status_code == 416
        assert requests.head(url, timeout=10).headers["Content-Length"] == str(len(whole))
        assert requests.get(f"{server.url('lamp')}%2e%2e/%2e%2e/secret", timeout=10).status_code == 404


def test_what_a_scenario_says_beyond_what_is_understood_is_an_error(lamp: Scenario) -> None:
    for line in (
        "[resolver_options]\nresolution = 'lowest'",
        "[environment]\nlibc = 'musl'",
        "[packages.x.versions.1]\nmade = 1",
    ):
        with pytest.raises(ValueError, match=r"not understood: (resolution|libc|made)$"):
            scenario_of(f"{LAMP}{line}\n")


@pytest.mark.parametrize("sidecars", [True, False])
def test_right_and_wrong_expectations_are_told_apart(
    lamp: Scenario, impossible: Scenario, sidecars: bool
) -> None:
    older = replace(lamp, name="older", pins=(("lamp", Version("3.0")),))
    possible = replace(impossible, name="possible", satisfiable=True)
    verdicts = ask([lamp, impossible, older, possible], [Envfit(), Uv({})], differences={}, sidecars=sidecars)
    for tool in ("envfit", "uv"):
        assert {name: by_tool[tool].outcome for name, by_tool in verdicts.items()} == {
            "lamp": Outcome.RIGHT,
            "impossible": Outcome.RIGHT,
            "older": Outcome.WRONG,
            "possible": Outcome.WRONG,
        }
    assert verdicts["lamp"]["envfit"].says == "lamp==2.0 paper-shade==1.0"
    assert [re.sub(": says.*", "", line) for line in failures(verdicts)] == [
        "older: envfit: wrong",
        "possible: envfit: wrong",
    ]


def test_a_declared_difference_explains_one_answer_and_no_other(lamp: Scenario) -> None:
    older = replace(lamp, pins=(("lamp", Version("1.0")),))
    difference = Difference(scenario="lamp", answer="lamp==2.0", reason="policy")
    two = Answer(kind=Kind.SOLVED, pins=(("lamp", Version("2.0")),))
    one = Answer(kind=Kind.SOLVED, pins=older.pins or ())
    assert expected(older) == "lamp==1.0"
    assert judge(older, two, difference).outcome is Outcome.EXPLAINED
    assert judge(older, Answer(kind=Kind.UNSATISFIABLE), difference).outcome is Outcome.WRONG
    stale = judge(older, one, difference)
    assert stale.outcome is Outcome.STALE
    assert failures({"lamp": {"envfit": stale}}) != []
    assert failures({"lamp": {"envfit": judge(older, two, difference)}}) == []


def test_a_tool_without_an_answer_fails_the_run_and_a_control_with_a_wrong_one_does_not(
    lamp: Scenario,
) -> None:
    broken = judge(lamp, Answer(kind=Kind.FAILED, why="exit 2: usage"))
    assert failures({"lamp": {"uv": broken}}) == ["lamp: uv: failed: says failed exit 2: usage"]
    wrong = judge(lamp, Answer(kind=Kind.UNSATISFIABLE))
    assert wrong.outcome is Outcome.WRONG
    assert failures({"lamp": {"uv": wrong}}) == []


def test_a_difference_is_declared_once(tmp_path: Path) -> None:
    entry = '[[difference]]\nscenario = "a"\nanswer = "unsatisfiable"\nreason = "policy"\n'
    path = tmp_path / "differences.toml"
    path.write_text(entry)
    assert set(read_differences(path)) == {"a"}
    path.write_text(entry * 2)
    with pytest.raises(ValueError, match="a is declared twice"):
        read_differences(path)


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--without-sidecars"]], ids=["beside", "inside"])
def test_envfit_answers_the_whole_suite_as_expected_or_declared(options: list[str], tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "judges.packse", *options, "--output", str(results)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    scope = json.loads(results.read_text())["scope"]
    assert scope == {"scenarios": 148, "asked": 107, "universal": 41}
