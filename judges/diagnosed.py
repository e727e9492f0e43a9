"""Texts of real failures, and whether ``envfit diagnose`` names what was truly wrong.

    python -m judges.diagnosed [--half dev|held-out|all] [--show-wrong] [--theme NAME]...

``judges/failures/*.toml`` hold the texts: the lines that a program printed, with other paths and
other noise around them than in the thread that settled the cause.  A diagnosis is right where its
first cause, or a remedy of it, mentions what any right answer has to, and its cause nothing that
was not at fault.  Where the environment is not at fault, or the text does not tell, "unknown" is
right too; that another error is hidden behind this one counts as unknown where the text has it.
The half that a text is in follows from the hash of its id.

The exit code is 1 where fewer than 95 % of the texts with a cause or a harmless warning are
diagnosed, or one of all is diagnosed wrongly with certainty.  Results go to
``judges/results/diagnosed.json`` where no text was left out.
"""

from __future__ import annotations

import argparse
import enum
import io
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from envfit import api
from envfit.diagnosis.model import Hypothesis
from judges.failure_texts import Failure, Half, Verdict, read_failures
from judges.results import RESULTS, merge, table

__all__ = ["LEAST", "RESULTS_FILE", "Confidence", "Fate", "Said", "ask", "fate_of", "holds", "main", "rows"]

LEAST = 0.95

RESULTS_FILE = RESULTS / "diagnosed.json"

#: What it says where the text only tells that something else failed: true, and no cause.
_DEFERS = ("is hidden behind", "are hidden behind")


class Confidence(enum.Enum):
    """How sure a diagnosis is of its first cause."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNKNOWN = "unknown"


class Fate(enum.Enum):
    """What a diagnosis is worth, the best first."""

    RIGHT = "right"
    UNKNOWN = "unknown"  # it says that it does not know, where the cause is known
    HEDGED = "wrong but hedged"
    CONFIDENT = "confidently wrong"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a diagnosis says: of everything, what is judged."""

    confidence: Confidence
    cause: str = ""  # of the first cause, all its sentences
    remedies: tuple[str, ...] = ()
    exonerates: bool = False  # it says that no other environment would help


def ask(text: str) -> Said:
    """Diagnose a text: the one place that knows how envfit's diagnosis looks."""
    diagnosis = api.diagnose_stream(io.BufferedReader(io.BytesIO(text.encode())))
    if diagnosis.cause is not None:
        return _said(diagnosis.cause, "")
    if diagnosis.harmless:
        return _said(diagnosis.harmless[0], "It is harmless and breaks nothing. ")
    return Said(confidence=Confidence.UNKNOWN, cause=diagnosis.hidden or "")


def _said(hypothesis: Hypothesis, before: str) -> Said:
    return Said(
        confidence=Confidence(hypothesis.confidence.value),
        cause=f"{before}{hypothesis.cause}",
        remedies=tuple(
            " ".join([remedy.text, *(" ".join(command) for command in remedy.commands)])
            for remedy in hypothesis.remedies
        ),
        exonerates=not hypothesis.environment,
    )


def fate_of(failure: Failure, said: Said) -> Fate:
    """Judge what was said of a text."""
    spares = failure.verdict in (Verdict.NOT_ENVIRONMENT, Verdict.UNKNOWN)
    if said.confidence is Confidence.UNKNOWN:
        return Fate.RIGHT if spares else Fate.UNKNOWN
    cause = _plain(said.cause)
    everything = "\n".join([cause, *map(_plain, said.remedies)])
    blames = any(_plain(word) in cause for word in failure.never)
    names = bool(failure.names) and all(
        any(_plain(word) in everything for word in group) for group in failure.names
    )
    if not blames and (names or (spares and said.exonerates)):
        return Fate.RIGHT
    if not blames and not spares and any(words in cause for words in _DEFERS):
        return Fate.UNKNOWN
    return Fate.CONFIDENT if said.confidence is Confidence.CERTAIN else Fate.HEDGED


def _plain(text: str) -> str:
    """Return a text as it is compared: lower case, names of packages with hyphens, single spaces."""
    return " ".join(text.lower().replace("_", "-").split())


def holds(fates: Mapping[Failure, Fate]) -> bool:
    """Tell whether enough is diagnosed and nothing wrongly with certainty."""
    known = [fate for failure, fate in fates.items() if failure.verdict in (Verdict.CAUSE, Verdict.HARMLESS)]
    enough = known.count(Fate.RIGHT) >= LEAST * len(known)
    return enough and Fate.CONFIDENT not in fates.values()


def main(arguments: Sequence[str] | None = None, diagnose: Callable[[str], Said] = ask) -> int:
    """Diagnose every text, or some, and print the table; 1 where it does not hold."""
    parser = argparse.ArgumentParser(prog="python -m judges.diagnosed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--half", choices=[*(half.value for half in Half), "all"], default="all")
    parser.add_argument(
        "--theme", action="append", default=[], metavar="NAME", help="a file of judges/failures"
    )
    parser.add_argument("--show-wrong", action="store_true", help="print what was said of those not right")
    options = parser.parse_args(arguments)
    chosen = [
        failure
        for failure in read_failures()
        if options.half in ("all", failure.half.value)
        and (not options.theme or _theme(failure) in options.theme)
    ]
    said = {failure: diagnose(failure.text) for failure in chosen}
    fates = {failure: fate_of(failure, answer) for failure, answer in said.items()}
    if options.show_wrong:
        for failure, fate in fates.items():
            if fate is not Fate.RIGHT:
                print(_shown(failure, fate, said[failure]))
    print(table(rows(fates)))
    if diagnose is ask and options.half == "all" and not options.theme:
        merge(RESULTS_FILE, {failure.id: {"fate": fate.value} for failure, fate in fates.items()})
    return 0 if holds(fates) else 1


def _theme(failure: Failure) -> str:
    return failure.id.partition("/")[0]


def _shown(failure: Failure, fate: Fate, said: Said) -> str:
    return "\n".join(
        [
            f"{failure.id} ({failure.half.value}): {fate.value}",
            f"  truly: {failure.cause} [{failure.verdict.value}]",
            f"  said, {said.confidence.value}: {said.cause or '-'}",
            *(f"    {remedy}" for remedy in said.remedies),
            f"  to be named: {' and '.join(' | '.join(group) for group in failure.names) or 'nothing'}",
            "",
        ]
    )


def rows(fates: Mapping[Failure, Fate]) -> list[tuple[str, ...]]:
    """Return the table: by theme, by verdict, by half, and all that count."""
    lines: list[tuple[str, ...]] = [("texts", *(fate.value for fate in Fate), "all", "share")]
    for name, chosen in _groups(fates):
        counts = Counter(fates[failure] for failure in chosen)
        share = f"{counts[Fate.RIGHT] / counts.total():.1%}" if counts else "-"
        lines.append((name, *(str(counts[fate]) for fate in Fate), str(counts.total()), share))
    return lines


def _groups(fates: Mapping[Failure, Fate]) -> list[tuple[str, list[Failure]]]:
    """Return the texts by theme, by verdict and by half, and all that count."""
    themes = list(dict.fromkeys(map(_theme, fates)))
    groups = [(theme, [each for each in fates if _theme(each) == theme]) for theme in themes]
    groups += [(f"[{one.value}]", [each for each in fates if each.verdict is one]) for one in Verdict]
    counted = [each for each in fates if each.verdict in (Verdict.CAUSE, Verdict.HARMLESS)]
    groups += [
        (f"with a cause, {half.value}", [each for each in counted if each.half is half]) for half in Half
    ]
    return [*groups, ("with a cause, all", counted)]


if __name__ == "__main__":
    sys.exit(main())
