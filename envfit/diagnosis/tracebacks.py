"""Lines of a log -> the exceptions that they tell of, each with its frames and its chain.

The forms are those of the interpreter (traceback module of Python 3.8 to 3.14), IPython,
pytest, rich, multiprocessing and Ray.  A header may be missing: logs are cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from envfit.frozen import frozen
from envfit.knowledge.log_text import LogLine, LogText

__all__ = ["Chain", "Frame", "Raised", "read_chains"]

_LONGEST_MESSAGE = 40  # lines

_HEADER = re.compile(r"Traceback \(most recent call last\)|Exception Group Traceback")
_CONTEXT = re.compile(r"During handling of the above exception, another exception occurred")
_CAUSE = re.compile(r"The above exception was the direct cause of the following exception")
_FRAME = re.compile(
    r"""\s*(?:
        File\ "(?P<a>[^"]+)",\ line\ (?P<al>\d+)(?:,\ in\ (?P<af>\S+))?
      | File\ (?P<b>[^\s":]+\.\w+):(?P<bl>\d+)(?:,\ in\ (?P<bf>\S+))?
      | (?P<c>(?:/|~/)[^\s:"]+\.py)(?::(?P<cl>\d+))?\ in\ (?P<cf><?\w+>?)
    )""",
    re.VERBOSE,
)
_PYTEST_FRAME = re.compile(r"(?P<file>[\w./-]+\.py):(?P<line>\d+): (?:in (?P<function>\S+)|\w+)$")
_TYPE = (
    r"(?:(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failure|Failed|Timeout|Warning|Group"
    r"|NotFound|Traceback|Iteration|Overflow)|(?:[A-Za-z_]\w*\.)+error)"
)
_RAISED = re.compile(rf"\s{{0,16}}(?P<type>{_TYPE})(?:\([\w.]+\))?(?::\s*(?P<message>.*))?$")
#: Inside a line, after what a logger wrote: "ERROR:root:ImportError: ...".
_MENTIONED = re.compile(rf"(?:^|[\s:\]>'\"(-])(?P<type>{_TYPE}):\s+(?P<message>\S.*)$")
#: What stands where a message has ended: another message of a logger or a shell.
_OTHER = re.compile(
    r"\s*$|-{20,}|={20,}|\+-[-+]|\[?(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\b|(?:srun|slurmstepd|make|ninja|"
    r"error|note|hint):"
    r"|\s*(?:error|note|hint|\N{MULTIPLICATION SIGN}|╰|│)|\"\"\"$|Exception (?:ignored )?in\b|\[end of "
    r"output\]"
)
#: Of these, a lone mention is a notice and not a failure.
_QUIET = re.compile(r"(?:\w+\.)*\w*Warning$")


@frozen
class Frame:
    """Where a call was."""

    file: str
    line: int | None
    function: str | None


@frozen
class Raised:
    """One exception as it was printed."""

    type: str  # as printed, "torch.OutOfMemoryError"
    message: str  # its first line
    begin: int  # place in ``LogText.lines`` where its frames begin
    first: int  # of its own line
    last: int  # of the last line of its message
    frames: tuple[Frame, ...]
    ignored: bool = False  # in a destructor or at exit: nothing failed of it

    @property
    def name(self) -> str:
        """Return its type without the module."""
        return self.type.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@frozen
class Chain:
    """Exceptions that led to each other, in the order in which they were raised: the root first."""

    raised: tuple[Raised, ...]
    causes: tuple[bool, ...]  # for each but the first: "direct cause" and not merely "during handling"
    traced: bool  # it was printed as a traceback, and not only named in a line

    @property
    def last(self) -> int:
        """Return the place of its last line."""
        return max(each.last for each in self.raised)


def read_chains(log: LogText) -> tuple[Chain, ...]:
    """Return the chains of exceptions in the order in which they end in the log."""
    streams: dict[str, list[tuple[int, LogLine]]] = {}
    for place, line in enumerate(log.lines):
        streams.setdefault(_stream(line.prefix), []).append((place, line))
    chains = [chain for lines in streams.values() for chain in _Reader().read(lines)]
    return tuple(sorted(chains, key=lambda chain: chain.last))


_STREAM = re.compile(r"rank\w*\d|\(\w[^)]*\bpid=\d+|\[\d+,\d+\]<|default\d|^\s*\d+: |std\w*\d|^[\w.-]+\s+\|")


def _stream(prefix: str) -> str:
    """Return which process a line is of, as far as its prefix tells."""
    if not prefix.strip():
        return ""
    found = _STREAM.search(prefix)
    return found[0] if found else ""


class _Reader:
    """Reads the lines of one process."""

    def __init__(self) -> None:
        self._chains: list[Chain] = []
        self._raised: list[Raised] = []
        self._causes: list[bool] = []
        self._frames: list[Frame] = []
        self._begins = 0
        self._link: bool | None = None  # what was said since the last exception: cause, or context
        self._traced = False
        self._ignored = False

    def read(self, lines: Sequence[tuple[int, LogLine]]) -> Iterable[Chain]:
        """Return the chains of lines with their places."""
        index = 0
        while index < len(lines):
            index = self._step(lines, index)
        self._close()
        return self._chains

    def _step(self, lines: Sequence[tuple[int, LogLine]], index: int) -> int:
        """Read one line, or an exception with its message; return where to go on."""
        place, line = lines[index]
        text = line.text
        if _HEADER.search(text):
            self._begin()
        elif _CAUSE.search(text):
            self._link = True
        elif _CONTEXT.search(text):
            self._link = False
        elif text.startswith("Exception ignored in"):
            self._begin()
            self._ignored = True
        elif (frame := _frame(text)) is not None:
            if self._raised and self._link is None and not self._frames:
                self._close()  # frames without a header: a log that was cut
            if not self._frames:
                self._begins = place
            self._frames.append(frame)
        elif found := self._exception(text):
            last = index
            stop = min(len(lines), index + _LONGEST_MESSAGE)
            while last + 1 < stop and self._goes_on(lines[last][1].text, lines[last + 1][1].text):
                last += 1
            self._add(found, place, lines[last][0])
            return last + 1
        return index + 1

    def _exception(self, text: str) -> re.Match[str] | None:
        found = _RAISED.match(text)
        if found and (found["message"] is not None or self._frames):
            return found
        mentioned = _MENTIONED.search(text)
        if mentioned and not self._frames and not _QUIET.match(mentioned["type"]):
            return mentioned
        return None

    @staticmethod
    def _goes_on(before: str, text: str) -> bool:
        if _HEADER.search(text) or _CAUSE.search(text) or _CONTEXT.search(text) or _frame(text):
            return False
        if _RAISED.match(text):
            return False
        return before.rstrip().endswith(":") or not _OTHER.match(text.lstrip())

    def _begin(self) -> None:
        """Read a header: of the next exception of this chain where a link was said, else of a new chain."""
        if self._link is None:
            self._close()
        self._frames = []
        self._traced = True

    def _add(self, found: re.Match[str], first: int, last: int) -> None:
        if self._raised and self._link is None:
            traced = self._traced and bool(self._frames)
            self._close()
            self._traced = traced
        elif self._raised:
            self._causes.append(bool(self._link))
        self._raised.append(
            Raised(
                type=found["type"],
                message=(found["message"] or "").strip(),
                begin=self._begins if self._frames else first,
                first=first,
                last=last,
                frames=tuple(self._frames),
                ignored=self._ignored,
            )
        )
        self._traced |= bool(self._frames)
        self._frames, self._link, self._ignored = [], None, False

    def _close(self) -> None:
        if self._raised:
            self._chains.append(
                Chain(raised=tuple(self._raised), causes=tuple(self._causes), traced=self._traced)
            )
        self._raised, self._causes = [], []
        self._link, self._traced = None, False


def _frame(text: str) -> Frame | None:
    if ".py" not in text and "File " not in text and " in " not in text:
        return None
    found = _FRAME.match(text)
    if found is not None:
        file = found["a"] or found["b"] or found["c"]
        line = found["al"] or found["bl"] or found["cl"]
        return Frame(
            file=file, line=int(line) if line else None, function=found["af"] or found["bf"] or found["cf"]
        )
    pytest = _PYTEST_FRAME.match(text)
    if pytest is not None:
        return Frame(file=pytest["file"], line=int(pytest["line"]), function=pytest["function"])
    return None
