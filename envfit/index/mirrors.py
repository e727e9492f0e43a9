"""Mirrors: where the files of an index are fetched from, while a lock names the index itself.

A mapping is a pair of prefixes of addresses, ``CANONICAL=MIRROR``.  A request for
an address under CANONICAL goes to MIRROR; an address under MIRROR, as the mirror's
pages state it, is known by the one under CANONICAL.  So a lock made through a
mirror is the lock that the index itself gives, and holds elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from envfit.address import address_of, public_address
from envfit.errors import InputError
from envfit.frozen import frozen

__all__ = ["Mirror", "Mirrors", "configured_mirrors"]

_VARIABLE = "ENVFIT_MIRRORS"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@frozen
class Mirror:
    """One pair of prefixes."""

    canonical: str
    mirror: str  # may carry credentials


class Mirrors:
    """The mappings in use; of several that fit an address, the one with the longest prefix holds."""

    def __init__(self, mirrors: Iterable[Mirror] = ()) -> None:
        self._mirrors = tuple(mirrors)
        self._to_mirror: dict[str, str] = {}
        self._to_canonical: dict[str, str] = {}
        for item in self._mirrors:
            canonical, mirror = _prefix(item.canonical), _prefix(item.mirror)
            self._to_mirror.setdefault(canonical, mirror)
            self._to_canonical.setdefault(mirror, canonical)

    @property
    def identity(self) -> str:
        """What tells these mappings from others: how addresses on a page are taken depends on them."""
        return " ".join(f"{mirror}={canonical}" for mirror, canonical in sorted(self._to_canonical.items()))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the mirrors as they were given, credentials included."""
        return tuple(item.mirror for item in self._mirrors)

    def mirrored(self, url: str) -> str | None:
        """Return the address, without credentials, that a mirror has for one; None where no mapping fits."""
        return _replaced(url, self._to_mirror)

    def canonical(self, url: str) -> str:
        """Return the address that a lock names for one that a mirror states; others as they are."""
        return _replaced(url, self._to_canonical) or url

    def is_canonical(self, url: str) -> bool:
        """Tell whether an address is under one of the prefixes that are mirrored."""
        return self.mirrored(url) is not None


def configured_mirrors(
    given: Iterable[str],
    environ: Mapping[str, str],
    settings: Iterable[tuple[str, str]],
    *,
    base: Path,
) -> Mirrors:
    """Return the mirrors of options, of ``ENVFIT_MIRRORS`` and of a project, the first statement first.

    A mirror may be a directory, relative to ``base``.  Raises InputError on what is no mapping.
    """
    pairs = [_pair(text, "--mirror") for text in given]
    pairs += [_pair(text, _VARIABLE) for text in environ.get(_VARIABLE, "").split()]
    pairs += settings
    return Mirrors(
        Mirror(canonical=canonical, mirror=address_of(mirror, base)) for canonical, mirror in pairs
    )


def _pair(text: str, where: str) -> tuple[str, str]:
    canonical, _, mirror = text.partition("=")
    if urlsplit(canonical).scheme not in {"http", "https"} or not urlsplit(canonical).netloc or not mirror:
        # The text is not repeated: it may hold a password.
        raise InputError(
            f"{where}: what is given is not CANONICAL=MIRROR",
            hints=["an example: https://index.example/simple=https://mirror.example/simple"],
        )
    return canonical, mirror


def _prefix(url: str) -> str:
    """Return an address in the one form in which prefixes are compared."""
    parts = urlsplit(public_address(url))
    scheme = parts.scheme.lower()
    netloc = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(scheme, "-"))
    return urlunsplit((scheme, netloc, parts.path, parts.query, "")).rstrip("/")


def _replaced(url: str, prefixes: Mapping[str, str]) -> str | None:
    """Return an address with its longest known prefix replaced, or None where none is known."""
    if not prefixes:
        return None
    found = ""
    plain = _prefix(url)
    for prefix in prefixes:
        if (plain == prefix or plain.startswith(f"{prefix}/")) and len(prefix) > len(found):
            found = prefix
    if not found:
        return None
    slashes = "/" * (len(public_address(url)) - len(public_address(url).rstrip("/")))
    return prefixes[found] + plain[len(found) :] + slashes
