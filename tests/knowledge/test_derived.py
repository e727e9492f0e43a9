"""Facts read from wheels: written as they are read, and read again as they are written."""

from __future__ import annotations

import os
import random
from datetime import datetime, timezone
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.api.deriving import derive_wheel, kept_wheels, representative_wheels
from envfit.api.indexes import IndexRequest, open_packages
from envfit.knowledge.derived import (
    GENERATOR,
    DerivedLibrary,
    DerivedSection,
    DerivedWheel,
    derived_text,
    library_facts,
)
from envfit.target import Platform

DERIVED = sorted((Path(__file__).parents[2] / "constraints" / "derived").glob("*.toml"))

LIBRARY = DerivedLibrary(
    path='demo/a "b".so',
    linked=("libcudart.so.12", "libcublas.so.12"),
    glibc="2.17",
    cubins=3,
    sections=(
        DerivedSection(name=".nv_fatbin", fatbins=4, sass={"70": 4, "90a": 1}, ptx={"80": 2}, ptx_isa="8.4"),
        DerivedSection(name=".rodata", fatbins=2, sass={"70": 2}, ptx={"90": 2}, ptx_isa="8.5"),
        DerivedSection(name="__nv_relfatbin", fatbins=9, ptx={"120": 9}, ptx_isa="9.0"),
    ),
)


def wheel(version: str, **others: object) -> DerivedWheel:
    fields = {
        "filename": f"demo-{version}.whl",
        "sha256": version[0] * 64,
        "version": Version(version),
        "platform": Platform(),
        **others,
    }
    return DerivedWheel(**fields)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    wheels = (
        wheel("1.0", sass=()),
        wheel("2.0", cuda=Version("12.8"), sass=("70", "80"), ptx=("80",)),
        wheel("3.0", cuda=Version("13.0"), sass=("75",), libraries=(LIBRARY,)),
        wheel("4.0", libraries=(LIBRARY, DerivedLibrary(path="other.so", linked=("libcudart.so.13",)))),
    )
    path = tmp_path / "demo.toml"
    path.write_text(derived_text("demo", GENERATOR, reversed(wheels)), encoding="utf-8")
    assert kept_wheels(path) == wheels


def test_what_only_the_device_linker_reads_is_left_out() -> None:
    facts = library_facts(LIBRARY)
    assert (facts.fatbins, facts.sass, facts.ptx) == (6, {"70": 6, "90a": 1}, {"80": 2, "90": 2})
    assert facts.ptx_isa == Version("8.5")


def test_a_wheel_with_fat_binaries_that_could_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    damaged = DerivedLibrary(path="demo.so", damaged=1)
    path.write_text(derived_text("demo", GENERATOR, [wheel("1.0", libraries=(damaged,))]), encoding="utf-8")
    with pytest.raises(ValueError, match="could not be read"):
        kept_wheels(path)


@pytest.mark.parametrize("path", DERIVED, ids=lambda path: path.stem)
def test_a_file_is_as_the_program_writes_it(path: Path) -> None:
    """Nobody edited it by hand."""
    assert derived_text(path.stem, GENERATOR, kept_wheels(path)) == path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.parametrize("seed", range(6))
def test_a_wheel_read_again_says_the_same(seed: int) -> None:
    """Needs the package index; wheels of at most 100 MB, others with each day."""
    today = datetime.now(tz=timezone.utc).date()
    chance = random.Random(f"{today} {seed}")
    with open_packages(IndexRequest(directory=Path()), os.environ, lambda _: None) as (packages, session):
        while True:
            path = chance.choice(DERIVED)
            listed = {
                item.sha256: (where, item) for where, item in representative_wheels(path.stem, packages)
            }
            kept = chance.choice(kept_wheels(path))
            where, item = listed.get(kept.sha256, (None, None))
            if item is not None and (item.size or 0) < 100_000_000:
                break
        assert (
            derive_wheel(item, where, session, libraries=bool(kept.libraries) or path.stem != "torch") == kept
        )
