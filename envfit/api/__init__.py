"""The one place that wires rooms together: each job of envfit as a function.

Nothing here decides; it fetches what each room needs, hands it over, and
returns what came back.  Talk goes to ``notify``, one sentence at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from envfit.api.ignored import ignored_rules
from envfit.api.indexes import IndexRequest, open_downloads
from envfit.api.locking import LockResult, lock_request
from envfit.api.provided import ask_interpreter
from envfit.api.request import LockRequest
from envfit.api.targets import Notify, TargetRequest, describe_target, target_of, this_machine
from envfit.detect import Machine
from envfit.detect import detect as detect_machine
from envfit.detect.record import record as record_machine
from envfit.export import constraints, environment_yml, requirements
from envfit.install import InstallReport
from envfit.install import install as install_lock
from envfit.knowledge.load import constraints_directory
from envfit.knowledge.load import load as load_knowledge
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.file import read_lock
from envfit.lock.reading import rebased
from envfit.project import mirrors_of

__all__ = [
    "LockRequest",
    "LockResult",
    "TargetRequest",
    "describe_target",
    "detect",
    "export",
    "install",
    "knowledge",
    "lock",
    "record",
    "target_of",
]


def _silent(_: str) -> None:
    """Say nothing."""


def knowledge() -> KnowledgeBase:
    """Load the knowledge that envfit was installed with; raises KnowledgeError."""
    return load_knowledge(constraints_directory())


def detect(environ: Mapping[str, str] | None = None) -> Machine:
    """Detect this machine; raises TargetError where an override variable is malformed."""
    return detect_machine(environ=environ)


def record(machine: Machine, directory: Path) -> Path:
    """Write what detection read, without identifiers of devices; raises FileError."""
    return record_machine(machine, directory)


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
    environ = os.environ if environ is None else environ
    return lock_request(request, knowledge(), environ=environ, notify=notify, watch=watch)


def install(
    path: Path,
    *,
    prefix: Path,
    target: TargetRequest,
    skip: Sequence[str] = (),
    provided_from: str | None = None,
    ignore_rules: Sequence[str] = (),
    mirrors: Sequence[str] = (),
    dry_run: bool = False,
    environ: Mapping[str, str] | None = None,
    notify: Notify = _silent,
) -> InstallReport:
    """Install a lock into a new environment at ``prefix``, if it runs on this machine.

    ``mirrors`` (CANONICAL=MIRROR) come before those of the environment and of the
    project that the lock lies in; ``provided_from`` is the interpreter whose packages the lock counts on.
    Raises InstallRefusedError with the reasons before anything is made, and
    InstallError or VerificationError with the former environment untouched.
    """
    base = knowledge()
    document = rebased(read_lock(path), path.parent.absolute())
    environ = os.environ if environ is None else environ
    request = IndexRequest(
        directory=path.parent,
        mirrors=tuple(mirrors),
        project_mirrors=mirrors_of(path.parent / "pyproject.toml"),
    )
    with open_downloads(request, environ, notify) as downloads:
        return install_lock(
            document,
            this_machine(target, base, notify=notify),
            base,
            prefix,
            interpreter=ask_interpreter(provided_from, (), environ, notify),
            skip=frozenset(map(canonicalize_name, skip)),
            ignored=ignored_rules(tuple(ignore_rules), base),
            dry_run=dry_run,
            locate=downloads.locate,
            build_variables=downloads.build_variables,
            notify=notify,
        )


def export(path: Path, form: str) -> Mapping[str, str]:
    """Return the texts of an export, by the suffix of the file that each belongs in.

    ``form`` is ``requirements`` or ``conda``.  An export of a lock that counts on
    a module's packages comes with their constraints.
    """
    document = read_lock(path)
    if form == "conda":
        return {"": environment_yml(document)}
    bounds = constraints(document)
    return {"": requirements(document), **({"constraints": bounds} if bounds else {})}
