"""packse's scenarios, asked of envfit, with uv and pip as controls in the same run.

Usage: python -m judges.packse [--scenario NAME]... [--jobs N] [--without-sidecars] [--folder DIR]
                              [--output FILE]

packse (https://github.com/astral-sh/packse) states small package worlds and the
answer that a resolver must give.  Each scenario for one environment becomes an
index on loopback and is put to the three tools.  Scenarios for many environments
at once ("universal") are out of scope: an envfit lock is for one target.

Exit 1 where envfit answers otherwise than a scenario expects, unless
``packse-differences.toml`` declares that answer with its reason; where it no
longer differs though declared; and where any tool gives no answer at all, which
for a control means that something is wrong here.  Wrong answers of controls are
shown, and decide nothing.

A whole run writes its results, the same bytes for the same answers, as JSON::

    suite         name, version, file, sha256
    served        "beside": metadata beside the wheels (PEP 658); "inside": in them only
    tools         name -> version
    scope         scenarios in the suite; of them asked, and universal ones, which are not
    counts        tool -> outcome -> number; outcomes are right, explained, wrong, stale, failed, skipped
    scenarios     sorted by name; each has its name, what it expects ("unsatisfiable",
                  "satisfiable" where no pins are stated, or the pins), and for each
                  tool outcome, what it says, and why (explained, stale, failed, skipped)
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from envfit.errors import EnvfitError
from judges.interpreters import installed_interpreters
from judges.packse_index import Server, write_index
from judges.packse_resolvers import Envfit, Pip, Resolver, Uv
from judges.packse_scenarios import PACKSE, VERSION, Scenario, Suite, read_suite
from judges.packse_verdict import Difference, Outcome, Verdict, expected, judge, read_differences
from judges.pinned_file import default_folder, fetched

__all__ = ["ask", "failures", "main"]

_HERE = Path(__file__).parent
_DIFFERENCES = _HERE / "packse-differences.toml"

#: The verdicts on one scenario, by tool.
Verdicts = Mapping[str, Verdict]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the judge and return its exit code."""
    options = _options(arguments)
    try:
        suite = read_suite(fetched(PACKSE, options.folder))
    except EnvfitError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 3
    in_scope = [scenario for scenario in suite.scenarios if not scenario.universal]
    asked = [scenario for scenario in in_scope if not options.scenario or scenario.name in options.scenario]
    known = {scenario.name for scenario in in_scope}
    differences = read_differences(_DIFFERENCES)
    for what, names in (("--scenario", options.scenario), (_DIFFERENCES.name, differences)):
        strange = sorted(set(names) - known)
        if strange:
            print(
                f"error: {what}: no scenario for one environment is named {', '.join(strange)}",
                file=sys.stderr,
            )
            return 2
    installed = installed_interpreters()
    resolvers = (Envfit(), Uv(installed), Pip(installed, options.folder))
    verdicts = ask(
        asked,
        resolvers,
        differences=differences,
        build_wheels=suite.build_wheels,
        sidecars=not options.without_sidecars,
        jobs=options.jobs,
    )
    _print_table(asked, resolvers, verdicts)
    print(
        f"not asked, because they are for many environments at once: {len(suite.scenarios) - len(in_scope)}"
    )
    output = options.output
    if output is None and not options.scenario:
        name = "packse-without-sidecars.json" if options.without_sidecars else "packse.json"
        output = _HERE / "results" / name
    if output is not None:
        data = _results(suite, asked, resolvers, verdicts, sidecars=not options.without_sidecars)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    found = failures(verdicts)
    for line in found:
        print(f"FAILURE {line}")
    return 1 if found else 0


def ask(
    scenarios: Sequence[Scenario],
    resolvers: Sequence[Resolver],
    *,
    differences: Mapping[str, Difference],
    build_wheels: Mapping[str, bytes] | None = None,
    sidecars: bool = True,
    jobs: int = 2,
) -> Mapping[str, Verdicts]:
    """Return the verdicts on scenarios, by name and tool; ``jobs`` tools run at the same time."""
    with tempfile.TemporaryDirectory(prefix="envfit-judge-") as directory:
        indexes, work = Path(directory, "indexes"), Path(directory, "work")
        for scenario in scenarios:
            write_index(scenario, indexes / scenario.name, build_wheels=build_wheels, sidecars=sidecars)

        def verdict(scenario: Scenario, resolver: Resolver) -> Verdict:
            folder = work / scenario.name / resolver.name
            folder.mkdir(parents=True)
            answer = resolver.answer(scenario, server.url(scenario.name), folder)
            declared = differences.get(scenario.name) if resolver.name == Envfit.name else None
            return judge(scenario, answer, declared)

        with Server(indexes) as server, ThreadPoolExecutor(jobs) as pool:
            running = {
                scenario.name: {
                    resolver.name: pool.submit(verdict, scenario, resolver) for resolver in resolvers
                }
                for scenario in scenarios
            }
            return {
                name: {tool: future.result() for tool, future in futures.items()}
                for name, futures in running.items()
            }


def failures(verdicts: Mapping[str, Verdicts]) -> list[str]:
    """Return one line for each verdict that fails the run."""
    return [
        f"{name}: {tool}: {verdict.outcome.value}: says {verdict.says} {verdict.why}".rstrip()
        for name, by_tool in verdicts.items()
        for tool, verdict in by_tool.items()
        if verdict.outcome is Outcome.FAILED
        or (tool == Envfit.name and verdict.outcome in {Outcome.WRONG, Outcome.STALE})
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    assert __doc__ is not None  # noqa: S101 - for the type checker
    parser = argparse.ArgumentParser(prog="python -m judges.packse", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--scenario", action="append", default=[], metavar="NAME", help="only this one; repeat it"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="tools that run at the same time; 2")
    parser.add_argument(
        "--without-sidecars", action="store_true", help="serve no metadata files beside the wheels"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=default_folder(),
        metavar="DIR",
        help="keeps packse and pip between runs; default: in envfit's cache directory",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="default, for a run of all: judges/results/packse*.json"
    )
    return parser.parse_args(arguments)


def _counts(
    resolvers: Sequence[Resolver], verdicts: Mapping[str, Verdicts]
) -> Mapping[str, Mapping[str, int]]:
    return {
        resolver.name: {
            outcome.value: count
            for outcome in Outcome
            if (count := sum(by_tool[resolver.name].outcome is outcome for by_tool in verdicts.values()))
        }
        for resolver in resolvers
    }


def _print_table(
    scenarios: Sequence[Scenario], resolvers: Sequence[Resolver], verdicts: Mapping[str, Verdicts]
) -> None:
    width = max((len(scenario.name) for scenario in scenarios), default=0)
    print("".join([f"{'':<{width}}", *(f"  {resolver.name:<9}" for resolver in resolvers)]).rstrip())
    for scenario in scenarios:
        by_tool = verdicts[scenario.name]
        cells = [f"  {by_tool[resolver.name].outcome.value:<9}" for resolver in resolvers]
        print("".join([f"{scenario.name:<{width}}", *cells]).rstrip())
        for resolver in resolvers:
            verdict = by_tool[resolver.name]
            if verdict.outcome not in {Outcome.RIGHT, Outcome.SKIPPED}:
                print(f"    {resolver.name} says {verdict.says}, expected is {expected(scenario)}")
            if verdict.why:
                print(f"    {resolver.name}: {verdict.why}")
    for resolver in resolvers:
        counts = _counts(resolvers, verdicts)[resolver.name]
        text = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        print(f"{resolver.name} {resolver.version}: {text}")


def _results(
    suite: Suite,
    scenarios: Sequence[Scenario],
    resolvers: Sequence[Resolver],
    verdicts: Mapping[str, Verdicts],
    *,
    sidecars: bool,
) -> dict[str, Any]:
    """Return the results as the module's docstring describes them."""
    return {
        "suite": {
            "name": PACKSE.project,
            "version": VERSION,
            "file": PACKSE.filename,
            "sha256": PACKSE.sha256,
        },
        "served": "beside" if sidecars else "inside",
        "tools": {resolver.name: resolver.version for resolver in resolvers},
        "scope": {
            "scenarios": len(suite.scenarios),
            "asked": len(scenarios),
            "universal": sum(scenario.universal for scenario in suite.scenarios),
        },
        "counts": _counts(resolvers, verdicts),
        "scenarios": [
            {
                "name": scenario.name,
                "expected": expected(scenario),
                **{tool: _verdict_data(verdict) for tool, verdict in verdicts[scenario.name].items()},
            }
            for scenario in scenarios
        ],
    }


def _verdict_data(verdict: Verdict) -> dict[str, str]:
    data = {"outcome": verdict.outcome.value, "says": verdict.says}
    return {**data, "why": verdict.why} if verdict.why else data


if __name__ == "__main__":
    sys.exit(main())
