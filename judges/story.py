"""The story of "S3PRL is not properly installed", told by running it.

    python -m judges.story DIR [--page FILE]

Real packages from the package index, ESPnet's own Makefile and installer, pip and uv as people
use them, and envfit.  Every step is a command; its output is shortened to the lines that matter,
and each step says what it must print.  Takes some minutes and 14 GB in DIR, which must not exist.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from envfit.interpreter import own_interpreter
from judges.story_steps import PYTHON, STEPS, WRITTEN, Step

__all__ = ["Told", "failures", "main", "page", "shortened", "tell"]

_REPOSITORY = Path(__file__).parents[1]
_PAGE_FOLDER = "~/asr"  # what DIR is called in the transcript
_LIMIT = 1800  # seconds for one step

# Settings that would lead a step to other packages than those it tells of.
_MISLEADING = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PIP_CONSTRAINT", "UV_CONSTRAINT", "CONDA_PREFIX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step and what came of it."""

    step: Step
    status: int
    output: str


def tell(folder: Path, steps: Sequence[Step] = STEPS) -> Iterator[Told]:
    """Run the steps in a new folder, one after the other; a step that fails does not end it."""
    _prepare(folder)
    environ = _environ(folder, os.environ)
    for step in steps:
        process = subprocess.run(
            ["/bin/bash", "-c", step.command],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT,
            check=False,
        )
        yield Told(step=step, status=process.returncode, output=process.stdout.decode(errors="replace"))


def _prepare(folder: Path) -> None:
    """Make the folder, with the commands that the steps use and the files that they read."""
    commands = folder / "bin"
    commands.mkdir(parents=True)
    for name, line in {
        "envfit": f'PYTHONPATH={_REPOSITORY} exec {sys.executable} -m envfit "$@"',
        "uv": f'exec {uv.find_uv_bin()} "$@"',
        f"python{PYTHON}": f'exec {own_interpreter(PYTHON) or f"python{PYTHON}"} "$@"',
    }.items():
        (commands / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (commands / name).chmod(0o755)
    for name, text in WRITTEN.items():
        (folder / name).write_text(text, encoding="utf-8")


def _environ(folder: Path, outer: Mapping[str, str]) -> dict[str, str]:
    environ = {name: value for name, value in outer.items() if name not in _MISLEADING}
    return {
        **environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{outer.get('PATH', os.defpath)}",
        # pip keeps the wheels that it built: another run must not find the one without extension.
        "PIP_CACHE_DIR": str(folder / "pip-cache"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # As on a login node: no CUDA toolkit, whatever this machine has.
        "CUDA_HOME": str(folder / "no-cuda-toolkit"),
        # A step that misses its environment must not reach the machine's own Python.
        "PIP_REQUIRE_VIRTUALENV": "1",
        "UV_NO_PROGRESS": "1",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }


def failures(told: Told) -> list[str]:
    """Return what a step should have done and did not."""
    step = told.step
    found = [] if told.status == step.status else [f"exit status {told.status}, not {step.status}"]
    found += [f"does not say {text!r}" for text in step.says if text not in told.output]
    found += [f"says {text!r}" for text in step.never if text in told.output]
    return found


def shortened(told: Told, folder: Path) -> list[str]:
    """Return the output's lines that a step shows, in the order of the output, with "..." for others."""
    lines: list[str] = []
    for line in map(str.rstrip, told.output.replace(str(folder), _PAGE_FOLDER).splitlines()):
        if _matches(line, told.step.shows) and not _matches(line, told.step.hides):
            lines.append(line)
        elif not lines or lines[-1] != "...":
            lines.append("...")
    return lines


def _matches(line: str, patterns: Sequence[str]) -> bool:
    return any(re.search(pattern, line) for pattern in patterns)


def page(told: Sequence[Told], folder: Path) -> str:
    """Return the transcript as a page."""
    lines = [*_ABOUT.splitlines(), ""]
    for item in told:
        step = item.step
        if step.title:
            lines += [f"## {step.title}", ""]
        lines += [
            *([*step.tells.splitlines(), ""] if step.tells else []),
            "```console",
            *_typed(step),
        ]
        lines += [*shortened(item, folder), "```", ""]
    return "\n".join(lines)


def _typed(step: Step) -> list[str]:
    """Return a command as it is typed: a line that goes on has no prompt of its own."""
    lines: list[str] = []
    for line in step.command.splitlines():
        goes_on = bool(lines) and lines[-1].endswith("\\")
        lines.append(line if goes_on else f"$ {line}")
    return lines


_ABOUT = """\
# "S3PRL is not properly installed"

This is the story that envfit comes from, told by running it: `python -m judges.story DIR --page
docs/story.md` made this page, and the slow test in `tests/judges/test_story.py` holds every step to what
it must say. The packages are those of the public package index; ESPnet's Makefile and installer are as
released. Output is shortened by `...` and otherwise as it was. Three things are not as on a cluster: the
machine has no GPU, so `frontend.py` says that CUDA is there; `CUDA_HOME` names an empty place, so that no
CUDA toolkit of the machine is found; and no server with prebuilt FlashAttention wheels could be reached."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the story, print it, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args(arguments)
    folder = given.folder.resolve()
    whole: list[Told] = []
    wrong = 0
    for item in tell(folder):
        whole.append(item)
        print(f"$ {item.step.command}", *shortened(item, folder), sep="\n", flush=True)
        for failure in failures(item):
            wrong += 1
            print(f"!! {failure}", flush=True)
    if given.page is not None:
        given.page.write_text(page(whole, folder), encoding="utf-8")
    print(f"{len(whole)} steps, {wrong} expectations that were not met")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
