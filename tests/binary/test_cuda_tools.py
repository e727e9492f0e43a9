"""The reader against NVIDIA's own tools: code made with ptxas and fatbinary, read back with cuobjdump.

The tools come from the package index, about 50 MB: ``pytest -m slow tests/binary``.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from envfit.binary.library import LibraryCode, LibraryReader
from envfit.index.wheel_code import read_wheel_code

# One version of each: what is compared is made by the same toolkit that reads it.
TOOLS = ("nvidia-cuda-nvcc==13.5.37", "nvidia-cuda-cuobjdump==13.5.37")
ARCHITECTURES = (
    "75",
    "80",
    "86",
    "89",
    "90",
    "90a",
    "100",
    "100a",
    "100f",
    "103",
    "103a",
    "110f",
    "120",
    "120f",
    "121a",
)
MODES = ("default", "size", "speed", "balance", "none")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of NVIDIA's programs."""
    folder = tmp_path_factory.mktemp("tools")
    command = [sys.executable, "-m", "pip", "download", "-qqq", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), *TOOLS], check=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    programs = folder / "nvidia" / "cu13" / "bin"
    for program in programs.iterdir():
        program.chmod(0o755)
    return programs


@pytest.fixture(scope="module")
def images(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with machine code and PTX for every architecture."""
    folder = tmp_path_factory.mktemp("images")
    for architecture in ARCHITECTURES:
        text = f".version 9.0\n.target sm_{architecture}\n.address_size 64\n.visible .entry k() {{ ret; }}\n"
        source = folder / f"{architecture}.ptx"
        source.write_text(text)
        cubin = folder / f"{architecture}.cubin"
        subprocess.run([tools / "ptxas", f"-arch=sm_{architecture}", source, "-o", cubin], check=True)
    return folder


def make_fatbin(tools: Path, images: Path, path: Path, wanted: list[tuple[str, str]], mode: str) -> None:
    given = [
        f"--image3=kind={kind},sm={architecture},file={images / architecture}.{'cubin' if kind == 'elf' else 'ptx'}"
        for kind, architecture in wanted
    ]
    program = [tools / "fatbinary", "-64", f"--compress-mode={mode}", "--compress-all"]
    subprocess.run([*program, f"--create={path}", *given], check=True)


def make_library(path: Path, sections: list[tuple[str, Path]]) -> None:
    lines = [
        f'__asm__(".section {name},\\"a\\"\\n.balign 8\\n.incbin \\"{file}\\"\\n.previous\\n");'
        for name, file in sections
    ]
    source = path.with_suffix(".c")
    source.write_text("\n".join(lines) + "\n")
    subprocess.run(["cc", "-shared", "-o", path, source], check=True)


def read(path: Path) -> LibraryCode:
    with tempfile.TemporaryFile() as spool, path.open("rb") as stream:
        reader = LibraryReader(spool)
        while data := stream.read(1 << 20):
            reader.feed(data)
        return reader.finish()


def told(tools: Path, path: Path) -> Counter[tuple[str, str]]:
    """Return what cuobjdump finds in a library: ("elf" or "ptx", architecture)."""
    text = subprocess.run([tools / "cuobjdump", path], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^Fatbin (elf|ptx) code:\n=+\narch = sm_(\w+)$", text, re.MULTILINE)
    return Counter(found)


def test_libraries_are_read_as_cuobjdump_reads_them(tools: Path, images: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    seen: set[tuple[str, str]] = set()
    for number in range(20):
        expected: Counter[tuple[str, str]] = Counter()
        sections = []
        for part in range(chance.randint(1, 4)):
            wanted = chance.sample(
                [(kind, each) for kind in ("elf", "ptx") for each in ARCHITECTURES], chance.randint(1, 8)
            )
            path = tmp_path / f"{number}-{part}.fatbin"
            make_fatbin(tools, images, path, wanted, chance.choice(MODES))
            section = "__nv_relfatbin" if chance.random() < 0.2 else ".nv_fatbin"
            sections.append((section, path))
            expected.update(wanted if section == ".nv_fatbin" else ())
        made = tmp_path / f"{number}.so"
        make_library(made, sections)
        code = read(made)
        assert code.damaged == 0
        assert sum(section.fatbins for section in code.sections) == len(sections)
        found: Counter[tuple[str, str]] = Counter()
        for section in code.sections:
            if section.is_loadable:
                found.update({("elf", each): count for each, count in section.sass.items()})
                found.update({("ptx", each): count for each, count in section.ptx.items()})
        assert found == expected, f"library {number}"
        if expected:
            assert found == told(tools, made), f"library {number}"
        seen |= expected.keys()
    assert len(seen) == 2 * len(ARCHITECTURES), "every kind of code was there"


def test_a_library_of_nvidias_own_is_read_as_cuobjdump_reads_it(tools: Path, tmp_path: Path) -> None:
    """A small wheel with real kernels in it: nvJPEG."""
    command = [sys.executable, "-m", "pip", "download", "-qqq", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(tmp_path), "nvidia-nvjpeg==13.0.1.86"], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with wheel.open("rb") as file:
        found = read_wheel_code(file, wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        for name, code in found.items():
            own = next((section for section in code.sections if section.name == ".nv_fatbin"), None)
            if own is None:
                continue
            real = told(tools, Path(archive.extract(name, tmp_path)))
            assert {each for kind, each in real if kind == "elf"} == own.sass.keys()
            assert {each for kind, each in real if kind == "ptx"} == own.ptx.keys()
            assert sum(real.values()) >= own.fatbins > 0
            return
    pytest.fail("no library with GPU code")
