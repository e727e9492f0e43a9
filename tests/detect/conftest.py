"""Recorded machines, and stand-ins for NVIDIA's libraries that replay them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envfit.detect.reading import Reading
from envfit.detect.record import FILE_NAME, parse_record

HERE = Path(__file__).parent
MACHINES = HERE.parent / "machines"
PROJECT = HERE.parents[1]


@pytest.fixture
def recorded() -> Callable[[str], Reading]:
    """Return the reading of a recorded machine, by name."""

    def read(name: str) -> Reading:
        return parse_record((MACHINES / f"{name}.txt").read_text(encoding="utf-8"), source="recorded")

    return read


@pytest.fixture(scope="session")
def compile_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile a stand-in once for each set of macros."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (gcc or cc) to build the stand-ins for NVIDIA's libraries with")
    built: dict[tuple[str, ...], Path] = {}

    def build(source: str, *macros: str) -> Path:
        key = (source, *macros)
        if key not in built:
            library = tmp_path_factory.mktemp("stand-in") / "library.so"
            flags = ["-shared", "-fPIC", "-O0", "-Wall", "-Werror", *(f"-D{macro}" for macro in macros)]
            subprocess.run(
                [compiler, *flags, "-o", str(library), str(HERE / "stand_in" / source)], check=True
            )
            built[key] = library
        return built[key]

    return build


class StandIn:
    """A directory of stand-in libraries, and children that load them through the real code."""

    def __init__(self, directory: Path, compile_library: Callable[..., Path]) -> None:
        self.directory = directory
        self.log = directory / "log"
        self._compile = compile_library
        self.environ = {
            "LD_LIBRARY_PATH": str(directory),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "ENVFIT_STAND_IN_LOG": str(self.log),
        }

    def install_nvml(self, machine: Path) -> None:
        shutil.copy(self._compile("nvml.c"), self.directory / "libnvidia-ml.so.1")
        self.environ["ENVFIT_RECORDED_MACHINE"] = str(machine)

    def install_libcuda(self, driver: str, *macros: str) -> None:
        shutil.copy(self._compile("libcuda.c", *macros), self.directory / f"libcuda.so.{driver}")
        (self.directory / "libcuda.so.1").symlink_to(f"libcuda.so.{driver}")

    def run(self, program: str, *arguments: str, **environ: str) -> str:
        """Run a Python program in a child that loads the stand-ins, and return what it printed."""
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=self.environ | environ,
            cwd=PROJECT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        ).stdout

    def detect(self, root: Path) -> Reading:
        """Detect in a child, and return the reading that it recorded."""
        out = self.directory / "record"
        program = (
            "import pathlib, sys; from envfit.detect import detect; from envfit.detect.record import record; "
            "record(detect(root=pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))"
        )
        self.run(program, str(root), str(out))
        return parse_record((out / FILE_NAME).read_text(encoding="utf-8"), source="recorded")


@pytest.fixture
def stand_in(tmp_path: Path, compile_library: Callable[..., Path]) -> StandIn:
    """Return an empty directory for stand-in libraries."""
    directory = tmp_path / "lib"
    directory.mkdir()
    return StandIn(directory, compile_library)
