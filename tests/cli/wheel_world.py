"""A small world of wheels with the names and versions of real releases.

What is known of a torch release is known by name, version and platform too, so a
wheel of a few hundred bytes that is called torch 2.10.0 has the GPU code of the
real one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.loopback import make_sdist, make_wheel

__all__ = ["HERE", "make_pytorch_pages", "make_world"]

#: The Python that runs the tests, and the tag of wheels for it alone.
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
_HERE_TAGS = f"cp{HERE.replace('.', '')}-none-any"

_X86_64 = "cp311-cp311-manylinux_2_28_x86_64"
_AARCH64 = "cp311-cp311-manylinux_2_28_aarch64"

_CUBLAS = {11: "nvidia-cublas-cu11==11.10.3.66", 12: "nvidia-cublas-cu12>=12", 13: "nvidia-cublas>=13"}

# Torch releases on the default index, and the CUDA major of each platform's wheel (0: without CUDA).
_TORCH = {
    "2.15.0": {_X86_64: 13, _AARCH64: 13},
    "2.14.1": {_X86_64: 13, _AARCH64: 13},
    "2.13.0": {_X86_64: 13, _AARCH64: 13},
    "2.11.0": {_X86_64: 13, _AARCH64: 13},
    "2.10.0": {_X86_64: 12, _AARCH64: 0},
    "2.8.0": {_X86_64: 12, _AARCH64: 0},
    "2.7.1": {_X86_64: 12, _AARCH64: 0},
}

# The pages of the PyTorch index, and the torch releases on each.
_PAGES = {
    "cpu": {"2.15.0": (_X86_64,)},
    "cu126": {"2.14.1": (_X86_64, _AARCH64), "2.10.0": (_X86_64,)},
    "cu128": {"2.10.0": (_X86_64,)},
    "cu130": {"2.15.0": (_X86_64, _AARCH64), "2.14.1": (_X86_64, _AARCH64)},
}


def make_world(directory: Path) -> None:
    """Write the wheels of the default index."""
    for version, builds in _TORCH.items():
        for tags, cuda in builds.items():
            requires = ["filelock", *([_CUBLAS[cuda]] if cuda else [])]
            make_wheel(directory, "torch", version, requires=requires, tags=tags)
    # These two require each other.
    make_wheel(directory, "torch", "2.0.1", requires=["filelock", _CUBLAS[11], "triton==2.0.0"], tags=_X86_64)
    make_wheel(directory, "triton", "2.0.0", requires=["torch"], tags=_X86_64)
    for version in ("13.0.0.19", "13.2.1.1"):
        make_wheel(directory, "nvidia-cublas", version, tags="py3-none-manylinux_2_27_x86_64")
        make_wheel(directory, "nvidia-cublas", version, tags="py3-none-manylinux_2_27_aarch64")
    for name, version in (("nvidia-cublas-cu11", "11.10.3.66"), ("nvidia-cublas-cu12", "12.8.4.1")):
        make_wheel(directory, name, version, tags="py3-none-manylinux_2_27_x86_64")
        make_wheel(directory, name, version, tags="py3-none-manylinux_2_27_aarch64")
    make_wheel(directory, "torchaudio", "2.11.0", tags=_X86_64)
    make_wheel(directory, "torchaudio", "2.8.0", requires=["torch==2.8.0"], tags=_X86_64)
    for version in ("2.8.3", "2.7.4.post1"):
        make_sdist(
            directory,
            "flash-attn",
            version,
            metadata_version="2.1",
            requires=["torch", "einops"],
            pyproject=None,
        )
    for name, version in (("einops", "0.8.1"), ("filelock", "3.20.0"), ("numpy", "2.3.0"), ("lib", "1.0")):
        make_wheel(directory, name, version)
    for version in ("1.0", "1.1", "2.0"):
        make_wheel(directory, "plain", version, requires=["lib"])
    make_wheel(directory, "lib", "1.1")
    make_wheel(directory, "needs-nowhere", "1.0", requires=["nowhere>=1"])
    make_wheel(directory, "native", "1.0", requires=["lib"], files={"native.py": b""}, tags=_HERE_TAGS)
    make_wheel(directory, "broken-import", "1.0", files={"broken_import.py": b"import no_such_module\n"})


def make_pytorch_pages(directory: Path) -> dict[str, Path]:
    """Write the wheels of a replica of the PyTorch index, and return its pages by path."""
    pages = {}
    for label, releases in _PAGES.items():
        folder = directory / label
        for version, platforms in releases.items():
            cuda = 0 if label == "cpu" else int(label[2:4])
            requires = ["filelock", *([_CUBLAS[cuda]] if cuda else [])]
            for tags in platforms:
                make_wheel(folder, "torch", f"{version}+{label}", requires=requires, tags=tags)
        pages[f"whl/{label}"] = folder
    return pages
