"""How far a build has come, from what ninja prints: objects done of objects to do, and the time left.

ninja tells of an object when it is finished, and counts only what is still to be done.  So its
files of the build are read too: after an interrupt, the objects of the run before count as done.
Times of objects differ by kind, and nothing at all ends for the first minutes; what was measured
elsewhere says so beforehand, and what ends here says how much slower or faster this machine is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from pathlib import Path

from envfit.build.schedule import last_end
from envfit.build.session import Sample
from envfit.frozen import frozen

__all__ = ["Costs", "Progress", "duration", "edges", "finished"]

_STATUS = re.compile(r"^\[(\d+)/(\d+)\] ?(.*)$")
_OUTPUT = re.compile(r"(?:^|\s)-o ?(\S+)")
_EDGE = re.compile(r"^build ((?:\$.|[^:$\n])+): ?(\S+)", re.MULTILINE)
_SILENT = 60.0  # seconds without an object that are told
_OVERDUE = 0.1  # of its time that an object still takes that should have been finished


@frozen
class Costs:
    """What the objects of a build cost where it was measured."""

    seconds: Mapping[str, float] = field(default_factory=dict)  # of one core, by object, in their order
    around: float = 0.0  # seconds before the first and after the last

    def wall(self, jobs: int, *, without: Collection[str] = ()) -> float | None:
        """Return the seconds that all of it takes with that many jobs; None where nothing was measured."""
        if not self.seconds:
            return None
        pending = [seconds for name, seconds in self.seconds.items() if name not in without]
        return self.around + last_end([0.0] * max(jobs, 1), pending)


class Progress:
    """Follows the output of one build."""

    def __init__(
        self,
        *,
        jobs: int,
        costs: Costs | None = None,
        planned: Callable[[], Iterable[str]] = tuple,
        finished: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``planned`` returns the names of all objects, once ninja has begun; some are ``finished``."""
        self._jobs = max(jobs, 1)
        self._costs = costs or Costs()
        self._planned = planned
        self._clock = clock
        self._begun = clock()
        self._line = ""
        self._finished = set(finished)
        self._before = len(self._finished)  # objects done before this run
        self._all = 0  # objects that ninja's files name
        self._waiting: list[str] = []
        self._running: dict[str, float] = {}  # since when, in the order of their start
        self._count = 0  # what ninja said last
        self._left = 0  # what it has still to do
        self._actual = 0.0  # seconds that the objects took that were finished in this run
        self._expected = 0.0  # what they took where it was measured
        self._compiling: float | None = None  # since when compilers are running
        self._last: float | None = None  # when the last object was finished
        self.compiled = 0  # objects finished in this run
        self.sample = Sample(memory=0, compilers=0)
        self.peak_memory = 0  # bytes

    @property
    def done(self) -> int:
        """Objects that are finished, also in runs before."""
        return self._before + self.compiled

    @property
    def total(self) -> int:
        """Objects of the build; as long as ninja has not said it, those that are finished."""
        return max(self.done + self._left, self._all)

    def on_sample(self, sample: Sample) -> None:
        """Take in what the processes of the build are like now."""
        self.sample = sample
        self.peak_memory = max(self.peak_memory, sample.memory)
        if sample.compilers and self._compiling is None:
            self._compiling = self._clock()

    def feed(self, text: str) -> None:
        """Take in a piece of the build's output."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            found = _STATUS.match(line)
            if found is not None:
                self._on_status(int(found[1]), int(found[2]), found[3])

    def _on_status(self, count: int, todo: int, said: str) -> None:
        now = self._clock()
        if count <= self._count or not self.compiled:  # ninja was called, or called again
            self._begin(todo, now)
        self._count, self._left = count, todo - count
        output = _OUTPUT.search(said)
        name = _stem(output[1]) if output is not None else ""
        if name not in self._running and self._running:
            name = next(iter(self._running))  # the oldest, where it does not say which
        started = self._running.pop(name, now)
        self.compiled += 1
        self._finished.add(name)
        self._actual += now - started
        self._expected += self._costs.seconds.get(name, 0.0)
        self._last = now
        self._start(now)

    def _begin(self, todo: int, now: float) -> None:
        planned = list(map(_stem, self._planned()))
        if not self.compiled and len(planned) - self._before < todo:
            self._before = max(0, len(planned) - todo)  # other commands: ninja makes some of them again
            self._finished = set()
        self._all = len(planned)
        names = [name for name in planned if name not in self._finished]
        # What ninja counts is the truth; the names only say what takes how long.
        self._waiting = names[:todo] + [f"?{number}" for number in range(todo - len(names))]
        self._running = {}
        since = now if self.compiled else self._compiling or self._begun
        for _ in range(self._jobs):
            self._start(since)

    def _start(self, now: float) -> None:
        if self._waiting:
            self._running[self._waiting.pop(0)] = now

    def seconds_left(self) -> float | None:
        """Return an estimate of the seconds until all is finished; None where nothing tells it."""
        now = self._clock()
        if not self.compiled:
            wall = self._costs.wall(self._jobs, without=self._finished)
            return None if wall is None else max(wall - (now - self._begun), 0.0)
        mean = self._actual / self.compiled
        slower = self._actual / self._expected if self._expected else None

        def takes(name: str) -> float:
            measured = self._costs.seconds.get(name)
            return mean if measured is None or slower is None else measured * slower

        ends = [
            max(takes(name) - (now - since), _OVERDUE * takes(name)) for name, since in self._running.items()
        ]
        return last_end(ends or [0.0], list(map(takes, self._waiting)))

    def status(self) -> str:
        """Return one line that says how far it has come."""
        return ", ".join(self.lines())

    def lines(self) -> tuple[str, ...]:
        """Return how far it has come, and after a while without an object what goes on instead."""
        now = self._clock()
        parts = [*self._beginning()] if not self.compiled else [f"{self.done} of {self.total} objects"]
        parts.append(f"{duration(now - self._begun)} so far")
        left = self.seconds_left()
        if self.compiled and not self._left:
            parts.append("linking and packing")
        elif left:
            measured = "" if self.compiled else " by what was measured"
            parts.append(f"about {duration(left)} left{measured}")
        quiet = now - self._last if self._last is not None and self._left else 0.0
        silence = (
            [f"none finished in the last {duration(quiet)}, {self._at_work()}"] if quiet > _SILENT else []
        )
        return (", ".join(parts), *silence)

    def _beginning(self) -> Iterable[str]:
        """Yield what is said before an object is finished in this run."""
        if self._before:
            yield f"{self._before} object{'s are' if self._before > 1 else ' is'} there from before"
        if self._compiling is None:
            yield "preparing"
            return
        if not self._before:
            of = f" of {len(self._costs.seconds)}" if self._costs.seconds else ""
            yield f"no object{of} is finished yet"
        yield self._at_work()

    def _at_work(self) -> str:
        number = self.sample.compilers
        if not number:
            return "no compiler is running"
        return f"{number} compiler{'s' if number > 1 else ''} at work"


def _stem(path: str) -> str:
    return Path(path).name.partition(".")[0]


def edges(tree: Path) -> tuple[str, ...]:
    """Return what the ninja files of a source tree make, in their order."""
    found: dict[str, None] = {}
    for file in sorted(tree.rglob("build.ninja")):
        for outputs, rule in _EDGE.findall(_text(file)):
            if rule != "phony":
                found[re.sub(r"\$(.)", r"\1", outputs).strip()] = None
    return tuple(found)


def finished(tree: Path) -> frozenset[str]:
    """Return the names of the objects of a source tree that ninja has finished and will not make again."""
    noted: set[str] = set()
    for file in tree.rglob(".ninja_log"):
        # A line: start, end, time of change, output, hash of the command.
        noted |= {fields[3] for line in _text(file).splitlines() if len(fields := line.split("\t")) == 5}
    return frozenset(_stem(output) for output in edges(tree) if output in noted)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def duration(seconds: float) -> str:
    """Return a time as people say it: seconds below two minutes, minutes below two hours."""
    if seconds < 120:
        return f"{max(round(seconds), 1)} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
