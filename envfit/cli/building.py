"""Compiling what a lock marks as builds, or saying whether it could be: options in, one call, print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.build.cache import BuiltWheel
from envfit.build.progress import duration
from envfit.cli import render
from envfit.cli.progress import Progress
from envfit.errors import RequirementError, TargetError

if TYPE_CHECKING:
    from envfit.api import BuildSaid, TargetRequest

__all__ = ["build"]


def build(
    *,
    what: str,
    output: Path | None,
    gpus: Sequence[str],
    driver: str | None,
    provided_from: str | None,
    skip: Sequence[str],
    jobs: int | None,
    find_links: Sequence[str],
    mirrors: Sequence[str],
    offline: bool,
    allow_network: bool,
    dry_run: bool,
    torch: str | None,
    nvcc: str | None,
    gxx: str | None,
    memory: float | None,
    cores: int | None,
    ignore_rules: Sequence[str],
    json: bool,
) -> None:
    """Compile what a lock marks as builds, and say what the wheels hold; or say whether that can be."""
    target = api.TargetRequest(gpus=tuple(gpus or ("auto",)), driver=driver)
    lock_file = Path(what)
    is_lock = lock_file.suffix == ".toml" or lock_file.is_file()
    if dry_run:
        said = api.BuildSaid(
            torch=torch,
            nvcc=nvcc,
            gxx=gxx,
            memory=memory,
            cores=cores,
            jobs=jobs,
            provided_from=provided_from,
            ignored_rules=tuple(ignore_rules),
        )
        _report(what, is_lock=is_lock, target=target, said=said, skip=skip, json=json)
        return
    spoken_of = {"--torch": torch, "--nvcc": nvcc, "--gxx": gxx, "--memory": memory, "--cores": cores}
    for option, value in spoken_of.items():
        if value is not None:
            raise TargetError(f"{option} says what --dry-run judges; this machine's own is what compiles")
    if not is_lock:
        raise RequirementError(
            f"{what} is no lock, and what is compiled is what a lock marks as builds",
            hints=[f"envfit lock {what} makes one", f"envfit build {what} --dry-run judges it alone"],
        )
    with Progress() as progress:
        wheels = api.build_file(
            lock_file,
            output=output,
            target=target,
            provided_from=provided_from,
            skip=tuple(skip),
            jobs=jobs,
            find_links=tuple(map(Path, find_links)),
            ignore_rules=tuple(ignore_rules),
            mirrors=tuple(mirrors),
            offline=offline,
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


def _report(
    what: str, *, is_lock: bool, target: TargetRequest, said: BuildSaid, skip: Sequence[str], json: bool
) -> None:
    """Print what every gate says; the exit code is 1 where one is closed."""
    from envfit.cli.build_reports import build_report_lines, build_reports_data

    if is_lock:
        reports = api.lock_gate_reports(
            Path(what), target=target, said=said, skip=tuple(skip), notify=render.talk
        )
    else:
        reports = (api.gate_report(what, target=target, said=said, notify=render.talk),)
    if json:
        render.print_json(build_reports_data(reports))
    elif not reports:
        print(f"{what} marks nothing as a build")
    else:
        print("\n\n".join("\n".join(build_report_lines(report)) for report in reports))
    if not all(report.judged.possible for report in reports):
        raise SystemExit(1)


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
