"""Activation in a plain POSIX shell.

The script of a relocatable environment asks the shell for its own path, which bash, zsh and ksh
tell.  In another shell, such as the dash that is /bin/sh on Debian and Ubuntu and runs the lines
of every Makefile, it would silently activate nothing.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from envfit.errors import FileError

__all__ = ["serve_plain_shells"]

_KSH = """\
        SCRIPT_PATH="${.sh.file}"
"""


def serve_plain_shells(environment: Path) -> None:
    """Tell the activation script its path, for shells that do not know it; raises FileError."""
    script = environment / "bin" / "activate"
    try:
        text = script.read_text(encoding="utf-8")
        path = f"    else\n        SCRIPT_PATH={shlex.quote(str(script.absolute()))}\n"
        script.write_text(text.replace(_KSH, f"{_KSH}{path}", 1), encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot write {script}: {error.strerror or error}") from error
