"""Whether a release can be compiled for a target, decided before anything is compiled.

Every gate is judged, whatever the others say, so that one report has all that is in the way.
What a rule states is asked of the rules; only what no rule can state (two tools against each
other, memory, what nvcc writes) is judged here, from the axis of compilers.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement as DeclaredRequirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.build.case import Case
from envfit.build.headers import find_headers
from envfit.build.jobs import Jobs, free_memory, jobs_for
from envfit.build.reason import (
    CannotWrite,
    CompilerMissing,
    CompilerTooNew,
    Fits,
    MajorsDiffer,
    NeedsMissing,
    NotSaid,
    NoWord,
    NvccMissing,
    Reason,
    RuleBroken,
    TooLittleDisk,
    TooLittleMemory,
    TorchRefusesCompiler,
    WordNeedsNvcc,
    gpu_words,
)
from envfit.build.recipe import Recipe, nvcc_release, recipe_for
from envfit.frozen import frozen
from envfit.knowledge.facts import fact_of
from envfit.knowledge.model import CAPABILITY
from envfit.knowledge.objections import Objection, object_to
from envfit.knowledge.query import Query
from envfit.knowledge.verdict import IMPOSSIBLE
from envfit.target import (
    DISK_FREE,
    GXX,
    MEMORY,
    NVCC,
    Fact,
    FactState,
)

__all__ = ["Gate", "Judged", "Outcome", "Remedy", "judge"]

_TORCH = "torch"
_TORCH_CUDA = "__torch_cuda"


class Outcome(enum.Enum):
    """What was found at a gate."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@frozen
class Remedy:
    """What opens a gate that is closed."""

    text: str  # a sentence
    command: str | None = None
    tried: bool = False  # whether the case was judged again with it, and the gate was open
    closes: tuple[str, ...] = ()  # gates that it closes in turn


@frozen
class Gate:
    """One thing that must be right, and what was found."""

    name: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    remedies: tuple[Remedy, ...] = ()


@frozen
class Judged:
    """Every gate of a case, and what would be built."""

    case: Case
    gates: tuple[Gate, ...]
    recipe: Recipe
    jobs: Jobs | None
    warnings: tuple[str, ...] = ()  # works badly

    @property
    def possible(self) -> bool:
        """Whether nothing is known to be in the way."""
        return all(gate.outcome is not Outcome.FAILED for gate in self.gates)

    @property
    def failed(self) -> frozenset[str]:
        """The names of the gates that are closed."""
        return frozenset(gate.name for gate in self.gates if gate.outcome is Outcome.FAILED)


def judge(case: Case) -> Judged:
    """Return what every gate says of a case; remedies are not looked for."""
    known = case.knowledge.compilers
    recipe = recipe_for(case.package, case.version, case.build, case.target, known)
    jobs = jobs_for(case.build, case.target, case.jobs)
    gates = _Gates(case, recipe, jobs)
    return Judged(
        case=case, gates=tuple(gates.all()), recipe=recipe, jobs=jobs, warnings=tuple(gates.warnings())
    )


class _Gates:
    """The gates of one case."""

    def __init__(self, case: Case, recipe: Recipe, jobs: Jobs | None) -> None:
        self._case = case
        self._recipe = recipe
        self._jobs = jobs
        self._nvcc = case.target.fact(NVCC)
        self._gxx = case.target.fact(GXX)
        self._release = (
            None if (nvcc := self._nvcc.version) is None else nvcc_release(nvcc, case.knowledge.compilers)
        )
        query = Query(case.knowledge, case.target, ignored=case.ignored_rules)
        installed = {case.package: case.version}
        if case.torch is not None:
            installed[_TORCH] = case.torch
        self._objections = object_to(query, installed, built=frozenset({case.package}))

    def all(self) -> Iterator[Gate]:
        """Yield every gate that applies."""
        yield self._gpu()
        if self._case.build.needs_torch:
            yield self._torch()
        yield self._nvcc_there()
        yield self._nvcc_for_package()
        yield self._nvcc_for_gpu()
        if self._case.build.needs_torch:
            yield self._nvcc_and_torch()
        yield self._host_compiler()
        yield self._memory()
        if self._case.build.disk is not None:
            yield self._disk()
        yield self._headers()
        if self._case.installed is not None:
            yield self._tools(self._case.installed)

    def warnings(self) -> Iterator[str]:
        """Yield what works badly."""
        for objection in self._objections:
            if not objection.blocks:
                yield objection.origin.why

    def _gpu(self) -> Gate:
        if not self._case.target.gpus:
            return _gate("GPU", unknown=NotSaid(text="No GPU is named that the code is for."))
        closed: list[Reason] = [*self._broken(CAPABILITY, of=self._case.package)]
        judged = {reason.about.partition(" (")[0] for reason in closed if isinstance(reason, RuleBroken)}
        closed += [
            reason
            for reason in self._recipe.unserved
            if isinstance(reason, NoWord) and reason.gpu.name not in judged
        ]
        served = "; ".join(map(str, self._recipe.served))
        # Where nothing is served yet, an architecture is there, and nvcc is what it waits for.
        return _gate("GPU", closed, Fits(text=f"{served or f'{self._case.release} has code for it'}."))

    def _torch(self) -> Gate:
        torch = self._case.torch
        if torch is None:
            return _gate("torch", unknown=NotSaid(text="It is built against torch, and nobody said which."))
        closed = [*self._broken(_TORCH), *self._broken(_TORCH_CUDA), *self._broken(None, of=_TORCH)]
        return _gate("torch", _distinct(closed), Fits(text=f"It can be built against torch {torch}."))

    def _nvcc_there(self) -> Gate:
        if self._nvcc.state is FactState.ABSENT:
            return _gate("nvcc", [NvccMissing(release=self._case.release, source=self._nvcc.source)])
        if self._nvcc.version is None:
            return _gate(
                "nvcc", unknown=NotSaid(text=f"Which nvcc compiles is not known ({self._nvcc.source}).")
            )
        return _gate("nvcc", fits=Fits(text=f"nvcc {self._nvcc.value} ({self._nvcc.source})."))

    def _nvcc_for_package(self) -> Gate:
        name = "nvcc for the package"
        if self._nvcc.version is None:
            return _gate(name, unknown=_WITHOUT_NVCC)
        return _gate(
            name,
            [*self._broken(NVCC)],
            Fits(text=f"{self._case.release} takes nvcc {self._nvcc.value}."),
        )

    def _nvcc_for_gpu(self) -> Gate:
        name = "nvcc for the GPU"
        nvcc = self._nvcc.version
        if nvcc is None:
            return _gate(name, unknown=_WITHOUT_NVCC)
        closed: list[Reason] = [item for item in self._recipe.unserved if isinstance(item, WordNeedsNvcc)]
        if self._release is None:
            unknown = NotSaid(text=f"What nvcc {nvcc} can write machine code for is not known.")
            return _gate(name, closed, unknown=unknown)
        unwritten = tuple(code for code in self._recipe.codes if code not in self._release.architectures)
        if unwritten:
            closed.append(CannotWrite(release=self._case.release, codes=unwritten, nvcc=nvcc))
        if not closed and not self._recipe.codes:
            return _gate(name, unknown=NotSaid(text="There is nothing to compile for this GPU."))
        codes = ", ".join(f"sm_{code}" for code in self._recipe.codes)
        return _gate(name, closed, Fits(text=f"nvcc {nvcc} writes {codes}."))

    def _nvcc_and_torch(self) -> Gate:
        name = "nvcc and torch"
        nvcc, cuda, torch = self._nvcc.version, self._case.torch_cuda, self._case.torch
        stated = self._case.knowledge.torch_extensions
        if nvcc is None:
            return _gate(name, unknown=_WITHOUT_NVCC)
        if cuda is None or torch is None or stated is None:
            return _gate(name, unknown=NotSaid(text="The CUDA runtime of the torch is not known."))
        closed = []
        if nvcc.major != cuda.major:
            closed = [MajorsDiffer(nvcc=nvcc, torch=torch, torch_cuda=cuda, why=stated.same_major)]
        return _gate(
            name, closed, Fits(text=f"nvcc {nvcc} and torch's CUDA runtime {cuda} are of one major version.")
        )

    def _host_compiler(self) -> Gate:
        name = "host compiler"
        gxx, nvcc = self._gxx, self._nvcc.version
        closed: list[Reason] = [*self._broken(GXX)]
        if gxx.state is FactState.ABSENT:
            return _gate(name, [CompilerMissing(source=gxx.source)])
        if gxx.version is None:
            return _gate(
                name, closed, unknown=NotSaid(text=f"The host compiler is not known ({gxx.source}).")
            )
        if nvcc is None or self._release is None:
            return _gate(
                name, closed, unknown=NotSaid(text=f"GCC {gxx.value}; what nvcc works with is not known.")
            )
        if gxx.version.major > self._release.gxx:
            closed.append(
                CompilerTooNew(gxx=gxx.value, source=gxx.source, nvcc=nvcc, limit=self._release.gxx)
            )
        else:
            closed += self._refused_by_torch(gxx, gxx.version.major, self._release.version)
        return _gate(
            name,
            closed,
            Fits(
                text=f"GCC {gxx.value} ({gxx.source}); nvcc {nvcc} works with GCC up to {self._release.gxx}."
            ),
        )

    def _refused_by_torch(self, gxx: Fact, major: int, nvcc: Version) -> Iterator[Reason]:
        torch = self._case.torch
        if torch is None or not self._case.build.needs_torch:
            return
        for item in self._case.knowledge.torch_compilers:
            if item.torch.contains(torch, prereleases=True) and item.nvcc.contains(nvcc) and major > item.gxx:
                yield TorchRefusesCompiler(gxx=gxx.value, source=gxx.source, limit=item.gxx, why=item.why)

    def _memory(self) -> Gate:
        free, cost = free_memory(self._case.target), self._case.build.cost
        closed: list[Reason] = [*self._broken(MEMORY)]
        if free.state is not FactState.KNOWN:
            return _gate("memory", closed, unknown=NotSaid(text="The memory of the machine is not known."))
        needed = cost.largest if cost is not None else self._case.build.job_memory
        if needed is None:
            text = f"{free.value} GiB ({free.source}); what one object takes has not been measured."
            return _gate("memory", closed, unknown=NotSaid(text=text))
        if float(free.value) < needed:
            closed.append(TooLittleMemory(free=float(free.value), needed=needed, source=free.source))
        jobs = f": {self._jobs}" if self._jobs is not None else ""
        return _gate("memory", closed, Fits(text=f"{free.value} GiB ({free.source}){jobs}."))

    def _disk(self) -> Gate:
        free, needed = self._case.target.fact(DISK_FREE), self._case.build.disk or 0
        if free.state is not FactState.KNOWN:
            return _gate("disk", unknown=NotSaid(text=f"The build takes about {needed:g} GiB of disk."))
        closed = []
        if float(free.value) < needed:
            closed = [TooLittleDisk(free=float(free.value), needed=needed, source=free.source)]
        return _gate(
            "disk", closed, Fits(text=f"{free.value} GiB are free ({free.source}), {needed:g} are needed.")
        )

    def _headers(self) -> Gate:
        headers = find_headers(self._case)
        unknown = NotSaid(text=f"{'; '.join(headers.unknown)}.") if headers.unknown else None
        return _gate("headers", headers.missing, Fits(text=f"{'; '.join(headers.found)}."), unknown=unknown)

    def _tools(self, installed: Mapping[str, Version]) -> Gate:
        missing = []
        for need in self._case.build.needs:
            declared = DeclaredRequirement(need)
            version = installed.get(canonicalize_name(declared.name))
            if version is None or not declared.specifier.contains(version, prereleases=True):
                missing.append(need)
        closed = [NeedsMissing(release=self._case.release, missing=tuple(missing))] if missing else []
        return _gate("build tools", closed, Fits(text="Everything that the build needs is installed."))

    def _broken(self, name: str | None, *, of: str | None = None) -> Iterator[RuleBroken]:
        """Yield the rules that object by what they demand: a fact, a choice, a package, or anything."""
        for objection in self._objections:
            if not objection.blocks or objection.demand is None:
                continue
            if of is not None and objection.origin.package != of:
                continue
            if name is None or name in self._demanded(objection):
                yield RuleBroken(origin=objection.origin, about=self._about(objection))

    def _demanded(self, objection: Objection) -> Sequence[str]:
        """Return the names that an objection is about; the impossible is demanded for what was read."""
        demand = objection.demand
        if demand is None:
            return ()
        if demand.name == IMPOSSIBLE:
            return [fact.name for fact in objection.origin.facts]
        return [demand.name.partition("@")[0]]

    def _about(self, objection: Objection) -> str:
        if objection.origin.package == _TORCH:
            return f"torch {self._case.torch}"
        fact = fact_of(self._case.target, objection.demand.name) if objection.demand is not None else None
        if fact is None or not fact.name.startswith("compute capability of "):
            return ""
        return gpu_words(fact.name.removeprefix("compute capability of "), fact.value)


_WITHOUT_NVCC = NotSaid(text="It cannot be said without an nvcc.")


def _gate(
    name: str,
    closed: Sequence[Reason] = (),
    fits: Fits | None = None,
    *,
    unknown: NotSaid | None = None,
) -> Gate:
    """Return a gate: closed where there is a reason, else undecided where something is unknown, else open."""
    if closed:
        return Gate(name=name, outcome=Outcome.FAILED, reasons=tuple(closed))
    if unknown is not None:
        return Gate(name=name, outcome=Outcome.UNKNOWN, reasons=(unknown,))
    return Gate(name=name, outcome=Outcome.PASSED, reasons=(fits,) if fits is not None else ())


def _distinct(reasons: Sequence[RuleBroken]) -> list[RuleBroken]:
    """Leave out rules that were found twice."""
    return list({(reason.origin.rule, reason.origin.package): reason for reason in reasons}.values())
