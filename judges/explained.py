"""Hold the explanations of refusals to what they claim, on real inputs and the real index.

    python -m judges.explained [--only TEXT]

Of each input in ``judges/explained-inputs.toml``: it is refused; nothing satisfies the core alone, and
something satisfies it without any one of its members (proved by complete searches); and each way
out, typed as it is told, locks, with the versions that were told.  Results go to
``judges/results/explained.json``; exit code 1 where anything does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from envfit.api.solving import OpenJob, begin
from envfit.cli.arguments import parse
from envfit.cli.explaining import refusal_data
from envfit.cli.locking import request_of
from envfit.cli.options import COMMANDS
from envfit.knowledge.query import Query
from envfit.requirement import Requirement
from envfit.resolve.attempt import Asked, world_of
from envfit.resolve.decide import Unsatisfied
from envfit.resolve.provider import World
from envfit.resolve.solver import Impossible, Solved, solve
from envfit.target import Fact
from judges.results import RESULTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["changed_words", "is_minimal", "main", "page"]

_INPUTS = Path(__file__).with_name("explained-inputs.toml")
_FILE = RESULTS / "explained.json"
_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "explained.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge every input; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="inputs with this text alone")
    parsed = parser.parse_args(arguments)
    inputs = tomllib.loads(_INPUTS.read_text(encoding="utf-8"))["inputs"]
    chosen = [text for text in inputs if parsed.only in text]
    found = []
    for text in chosen:
        result = judge(text)
        found.append(result)
        faults = "; ".join(result["faults"]) or "holds"
        print(f"{text}: core of {len(result['core'])}, {len(result['ways'])} ways out: {faults}", flush=True)
    wrong = [result for result in found if result["faults"]]
    ways = sum(len(result["ways"]) for result in found)
    print(f"{len(found)} inputs, {len(found) - len(wrong)} hold, {ways} ways out tried")
    if not parsed.only:
        _FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _PAGE.write_text(page(found), encoding="utf-8")
    return 1 if wrong else 0


def page(found: Sequence[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    wrong = [result for result in found if result["faults"]]
    ways = sum(len(result["ways"]) for result in found)
    lines = [
        "# Refusals on real inputs",
        "",
        f"{len(found)} inputs that nothing satisfies, on the real index; of {len(found) - len(wrong)} the",
        "explanation holds: the core is proved impossible, something satisfies it without any one of its",
        f"members, and each of the {ways} ways out, typed as told, locks with the versions that are told.",
        "`python -m judges.explained` asks again and writes this page.",
        "",
        "| `envfit lock` | core | ways out |",
        "| --- | --- | --- |",
    ]
    for result in found:
        cells = [f"`{result['input']}`", "<br>".join(result["core"]), "<br>".join(result["ways"])]
        cells[-1] += "".join(f"<br>**{fault}**" for fault in result["faults"])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def judge(text: str) -> dict[str, Any]:
    """Return what holds of one input's explanation."""
    words = shlex.split(text)
    with tempfile.TemporaryDirectory() as directory:
        values = parse(
            ["lock", *words, "-o", f"{directory}/pylock.toml"], COMMANDS, about="", end="", version=""
        ).values
        values.pop("recorder", None)
        names = ("json", "verbose", "output", "check")
        request = replace(
            request_of(**{key: value for key, value in values.items() if key not in names}),
            directory=Path(directory),
        )
        job = begin(request, _knowledge(), environ=os.environ, notify=lambda _: None, watch=lambda _: None)
        with job.open(job.targets[0]) as opened:
            try:
                opened.resolve(ways=True)
            except Unsatisfied as error:
                refused = error
            else:
                return {"input": text, "core": [], "ways": [], "faults": ["it is not refused"]}
            faults = list(is_minimal(opened, refused, job.base))
    data = refusal_data(refused)
    tried = [(way, _locks(changed_words(words, way))) for way in data["ways-out"]]
    for way, got in tried:
        if got is None:
            faults.append(f"does not lock: {way['says']}")
        else:
            faults += [
                f"{name} {got.get(name)}: {way['says']}"
                for name, version in way["outcome"].items()
                if got.get(name) != version
            ]
    return {
        "input": text,
        "core": [*data["core"], *data["constraints"], *data["facts"]],
        "reasons": len(data["reasons"]),
        "ways": [way["says"] for way in data["ways-out"]],
        "faults": faults,
    }


def _knowledge() -> Any:
    from envfit import api

    return api.knowledge()


def is_minimal(opened: OpenJob, refused: Unsatisfied, base: Any) -> Iterator[str]:
    """Yield what is wrong with a core: it can be satisfied, or it cannot be without one of its members."""
    explanation = refused.explanation
    members: tuple[Requirement | Fact, ...] = (
        *explanation.core,
        *explanation.constraints,
        *explanation.facts,
    )
    asked = Asked(
        source=opened.indexes.packages,
        query=Query(base, opened.target, ignored=opened.job.ignored),
        preferences=opened.preferences,
        constraints=opened.constraints,
        amendments=opened.amendments,
    )
    whole = world_of(asked, opened.requirements)
    if not isinstance(_solved(whole, members), Impossible):
        yield "the core is not proved impossible"
    for needless in members:
        rest = [one for one in members if one is not needless]
        if not isinstance(_solved(whole, rest), Solved):
            yield f"nothing is found without {needless} either"


def _solved(whole: World, members: Sequence[Requirement | Fact]) -> object:
    target = whole.target
    every = {"GPU", *(fact.name for fact in target.facts)}
    every |= {f"compute capability of {gpu.name}" for gpu in target.gpus}
    known = {one.name for one in members if isinstance(one, Fact)}
    wanted = [one for one in members if isinstance(one, Requirement)]
    world = whole.with_less([one for one in whole.constraints if one in wanted], frozenset(every - known))
    roots = [demand for demand in world.root_demands() if demand.requirement in wanted]
    return solve(world, roots)


def changed_words(words: Sequence[str], way: dict[str, Any]) -> list[str]:
    """Return the words of a command after a way out was taken, as a user would type them."""
    changed = list(words)
    options = way["options"]
    instead = way["instead-of"]
    if instead in ("--no-build", "--only-binary", "--no-binary"):
        place = changed.index(instead)
        del changed[place : place + (1 if instead == "--no-build" else 2)]
    elif instead in changed and not instead.startswith("--"):
        place = changed.index(instead)
        changed[place : place + 1] = [way["write"]] if way["write"] else []
    elif instead is not None and instead.startswith("--gpu "):
        for name in instead.removeprefix("--gpu ").split(" --gpu "):
            place = next(
                place for place in range(len(changed) - 1) if changed[place : place + 2] == ["--gpu", name]
            )
            del changed[place : place + 2]
    for option in {word for word in options if word.startswith("--")}:
        # What is typed anew stands in the place of what was typed; another GPU comes without the driver.
        for dropped in (option, *(["--driver"] if option == "--gpu" else [])):
            while dropped in changed and option != "--ignore-gpu":
                place = changed.index(dropped)
                del changed[place : place + 2]
    return [*changed, *options]


def _locks(words: Sequence[str]) -> dict[str, str] | None:
    """Return the versions that a command locks, by name; None where it does not."""
    with tempfile.TemporaryDirectory() as directory:
        answer = subprocess.run(
            [sys.executable, "-m", "envfit", "lock", *words, "--json"],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode:
        return None
    return {package["name"]: package["version"] for package in json.loads(answer.stdout)["packages"]}


if __name__ == "__main__":
    raise SystemExit(main())
