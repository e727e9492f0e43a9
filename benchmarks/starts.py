"""How soon a command answers: ``python -m benchmarks.starts``.

envfit's help and version beside the help of a program of two commands written with typer, and what people
wait for; ``envfit detect`` beside a Python that reads the same from NVML and nothing else.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.peers import environment
from benchmarks.recording import home
from benchmarks.results import write
from benchmarks.timed import Program, document, run_in_turn, told
from envfit.version import __version__

__all__ = ["main"]

_LIMIT = 60.0  # seconds for one run

_TYPER = """\
import typer

app = typer.Typer(help="Two commands.")


@app.command()
def lock(requirements: list[str], gpu: str = typer.Option("auto", help="The GPU.")) -> None:
    "Lock."
    print(requirements, gpu)


@app.command()
def detect(json: bool = typer.Option(False, help="Print JSON.")) -> None:
    "Detect."
    print(json)


app()
"""

# What envfit detect reads of a GPU.
_NVML = """\
import pynvml
try:
    pynvml.nvmlInit()
except pynvml.NVMLError as error:
    print(error)
    raise SystemExit
print(pynvml.nvmlSystemGetDriverVersion(), pynvml.nvmlSystemGetCudaDriverVersion_v2())
for place in range(pynvml.nvmlDeviceGetCount()):
    gpu = pynvml.nvmlDeviceGetHandleByIndex(place)
    print(
        pynvml.nvmlDeviceGetName(gpu),
        pynvml.nvmlDeviceGetUUID(gpu),
        pynvml.nvmlDeviceGetCudaComputeCapability(gpu),
        pynvml.nvmlDeviceGetPciInfo(gpu).busId,
        pynvml.nvmlDeviceGetMemoryInfo(gpu).total,
    )
pynvml.nvmlShutdown()
"""


def starts(folder: Path, envfit: Path, rounds: int) -> Iterator[Mapping[str, Any]]:
    """Yield runs of commands that answer at once."""
    typer = environment("typer", sys.executable) / "bin" / "python"
    (folder / "two.py").write_text(_TYPER, encoding="utf-8")
    its = Program(label="a typer program --help", words=(str(typer), "two.py", "--help"), folder=folder)
    for words, codes in ((["--version"], (0,)), (["--help"], (0,)), (["lock"], (2,))):
        label = " ".join(["envfit", *words])
        ours = Program(
            label=f"{label}, with nothing to lock" if words == ["lock"] else label,
            words=(str(envfit), *words),
            environment={"HOME": str(folder), "PATH": "/usr/bin:/bin", "ENVFIT_FORGET": "1"},
            folder=folder,
            codes=codes,
        )
        yield from run_in_turn(ours.label, [ours, its], rounds=rounds, limit=_LIMIT)


def detection(folder: Path, envfit: Path, rounds: int) -> Iterator[Mapping[str, Any]]:
    """Yield runs that read this machine."""
    (folder / "nvml.py").write_text(_NVML, encoding="utf-8")
    here = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    programs = [
        Program(label="envfit detect", words=(str(envfit), "detect"), environment=here, folder=folder),
        Program(
            label="bare NVML",
            words=(str(envfit.with_name("python")), "nvml.py"),
            environment=here,
            folder=folder,
        ),
    ]
    yield from run_in_turn("envfit detect", programs, rounds=rounds, limit=_LIMIT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure starts, and write what was found; exit 1 where a run does not count."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description="Measure starts.")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--no-typer", action="store_true", help="detect alone, which needs no network")
    parser.add_argument("--envfit", type=Path, help="the program to measure; default: beside this Python")
    parser.add_argument("-o", "--output", type=Path, help="the file of results")
    options = parser.parse_args(arguments)
    envfit = options.envfit or Path(sys.executable).with_name("envfit")
    with tempfile.TemporaryDirectory(prefix="envfit-starts-") as text:
        folder = Path(text)
        runs = [] if options.no_typer else list(starts(folder, envfit, options.rounds))
        runs += detection(folder, envfit, options.rounds)
    now = datetime.now(timezone.utc)
    output = options.output or home() / "results" / f"starts-{now:%Y%m%dT%H%M%S}.json"
    write(output, document(runs, {"envfit": __version__}))
    print("\n".join(told(runs)))
    print(f"\nwritten to {output}")
    return 0 if all(run["counts"] for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
