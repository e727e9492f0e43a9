"""Which of the code that was read is a package's own, and what that decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Wheel
from envfit.knowledge.hardware import named_target
from envfit.knowledge.load import load
from envfit.knowledge.model import (
    CudaToolkit,
    DeviceCode,
    KnowledgeBase,
    LibraryFacts,
    OwnCode,
    PackageKnowledge,
)
from envfit.knowledge.own_code import OwnPart, own_parts
from envfit.knowledge.query import Query
from envfit.target import Platform
from tests.knowledge.small_knowledge import base

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
TOOLKITS = (
    CudaToolkit(version=Version("12.4"), driver="550", ptx_isa=Version("8.4")),
    CudaToolkit(version=Version("12.5"), driver="555", ptx_isa=Version("8.5")),
    CudaToolkit(version=Version("12.6"), driver="560", ptx_isa=Version("8.5")),
)


def code(*libraries: LibraryFacts, version: str = "2.0") -> DeviceCode:
    return DeviceCode(
        package="demo",
        version=Version(version),
        platform=Platform(),
        filename="demo.whl",
        sha256="0" * 64,
        cuda=None,
        libraries=libraries,
    )


def package(*patterns: str, versions: str = ">=1") -> PackageKnowledge:
    return PackageKnowledge(
        name="demo", own_code=(OwnCode(versions=SpecifierSet(versions), libraries=patterns),)
    )


OWN = LibraryFacts(
    path="demo/_C.so",
    fatbins=8,
    sass={"70": 8, "90a": 2, "80": 3},
    ptx={"80": 5},
    ptx_isa=Version("8.5"),
    linked=("libcublas.so.12", "libcudart-9335f6a2.so.12.1.55"),
)
BUNDLED = LibraryFacts(path="demo.libs/libnvjpeg.so.12", fatbins=3, sass={"50": 3}, ptx={})


def test_only_what_is_named_counts_and_only_what_most_of_it_has() -> None:
    known = package("demo/_C*.so")
    parts = own_parts(code(OWN, BUNDLED), known, TOOLKITS)
    assert parts == (
        OwnPart(
            library="demo/_C.so",
            sass=("70", "80"),
            ptx=("80",),
            toolkit=Version("12.5"),
            runtime=12,
            own=known.own_code[0],
        ),
    )


def test_nobody_said_which_libraries_are_its_own() -> None:
    assert own_parts(code(OWN), package("demo/_C.so", versions="<2"), TOOLKITS) is None
    assert own_parts(code(OWN), PackageKnowledge(name="demo"), TOOLKITS) is None


def test_a_build_whose_own_libraries_have_no_code() -> None:
    empty = LibraryFacts(path="demo/_C.so", fatbins=0, sass={}, ptx={}, linked=("libcudart.so.12",))
    parts = own_parts(code(empty, BUNDLED), package("demo/_C.so"), TOOLKITS)
    assert parts is not None
    assert [(part.has_code, part.runtime) for part in parts] == [(False, 12)]


def test_of_several_the_one_of_a_value_is_named() -> None:
    libraries = [
        LibraryFacts(path=f"demo/libdemo_cuda{value}.so", fatbins=1, sass={"80": 1}, ptx={})
        for value in ("118", "126", "130_nocublas")
    ]
    own = OwnCode(versions=SpecifierSet(), libraries=("demo/libdemo_cuda{}.so",), chosen_by="__torch_cuda")
    parts = own_parts(code(*libraries), PackageKnowledge(name="demo", own_code=(own,)), TOOLKITS)
    assert parts is not None
    assert [part.value for part in parts] == ["118", "126"]


@pytest.mark.parametrize(
    ("linked", "runtime"),
    [
        (("libcudart.so.13",), 13),
        (("libcudart.so.11.0",), 11),
        (("libcudart.3eda8113.so.13",), 13),  # renamed by auditwheel
        (("libcublas.so.12",), None),
    ],
)
def test_the_cuda_runtime_that_is_linked(linked: tuple[str, ...], runtime: int | None) -> None:
    facts = LibraryFacts(path="demo/_C.so", fatbins=1, sass={"80": 1}, ptx={}, linked=linked)
    parts = own_parts(code(facts), package("demo/_C.so"), TOOLKITS)
    assert parts is not None
    assert parts[0].runtime == runtime


def test_ptx_that_no_known_toolkit_writes_has_none() -> None:
    facts = LibraryFacts(path="demo/_C.so", fatbins=1, sass={}, ptx={"90": 1}, ptx_isa=Version("9.9"))
    parts = own_parts(code(facts), package("demo/_C.so"), TOOLKITS)
    assert parts is not None
    assert parts[0].toolkit is None


@pytest.fixture(scope="module")
def shipped() -> KnowledgeBase:
    return load(CONSTRAINTS)


def test_what_is_named_is_in_the_wheels_that_were_read(shipped: KnowledgeBase) -> None:
    """A path that no wheel has would judge nothing, silently."""
    for known in shipped.packages.values():
        read = [
            item for item in shipped.device_code.values() if item.package == known.name and item.libraries
        ]
        for own in known.own_code:
            of_those = [item for item in read if own.versions.contains(item.version, prereleases=True)]
            assert of_those, f"{known.name}: no wheel of {own.versions} was read"
            one = PackageKnowledge(name=known.name, own_code=(own,))
            assert any(own_parts(item, one, shipped.toolkits) for item in of_those), f"{known.name}: {own}"


def test_the_wheel_that_was_read_library_by_library_stands_for_its_siblings() -> None:
    """Of one release, wheels for two Pythons: the tags of one were read only."""
    entry = '[[wheel]]\nfilename = "demo-1.0-cp31{0}-cp31{0}-manylinux_2_28_x86_64.whl"\nsha256 = "{1}"\n'
    release = 'version = "1.0"\nplatform = "linux-x86_64"\ncuda = "12.8"\nsass = "80"\n'
    library = 'library = [{ path = "demo/_extra.so", linked = "libcudart.so.12" }]\n'
    read = [entry.format(0, "4" * 64) + release, entry.format(1, "5" * 64) + release + library]
    for order in (read, read[::-1]):
        derived = 'schema = 1\ngenerator = "a test"\npackage = "demo"\n' + "".join(order)
        knowledge = base("", derived)
        query = Query(knowledge, named_target(knowledge, ["A100"]))
        for sha256 in ("4" * 64, "5" * 64, "6" * 64):  # the last is of a wheel that was not read at all
            row = Wheel(
                name="demo", version=Version("1.0"), filename="demo.whl", url="", index="", sha256=sha256
            )
            found = query.device_code("demo", row)
            assert found is not None
            assert [item.path for item in found.libraries] == ["demo/_extra.so"]
