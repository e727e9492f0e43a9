"""Write what the judges of the resolver found as a page: ``python -m judges.correctness_page``."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from judges.results import RESULTS, read

__all__ = ["main", "page"]

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "correctness.md"

_HEAD = """\
# Is the resolver right?

Written by `python -m judges.correctness_page` from `judges/results/`; not to be edited.

    python -m judges.worlds              # random worlds against brute force, and resolvelib beside it
    python -m judges.engines             # the engines on real inputs, over the configured index
    python -m judges.packse              # packse's scenarios, with uv and pip as controls
    python -m judges.packse --without-sidecars
    python -m pytest -m slow tests/resolve    # the 60,000 worlds that must hold, proofs and cores included

What is checked of every single answer, on every machine, stands in [decision 1](../decisions/0001-engine.md):
pins and proofs of the engine, and the finished resolution once more by `resolve/verify.py`. Real inputs
are judged in [corpus.md](corpus.md), the policy where standards leave a choice is in [policy.md](policy.md).
"""

_WORLDS = """
## Random worlds against brute force

{worlds:,} worlds, {solvable:,} of which have a solution: acyclic and cyclic, loose and full of pins, with
facts, choices, rules over several GPUs, extras, markers, constraints, pre-releases, yanked files and
versions of an existing lock. Right is a solution, or a true "impossible". Best is the solution that is
best for the names asked for, in the order asked.

"""

_ALONE = """
resolvelib, which pip uses, would alone have failed on {failed} of {worlds:,} worlds ({share}), and would have
given less than the best on {worse:,} of {solvable:,} ({worse_share}). Rates of random worlds are no rates
of real ones.
"""

_ENGINES = """
## Engines on real inputs

One run over the configured index, the second of two, so that nothing is fetched. Seconds inside the
engine, and files whose metadata was read. Same: the same packages in the same versions as envfit's.

"""

_PACKSE = """
## packse

The {asked} scenarios of [packse](https://github.com/astral-sh/packse) {version} for a single environment,
from its source distribution (`{file}`, sha256 `{sha256}`). The other {universal} are about universal
locks, one for all platforms, which envfit does not make; they are not asked. A control's other answer is
no fault of it: uv and pip have policies of their own.

"""

Results = Mapping[str, Any]


def page(worlds: Results, engines: Sequence[Results], packse: Sequence[Results]) -> str:
    """Return the page; ``packse`` holds the results of one run for each way of serving."""
    return "".join([_HEAD, *_of_worlds(worlds), *_of_engines(engines), *_of_packse(packse)])


def _of_worlds(results: Mapping[str, Any]) -> Iterable[str]:
    total, solvable = results["worlds"], results["solvable"]
    yield _WORLDS.format(worlds=total, solvable=solvable)
    yield from _table(
        [
            "engine",
            "right",
            "wrong pins",
            "false impossible",
            "crashed",
            "undecided",
            "best",
            "CPU s per 1,000",
        ],
        [
            [
                name,
                *(
                    f"{score[key]:,}"
                    for key in ("right", "wrong_pins", "false_impossible", "crashed", "undecided", "best")
                ),
                str(score["cpu_seconds_per_1000_worlds"]),
            ]
            for name, score in results["engines"].items()
        ],
    )
    other = results["engines"]["resolvelib"]
    failed, worse = total - other["right"], solvable - other["best"]
    yield _ALONE.format(
        failed=failed,
        worlds=total,
        share=f"{failed / total:.3%}",
        worse=worse,
        solvable=solvable,
        worse_share=f"{worse / solvable:.1%}",
    )


def _of_engines(results: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield _ENGINES
    by_input: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in results:
        by_input[row["input"], row["gpu"]][row["engine"]] = row
    names = list(dict.fromkeys(row["engine"] for row in results))
    head = ["input", "GPU", *(f"{name}: s, files" for name in names), "same"]
    rows = []
    for (text, gpu), answers in by_input.items():
        cells = [f"{answers[name]['engine_seconds']:.3f}, {answers[name]['read']}" for name in names]
        same = "yes" if all(answer["same"] for answer in answers.values()) else "no"
        rows.append([f"`{text}`", gpu, *cells, same])
    yield from _table(head, rows)


def _of_packse(runs: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    first = runs[0]
    yield _PACKSE.format(**first["suite"], **first["scope"])
    outcomes = ("right", "explained", "wrong", "skipped")
    for run in runs:
        how = {
            "beside": "Metadata files beside the wheels (PEP 658):",
            "inside": "Metadata inside the wheels only, by ranged reads:",
        }.get(run["served"], f"{run['served']}:")
        yield f"{how}\n\n"
        yield from _table(
            ["tool", "right", "declared difference", "other answer", "not asked"],
            [
                [f"{tool} {run['tools'][tool]}", *(str(counts.get(outcome, 0)) for outcome in outcomes)]
                for tool, counts in run["counts"].items()
            ],
        )
        yield "\n"
    yield "Where an answer differs, or a tool was not asked:\n\n"
    yield from _table(
        ["scenario", "expected", "tool", "answer", "why"],
        [
            [scenario["name"], scenario["expected"], tool, answer["says"], answer.get("why", "")]
            for scenario in first["scenarios"]
            for tool in first["tools"]
            if (answer := scenario[tool])["outcome"] != "right"
        ],
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n"
    for row in rows:
        cells = (" ".join(cell.replace("|", "\\|").split()) for cell in row)
        yield f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Write the page, or with --check tell whether it is the one that the results make."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is stale")
    arguments = parser.parse_args()
    text = page(
        read(RESULTS / "worlds.json"),
        json.loads((RESULTS / "engines.json").read_text(encoding="utf-8")),
        [read(RESULTS / "packse.json"), read(RESULTS / "packse-without-sidecars.json")],
    )
    if arguments.check:
        raise SystemExit(0 if _PAGE.read_text(encoding="utf-8") == text else f"{_PAGE} is stale")
    _PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {_PAGE}")


if __name__ == "__main__":
    main()
