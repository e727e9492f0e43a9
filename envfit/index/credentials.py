"""User names and passwords for indexes: from addresses, from ``.netrc``, from keyring.

They are added to requests and written nowhere.  Those in an address hold before
those in ``.netrc``, which requests reads by itself wherever none are given here.
The ``keyring`` command is asked as pip and uv ask it, once for each origin: where
an address names a user without a password, and, where pip or uv is told to use
keyring always, after an index has refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from urllib.parse import urlsplit

from envfit.address import credentials, origin, public_address
from envfit.frozen import frozen
from envfit.index.once import Once

__all__ = ["Credentials", "KeyringUse"]

_PATIENCE = 60.0  # seconds; a keyring may ask its user to unlock it


class KeyringUse(Enum):
    """When the ``keyring`` command is asked."""

    FOR_USERS = "auto"  # where an address names a user without a password
    ALWAYS = "subprocess"  # and wherever an index refuses
    NEVER = "disabled"


@frozen
class _Entry:
    """What one address says of itself."""

    address: str  # public
    user: str | None
    password: str | None


class Credentials:
    """The credentials in use; safe to use from several threads."""

    def __init__(self, environ: Mapping[str, str], *, keyring: KeyringUse = KeyringUse.FOR_USERS) -> None:
        self._environ = environ
        self._keyring = keyring
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._asked: dict[tuple[tuple[str, str], str | None], Once[tuple[str, str] | None]] = {}
        self._learnt: dict[tuple[str, str], tuple[str, str]] = {}

    def add(self, url: str) -> None:
        """Register an address of an index with what it says of user and password."""
        user, password = credentials(url) or (None, None)
        with self._lock:
            self._entries.append(_Entry(address=public_address(url), user=user, password=password or None))

    def of(self, url: str) -> tuple[str, str] | None:
        """Return user name and password for a request, or None where requests is to look into ``.netrc``.

        Of several addresses with a user on one origin, the one that has most of its path in common counts.
        """
        entry = self._nearest(url, with_user=True)
        if entry is None or entry.user is None:
            return self._learnt.get(origin(url))
        if entry.password is not None:
            return entry.user, entry.password
        return self._answer(entry.address, entry.user) or (entry.user, "")

    def may_learn(self, url: str) -> bool:
        """Tell whether a refusal would lead to credentials that are not known yet."""
        return self._keyring is KeyringUse.ALWAYS and self.of(url) is None

    def after_refusal(self, url: str, tried: tuple[str, str] | None) -> tuple[str, str] | None:
        """Return what to try after an index refused, or None where there is nothing else."""
        if tried is not None or self._keyring is not KeyringUse.ALWAYS:
            return None
        entry = self._nearest(url, with_user=False)
        found = self._answer(entry.address if entry is not None else public_address(url), None)
        if found is not None:
            self._learnt[origin(url)] = found
        return found

    def _nearest(self, url: str, *, with_user: bool) -> _Entry | None:
        """Return the registered address on the same origin that is nearest, the last of several."""
        with self._lock:
            entries = [
                entry
                for entry in self._entries
                if origin(entry.address) == origin(url) and (entry.user is not None or not with_user)
            ]
        return max(reversed(entries), key=lambda entry: _in_common(entry.address, url), default=None)

    def _answer(self, address: str, user: str | None) -> tuple[str, str] | None:
        key = (origin(address), user)
        with self._lock:
            once = self._asked.setdefault(key, Once(lambda: self._look_up(address, user)))
        return once.get()

    def _look_up(self, address: str, user: str | None) -> tuple[str, str] | None:
        if user is not None:
            from requests.utils import get_netrc_auth

            stated = get_netrc_auth(address)
            if stated is not None and stated[0] == user:
                return user, stated[1]
        if self._keyring is KeyringUse.NEVER:
            return None
        # As pip and uv ask: for the whole address first, then for its host.
        for service in (address, urlsplit(address).netloc):
            found = self._ask_keyring(service, user)
            if found is not None:
                return found
        return None

    def _ask_keyring(self, service: str, user: str | None) -> tuple[str, str] | None:
        import subprocess

        words: Sequence[str] = [user] if user is not None else ["--mode", "creds"]
        try:
            ended = subprocess.run(
                ["keyring", "get", service, *words],  # noqa: S607 - as pip and uv do, the one on PATH
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return None
        lines = ended.stdout.splitlines()
        if ended.returncode != 0 or not lines:
            return None
        if user is not None:
            return user, lines[0]
        return (lines[0], lines[1]) if len(lines) > 1 else None


def _in_common(address: str, url: str) -> int:
    """Return how many leading parts of their paths two addresses have in common."""
    return sum(1 for _ in _same(_parts(address), _parts(url)))


def _same(one: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    for left, right in zip(one, other, strict=False):
        if left != right:
            return
        yield left


def _parts(url: str) -> Sequence[str]:
    return [part for part in urlsplit(url).path.split("/") if part]
