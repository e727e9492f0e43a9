"""The stages of a check that look deeper than names and versions: libraries, imports, scenarios, the GPU."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

from packaging.version import Version

from envfit.doctor.causes import Causes
from envfit.doctor.finding import Finding
from envfit.doctor.gpu import Computed, judge_gpu
from envfit.doctor.imports import Imported, judge_imports
from envfit.doctor.libraries import judge_libraries
from envfit.doctor.scenarios import Played, judge_scenarios
from envfit.installed.import_names import names_of
from envfit.installed.libraries import read_libraries
from envfit.installed.model import InstalledEnvironment
from envfit.installed.owners import Owners, read_owners
from envfit.knowledge.model import KnowledgeBase
from envfit.prove.gpu import gpu_programs_for
from envfit.prove.imports import ImportResult, Outcome, verify
from envfit.prove.program import Failure, Ran, run_programs
from envfit.prove.scenarios import scenarios_for

__all__ = ["compute_on_gpu", "judge_results", "prove_imports", "prove_libraries", "prove_scenarios"]

#: A compiled module that does not load is named in the message alone.
_LIBRARY = re.compile(r"(/[^\s:]+\.so[^\s:,]*)")


def prove_libraries(
    environment: InstalledEnvironment,
    knowledge: KnowledgeBase,
    environ: Mapping[str, str],
    *,
    gpu: bool,
    driver: bool,
    glibc: Version | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with what the libraries of an environment are linked with.

    ``gpu``: it is to be used with one; ``driver``: NVIDIA's driver is on this machine;
    ``glibc``: that of the target, where it is not this machine.
    """
    path = [item for item in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if item]
    libraries = read_libraries(environment, library_path=path)
    return judge_libraries(environment, libraries, knowledge, gpu=gpu, driver=driver, glibc=glibc)


def prove_imports(
    environment: InstalledEnvironment,
    knowledge: KnowledgeBase,
    *,
    driver: bool,
    only: Iterable[str] | None = None,
    notify: Callable[[str], None] = lambda _: None,
    seconds: float = 120.0,
    environ: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Import what every distribution is for, each name in a process of its own, and return what fails.

    ``only`` are the normalized names of distributions, where not all are asked for; ``seconds``
    is the limit of one import.
    """
    if environment.python is None:
        return ()
    chosen = None if only is None else frozenset(only)
    names = {
        name: distribution
        for distribution, name in _names(environment, knowledge)
        if chosen is None or distribution in chosen
    }
    notify(f"importing {len(names)} packages, each in a process of its own")
    results = verify(environment.python, names, gpu=driver, seconds=seconds, environ=environ)
    requested = {
        item.name
        for item in environment.seen().values()
        if (item.directory / item.metadata / "REQUESTED").exists()
    }
    # conda and older tools do not say what was asked for.
    return judge_results(environment, knowledge, results, names, requested=requested or None)


def judge_results(
    environment: InstalledEnvironment,
    knowledge: KnowledgeBase,
    results: Sequence[ImportResult],
    names: Mapping[str, str],
    *,
    requested: Container[str] | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with imports; ``names`` gives the distribution of each.

    ``requested`` are the distributions that were asked for; None: all of them.
    """
    if all(result.outcome is Outcome.WORKS for result in results):
        return ()  # and nobody asks whose the files are
    owners = read_owners(environment)
    imported = [
        Imported(
            distribution=names[result.name],
            result=result,
            is_requested=requested is None or names[result.name] in requested,
            raised_by=_raised_by(result.failure, owners),
        )
        for result in results
    ]
    return judge_imports(imported, Causes(environment, knowledge))


def prove_scenarios(
    environment: InstalledEnvironment,
    knowledge: KnowledgeBase,
    *,
    gpu: bool,
    driver: bool,
    about: frozenset[str] | None = None,
    notify: Callable[[str], None] = lambda _: None,
    seconds: float = 300.0,
    environ: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Play what the packages that are installed are used for together, and return what fails.

    ``gpu``: as where a GPU is visible; ``driver``: whether one is, on this machine; ``about``: of
    which packages one must play a part, None for any.
    """
    names = [item.name for item in environment.seen().values()]
    scenarios = [
        scenario
        for scenario in scenarios_for(names)
        if about is None or not about.isdisjoint(scenario.installed(names))
    ]
    if environment.python is None or not scenarios:
        return ()
    ran = run_programs(
        environment.python,
        [scenario.program(gpu=gpu) for scenario in scenarios],
        seconds=seconds,
        notify=lambda each: notify(_told(each)),
        environ=environ,
    )
    owners = read_owners(environment) if any(each.failure for each in ran) else Owners(files={})
    played = [
        Played(
            scenario=scenario,
            packages=scenario.installed(names),
            ran=each,
            raised_by=_raised_by(each.failure, owners),
            is_gpu_real=driver or not gpu,
        )
        for scenario, each in zip(scenarios, ran, strict=True)
    ]
    return judge_scenarios(played, Causes(environment, knowledge))


def compute_on_gpu(
    environment: InstalledEnvironment,
    knowledge: KnowledgeBase,
    *,
    without: frozenset[str] = frozenset(),
    notify: Callable[[str], None] = lambda _: None,
    seconds: float = 300.0,
    environ: Mapping[str, str] | None = None,
) -> tuple[tuple[Ran, ...], tuple[Finding, ...]]:
    """Compute on the GPU of this machine with what is installed; return what was seen and what is wrong.

    ``without`` are packages that are known not to work.  One program is run after the other, so
    that none is short of memory for another's sake.
    """
    names = environment.seen().keys() - without
    programs = gpu_programs_for(names)
    if environment.python is None or not programs:
        return (), ()
    ran = run_programs(
        environment.python,
        [each.program for each in programs],
        seconds=seconds,
        parallel=1,
        notify=lambda each: notify(_told(each)),
        environ=environ,
    )
    owners = read_owners(environment) if any(each.failure for each in ran) else Owners(files={})
    computed = [
        Computed(program=program, owner=owner, ran=each, raised_by=_raised_by(each.failure, owners))
        for program, each in zip(programs, ran, strict=True)
        if (owner := program.owner(names)) is not None
    ]
    return ran, judge_gpu(computed, Causes(environment, knowledge))


def _told(ran: Ran) -> str:
    return f"{ran.name} {'works' if ran.failure is None else f'fails: {ran.failure.error}'}"


def _raised_by(failure: Failure | None, owners: Owners) -> str | None:
    """Return whose file raised the root of a failure."""
    if failure is None:
        return None
    return owners.of_last([*failure.files, *_LIBRARY.findall(failure.error)])


def _names(environment: InstalledEnvironment, knowledge: KnowledgeBase) -> Iterator[tuple[str, str]]:
    """Yield each distribution with what it is to be imported by: its health checks, else its own names."""
    for distribution in environment.seen().values():
        known = knowledge.packages.get(distribution.name)
        own = names_of(distribution.directory / distribution.metadata, distribution.name)
        for name in known.imports if known is not None and known.imports else own:
            yield distribution.name, name
