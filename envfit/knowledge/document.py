"""Typed reading of one parsed TOML document, collecting every fault with its path.

A reader that stops at the first mistake makes a contributor run it ten times;
this one keeps going with a stand-in value and reports all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

__all__ = ["Table"]

T = TypeVar("T")


class Table:
    """One table of a document, with the path to it."""

    def __init__(self, data: Mapping[str, object], *, file: str, path: str, faults: list[str]) -> None:
        self._data = data
        self._read: set[str] = set()
        self.file = file
        self.path = path
        self.faults = faults

    def fault(self, message: str, key: str = "") -> None:
        """Record a fault at this table, or at one of its keys."""
        place = ".".join(part for part in (self.path, key) if part)
        self.faults.append(f"{self.file}: {place + ': ' if place else ''}{message}")

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; without a default the key is required."""
        return self._value(key, str, "a string", "" if default is None else default, required=default is None)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        return self._value(key, bool, "true or false", default, required=False)

    def number(self, key: str) -> int:
        """Return a required integer."""
        return self._value(key, int, "an integer", 0, required=True)

    def quantity(self, key: str) -> float:
        """Return a required number above zero, whole or not."""
        value = self._value(key, object, "a number", 1, required=True)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            self.fault("is no number above zero", key)
            return 1
        return value

    def day(self, key: str) -> date:
        """Return a required date."""
        value = self._value(key, date, "a date such as 2026-11-22", date.min, required=True)
        if isinstance(value, datetime):
            self.fault("is a moment, not a date", key)
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Return a list of strings; a single string counts as a list of one."""
        value = self._value(key, object, "a list of strings", (), required=required)
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, Sequence) or not all(isinstance(item, str) for item in items):
            self.fault("is not a list of strings", key)
            return ()
        return tuple(items)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of integers."""
        value = self._value(key, list, "a list of integers", [], required=False)
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in value):
            self.fault("is not a list of integers", key)
            return ()
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, str]:
        """Return a table of strings."""
        value = self._value(key, dict, "a table of strings", {}, required=False)
        if not all(isinstance(item, str) for item in value.values()):
            self.fault("is not a table of strings", key)
            return {}
        return value

    def table(self, key: str) -> Table:
        """Return a table; one that is missing is empty."""
        value = self._value(key, dict, "a table", {}, required=False)
        return Table(value, file=self.file, path=self._at(key), faults=self.faults)

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the tables of an array of tables."""
        value = self._value(key, list, "an array of tables", [], required=False)
        for position, item in enumerate(value):
            if not isinstance(item, dict):
                self.fault("is not a table", f"{key}[{position}]")
                continue
            yield Table(item, file=self.file, path=self._at(f"{key}[{position}]"), faults=self.faults)

    def parsed(self, key: str, parse: Callable[[str], T], default: T, *, required: bool = True) -> T:
        """Return a string parsed by ``parse``; a fault where that raises."""
        if key not in self._data:
            return self._missing(key, default) if required else default
        if not isinstance(self._data[key], str):
            self.text(key)  # for its fault: there is nothing to parse
            return default
        return self.parse_each(key, [self.text(key)], parse, default)[0]

    def parse_each(self, key: str, values: Sequence[str], parse: Callable[[str], T], default: T) -> list[T]:
        """Parse each of several strings, with a fault for each that ``parse`` refuses."""
        result = []
        for value in values:
            try:
                result.append(parse(value))
            except Exception as error:  # noqa: BLE001 - the parsers of four libraries raise their own kinds
                self.fault(f"{value!r}: {error}", key)
                result.append(default)
        return result

    def finish(self) -> None:
        """Record a fault for every key that nobody read."""
        for key in self._data:
            if key not in self._read:
                self.fault("is not a known key", key)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _missing(self, key: str, default: T) -> T:
        self._read.add(key)
        self.fault("is missing", key)
        return default

    def _value(self, key: str, kind: type[T], what: str, default: T, *, required: bool) -> T:
        if key not in self._data:
            return self._missing(key, default) if required else default
        self._read.add(key)
        value = self._data[key]
        # bool is an int to Python, and never to a reader of the file.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fault(f"is not {what}", key)
            return default
        return value
