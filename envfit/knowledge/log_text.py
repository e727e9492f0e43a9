"""A log as it is searched: lines without colours, prefixes and boxes, and where words are in them."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from envfit.knowledge.symptom_pattern import Pattern

__all__ = ["LogLine", "LogText", "read_lines"]

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


class LogLine(NamedTuple):
    """One line: there may be millions, so that it is a plain tuple."""

    number: int  # in the text, counted from 1
    prefix: str  # what the programs that passed it on put before it
    text: str


class LogText:
    """A text as it is searched: without colours, prefixes and line ends, but knowing its lines."""

    def __init__(self, lines: Iterable[LogLine]) -> None:
        self.lines = tuple(lines)
        starts = []
        place = 0
        for line in self.lines:
            starts.append(place)
            place += len(line.text) + 1
        self._starts = starts
        self.text = "\n".join(line.text for line in self.lines)
        lower = self.text.lower()
        # Where lower case is longer, places would not be the same.
        self._lower = lower if len(lower) == len(self.text) else None

    @classmethod
    def of(cls, text: str) -> LogText:
        """Return a text that is given whole."""
        return cls(read_lines(enumerate(re.split(r"\r\n|\n|\r", text), 1)))

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
        return tuple(dict.fromkeys(line.number for line in self.lines[first : last + 1]))

    def span(self, match: re.Match[str]) -> tuple[int, int]:
        """Return the places, in ``lines``, of the first and the last line that a match is in."""
        return self._line(match.start()), self._line(max(match.start(), match.end() - 1))

    def whole_lines(self, match: re.Match[str]) -> str:
        """Return the lines that a match is in."""
        begin = self.text.rfind("\n", 0, match.start()) + 1
        end = self.text.find("\n", match.end())
        return self.text[begin : end if end >= 0 else None]

    def _line(self, place: int) -> int:
        return bisect.bisect_right(self._starts, place) - 1


def read_lines(numbered: Iterable[tuple[int, str]]) -> Iterator[LogLine]:
    """Yield the lines of a log freed of their dress; one that holds several yields each of them."""
    for number, line in numbered:
        for part in _parts(line):
            whole = (_COLOUR.sub("", part) if "\x1b" in part else part).rstrip()
            clean = _unprefixed(whole)
            prefix = whole[: len(whole) - len(clean)]
            clean = _unboxed(clean)
            if len(clean) > _LONGEST_LINE:
                clean = clean[: _LONGEST_LINE // 2] + " " + clean[-_LONGEST_LINE // 2 :]
            yield LogLine(number, prefix, clean if clean.isascii() else clean.translate(_PLAIN))


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
