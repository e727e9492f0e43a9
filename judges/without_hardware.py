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
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from judges.corpus import newest_python, slug
from judges.device_code import Found, Machine, judge_wheel
from judges.inputs import GpuTarget, Input, read_corpus
from judges.installers import Request, compile_with_uv
from judges.lock_wheels import WHEELS, Chosen, candidates, chosen_wheels, read_all, worth_reading
from judges.pinned_file import default_folder
from judges.results import RESULTS, merge, read, table
from judges.wheel_code import libraries_of

__all__ = ["judge_wheels", "main", "summary"]

_FILE = RESULTS / "without-hardware.json"
_FAILING = {Found.NO_CODE, Found.OLD_DRIVER}


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge what uv would install for the corpus, or parts of it, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m judges.without_hardware", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", default=[], metavar="INPUT", help="only this input")
    parser.add_argument(
        "--gigabytes", type=float, default=25, help="download no more than this (default: 25)"
    )
    parser.add_argument("--results", type=Path, default=_FILE)
    parser.add_argument("--wheels", type=Path, default=WHEELS)
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
            by_uv[item.name] = chosen_wheels(compiled.lock, item) if compiled.solved else []
            says[item.name] = compiled.says
        path = folder / f"pylock.{slug(item, target)}.toml"
        if path.exists():
            locked[f"{item.name} / {target.name}"] = chosen_wheels(path.read_text(encoding="utf-8"), item)
    read_all(
        worth_reading([*by_uv.values(), *locked.values()]),
        folder,
        int(options.gigabytes * 1e9),
        options.wheels,
    )
    records = read(options.wheels)
    rows: list[tuple[str, ...]] = [("input", "target", "uv: cannot run", "", "envfit: cannot run", "")]
    for item, target in pairs:
        key = f"{item.name} / {target.name}"
        entry: dict[str, Any] = {"uv": judge_wheels(candidates(by_uv[item.name]), records, target)}
        if says[item.name]:
            entry["uv"]["says"] = says[item.name]
        if key in locked:
            entry["envfit"] = judge_wheels(candidates(locked[key]), records, target)
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


if __name__ == "__main__":
    sys.exit(main())
