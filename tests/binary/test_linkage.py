"""The dynamic segment of libraries, held against what they were compiled with."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from envfit.binary.linkage import Linkage, VersionNeed, read_linkage
from tests.binary.fat_binaries import library
from tests.installed.small_libraries import compiled, needs_compiler


def read(path: Path) -> Linkage:
    with path.open("rb") as file:
        linkage = read_linkage(file)
    assert linkage is not None
    return linkage


@needs_compiler
def test_names_paths_and_versions_are_read(tmp_path: Path) -> None:
    base = compiled(tmp_path / "libbase.so.1", soname="libbase.so.1", versions=["BASE_1", "BASE_2"])
    top = compiled(tmp_path / "top.so", needs=[base], rpath="$ORIGIN/../a:/b", uses=["f_BASE_1"])
    below = read(base)
    assert (below.soname, below.needed, below.rpath) == ("libbase.so.1", ("libc.so.6",), ())
    assert below.defines == ("libbase.so.1", "BASE_1", "BASE_2")
    above = read(top)
    assert above.soname is None
    assert above.needed == ("libbase.so.1", "libc.so.6")
    assert (above.rpath, above.runpath) == (("$ORIGIN/../a", "/b"), ())
    assert above.needs == (VersionNeed(library="libbase.so.1", versions=("BASE_1",)),)


@needs_compiler
def test_a_run_path_is_told_apart_and_may_be_very_long(tmp_path: Path) -> None:
    directories = [f"$ORIGIN/../directory{number}/lib" for number in range(900)]
    path = compiled(tmp_path / "long.so", runpath=":".join(directories))
    linkage = read(path)
    assert linkage.runpath == tuple(directories)
    assert linkage.rpath == ()


@needs_compiler
@pytest.mark.parametrize("kept", [0, 3, 40, 64, 200, 1000])
def test_a_library_that_is_cut_off_is_none(tmp_path: Path, kept: int) -> None:
    content = compiled(tmp_path / "whole.so").read_bytes()
    assert read_linkage(io.BytesIO(content[:kept])) is None


@needs_compiler
def test_damage_anywhere_raises_nothing(tmp_path: Path) -> None:
    base = compiled(tmp_path / "libbase.so.1", soname="libbase.so.1", versions=["BASE_1"])
    content = compiled(tmp_path / "top.so", needs=[base], uses=["f_BASE_1"], runpath="/x").read_bytes()
    read_something = 0
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        read_something += read_linkage(io.BytesIO(bytes(damaged))) is not None
    assert read_something > 100


def test_what_is_no_library_for_the_loader_is_none() -> None:
    assert read_linkage(io.BytesIO(b"#!/bin/sh\n")) is None
    assert read_linkage(io.BytesIO(library([(".text", b"x" * 16)]))) is None
