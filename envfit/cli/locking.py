"""Locking, and adding to a lock: options in, one call, print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render
from envfit.cli.progress import Progress
from envfit.project import parse_exclude_newer, parse_resolution
from envfit.resolve.decide import Concede

if TYPE_CHECKING:
    from envfit.cli.remembering import Recorder

__all__ = ["add", "lock", "request_of"]


def lock(
    *,
    output: Path | None,
    check: bool,
    json: bool,
    verbose: bool,
    recorder: Recorder | None,
    **asked: Any,
) -> None:
    """Lock an environment that runs on a target, or say why there is none."""
    request = replace(request_of(**asked), output=output, check=check)
    _lock(request, json=json, verbose=verbose, recorder=recorder)


def request_of(
    *,
    requirements: Sequence[str],
    files: Sequence[Path],
    editables: Sequence[str],
    constraints: Sequence[Path],
    overrides: Sequence[Path],
    exclude: Sequence[str],
    extras: Sequence[str],
    groups: Sequence[str],
    gpus: Sequence[str],
    ignored_gpus: Sequence[str],
    driver: str | None,
    python: str | None,
    platform: str | None,
    glibc: str | None,
    target: str | None,
    if_supported: Sequence[str],
    concede: str | None,
    provided: Sequence[str],
    provided_from: str | None,
    pre: bool,
    upgrade: bool,
    upgrade_packages: Sequence[str],
    index_url: str | None,
    extra_index_urls: Sequence[str],
    no_index: bool,
    find_links: Sequence[str],
    no_binary: Sequence[str],
    only_binary: Sequence[str],
    resolution: str | None,
    pytorch_index: bool,
    pytorch_mirror: str | None,
    mirrors: Sequence[str],
    exclude_newer: str | None,
    offline: bool,
    no_build: bool,
    no_prebuilt: bool,
    ignore_rules: Sequence[str],
    strict_knowledge: bool,
    read_limit: int | None,
    budget: int | None,
) -> api.LockRequest:
    """Return what options ask for; raises the errors of options that are malformed."""
    request = api.LockRequest(
        requirements=tuple(requirements),
        files=tuple(files),
        editables=tuple(editables),
        constraints=tuple(constraints),
        overrides=tuple(overrides),
        exclude=tuple(exclude),
        extras=tuple(extras),
        groups=tuple(groups),
        target=api.TargetRequest(
            gpus=tuple(gpus),
            driver=driver,
            python=python,
            glibc=glibc,
            platform=platform,
            ignored_gpus=tuple(ignored_gpus),
        ),
        target_name=target,
        if_supported=tuple(if_supported),
        concede=Concede(concede) if concede is not None else None,
        provided=tuple(provided),
        provided_from=provided_from,
        prereleases=pre,
        upgrade=upgrade,
        upgrade_packages=tuple(upgrade_packages),
        index_url=index_url,
        extra_index_urls=tuple(extra_index_urls),
        no_binary=tuple(no_binary),
        only_binary=tuple(only_binary),
        resolution=parse_resolution(resolution) if resolution is not None else None,
        pytorch_index=pytorch_mirror if pytorch_mirror is not None else ("" if pytorch_index else None),
        no_index=no_index,
        find_links=tuple(find_links),
        mirrors=tuple(mirrors),
        newest_upload=parse_exclude_newer(exclude_newer) if exclude_newer is not None else None,
        offline=offline,
        build=not no_build,
        prebuilt=False if no_prebuilt else None,
        ignore_rules=tuple(ignore_rules),
        strict_knowledge=strict_knowledge,
        read_limit=read_limit,
        budget=budget,
    )
    if Path("-") in request.files and sys.stdin is not None and sys.stdin.isatty():
        render.talk("reading requirements from the terminal; Ctrl-D ends them")
    return request


def add(
    *,
    requirements: Sequence[str],
    output: Path | None,
    target: str | None,
    pre: bool,
    index_url: str | None,
    extra_index_urls: Sequence[str],
    find_links: Sequence[str],
    pytorch_index: bool,
    pytorch_mirror: str | None,
    mirrors: Sequence[str],
    exclude_newer: str | None,
    offline: bool,
    no_build: bool,
    no_prebuilt: bool,
    ignore_rules: Sequence[str],
    strict_knowledge: bool,
    read_limit: int | None,
    budget: int | None,
    json: bool,
    verbose: bool,
) -> None:
    """Lock again with more packages; what the lock was made for is kept."""
    request = api.LockRequest(
        added=tuple(requirements),
        output=output,
        target_name=target,
        prereleases=pre,
        index_url=index_url,
        extra_index_urls=tuple(extra_index_urls),
        find_links=tuple(find_links),
        pytorch_index=pytorch_mirror if pytorch_mirror is not None else ("" if pytorch_index else None),
        mirrors=tuple(mirrors),
        newest_upload=parse_exclude_newer(exclude_newer) if exclude_newer is not None else None,
        offline=offline,
        build=not no_build,
        prebuilt=False if no_prebuilt else None,
        ignore_rules=tuple(ignore_rules),
        strict_knowledge=strict_knowledge,
        read_limit=read_limit,
        budget=budget,
    )
    _lock(request, json=json, verbose=verbose)


def _lock(request: api.LockRequest, *, json: bool, verbose: bool, recorder: Recorder | None = None) -> None:
    with Progress() as progress:

        def notify(sentence: str) -> None:
            progress.talk(sentence)
            if recorder is not None:
                recorder.note(sentence)

        result = api.lock(request, notify=notify, watch=progress.watch)
    with recorder.listening() if recorder is not None else nullcontext():
        if json:
            render.print_json(render.lock_data(result))
        else:
            render.print_lock(result, check=request.check, verbose=verbose)
    if recorder is not None and result.repeatable_until is not None:
        recorder.keep(
            lock=str(result.path.absolute()),
            was_there=not result.changed,
            until=result.repeatable_until,
        )
    if request.check and result.changed:
        raise SystemExit(1)
