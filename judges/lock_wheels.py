"""The wheels that an installer would take of a lock, and what is read of each of them once."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from packaging.markers import Environment
from packaging.pylock import PackageWheel, Pylock
from packaging.version import Version

from envfit.errors import EnvfitError
from envfit.index.session import Session
from envfit.target import GLIBC, Fact, FactState, Platform, Target
from judges.corpus import newest_python
from judges.inputs import Input
from judges.installers import tool_environment
from judges.results import RESULTS, merge, read
from judges.wheel_code import Cuobjdump, Seen, could_hold_code, read_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["WHEELS", "Chosen", "candidates", "chosen_wheels", "read_all", "worth_reading"]

WHEELS = RESULTS / "wheel-code.json"

#: A package of a lock and the wheel that is installed of it: (name and version, wheel).
Chosen = tuple[str, PackageWheel]


def chosen_wheels(text: str, item: Input, machine: str = "x86_64") -> list[Chosen]:
    """Return the wheels of a lock that an installer would take."""
    target = _target(item, machine)
    lock = Pylock.from_dict(tomllib.loads(text))
    return [
        (f"{package.name} {package.version}", found)
        for package, found in lock.select(
            environment=cast("Environment", target.marker_environment()), tags=target.tags()
        )
        if isinstance(found, PackageWheel)
    ]


def candidates(chosen: Sequence[Chosen]) -> list[tuple[str, str]]:
    """Return (name and version, file name) of the wheels that may hold GPU code."""
    return [(package, wheel.filename) for package, wheel in chosen if could_hold_code(wheel)]


def worth_reading(locks: Sequence[Sequence[Chosen]]) -> dict[str, PackageWheel]:
    """Return the wheels that may hold GPU code by file name: those that serve most locks first."""
    wheels = {wheel.filename: wheel for chosen in locks for _, wheel in chosen if could_hold_code(wheel)}
    uses = Counter(wheel.filename for chosen in locks for _, wheel in chosen)
    order = sorted(wheels, key=lambda name: (-uses[name], name))
    return {name: wheels[name] for name in order}


def read_all(
    wheels: Mapping[str, PackageWheel], folder: Path, budget: int, path: Path, seen: Seen | None = None
) -> None:
    """Read the wheels that have no record yet, in the order given, until the budget of bytes is spent."""
    known = read(path)
    cuobjdump = Cuobjdump.installed(folder, tool_environment(os.environ))
    left = budget
    with Session(os.environ) as session:
        for filename, wheel in wheels.items():
            if known.get(filename, {}).get("sha256") == wheel.hashes.get("sha256"):
                continue
            size = wheel.size or 0
            if size > left:
                sys.stderr.write(f"  {filename}: left out, {size / 1e6:.0f} MB are over the bound\n")
                continue
            left -= size
            sys.stderr.write(f"  {filename} ({size / 1e6:.0f} MB)\n")
            try:
                merge(path, {filename: read_wheel(wheel, session, cuobjdump, folder, seen)})
            except EnvfitError as error:
                sys.stderr.write(f"  {filename}: {error.message}\n")


def _target(item: Input, machine: str) -> Target:
    """Return the machine as wheel tags and markers see it; its GPU plays no part in them."""
    return Target(
        platform=Platform.parse(f"linux-{machine}"),
        python=Version(newest_python(item.python)),
        gpus=(),
        facts=(Fact(name=GLIBC, state=FactState.KNOWN, value=item.glibc),),
    )
