"""The activation scripts of an environment, and what is added to them.

The script of a relocatable environment asks the shell for its own path, which bash, zsh and ksh
tell.  In another shell, such as the dash that is /bin/sh on Debian and Ubuntu and runs the lines
of every Makefile, it would silently activate nothing.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from envfit.errors import FileError

__all__ = ["extended", "read_file", "serve_plain_shells", "write_file"]

_KSH = """\
        SCRIPT_PATH="${.sh.file}"
"""

#: By script: after which words deactivation begins.
_DEACTIVATION = {
    "activate": "\ndeactivate () {\n",
    "activate.fish": "return to the normal environment.'\n",
    "activate.csh": "alias deactivate '",
}


def serve_plain_shells(environment: Path) -> None:
    """Tell the activation script its path, for shells that do not know it; raises FileError."""
    script = environment / "bin" / "activate"
    path = f"    else\n        SCRIPT_PATH={shlex.quote(str(script.absolute()))}\n"
    write_file(script, read_file(script).replace(_KSH, f"{_KSH}{path}", 1))


def extended(written: str, name: str, *, end: str, back: str) -> str | None:
    """Return an activation script with more at its end, and what takes that back where it deactivates.

    None where the script has no such place.
    """
    begin, found, rest = written.partition(_DEACTIVATION[name])
    return f"{begin}{found}{back}{rest.rstrip()}\n{end}" if found else None


def read_file(path: Path) -> str:
    """Return the text of a file of an environment; raises FileError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {path}: {error}") from error


def write_file(path: Path, text: str) -> None:
    """Write a file of an environment; raises FileError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
