"""Text of a log -> the symptoms in it, the nearest to the root first."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from envfit.frozen import frozen
from envfit.knowledge.symptom import Symptom
from envfit.knowledge.symptom_pattern import Pattern, compile_pattern
from envfit.knowledge.symptom_text import filled

__all__ = ["SymptomMatch", "find_symptoms"]

_LONGEST_LINE = 4000
_AROUND = 2000  # characters before and after a word in which its pattern is looked for
_MOST_MATCHES = 200  # of one pattern

_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
#: What programs put before each line that they pass on; any number of these, one after the other.
_PREFIX = re.compile(
    r"""\s*(?:
        [│❱|>╭╰╮╯─║┃╎·]+\s                                              # boxes of rich and pip, quotes
      | E\s{2,}                                                            # pytest
      | \#\d+\s+\d+\.\d+\s | \d+\.\d{3,}\s                                 # docker build
      | [\w.-]{1,60}\s+\|\s                                                # docker compose
      | \[\d+,\d+\]<std(?:out|err)>:\s?                                    # mpirun
      | \[(?:rank|std|worker|gpu|node)\w{0,12}\]:?\s? | \[default\d+\]:\s? # torchrun and others
      | \d{1,4}:\s(?=\[|\s|\w+Error)                                       # srun -l
      | \(\w[\w.#/-]{0,60}\s+(?:pid|rank)=\d+[^)]{0,80}\)\s?               # Ray, vLLM
      | \[?\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?\]?[:,]?(?:\s|$)
      | \[?\d\d?[:/]\d\d[:/]\d\d(?:[.,]\d+)?\]?\s+
      | (?:DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL)\s\d\d-\d\d\s\d\d:\d\d:\d\d\s(?:\[[^\]\s]{1,80}\]\s?)?
      | [IWEF]\d{4}\s\d\d:\d\d:\d\d\.\d+\s+\d*\s*(?:\S{1,80}:\d+\]\s?)?    # glog
      | (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d+\s         # syslog
        \d\d:\d\d:\d\d\s[\w.-]+\s[\w./-]+(?:\[\d+\])?:\s
    )""",
    re.VERBOSE,
)
_BOX_END = "│║┃|"
#: What compilers and web pages write for a quote or a space.
_PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\xa0": " "})


@frozen
class SymptomMatch:
    """A symptom found in a text, with the sentences about it filled in."""

    symptom: Symptom
    values: Mapping[str, str]  # what was captured, by name
    lines: tuple[int, ...]  # of the text, counted from 1
    text: str  # what was matched, freed of colours and prefixes
    cause: str
    remedy: tuple[str, ...]


def find_symptoms(text: str, symptoms: Iterable[Symptom]) -> tuple[SymptomMatch, ...]:
    """Return what is found: nearest to the root first, then in the order of the text.

    A symptom occurs once for each of the words that it captured.
    """
    log = _Log(text)
    found: list[SymptomMatch] = []
    for symptom in symptoms:
        found += _matches(log, symptom)
    found.sort(key=lambda each: (-each.symptom.rank, each.lines[0], -len(each.text), each.symptom.id))
    return tuple(found)


class _Log:
    """A text as it is searched: without colours, prefixes and line ends, but knowing its lines."""

    def __init__(self, text: str) -> None:
        starts, numbers, parts = [], [], []
        place = 0
        for number, line in _lines(text):
            starts.append(place)
            numbers.append(number)
            parts.append(line)
            place += len(line) + 1
        self._starts, self._numbers = starts, numbers
        self.text = "\n".join(parts)
        lower = self.text.lower()
        # Where lower case is longer, places would not be the same.
        self._lower = lower if len(lower) == len(self.text) else None

    def find(self, pattern: Pattern) -> Iterator[re.Match[str]]:
        """Yield where a pattern matches, looking only around its words."""
        if self._lower is None or not pattern.words:
            yield from pattern.expression.finditer(self.text)
            return
        word, *others = pattern.words
        found = 0
        for begin, end in self._around(word):
            if all(self._lower.find(other, begin, end) >= 0 for other in others):
                for match in pattern.expression.finditer(self.text, begin, end):
                    yield match
                    found += 1
                    if found == _MOST_MATCHES:
                        return

    def _around(self, word: str) -> Iterator[tuple[int, int]]:
        """Yield the parts of the text that are near a word, none of them twice."""
        lower = self._lower or ""
        done, place = 0, lower.find(word)
        while place >= 0:
            begin = max(done, place - _AROUND)
            while (following := lower.find(word, place + 1, place + 2 * _AROUND)) >= 0:
                place = following
            done = place + len(word) + _AROUND
            yield begin, done
            place = lower.find(word, done)

    def has(self, pattern: Pattern) -> re.Match[str] | None:
        """Return the first match of a pattern."""
        return next(self.find(pattern), None)

    def lines_of(self, match: re.Match[str]) -> tuple[int, ...]:
        """Return the numbers of the lines that a match is in."""
        first, last = self._line(match.start()), self._line(max(match.start(), match.end() - 1))
        return tuple(dict.fromkeys(self._numbers[first : last + 1]))

    def whole_lines(self, match: re.Match[str]) -> str:
        """Return the lines that a match is in."""
        begin = self.text.rfind("\n", 0, match.start()) + 1
        end = self.text.find("\n", match.end())
        return self.text[begin : end if end >= 0 else None]

    def _line(self, place: int) -> int:
        return bisect.bisect_right(self._starts, place) - 1


def _matches(log: _Log, symptom: Symptom) -> Iterator[SymptomMatch]:
    also = []
    first = [each for pattern in symptom.patterns for each in log.find(compile_pattern(pattern))]
    if not first:
        return
    for pattern in symptom.also:
        match = log.has(compile_pattern(pattern))
        if match is None:
            return
        also.append(match)
    unless = [compile_pattern(pattern).expression for pattern in symptom.unless]
    context = _captured(also)
    seen: list[dict[str, str]] = []
    for match in sorted(first, key=lambda each: (-len(_captured([each])), each.start(), -each.end())):
        if any(expression.search(log.whole_lines(match)) for expression in unless):
            continue
        captured = context | _captured([match])
        if any(captured.items() <= other.items() for other in seen):
            continue  # the same, or less than was said before
        seen.append(captured)
        values = {**symptom.otherwise, **captured}
        yield SymptomMatch(
            symptom=symptom,
            values=values,
            lines=log.lines_of(match),
            text=match[0],
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


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and content of each line; one that holds several yields each of them."""
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        for part in _parts(line):
            clean = _unboxed(_unprefixed(_COLOUR.sub("", part)))
            if len(clean) > _LONGEST_LINE:
                clean = clean[: _LONGEST_LINE // 2] + " " + clean[-_LONGEST_LINE // 2 :]
            yield number, clean.translate(_PLAIN)


def _parts(line: str) -> list[str]:
    """Return the lines in a line: of a JSON log record, or of a text that was quoted."""
    bare = line.strip()
    if bare.startswith("{") and bare.endswith("}"):
        try:
            record = json.loads(bare)
        except (ValueError, RecursionError):
            pass
        else:
            texts = [value for value in record.values() if isinstance(value, str) and " " in value]
            return [part for each in texts for part in each.splitlines()] or [line]
    return line.split("\\n") if line.count("\\n") > 1 and ":\\n" not in line else [line]


def _unprefixed(line: str) -> str:
    line = line.rstrip()
    for _ in range(5):
        match = _PREFIX.match(line)
        if match is None or not match[0]:
            break
        line = line[match.end() :]
    return line


def _unboxed(line: str) -> str:
    """Return a line without the right side of a box."""
    return line[:-2].rstrip() if line[-1:] in _BOX_END and line[-2:-1].isspace() else line
