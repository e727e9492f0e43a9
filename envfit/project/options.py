"""What the options in requirements files say of how to lock.

What pip or uv allow there and envfit does not support is a fault; what cannot
change a lock is a note.

Sources: pip's documentation, "Requirements File Format", and pip 26.3; uv's,
"Compatibility with pip".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envfit.errors import InputError
from envfit.project.document import nearest
from envfit.project.faults import Faults
from envfit.project.formats import ALL, Formats
from envfit.project.index_address import find_links_address, is_address
from envfit.project.settings import Settings

__all__ = ["Options"]

#: Options that do nothing to a lock, each with what a note says of it.
_WITHOUT_EFFECT = {
    "--prefer-binary": "a wheel is preferred only to a source distribution of the same version",
    "--trusted-host": "certificates are always checked",
    "--use-feature": "it changes pip itself",
}
#: Options that change what is locked, each with what to do instead, where something serves.
_UNSUPPORTED = {
    "--all-releases": "only :all: is supported; name a pre-release in the range instead: NAME>=1.0rc1",
    "--config-settings": "",
    "--editable": "a line holds one --editable, and nothing before it",
    "--global-option": "it is for builds with setup.py alone, and pip has dropped it",
    "--hash": "it goes behind the requirement that it belongs to, on the same line",
    "--no-require-hashes": "leave it out: without --require-hashes, only the hashes that are given count",
    "--only-final": "leave it out: pre-releases are taken only where a range names one",
}
_FLAGS = frozenset({"--no-index", "--pre", "--require-hashes"})
_ADDRESSES = frozenset({"--extra-index-url", "--index-url"})
_FORMATS = frozenset({"--no-binary", "--only-binary"})
_KNOWN = frozenset(
    {
        *_FLAGS,
        *_ADDRESSES,
        *_FORMATS,
        *_WITHOUT_EFFECT,
        *_UNSUPPORTED,
        "--constraint",
        "--find-links",
        "--requirement",
    }
)


class Options:
    """What the options read so far say; each is given by its long name."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._flags: set[str] = set()
        self._index_url: str | None = None
        self._extra_index_urls: list[str] = []
        self._find_links: list[str] = []
        self._formats = Formats()
        self._notes: list[str] = []

    def settings(self) -> Settings:
        """Return what was said."""
        return Settings(
            index_url=self._index_url,
            extra_index_urls=tuple(dict.fromkeys(self._extra_index_urls)),
            no_index="--no-index" in self._flags,
            find_links=tuple(dict.fromkeys(self._find_links)),
            pre="--pre" in self._flags,
            no_binary=self._formats.no_binary,
            only_binary=self._formats.only_binary,
            require_hashes="--require-hashes" in self._flags,
        )

    def notes(self) -> tuple[str, ...]:
        """Return what was said and does nothing."""
        return tuple(self._notes)

    def add(self, name: str, value: str, *, where: str, folders: Sequence[Path]) -> None:
        """Take one option; a path is relative to the first of ``folders`` that has it."""
        if name in _FLAGS:
            self._flags.add(name)
        elif name in _WITHOUT_EFFECT:
            self._notes.append(f"{where}: {name} has no effect: {_WITHOUT_EFFECT[name]}")
        elif name == "--all-releases" and value == ALL:
            self._flags.add("--pre")
        elif not value and name in {*_ADDRESSES, *_FORMATS, "--find-links"}:
            self._faults.add(f"{where}: {name} names nothing")
        elif name in _ADDRESSES:
            self._add_index(name, value, where)
        elif name in _FORMATS:
            try:
                self._formats = self._formats.with_option(name, value)
            except InputError as error:
                self._faults.add(f"{where}: {name}: {error.message}")
        elif name == "--find-links":
            try:
                self._find_links.append(find_links_address(value, *folders))
            except InputError as error:
                self._faults.add(f"{where}: {name}: {error.message}")
        else:
            self.refuse(name, where)

    def refuse(self, name: str, where: str) -> None:
        """Note the fault of an option that cannot be honoured."""
        if not name.startswith("-"):
            self._faults.add(f"{where}: a word that belongs to no option")
        elif name in _KNOWN:
            hint = _UNSUPPORTED.get(name)
            self._faults.add(
                f"{where}: {name} is not supported here", hints=[f"{name}: {hint}"] if hint else ()
            )
        else:
            meant = nearest(name, _KNOWN) if name.startswith("--") else ""
            self._faults.add(f"{where}: {name} is unknown{meant if 'did you mean' in meant else ''}")

    def _add_index(self, name: str, value: str, where: str) -> None:
        if not is_address(value):
            # The text is not repeated: it may hold a password.
            self._faults.add(
                f"{where}: the value of {name} is not an address that begins with https://, http:// or file://"
            )
        elif name == "--extra-index-url":
            self._extra_index_urls.append(value)
        elif self._index_url not in (None, value):
            self._faults.add(f"{where}: --index-url is given a second time, with another address")
        else:
            self._index_url = value
