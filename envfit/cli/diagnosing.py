"""The cause behind a failure text: a log in, one call, what it tells as lines or data."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render
from envfit.diagnosis.model import Diagnosis, Hypothesis, Quote, Standing

if TYPE_CHECKING:
    from envfit.doctor.report import Report

__all__ = ["diagnose"]

_REMEDIES = 3  # of the cause, unless all are asked for
_OTHERS = 3
_CHAIN = 6


def diagnose(
    *, log: Path, prefix: Path | None, gpus: Sequence[str], driver: str | None, json: bool, verbose: bool
) -> None:
    """Say what the failure in a log comes from; the exit code is 1 where no cause is named."""
    report = _checked(prefix, gpus, driver) if prefix is not None else None
    if str(log) == "-":
        diagnosis = api.diagnose_stream(open(sys.stdin.fileno(), "rb", closefd=False), report)
    else:
        diagnosis = api.diagnose_file(log, report)
    if json:
        render.print_json(diagnosis_data(diagnosis))
    else:
        print("\n".join(_lines(diagnosis, verbose=verbose)))
    if diagnosis.cause is None:
        raise SystemExit(1)


def _checked(prefix: Path, gpus: Sequence[str], driver: str | None) -> Report:
    target = api.TargetRequest(gpus=tuple(gpus), driver=driver)
    return api.check_prefix(prefix, target=target, notify=render.talk)


# -- lines --------------------------------------------------------------------


def _lines(diagnosis: Diagnosis, *, verbose: bool) -> Iterator[str]:
    if diagnosis.cause is not None:
        yield from _cause(diagnosis.cause, verbose=verbose)
    else:
        yield from _unknown(diagnosis)
    others = diagnosis.others if verbose else diagnosis.others[:_OTHERS]
    if others:
        yield ""
        yield "also in the log:" if diagnosis.cause is not None else "what may have to do with it:"
        for other in others:
            yield f"  {_place(other.rests_on)}{other.cause} [{other.code}]{_standing(other)}"
            yield from (f"    to do: {remedy.text}" for remedy in other.remedies[: None if verbose else 1])
        if len(diagnosis.others) > len(others):
            yield f"  ... and {len(diagnosis.others) - len(others)} more; -v shows them"
    for each in diagnosis.harmless:
        yield f"harmless: {_place(each.rests_on)}{each.cause} [{each.code}]"
    yield from (f"note: {note}" for note in diagnosis.notes)


def _cause(cause: Hypothesis, *, verbose: bool) -> Iterator[str]:
    yield f"{cause.confidence.value}: {cause.cause} [{cause.code}]{_standing(cause)}"
    for quote in cause.rests_on:
        yield f"    line {quote.line}: {quote.text}" if quote.line else f"    {quote.text}"
    if len(cause.chain) > 1:
        yield "  from what was printed last to the root:"
        chain = cause.chain if verbose else (*cause.chain[: _CHAIN - 1], cause.chain[-1])
        yield from (f"    {text}" for text in dict.fromkeys(chain))
    yield from (f"  checked: {text}" for text in cause.checked)
    for remedy in cause.remedies if verbose else cause.remedies[:_REMEDIES]:
        yield f"  to do: {remedy.text}"
        yield from (f"    $ {shlex.join(words)}" for words in remedy.commands)
    if cause.rules:
        yield f"  prevented by: {', '.join(cause.rules)} (envfit why {cause.rules[0]})"
    if not cause.environment:
        yield "  another environment would not help"


def _unknown(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.hidden is not None:
        yield f"unknown: {diagnosis.hidden}"
    elif diagnosis.root is not None:
        yield "unknown: nothing that envfit knows says what this comes from"
    else:
        yield "unknown: the log tells of no failure"
    if diagnosis.root is not None:
        yield f"    line {diagnosis.root.line}: {diagnosis.root.text}"
    if diagnosis.raised_at is not None:
        yield f"    raised in {diagnosis.raised_at}"
    if len(diagnosis.chain) > 1:
        yield "  from what was printed last to the root:"
        yield from (f"    {text}" for text in diagnosis.chain)


def _place(quotes: Sequence[Quote]) -> str:
    return f"line {quotes[0].line}: " if quotes and quotes[0].line else ""


def _standing(hypothesis: Hypothesis) -> str:
    return "" if hypothesis.standing is Standing.OPEN else f" ({hypothesis.standing.value} by the check)"


# -- data ---------------------------------------------------------------------


def diagnosis_data(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as ``schema/diagnose.json`` has it."""
    return {
        "confidence": diagnosis.confidence.value,
        "cause": _hypothesis_data(diagnosis.cause) if diagnosis.cause is not None else None,
        "others": [_hypothesis_data(each) for each in diagnosis.others],
        "harmless": [_hypothesis_data(each) for each in diagnosis.harmless],
        "root": _quote_data(diagnosis.root) if diagnosis.root is not None else None,
        "raised-at": diagnosis.raised_at,
        "chain": list(diagnosis.cause.chain if diagnosis.cause is not None else diagnosis.chain),
        "hidden": diagnosis.hidden,
        "notes": list(diagnosis.notes),
    }


def _hypothesis_data(hypothesis: Hypothesis) -> dict[str, Any]:
    return {
        "code": hypothesis.code,
        "cause": hypothesis.cause,
        "confidence": hypothesis.confidence.value,
        "rests-on": [_quote_data(quote) for quote in hypothesis.rests_on],
        "chain": list(hypothesis.chain),
        "remedies": [
            {"text": remedy.text, "commands": [list(words) for words in remedy.commands]}
            for remedy in hypothesis.remedies
        ],
        "rules": list(hypothesis.rules),
        "package": hypothesis.package,
        "environment": hypothesis.environment,
        "standing": hypothesis.standing.value,
        "checked": list(hypothesis.checked),
    }


def _quote_data(quote: Quote) -> dict[str, Any]:
    return {"line": quote.line or None, "text": quote.text}
