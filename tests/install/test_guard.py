"""What later installations are held to: pins, bounds and bars, by the rules and the target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from envfit.errors import FileError
from envfit.install.guard import CONSTRAINTS, constraints_text, guard, read_constraints
from envfit.install.guard_files import has_guard, remove_guard, write_guard
from envfit.knowledge.model import CAPABILITY, PackageKnowledge, Rule
from envfit.knowledge.query import Query
from envfit.target import CUDA_DRIVER, Target
from tests.install.locks import bare_target, gpu_target, knowledge, rule

ATTENTION = (
    rule("attention/turing", "attention", versions=">=1,<2", requires=[(CAPABILITY, ">=7.5")], why="One."),
    rule("attention/ampere", "attention", versions=">=2,<3", requires=[(CAPABILITY, ">=8.0")], why="Two."),
    rule("attention/first", "attention", versions=">=2,<2.7", requires=[(CAPABILITY, "<10.0")], why="Old."),
)
FORK = rule("speech/fork", "speech", excludes=["speech-fork"], why="Both install speech.")


def lines(
    *rules: Rule, target: Target | None = None, ignored: frozenset[str] = frozenset(), **installed: str
) -> dict[str, str]:
    base = knowledge(*rules, packages=[PackageKnowledge(name="torch", gpu_builds=True)])
    query = Query(base, gpu_target() if target is None else target, ignored=ignored)
    found = guard({name: Version(version) for name, version in installed.items()}, query)
    assert [line.name for line in found] == sorted(line.name for line in found)
    return {line.name: line.specifier for line in found}


def test_what_holds_gpu_code_stays_at_its_version_and_the_rest_is_free() -> None:
    found = lines(torch="2.8.0+cu126", requests="2.0")
    assert found == {"torch": "==2.8.0+cu126,!=0+kept.by.envfit.use.envfit.add"}
    assert Requirement(f"torch{found['torch']}").specifier.contains("2.8.0+cu126")


def test_what_no_release_of_runs_on_the_gpu_is_refused_in_words() -> None:
    assert lines(*ATTENTION)["attention"] == "==0+cannot.run.on.GPU.7.0.ask.envfit.guard"


@pytest.mark.parametrize(
    ("capability", "specifier"), [("7.5", "<2"), ("8.0", None), ("10.0", ">=2.7"), ("9.0", None)]
)
def test_releases_that_run_stay_admitted(capability: str, specifier: str | None) -> None:
    assert lines(*ATTENTION, target=gpu_target(capability)).get("attention") == specifier


def test_nothing_is_refused_for_the_sake_of_a_gpu_that_nobody_named() -> None:
    assert lines(*ATTENTION, target=bare_target()) == {}


def test_a_rule_that_is_switched_off_refuses_nothing() -> None:
    off = frozenset(item.id for item in ATTENTION)
    assert lines(*ATTENTION, ignored=off) == {}


def test_a_driver_that_is_too_old_is_named() -> None:
    needs = rule("cuda13/driver", "cuda13", requires=[(CUDA_DRIVER, ">=580")])
    assert lines(needs)["cuda13"] == "==0+cannot.run.on.driver.535.161.08.ask.envfit.guard"


def test_what_overwrites_a_package_that_is_there_is_refused() -> None:
    assert lines(FORK, speech="1.0") == {"speech-fork": "==0+not.beside.speech.ask.envfit.guard"}
    assert lines(FORK, other="1.0") == {}


def test_what_a_package_that_is_there_demands_of_another_is_a_bound() -> None:
    needs = rule("speech/audio", "speech", requires=[("audio", "<2.9")])
    assert lines(needs, speech="1.0", audio="2.8") == {"audio": "<2.9"}
    # Broken already: a bound would keep pip from everything, and check is there for it.
    assert lines(needs, speech="1.0", audio="2.9") == {}


def test_of_releases_that_want_another_torch_the_end_that_may_do_is_left() -> None:
    old = rule("models/old", "models", versions=">=0.1,<0.4", constrains=[("torch", "<1.9")])
    new = rule("kernels/new", "kernels", versions=">=2,<=2.2", constrains=[("torch", ">=2.9")])
    between = [
        rule("codec/before", "codec", versions=">=0.1,<0.6", constrains=[("torch", "<2.8")]),
        rule("codec/fits", "codec", versions=">=0.6,<0.8", constrains=[("torch", "==2.8.*")]),
        rule("codec/after", "codec", versions=">=0.8,<0.9", constrains=[("torch", ">=2.9")]),
    ]
    found = lines(old, new, *between, torch="2.8.0")
    assert (found["models"], found["kernels"]) == (">=0.4", "<2")
    assert set(found["codec"].split(",")) == {">=0.6", "<0.8"}


def test_rules_for_names_by_pattern_are_no_constraints() -> None:
    assert lines(rule("all/of-them", "nvidia-*-cu13", requires=[(CAPABILITY, ">=7.5")])) == {}


def test_the_text_says_why_above_each_line() -> None:
    query = Query(knowledge(*ATTENTION), gpu_target())
    text = constraints_text(guard({}, query), query.target)
    assert "# GPUs that it is for: GPU 7.0 (7.0).\n" in text
    assert text.endswith("# Two. [attention/ampere]\nattention==0+cannot.run.on.GPU.7.0.ask.envfit.guard\n")


def test_a_constraints_file_is_read_back() -> None:
    bound = rule("speech/audio", "speech", requires=[("audio", "<2.9")])
    base = knowledge(*ATTENTION, bound, packages=[PackageKnowledge(name="torch", gpu_builds=True)])
    query = Query(base, gpu_target())
    written = guard({"torch": Version("2.8.0+cu126"), "speech": Version("1.0")}, query)
    assert read_constraints(constraints_text(written, query.target)) == written
    assert {line.name: line.keeps for line in written} == {
        "attention": None,
        "audio": None,
        "torch": Version("2.8.0+cu126"),
    }
    assert [line.name for line in written if line.bars] == ["attention"]


# -- put into effect ----------------------------------------------------------

ACTIVATE = """\
# as uv writes it
deactivate () {
    unset VIRTUAL_ENV
}
deactivate nondestructive
VIRTUAL_ENV='PLACE'
export VIRTUAL_ENV
"""


def environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    script = folder / "bin" / "activate"
    script.write_text(ACTIVATE.replace("PLACE", str(folder)), encoding="utf-8")
    return folder


def shell(code: str, **environ: str) -> str:
    return subprocess.run(
        ["/bin/sh", "-euc", code],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_activation_names_the_constraints_to_uv_and_deactivation_takes_them_back(tmp_path: Path) -> None:
    place = environment(tmp_path / "env")
    write_guard(place, "torch==2.8.0\n")
    own = place / CONSTRAINTS
    code = '. "$PLACE/bin/activate"; echo "$UV_CONSTRAINT"; deactivate; echo "${UV_CONSTRAINT-none}"'
    assert shell(code, PLACE=str(place)).splitlines() == [str(own), "none"]
    kept = shell(code, PLACE=str(place), UV_CONSTRAINT="mine.txt").splitlines()
    assert kept == [f"{own} mine.txt", "mine.txt"]


def test_a_guard_can_be_renewed_and_leaves_nothing_when_it_is_taken_off(tmp_path: Path) -> None:
    place = environment(tmp_path / "env")
    before = (place / "bin" / "activate").read_text(encoding="utf-8")
    write_guard(place, "torch==2.8.0\n")
    once = (place / "bin" / "activate").read_text(encoding="utf-8")
    write_guard(place, "torch==2.9.0\n")
    assert (place / CONSTRAINTS).read_text(encoding="utf-8") == "torch==2.9.0\n"
    assert (place / "bin" / "activate").read_text(encoding="utf-8") == once
    assert has_guard(place)
    remove_guard(place)
    assert not has_guard(place)
    assert sorted(path.name for path in place.iterdir()) == ["bin"]
    assert (place / "bin" / "activate").read_text(encoding="utf-8") == before


def test_pip_settings_of_somebody_else_stay_as_they_are(tmp_path: Path) -> None:
    place = environment(tmp_path / "env")
    (place / "pip.conf").write_text("[global]\nno-index = true\n", encoding="utf-8")
    with pytest.raises(FileError, match="not of envfit's making"):
        write_guard(place, "torch==2.8.0\n")
    remove_guard(place)
    assert (place / "pip.conf").read_text(encoding="utf-8") == "[global]\nno-index = true\n"


def test_pip_reads_the_constraints_of_a_folder_with_a_blank_in_its_name(tmp_path: Path) -> None:
    place = environment(tmp_path / "two words")
    write_guard(place, "packaging==0+cannot.run.here\n")
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-index",
            "--dry-run",
            "--ignore-installed",
            "packaging",
        ],
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(place / "pip.conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "(constraint) packaging==0+cannot.run.here" in told.stdout + told.stderr
