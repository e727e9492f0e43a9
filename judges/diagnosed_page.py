"""Write what the judge of diagnoses found as a page: ``python -m judges.diagnosed_page``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from judges.diagnosed import LEAST, RESULTS_FILE, Fate, rows
from judges.failure_texts import Failure, Half, Verdict, read_failures
from judges.results import read

__all__ = ["main", "page"]

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "diagnosed.md"

_HEAD = """\
# Failures of real threads, diagnosed

Written by `python -m judges.diagnosed_page` from `judges/results/diagnosed.json`; not to be edited.

    python -m judges.diagnosed --show-wrong    # diagnoses every text of judges/failures; no network, no GPU

{count} texts stand in `judges/failures/`: the lines that a program printed, as public threads have them,
with other paths, versions and noise around them, each with its thread and the cause that was settled there.
{causes} have a cause in the environment, its machine or its making; {harmless} are warnings that break
nothing; in {spared} the environment is not at fault; {unknown} do not tell. The texts were collected apart
from the diagnosis, and the hash of its id puts a text into one half, to be looked at, or into the other.

*Right*: the first cause, with its remedies, names what any right answer has to, and the cause nothing that is
not at fault. Where the environment is not at fault or the text does not tell, "unknown" is right. The script
fails below {least:.0%} of the texts with a cause or a harmless warning, and at one answer that is certain and
wrong.

The table is no estimate for texts that nobody has seen. Before any of them was looked at, 71% were right and
seven answers were certain and wrong (2026-11-27). After work on the first half alone, 84% of the other half
were right, 8% unknown, 8% wrong but hedged, and two answers certain and wrong; only then was it looked at,
too.
"""


def page(failures: Sequence[Failure], fates: Mapping[Failure, Fate]) -> str:
    """Return the page."""
    of = {verdict: sum(failure.verdict is verdict for failure in failures) for verdict in Verdict}
    head = _HEAD.format(
        count=len(failures),
        causes=of[Verdict.CAUSE],
        harmless=of[Verdict.HARMLESS],
        spared=of[Verdict.NOT_ENVIRONMENT],
        unknown=of[Verdict.UNKNOWN],
        least=LEAST,
    )
    lines = [f"| {' | '.join(row)} |" for row in rows(fates)]
    lines.insert(1, "|" + " --- |" * (len(Fate) + 3))
    missed = [
        f"- `{each.id}` ({fate.value}): {each.cause}"
        for each, fate in fates.items()
        if fate is not Fate.RIGHT and each.half is Half.DEV
    ]
    halves = ", ".join(f"{sum(each.half is half for each in failures)} {half.value}" for half in Half)
    return "\n".join(
        [
            head,
            *lines,
            "",
            f"The halves: {halves}.",
            "",
            "## Not right, of the half that is looked at",
            "",
            *(missed or ["None."]),
            "",
        ]
    )


def main() -> int:
    """Write the page."""
    found = read(RESULTS_FILE)
    failures = [failure for failure in read_failures() if failure.id in found]
    fates = {failure: Fate(found[failure.id]["fate"]) for failure in failures}
    _PAGE.write_text(page(failures, fates), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
