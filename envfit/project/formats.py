"""``--no-binary`` and ``--only-binary``: which packages may come as wheels, which as source distributions.

A value is ``:all:``, ``:none:`` (which empties what was said so far) or names
with commas between them.  What is said later holds; a name counts more than
``:all:``.

Source: pip's documentation, "pip install", ``--no-binary``.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import InvalidName, canonicalize_name

from envfit.errors import InputError
from envfit.frozen import frozen

__all__ = ["ALL", "Formats", "contradiction", "read_formats"]

ALL = ":all:"
_NONE = ":none:"


@frozen
class Formats:
    """Normalized names, or ``:all:``, in the order in which they were said."""

    no_binary: tuple[str, ...] = ()  # never as wheels
    only_binary: tuple[str, ...] = ()  # never as source distributions

    def with_option(self, option: str, value: str) -> Formats:
        """Return what holds after one more ``--no-binary`` or ``--only-binary``.

        Raises InputError where the value names no package.
        """
        chosen, other = self.no_binary, self.only_binary
        if option == "--only-binary":
            chosen, other = other, chosen
        for word in (word.strip() for word in value.split(",")):
            if word == ALL:
                chosen, other = (ALL,), ()
            elif word == _NONE:
                chosen = ()
            else:
                name = _name(word)
                chosen = (*(one for one in chosen if one != name), name)
                other = tuple(one for one in other if one != name)
        if option == "--only-binary":
            chosen, other = other, chosen
        return Formats(no_binary=chosen, only_binary=other)


def read_formats(no_binary: Iterable[str], only_binary: Iterable[str]) -> Formats:
    """Return what two lists of values say, where nothing tells which was said later.

    Raises InputError where a value names no package, or both lists name the same.
    """
    none, only = Formats(), Formats()
    for value in no_binary:
        none = none.with_option("--no-binary", value)
    for value in only_binary:
        only = only.with_option("--only-binary", value)
    both = contradiction(none.no_binary, only.only_binary)
    if both is not None:
        raise InputError(f"{both} is under no-binary and under only-binary, so nothing of it could be used")
    return Formats(no_binary=none.no_binary, only_binary=only.only_binary)


def contradiction(no_binary: Iterable[str], only_binary: Iterable[str]) -> str | None:
    """Return what both lists name, or None."""
    return next(iter(sorted({*no_binary} & {*only_binary})), None)


def _name(word: str) -> str:
    try:
        return canonicalize_name(word, validate=True)
    except InvalidName:
        raise InputError(f"{word!r} is not the name of a package, :all: or :none:") from None
