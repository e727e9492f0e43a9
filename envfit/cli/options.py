"""Options that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

__all__ = [
    "Budget",
    "Driver",
    "ExcludeNewer",
    "ExtraIndexUrls",
    "FindLinks",
    "Gpus",
    "IgnoreRule",
    "IndexUrl",
    "Json",
    "Mirrors",
    "NoBuild",
    "Offline",
    "Output",
    "Pre",
    "PytorchIndex",
    "PytorchMirror",
    "TargetName",
    "Verbose",
]

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Gpus = Annotated[
    Optional[list[str]],
    typer.Option(
        "--gpu",
        help="A GPU that must be served: V100, 'GTX 1080 Ti', sm_70, 7.0, auto (this machine) or none. "
        "Repeat it for several.",
        metavar="GPU",
    ),
]
Driver = Annotated[
    Optional[str],
    typer.Option(
        metavar="VERSION",
        help="The driver version on the target, such as 535.161.08. Default: the first release of the oldest "
        "branch that NVIDIA supports and that drives the GPUs.",
    ),
]
IgnoreRule = Annotated[
    Optional[list[str]],
    typer.Option("--ignore-rule", metavar="ID", help="Switch off one rule of the knowledge base."),
]
Mirrors = Annotated[
    Optional[list[str]],
    typer.Option(
        "--mirror",
        metavar="CANONICAL=MIRROR",
        help="Fetch what is under the address CANONICAL from MIRROR; the lock names CANONICAL. Also "
        "ENVFIT_MIRRORS. Repeat it for several.",
    ),
]
Output = Annotated[
    Optional[Path],
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Default: pylock.toml, or pylock.NAME.toml for --target NAME.",
    ),
]
TargetName = Annotated[
    Optional[str],
    typer.Option(metavar="NAME", help="Name the target; its lock is pylock.NAME.toml."),
]
Pre = Annotated[bool, typer.Option("--pre", help="Allow pre-releases.")]
IndexUrl = Annotated[
    Optional[str],
    typer.Option(metavar="URL", help="The package index. Default: the one that uv or pip is configured for."),
]
ExtraIndexUrls = Annotated[
    Optional[list[str]],
    typer.Option(
        "--extra-index-url",
        metavar="URL",
        help="A further index, searched first; the first index that has a name serves it.",
    ),
]
NoIndex = Annotated[
    bool,
    typer.Option(
        "--no-index", help="Ask no index: take what --find-links and addresses name, and nothing else."
    ),
]
FindLinks = Annotated[
    Optional[list[str]],
    typer.Option(
        "-f",
        "--find-links",
        metavar="URL|DIR",
        help="A page or directory of distributions, besides the indexes.",
    ),
]
PytorchIndex = Annotated[
    bool,
    typer.Option(
        "--pytorch-index",
        help="Add the PyTorch index, or a mirror of it at URL, for torch and the packages built with it: "
        "--pytorch-index [URL].",
    ),
]
PytorchMirror = Annotated[
    Optional[str],
    typer.Option(
        "--pytorch-mirror", metavar="URL", help="As --pytorch-index, from a mirror of it.", hidden=True
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Use only what is in the cache.")]
NoBuild = Annotated[
    bool, typer.Option("--no-build", help="Use no source distribution, and build none for its metadata.")
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print every package.")]
Budget = Annotated[
    Optional[int],
    typer.Option(
        metavar="N",
        min=1,
        help="Give up undecided, with exit code 4, after N decisions. Default: 100000.",
    ),
]
ExcludeNewer = Annotated[
    Optional[str],
    typer.Option(metavar="DATE", help="Ignore what was uploaded after DATE."),
]
