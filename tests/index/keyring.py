"""A ``keyring`` command for tests: it has one password, and notes what it is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Keyring", "make_keyring"]

_SCRIPT = """\
#!/bin/sh
echo "$@" >> {log}
case "$*" in
    {password_question!r}) echo {password!r} ;;
    {both_question!r}) echo {user!r}; echo {password!r} ;;
    *) echo 'no such password' >&2; exit 1 ;;
esac
"""


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """Where the command is, and what it was asked."""

    directory: Path

    @property
    def environ(self) -> dict[str, str]:
        """An environment in which it is found."""
        return {"PATH": f"{self.directory}{os.pathsep}/usr/bin{os.pathsep}/bin"}

    @property
    def questions(self) -> list[str]:
        """The arguments of each call."""
        log = self.directory / "log"
        return log.read_text().splitlines() if log.exists() else []


def make_keyring(directory: Path, service: str, user: str, password: str) -> Keyring:
    """Write the command; it knows the password of one user of one service."""
    directory.mkdir()
    script = directory / "keyring"
    script.write_text(
        _SCRIPT.format(
            log=directory / "log",
            password_question=f"get {service} {user}",
            both_question=f"get {service} --mode creds",
            user=user,
            password=password,
        )
    )
    script.chmod(0o755)
    return Keyring(directory=directory)
