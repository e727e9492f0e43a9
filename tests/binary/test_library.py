"""Libraries read as streams: sections, what is linked, the glibc that is needed."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.binary.library import LibraryCode, LibraryReader
from tests.binary.fat_binaries import entry, fatbin, library


def read(content: bytes, step: int = 1 << 16) -> LibraryCode:
    with tempfile.TemporaryFile() as spool:
        reader = LibraryReader(spool)
        for place in range(0, len(content), step):
            reader.feed(content[place : place + step])
        return reader.finish()


def test_code_is_counted_by_section_and_what_the_device_linker_reads_is_not_loadable() -> None:
    content = library(
        [
            (".text", b"\x90" * 5000),
            (
                ".nv_fatbin",
                fatbin(entry(2, "75"), entry(2, "90a")) + fatbin(entry(2, "75"), entry(1, "75", isa="8.8")),
            ),
            ("__nv_relfatbin", fatbin(entry(1, "120", isa="9.0"))),
            (".rodata", b"some text\0" + fatbin(entry(2, "100f"), entry(2, "100f"))),
        ]
    )
    for step in (1 << 16, 100, 7):
        code = read(content, step)
        assert code.size == len(content)
        assert {section.name: section.is_loadable for section in code.sections} == {
            ".nv_fatbin": True,
            ".rodata": True,
            "__nv_relfatbin": False,
        }
        own = code.sections[0]
        assert (own.fatbins, dict(own.sass), dict(own.ptx), own.ptx_isa) == (
            2,
            {"75": 2, "90a": 1},
            {"75": 1},
            "8.8",
        )
        assert code.sections[1].sass == {"100f": 1}, "a fat binary counts once"


def test_what_is_no_library_has_code_in_no_section() -> None:
    code = read(b"MZ" + b"\0" * 500 + fatbin(entry(2, "86")))
    assert [(section.name, dict(section.sass)) for section in code.sections] == [("?", {"86": 1})]
    assert code.needed == ()
    assert code.glibc is None


def test_a_library_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    content = library([(".nv_fatbin", fatbin(entry(2, "86"))), (".data", b"x" * 400)])
    for length in range(0, len(content), 37):
        code = read(content[:length])
        assert code.size == length
        assert sum(section.fatbins for section in code.sections) <= 1


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library that a compiler made, linked with one of CUDA's name."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "cudart.c").write_text("int runtime(void) { return 12; }\n")
    (folder / "own.c").write_text(
        '#include <stdio.h>\nint runtime(void);\nint own(void) { printf("%d", runtime()); return 0; }\n'
    )
    runtime = folder / "libcudart.so.12"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wl,-soname,libcudart.so.12", "-o", runtime, folder / "cudart.c"],
        check=True,
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "own.so", folder / "own.c", runtime], check=True)
    return folder / "own.so"


def test_what_a_compiled_library_needs(compiled: Path) -> None:
    code = read(compiled.read_bytes())
    assert code.sections == ()
    assert code.needed[0] == "libcudart.so.12"
    assert "libc.so.6" in code.needed
    symbols = subprocess.run(["objdump", "-T", compiled], capture_output=True, text=True, check=True).stdout
    asked = {
        word.strip("()").removeprefix("GLIBC_")
        for word in symbols.split()
        if word.strip("()").startswith("GLIBC_2")
    }
    assert code.glibc == max(map(Version, asked))


def test_payloads_take_no_room_on_disk(tmp_path: Path) -> None:
    big = fatbin(entry(2, "90", payload=os.urandom(8 << 20)))
    content = library([(".text", b"\x90" * 100), (".nv_fatbin", big)])
    with (tmp_path / "spool").open("w+b") as spool:
        reader = LibraryReader(spool)
        stream = io.BytesIO(content)
        while piece := stream.read(1 << 16):
            reader.feed(piece)
        code = reader.finish()
        assert os.fstat(spool.fileno()).st_blocks * 512 < 1 << 20
    assert code.sections[0].name == ".nv_fatbin"


def test_fat_binaries_that_only_a_linker_reads_are_not_counted() -> None:
    alone, beside = fatbin(entry(8, "75")), fatbin(entry(8, "80"), entry(2, "80"))
    code = read(library([(".rodata", alone), (".nv_fatbin", beside)]))
    assert [(section.name, section.fatbins, section.sass) for section in code.sections] == [
        (".nv_fatbin", 1, {"80": 1})
    ]
    assert code.damaged == 0
