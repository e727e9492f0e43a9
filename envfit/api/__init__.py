"""The one place that wires rooms together: each job of envfit as a function.

Nothing here decides; it fetches what each room needs, hands it over, and
returns what came back.  Talk goes to ``notify``, one sentence at a time.  A job
imports what it needs itself: whoever locks does not wait for what installs.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envfit.api.asking import Account, Possibility
    from envfit.api.build_gates import BuildSaid, gate_report, lock_gate_reports
    from envfit.api.building import build_file
    from envfit.api.codes import CodeEntry
    from envfit.api.diagnosing import diagnose_file, diagnose_stream
    from envfit.api.fixing import Fixed
    from envfit.api.freshening import Freshened
    from envfit.api.installing import InstallRequest, install
    from envfit.api.linting import LintReport
    from envfit.api.locking import LockResult
    from envfit.api.matrices import MatrixRequest
    from envfit.api.request import LockRequest
    from envfit.api.rolling_back import rollback, versions
    from envfit.api.scanning import Scanned
    from envfit.api.targets import Notify, TargetRequest, describe_target, target_of
    from envfit.detect import Machine
    from envfit.doctor.finding import Stage
    from envfit.doctor.fix import Fix
    from envfit.doctor.report import Report
    from envfit.knowledge.model import KnowledgeBase
    from envfit.knowledge.overview import Overview
    from envfit.knowledge.story import BuiltIn, RuleStory
    from envfit.knowledge.symptom import Symptom
    from envfit.matrix.model import Matrix

__all__ = [
    "BuildSaid",
    "InstallRequest",
    "LockRequest",
    "LockResult",
    "MatrixRequest",
    "TargetRequest",
    "account",
    "account_of_lock",
    "apply_fix",
    "begin_package",
    "build_file",
    "check_file",
    "check_page",
    "check_prefix",
    "code_entry",
    "describe_target",
    "detect",
    "diagnose_file",
    "diagnose_stream",
    "export",
    "export_into_project",
    "freshen",
    "gate_report",
    "install",
    "knowledge",
    "known",
    "lint",
    "lock",
    "lock_gate_reports",
    "matrix",
    "plan_fix",
    "possibility",
    "record",
    "rollback",
    "scan",
    "target_of",
    "versions",
    "why",
    "write_page",
]


# Where the other names of this room are: whoever detects does not wait for what locks.
_ELSEWHERE = {
    "BuildSaid": "build_gates",
    "InstallRequest": "installing",
    "LockRequest": "request",
    "LockResult": "locking",
    "MatrixRequest": "matrices",
    "TargetRequest": "targets",
    "build_file": "building",
    "describe_target": "targets",
    "diagnose_file": "diagnosing",
    "diagnose_stream": "diagnosing",
    "gate_report": "build_gates",
    "install": "installing",
    "lock_gate_reports": "build_gates",
    "rollback": "rolling_back",
    "target_of": "targets",
    "versions": "rolling_back",
}


def __getattr__(name: str) -> object:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"envfit.api.{_ELSEWHERE[name]}"), name)
    globals()[name] = found
    return found


def _silent(_: str) -> None:
    """Say nothing."""


def knowledge() -> KnowledgeBase:
    """Return the knowledge that envfit was installed with; raises KnowledgeError."""
    from envfit.api.knowing import load_knowledge

    return load_knowledge()


def lint(
    directory: Path | None = None,
    *,
    fix: bool = False,
    months: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> LintReport:
    """Hold a constraints directory, or a folder of rules of a site, to the lints of the knowledge base.

    ``directory`` is envfit's own knowledge where it is None.  Raises FileError where there is
    no such directory, or where a fix cannot be written.
    """
    from envfit.api.linting import lint_directory

    return lint_directory(
        directory, fix=fix, months=months, environ=os.environ if environ is None else environ
    )


def check_prefix(
    prefix: Path | None = None,
    *,
    target: TargetRequest | None = None,
    quick: bool = False,
    stages: frozenset[Stage] | None = None,
    ignore_rules: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Report:
    """Check the environment at a prefix, or the current one, and change nothing.

    ``quick``: what can be read in a moment; nothing is hashed or run.  ``stages`` are those
    that are wanted, where not all are.  Raises InputError where
    there is no environment, TargetError on a target that is unknown.
    """
    from envfit.api.checking_prefix import check_prefix as check

    return check(
        prefix,
        target=target,
        quick=quick,
        stages=stages,
        ignore_rules=ignore_rules,
        environ=os.environ if environ is None else environ,
        notify=notify,
    )


def plan_fix(
    report: Report,
    *,
    target: TargetRequest | None = None,
    ignore_rules: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Fix:
    """Return what would mend the findings of a check of an environment; nothing is changed.

    The remedies that can be taken back are chosen, and the environment's own tool says exactly
    what they would change.  Raises InputError where the environment is not there any more.
    """
    from envfit.api.fixing import plan_fix as plan

    return plan(
        report,
        target=target,
        ignore_rules=ignore_rules,
        environ=os.environ if environ is None else environ,
        notify=notify,
    )


def apply_fix(
    fix: Fix,
    prefix: Path | str,
    *,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Fixed:
    """Do what a fix says, and return the script that takes it back.

    Raises InstallError where it failed, with everything restored, and FileError where nothing
    could be kept, and so nothing was changed.
    """
    from datetime import datetime, timezone

    from envfit.api.fixing import apply_fix as apply

    return apply(
        fix,
        Path(prefix),
        now=datetime.now(timezone.utc),
        environ=os.environ if environ is None else environ,
        notify=notify,
    )


def known(names: Sequence[str] = ()) -> Overview:
    """Return what is known of every package, or of some.

    Raises InputError on a name that nothing is known of.
    """
    from envfit.api.telling import overview

    return overview(names, knowledge())


def begin_package(
    name: str,
    directory: Path | None = None,
    *,
    index_url: str | None = None,
    offline: bool = False,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Path:
    """Write the beginning of a file about a package, with its newest release from the index; return its path.

    Raises InputError where there is one already, and FileError where it cannot be written.
    """
    from envfit.api.beginning import begin

    return begin(
        name,
        directory,
        index_url=index_url,
        offline=offline,
        environ=os.environ if environ is None else environ,
        notify=notify,
    )


def why(word: str, directory: Path = Path()) -> RuleStory | BuiltIn | Symptom:
    """Return what a rule says, what proves it and what it changes, or the verdict or symptom of an id.

    Rules of the project in ``directory`` count too.  Raises InputError on anything else.
    """
    from envfit.api.telling import story

    return story(word, directory, knowledge())


def code_entry(code: str) -> CodeEntry | None:
    """Return what the code of an error, a finding or a diagnosis means; None where there is no such code."""
    from envfit.api.codes import code_entry as entry_of

    return entry_of(code)


def meant_otherwise(word: str) -> tuple[str, ...]:
    """Return what else a word may mean that is no package of what is asked about, as sentences."""
    from envfit.api.telling import meant_otherwise as meanings

    return meanings(word, knowledge())


def account(
    name: str,
    request: LockRequest,
    *,
    chains: int,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
    watch: Callable[[Callable[[], str]], None] = lambda _: None,
) -> Account:
    """Resolve what is asked for, and say why a package is in it at that version, or is not.

    ``chains`` is how many of the ways in are told.  Raises what ``lock`` raises.
    """
    from envfit.api.asking import account as account_for

    environ = os.environ if environ is None else environ
    return account_for(name, request, knowledge(), environ=environ, notify=notify, watch=watch, chains=chains)


def account_of_lock(
    name: str, path: Path, *, chains: int, environ: Mapping[str, str] | None = None
) -> Account:
    """Say why a package is in a lock, as far as the lock tells; raises LockError and FileError."""
    from envfit.api.asking_lock import account_of_lock as account_from

    environ = os.environ if environ is None else environ
    return account_from(name, path, knowledge(), environ=environ, chains=chains)


def possibility(
    text: str,
    request: LockRequest,
    *,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
    watch: Callable[[Callable[[], str]], None] = lambda _: None,
) -> Possibility:
    """Say whether a requirement could be met besides what is asked for, and what would change.

    Raises RequirementError on what is no requirement, and what ``lock`` raises.
    """
    from envfit.api.asking import possibility as possibility_of

    environ = os.environ if environ is None else environ
    return possibility_of(text, request, knowledge(), environ=environ, notify=notify, watch=watch)


def detect(environ: Mapping[str, str] | None = None) -> Machine:
    """Detect this machine; raises TargetError where an override variable is malformed."""
    from envfit.detect import detect as detect_machine

    return detect_machine(environ=environ)


def record(machine: Machine, directory: Path) -> Path:
    """Write what detection read, without identifiers of devices; raises FileError."""
    from envfit.detect.record import record as record_machine

    return record_machine(machine, directory)


def scan(
    named: Sequence[str],
    *,
    platform: str | None = None,
    index_url: str | None = None,
    extra_index_urls: tuple[str, ...] = (),
    mirrors: tuple[str, ...] = (),
    offline: bool = False,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Iterator[Scanned]:
    """Yield the GPU code of wheels and libraries: paths, addresses of wheels, releases of packages.

    Raises TargetError for a platform that envfit does not know, and what ``scan_all`` raises.
    """
    from envfit.api.indexes import IndexRequest, open_packages
    from envfit.api.scanning import scan_all
    from envfit.target import Platform

    wanted = Platform.parse(platform) if platform is not None else Platform()
    request = IndexRequest(
        directory=Path(),
        index_url=index_url,
        extra_index_urls=extra_index_urls,
        mirrors=mirrors,
        offline=offline,
    )
    environ = os.environ if environ is None else environ
    with open_packages(request, environ, notify) as (packages, session):
        yield from scan_all(named, wanted, packages, session, notify)


def freshen(
    names: Sequence[str],
    *,
    read_limit: int | None = None,
    index_url: str | None = None,
    extra_index_urls: tuple[str, ...] = (),
    mirrors: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Iterator[Freshened]:
    """Yield what is newer than the knowledge, package after package, with the patch that follows.

    ``read_limit`` is the number of bytes of each package's wheels that are read.  Raises
    InputError on a name that nothing is known of.
    """
    from datetime import datetime, timezone

    from envfit.api.freshening import FRESHEN_LIMIT
    from envfit.api.freshening import freshen as freshen_packages
    from envfit.api.indexes import IndexRequest, open_packages
    from envfit.knowledge.files import constraints_directory

    request = IndexRequest(
        directory=Path(), index_url=index_url, extra_index_urls=extra_index_urls, mirrors=mirrors
    )
    environ = os.environ if environ is None else environ
    with open_packages(request, environ, notify) as (packages, session):
        yield from freshen_packages(
            names,
            knowledge(),
            constraints_directory(),
            packages,
            session,
            today=datetime.now(timezone.utc).date(),
            limit=FRESHEN_LIMIT if read_limit is None else read_limit,
            notify=notify,
        )


def lock(
    request: LockRequest,
    *,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
    watch: Callable[[Callable[[], str]], None] = lambda _: None,
) -> LockResult:
    """Lock what is asked for on one target, and write the lock unless ``check`` is set.

    ``watch`` is given, once resolution begins, a function that says how far it has come.
    Raises the errors of every room on the way; nothing is written then.
    """
    from envfit.api.locking import lock_request

    environ = os.environ if environ is None else environ
    return lock_request(request, knowledge(), environ=environ, notify=notify, watch=watch)


def matrix(
    request: MatrixRequest,
    *,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
    watch: Callable[[Callable[[], str]], None] = lambda _: None,
) -> Matrix:
    """Return what runs where: the newest version of each package on each GPU with each driver.

    Raises the errors of every room on the way, but none that is the answer of a cell.
    """
    from envfit.api.matrices import matrix_of

    environ = os.environ if environ is None else environ
    return matrix_of(request, knowledge(), environ=environ, notify=notify, watch=watch)


def check_page(path: Path) -> None:
    """Raise FileError where a page could not be written, before minutes of work go into it."""
    from envfit.errors import FileError

    if path.is_dir() or not path.absolute().parent.is_dir():
        why = "is a directory" if path.is_dir() else "lies in no directory that is there"
        raise FileError(f"{path} {why}, so no page can be written")


def write_page(matrix: Matrix, path: Path) -> None:
    """Write a matrix as one page that needs nothing else; raises FileError."""
    from envfit.errors import FileError
    from envfit.matrix.page import page_of

    try:
        path.write_text(page_of(matrix), encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} could not be written: {error.strerror}") from None


def check_file(
    path: Path,
    *,
    target: TargetRequest,
    extras: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    stages: frozenset[Stage] | None = None,
    ignore_rules: tuple[str, ...] = (),
    online: bool = False,
    read_limit: int | None = None,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> Report:
    """Say whether what a file locks would run on a target: a lock of envfit, uv or pip, or requirements.

    The target is this machine where no GPU is named; rules of the project that the file lies in
    count too.  ``online`` asks the index for what the
    file leaves open, and reads at most ``read_limit`` bytes of wheels whose GPU code is not known.
    Raises the errors of reading the file and of naming the target.
    """
    from envfit.api.checking import check_locked_file
    from envfit.api.knowing import load_knowledge
    from envfit.project import rules_of

    sites = rules_of(path.parent / "pyproject.toml")
    return check_locked_file(
        path,
        load_knowledge(sites) if sites else knowledge(),
        target=target,
        extras=extras,
        groups=groups,
        stages=stages,
        ignore_rules=ignore_rules,
        online=online,
        read_limit=read_limit,
        environ=os.environ if environ is None else environ,
        notify=notify,
    )


def export(locks: Sequence[Path], form: str, *, project: Path | None = None) -> Mapping[str, str]:
    """Return the texts of an export, by the suffix of the file that each belongs in.

    ``form`` is ``requirements``, ``constraints``, ``conda`` or ``uv``, and only ``uv`` takes
    several locks.  Requirements of a lock that counts on a module's packages come with their
    constraints.  ``project`` is the ``pyproject.toml`` that an export to uv is for, where there is one.
    """
    from envfit.api.exporting import texts

    return texts(locks, form, project=project, load=knowledge)


def export_into_project(locks: Sequence[Path], project: Path) -> Sequence[str]:
    """Write an export to uv into a ``pyproject.toml``, everything else kept; return what is to be said."""
    from envfit.api.exporting import into_project

    return into_project(locks, project, load=knowledge)
