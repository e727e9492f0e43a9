"""The settings of a project: the command line's options, written in a file.

They come from ``[tool.envfit]`` of ``pyproject.toml``, and a few of them from
requirements files and ``environment.yml``.  None or empty is unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Literal, TypeVar

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from envfit.address import without_credentials
from envfit.errors import InputError, RequirementError, TargetError
from envfit.frozen import frozen
from envfit.project.declared import Declared, constraint_fault, parse_requirement
from envfit.project.document import Table
from envfit.project.formats import Formats, read_formats
from envfit.project.index_address import find_links_address, is_address
from envfit.target import Platform

__all__ = [
    "Concession",
    "ResolutionStrategy",
    "Settings",
    "TargetSettings",
    "parse_exclude_newer",
    "parse_resolution",
    "read_mirrors",
    "read_rules",
    "read_settings",
    "shared_with_uv",
]

Concession = Literal["none", "minor", "any"]
ResolutionStrategy = Literal["highest", "lowest", "lowest-direct"]

_Choice = TypeVar("_Choice")


@frozen
class TargetSettings:
    """What is said of a target; names of GPUs are not judged here."""

    name: str | None = None  # of [tool.envfit.targets.NAME]
    gpus: tuple[str, ...] = ()  # as written
    driver: str | None = None  # as written: 535.161.08 keeps its zero
    python: Version | None = None  # a minor such as 3.11, or a release such as 3.11.4
    glibc: Version | None = None
    platform: Platform | None = None


@frozen
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
    index_routes: tuple[tuple[str, str], ...] = ()  # a name or prefix-*, and the index that alone serves it
    mirrors: tuple[tuple[str, str], ...] = ()  # prefixes of addresses: canonical, mirror
    ignore_rules: tuple[str, ...] = ()  # ids
    prebuilt: bool = True  # whether release pages are asked for prebuilt wheels
    strict_knowledge: bool = False  # whether wheels whose GPU code is not known are refused
    rules: tuple[Path, ...] = ()  # directories of the user's own rules
    find_links: tuple[str, ...] = ()  # addresses of pages and directories; may hold credentials
    no_index: bool = False  # no index is asked; find_links and direct references are all there is
    no_binary: tuple[str, ...] = ()  # normalized names, or ":all:"
    only_binary: tuple[str, ...] = ()  # normalized names, or ":all:"
    require_hashes: bool = False
    constraint_dependencies: tuple[Declared, ...] = ()
    override_dependencies: tuple[Declared, ...] = ()  # in the place of every other requirement on their names
    exclude_dependencies: tuple[str, ...] = ()  # normalized names that nothing brings in
    resolution: ResolutionStrategy | None = None


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


def parse_resolution(text: str) -> ResolutionStrategy:
    """Return the strategy that a word names; raise InputError on any other word."""
    if text not in _STRATEGIES:
        raise InputError(f"{text!r} is no resolution strategy", hints=[f"there is {', '.join(_STRATEGIES)}"])
    return _STRATEGIES[text]


def _parse_moment(text: str) -> date:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return date.fromisoformat(text)
    # Python 3.10 does not read Z.
    return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))


_CONCESSIONS: dict[str, Concession] = {"none": "none", "minor": "minor", "any": "any"}
_TARGET_KEYS = frozenset({"driver", "glibc", "gpu", "platform", "python"})
_KEYS = _TARGET_KEYS | {
    "concede",
    "constraint-dependencies",
    "constraints",
    "exclude-dependencies",
    "exclude-newer",
    "extra-index-url",
    "find-links",
    "if-supported",
    "ignore-rules",
    "index",
    "index-url",
    "no-binary",
    "no-index",
    "only-binary",
    "override-dependencies",
    "mirrors",
    "pre",
    "prebuilt",
    "pytorch-index",
    "require-hashes",
    "resolution",
    "strict-knowledge",
    "targets",
}
_STRATEGIES: dict[str, ResolutionStrategy] = {
    "highest": "highest",
    "lowest": "lowest",
    "lowest-direct": "lowest-direct",
}
#: What uv's table says too, with the same meaning.
_SHARED_WITH_UV = ("constraint-dependencies", "override-dependencies", "exclude-dependencies")


def _as_it_is(declared: Declared) -> Declared:
    return declared


def shared_with_uv(table: Table, uv: Table) -> tuple[str, ...]:
    """Return the keys that ``[tool.uv]`` says and ``[tool.envfit]`` does not: they hold here too."""
    return tuple(key for key in _SHARED_WITH_UV if key in uv and key not in table)


def read_settings(
    table: Table, *, folder: Path, uv: Table | None = None, placed: Callable[[Declared], Declared] = _as_it_is
) -> Settings:
    """Read ``[tool.envfit]``; wrong values and unknown keys become faults of the table.

    Paths are relative to ``folder``.  ``uv`` is ``[tool.uv]``, whose lists of dependencies
    hold where the table is silent about them; ``placed`` adds what a source says of a requirement.
    """
    table.reject_unknown(_KEYS)
    targets = table.table("targets")
    formats = _read_formats(table)
    shared = shared_with_uv(table, uv) if uv is not None else ()

    def stated(key: str) -> Table:
        return uv if uv is not None and key in shared else table

    return Settings(
        target=_read_target(table, name=None),
        targets=tuple(_read_named_target(targets.table(name), name) for name in targets),
        if_supported=tuple(map(placed, _read_optional(table, folder))),
        concede=_read_choice(table, "concede", _CONCESSIONS),
        pre=table.flag("pre") or False,
        index_url=_read_address(table, "index-url"),
        extra_index_urls=tuple(
            _checked_address(table, key, text) for key, text in table.texts("extra-index-url")
        ),
        pytorch_index=_read_pytorch_index(table),
        exclude_newer=_read_exclude_newer(table),
        index_routes=_read_routes(table.table("index")),
        mirrors=read_mirrors(table.table("mirrors"), folder=folder),
        ignore_rules=tuple(text for _, text in table.texts("ignore-rules")),
        prebuilt=table.flag("prebuilt") is not False,
        strict_knowledge=table.flag("strict-knowledge") or False,
        rules=read_rules(table, folder=folder),
        find_links=_read_find_links(table, folder),
        no_index=table.flag("no-index") or False,
        no_binary=formats.no_binary,
        only_binary=formats.only_binary,
        require_hashes=table.flag("require-hashes") or False,
        constraint_dependencies=tuple(
            map(placed, _read_constraints(stated("constraint-dependencies"), folder))
        ),
        override_dependencies=tuple(map(placed, _read_overrides(stated("override-dependencies"), folder))),
        exclude_dependencies=_read_excluded(stated("exclude-dependencies")),
        resolution=_read_choice(table, "resolution", _STRATEGIES),
    )


def read_rules(table: Table, *, folder: Path) -> tuple[Path, ...]:
    """Read the folders of rules in ``[tool.envfit]``, relative to ``folder``."""
    return tuple(folder / text for _, text in table.texts("constraints"))


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


def _read_declared(table: Table, key: str, folder: Path) -> Iterator[tuple[str, Declared]]:
    """Yield the requirements of a list, each with its key; those that cannot be used are faults."""
    for item_key, text in table.texts(key):
        try:
            declared = parse_requirement(text, table.place(item_key), folder=folder)
        except RequirementError as error:
            table.note(error)
        else:
            yield item_key, declared


def _read_optional(table: Table, folder: Path) -> tuple[Declared, ...]:
    found: dict[str, Declared] = {}
    for key, declared in _read_declared(table, "if-supported", folder):
        if declared.shown in found:
            table.fault(key, f"names {declared.shown} a second time")
        found[declared.shown] = declared
    return tuple(found.values())


def _read_constraints(table: Table, folder: Path) -> Iterator[Declared]:
    for key, declared in _read_declared(table, "constraint-dependencies", folder):
        fault = constraint_fault(declared)
        if fault is not None:
            table.fault(key, f"cannot be used: {fault}")
        yield declared


def _read_overrides(table: Table, folder: Path) -> Iterator[Declared]:
    for key, declared in _read_declared(table, "override-dependencies", folder):
        if declared.name is None:
            table.fault(key, "cannot be used: an override begins with a name")
        yield declared


def _read_excluded(table: Table) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for key, text in table.texts("exclude-dependencies"):
        try:
            found[canonicalize_name(text, validate=True)] = None
        except InvalidName:
            table.fault(key, f"is {text!r}, which is not the name of a package")
    return tuple(found)


def _read_formats(table: Table) -> Formats:
    lists = {key: [text for _, text in table.texts(key)] for key in ("no-binary", "only-binary")}
    try:
        return read_formats(lists["no-binary"], lists["only-binary"])
    except InputError as error:
        table.fault("no-binary" if lists["no-binary"] else "only-binary", f"cannot be used: {error.message}")
        return Formats()


def _read_find_links(table: Table, folder: Path) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for key, text in table.texts("find-links"):
        try:
            found[find_links_address(text, folder)] = None
        except InputError as error:
            table.fault(key, f"cannot be used: {error.message}")
    return tuple(found)


def _read_choice(table: Table, key: str, choices: Mapping[str, _Choice]) -> _Choice | None:
    text = table.text(key)
    if text is not None and text not in choices:
        *first, last = choices
        table.fault(key, f"is {text!r}, not {', '.join(first)} or {last}")
    return None if text is None else choices.get(text)


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
