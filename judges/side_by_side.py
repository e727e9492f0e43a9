"""Ask uv, pip and envfit for the same things, and write what each says: docs/reference/side-by-side.md.

    python -m judges.side_by_side

Requests that cannot be met as they stand.  uv and pip are those beside envfit's own Python; each
resolves for Python 3.11 on Linux and x86_64 with the index that is configured here, and installs
nothing.  Addresses of indexes are left out of what they print.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from judges.results import RESULTS, merge, read

__all__ = ["main", "page"]

_FILE = RESULTS / "side-by-side.json"
_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "side-by-side.md"
_LINES = 24
# Progress, places of this machine, and what uv writes beside each line.
_NOISE = re.compile(
    r"\s*(Looking in|Collecting|Downloading|Using cached|Processing|note: not used:)"
    r"|WARNING: (Target|Location)"
    r"|\s*[━#]|\s*\d+.*MB/s"
)

_CASES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        "Two packages that pin each other's neighbour",
        ("torch==2.13.0", "torchaudio==2.8.0"),
        ("--gpu", "H100"),
        "All three see it.  envfit adds what would do, each resolved in full.",
    ),
    (
        "A torch that a V100 has no code in",
        ("torch>=2.12",),
        ("--gpu", "V100"),
        "uv and pip know no GPU: they take the newest torch, and its first kernel fails on that card.",
    ),
    (
        "FlashAttention where it cannot be",
        ("flash-attn", "torch"),
        ("--gpu", "V100"),
        "uv takes what the source distribution states; pip begins to build it, without torch.",
    ),
    (
        "A chain: transformers 5 wants a newer tokenizers",
        ("transformers>=5", "tokenizers<0.20"),
        ("--gpu", "none"),
        "A conflict of metadata alone, over thirty releases that each say it in other numbers.",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask everybody, and write the page."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words:
        print(__doc__)
        return 2
    entries: dict[str, Any] = {}
    for title, requirements, target, _ in _CASES:
        entries[title] = {name: _asked(name, requirements, target) for name in ("uv", "pip", "envfit")}
        print(title, {name: answer["exit"] for name, answer in entries[title].items()}, flush=True)
    merge(_FILE, entries)
    _PAGE.write_text(page(read(_FILE)), encoding="utf-8")
    print(f"wrote {_PAGE}")
    return 0


def _command(name: str, requirements: Sequence[str], target: Sequence[str]) -> list[str]:
    if name == "uv":
        return [
            "uv",
            "pip",
            "compile",
            "-",
            "--python-version",
            "3.11",
            "--python-platform",
            "x86_64-manylinux_2_28",
        ]
    if name == "pip":
        return ["pip", "install", "--dry-run", "--ignore-installed", "--target", "there", *requirements]
    return ["envfit", "lock", *requirements, *target]


def _index() -> dict[str, str]:
    """Return the index that pip is configured for, and nothing else that its configuration says."""
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    )
    url = os.environ.get("PIP_INDEX_URL") or answer.stdout.strip()
    return {"PIP_CONFIG_FILE": os.devnull, **({"PIP_INDEX_URL": url} if url else {})}


def _asked(name: str, requirements: Sequence[str], target: Sequence[str]) -> dict[str, Any]:
    """Return the command as a user types it, its exit code, and the end of what it says."""
    command = _command(name, requirements, target)
    programs = {
        "uv": [str(Path(sys.executable).with_name("uv"))],
        "pip": [sys.executable, "-m", "pip"],
        "envfit": [sys.executable, "-m", "envfit"],
    }
    with tempfile.TemporaryDirectory() as directory:
        answer = subprocess.run(
            [*programs[name], *command[1:]],
            input="\n".join(requirements) if name == "uv" else None,
            cwd=directory,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
                **_index(),
                "NO_COLOR": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PYTHONPATH": str(Path(__file__).parents[1]) if name == "envfit" else "",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = re.sub(
            r"/\S*/(?=(?:site-packages|pip-build-env)\b)", ".../", answer.stdout.replace(directory, ".")
        )
    typed = shlex.join(command)
    if name == "uv":
        typed = f"printf '{' '.join(requirements)}' | tr ' ' '\\n' | {typed}"
    return {"typed": typed, "exit": answer.returncode, "says": _shortened(said)}


def _shortened(text: str) -> str:
    """Return the lines that say something of the answer, without addresses; of many, the last."""
    lines = [re.sub(r"https?://\S+|file://\S+", "ADDRESS", line.rstrip()) for line in text.splitlines()]
    kept = [line for line in lines if line.strip() and not _NOISE.match(line)]
    more = len(kept) - _LINES
    return "\n".join(kept if more <= 0 else [f"[{more} lines before]", *kept[-_LINES:]])


def page(entries: dict[str, Any]) -> str:
    """Return the page as Markdown."""
    parts = [
        "# The same question to uv, pip and envfit",
        "",
        "What each says of four requests, for CPython 3.11 on linux-x86_64.  `python -m judges.side_by_side`",
        "asks again and writes this page; addresses are left out, and of long answers the beginning.",
    ]
    for title, _, _, remark in _CASES:
        parts += ["", f"## {title}", "", remark]
        for name in ("uv", "pip", "envfit"):
            answer = entries[title][name]
            parts += [
                "",
                f"**{name}** (exit code {answer['exit']})",
                "",
                "```console",
                f"$ {answer['typed']}",
            ]
            parts += [answer["says"], "```"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
