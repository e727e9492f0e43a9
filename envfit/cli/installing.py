"""Installing a lock: options in, one call, print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envfit import api
from envfit.cli import render
from envfit.install.options import Verify

__all__ = ["install"]


def install(
    *,
    lock_file: Path | None,
    prefix: Path,
    gpus: Sequence[str],
    ignored_gpus: Sequence[str],
    driver: str | None,
    skip: Sequence[str],
    provided_from: str | None,
    ignore_rules: Sequence[str],
    mirrors: Sequence[str],
    no_guard: bool,
    verify: str | None,
    force: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Install a lock, if it runs on this machine, and prove it by importing what was asked for."""
    report = api.install(
        api.InstallRequest(
            lock=lock_file,
            prefix=prefix,
            target=api.TargetRequest(
                gpus=tuple(gpus or ("auto",)), driver=driver, ignored_gpus=tuple(ignored_gpus)
            ),
            skip=tuple(skip),
            provided_from=provided_from,
            ignore_rules=tuple(ignore_rules),
            mirrors=tuple(mirrors),
            guarded=not no_guard,
            verify=Verify(verify) if verify is not None else Verify.REQUESTED,
            force=force,
            dry_run=dry_run,
        ),
        notify=render.talk,
    )
    if json:
        render.print_json(render.install_data(report))
    else:
        render.print_install(report)
