"""Reading of ELF headers, from a library that is compiled here."""

import shutil
import subprocess

import pytest

from judges.elf import read_library


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_library_says_its_name_its_sections_and_what_it_needs(tmp_path):
    source = tmp_path / "code.c"
    source.write_text(
        '__attribute__((section(".nv_fatbin"))) int fatbin = 1; int there(void) { return fatbin; }\n'
    )
    needed, library = tmp_path / "libcudart.so", tmp_path / "library.so"
    command = ["cc", "-shared", "-fPIC", str(source)]
    subprocess.run([*command, "-Wl,-soname,libcudart.so.13", "-o", str(needed)], check=True)
    subprocess.run(
        [*command, "-Wl,--no-as-needed", str(needed), "-Wl,-soname,libtorch_cuda.so", "-o", str(library)],
        check=True,
    )
    found = read_library(library)
    assert found is not None
    assert found.soname == "libtorch_cuda.so"
    assert "libcudart.so.13" in found.needed
    assert ".nv_fatbin" in found.sections


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF\x02\x01" + b"\xff" * 100])
def test_what_is_no_library_is_none(tmp_path, content):
    path = tmp_path / "file.so"
    path.write_bytes(content)
    assert read_library(path) is None
