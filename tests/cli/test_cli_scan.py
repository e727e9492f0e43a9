"""``envfit knowledge scan``: what is in wheels, here and on an index."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.api.scanning import Scanned
from envfit.binary.library import LibraryCode
from tests.binary.fat_binaries import entry, fatbin, library
from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

KERNELS = library(
    [
        (".text", b"\x90" * (20 << 10)),
        (
            ".nv_fatbin",
            fatbin(entry(2, "70"), entry(2, "90a")) + fatbin(entry(2, "70"), entry(1, "70", isa="8.4")),
        ),
        ("__nv_relfatbin", fatbin(entry(1, "120"))),
    ]
)
LINES = [
    "    machine code 7.0 9.0a (1), PTX 7.0 (ISA 8.4); 2 fat binaries in .nv_fatbin",
    "    PTX 12.0 (ISA 8.7); 1 fat binary in __nv_relfatbin, which only the device linker reads",
]


def with_kernels(wheel: Path) -> Path:
    """Put a library with GPU code into a wheel."""
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kernels/_C.so", KERNELS)
        archive.writestr("kernels/tiny.so", KERNELS[:100])
    return wheel


@pytest.fixture
def released(index: Index) -> Index:
    """Return an index with a package that has wheels for two platforms."""
    for version in ("1.0", "2.0"):
        with_kernels(
            make_wheel(index.directory, "kernels", version, tags="cp312-cp312-manylinux_2_28_x86_64")
        )
    make_wheel(index.directory, "kernels", "2.0", tags="cp312-cp312-manylinux_2_28_aarch64")
    make_wheel(index.directory, "kernels", "2.0", tags="cp312-cp312-win_amd64")
    make_wheel(index.directory, "kernels", "3.0rc1", tags="cp312-cp312-manylinux_2_28_x86_64")
    return index


def test_a_wheel_here(envfit: CommandLine) -> None:
    wheel = with_kernels(make_wheel(envfit.cwd, "kernels", "1.0", tags="py3-none-linux_x86_64"))
    lines = envfit("knowledge", "scan", f"./{wheel.name}").out.splitlines()
    assert lines[0].startswith(f"{wheel.name} (0.0 MB)")
    assert lines[1] == "  kernels/_C.so"
    assert lines[2].strip() == LINES[0].strip()
    assert "PTX 12.0" in lines[3]
    assert "which only the device linker reads" in lines[3]
    assert len(lines) == 4


def test_a_library_here_and_json(envfit: CommandLine) -> None:
    (envfit.cwd / "own.so").write_bytes(KERNELS)
    (scanned,) = envfit("knowledge", "scan", "own.so", "--json").data["scanned"]
    assert (scanned["filename"], scanned["name"], scanned["size"]) == ("own.so", None, len(KERNELS))
    (only,) = scanned["libraries"]
    assert only["sections"][0] == {
        "name": ".nv_fatbin",
        "loadable": True,
        "fatbins": 2,
        "sass": {"70": 2, "90a": 1},
        "ptx": {"70": 1},
        "ptx-isa": "8.4",
    }
    assert not only["sections"][1]["loadable"]


@pytest.mark.parametrize(
    ("named", "filename"),
    [
        ("kernels", "kernels-2.0-cp312-cp312-manylinux_2_28_x86_64.whl"),
        ("kernels<2", "kernels-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"),
        ("Kernels==3.0rc1", "kernels-3.0rc1-cp312-cp312-manylinux_2_28_x86_64.whl"),
    ],
)
def test_a_release_on_the_index(envfit: CommandLine, released: Index, named: str, filename: str) -> None:
    answer = envfit("knowledge", "scan", named, "--json")
    (scanned,) = answer.data["scanned"]
    assert scanned["filename"] == filename
    assert len(scanned["libraries"]) == ("rc" not in filename)
    assert len(scanned["sha256"]) == 64


def test_a_release_for_another_platform_and_an_address(envfit: CommandLine, released: Index) -> None:
    answer = envfit("knowledge", "scan", "kernels==2.0", "--platform", "linux-aarch64")
    assert answer.out.splitlines()[0].startswith("kernels-2.0-cp312-cp312-manylinux_2_28_aarch64.whl")
    assert answer.out.splitlines()[1] == "  no GPU code"
    wheel = "kernels-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
    (address,) = (path.as_uri() for path in released.directory.glob(wheel))
    assert "machine code 7.0" in envfit("knowledge", "scan", address).out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["./missing.whl"], 3, "there is no file missing.whl"),
        (["missing.whl"], 3, "there is no file missing.whl"),
        (["kernels==9"], 2, "kernels==9 has no wheel for linux-x86_64"),
        (["nobody"], 2, "no index in use has nobody"),
        (["a b"], 2, "'a b' is neither a file, an address nor a release"),
        (["https://index.example/a.whl"], 2, "Invalid wheel filename"),
        (["git+https://index.example/a"], 2, "is no address"),
        (["https://index.example/a.tar.gz"], 2, "is no wheel, and nothing else is read over the network"),
        (["kernels", "--platform", "linux-riscv"], 2, "linux-riscv"),
        ([], 2, "WHEEL"),
    ],
)
def test_what_cannot_be_read(
    envfit: CommandLine, released: Index, words: list[str], code: int, says: str
) -> None:
    answer = envfit("knowledge", "scan", *words, code=code)
    assert says in answer.err
    assert answer.out == ""


def test_a_damaged_wheel(envfit: CommandLine) -> None:
    wheel = with_kernels(make_wheel(envfit.cwd, "kernels", "1.0", tags="py3-none-linux_x86_64"))
    content = bytearray(wheel.read_bytes())
    place = content.find(b"kernels/_C.so") + 200
    content[place : place + 40] = b"\xff" * 40
    wheel.write_bytes(content)
    assert "is damaged" in envfit("knowledge", "scan", wheel, code=3).err
    wheel.write_bytes(content[:500])
    assert "is damaged" in envfit("knowledge", "scan", wheel, code=3).err


def test_the_group_says_what_it_has(envfit: CommandLine) -> None:
    assert "knowledge scan" in envfit("knowledge", "--help").out
    assert "knowledge scan" in envfit("knowledge", code=2).out
    assert "Did you mean knowledge scan?" in envfit("knowledge", "scam", code=2).err
    assert "Did you mean knowledge?" in envfit("knowlege", "scan", code=2).err


def test_the_name_in_an_address_may_be_encoded(envfit: CommandLine, released: Index) -> None:
    wheel = with_kernels(make_wheel(envfit.cwd, "kernels", "1.0+cpu", tags="py3-none-linux_x86_64"))
    answer = envfit("knowledge", "scan", wheel.as_uri().replace("+", "%2B"), "--json")
    assert answer.data["scanned"][0]["version"] == "1.0+cpu"


def test_tags_that_are_not_true_are_told(envfit: CommandLine) -> None:
    wheel = with_kernels(make_wheel(envfit.cwd, "kernels", "1.0", tags="py3-none-any"))
    told = "its tag says any platform, and its libraries are for x86_64"
    assert f"  {told}" in envfit("knowledge", "scan", f"./{wheel.name}").out.splitlines()
    (scanned,) = envfit("knowledge", "scan", f"./{wheel.name}", "--json").data["scanned"]
    assert scanned["untrue-tags"] == [told]
    assert scanned["libraries"][0]["machine"] == "x86_64"


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ("py3-none-manylinux1_x86_64", ["its tags say glibc 2.5, and its libraries need 2.17"]),
        (
            "py3-none-manylinux1_x86_64.manylinux_2_28_x86_64",
            ["its tags say glibc 2.5, and its libraries need 2.17"],
        ),
        ("py3-none-manylinux2014_x86_64", []),
        ("py3-none-manylinux_2_28_x86_64", []),
        ("py3-none-linux_x86_64", []),  # says nothing of glibc
    ],
)
def test_the_glibc_that_tags_claim(tags: str, told: list[str]) -> None:
    scanned = Scanned(
        filename="demo.whl",
        sha256="",
        size=1,
        platforms=tuple(part for part in tags.rpartition("-")[2].split(".")),
        libraries={"demo.so": LibraryCode(size=1, glibc=Version("2.17"), machine="x86_64")},
    )
    assert list(scanned.untrue_tags) == told
