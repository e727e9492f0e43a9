"""Hold locks of torch, torchvision and torchaudio for twelve GPUs and four drivers against their wheels.

    python -m judges.trio [--gpu NAME]... [--driver VERSION]...

Each lock's three wheels are read, whole, and their main libraries judged by NVIDIA's rules
(``judges.device_code``), never by ``constraints/``.  An architecture counts where more than a
quarter of a library's fat binaries have it.  A refusal stands where no torch wheel that was ever
read runs there either, or where the GPU and the driver exclude each other.  Results go to
``judges/results/trio.json``, and with ``--page`` to docs/reference/trio.md.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version

from envfit import api
from envfit.api.deriving import derive_wheel
from envfit.api.indexes import IndexRequest, open_packages
from envfit.distribution import Wheel
from envfit.errors import TargetImpossibleError
from envfit.index.session import Session
from envfit.knowledge.derived import DerivedLibrary, DerivedWheel
from envfit.resolve.decide import Unsatisfied
from envfit.target import Platform
from judges.device_code import OLDEST_DRIVER, Code, Found, Machine, driver_for, judge_library
from judges.results import RESULTS, merge, read, table

__all__ = ["common_code", "judge", "main", "page"]

_FILE = RESULTS / "trio.json"
_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "trio.md"
_NAMES = ("torch", "torchvision", "torchaudio")
_PYTHON = "3.11"  # the one that torch 2.0, the last for Kepler, and torch 2.15 both have wheels for

#: GPUs with their capability, and drivers with the CUDA version that they support.
GPUS = {
    "K80": "3.7",
    "GTX 980": "5.2",
    "P100": "6.0",
    "V100": "7.0",
    "T4": "7.5",
    "A100": "8.0",
    "A10": "8.6",
    "L4": "8.9",
    "H100": "9.0",
    "GH200": "9.0",
    "B200": "10.0",
    "RTX 5090": "12.0",
}
DRIVERS = {"470.256.02": "11.4", "535.161.08": "12.2", "550.54.15": "12.4", "580.95.05": "13.0"}

#: Where each package keeps the kernels that it cannot do without.
_MAIN = {
    "torch": ("torch/lib/libtorch_cuda.so", "torch/lib/libtorch_cuda_cu.so"),
    "torchvision": ("torchvision/_C.so", "torchvision/_C_stable.so"),
    "torchaudio": ("torchaudio/lib/libtorchaudio*.so",),
}
_ABOUT = f"""\
Written by `python -m judges.trio`; not to be edited. Each cell is what
`envfit lock torch torchvision torchaudio` took for Python {_PYTHON} on the default index; the three wheels
were then read whole, and their main libraries have code for the GPU by NVIDIA's rules, and are linked with
libraries that the driver accepts. `none`: the GPU and the driver exclude each other, or no torch wheel
that was read runs there; `(!)` marks what does not stand.
"""


def common_code(library: DerivedLibrary) -> Code:
    """Return what more than a quarter of a library's loadable fat binaries have."""
    sections = [section for section in library.sections if section.name != "__nv_relfatbin"]
    total = sum(section.fatbins for section in sections)
    sass: dict[str, int] = {}
    ptx: dict[tuple[str, str], int] = {}
    for section in sections:
        for architecture, count in section.sass.items():
            sass[architecture] = sass.get(architecture, 0) + count
        for architecture, count in section.ptx.items():
            key = architecture, section.ptx_isa or "99.9"
            ptx[key] = ptx.get(key, 0) + count
    return Code(
        sass={key: count for key, count in sass.items() if count * 4 > total},
        ptx={key: count for key, count in ptx.items() if count * 4 > total},
    )


def judge(name: str, libraries: Iterable[DerivedLibrary], machine: Machine) -> str:
    """Say whether the main libraries of a wheel have code for a GPU; "" where all is well."""
    main = [
        library
        for library in libraries
        if any(fnmatch.fnmatchcase(library.path, pattern) for pattern in _MAIN[name])
    ]
    faults = [] if main else ["no main library was found in it"]
    for library in main:
        code = common_code(library)
        if not code.sass and not code.ptx:
            # torchaudio's wheels of some releases are linked with CUDA and have no kernels of their own.
            faults += [] if name == "torchaudio" else [f"{library.path} has no GPU code"]
        elif judge_library(code, machine) not in (Found.RUNS, Found.PTX):
            faults.append(f"{library.path} has no code for {machine.capability}")
        major = driver_for(library.linked)
        if major is not None and Version(machine.driver) < OLDEST_DRIVER[major]:
            faults.append(f"{library.path} needs driver {OLDEST_DRIVER[major]}")
    return "; ".join(faults)


def main(arguments: Sequence[str] | None = None) -> int:
    """Lock, read and judge every pair, or some, and print the table; 1 where one does not stand."""
    parser = argparse.ArgumentParser(prog="python -m judges.trio", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--gpu", action="append", default=[], choices=GPUS, metavar="NAME")
    parser.add_argument("--driver", action="append", default=[], choices=DRIVERS, metavar="VERSION")
    parser.add_argument("--page", action="store_true", help="write the page from what was found before")
    options = parser.parse_args(arguments)
    if not options.page:
        _run(options.gpu or list(GPUS), options.driver or list(DRIVERS))
    found = read(_FILE)
    _PAGE.write_text(page(found), encoding="utf-8")
    print(table(_rows(found)))
    return 1 if any(entry["fault"] for entry in found["pairs"].values()) else 0


def _run(gpus: Sequence[str], drivers: Sequence[str]) -> None:
    wheels: dict[str, DerivedWheel] = {}
    pairs = dict(read(_FILE).get("pairs", {}))
    with open_packages(IndexRequest(directory=Path()), os.environ, lambda _: None) as (_, session):
        for gpu in gpus:
            for driver in drivers:
                machine = Machine(capability=GPUS[gpu], driver=driver, cuda=DRIVERS[driver])
                entry = pairs[f"{gpu} / {driver}"] = _pair(gpu, machine, wheels, session)
                merge(_FILE, {"pairs": pairs})
                sys.stderr.write(f"{gpu} {driver}: {entry}\n")


def _pair(gpu: str, machine: Machine, wheels: dict[str, DerivedWheel], session: Session) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        request = api.LockRequest(
            requirements=_NAMES,
            target=api.TargetRequest(gpus=(gpu,), driver=machine.driver, python=_PYTHON),
            output=Path(folder) / "pylock.toml",
            read_limit=0,
        )
        try:
            resolution = api.lock(request).resolution
        except TargetImpossibleError as error:
            return {"refusal": error.message, "fault": ""}
        except Unsatisfied as error:
            groups = [str(group) for group in error.explanation.groups]
            return {
                "refusal": error.message,
                "reasons": groups,
                "fault": _refusal_fault(_platform(gpu), machine),
            }
    faults = []
    for name in _NAMES:
        pin = resolution.pin(name)
        wheel = pin.candidate.distribution if pin is not None else None
        if not isinstance(wheel, Wheel):
            faults.append(f"{name} is no wheel")
            continue
        if wheel.filename not in wheels:
            wheels[wheel.filename] = derive_wheel(wheel, resolution.target.platform, session)
        fault = judge(name, wheels[wheel.filename].libraries, machine)
        faults += [f"{wheel.filename}: {fault}"] if fault else []
    pins = {pin.name: str(pin.version) for pin in resolution.pins if pin.name in _NAMES}
    return {"pins": pins, "fault": "; ".join(faults)}


def _platform(gpu: str) -> Platform:
    """Return the platform that a GPU is on."""
    return Platform(machine="aarch64" if gpu == "GH200" else "x86_64")


def _refusal_fault(platform: Platform, machine: Machine) -> str:
    """Name the torch wheels that were read and run there after all; "" where none does."""
    running = []
    for code in api.knowledge().device_code.values():
        if code.package != "torch" or code.platform != platform or not code.sass or code.cuda is None:
            continue
        if Version(machine.driver) < OLDEST_DRIVER[code.cuda.major]:
            continue
        if judge_library(Code(sass=dict.fromkeys(code.sass, 1), ptx={}), machine) is Found.RUNS:
            running.append(code.filename)
    return f"these run there: {', '.join(running)}" if running else ""


def _rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("GPU", *(f"driver {driver}" for driver in DRIVERS))]
    rows += [(gpu, *(_cell(found["pairs"].get(f"{gpu} / {driver}")) for driver in DRIVERS)) for gpu in GPUS]
    return rows


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "-"
    text = "none" if "refusal" in entry else " / ".join(entry["pins"].get(name, "-") for name in _NAMES)
    return f"{text} (!)" if entry["fault"] else text


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    rows = _rows(found)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    pairs = found["pairs"]
    refused = {
        key: [f"{entry['refusal']}", *entry.get("reasons", ())]
        for key, entry in pairs.items()
        if "refusal" in entry
    }
    faults = {key: entry["fault"] for key, entry in pairs.items() if entry["fault"]}
    return "\n".join(
        [
            "# torch, torchvision and torchaudio by GPU and driver",
            "",
            *_ABOUT.splitlines(),
            "",
            *lines,
            "",
            f"{len(pairs) - len(refused)} locks, {len(refused)} refusals, {len(faults)} that do not stand.",
            "",
            "## Refusals",
            "",
            *(line for key, texts in refused.items() for line in _listed(key, texts)),
            *(["", "## What does not stand", ""] if faults else []),
            *(f"- {key}: {text}" for key, text in faults.items()),
            "",
        ]
    )


def _listed(key: str, texts: Sequence[str]) -> list[str]:
    return [f"- {key}: {texts[0]}", *(f"  - {text}" for text in texts[1:])]


if __name__ == "__main__":
    sys.exit(main())
