"""Would another engine do? envfit's search, resolvelib, and one after the other, on real inputs.

Run ``python -m judges.engines``: it resolves each of ``INPUTS`` over the
configured index, for no GPU and for a V100, once to have everything that the
engines ask for in memory, and then with each engine.  It prints a table and
writes ``judges/results/engines.json``, a list of objects sorted by input, GPU
and engine:

``input``, ``gpu``, ``engine``
    what was resolved, for what, and by what
``answer``
    the versions of what was asked for, or ``impossible``, ``undecided`` or the name of an exception
``packages``, ``same``
    the number of packages, and whether all of them are those of envfit's answer
``read``
    files whose metadata the engine asked for: what a first run has to fetch
``seconds``, ``engine_seconds``
    CPU time of a resolution from memory, and of a repetition with all demands at
    hand, which leaves the engine's own work; each the least of three

resolvelib is asked here as envfit asked it while it had two engines.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resolvelib import AbstractProvider, BaseReporter
from resolvelib.resolvers import Resolution, ResolutionImpossible, ResolutionTooDeep

from envfit.api.indexes import IndexRequest, open_indexes
from envfit.distribution import Distribution, Metadata
from envfit.errors import EnvfitError
from envfit.knowledge.files import constraints_directory
from envfit.knowledge.hardware import named_target
from envfit.knowledge.load import load
from envfit.knowledge.query import Query
from envfit.project import for_target, parse_requirement
from envfit.resolve.port import PackageSource
from envfit.resolve.provider import Demand, World
from envfit.resolve.solver import Impossible, Solved, closure, solve
from envfit.selection.candidates import Selection
from envfit.selection.preferences import Preferences
from envfit.selection.select import Selector

RESULTS = Path(__file__).parent / "results"
INPUTS = (
    "torch",
    "transformers torch",
    "jupyter scipy pandas",
    "torch torchaudio transformers espnet s3prl",
    "vllm",
)
GPUS = ("none", "V100")
ROUNDS = 3_000  # after which resolvelib is stopped
REPETITIONS = 3

#: What an engine answers: pins by name, or a word.
Answer = Mapping[str, int] | str
Engine = Callable[[World, Sequence[Demand]], Answer]


def envfit(world: World, roots: Sequence[Demand]) -> Answer:
    """Answer as envfit does."""
    outcome = solve(world, roots)
    if isinstance(outcome, Solved):
        return outcome.pins
    return "impossible" if isinstance(outcome, Impossible) else "undecided"


def resolvelib(world: World, roots: Sequence[Demand]) -> Answer:
    """Answer as resolvelib does: what its pins reach, as in its own result, or all where they do not hold."""
    resolution: Resolution[Demand, _Pick, str] = Resolution(ResolvelibProvider(world, roots), BaseReporter())
    try:
        # Resolver.resolve would build a result besides, which recurses without end on some cycles.
        state = resolution.resolve(list(roots), max_rounds=ROUNDS)
    except ResolutionImpossible:
        return "impossible"
    except ResolutionTooDeep:
        return "undecided"
    except RecursionError:
        return "RecursionError"
    pins = {name: pick.position for name, pick in state.mapping.items()}
    return closure(world, roots, pins) or pins


def both(world: World, roots: Sequence[Demand]) -> Answer:
    """Answer with resolvelib where its pins hold and nothing asked for had to give, else as envfit does."""
    answer = resolvelib(world, roots)
    closed = closure(world, roots, answer) if isinstance(answer, Mapping) else None
    if closed is not None and _nothing_gave(world, roots, closed):
        return closed
    found = envfit(world, roots)
    return closed if closed is not None and isinstance(found, str) else found


ENGINES: Mapping[str, Engine] = {"envfit": envfit, "resolvelib": resolvelib, "resolvelib, then envfit": both}


def _nothing_gave(world: World, roots: Sequence[Demand], pins: Mapping[str, int]) -> bool:
    """Tell whether every root has the first candidate that no rule about the target refuses."""
    return all(
        any(not known.allowed for known in world.known_demands(demand.name, better) or ())
        for demand in roots
        for better in demand.allowed
        if better < pins[demand.name]
    )


@dataclass(frozen=True, slots=True)
class _Pick:
    name: str
    position: int


class ResolvelibProvider(AbstractProvider[Demand, _Pick, str]):
    """resolvelib's questions, answered by the world."""

    def __init__(self, world: World, roots: Sequence[Demand]) -> None:
        self._world = world
        self._asked = {demand.name: order for order, demand in reversed(list(enumerate(roots)))}

    def identify(self, requirement_or_candidate: Demand | _Pick) -> str:
        return requirement_or_candidate.name

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, _Pick],
        candidates: Mapping[str, Iterator[_Pick]],
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> tuple[object, ...]:
        """Return a key; the name with the lowest is decided next."""
        del resolutions, candidates
        # After backtracking the engine may ask about a name that nobody demands any more.
        fewest = min((len(item.requirement.allowed) for item in information[identifier]), default=0)
        return (
            not identifier.startswith("__"),
            not any(
                identifier in {cause.requirement.name, cause.parent.name if cause.parent else None}
                for cause in backtrack_causes
            ),
            self._asked.get(identifier, len(self._asked)),
            fewest > 1,
            identifier,
        )

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Demand]],
        incompatibilities: Mapping[str, Iterator[_Pick]],
    ) -> Iterable[_Pick]:
        everything = frozenset(range(len(self._world.candidates(identifier))))
        allowed = everything.intersection(*(demand.allowed for demand in requirements[identifier]))
        excluded = {pick.position for pick in incompatibilities[identifier]}
        return [_Pick(identifier, position) for position in sorted(allowed - excluded)]

    def is_satisfied_by(self, requirement: Demand, candidate: _Pick) -> bool:
        return candidate.position in requirement.allowed

    def get_dependencies(self, candidate: _Pick) -> Iterable[Demand]:
        return self._world.demands(candidate.name, candidate.position)


# -- real inputs --------------------------------------------------------------


class Remembered:
    """A PackageSource that asks another one for each thing once, and counts what is asked of it."""

    def __init__(self, source: PackageSource) -> None:
        self.read: set[str] = set()
        self._source = source
        self._selections: dict[tuple[str, str | None], Selection] = {}
        self._metadata: dict[str, Metadata | EnvfitError] = {}

    def allowed(self, name: str) -> tuple[str, ...]:
        return self._source.allowed(name)

    def selection(self, name: str, selector: Selector) -> Selection:
        key = name, selector.question(name)
        if key not in self._selections:
            self._selections[key] = self._source.selection(name, selector)
        return self._selections[key]

    def is_there(self, distributions: Iterable[Distribution]) -> bool:  # noqa: ARG002 - all that is remembered is there
        return True

    def metadata(self, distribution: Distribution) -> Metadata:
        url = distribution.url
        self.read.add(url)
        if url not in self._metadata:
            try:
                self._metadata[url] = self._source.metadata(distribution)
            except EnvfitError as error:
                self._metadata[url] = error
        found = self._metadata[url]
        if isinstance(found, EnvfitError):
            raise found
        return found

    def prefetch(
        self, names: Iterable[str], selector: Selector, then: Callable[[str], None] | None = None
    ) -> None:
        del then  # only what an engine asks for itself counts
        known = {name for name, _ in self._selections}
        self._source.prefetch([name for name in names if name not in known], selector)

    def prefetch_metadata(
        self, distributions: Iterable[Distribution], then: Callable[[Distribution], None] | None = None
    ) -> None:
        del then
        self._source.prefetch_metadata([item for item in distributions if item.url not in self._metadata])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one engine did on one input; the fields are those of the module's docstring."""

    input: str
    gpu: str
    engine: str
    answer: str
    packages: int
    same: bool
    read: int
    seconds: float
    engine_seconds: float


def compare(source: Remembered, query: Query, asked: str, gpu: str) -> Iterator[Row]:
    """Resolve one input with every engine, from memory."""
    requirements = for_target(
        [parse_requirement(text, "a judge") for text in asked.split()], query.target.marker_environment()
    )

    def fresh() -> tuple[World, Sequence[Demand]]:
        world = World(source, query, requirements, Preferences())
        return world, world.root_demands()

    for engine in ENGINES.values():
        engine(*fresh())  # everything that any engine asks for is in memory afterwards
    expected = _packages(envfit(*fresh()))
    for name, engine in ENGINES.items():
        total, own = [], []
        for _ in range(REPETITIONS):
            source.read.clear()
            world, roots = fresh()
            began = time.process_time()
            answer = engine(world, roots)
            total.append(time.process_time() - began)
            read = len(source.read)
            began = time.process_time()
            engine(world, roots)
            own.append(time.process_time() - began)
        pins = _packages(answer)
        yield Row(
            input=asked,
            gpu=gpu,
            engine=name,
            answer=answer
            if isinstance(answer, str)
            else " ".join(
                f"{item.name} {world.candidates(item.name)[answer[item.name]].version}"
                for item in requirements
            ),
            packages=len(pins),
            same=pins == expected,
            read=read,
            seconds=round(min(total), 3),
            engine_seconds=round(min(own), 3),
        )


def _packages(answer: Answer) -> dict[str, int]:
    """Return the pins of packages alone."""
    if isinstance(answer, str):
        return {}
    return {
        name: position for name, position in answer.items() if not name.startswith("__") and "[" not in name
    }


def write(path: Path, data: object) -> None:
    """Write a result, the same data as the same bytes."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Compare the engines on all inputs."""
    base = load(constraints_directory())
    rows: list[Row] = []
    for gpu in GPUS:
        query = Query(base, named_target(base, [] if gpu == "none" else [gpu]))
        with open_indexes(IndexRequest(directory=Path()), query, os.environ, print) as indexes:
            source = Remembered(indexes.packages)
            for asked in INPUTS:
                for row in compare(source, query, asked, gpu):
                    print(
                        f"{row.gpu:5} {row.input:43} {row.engine:24} read {row.read:4}  "
                        f"{row.seconds:6.3f} s, engine {row.engine_seconds:6.3f} s  "
                        f"{'same' if row.same else 'OTHER'} {row.packages:4}  {row.answer}",
                        flush=True,
                    )
                    rows.append(row)
    rows.sort(key=lambda row: (row.input, row.gpu, row.engine))
    write(RESULTS / "engines.json", [asdict(row) for row in rows])


if __name__ == "__main__":
    main()
