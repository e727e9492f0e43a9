"""A log of any length -> the lines that are worth reading, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from envfit.knowledge.log_text import LogText, read_lines

__all__ = ["WHOLE", "skim"]

#: Characters of a log that is read whole.
WHOLE = 6_000_000

_BEGINNING = 2_000  # lines that are kept of a longer log, whatever they say
_END = 20_000
_BEFORE = 80  # lines kept before one that may tell of a failure
_AFTER = 40
_MOST = 60_000  # lines kept between beginning and end
_SAME = 12  # times that a line is kept that differs only in its numbers
_LONGEST = 4_000

#: Of a line in lower case: only plain words, which a regular expression finds ten times as fast as classes.
_TELLS = re.compile(
    "error|exception|traceback|fail|fatal|cannot|could not|unable|not found|no module|undefined|killed|"
    "abort|"
    "segmentation|conflict|incompatible|because |mismatch|unsupported|not supported|denied|refused|"
    "timed out|"
    "insufficient|out of memory|oom|warning|core dumped|illegal|xid|missing|no such|requires"
)
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


def skim(lines: Iterable[str]) -> tuple[LogText, tuple[str, ...]]:
    """Return a log as it is searched, and what was left out of it, in sentences."""
    numbered = enumerate(lines, 1)
    whole: list[tuple[int, str]] = []
    size = 0
    for number, line in numbered:
        whole.append((number, line))
        size += len(line) + 1
        if size > WHOLE:
            break
    else:
        return LogText(read_lines(whole)), ()
    kept = _Kept()
    for number, line in whole:
        kept.take(number, line)
    del whole
    last = 0
    for number, line in numbered:
        kept.take(number, line)
        last = number
    chosen = kept.lines()
    note = (
        f"The log has {last:,} lines; {len(chosen):,} of them were read closely: the beginning, the end, "
        f"and what may "
        "tell of a failure."
    )
    return LogText(read_lines(chosen)), (note,)


class _Kept:
    """Lines of a long log that are kept."""

    def __init__(self) -> None:
        self._first: list[tuple[int, str]] = []
        self._between: list[tuple[int, str]] = []
        self._recent: deque[tuple[int, str]] = deque(maxlen=_BEFORE)
        self._end: deque[tuple[int, str]] = deque(maxlen=_END)
        self._seen: Counter[str] = Counter()
        self._following = 0

    def take(self, number: int, line: str) -> None:
        """Keep a line or forget it."""
        item = number, line[:_LONGEST]
        self._end.append(item)
        if len(self._first) < _BEGINNING:
            self._first.append(item)
            return
        if _TELLS.search(line[:_LONGEST].lower()) and len(self._between) < _MOST and self._is_new(line):
            self._between += self._recent
            self._recent.clear()
            self._between.append(item)
            self._following = _AFTER
        elif self._following and len(self._between) < _MOST:
            self._between.append(item)
            self._following -= 1
        else:
            self._recent.append(item)

    def _is_new(self, line: str) -> bool:
        key = _NUMBERS.sub("0", line[:300])
        if len(self._seen) > _MOST and key not in self._seen:
            return False
        self._seen[key] += 1
        return self._seen[key] <= _SAME

    def lines(self) -> list[tuple[int, str]]:
        """Return what was kept, in order, each line once."""
        return list(self._ordered())

    def _ordered(self) -> Iterator[tuple[int, str]]:
        last = 0
        for number, line in (*self._first, *self._between, *self._end):
            if number > last:
                yield number, line
                last = number
