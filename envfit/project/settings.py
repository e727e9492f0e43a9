"""The settings of a project: the command line's options, written in a file.

They come from ``[tool.envfit]`` of ``pyproject.toml``, and a few of them from
requirements files and ``environment.yml``.  None or empty is unsaid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.version import Version

from envfit.errors import InputError, RequirementError, TargetError
from envfit.project.declared import Declared, parse_requirement, without_credentials
from envfit.project.document import Table
from envfit.target import Platform

__all__ = [
    "Concession",
    "Settings",
    "TargetSettings",
    "is_address",
    "parse_exclude_newer",
    "read_mirrors",
    "read_settings",
]

Concession = Literal["none", "minor", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """What is said of a target; names of GPUs are not judged here."""

    name: str | None = None  # of [tool.envfit.targets.NAME]
    gpus: tuple[str, ...] = ()  # as written
    driver: str | None = None  # as written: 535.161.08 keeps its zero
    python: Version | None = None  # a minor such as 3.11, or a release such as 3.11.4
    glibc: Version | None = None
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is said of how to lock."""

    target: TargetSettings = TargetSettings()
    targets: tuple[TargetSettings, ...] = ()  # the named ones
    if_supported: tuple[Declared, ...] = ()  # in the order to try
    concede: Concession | None = None
    pre: bool = False
    index_url: str | None = None  # may hold credentials
    extra_index_urls: tuple[str, ...] = ()  # may hold credentials
    pytorch_index: bool | str = False  # True: the PyTorch index itself; a text: the address of a mirror
    exclude_newer: datetime | None = None  # UTC; what was uploaded at it or later does not exist
    find_links: tuple[str, ...] = ()  # addresses and absolute paths; may hold credentials
    index_routes: tuple[tuple[str, str], ...] = ()  # a name or prefix-*, and the index that alone serves it
    mirrors: tuple[tuple[str, str], ...] = ()  # prefixes of addresses: canonical, mirror
    ignore_rules: tuple[str, ...] = ()  # ids
    rules: tuple[Path, ...] = ()  # directories of the user's own rules


def is_address(text: str) -> bool:
    """Tell whether a text is an address that an index can have."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (parts.scheme in ("http", "https") and bool(parts.hostname)) or parts.scheme == "file"


def parse_exclude_newer(value: str | date) -> datetime:
    """Return the moment, in UTC, from which on uploads are not seen.

    A date includes the whole of that day, in UTC whatever the zone of this machine:
    the same input gives the same lock everywhere.  A time without zone is UTC (RFC 3339).
    Raises InputError on anything else.
    """
    try:
        if isinstance(value, str):
            value = _parse_moment(value.strip())
        if not isinstance(value, datetime):
            return datetime.combine(value, time(), timezone.utc) + timedelta(days=1)
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise InputError(f"{str(value)!r} is not a date such as 2026-01-31") from None


def _parse_moment(text: str) -> date:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return date.fromisoformat(text)
    # Python 3.10 does not read Z.
    return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))


_CONCESSIONS: dict[str, Concession] = {"any": "any", "minor": "minor", "none": "none"}
_TARGET_KEYS = frozenset({"driver", "glibc", "gpu", "platform", "python"})
_KEYS = _TARGET_KEYS | {
    "concede",
    "constraints",
    "exclude-newer",
    "extra-index-url",
    "find-links",
    "if-supported",
    "ignore-rules",
    "index",
    "index-url",
    "mirrors",
    "pre",
    "pytorch-index",
    "targets",
}


def read_settings(table: Table, *, folder: Path) -> Settings:
    """Read ``[tool.envfit]``; wrong values and unknown keys become faults of the table.

    Directories are relative to ``folder``.
    """
    table.reject_unknown(_KEYS)
    targets = table.table("targets")
    return Settings(
        target=_read_target(table, name=None),
        targets=tuple(_read_named_target(targets.table(name), name) for name in targets),
        if_supported=_read_requirements(table, "if-supported"),
        concede=_read_concession(table),
        pre=table.flag("pre") or False,
        index_url=_read_address(table, "index-url"),
        extra_index_urls=tuple(
            _checked_address(table, key, text) for key, text in table.texts("extra-index-url")
        ),
        pytorch_index=_read_pytorch_index(table),
        exclude_newer=_read_exclude_newer(table),
        find_links=tuple(
            text if is_address(text) else str(folder.absolute() / text)
            for _, text in table.texts("find-links")
        ),
        index_routes=_read_routes(table.table("index")),
        mirrors=read_mirrors(table.table("mirrors"), folder=folder),
        ignore_rules=tuple(text for _, text in table.texts("ignore-rules")),
        rules=tuple(folder / text for _, text in table.texts("constraints")),
    )


def read_mirrors(table: Table, *, folder: Path) -> tuple[tuple[str, str], ...]:
    """Read ``[tool.envfit.mirrors]``; a mirror may be a directory, relative to ``folder``."""
    pairs = []
    for canonical in table:
        mirror = table.text(canonical)
        if not is_address(canonical):
            table.fault(
                without_credentials(canonical), "is not an address that begins with https:// or http://"
            )
        elif mirror:
            pairs.append((canonical, mirror if is_address(mirror) else str(folder.absolute() / mirror)))
    return tuple(pairs)


def _read_routes(table: Table) -> tuple[tuple[str, str], ...]:
    for name in table:
        if not re.fullmatch(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9*])?", name, re.ASCII):
            table.fault(name, "is not the name of a package, or the beginning of one such as corp-*")
    return tuple((name, url) for name in table if (url := _read_address(table, name)) is not None)


def _read_named_target(table: Table, name: str) -> TargetSettings:
    table.reject_unknown(_TARGET_KEYS)
    return _read_target(table, name=name)


def _read_target(table: Table, *, name: str | None) -> TargetSettings:
    python = _read_shaped(table, "python", r"3\.\d{1,2}(\.\d{1,2})?", "a Python such as 3.11")
    glibc = _read_shaped(table, "glibc", r"2\.\d{1,2}", "a glibc such as 2.28")
    return TargetSettings(
        name=name,
        gpus=_read_gpus(table),
        driver=_read_shaped(table, "driver", r"\d{3,4}(\.\d{1,3}){0,2}", "a driver such as 535.161.08"),
        python=Version(python) if python else None,
        glibc=Version(glibc) if glibc else None,
        platform=_read_platform(table),
    )


def _read_shaped(table: Table, key: str, shape: str, expected: str) -> str | None:
    text = table.text(key)
    if text is not None and not re.fullmatch(shape, text, re.ASCII):
        table.fault(key, f"is {text!r}, not {expected}")
        return None
    return text


def _read_gpus(table: Table) -> tuple[str, ...]:
    if isinstance(table.get("gpu"), list):
        return tuple(text for _, text in table.texts("gpu"))
    text = table.text("gpu")
    return () if text is None else (text,)


def _read_platform(table: Table) -> Platform | None:
    text = table.text("platform")
    if text is None:
        return None
    try:
        return Platform.parse(text)
    except TargetError as error:
        table.fault("platform", f"is unknown: {text!r}", *error.hints)
        return None


def _read_requirements(table: Table, key: str) -> tuple[Declared, ...]:
    found: dict[str, Declared] = {}
    for item_key, text in table.texts(key):
        try:
            declared = parse_requirement(text, table.place(item_key))
        except RequirementError as error:
            table.note(error)
            continue
        name = declared.shown
        if name in found:
            table.fault(item_key, f"names {name} a second time")
        found[name] = declared
    return tuple(found.values())


def _read_concession(table: Table) -> Concession | None:
    text = table.text("concede")
    if text is None:
        return None
    if text not in _CONCESSIONS:
        table.fault("concede", f"is {text!r}, not none, minor or any")
    return _CONCESSIONS.get(text)


def _read_address(table: Table, key: str) -> str | None:
    text = table.text(key)
    return None if text is None else _checked_address(table, key, text)


def _checked_address(table: Table, key: str, text: str) -> str:
    if not is_address(text):
        # The text is not repeated: it may hold a password.
        table.fault(key, "is not an address that begins with https://, http:// or file://")
    return text


def _read_pytorch_index(table: Table) -> bool | str:
    value = table.get("pytorch-index")
    if isinstance(value, bool):
        return value
    if value is not None and not isinstance(value, str):
        table.wrong("pytorch-index", value, "a truth value or an address")
        return False
    return _read_address(table, "pytorch-index") or False


def _read_exclude_newer(table: Table) -> datetime | None:
    value = table.get("exclude-newer")
    if value is None:
        return None
    if not isinstance(value, (str, date)):
        table.wrong("exclude-newer", value, "a date such as 2026-01-31")
        return None
    try:
        return parse_exclude_newer(value)
    except InputError:
        table.fault("exclude-newer", f"is {str(value)!r}, not a date such as 2026-01-31")
        return None
