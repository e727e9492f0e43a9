"""Whether something can be compiled here, before anything is: what is said and detected, to a report.

The machine that compiles is this one, and needs no GPU.  What is said of its tools instead, such as
another nvcc, is judged as if it were so.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.api.buildable import BuildRequest, buildable, facts_of_builds, for_gpus_of
from envfit.api.ignored import ignored_rules
from envfit.api.indexes import IndexRequest
from envfit.api.provided import ask_interpreter
from envfit.build.case import Case, torch_cuda
from envfit.build.gate import judge
from envfit.build.remedy import known_releases
from envfit.build.report import BuildReport, report_on
from envfit.build.run import toolkit_of
from envfit.distribution import Sdist
from envfit.errors import RequirementError, TargetError
from envfit.frozen import frozen
from envfit.knowledge.example import ABSENT
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.target import CORES, CUDA_HEADERS, GXX, MEMORY_FREE, NVCC, Fact, FactState, Target

if TYPE_CHECKING:
    from envfit.api.targets import Notify, TargetRequest
    from envfit.detect.interpreter import Interpreter

__all__ = ["BuildSaid", "gate_report", "lock_gate_reports"]

_TORCH = "torch"


@frozen
class BuildSaid:
    """What is said of the build, and of the machine that compiles; what is None was not said."""

    torch: str | None = None
    nvcc: str | None = None  # a version, or "none"
    gxx: str | None = None
    memory: float | None = None  # GiB
    cores: int | None = None
    jobs: int | None = None  # objects at a time
    provided_from: str | None = None  # the interpreter that has torch, and that builds
    ignored_rules: tuple[str, ...] = ()


def gate_report(
    requirement: str,
    *,
    target: TargetRequest,
    said: BuildSaid | None = None,
    environ: Mapping[str, str] | None = None,
    notify: Notify = lambda _: None,
) -> BuildReport:
    """Return the report on building a release, such as ``flash-attn==2.8.3.post2``, for the GPUs of a target.

    Of a range, the newest release is taken that envfit knows.  Nothing is fetched and nothing compiled.
    Raises RequirementError where nothing is known of how it is built, and TargetError.
    """
    from envfit.api.knowing import load_knowledge

    said = said or BuildSaid()
    environ = os.environ if environ is None else environ
    base = load_knowledge()
    ignored = ignored_rules(said.ignored_rules, base)
    name, version = _release(requirement, base)
    interpreter = ask_interpreter(said.provided_from, (), environ, notify)
    machine = _machine(target, base, said, notify)
    request = BuildRequest(environ=environ, indexes=IndexRequest(directory=Path()), interpreter=interpreter)
    nvcc = machine.fact(NVCC)
    toolkit = toolkit_of(nvcc.source) if nvcc.state is FactState.KNOWN else None
    machine = replace(machine, facts=(*machine.facts, *facts_of_builds(request, toolkit, base)))
    case = _case(Query(base, machine), name, version, interpreter)
    case = replace(case, ignored_rules=ignored)
    return report_on(judge(_as_said(case, said)), environ)


def lock_gate_reports(
    path: Path,
    *,
    target: TargetRequest,
    said: BuildSaid | None = None,
    skip: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    notify: Notify = lambda _: None,
) -> tuple[BuildReport, ...]:
    """Return a report on each package that a lock marks as a build, in its order.

    The torch is the locked one.  Raises LockError, FileError and TargetError.
    """
    from envfit.api.knowing import load_knowledge
    from envfit.lock.file import placed_lock
    from envfit.project import rules_of

    said = said or BuildSaid()
    environ = os.environ if environ is None else environ
    lock = placed_lock(path)
    base = load_knowledge(rules_of(path.parent / "pyproject.toml"))
    interpreter = ask_interpreter(said.provided_from, (), environ, notify)
    machine = _machine(target, base, said, notify)
    machine = for_gpus_of(lock, machine)
    request = BuildRequest(
        environ=environ,
        indexes=IndexRequest(directory=path.parent),
        interpreter=interpreter,
        skip=frozenset(map(canonicalize_name, skip)),
        ignored=ignored_rules(said.ignored_rules, base),
    )
    cases = (one.judged.case for one in buildable(lock, machine, base, request))
    return tuple(report_on(judge(_as_said(case, said)), environ) for case in cases)


def _as_said(case: Case, said: BuildSaid) -> Case:
    """Return a case with the torch and the jobs that are said."""
    if said.torch is not None:
        torch = _version(said.torch, "--torch")
        case = replace(case, torch=torch, torch_cuda=torch_cuda(Query(case.knowledge, case.target), torch))
    return replace(case, jobs=said.jobs)


def _case(query: Query, name: str, version: Version, interpreter: Interpreter | None) -> Case:
    """Return the case of a release that no lock has, beside what an interpreter provides."""
    source = Sdist(name=name, version=version, filename="", url="", index="")
    build = query.source_build(name, source)
    if build is None:
        raise RequirementError(
            f"nothing is known of how {name} {version} is compiled",
            hints=["a [[source_build]] in constraints/packages says it; a site can add its own"],
        )
    torch = interpreter.package(_TORCH) if interpreter is not None else None
    return Case(
        knowledge=query.knowledge,
        target=query.target,
        package=name,
        version=version,
        build=build,
        torch=torch.version if torch is not None else None,
        torch_cuda=torch.cuda if torch is not None else None,
        installed={item.name: item.version for item in interpreter.provided}
        if interpreter is not None
        else None,
    )


def _release(requirement: str, base: KnowledgeBase) -> tuple[str, Version]:
    try:
        declared = DeclaredRequirement(requirement)
    except InvalidRequirement as error:
        raise RequirementError(f"{requirement!r} is neither a lock nor a requirement: {error}") from None
    name = canonicalize_name(declared.name)
    pins = [item.version for item in declared.specifier if item.operator in ("==", "===")]
    if pins and "*" not in pins[0]:
        return name, _version(pins[0], requirement)
    known = [
        item for item in known_releases(name, base) if declared.specifier.contains(item, prereleases=True)
    ]
    if not known:
        near = difflib.get_close_matches(
            name, [each.name for each in base.packages.values() if each.source_builds], n=1
        )
        raise RequirementError(
            f"no release of {requirement} is known that is compiled for a GPU",
            hints=[f"did you mean {near[0]}?"]
            if near and near[0] != name
            else [f"name one: {name}==VERSION"],
        )
    return name, known[0]


def _version(text: str, where: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise RequirementError(f"{where}: {text!r} is no version") from None


def _machine(target: TargetRequest, base: KnowledgeBase, said: BuildSaid, notify: Notify) -> Target:
    """Return this machine with the GPUs that are meant, and with what is said of its tools."""
    from envfit.api.targets import this_machine

    machine = this_machine(target, base, notify=notify)
    stated = list(_stated(said))
    if said.nvcc is not None:  # the headers of a toolkit that is only spoken of are not here
        stated.append(Fact(name=CUDA_HEADERS, state=FactState.UNKNOWN, source="--nvcc"))
    replaced = {fact.name for fact in stated}
    # What is said comes first: of two facts of one name, the first is the one that holds.
    return replace(machine, facts=(*stated, *(fact for fact in machine.facts if fact.name not in replaced)))


def _stated(said: BuildSaid) -> list[Fact]:
    pairs = (
        (NVCC, said.nvcc, "--nvcc"),
        (GXX, said.gxx, "--gxx"),
        (MEMORY_FREE, said.memory, "--memory"),
        (CORES, said.cores, "--cores"),
    )
    facts = []
    for name, value, option in pairs:
        if value is None:
            continue
        if value == ABSENT:
            facts.append(Fact(name=name, state=FactState.ABSENT, source=f"{option} {ABSENT}"))
            continue
        text = f"{value:g}" if isinstance(value, float) else str(value)
        fact = Fact(name=name, state=FactState.KNOWN, value=text, source=option)
        if fact.version is None:
            raise TargetError(f"{option}: {text!r} is no version")
        facts.append(fact)
    return facts
