"""Header files of a build: Python.h, and those of CUDA's libraries."""

from __future__ import annotations

from pathlib import Path

from envfit.detect.headers import read_header_facts
from envfit.target import FactState


def made(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).touch()
    return directory


def test_all_are_found(tmp_path: Path) -> None:
    python = made(tmp_path / "python", "Python.h")
    toolkit = made(tmp_path / "cuda" / "include", "a.h", "b.h").parent
    own, cuda = read_header_facts(["a.h", "b.h"], str(toolkit), {}, python=python)
    assert (own.state, own.value) == (FactState.KNOWN, str(python))
    assert (cuda.state, cuda.value) == (FactState.KNOWN, str(toolkit / "include"))


def test_one_that_is_missing_is_named(tmp_path: Path) -> None:
    toolkit = made(tmp_path / "cuda" / "include", "a.h").parent
    own, cuda = read_header_facts(["a.h", "b.h"], str(toolkit), {}, python=tmp_path)
    assert (own.state, own.source) == (FactState.ABSENT, f"no Python.h in {tmp_path}")
    assert (cuda.state, cuda.source) == (FactState.ABSENT, f"no b.h in {toolkit}/include")


def test_what_gcc_searches_counts(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one", "a.h"), made(tmp_path / "other", "b.h", "Python.h")
    own, cuda = read_header_facts(["a.h", "b.h"], None, {"CPATH": f"{one}:{other}"}, python=tmp_path)
    assert own.value == str(other)
    assert cuda.value == f"{one}, {other}"


def test_without_a_toolkit_nothing_is_searched(tmp_path: Path) -> None:
    _, cuda = read_header_facts(["a.h"], None, {}, python=tmp_path)
    assert cuda.source == "no a.h in no directory is known"
