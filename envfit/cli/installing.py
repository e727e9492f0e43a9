"""Installing a lock: options in, one call, print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envfit import api
from envfit.cli import render
from envfit.cli.ending import ending_in_order
from envfit.cli.progress import Progress
from envfit.install.options import Build, Verify

__all__ = ["install"]


def install(
    *,
    lock_file: Path | None,
    prefix: Path | None,
    adopt: bool,
    keep: int | None,
    gpus: Sequence[str],
    ignored_gpus: Sequence[str],
    driver: str | None,
    skip: Sequence[str],
    build: str | None,
    jobs: int | None,
    provided_from: str | None,
    ignore_rules: Sequence[str],
    mirrors: Sequence[str],
    find_links: Sequence[Path],
    offline: bool,
    no_guard: bool,
    verify: str | None,
    force: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Install a lock, if it runs on this machine, and prove it by importing what was asked for."""
    request = api.InstallRequest(
        lock=lock_file,
        prefix=prefix,
        adopt=adopt,
        keep=1 if keep is None else keep,
        target=api.TargetRequest(
            gpus=tuple(gpus or ("auto",)), driver=driver, ignored_gpus=tuple(ignored_gpus)
        ),
        skip=tuple(skip),
        build=Build(build) if build is not None else Build.AUTO,
        jobs=jobs,
        provided_from=provided_from,
        ignore_rules=tuple(ignore_rules),
        mirrors=tuple(mirrors),
        find_links=tuple(find_links),
        offline=offline,
        guarded=not no_guard,
        verify=Verify(verify) if verify is not None else Verify.REQUESTED,
        force=force,
        dry_run=dry_run,
    )
    with Progress() as progress, ending_in_order():
        watch = progress.watch if progress.is_seen else None
        report = api.install(request, notify=progress.talk, watch=watch)
    if json:
        render.print_json(render.install_data(report))
    else:
        render.print_install(report)
