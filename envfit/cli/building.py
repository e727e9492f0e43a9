"""Compiling what a lock marks as builds: options in, one call, print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envfit import api
from envfit.build.cache import BuiltWheel
from envfit.build.progress import duration
from envfit.cli import render
from envfit.cli.progress import Progress

__all__ = ["build"]


def build(
    *,
    lock_file: Path,
    output: Path | None,
    gpus: Sequence[str],
    provided_from: str | None,
    skip: Sequence[str],
    jobs: int | None,
    find_links: Sequence[str],
    allow_network: bool,
    json: bool,
) -> None:
    """Compile what a lock marks as builds, and say what the wheels hold."""
    with Progress() as progress:
        wheels = api.build_file(
            lock_file,
            output=output,
            target=api.TargetRequest(gpus=tuple(gpus or ("auto",))),
            provided_from=provided_from,
            skip=tuple(skip),
            jobs=jobs,
            find_links=tuple(map(Path, find_links)),
            network=allow_network,
            watch=progress.watch if progress.is_seen else None,
            notify=progress.talk,
        )
    if json:
        render.print_json({"wheels": [_data(wheel) for wheel in wheels]})
        return
    if not wheels:
        print(f"{lock_file} marks nothing as a build")
    for wheel in wheels:
        _print(wheel)


def _print(wheel: BuiltWheel) -> None:
    took = f"compiled in {duration(wheel.seconds)}"
    print(f"{wheel.name} {wheel.version}: {f'from the cache, {took}' if wheel.from_cache else took}")
    for library in wheel.libraries:
        if library.has_gpu_code:
            print(f"  {library}")
    print(f"  {wheel.path}, sha256 {wheel.sha256}")


def _data(wheel: BuiltWheel) -> dict[str, Any]:
    return {
        "name": wheel.name,
        "version": str(wheel.version),
        "path": str(wheel.path),
        "sha256": wheel.sha256,
        "architectures": list(wheel.architectures),
        "from-cache": wheel.from_cache,
        "seconds": round(wheel.seconds, 3),
        "objects": wheel.objects,
        "compiled": wheel.compiled,
        "peak-memory": wheel.peak_memory,
        "libraries": [
            {
                "path": library.path,
                "sass": dict(library.sass),
                "ptx": list(library.ptx),
                "cudart": library.cudart,
                "size": library.size,
            }
            for library in wheel.libraries
        ],
        "requirements": dict(wheel.requirements),
        "isolation": wheel.isolation,
        "left-out": list(wheel.left_out),
        "log": str(wheel.log) if wheel.log is not None else None,
    }
