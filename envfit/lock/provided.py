"""What a module provides, as a lock keeps it under ``[tool.envfit.target]``.

``provided`` lists every package and its version.  Where an interpreter was read,
the table ``interpreter`` beside it has what a later lock needs without that
interpreter, and what an installation compares with it: what the lock counts on.
Requirements are those that hold on the target; of extras, those in use.  Nothing
tells where the module lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.errors import LockError
from envfit.resolve.provided import applying
from envfit.resolve.resolution import Resolution
from envfit.target import Provided, Target

__all__ = ["counted_on", "provided_of", "provided_tables"]


def provided_tables(resolution: Resolution) -> dict[str, Any]:
    """Return the entries of the target's table that tell of provided packages; none where there are none."""
    target = resolution.target
    if not target.provided:
        return {}
    tables: dict[str, Any] = {"provided": [_pin(package) for package in target.provided]}
    if any(package.requires is not None for package in target.provided):
        pinned = {pin.name: pin for pin in resolution.pins if pin.candidate.distribution is None}
        requires: dict[str, list[str]] = {}
        for package in target.provided:
            if plain := _requirements(package, target, ""):
                requires[package.name] = plain
            for extra in sorted(pinned[package.name].extras) if package.name in pinned else ():
                requires[f"{package.name}[{extra}]"] = _requirements(package, target, extra)
        built = {
            "cuda": {p.name: str(p.cuda) for p in target.provided if p.cuda is not None},
            "cxx11-abi": {p.name: p.cxx11_abi for p in target.provided if p.cxx11_abi is not None},
        }
        tables["interpreter"] = {
            "counts-on": [_pin(package) for package in target.provided if package.name in pinned],
            **{key: values for key, values in built.items() if values},
            "requires": requires,
        }
    return tables


def _pin(package: Provided) -> str:
    return f"{package.name}=={package.version}"


def _requirements(package: Provided, target: Target, extra: str) -> list[str]:
    """Return what holds on the target, without its markers."""
    found = []
    for declared in applying(package, target, extra):
        plain = DeclaredRequirement(str(declared))
        plain.marker = None
        found.append(str(plain))
    return sorted(set(found))


def provided_of(table: Mapping[str, Any]) -> tuple[Provided, ...]:
    """Return what a target's table says is provided; whoever reads it handles what is malformed."""
    told = table.get("interpreter")
    return tuple(_provided(str(text), told) for text in table.get("provided", ()))


def _provided(text: str, told: Mapping[str, Any] | None) -> Provided:
    raw, _, version = text.partition("==")
    name, source = canonicalize_name(raw), "the existing lock"
    if told is None:
        return Provided(name=name, version=Version(version), source=source)
    requires = [DeclaredRequirement(item) for item in told["requires"].get(name, ())]
    extras = {key[len(name) + 1 : -1] for key in told["requires"] if key.startswith(f"{name}[")}
    for extra in sorted(extras):
        for item in told["requires"][f"{name}[{extra}]"]:
            declared = DeclaredRequirement(item)
            declared.marker = Marker(f"extra == '{extra}'")
            requires.append(declared)
    cuda = told.get("cuda", {}).get(name)
    return Provided(
        name=name,
        version=Version(version),
        source=source,
        requires=tuple(requires),
        extras=frozenset(extras),
        cuda=Version(cuda) if cuda is not None else None,
        cxx11_abi=told.get("cxx11-abi", {}).get(name),
    )


def counted_on(lock: Pylock) -> tuple[Provided, ...] | None:
    """Return the packages of an interpreter that a lock counts on; None where it was made without one.

    Raises LockError on a malformed table.
    """
    told = (lock.tool or {}).get("envfit", {})
    table = told.get("target", {}).get("interpreter") if isinstance(told, Mapping) else None
    if table is None:
        return None
    try:
        return tuple(_provided(str(text), table) for text in table["counts-on"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LockError(f"the lock's [tool.envfit.target.interpreter] is malformed: {error!r}") from error
