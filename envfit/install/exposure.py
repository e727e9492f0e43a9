"""How an environment sees what an interpreter provides: by a file of paths after its own.

A ``.pth`` file in the environment's site-packages appends every directory of the
interpreter's search path, in its order.  Python reads such files when it starts,
so that the directories come after the environment's own packages; what is in both
would be taken from the environment, and nothing is.  Then the .pth files that the
interpreter reads itself are read here too, so that its editable installations
work.  ``include-system-site-packages`` would not do: it knows
neither ``PYTHONPATH`` nor the packages of a virtual environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from envfit.detect.interpreter import Interpreter, read_interpreter
from envfit.errors import FileError, InstallError
from envfit.lock.reading import LockedPackage

__all__ = ["check_exposed", "expose"]

#: Read after those of packages: they are taken by name.
_FILE = "zz_envfit_provided.pth"


def expose(interpreter: Interpreter, site_packages: Path) -> None:
    """Make an environment see the packages of an interpreter, after its own."""
    own = [item for item in interpreter.directories if item in interpreter.site_directories]
    # In this order: what is on the path already is not added a second time.
    lines = [*interpreter.directories, *(f"import site; site.addsitedir({item!r})" for item in own)]
    try:
        (site_packages / _FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot write {site_packages / _FILE}: {error.strerror or error}") from error


def check_exposed(interpreter: Interpreter, python: Path, installed: Sequence[LockedPackage]) -> None:
    """Raise InstallError unless an environment sees all that is provided and all that was installed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    seen = {package.name: package for package in read_interpreter(str(python), environ).provided}
    wanted = {package.name: package.version for package in interpreter.provided}
    # A source tree has no version in a lock.
    wanted.update((package.name, package.version) for package in installed if package.version is not None)
    wrong = []
    for name, version in sorted(wanted.items()):
        here = seen.get(name)
        if here is None or here.version != version:
            wrong.append(f"{name} {version} " + (f"is {here.version}" if here is not None else "is not seen"))
    if wrong:
        raise InstallError(
            f"the environment does not see what it counts on: {'; '.join(wrong)}; it was not put in place"
        )
