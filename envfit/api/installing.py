"""Installing: the request, and how its parts reach the rooms that do it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envfit.api.ignored import ignored_rules
from envfit.api.indexes import IndexRequest, open_downloads
from envfit.api.knowing import load_knowledge
from envfit.api.provided import ask_interpreter
from envfit.api.reading import with_kept_code
from envfit.api.targets import Notify, TargetRequest, this_machine, without_ignored
from envfit.errors import InstallError
from envfit.frozen import frozen
from envfit.install import Build, Downloads, Options, Verify
from envfit.install import install as install_lock
from envfit.lock.file import read_lock
from envfit.lock.reading import locked_target, rebased
from envfit.project import mirrors_of, rules_of

if TYPE_CHECKING:
    from envfit.install import InstallReport
    from envfit.install.make import Watch

__all__ = ["InstallRequest", "install"]


@frozen
class InstallRequest:
    """What ``install`` is asked for; the defaults are those of the command line."""

    lock: Path | None = None  # None: pylock.toml
    prefix: Path | None = None  # None: .venv
    target: TargetRequest = field(default_factory=lambda: TargetRequest(gpus=("auto",)))
    skip: tuple[str, ...] = ()
    provided_from: str | None = None  # the interpreter whose packages the lock counts on
    ignore_rules: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()  # CANONICAL=MIRROR
    guarded: bool = True
    build: Build = Build.AUTO
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

    Mirrors of the request come before those of the environment and of the project that the lock
    lies in, whose rules count too.  ``watch`` is given what tells how far the downloads are.
    Raises InstallRefusedError with the reasons before anything is made, and
    InstallError or VerificationError with the former environment untouched.
    """
    environ = os.environ if environ is None else environ
    prefix = _prefix(request.prefix, environ.get("CONDA_PREFIX"), notify)
    path = request.lock or Path("pylock.toml")
    document = rebased(read_lock(path), path.parent.absolute())
    base = with_kept_code(load_knowledge(rules_of(path.parent / "pyproject.toml")), document, environ)
    ignored = ignored_rules(request.ignore_rules, base)
    for rule in sorted(ignored):
        notify(f"ignored rule: {rule}")
    options = Options(
        skip=frozenset(map(canonicalize_name, request.skip)),
        ignored=ignored,
        interpreter=ask_interpreter(request.provided_from, (), environ, notify),
        build=request.build,
        verify=request.verify,
        keep=request.keep,
        adopt=request.adopt,
        offline=request.offline,
        find_links=request.find_links,
        force=request.force,
        guarded=request.guarded,
        dry_run=request.dry_run,
    )
    indexes = IndexRequest(
        directory=path.parent,
        mirrors=request.mirrors,
        project_mirrors=mirrors_of(path.parent / "pyproject.toml"),
        offline=request.offline,
    )
    with open_downloads(indexes, environ, notify) as downloads:
        return install_lock(
            document,
            without_ignored(
                this_machine(request.target, base, notify=notify), locked_target(document), notify
            ),
            base,
            prefix,
            options=options,
            downloads=Downloads(
                locate=downloads.locate, build_variables=downloads.build_variables, watch=watch
            ),
            notify=notify,
        )


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
