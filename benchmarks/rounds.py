"""Rounds: every tool once, in turn, on one server, so that what the machine does else meets all alike."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measured import Cost, measured
from benchmarks.served import Served
from benchmarks.tools import Caches, Job, Pins, Tool, clear_answer
from benchmarks.worlds import World

__all__ = ["Plan", "Run", "differences", "run_rounds"]

_PRIMED = 240.0  # seconds for which caches are taken for fresh; the index says 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured."""

    world: World
    recording: str = ""  # the name or directory of one; the world's where there is none
    tools: tuple[Tool, ...]
    caches: tuple[Caches, ...]
    delay: float = 0.0  # milliseconds
    bandwidth: float | None = None  # Mbit/s
    sidecars: bool = True
    rounds: int = 5
    peer_rounds: int = 1  # for tools that take minutes
    limit: float = 300.0  # seconds for one run


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one tool."""

    world: str
    tool: str
    caches: str
    delay: float
    sidecars: bool
    bandwidth: float | None
    round: int
    outcome: str  # "solved", "failed", "did not end"
    cost: Cost
    requests: int
    bytes: int
    missed: tuple[str, ...]  # not recorded, so the run is no fair one
    pins: Pins

    def as_json(self) -> Mapping[str, Any]:
        """Return the run as a table."""
        return asdict(self)


_OFTEN = frozenset({"envfit", "envfit-gpu", "uv"})


def run_rounds(plan: Plan, folder: Path) -> Iterator[Run]:
    """Yield each run of a plan; ``folder`` is for the tools to work in."""
    options = ["--delay", str(plan.delay)]
    options += ["--bandwidth", str(plan.bandwidth)] if plan.bandwidth else []
    options += [] if plan.sidecars else ["--no-metadata"]
    with Served(plan.recording or plan.world.name, *options) as server:
        for caches in plan.caches:
            place = _Place(plan=plan, server=server, folder=folder, caches=caches)
            hopeless: set[str] = set()  # what failed or did not end once will again
            for number in range(max(plan.rounds, plan.peer_rounds)):
                for tool in plan.tools:
                    rounds = plan.rounds if tool.name in _OFTEN else plan.peer_rounds
                    if number >= rounds or caches not in tool.states or tool.name in hopeless:
                        continue
                    run = place.run(tool, number)
                    if run.outcome != "solved":
                        hopeless.add(tool.name)
                    yield run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where tools run in one state of their caches."""

    plan: Plan
    server: Served
    folder: Path
    caches: Caches
    primed: dict[str, float] = field(default_factory=dict)  # tool -> when its caches were filled

    def run(self, tool: Tool, number: int) -> Run:
        """Run a tool once, and measure it."""
        job = self._job(tool, self.caches)
        if self.caches is Caches.COLD:
            shutil.rmtree(job.folder, ignore_errors=True)
            job.folder.mkdir(parents=True)
        else:
            self._prime(tool)
        if self.caches is not Caches.RELOCK:
            clear_answer(job.folder)
        self.server.reset()
        cost = self._measured(tool, job)
        traffic = self.server.traffic()
        outcome = "did not end" if cost.late else "failed" if cost.code else "solved"
        return Run(
            world=self.plan.world.name,
            tool=tool.name,
            caches=self.caches.value,
            delay=self.plan.delay,
            sidecars=self.plan.sidecars,
            bandwidth=self.plan.bandwidth,
            round=number,
            outcome=outcome,
            cost=cost,
            requests=traffic.requests,
            bytes=traffic.bytes,
            missed=traffic.missed,
            pins=tool.pins(job) if outcome == "solved" else {},
        )

    def _job(self, tool: Tool, caches: Caches) -> Job:
        folder = self.folder / tool.name
        cache = folder / "cache"
        return Job(world=self.plan.world, index=self.server.index, folder=folder, cache=cache, caches=caches)

    def _prime(self, tool: Tool) -> None:
        """Fill the caches, and write an answer, by a run that is not measured."""
        now = time.monotonic()
        if now - self.primed.get(tool.name, -_PRIMED) >= _PRIMED:
            job = self._job(tool, Caches.COLD)
            shutil.rmtree(job.folder, ignore_errors=True)
            job.folder.mkdir(parents=True)
            self._measured(tool, job)
            self.primed[tool.name] = now

    def _measured(self, tool: Tool, job: Job) -> Cost:
        command = tool.command(job)
        return measured(
            command.words,
            environment=command.environment,
            folder=job.folder,
            output=job.folder / "output",
            limit=self.plan.limit,
        )


def differences(ours: Pins, theirs: Pins) -> Sequence[str]:
    """Return the names that two answers pin differently, or that one alone has."""
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
