"""The small CUDA extensions of these tests as source distributions, and orders to compile them."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from envfit.build.cache import BuildCache, BuildKey, BuiltWheel
from envfit.build.compile import BuildPython, Order, compile_wheel
from envfit.build.run import toolkit_of
from envfit.build.settings import Settings

TREES = Path(__file__).parent / "trees"
RULES = Path(__file__).parent / "rules"
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")

needs_nvcc = pytest.mark.skipif(
    NVCC is None or shutil.which("ninja") is None or shutil.which("g++") is None,
    reason="nvcc, g++ and ninja compile the small extension",
)


def make_sdist(name: str, directory: Path) -> Path:
    """Pack one of the trees, as a source distribution of version 1.0."""
    directory.mkdir(parents=True, exist_ok=True)
    top = f"{name.replace('-', '_')}-1.0"
    path = directory / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(TREES / name, top, filter=lambda item: None if "__pycache__" in item.name else item)
    return path


def plain_order(
    codes: tuple[str, ...], *, environ: Mapping[str, str], jobs: int = 1, **variables: str
) -> Order:
    """Return an order of the extension that needs no torch."""
    return Order(
        key=BuildKey(
            name="plain-cuda",
            version="1.0",
            sdist="0" * 64,
            python=f"cp{sys.version_info.major}{sys.version_info.minor}",
            platform="linux_x86_64",
            glibc="2.36",
            cuda="13.0",
            codes=codes,
            nvcc="13.0.88",
            compiler="12.2.0",
            settings=tuple(sorted(variables.items())),
        ),
        settings=Settings(
            variables={"PLAIN_CUDA_ARCHS": ";".join(codes), **variables},
            effort={"MAX_JOBS": str(jobs), "NVCC_THREADS": "1"},
            clears=("TORCH_CUDA_ARCH_LIST",),
            local_version_in="PLAIN_CUDA_LOCAL_VERSION",
            libraries=("plain_cuda/_kernels*.so",),
            codes=codes,
            jobs=jobs,
        ),
        environ=environ,
        toolkit=toolkit_of(NVCC) if NVCC is not None else None,
    )


def unpack_plain(folder: Path) -> Path:
    """Put the tree of the extension that needs no torch into a folder."""
    return Path(shutil.copytree(TREES / "plain-cuda", folder / "plain_cuda-1.0"))


def compile_plain(order: Order, cache: Path, **options: object) -> BuiltWheel:
    """Compile an order with the Python of the tests, whose back end lies in the tree."""
    told = options.pop("told", None)
    return compile_wheel(
        order,
        BuildCache(cache),
        unpack=options.pop("unpack", unpack_plain),
        interpreter=lambda *_: BuildPython(path=sys.executable, requirements={"plain": "1"}),
        notify=told.append if told is not None else lambda _: None,
    )


def counting_nvcc(directory: Path) -> tuple[Path, Path]:
    """Return an nvcc that writes a line into a file each time it is called, and that file."""
    calls, wrapper = directory / "calls", directory / "nvcc"
    calls.write_text("")
    wrapper.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nexec {NVCC} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper, calls


def environ_with(nvcc: Path) -> dict[str, str]:
    """Return this environment, as an image spoils it, with an nvcc that the back end uses."""
    return {**os.environ, "PYTORCH_NVCC": str(nvcc), "TORCH_CUDA_ARCH_LIST": "9.0a"}
