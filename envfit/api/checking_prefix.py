"""A check of an environment: its stages in order, each a function, and the report that they make.

A stage takes the check, which reads what it is asked for once, and yields findings.  One that
cannot be run here raises ``StageSkipped``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from packaging.version import Version

from envfit.api.ignored import ignored_rules
from envfit.api.knowing import load_knowledge
from envfit.api.targets import Notify, TargetRequest, describe_target, refuse_facts_of_nobody, this_machine
from envfit.detect.child import ChildError, ask
from envfit.detect.meanwhile import Meanwhile
from envfit.doctor.dependencies import Dependencies
from envfit.doctor.finding import Finding, Stage
from envfit.doctor.report import Report, Skipped
from envfit.errors import EnvfitError, InputError
from envfit.frozen import frozen
from envfit.installed.contents import Contents, read_contents
from envfit.installed.model import InstalledEnvironment, PrefixKind
from envfit.installed.read import read_environment
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.reading import LockedPackage
from envfit.target import CUDA, GLIBC, FactState, Target

__all__ = ["STAGES", "Aim", "Check", "StageSkipped", "check_prefix", "current_prefix", "run_stages"]

_MINOR = "import sys; print('%d.%d' % sys.version_info[:2])"
_TIME_LIMIT = 20.0  # seconds that an interpreter has to say where it is


class StageSkipped(Exception):  # noqa: N818 - it is no error
    """A stage cannot be run here; the message is the reason."""


@frozen
class Aim:
    """The machine that an environment is held against."""

    target: Target
    is_named: bool  # whether somebody said which GPU counts
    why_no_gpu: str = ""  # why nothing is known of a GPU that may be there


@dataclass(kw_only=True)
class Check:
    """One check under way: what was asked, and what its stages read; each thing is read once."""

    environment: InstalledEnvironment
    environ: Mapping[str, str]
    quick: bool
    notify: Notify
    reading_knowledge: Meanwhile[KnowledgeBase]
    reading_target: Callable[[KnowledgeBase], Aim]
    ignore_rules: Sequence[str] = ()
    findings: list[Finding] = field(default_factory=list)  # of the stages before
    notes: list[str] = field(default_factory=list)  # what is worth knowing besides

    @cached_property
    def knowledge(self) -> KnowledgeBase:
        """The knowledge."""
        return self.reading_knowledge.result()

    @cached_property
    def contents(self) -> Contents:
        """The files of the environment, held against its records."""
        return read_contents(self.environment, quick=self.quick, notify=self.notify)

    @cached_property
    def aim(self) -> Aim:
        """The target, with the Python of the environment."""
        aim = self.reading_target(self.knowledge)
        python = self.environment.python_version
        return aim if python is None else replace(aim, target=replace(aim.target, python=python))

    @property
    def target(self) -> Target:
        """The machine that the environment is held against, with the environment's Python."""
        return self.aim.target

    @property
    def has_gpu(self) -> bool:
        """Whether this machine has a GPU, and its driver; of another machine nothing can be run."""
        return bool(self.target.gpus) and not self.aim.is_named

    @cached_property
    def python_fails(self) -> tuple[str, bool]:
        """Why the interpreter cannot be used, and whether that is sure; empty where it can."""
        python = self.environment.python
        if python is None:
            return "the environment has no interpreter", True
        try:
            answer = ask([str(python), "-I", "-c", _MINOR], self.environ, time_limit=_TIME_LIMIT)
        except ChildError as error:
            return f"the interpreter {python} {error}", False
        if answer.status == 0:
            return self._other_python(answer.output.strip()), True
        said = answer.errors.strip().rpartition("\n")[2] or f"it ends with status {answer.status}"
        return f"the interpreter {python} does not start: {said}", True

    def _other_python(self, is_minor: str) -> str:
        """Return that the interpreter is another than the packages are for; empty where it is not."""
        version = self.environment.python_version
        made_for = f"{version.major}.{version.minor}" if version is not None else is_minor
        if not is_minor or is_minor == made_for:
            return ""
        return (
            f"the interpreter {self.environment.python} is Python {is_minor} by now, and what is installed "
            f"is for {made_for}: it finds none of it"
        )

    @cached_property
    def dependencies(self) -> Dependencies:
        """Who requires whom."""
        return Dependencies(self.environment.seen(), self.target.marker_environment())


def _files(check: Check) -> Iterator[Finding]:
    from envfit.doctor.files import find_in_files, interpreter_gone, lacks_interpreter

    if lacks_interpreter(check.environment):
        yield interpreter_gone(check.environment, sure=not check.aim.is_named)
    yield from find_in_files(check.environment, check.contents, check.dependencies, check.knowledge)


def _metadata(check: Check) -> Iterator[Finding]:
    from envfit.doctor.metadata import find_in_metadata

    yield from find_in_metadata(check.environment, check.dependencies)


def _knowledge(check: Check) -> Iterator[Finding]:
    from envfit.api.installed_code import installed_code
    from envfit.api.promised import promised
    from envfit.doctor.knowledge import Known, find_by_knowledge
    from envfit.index.cache import Cache, default_cache_dir
    from envfit.install.record import read_record
    from envfit.knowledge.query import Query

    record = read_record(check.environment.prefix)
    cache = Cache(default_cache_dir(check.environ, home=Path.home()))
    code = installed_code(
        check.environment,
        check.contents.owned,
        check.knowledge,
        check.target,
        cache,
        quick=check.quick,
        notify=check.notify,
    )
    cache.flush()
    known = Known(
        query=Query(
            code.knowledge,
            check.target,
            ignored=ignored_rules(tuple(check.ignore_rules), check.knowledge),
        ),
        wheels=code.wheels,
        is_named=check.aim.is_named,
        why_no_gpu=check.aim.why_no_gpu,
        locked=_locked(check.environment),
        again=record.words if record is not None else (),
    )
    yield from find_by_knowledge(
        check.environment, check.contents, check.dependencies, known, told=check.findings
    )
    left = promised(check.environment, known.query, check.findings)
    check.notes += left.notes
    yield from left.findings


def _locked(environment: InstalledEnvironment) -> Sequence[LockedPackage] | None:
    """Return what envfit installed there, by the lock that it leaves; None where there is none to read."""
    if environment.kind is not PrefixKind.ENVFIT:
        return None
    from envfit.lock.file import read_lock
    from envfit.lock.reading import locked_packages

    try:
        return locked_packages(read_lock(environment.prefix / "pylock.toml"))
    except EnvfitError:
        return None


def _libraries(check: Check) -> Iterator[Finding]:
    from envfit.api.proving import prove_libraries

    glibc = check.target.fact(GLIBC)
    is_other = check.aim.is_named and glibc.value is not None
    yield from prove_libraries(
        check.environment,
        check.knowledge,
        check.environ,
        gpu=bool(check.target.gpus),
        driver=check.has_gpu,
        glibc=Version(glibc.value) if is_other and glibc.value is not None else None,
    )


def _imports(check: Check) -> Iterator[Finding]:
    from envfit.api.proving import prove_imports
    from envfit.doctor.files import interpreter_fails
    from envfit.doctor.kinds import MISSING_EXTENSION

    why, sure = check.python_fails
    if why and check.environment.python is not None:
        yield interpreter_fails(check.environment, why, sure=sure and not check.aim.is_named)
    _require_python(check)
    # That a package without its extension cannot be imported itself has been said.
    hollow = {item.subject[0] for item in check.findings if item.kind is MISSING_EXTENSION}
    found = prove_imports(
        check.environment,
        check.knowledge,
        driver=check.has_gpu,
        only=[item.name for item in check.environment.distributions if check.environment.is_own(item)],
        notify=check.notify,
        environ=check.environ,
    )
    yield from (item for item in found if len(item.subject) > 1 or item.subject[0] not in hollow)


def _scenarios(check: Check) -> Iterator[Finding]:
    from envfit.api.proving import prove_scenarios

    _require_python(check)
    yield from prove_scenarios(
        check.environment,
        check.knowledge,
        gpu=bool(check.target.gpus),
        driver=check.has_gpu,
        notify=check.notify,
        environ=check.environ,
    )


def _gpu(check: Check) -> Iterator[Finding]:
    from envfit.api.proving import compute_on_gpu

    _require_python(check)
    if check.aim.is_named:
        raise StageSkipped("the GPU was named, and computing says something of this machine's alone")
    if not check.has_gpu:
        raise StageSkipped(check.aim.why_no_gpu or "this machine has no GPU")
    broken = {
        subject.partition(" ")[0]
        for finding in check.findings
        if finding.kind.stage is Stage.IMPORTS
        for subject in finding.subject
    }
    _, findings = compute_on_gpu(
        check.environment,
        check.knowledge,
        without=frozenset(broken),
        notify=check.notify,
        environ=check.environ,
    )
    yield from findings


def _require_python(check: Check) -> None:
    """Raise StageSkipped where nothing can be run: there is no interpreter, or it does not start."""
    why, _ = check.python_fails
    if why:
        raise StageSkipped(why)


StageFunction = Callable[[Check], Iterator[Finding]]

#: The stages in order, and whether each is fit for ``quick``: no process is started, little is read.
STAGES: tuple[tuple[Stage, StageFunction, bool], ...] = (
    (Stage.FILES, _files, True),
    (Stage.METADATA, _metadata, True),
    (Stage.KNOWLEDGE, _knowledge, True),
    (Stage.LIBRARIES, _libraries, False),
    (Stage.IMPORTS, _imports, False),
    (Stage.SCENARIOS, _scenarios, False),
    (Stage.GPU, _gpu, False),
)


def check_prefix(
    prefix: Path | None = None,
    *,
    target: TargetRequest | None = None,
    quick: bool = False,
    stages: frozenset[Stage] | None = None,
    ignore_rules: Sequence[str] = (),
    environ: Mapping[str, str],
    notify: Notify,
) -> Report:
    """Check the environment at a prefix, or the current one, and change nothing.

    ``quick``: what can be read in a moment; nothing is hashed or run.  ``stages`` are those
    that are wanted, where not all are.  Raises InputError where
    there is no environment or nothing is left to look at, TargetError on a target that is unknown.
    """
    _require_something(quick=quick, stages=stages)
    check = begin_check(
        prefix, target=target, quick=quick, ignore_rules=ignore_rules, environ=environ, notify=notify
    )
    report = run_stages(check, str(prefix or check.environment.prefix), stages)
    return replace(report, notes=(*report.notes, *_notes_on_runs(prefix or check.environment.prefix)))


def _notes_on_runs(prefix: Path) -> Iterator[str]:
    """Yield what an installation or a rollback that was interrupted left to do."""
    from envfit.install.recovery import left_to_do

    told = left_to_do(prefix)
    if told is not None:
        yield told


def _require_something(*, quick: bool, stages: frozenset[Stage] | None) -> None:
    """Raise InputError where no stage that is wanted is looked at: that would be a yes to nothing."""
    looked_at = [stage.value for stage, _, is_quick in STAGES if is_quick]
    if quick and stages is not None and not any(stage.value in looked_at for stage in stages):
        raise InputError(f"--quick looks at {', '.join(looked_at)}, and none of these is asked for")


def begin_check(
    prefix: Path | None,
    *,
    target: TargetRequest | None,
    quick: bool,
    ignore_rules: Sequence[str],
    environ: Mapping[str, str],
    notify: Notify,
) -> Check:
    """Read the environment at a prefix, while the knowledge is loaded and the machine is asked."""
    knowledge = Meanwhile(load_knowledge)
    request = target or TargetRequest()
    if not request.gpus or request.gpus == ("auto",):
        from envfit.detect import detect

        refuse_facts_of_nobody(request)
        machine = Meanwhile(lambda: detect(environ=environ))
        reading_target = lambda _: _detected(machine.result().target)  # noqa: E731
    else:
        reading_target = lambda base: _named(request, base, notify)  # noqa: E731
    place = prefix or current_prefix(environ)
    here = Path(".venv")
    if prefix is None and (here / "pyvenv.cfg").is_file() and here.resolve() != place.resolve():
        notify(f"the environment that is active is checked, and {here} is not: envfit check {here}")
    return Check(
        environment=read_environment(place, environ),
        environ=environ,
        quick=quick,
        notify=notify,
        reading_knowledge=knowledge,
        reading_target=reading_target,
        ignore_rules=ignore_rules,
    )


def run_stages(check: Check, subject: str, wanted: frozenset[Stage] | None = None) -> Report:
    """Run the stages of a check in order, all or those that are wanted, and return what they found."""
    done, skipped = [], []
    for stage, find, is_quick in STAGES:
        if wanted is not None and stage not in wanted:
            continue
        if check.quick and not is_quick:
            skipped.append(Skipped(stage=stage, why="--quick"))
            continue
        try:
            # As they come: what a stage found before it failed to go on is not lost.
            for finding in find(check):
                check.findings.append(finding)
        except StageSkipped as reason:
            skipped.append(Skipped(stage=stage, why=str(reason)))
            continue
        done.append(stage)
    environment = check.environment
    python = f"Python {environment.python_version}" if environment.python_version else "no Python"
    where = f"{environment.prefix}: {environment.kind.value}, {python}, {len(environment.seen())} packages"
    return Report(
        subject=subject,
        findings=tuple(check.findings),
        stages=tuple(done),
        skipped=tuple(skipped),
        notes=(f"{where}; held against {describe_target(check.target)}", *check.notes),
    )


def _detected(target: Target) -> Aim:
    cuda = target.fact(CUDA)
    hidden = not target.gpus and cuda.state is FactState.UNKNOWN
    return Aim(
        target=target,
        is_named=False,
        why_no_gpu=f"the GPU of this machine cannot be read ({cuda.source})" if hidden else "",
    )


def _named(request: TargetRequest, base: KnowledgeBase, notify: Notify) -> Aim:
    return Aim(target=this_machine(request, base, notify=notify), is_named=True)


def current_prefix(environ: Mapping[str, str]) -> Path:
    """Return the environment that is active: a virtual one, conda's, else that of python3 on PATH.

    envfit's own counts only where it is active.  Raises InputError where there is none.
    """
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(name):
            return Path(environ[name])
    import sys

    own = Path(sys.prefix).resolve()
    for directory in environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("python3", path=directory) if directory else None
        if found is None:
            continue
        prefix = _prefix_of(Path(found), environ)
        if prefix is not None and prefix.resolve() != own:
            return prefix
    raise InputError(
        "no environment is active, and there is no python3 on PATH",
        hints=["name the environment: envfit check PREFIX"],
    )


def _prefix_of(python: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the prefix of an interpreter; one that is a script, such as a shim of pyenv's, is asked."""
    try:
        with python.open("rb") as file:
            is_script = file.read(2) == b"#!"
    except OSError:
        return None
    if not is_script:
        inside = python.parent.parent
        return inside if (inside / "pyvenv.cfg").is_file() else python.resolve().parent.parent
    try:
        answer = ask(
            [str(python), "-I", "-c", "import sys; print(sys.prefix)"], environ, time_limit=_TIME_LIMIT
        )
    except ChildError:
        return None
    said = answer.output.strip()
    return Path(said) if answer.status == 0 and said else None
