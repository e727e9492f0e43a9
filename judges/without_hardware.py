"""What uv, which knows no hardware, would install that cannot run there.

    python -m judges.without_hardware [--only INPUT]... [--gigabytes N]

For each input uv resolves for the same Python and platform, and every wheel that it would
install is read: ELF headers and NVIDIA's ``cuobjdump``, never ``constraints/``.  A wheel "cannot
run" where each of its libraries that is about GPUs has no image for the GPU or needs a newer
driver; where only some of them are so, it is listed as "in part", for libraries may be optional.
The locks that ``python -m judges.corpus`` left are judged in the same way, beside.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from packaging.markers import Environment
from packaging.pylock import PackageWheel, Pylock
from packaging.version import Version

from envfit.errors import EnvfitError
from envfit.index.session import Session
from envfit.target import GLIBC, Fact, FactState, Platform, Target
from judges.corpus import newest_python, slug
from judges.device_code import Found, Machine, judge_wheel
from judges.inputs import GpuTarget, Input, read_corpus
from judges.installers import Request, compile_with_uv, tool_environment
from judges.pinned_file import default_folder
from judges.results import RESULTS, merge, read, table
from judges.wheel_code import Cuobjdump, could_hold_code, libraries_of, read_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["judge_wheels", "main", "summary"]

_WHEELS = RESULTS / "wheel-code.json"
_FILE = RESULTS / "without-hardware.json"
_FAILING = {Found.NO_CODE, Found.OLD_DRIVER}

#: A package of a lock and the wheel that is installed of it: (name and version, wheel).
Chosen = tuple[str, PackageWheel]


def judge_wheels(
    chosen: Sequence[tuple[str, str]], records: Mapping[str, Any], target: GpuTarget
) -> dict[str, Any]:
    """Judge wheels, given as (name and version, file name), that were read; one not read is named."""
    machine = Machine(capability=target.capability, driver=target.driver, cuda=target.cuda)
    lists: dict[str, list[str]] = {"cannot": [], "in-part": [], "only-ptx": [], "trouble": [], "unread": []}
    judged = 0
    for package, filename in chosen:
        record = records.get(filename)
        if record is None:
            lists["unread"].append(package)
            continue
        lists["trouble"] += [
            f"{package}: cuobjdump {library['trouble']} on {name}"
            for name, library in record["libraries"].items()
            if library.get("trouble")
        ]
        verdicts = judge_wheel(libraries_of(record), machine)
        judged += bool(verdicts)
        failing = {name: found for name, found in verdicts.items() if found in _FAILING}
        if failing and len(failing) == len(verdicts):
            lists["cannot"].append(f"{package}: {_why(failing, target)}")
        elif failing:
            names = ", ".join(sorted(name.rpartition("/")[2] for name in failing))
            part = f"{len(failing)} of {len(verdicts)} libraries"
            lists["in-part"].append(f"{package}: {_why(failing, target)} in {part} ({names})")
        if Found.PTX in verdicts.values():
            count = sum(found is Found.PTX for found in verdicts.values())
            lists["only-ptx"].append(f"{package}: {count} of {len(verdicts)} libraries")
    return {"judged": judged, **lists}


def summary(judgement: Mapping[str, Any], named: Sequence[str]) -> str:
    """Return the wheels that cannot run in one line, the most important first."""
    cannot = sorted(judgement["cannot"], key=lambda text: _importance(text.partition(" ")[0], named))
    if not cannot:
        return ""
    more = f" and {len(cannot) - 2} more" if len(cannot) > 2 else ""
    return "; ".join(cannot[:2]) + more


def _importance(name: str, named: Sequence[str]) -> tuple[object, ...]:
    """Order what was asked for first, then torch, NVIDIA's own libraries last."""
    return (name not in named, name != "torch", name.startswith(("nvidia-", "cuda-")), name)


def _why(failing: Mapping[str, Found], target: GpuTarget) -> str:
    found = set(failing.values())
    reasons = []
    if Found.NO_CODE in found:
        reasons.append(f"no code for {target.capability}")
    if Found.OLD_DRIVER in found:
        reasons.append(f"needs a driver newer than {target.driver}")
    return " and ".join(reasons)


def _target(item: Input) -> Target:
    """Return the machine as wheel tags and markers see it; its GPU plays no part in them."""
    return Target(
        platform=Platform.parse("linux-x86_64"),
        python=Version(newest_python(item.python)),
        gpus=(),
        facts=(Fact(name=GLIBC, state=FactState.KNOWN, value=item.glibc),),
    )


def _chosen(text: str, item: Input) -> list[Chosen]:
    """Return the wheels of a lock that an installer would take."""
    target = _target(item)
    lock = Pylock.from_dict(tomllib.loads(text))
    return [
        (f"{package.name} {package.version}", found)
        for package, found in lock.select(
            environment=cast("Environment", target.marker_environment()), tags=target.tags()
        )
        if isinstance(found, PackageWheel)
    ]


def _read_all(wheels: Mapping[str, PackageWheel], folder: Path, budget: int, path: Path) -> None:
    """Read the wheels that have no record yet, in the order given, until the budget of bytes is spent."""
    known = read(path)
    cuobjdump = Cuobjdump.installed(folder, tool_environment(os.environ))
    left = budget
    with Session(os.environ) as session:
        for filename, wheel in wheels.items():
            if known.get(filename, {}).get("sha256") == wheel.hashes.get("sha256"):
                continue
            size = wheel.size or 0
            if size > left:
                sys.stderr.write(f"  {filename}: left out, {size / 1e6:.0f} MB are over the bound\n")
                continue
            left -= size
            sys.stderr.write(f"  {filename} ({size / 1e6:.0f} MB)\n")
            try:
                merge(path, {filename: read_wheel(wheel, session, cuobjdump, folder)})
            except EnvfitError as error:
                sys.stderr.write(f"  {filename}: {error.message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge what uv would install for the corpus, or parts of it, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m judges.without_hardware", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", default=[], metavar="INPUT", help="only this input")
    parser.add_argument(
        "--gigabytes", type=float, default=25, help="download no more than this (default: 25)"
    )
    parser.add_argument("--results", type=Path, default=_FILE)
    parser.add_argument("--wheels", type=Path, default=_WHEELS)
    options = parser.parse_args(arguments)
    folder = default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    pairs = list(read_corpus().pairs(inputs=tuple(options.only)))
    by_uv: dict[str, list[Chosen]] = {}
    locked: dict[str, list[Chosen]] = {}
    says: dict[str, str] = {}
    for item, target in pairs:
        if item.name not in by_uv:
            sys.stderr.write(f"uv resolves {item.name}\n")
            request = Request(
                requirements=item.requirements, python=newest_python(item.python), glibc=item.glibc
            )
            compiled = compile_with_uv(request)
            by_uv[item.name] = _chosen(compiled.lock, item) if compiled.solved else []
            says[item.name] = compiled.says
        path = folder / f"pylock.{slug(item, target)}.toml"
        if path.exists():
            locked[f"{item.name} / {target.name}"] = _chosen(path.read_text(encoding="utf-8"), item)
    _read_all(
        _worth_reading([*by_uv.values(), *locked.values()]),
        folder,
        int(options.gigabytes * 1e9),
        options.wheels,
    )
    records = read(options.wheels)
    rows: list[tuple[str, ...]] = [("input", "target", "uv: cannot run", "", "envfit: cannot run", "")]
    for item, target in pairs:
        key = f"{item.name} / {target.name}"
        entry: dict[str, Any] = {"uv": judge_wheels(_candidates(by_uv[item.name]), records, target)}
        if says[item.name]:
            entry["uv"]["says"] = says[item.name]
        if key in locked:
            entry["envfit"] = judge_wheels(_candidates(locked[key]), records, target)
        merge(options.results, {key: entry})
        rows.append(
            (item.name, target.name, *_cells(entry.get("uv"), item), *_cells(entry.get("envfit"), item))
        )
    print(table(rows))
    return 0


def _cells(judgement: Mapping[str, Any] | None, item: Input) -> tuple[str, str]:
    if judgement is None:
        return ("-", "")
    if judgement.get("says"):
        return ("no answer", "")
    named = [text.partition("[")[0].partition(">")[0].partition("=")[0] for text in item.requirements]
    unread = f" ({len(judgement['unread'])} not read)" if judgement["unread"] else ""
    part = f" +{len(judgement['in-part'])} in part" if judgement["in-part"] else ""
    return (f"{len(judgement['cannot'])} of {judgement['judged']}{part}{unread}", summary(judgement, named))


def _candidates(chosen: Sequence[Chosen]) -> list[tuple[str, str]]:
    return [(package, wheel.filename) for package, wheel in chosen if could_hold_code(wheel)]


def _worth_reading(locks: Sequence[Sequence[Chosen]]) -> dict[str, PackageWheel]:
    """Return the wheels that may hold GPU code by file name: those that serve most locks first."""
    wheels = {wheel.filename: wheel for chosen in locks for _, wheel in chosen if could_hold_code(wheel)}
    uses = Counter(wheel.filename for chosen in locks for _, wheel in chosen)
    order = sorted(wheels, key=lambda name: (-uses[name], name))
    return {name: wheels[name] for name in order}


if __name__ == "__main__":
    sys.exit(main())
