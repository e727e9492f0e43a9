"""Installing: the request, and how its parts reach the rooms that do it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envfit.api.choosing import Judging, chosen
from envfit.api.ignored import ignored_rules
from envfit.api.indexes import IndexRequest, open_downloads
from envfit.api.knowing import load_knowledge
from envfit.api.provided import ask_interpreter
from envfit.api.targets import Notify, TargetRequest, target_words, this_machine
from envfit.errors import InstallError, LockError
from envfit.frozen import frozen
from envfit.install import Build, Downloads, Options, Refused, Verify
from envfit.install import install as install_lock
from envfit.install.builder import NoBuilder
from envfit.install.transaction import module_of
from envfit.install.verification import Proof
from envfit.knowledge.ignored_gpus import ignoring_options
from envfit.lock.file import placed_lock
from envfit.lock.reading import locked_packages, locked_target
from envfit.project import mirrors_of, rules_of

if TYPE_CHECKING:
    from packaging.pylock import Pylock

    from envfit.install import InstallReport
    from envfit.install.builder import Builder
    from envfit.install.make import Watch
    from envfit.install.plan import Plan
    from envfit.install.verification import Prover
    from envfit.knowledge.model import KnowledgeBase
    from envfit.target import Target

__all__ = ["InstallRequest", "install"]


@frozen
class InstallRequest:
    """What ``install`` is asked for; the defaults are those of the command line."""

    lock: Path | None = None  # None: of those in the directory, one that runs; else one is made
    prefix: Path | None = None  # None: .venv
    target: TargetRequest = field(default_factory=lambda: TargetRequest(gpus=("auto",)))
    skip: tuple[str, ...] = ()
    provided_from: str | None = None  # the interpreter whose packages the lock counts on
    ignore_rules: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()  # CANONICAL=MIRROR
    guarded: bool = True
    build: Build = Build.AUTO
    jobs: int | None = None  # compilers at a time
    verify: Verify = Verify.REQUESTED
    keep: int = 1
    adopt: bool = False
    offline: bool = False
    find_links: tuple[Path, ...] = ()  # directories of wheels
    force: bool = False
    dry_run: bool = False


def install(
    request: InstallRequest,
    *,
    environ: Mapping[str, str] | None = None,
    notify: Notify = lambda _: None,
    watch: Watch | None = None,
) -> InstallReport:
    """Install a lock into a new environment, if it runs on this machine.

    Where none is named, one that runs is chosen from the directory, or made.

    Mirrors of the request come before those of the environment and of the project that the lock
    lies in, whose rules count too.  ``watch`` is given what tells how far the downloads are.
    Raises InstallRefusedError with the reasons before anything is made, and
    InstallError or VerificationError with the former environment untouched.
    """
    environ = os.environ if environ is None else environ
    prefix = _prefix(request.prefix, environ.get("CONDA_PREFIX"), notify)
    directory = request.lock.parent if request.lock is not None else Path()
    base = load_knowledge(rules_of(directory / "pyproject.toml"))
    ignored = ignored_rules(request.ignore_rules, base)
    for rule in sorted(ignored):
        notify(f"ignored rule: {rule}")
    interpreter = ask_interpreter(request.provided_from, (), environ, notify)
    judging = Judging(
        target=this_machine(request.target, base, notify=notify),
        base=base,
        ignored=ignored,
        module=module_of(interpreter),
        environ=environ,
    )
    if request.lock is not None:
        path, document = request.lock, placed_lock(request.lock)
    else:
        path, document = chosen(directory, request, judging, notify)
    for told in _told(document, judging.target, request):
        notify(f"note: {told}")
    options = Options(
        skip=frozenset(map(canonicalize_name, request.skip)),
        ignored=ignored,
        interpreter=interpreter,
        build=request.build,
        verify=request.verify,
        keep=request.keep,
        adopt=request.adopt,
        offline=request.offline,
        find_links=request.find_links,
        force=request.force,
        guarded=request.guarded,
        words=_words(request),
        dry_run=request.dry_run,
    )
    indexes = IndexRequest(
        directory=path.parent,
        mirrors=request.mirrors,
        project_mirrors=mirrors_of(path.parent / "pyproject.toml"),
        offline=request.offline,
    )
    known = judging.knowledge(document)
    builder: Builder = NoBuilder()
    if any(package.build for package in locked_packages(document)):
        builder = _builder(judging, request, options, indexes, watch=watch, notify=notify)
    with open_downloads(indexes, environ, notify) as downloads:
        try:
            return install_lock(
                document,
                judging.target,
                known,
                prefix,
                options=options,
                downloads=Downloads(
                    locate=downloads.locate,
                    variables=downloads.variables,
                    build_variables=downloads.build_variables,
                    watch=watch,
                ),
                builder=builder,
                prover=_prover(known, is_named=request.target.gpus not in ((), ("auto",))),
                notify=notify,
            )
        except Refused as error:
            from envfit.api.refused import with_ways_out

            judged = judging.judge(path, document, request.skip)
            raise with_ways_out(error, judged, request, judging) from None


def _prover(known: KnowledgeBase, *, is_named: bool) -> Prover:
    """Return what proves an environment, loaded only when one is there to be proved."""

    def prove(
        version: Path, planned: Plan, target: Target, options: Options, notify: Callable[[str], None]
    ) -> Proof:
        from envfit.api.verifying import prover

        return prover(known, is_named=is_named)(version, planned, target, options, notify)

    return prove


def _prefix(named: Path | None, conda: str | None, notify: Notify) -> Path:
    """Return where an environment goes, which is never one of conda's that is active.

    Raises InstallError where that is named, or a directory in it.
    """
    prefix = (named or Path(".venv")).absolute()
    if not conda:
        return prefix
    active = Path(conda).absolute()
    if prefix == active or active in prefix.parents:
        raise InstallError(
            f"{prefix} is {'' if prefix == active else 'in '}the conda environment that is active, "
            "and envfit leaves those as they are",
            hints=[
                "name a --prefix outside of it: the new environment is used in its place, not beside it",
                "to add to what conda installed: lock and install with --provided-from python",
            ],
        )
    if named is None:
        notify(f"the conda environment that is active ({active}) stays as it is; this goes into {prefix}")
    return prefix


def _builder(
    judging: Judging,
    request: InstallRequest,
    options: Options,
    indexes: IndexRequest,
    *,
    watch: Watch | None,
    notify: Notify,
) -> Builder:
    from envfit.api.buildable import BuildRequest
    from envfit.api.compiling import LockBuilder

    asked = BuildRequest(
        environ=judging.environ,
        indexes=indexes,
        mode=options.build,
        interpreter=options.interpreter,
        skip=options.skip,
        ignored=options.ignored,
        jobs=request.jobs,
        find_links=options.find_links,
    )
    return LockBuilder(judging.target, judging.base, asked, watch=watch, notify=notify)


def _told(lock: Pylock, target: Target, request: InstallRequest) -> Iterator[str]:
    """Yield what a lock tells of its target and is not so here, for information."""
    try:
        made_for = locked_target(lock)
    except LockError:
        return  # nothing depends on it
    if made_for is None:
        return
    named = request.target.gpus not in ((), ("auto",))
    ignored = {(gpu.name, gpu.capability) for gpu in made_for.ignored_gpus}
    alike = [gpu for gpu in target.gpus if (gpu.name, gpu.capability) in ignored]
    if alike and len(alike) < len(target.gpus):
        names = ", ".join(dict.fromkeys(gpu.name for gpu in alike))
        options = shlex.join(ignoring_options(alike))
        yield f"the lock was made without the {names}; {options} leaves it out here too"
    if made_for.gpus and not target.gpus and request.guarded and not named:
        names = " and ".join(dict.fromkeys(gpu.name for gpu in made_for.gpus))
        yield (
            f"the lock was made for {names}, and this machine has no GPU: the guard refuses nothing for the "
            "sake of one; --gpu NAME says which it is for"
        )


def _words(request: InstallRequest) -> tuple[str, ...]:
    """Return the words of a command line that install a lock of an environment again as it was installed."""
    target = request.target
    named = tuple(name for name in target.gpus if name != "auto")
    words = [*target_words(replace(target, gpus=named))]
    if request.provided_from is not None:
        python = request.provided_from
        words += ["--provided-from", os.path.abspath(python) if os.sep in python else python]  # noqa: PTH100
    words += [word for rule in request.ignore_rules for word in ("--ignore-rule", rule)]
    words += ["--verify", request.verify.value] if request.verify is not Verify.REQUESTED else []
    words += ["--force-incompatible"] if request.force else []
    words += ["--no-guard"] if not request.guarded else []
    return tuple(words)
