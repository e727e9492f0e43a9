"""Twelve real-world inputs for four machines over the real index, each answer held to uv and pip.

    python -m judges.corpus [--only INPUT]... [--target NAME]... [--without-pip]

A lock must be taken by uv and pip as it is, and uv, given its pins as constraints, must find
the same set of packages: nothing missing, nothing superfluous.  A refusal must be uv's answer
too with envfit's reasons imposed, and no longer with them lifted.  Results of earlier runs are
kept for pairs that are not run, and so are pip's verdicts on sets of files that it was asked about.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from packaging.pylock import Pylock

from envfit import api
from envfit.lock.file import read_lock
from envfit.lock.reading import LockedPackage, locked_packages
from judges.confirm import confirm, imposed_constraints
from judges.inputs import Corpus, GpuTarget, Input, read_corpus
from judges.installers import (
    Request,
    Verdict,
    compile_with_uv,
    judged_by_pip,
    judged_by_uv,
    without_addresses,
)
from judges.interpreters import search_path
from judges.pinned_file import default_folder
from judges.results import RESULTS, merge, read, table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["ask_envfit", "first_reason", "judge_pair", "main", "pinned_request", "reason_sentence"]

_FILE = RESULTS / "corpus.json"


def judge_pair(
    item: Input,
    target: GpuTarget,
    folder: Path,
    *,
    with_pip: bool = True,
    known: Mapping[str, Verdict] | None = None,
) -> dict[str, Any]:
    """Have envfit lock an input for a target, and the answer judged.

    The lock stays in ``folder``, with what pip needs.  ``known`` has pip's verdicts of
    before: it downloads every file, and is not asked twice about the same ones.
    """
    path = folder / f"pylock.{slug(item, target)}.toml"
    path.unlink(missing_ok=True)  # what an earlier lock pinned would be kept
    began = time.monotonic()
    answer, code = ask_envfit(item, target, path)
    seconds = round(time.monotonic() - began, 1)
    entry: dict[str, Any] = {"seconds": seconds}
    if code == 0:
        entry |= _solved(item, answer, path)
        if with_pip:
            pip = (known or {}).get(_pip_key(entry, item)) or judged_by_pip(
                path, item.python, item.pip, folder
            )
            entry["judges"].append(asdict(pip))
    elif answer.get("error") == "unsatisfiable":
        entry |= _refused(item, answer)
    else:
        says = without_addresses(str(answer.get("message", "no answer")))
        entry |= {"outcome": str(answer.get("error", "crashed")), "reason": says}
    return entry


def holds(entry: Mapping[str, Any]) -> bool:
    """Tell whether an answer stood before every judge that was asked."""
    if entry["outcome"] == "solved":
        pins = entry["pins"]
        return (
            all(verdict["accepted"] for verdict in entry["judges"])
            and pins["satisfiable"]
            and not pins["missing"]
            and not pins["superfluous"]
        )
    return entry["outcome"] == "refused" and bool(entry["confirmed"])


def pinned_request(item: Input, packages: Sequence[LockedPackage], python: str) -> Request:
    """Return the request for what an input asks for, with every pin of its lock as a constraint.

    Packages that are compiled for a GPU are stated to uv as the lock states them: uv would
    have to build them to know.
    """
    versions = {package.name: package.version for package in packages}
    return Request(
        requirements=(*item.requirements, *(name for name in item.if_supported if name in versions)),
        constraints=tuple(f"{name}=={version}" for name, version in versions.items()),
        python=python,
        glibc=item.glibc,
        stated=tuple(
            (package.name, str(package.version), package.dependencies)
            for package in packages
            if package.build
        ),
    )


def slug(item: Input, target: GpuTarget) -> str:
    """Return a name for the lock of a pair, as PEP 751 allows one."""
    return f"{item.name}-{target.name}".lower().replace(" ", "-").replace("+", "-").replace(".", "-")


def newest_python(minor: str) -> str:
    """Return the newest patch release of a Python, which a named target is taken to have."""
    return next(str(entry.newest) for entry in api.knowledge().pythons if entry.minor == minor)


def ask_envfit(item: Input, target: GpuTarget, path: Path) -> tuple[dict[str, Any], int]:
    """Have envfit lock an input for a target into a file; return its answer and its exit code."""
    command = [
        *(sys.executable, "-m", "envfit", "lock", *item.requirements, "--json", "-o", str(path)),
        *("--gpu", target.gpu, "--driver", target.driver, "--python", item.python, "--glibc", item.glibc),
    ]
    for name in item.if_supported:
        command += ["--if-supported", name]
    with tempfile.TemporaryDirectory(prefix="judge-") as empty:
        ended = subprocess.run(
            command,
            cwd=empty,
            env={**os.environ, "PATH": search_path(), "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        return json.loads(ended.stdout), ended.returncode
    except ValueError:
        return {"message": " ".join(ended.stderr.splitlines()[-3:])}, ended.returncode


def _solved(item: Input, answer: Mapping[str, Any], path: Path) -> dict[str, Any]:
    packages = locked_packages(read_lock(path))
    compiled = compile_with_uv(pinned_request(item, packages, newest_python(item.python)))
    names = {package.name for package in packages}
    found = _names(compiled.lock) if compiled.solved else names
    requested = [entry["name"] for entry in answer["packages"] if entry["requested"]]
    versions = {package.name: str(package.version) for package in packages}
    shown = [name for name in dict.fromkeys((*requested, "torch")) if name in versions]
    return {
        "outcome": "solved",
        "packages": len(packages),
        "files": files_digest(packages),
        "versions": {name: versions[name] for name in shown},
        "reason": first_reason(answer, requested),
        "left-out": [entry["name"] for entry in answer["left-out"]],
        "judges": [asdict(judged_by_uv(path, item.python))],
        "pins": {
            "satisfiable": compiled.solved,
            "missing": sorted(found - names),
            "superfluous": sorted(names - found),
            "says": compiled.says,
        },
    }


def files_digest(packages: Sequence[LockedPackage]) -> str:
    """Return what tells one set of files from another."""
    names = sorted(package.distribution.filename for package in packages)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def pip_verdicts(entries: Mapping[str, Any], corpus: Corpus) -> dict[str, Verdict]:
    """Return pip's verdicts in results of before, by the files that they are about."""
    return {
        _pip_key(entries[key], item): Verdict(**verdict)
        for item, target in corpus.pairs()
        if "files" in entries.get(key := f"{item.name} / {target.name}", {})
        for verdict in entries[key]["judges"]
        if verdict["judge"] == f"pip {item.pip}"
    }


def _pip_key(entry: Mapping[str, Any], item: Input) -> str:
    return f"pip {item.pip}, Python {item.python}: {entry['files']}"


def _refused(item: Input, answer: Mapping[str, Any]) -> dict[str, Any]:
    rules = {rule.id: rule for rule in api.knowledge().rules}
    constraints = imposed_constraints(answer["reasons"], rules)
    request = Request(requirements=item.requirements, python=newest_python(item.python), glibc=item.glibc)
    confirmation = confirm(request, constraints, compile_with_uv)
    return {
        "outcome": "refused",
        "reason": answer["message"],
        "because": [reason_sentence(group) for group in answer["reasons"]],
        "confirmed": confirmation.confirmed,
        "confirmation": asdict(confirmation),
    }


def reason_sentence(group: Mapping[str, Any]) -> str:
    """Return a reason that an answer gives, with the versions that it is about."""
    versions = group["versions"]
    span = (
        f" {versions[-1]} to {versions[0]}" if len(versions) > 1 else "".join(f" {one}" for one in versions)
    )
    rule = f" [{group['rule']}]" if group["rule"] else ""
    return f"{group['name']}{span}: {group['why']}{rule}"


def first_reason(answer: Mapping[str, Any], requested: Sequence[str]) -> str:
    """Return why a package is not newer: first of torch, else of one that was asked for."""
    groups = [group for group in answer["why-not-newer"] if group["name"] in {"torch", *requested}]
    groups.sort(key=lambda group: group["name"] != "torch")
    return reason_sentence(groups[0]) if groups else ""


def _names(text: str) -> set[str]:
    return {str(package.name) for package in Pylock.from_dict(tomllib.loads(text)).packages}


def _print_table(entries: Mapping[str, Any]) -> None:
    rows: list[tuple[str, ...]] = [("input", "target", "outcome", "what", "judges", "seconds")]
    for key, entry in entries.items():
        name, _, target = key.partition(" / ")
        if entry["outcome"] == "solved":
            what = ", ".join(f"{package} {version}" for package, version in entry["versions"].items())
        else:
            what = entry["reason"]
        asked = ", ".join(verdict["judge"] for verdict in entry.get("judges", ())) or "uv"
        rows.append(
            (
                *(name, target, entry["outcome"], what[:90]),
                f"agreed: {asked}" if holds(entry) else "DISAGREED",
                f"{entry['seconds']:.1f}",
            )
        )
    print(table(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the corpus, or parts of it; the exit code says whether every judge agreed."""
    parser = argparse.ArgumentParser(
        prog="python -m judges.corpus", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--only", action="append", default=[], metavar="INPUT", help="only this input")
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="only this target")
    parser.add_argument(
        "--without-pip", action="store_true", help="do not ask pip, which downloads every file"
    )
    parser.add_argument("--results", type=Path, default=_FILE)
    options = parser.parse_args(arguments)
    corpus = read_corpus()
    folder = default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    keys = [f"{item.name} / {target.name}" for item, target in corpus.pairs()]
    for item, target in corpus.pairs(inputs=tuple(options.only), targets=tuple(options.target)):
        key = f"{item.name} / {target.name}"
        sys.stderr.write(f"{key} ...\n")
        known = pip_verdicts(read(options.results), corpus)
        entry = judge_pair(item, target, folder, with_pip=not options.without_pip, known=known)
        sys.stderr.write(f"{key}: {entry['outcome']}, {'agreed' if holds(entry) else 'DISAGREED'}\n")
        merge(options.results, {key: entry})
    done = read(options.results)
    judged = {key: done[key] for key in keys if key in done}
    _print_table(judged)
    agreed = sum(map(holds, judged.values()))
    print(f"{len(judged)} of {len(keys)} pairs judged, {agreed} answers stood")
    return 0 if agreed == len(keys) else 1


if __name__ == "__main__":
    sys.exit(main())
