"""The only printing.  stdout is the answer, stderr is the talk."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit.errors import (
    EnvfitError,
    InputError,
    InstallError,
    KnowledgeError,
    OutsideError,
    RefusalError,
    UndecidedError,
    UnsatisfiableError,
)
from envfit.target import CUDA_ARCH, Fact, FactState, Target

if TYPE_CHECKING:
    from envfit.api import LockResult
    from envfit.api.prices import GpuPrice
    from envfit.detect import Machine
    from envfit.detect.interpreter import Interpreter
    from envfit.install import InstallReport, Space
    from envfit.requirement import RuleOrigin
    from envfit.resolve.reason import Group
    from envfit.resolve.resolution import BetterBuild, Resolution

__all__ = [
    "better_data",
    "better_sentence",
    "error_data",
    "exit_code",
    "exit_code_of",
    "gpu_price",
    "group_data",
    "install_data",
    "lock_data",
    "machine_data",
    "print_error",
    "print_install",
    "print_json",
    "print_lock",
    "print_machine",
    "talk",
]

_EXIT_CODES: tuple[tuple[type[EnvfitError], int], ...] = (
    (InputError, 2),
    (KnowledgeError, 2),
    (OutsideError, 3),
    (UndecidedError, 4),
    (RefusalError, 1),
    (InstallError, 1),
)


def exit_code(error: EnvfitError) -> int:
    """Return the exit code of an error."""
    return exit_code_of(type(error))


def exit_code_of(error: type[EnvfitError]) -> int:
    """Return the exit code of a kind of error."""
    return next((code for kind, code in _EXIT_CODES if issubclass(error, kind)), 3)


def talk(sentence: str) -> None:
    """Say something that is not the answer."""
    # In one piece: several threads talk while metadata is fetched.
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def print_json(data: Mapping[str, Any]) -> None:
    """Print an answer for machines."""
    import json

    print(json.dumps(data, indent=2, sort_keys=True))


# -- errors -------------------------------------------------------------------


def print_error(error: EnvfitError, *, verbose: bool = False) -> None:
    """Print an error, its details, its explanation and its hints."""
    talk(f"error: {error.message}")
    for name, value in error.details.items():
        first, *more = value.splitlines() if value not in error.message else [""]
        if first:
            talk(f"  {name}: {first}")
        for line in more:
            talk(f"      {line}")
    if isinstance(error, UnsatisfiableError):
        from envfit.cli.explaining import refusal_lines

        for line in refusal_lines(error, verbose=verbose):
            talk(line)
    for hint in error.hints:
        talk(f"hint: {hint}")


def error_data(error: EnvfitError) -> dict[str, Any]:
    """Return an error as data."""
    data: dict[str, Any] = {
        "error": error.code,
        "message": error.message,
        "details": dict(error.details),
        "hints": list(error.hints),
        "exit-code": exit_code(error),
    }
    if isinstance(error, UnsatisfiableError):
        from envfit.cli.explaining import refusal_data

        data.update(refusal_data(error))
    return data


_SHOWN_DIFFERENCES = 10


def group_data(group: Group) -> dict[str, Any]:
    """Return versions that are out for one reason as data."""
    return {
        "name": group.name,
        "versions": [str(version) for version in group.versions],
        "why": group.reason.sentence,
        "rule": group.reason.rule,
        "facts": list(group.reason.facts),
        "evidence": list(group.reason.evidence),
    }


def better_sentence(better: BetterBuild) -> str:
    """Say that an index that is not in use has builds that run."""
    return (
        f"{better.name} {better.version} on the {better.index} index has builds that run on this target; "
        f"{better.option} adds it"
    )


def better_data(better: BetterBuild) -> dict[str, str]:
    """Return a better build as data."""
    return {
        "name": better.name,
        "version": better.version,
        "index": better.index,
        "option": better.option,
    }


# -- detect -------------------------------------------------------------------


def machine_data(machine: Machine) -> dict[str, Any]:
    """Return a machine as data, without identifiers of devices."""
    target = machine.target
    return {
        "platform": str(target.platform),
        "python": str(target.python),
        "nvml": {"status": machine.nvml.status.name.lower().replace("_", "-"), "says": machine.nvml.sentence},
        "gpus-in-use": [
            {
                "name": gpu.name,
                "capability": str(gpu.capability),
                "memory": gpu.memory,
                "index": gpu.index,
                "mig": list(gpu.mig),
                "source": gpu.source,
            }
            for gpu in target.gpus
        ],
        "gpus-found": len(machine.all_gpus),
        "facts": [_fact_data(fact) for fact in target.facts],
        "notes": list(machine.notes),
    }


def _fact_data(fact: Fact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "state": fact.state.value,
        "value": fact.value if fact.state is FactState.KNOWN else None,
        "source": fact.source,
    }


def print_machine(machine: Machine) -> None:
    """Print what this machine is, and where each fact came from."""
    target = machine.target
    print(f"{target.platform}, Python {target.python}")
    for gpu in target.gpus:
        memory = f", {gpu.memory / 2**30:.0f} GiB" if gpu.memory else ""
        mig = f", MIG: {', '.join(gpu.mig)}" if gpu.mig else ""
        print(
            f"GPU {gpu.index if gpu.index is not None else '-'}: {gpu.name}, compute capability "
            f"{gpu.capability}{memory}{mig}"
        )
    if not target.gpus:
        print(f"no GPU in use: {target.fact(CUDA_ARCH).source}")
    width = max((len(fact.name) for fact in target.facts), default=0)
    values = [fact.value if fact.state is FactState.KNOWN else fact.state.value for fact in target.facts]
    value_width = max(map(len, values), default=0)
    for fact, value in zip(target.facts, values, strict=True):
        print(f"{fact.name:<{width}}  {value:<{value_width}}  {fact.source}")
    for note in machine.notes:
        talk(f"note: {note}")


# -- lock ---------------------------------------------------------------------


def print_lock(result: LockResult, *, check: bool, verbose: bool) -> None:
    """Print what was locked and why it is not newer."""
    resolution = result.resolution
    named = {requirement.name for requirement in resolution.requirements}
    for assumption in assumptions(resolution.target):
        talk(f"assumed: {assumption}")
    for pin in resolution.pins:
        if pin.name in named or verbose:
            build = " (to be compiled where it is installed)" if pin.build else ""
            provided = " (provided)" if pin.candidate.distribution is None else ""
            print(f"{pin.name} {pin.version}{build}{provided}")
    for line in (*lock_remarks(resolution, verbose=verbose), *map(gpu_price, result.gpu_prices)):
        talk(line)
    if not resolution.pins:
        why = (
            "what is asked for is excluded"
            if resolution.requirements
            else "nothing is asked for on this target"
        )
        talk(f"note: the lock is empty: {why}")
    print(f"runs on: {result.contract}")
    talk(
        f"{_count(result.lock.packages, 'package')}, {result.requests} requests, "
        f"{result.received / 1e6:.1f} MB"
    )
    if check:
        state = f"{result.path} is stale" if result.changed else f"{result.path} is up to date"
        for difference in result.stale[:_SHOWN_DIFFERENCES]:
            talk(f"stale: {difference}")
        if len(result.stale) > _SHOWN_DIFFERENCES:
            talk(f"stale: and {len(result.stale) - _SHOWN_DIFFERENCES} more; --json has them all")
    else:
        state = f"wrote {result.path}" if result.changed else f"{result.path} is unchanged"
        if result.edited is not None:
            print(f"wrote {result.edited}")
    print(state)


def gpu_price(price: GpuPrice) -> str:
    """Say what GPUs of one capability cost, and what to do about it."""
    first = price.gpus[0]
    names = " and ".join(dict.fromkeys(gpu.name for gpu in price.gpus))
    places = [str(gpu.index) for gpu in price.gpus if gpu.index is not None]
    many = len(price.gpus) > 1 and not price.named
    costs = ", ".join(str(change) for change in price.costs)
    said = f"{'cost' if many else 'costs'} {costs}"
    if price.named:
        return f"the {names} ({first.capability}) {said}; two locks would serve both: one --target for each"
    if places:
        names = f"GPU{'s' if many else ''} {' and '.join(places)}, {names}"
    options = " ".join(f"'{word}'" if " " in word else word for word in price.options)
    return f"{names}, {first.capability}, {said}; leave {'them' if many else 'it'} out with {options}"


def _gpu_price_data(price: GpuPrice) -> dict[str, Any]:
    return {
        "gpus": [
            {"name": gpu.name, "capability": str(gpu.capability), "index": gpu.index} for gpu in price.gpus
        ],
        "costs": [
            {"name": change.name, "without": str(change.before), "with": str(change.after)}
            for change in price.costs
        ],
        "options": [] if price.named else list(price.options),
    }


def _count(items: Sequence[object], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def assumptions(target: Target) -> Iterable[str]:
    """Yield what was assumed of a target because nobody said it."""
    if "python" in target.assumed:
        yield f"Python {target.python}"
    if "platform" in target.assumed:
        yield str(target.platform)
    for fact in target.facts:
        if fact.assumed:
            yield f"{fact.name} {fact.value} ({fact.source})"


def lock_remarks(resolution: Resolution, *, verbose: bool) -> Iterable[str]:
    """Yield the sentences that go with a resolution."""
    named = {requirement.name for requirement in resolution.requirements}
    for excluded in resolution.excluded:
        if excluded.name in named or verbose:
            yield f"why not newer: {excluded}"
            for evidence in excluded.reason.evidence[:1]:
                yield f"    {evidence}"
    for python in resolution.pythons_not_taken:
        yield f"why not Python {python.python.major}.{python.python.minor}: {python.why}"
    if resolution.kept:
        yield f"kept from the existing lock: {', '.join(resolution.kept)}; --upgrade looks for newer releases"
    for left in resolution.left_out:
        yield f"left out: {left.name}"
        yield from (f"    {reason}" for reason in left.reasons)
        yield from (f"    instead: {other.name}: {other.text}" for other in left.alternatives)
    yield from (f"note: {note}" for note in resolution.notes)
    yield from (f"hint: {better_sentence(better)}" for better in resolution.better)
    yield from (f"warning: {origin}" for origin in resolution.warnings)
    yield from _conditions(resolution.conditions)
    yield from (f"ignored rule: {rule}" for rule in resolution.ignored_rules)


def _conditions(conditions: Sequence[RuleOrigin]) -> Iterable[str]:
    packages: dict[str, list[str]] = {}
    for origin in conditions:
        facts = ", ".join(fact.name for fact in origin.facts)
        about = f" ({facts} unknown)" if facts else ""
        packages.setdefault(f"{origin}{about}", []).append(origin.package)
    for sentence, names in packages.items():
        others = f" ({len(names)} packages)" if len(names) > 1 else ""
        yield f"still to be proved: {sentence}{others}"


def lock_data(result: LockResult) -> dict[str, Any]:
    """Return a lock as data."""
    from envfit.api import describe_target
    from envfit.requirement import UserOrigin

    resolution = result.resolution
    return {
        "path": str(result.path),
        "changed": result.changed,
        "stale": list(result.stale),
        "edited": str(result.edited) if result.edited is not None else None,
        "contract": str(result.contract),
        "target": describe_target(resolution.target),
        "provided-from": _interpreter_data(result.interpreter) if result.interpreter else None,
        "assumed": list(assumptions(resolution.target)),
        "packages": [
            {
                "name": pin.name,
                "version": str(pin.version),
                "file": pin.candidate.distribution.filename if pin.candidate.distribution else None,
                "build": pin.build,
                "provided": pin.candidate.distribution is None,
                "requested": any(isinstance(item.origin, UserOrigin) for item in pin.requirements),
            }
            for pin in resolution.pins
        ],
        "why-not-newer": [group_data(group) for group in resolution.excluded],
        "gpu-prices": [_gpu_price_data(price) for price in result.gpu_prices],
        "ignored-gpus": list(dict.fromkeys(gpu.name for gpu in resolution.target.ignored_gpus)),
        "left-out": [
            {
                "name": left.name,
                "why": list(left.reasons),
                "alternatives": [f"{other.name}: {other.text}" for other in left.alternatives],
            }
            for left in resolution.left_out
        ],
        "pythons-not-taken": [
            {"python": f"{item.python.major}.{item.python.minor}", "why": item.why}
            for item in resolution.pythons_not_taken
        ],
        "notes": list(resolution.notes),
        "conditions": [str(origin) for origin in resolution.conditions],
        "warnings": [str(origin) for origin in resolution.warnings],
        "better-builds": [better_data(better) for better in resolution.better],
        "ignored-rules": list(resolution.ignored_rules),
        "requests": result.requests,
        "received": result.received,
    }


def _interpreter_data(interpreter: Interpreter) -> dict[str, Any]:
    torch = interpreter.package("torch")
    return {
        "path": interpreter.path,
        "python": str(interpreter.python),
        "packages": [f"{package.name}=={package.version}" for package in interpreter.provided],
        "unreadable": list(interpreter.unreadable),
        "torch-cuda": str(torch.cuda) if torch and torch.cuda is not None else None,
        "torch-cxx11-abi": torch.cxx11_abi if torch else None,
        "notes": list(interpreter.notes),
    }


# -- install ------------------------------------------------------------------


def print_install(report: InstallReport) -> None:
    """Print what was installed, or would be, and what is still to be proved."""
    planned = report.plan
    for told in (*planned.conditions, *(f"warning: {warning}" for warning in planned.warnings)):
        talk(str(told))
    for name in planned.skipped:
        print(f"skipped {name}")
    if report.version is None:
        intended = report.intentions("would install")
        print("\n".join([*(f"would override {reason}" for reason in report.overridden), *intended]))
        return
    for result in report.proof.imports:
        print(f"import {result}")
    for remark in report.proof.remarks:
        talk(remark)
    print(f"installed {_count(planned.to_install, 'package')} into {report.prefix}")
    if report.kept:
        print(f"the former version {report.kept[0]} is kept: envfit rollback{_prefix_words(report)}")
    if report.guard:
        from envfit.cli.guarding import guard_sentence, uv_line

        print(guard_sentence(report.guard), *uv_line(report.prefix), sep="\n")


def _prefix_words(report: InstallReport) -> str:
    """Return how a prefix is named on the command line; nothing where it need not be."""
    is_default = report.prefix == Path(".venv").absolute()
    return "" if is_default else f" --prefix {shlex.quote(str(report.prefix))}"


def install_data(report: InstallReport) -> dict[str, Any]:
    """Return an installation as data."""
    import json

    planned, proof = report.plan, report.proof
    return {
        "prefix": str(report.prefix),
        "installed": report.version is not None,
        "python": planned.python,
        "packages": [
            f"{package.name}=={package.version}" if package.version is not None else package.name
            for package in planned.to_install
        ],
        "provided-from": _interpreter_data(report.interpreter) if report.interpreter else None,
        "download-size": planned.download_size,
        "space": _space_data(report.space) if report.space is not None else None,
        "adopts": report.adopts,
        "version": report.version.name if report.version is not None else None,
        "kept": list(report.kept),
        "skipped": list(planned.skipped),
        "conditions": [str(condition) for condition in planned.conditions],
        "warnings": [str(warning) for warning in planned.warnings],
        "overridden": [str(reason) for reason in report.overridden],
        "imports": [
            {"name": result.name, "outcome": result.outcome.value, "says": str(result)}
            for result in proof.imports
        ],
        "verification": json.loads(proof.report) if proof.report is not None else None,
        "proof-seconds": round(proof.seconds, 3) if proof.seconds is not None else None,
        "guard": [str(line) for line in report.guard],
    }


def _space_data(space: Space) -> dict[str, Any]:
    return {
        "files": space.files,
        "files-of-unstated-size": space.unstated,
        "download": space.download,
        "unpacked-about": space.unpacked,
        "nothing-cached": space.is_cold,
        "rooms": [
            {
                "holds": room.holds,
                "path": str(room.path),
                "needed-about": room.about,
                "needed-at-least": room.at_least,
                "free": room.free,
            }
            for room in space.rooms
        ],
    }
