"""The making of an environment from a lock, in a directory that nothing points to yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from packaging.pylock import Pylock
from packaging.version import Version

from envfit.detect.interpreter import Interpreter
from envfit.distribution import Distribution, Sdist, Wheel
from envfit.errors import EnvfitError, InstallError
from envfit.frozen import frozen
from envfit.index.progress import Progress
from envfit.install.activation import serve_plain_shells
from envfit.install.addresses import handed_over
from envfit.install.exposure import check_exposed, expose
from envfit.install.find_links import found_in
from envfit.install.guard import Line, constraints_text, guard
from envfit.install.guard_files import write_guard
from envfit.install.hidden_gpus import hide_gpus, visible_indexes
from envfit.install.missing import not_here
from envfit.install.options import Options
from envfit.install.plan import Plan
from envfit.install.run_uv import create_venv, sync
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.file import write_lock
from envfit.lock.reading import locked_packages
from envfit.target import Target

__all__ = ["Downloads", "make"]


#: Shows what a function returns, again and again, until it is given another.
Watch = Callable[[Callable[[], str]], None]


@frozen
class Downloads:
    """Where files come from: ``locate`` returns, by address in the lock, where they are fetched from instead.

    ``build_variables`` returns settings for uv, where a source distribution is among
    them, and ``variables`` are those of how servers are reached.  All may hold credentials;
    the environment's record of its lock has none.
    ``watch`` is given what tells how far it is, where somebody looks at a terminal.
    """

    locate: Callable[[Sequence[Distribution]], Mapping[str, str]] = lambda _: {}
    build_variables: Callable[[], Mapping[str, str]] = dict
    variables: Mapping[str, str] = field(default_factory=dict)
    watch: Watch | None = None


def make(
    version: Path,
    lock: Pylock,
    planned: Plan,
    *,
    target: Target,
    knowledge: KnowledgeBase,
    options: Options,
    downloads: Downloads,
    prompt: str,
    notify: Callable[[str], None],
) -> tuple[Line, ...]:
    """Make the environment of a lock, guarded where the options say so, and return what it is held to.

    ``lock`` is without what is skipped.  Raises InstallError, SourceError or FileError.
    """
    interpreter = options.interpreter
    notify(f"making an environment with Python {planned.python}")
    create_venv(
        version,
        planned.python,
        interpreter=interpreter.executable if interpreter is not None else options.python,
        offline=options.offline,
        variables=downloads.variables,
        prompt=prompt,
        notify=notify,
    )
    _require_python(version, planned.python)
    serve_plain_shells(version)
    _fill(version, lock, planned, options=options, downloads=downloads, notify=notify)
    visible = visible_indexes(target)
    if visible is not None:
        hide_gpus(version, visible)
    if interpreter is not None:
        expose(interpreter, version / "lib" / f"python{planned.python}" / "site-packages")
        check_exposed(interpreter, version / "bin" / "python", planned.to_install)
    if not options.guarded:
        return ()
    query = Query(knowledge, target, ignored=options.ignored)
    lines = guard(_versions(planned, interpreter), query)
    write_guard(version, constraints_text(lines, target))
    return lines


def _fill(
    version: Path,
    lock: Pylock,
    planned: Plan,
    *,
    options: Options,
    downloads: Downloads,
    notify: Callable[[str], None],
) -> None:
    files = [package.distribution for package in locked_packages(lock)]
    here = found_in(options.find_links, files)
    elsewhere = downloads.locate([file for file in files if file.url not in here])
    addresses = {**elsewhere, **{url: path.as_uri() for url, path in here.items()}}
    variables = downloads.variables
    if any(isinstance(file, Sdist) for file in files):
        variables = {**variables, **_for_builds(downloads, options)}
    record = version / "pylock.toml"
    write_lock(lock, record)
    constraints = version / "build-constraints.txt"
    constraints.write_text("".join(f"{line}\n" for line in options.build_constraints), encoding="utf-8")
    progress = None
    if downloads.watch is not None:
        progress = Progress(
            {file.name: file.size for file in files if isinstance(file, Wheel | Sdist) and file.size}
        )
        downloads.watch(progress.status)
    python = version / "bin" / "python"
    with handed_over(lock, record, addresses) as given:
        try:
            sync(
                python,
                given,
                # uv demands one of everything or of nothing, and checks those that a lock has in any case.
                require_hashes=not any(package.is_source_tree for package in planned.to_install),
                offline=options.offline,
                build_constraints=constraints,
                variables=variables,
                progress=progress,
                notify=notify,
            )
        except EnvfitError:
            missing = not_here(python, given, variables=variables) if options.offline else None
            if missing is None:
                raise
            raise missing from None
    if downloads.watch is not None:
        downloads.watch(str)  # nothing


def _for_builds(downloads: Downloads, options: Options) -> Mapping[str, str]:
    """Return uv's settings of where builds of source distributions get what they require."""
    variables = downloads.build_variables()
    links = [variables.get("UV_FIND_LINKS", ""), *(str(path.absolute()) for path in options.find_links)]
    return {**variables, "UV_FIND_LINKS": ",".join(filter(None, links))}


def _versions(planned: Plan, interpreter: Interpreter | None) -> dict[str, Version]:
    """Return what programs in the environment will see, by name."""
    provided = interpreter.provided if interpreter is not None else ()
    own = {item.name: item.version for item in planned.to_install if item.version is not None}
    return {**{package.name: package.version for package in provided}, **own}


def _require_python(version: Path, wanted: str) -> None:
    """Raise InstallError where the interpreter that was taken is not of the lock's Python."""
    settings = (version / "pyvenv.cfg").read_text(encoding="utf-8")
    found = re.search(r"^version(?:_info)?\s*=\s*((\d+\.\d+)\S*)", settings, re.MULTILINE)
    if found is None or found[2] != wanted:
        has = f"is Python {found[1]}" if found else "does not say what it is"
        raise InstallError(f"the lock is for Python {wanted}, and the interpreter {has}")
