"""Text of a log -> the symptoms in it, the nearest to the root first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from envfit.frozen import frozen
from envfit.knowledge.log_text import LogText
from envfit.knowledge.symptom import Symptom
from envfit.knowledge.symptom_pattern import read_pattern
from envfit.knowledge.symptom_text import filled

__all__ = ["SymptomMatch", "find_symptoms"]


@frozen
class SymptomMatch:
    """A symptom found in a text, with the sentences about it filled in."""

    symptom: Symptom
    values: Mapping[str, str]  # what was captured, by name
    lines: tuple[int, ...]  # of the text, counted from 1
    places: tuple[tuple[int, int], ...]  # in ``LogText.lines``: first and last, of each time it was said
    text: str  # what was matched, freed of colours and prefixes
    cause: str
    remedy: tuple[str, ...]


def find_symptoms(text: str | LogText, symptoms: Iterable[Symptom]) -> tuple[SymptomMatch, ...]:
    """Return what is found: nearest to the root first, then in the order of the text.

    A symptom occurs once for each of the words that it captured.
    """
    log = LogText.of(text) if isinstance(text, str) else text
    found: list[SymptomMatch] = []
    for symptom in symptoms:
        found += _matches(log, symptom)
    found.sort(key=lambda each: (-each.symptom.rank, each.lines[0], -len(each.text), each.symptom.id))
    return tuple(found)


def _matches(log: LogText, symptom: Symptom) -> Iterator[SymptomMatch]:
    also = []
    first = [each for pattern in symptom.patterns for each in log.find(read_pattern(pattern))]
    if not first:
        return
    for pattern in symptom.also:
        match = log.has(read_pattern(pattern))
        if match is None:
            return
        also.append(match)
    unless = [read_pattern(pattern).expression for pattern in symptom.unless]
    context = _captured(also)
    said: list[tuple[dict[str, str], list[re.Match[str]]]] = []
    for match in sorted(first, key=lambda each: (-len(_captured([each])), each.start(), -each.end())):
        if any(expression.search(log.whole_lines(match)) for expression in unless):
            continue
        captured = context | _captured([match])
        for fuller, matches in said:
            if captured.items() <= fuller.items():
                matches.append(match)  # the same, or less than was said before
                break
        else:
            said.append((captured, [match]))
    for captured, matches in said:
        values = {**symptom.otherwise, **captured}
        yield SymptomMatch(
            symptom=symptom,
            values=values,
            lines=log.lines_of(matches[0]),
            places=tuple(dict.fromkeys(log.span(match) for match in matches)),
            text=matches[0][0],
            cause=filled(symptom.cause, values),
            remedy=tuple(filled(each, values) for each in symptom.remedy),
        )


def _captured(matches: Iterable[re.Match[str]]) -> dict[str, str]:
    """Return what groups captured, each in one line."""
    return {
        name: " ".join(value.split())
        for match in matches
        for name, value in match.groupdict().items()
        if value
    }
