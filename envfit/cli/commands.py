"""What this machine is, installing and exporting: options in, one call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from envfit import api
from envfit.cli import options, render
from envfit.errors import FileError, InputError

__all__ = ["detect", "export", "install"]


def detect(
    json: options.Json = False,
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
    provided_from: Annotated[
        Optional[str],
        typer.Option(
            metavar="PYTHON",
            help="The interpreter whose packages the lock counts on; the environment sees them.",
        ),
    ] = None,
    ignore_rule: options.IgnoreRule = None,
    mirror: options.Mirrors = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge and plan; make nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Install a lock, if it runs on this machine, and prove it by importing what was asked for.

    An environment that is there is replaced only after the new one was proved.
    """
    report = api.install(
        lock_file,
        prefix=prefix,
        target=api.TargetRequest(gpus=tuple(gpu or ("auto",)), driver=driver),
        skip=tuple(skip or ()),
        provided_from=provided_from,
        ignore_rules=tuple(ignore_rule or ()),
        mirrors=tuple(mirror or ()),
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
