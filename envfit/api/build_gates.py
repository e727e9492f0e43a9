"""Whether something can be compiled here, before anything is: what is said and detected, to a report.

The machine that compiles is this one, and needs no GPU.  What is said of its tools instead, such as
another nvcc, is judged as if it were so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.api.build_pythons import cuda_headers, include_directory
from envfit.api.building import built_directory
from envfit.api.provided import ask_interpreter
from envfit.build.case import Case, torch_cuda
from envfit.build.remedy import known_releases
from envfit.build.report import BuildReport, report_on
from envfit.build.run import toolkit_of
from envfit.detect.headers import read_header_facts
from envfit.detect.resources import read_resources
from envfit.distribution import Sdist, Wheel
from envfit.errors import RequirementError, TargetError
from envfit.frozen import frozen
from envfit.knowledge.example import ABSENT
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
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
    name, version = _release(requirement, base)
    interpreter = ask_interpreter(said.provided_from, (), environ, notify)
    machine = _machine(target, base, said, environ, notify=notify, interpreter=interpreter)
    beside = _Beside.of(Query(base, machine), (), said, interpreter)
    return report_on(_case(Query(base, machine), name, version, beside, said), environ)


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
    from envfit.lock.file import read_lock
    from envfit.lock.reading import rebased
    from envfit.project import rules_of

    said = said or BuildSaid()
    environ = os.environ if environ is None else environ
    lock = rebased(read_lock(path), path.parent.absolute())
    base = load_knowledge(rules_of(path.parent / "pyproject.toml"))
    interpreter = ask_interpreter(said.provided_from, (), environ, notify)
    machine = _machine(target, base, said, environ, notify=notify, interpreter=interpreter)
    locked = locked_target(lock)
    if not machine.gpus and locked is not None:
        machine = replace(machine, gpus=locked.gpus)
    query = Query(base, machine)
    packages = locked_packages(lock)
    skipped = frozenset(map(canonicalize_name, skip))
    beside = _Beside.of(query, packages, said, interpreter)
    return tuple(
        report_on(_case(query, package.name, package.version, beside, said), environ)
        for package in packages
        if package.build and package.version is not None and package.name not in skipped
    )


@frozen
class _Beside:
    """What a build is made beside: torch, and the packages that are locked or installed with it."""

    torch: Version | None
    cuda: Version | None  # CUDA runtime of torch
    installed: Mapping[str, Version] | None = None
    locked: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        query: Query,
        packages: tuple[LockedPackage, ...],
        said: BuildSaid,
        interpreter: Interpreter | None,
    ) -> _Beside:
        """Return what is said, else what an interpreter provides, else what is locked."""
        installed = (
            None if interpreter is None else {item.name: item.version for item in interpreter.provided}
        )
        names = frozenset(package.name for package in packages) if packages and installed is None else None
        torch, cuda = _torch(query, packages, said, interpreter)
        return cls(torch=torch, cuda=cuda, installed=installed, locked=names)


def _case(query: Query, name: str, version: Version, beside: _Beside, said: BuildSaid) -> Case:
    source = Sdist(name=name, version=version, filename="", url="", index="")
    build = query.source_build(name, source)
    if build is None:
        raise RequirementError(
            f"nothing is known of how {name} {version} is compiled",
            hints=["a [[source_build]] in constraints/packages says it; a site can add its own"],
        )
    return Case(
        knowledge=query.knowledge,
        target=query.target,
        package=name,
        version=version,
        build=build,
        torch=beside.torch,
        torch_cuda=beside.cuda,
        ignored_rules=frozenset(said.ignored_rules),
        installed=beside.installed,
        jobs=said.jobs,
        locked=beside.locked,
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
        raise RequirementError(
            f"no release of {requirement} is known that is compiled for a GPU",
            hints=[f"name one: {name}==VERSION"],
        )
    return name, known[0]


def _version(text: str, where: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise RequirementError(f"{where}: {text!r} is no version") from None


def _torch(
    query: Query, packages: tuple[LockedPackage, ...], said: BuildSaid, interpreter: Interpreter | None
) -> tuple[Version | None, Version | None]:
    """Return the torch of a build, and its CUDA runtime."""
    if said.torch is not None:
        version = _version(said.torch, "--torch")
        return version, torch_cuda(query, version)
    provided = interpreter.package(_TORCH) if interpreter is not None else None
    if provided is not None:
        return provided.version, provided.cuda
    for package in packages:
        if package.name == _TORCH and package.version is not None:
            wheel = package.distribution if isinstance(package.distribution, Wheel) else None
            return package.version, torch_cuda(query, package.version, wheel)
    return None, None


def _machine(
    target: TargetRequest,
    base: KnowledgeBase,
    said: BuildSaid,
    environ: Mapping[str, str],
    *,
    notify: Notify,
    interpreter: Interpreter | None,
) -> Target:
    """Return this machine with the GPUs that are meant, what a build may use of it, and what is said."""
    from envfit.api.targets import this_machine

    machine = this_machine(target, base, notify=notify)
    nvcc = machine.fact(NVCC)
    toolkit = toolkit_of(nvcc.source) if nvcc.state is FactState.KNOWN else None
    wanted = tuple(base.torch_extensions.headers) if base.torch_extensions is not None else ()
    python, searched = None, dict(environ)
    if interpreter is not None:
        python = include_directory(interpreter.path)
        wheels = cuda_headers(interpreter.directories)
        searched["CPATH"] = os.pathsep.join([*filter(None, [environ.get("CPATH")]), *wheels])
    found = (
        *read_resources(Path("/"), environ, built_directory(environ)),
        *read_header_facts(wanted, toolkit, searched, python=python),
    )
    stated = list(_stated(said))
    if said.nvcc is not None:  # the headers of a toolkit that is only spoken of are not here
        stated.append(Fact(name=CUDA_HEADERS, state=FactState.UNKNOWN, source="--nvcc"))
    replaced = {fact.name for fact in stated}
    facts = [fact for fact in (*machine.facts, *found) if fact.name not in replaced]
    return replace(machine, facts=(*facts, *stated))


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
