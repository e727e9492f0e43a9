"""One thin function per command: options in, one call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from envfit import api
from envfit.cli import render
from envfit.cli.progress import Progress
from envfit.errors import FileError, InputError
from envfit.project import parse_exclude_newer, parse_resolution
from envfit.resolve.decide import Concede

__all__ = ["detect", "export", "install", "lock"]

_Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
_Gpus = Annotated[
    Optional[list[str]],
    typer.Option(
        "--gpu",
        help="A GPU that must be served: V100, 'GTX 1080 Ti', sm_70, 7.0, auto (this machine) or none. "
        "Repeat it for several.",
        metavar="GPU",
    ),
]
_Driver = Annotated[
    Optional[str],
    typer.Option(
        metavar="VERSION",
        help="The driver version on the target, such as 535.161.08. Default: the first release of the oldest "
        "branch that NVIDIA supports and that drives the GPUs.",
    ),
]
_IgnoreRule = Annotated[
    Optional[list[str]],
    typer.Option("--ignore-rule", metavar="ID", help="Switch off one rule of the knowledge base."),
]


def detect(
    json: _Json = False,
    record: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR", help="Write what was read into DIR, without identifiers, to attach to a report."
        ),
    ] = None,
) -> None:
    """Say what this machine is, and where each fact came from."""
    machine = api.detect()
    if record is not None:
        path = api.record(machine, record)
        render.talk(f"wrote {path}")
    if json:
        render.print_json(render.machine_data(machine))
    else:
        render.print_machine(machine)


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
    output: Annotated[
        Optional[Path],
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Default: pylock.toml, or pylock.NAME.toml for --target NAME.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the lock is stale.")
    ] = False,
    gpu: _Gpus = None,
    driver: _Driver = None,
    python: Annotated[
        Optional[str],
        typer.Option(
            metavar="VERSION",
            help="The Python on the target, such as 3.12. Default: 3.11, or what requires-python asks for.",
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
    target: Annotated[
        Optional[str],
        typer.Option(metavar="NAME", help="Name the target; its lock is pylock.NAME.toml."),
    ] = None,
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
    pre: Annotated[bool, typer.Option("--pre", help="Allow pre-releases.")] = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Do not keep the versions of the existing lock.")
    ] = False,
    upgrade_package: Annotated[
        Optional[list[str]],
        typer.Option("--upgrade-package", metavar="NAME", help="Do not keep the version of NAME."),
    ] = None,
    index_url: Annotated[
        Optional[str],
        typer.Option(
            metavar="URL", help="The package index. Default: the one that uv or pip is configured for."
        ),
    ] = None,
    extra_index_url: Annotated[
        Optional[list[str]],
        typer.Option(
            "--extra-index-url",
            metavar="URL",
            help="A further index, searched first; the first index that has a name serves it.",
        ),
    ] = None,
    find_links: Annotated[
        Optional[list[str]],
        typer.Option(
            "-f",
            "--find-links",
            metavar="URL|DIR",
            help="A page or directory of distributions, besides the indexes.",
        ),
    ] = None,
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
    pytorch_index: Annotated[
        bool,
        typer.Option(
            "--pytorch-index",
            help="Add the PyTorch index, or a mirror of it at URL, for torch and the packages built with it: "
            "--pytorch-index [URL].",
        ),
    ] = False,
    pytorch_mirror: Annotated[
        Optional[str],
        typer.Option(
            "--pytorch-mirror", metavar="URL", help="As --pytorch-index, from a mirror of it.", hidden=True
        ),
    ] = None,
    exclude_newer: Annotated[
        Optional[str],
        typer.Option(metavar="DATE", help="Ignore what was uploaded after DATE."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use only what is in the cache.")] = False,
    no_build: Annotated[
        bool, typer.Option("--no-build", help="Use no source distribution, and build none for its metadata.")
    ] = False,
    ignore_rule: _IgnoreRule = None,
    budget: Annotated[
        Optional[int],
        typer.Option(
            metavar="N",
            min=1,
            help="Give up undecided, with exit code 4, after N decisions. Default: 100000.",
        ),
    ] = None,
    json: _Json = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print every package.")] = False,
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
        prereleases=pre,
        upgrade=upgrade,
        upgrade_packages=tuple(upgrade_package or ()),
        index_url=index_url,
        extra_index_urls=tuple(extra_index_url or ()),
        find_links=tuple(find_links or ()),
        no_binary=tuple(no_binary or ()),
        only_binary=tuple(only_binary or ()),
        resolution=parse_resolution(resolution) if resolution is not None else None,
        pytorch_index=pytorch_mirror if pytorch_mirror is not None else ("" if pytorch_index else None),
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
    with Progress() as progress:
        result = api.lock(request, notify=progress.talk, watch=progress.watch)
    if json:
        render.print_json(render.lock_data(result))
    else:
        render.print_lock(result, check=check, verbose=verbose)
    if check and result.changed:
        raise typer.Exit(1)


def install(
    lock_file: Annotated[Path, typer.Argument(metavar="LOCK")] = Path("pylock.toml"),
    prefix: Annotated[Path, typer.Option(metavar="DIR", help="Where the environment goes.")] = Path(".venv"),
    gpu: Annotated[
        Optional[list[str]],
        typer.Option(
            "--gpu", metavar="GPU", help="Judge for this GPU, or for none. Default: auto, this machine's."
        ),
    ] = None,
    driver: Annotated[
        Optional[str],
        typer.Option(metavar="VERSION", help="The driver that goes with --gpu. Default: as for envfit lock."),
    ] = None,
    skip: Annotated[
        Optional[list[str]],
        typer.Option("--skip", metavar="NAME", help="Leave NAME out."),
    ] = None,
    ignore_rule: _IgnoreRule = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge and plan; make nothing.")] = False,
    json: _Json = False,
) -> None:
    """Install a lock, if it runs on this machine, and prove it by importing what was asked for.

    An environment that is there is replaced only after the new one was proved.
    """
    report = api.install(
        lock_file,
        prefix=prefix,
        target=api.TargetRequest(gpus=tuple(gpu or ("auto",)), driver=driver),
        skip=tuple(skip or ()),
        ignore_rules=tuple(ignore_rule or ()),
        dry_run=dry_run,
        notify=render.talk,
    )
    if json:
        render.print_json(render.install_data(report))
    else:
        render.print_install(report)


def export(
    lock_file: Annotated[Path, typer.Argument(metavar="LOCK")] = Path("pylock.toml"),
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="requirements or conda.")
    ] = "requirements",
    output: Annotated[
        Optional[Path],
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Default: standard output. What a module provides goes beside it, into FILE-constraints.",
        ),
    ] = None,
) -> None:
    """Write a lock in another tool's form: a requirements file with hashes, or environment.yml."""
    if form not in ("requirements", "conda"):
        raise InputError(f"unknown format {form!r}", hints=["formats: requirements, conda"])
    texts = api.export(lock_file, form)
    for suffix, text in texts.items():
        if output is None:
            sys.stdout.write(text if not suffix else f"# --- {suffix} ---\n{text}")
            continue
        path = output.with_name(f"{output.stem}-{suffix}{output.suffix}") if suffix else output
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        render.talk(f"wrote {path}")
