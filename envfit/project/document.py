"""A mapping inside a parsed TOML or YAML document, read by type.

Each reading either returns the type asked for or notes a fault that names the
path in the document (``tool.envfit.if-supported[1]``), so that one pass over a
file finds all its faults.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, time
from pathlib import Path

from envfit.errors import InputError
from envfit.project.faults import Faults

__all__ = ["Table", "nearest"]

# Before its superclass: a truth value is an int to Python, a datetime a date.
_KINDS: tuple[tuple[type, str], ...] = (
    (str, "a text"),
    (bool, "a truth value"),
    (int, "a number"),
    (float, "a number"),
    (date, "a date"),
    (time, "a time"),
    (list, "a list"),
    (dict, "a table"),
    (type(None), "empty"),
)


class Table:
    """One mapping of a document, with its path."""

    def __init__(self, values: Mapping[str, object], *, file: Path, path: str, faults: Faults) -> None:
        self._values = values
        self._file = file
        self._path = path
        self._faults = faults

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return (str(key) for key in self._values)

    def get(self, key: str) -> object:
        """Return a value of any type, or None where the key is absent."""
        return self._values.get(key)

    def place(self, key: str) -> str:
        """Return file and path of a key, or of an item such as ``channels[0]``."""
        return f"{self._file} {self._path}.{key}" if self._path else f"{self._file} {key}"

    def fault(self, key: str, sentence: str, *hints: str) -> None:
        """Note a fault at a key."""
        self._faults.add(f"{self.place(key)} {sentence}", hints=hints)

    def note(self, error: InputError) -> None:
        """Note a fault whose sentence already names its place."""
        self._faults.add(error.message, hints=error.hints)

    def wrong(self, key: str, value: object, expected: str, *hints: str) -> None:
        """Note that a value is of a wrong type."""
        kind = next((word for type_, word in _KINDS if isinstance(value, type_)), "of an unknown type")
        self.fault(key, f"is {kind}, not {expected}", *hints)

    def text(self, key: str) -> str | None:
        """Return a text, or None where the key is absent or wrong."""
        value = self._values.get(key)
        if value is None or isinstance(value, str):
            return value
        # Python 3.10 without quotes is the number 3.1.
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        self.wrong(key, value, "a text", *([f"put the value of {key} in quotes"] if number else []))
        return None

    def flag(self, key: str) -> bool | None:
        """Return a truth value, or None where the key is absent or wrong."""
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(key, value, "a truth value")
        return None

    def items(self, key: str) -> tuple[tuple[str, object], ...]:
        """Return the items of a list, each with its key (``channels[0]``)."""
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(key, value, "a list")
            return ()
        return tuple((f"{key}[{position}]", item) for position, item in enumerate(value))

    def texts(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the items of a list of texts, each with its key; wrong ones are left out."""
        found = []
        for item_key, item in self.items(key):
            if isinstance(item, str):
                found.append((item_key, item))
            else:
                self.wrong(item_key, item, "a text")
        return tuple(found)

    def table(self, key: str) -> Table:
        """Return a table, empty where the key is absent or wrong."""
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, value, "a table")
            value = {}
        return self.nested(key, value)

    def nested(self, key: str, values: Mapping[str, object]) -> Table:
        """Return a table of this one, such as an item of a list."""
        path = f"{self._path}.{key}" if self._path else key
        return Table(values, file=self._file, path=path, faults=self._faults)

    def reject_unknown(self, known: Collection[str]) -> None:
        """Note a fault for each key that is not among the known ones."""
        for key in self:
            if key not in known:
                self.fault(key, f"is unknown{nearest(key, known)}")


def nearest(word: str, known: Collection[str]) -> str:
    """Return ``"; did you mean X?"``, or what there is, or nothing where there is nothing."""
    import difflib

    close = difflib.get_close_matches(word, sorted(known), n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there is {', '.join(sorted(known))}" if known else ""
