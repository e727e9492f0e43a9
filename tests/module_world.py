"""Modules as clusters have them: virtual environments and directories of small installed wheels."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from tests.loopback import make_wheel

__all__ = ["TORCH_CMAKE", "add", "add_torch", "make_venv", "site_packages"]

TORCH_CMAKE = 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=1")\n'


def make_venv(directory: Path) -> Path:
    """Make an empty virtual environment, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    return directory / "bin" / "python"


def site_packages(python: Path) -> Path:
    """Return where the packages of a virtual environment lie."""
    (found,) = (python.parents[1] / "lib").glob("python*/site-packages")
    return found


def add(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    files: dict[str, bytes] | None = None,
    extras: dict[str, list[str]] | None = None,
) -> None:
    """Install a package into a directory, as pip does: its module and its metadata."""
    with tempfile.TemporaryDirectory() as temporary:
        wheel = make_wheel(Path(temporary), name, version, requires=requires, files=files, extras=extras)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(directory)


def add_torch(
    directory: Path, version: str, cuda: str | None, *, requires: Iterable[str] = (), cmake: str = TORCH_CMAKE
) -> None:
    """Install a torch that says in its files what it was built with."""
    said = f"from typing import Optional\n__version__ = '{version}'\ncuda: Optional[str] = {cuda!r}\n"
    files = {
        # Whoever imports it to learn what it is learns nothing.
        "torch/__init__.py": f"import os\n__version__ = {version!r}\nassert 'NO_TORCH' not in os.environ\n".encode(),
        "torch/version.py": said.encode(),
        "torch/share/cmake/Torch/TorchConfig.cmake": cmake.encode(),
    }
    add(directory, "torch", version, requires=requires, files=files)
