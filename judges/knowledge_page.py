"""Count what the knowledge base holds, time how it is loaded, and write both down as a page.

    python -m judges.knowledge_page [--runs N]

Each run is a process of its own that imports envfit, and then loads the compiled knowledge.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envfit import api
from envfit.knowledge.overview import count_evidence, count_knowledge

__all__ = ["main", "page"]

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "knowledge.md"

_HEAD = """\
# What envfit knows, counted

Written by `python -m judges.knowledge_page`; not to be edited. `envfit knowledge list` tells the same of
any moment, and `envfit knowledge lint` holds all of it to its rules.

"""
_LOADING = """\
Loading all of it from the compiled form, in {runs} processes: {best:.1f} ms at best, {median:.1f} ms in the
median, {cpu:.1f} ms of CPU time, and {mib:.1f} MiB of memory. A rule or wheel is made when it is looked at.
"""

#: Loads the knowledge with everything imported, and says how long it took and what it takes.
_TIMED = """
import gc, json, time, tracemalloc
from envfit import api
import envfit.knowledge.plain, envfit.knowledge.files, envfit.index.cache
gc.disable()
started, spent = time.perf_counter(), time.process_time()
api.knowledge()
seconds, spent = time.perf_counter() - started, time.process_time() - spent
tracemalloc.start()
kept = api.knowledge()
mib = tracemalloc.get_traced_memory()[0] / 2**20
print(json.dumps({"ms": seconds * 1000, "cpu": spent * 1000, "mib": mib}))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, time, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m judges.knowledge_page", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=15, metavar="N")
    options = parser.parse_args(arguments)
    knowledge = api.knowledge()  # compiled from here on
    runs = [_timed() for _ in range(options.runs)]
    text = page(count_knowledge(knowledge), count_evidence(knowledge), runs)
    _PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(_PAGE.read_text(encoding="utf-8"))
    return 0


def _timed() -> Mapping[str, Any]:
    ended = subprocess.run([sys.executable, "-c", _TIMED], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def page(counted: Mapping[str, int], kinds: Mapping[str, int], runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the page."""
    wall, cpu = ([run[key] for run in runs] for key in ("ms", "cpu"))
    return _HEAD + "\n".join(
        [
            "| what | how many |",
            "| --- | --- |",
            *(f"| {what} | {number:,} |" for what, number in counted.items()),
            "",
            "| evidence, best first | entries |",
            "| --- | --- |",
            *(f"| {kind} | {number:,} |" for kind, number in kinds.items()),
            "",
            _LOADING.format(
                runs=len(runs),
                best=min(wall),
                median=statistics.median(wall),
                cpu=statistics.median(cpu),
                mib=statistics.median(run["mib"] for run in runs),
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
