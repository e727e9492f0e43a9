"""Locking, and adding to a lock: options in, one call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from envfit import api
from envfit.cli import options, render
from envfit.cli.progress import Progress
from envfit.project import parse_exclude_newer, parse_resolution
from envfit.resolve.decide import Concede

__all__ = ["add", "lock"]


def lock(
    requirements: Annotated[
        Optional[list[str]],
        typer.Argument(
            help="Requirements, such as torch or 'transformers>=5'. Default: ./pyproject.toml.",
            metavar="REQUIREMENT",
        ),
    ] = None,
    files: Annotated[
        Optional[list[Path]],
        typer.Option(
            "-r",
            "--requirement",
            metavar="FILE",
            help="A requirements file, pyproject.toml, environment.yml or pylock.toml; - is standard input.",
        ),
    ] = None,
    editables: Annotated[
        Optional[list[str]],
        typer.Option(
            "-e", "--editable", metavar="DIR", help="A project in a directory, installed to be used in place."
        ),
    ] = None,
    constraints: Annotated[
        Optional[list[Path]],
        typer.Option(
            "-c",
            "--constraint",
            metavar="FILE",
            help="A requirements file that bounds versions and brings nothing in.",
        ),
    ] = None,
    overrides: Annotated[
        Optional[list[Path]],
        typer.Option(
            "--override",
            metavar="FILE",
            help="A requirements file that stands in the place of every other requirement on its names.",
        ),
    ] = None,
    exclude: Annotated[
        Optional[list[str]],
        typer.Option("--exclude", metavar="NAME", help="A package that nothing may bring in."),
    ] = None,
    extras: Annotated[
        Optional[list[str]], typer.Option("--extra", metavar="NAME", help="An extra of the project.")
    ] = None,
    groups: Annotated[
        Optional[list[str]],
        typer.Option("--group", metavar="NAME", help="A dependency group of the project (PEP 735)."),
    ] = None,
    output: options.Output = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the lock is stale.")
    ] = False,
    gpu: options.Gpus = None,
    driver: options.Driver = None,
    python: Annotated[
        Optional[str],
        typer.Option(
            metavar="VERSION",
            help="The Python on the target, such as 3.12; of a range such as '>=3.10', the one that serves "
            "best what you name. Default: 3.11, or what requires-python asks for.",
        ),
    ] = None,
    platform: Annotated[
        Optional[str],
        typer.Option(
            metavar="PLATFORM",
            help="linux-x86_64 or linux-aarch64. Default: implied by the GPU, else linux-x86_64.",
        ),
    ] = None,
    glibc: Annotated[
        Optional[str], typer.Option(metavar="VERSION", help="The glibc on the target. Default: 2.28.")
    ] = None,
    target: options.TargetName = None,
    if_supported: Annotated[
        Optional[list[str]],
        typer.Option(
            "--if-supported",
            metavar="NAME",
            help="Take NAME where it runs, leave it out with the reason where not.",
        ),
    ] = None,
    concede: Annotated[
        Optional[Concede],
        typer.Option(help="How far an --if-supported package may lower one that you named. Default: minor."),
    ] = None,
    provided: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="NAME==VERSION|FILE",
            help="What a loaded module supplies, as pip list --format=freeze prints it.",
        ),
    ] = None,
    provided_from: Annotated[
        Optional[str],
        typer.Option(
            metavar="PYTHON",
            help="The interpreter of a loaded module or a container: what it sees is provided, and its "
            "Python is the target's.",
        ),
    ] = None,
    pre: options.Pre = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Do not keep the versions of the existing lock.")
    ] = False,
    upgrade_package: Annotated[
        Optional[list[str]],
        typer.Option("--upgrade-package", metavar="NAME", help="Do not keep the version of NAME."),
    ] = None,
    index_url: options.IndexUrl = None,
    extra_index_url: options.ExtraIndexUrls = None,
    no_index: options.NoIndex = False,
    find_links: options.FindLinks = None,
    no_binary: Annotated[
        Optional[list[str]],
        typer.Option(
            "--no-binary", metavar="NAME", help="Take no wheel of NAME; :all: stands for every package."
        ),
    ] = None,
    only_binary: Annotated[
        Optional[list[str]],
        typer.Option(
            "--only-binary",
            metavar="NAME",
            help="Take no source distribution of NAME; :all: stands for every package.",
        ),
    ] = None,
    resolution: Annotated[
        Optional[str],
        typer.Option(
            metavar="STRATEGY",
            help="highest, lowest, or lowest-direct (only of what you name). Default: highest.",
        ),
    ] = None,
    pytorch_index: options.PytorchIndex = False,
    pytorch_mirror: options.PytorchMirror = None,
    mirror: options.Mirrors = None,
    exclude_newer: options.ExcludeNewer = None,
    offline: options.Offline = False,
    no_build: options.NoBuild = False,
    ignore_rule: options.IgnoreRule = None,
    budget: options.Budget = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> None:
    """Lock an environment that runs on a target, or say why there is none.

    Example: envfit lock torch transformers --gpu V100 --driver 535.161.08
    """
    request = api.LockRequest(
        requirements=tuple(requirements or ()),
        files=tuple(files or ()),
        editables=tuple(editables or ()),
        constraints=tuple(constraints or ()),
        overrides=tuple(overrides or ()),
        exclude=tuple(exclude or ()),
        extras=tuple(extras or ()),
        groups=tuple(groups or ()),
        target=api.TargetRequest(
            gpus=tuple(gpu or ()), driver=driver, python=python, glibc=glibc, platform=platform
        ),
        target_name=target,
        if_supported=tuple(if_supported or ()),
        concede=concede,
        provided=tuple(provided or ()),
        provided_from=provided_from,
        prereleases=pre,
        upgrade=upgrade,
        upgrade_packages=tuple(upgrade_package or ()),
        index_url=index_url,
        extra_index_urls=tuple(extra_index_url or ()),
        no_binary=tuple(no_binary or ()),
        only_binary=tuple(only_binary or ()),
        resolution=parse_resolution(resolution) if resolution is not None else None,
        pytorch_index=pytorch_mirror if pytorch_mirror is not None else ("" if pytorch_index else None),
        no_index=no_index,
        find_links=tuple(find_links or ()),
        mirrors=tuple(mirror or ()),
        newest_upload=parse_exclude_newer(exclude_newer) if exclude_newer is not None else None,
        offline=offline,
        build=not no_build,
        ignore_rules=tuple(ignore_rule or ()),
        budget=budget,
        output=output,
        check=check,
    )
    if Path("-") in request.files and sys.stdin is not None and sys.stdin.isatty():
        render.talk("reading requirements from the terminal; Ctrl-D ends them")
    _lock(request, json=json, verbose=verbose)


def add(
    requirements: Annotated[
        list[str],
        typer.Argument(help="What to add, such as einops or 'transformers>=5'.", metavar="REQUIREMENT"),
    ],
    output: options.Output = None,
    target: options.TargetName = None,
    pre: options.Pre = False,
    index_url: options.IndexUrl = None,
    extra_index_url: options.ExtraIndexUrls = None,
    find_links: options.FindLinks = None,
    pytorch_index: options.PytorchIndex = False,
    pytorch_mirror: options.PytorchMirror = None,
    mirror: options.Mirrors = None,
    exclude_newer: options.ExcludeNewer = None,
    offline: options.Offline = False,
    no_build: options.NoBuild = False,
    ignore_rule: options.IgnoreRule = None,
    budget: options.Budget = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> None:
    """Lock again with more packages; target, versions, constraints and what else was asked for are kept.

    What the lock was made for is read from the lock. Where ./pyproject.toml lists dependencies, what is added
    is written there too.
    """
    request = api.LockRequest(
        added=tuple(requirements),
        output=output,
        target_name=target,
        prereleases=pre,
        index_url=index_url,
        extra_index_urls=tuple(extra_index_url or ()),
        find_links=tuple(find_links or ()),
        pytorch_index=pytorch_mirror if pytorch_mirror is not None else ("" if pytorch_index else None),
        mirrors=tuple(mirror or ()),
        newest_upload=parse_exclude_newer(exclude_newer) if exclude_newer is not None else None,
        offline=offline,
        build=not no_build,
        ignore_rules=tuple(ignore_rule or ()),
        budget=budget,
    )
    _lock(request, json=json, verbose=verbose)


def _lock(request: api.LockRequest, *, json: bool, verbose: bool) -> None:
    with Progress() as progress:
        result = api.lock(request, notify=progress.talk, watch=progress.watch)
    if json:
        render.print_json(render.lock_data(result))
    else:
        render.print_lock(result, check=request.check, verbose=verbose)
    if request.check and result.changed:
        raise typer.Exit(1)
