"""packse's scenarios: small package worlds, each with the answer that a resolver must give.

The scenarios are TOML files in packse's source distribution; its wheel has none.
They are read as data, packse itself is not run.  What a scenario says beyond what
is read here is an error: an option passed over would make a judgement unjust.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from judges.pinned_file import PinnedFile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["PACKSE", "VERSION", "Pins", "Release", "Scenario", "Suite", "read_scenario", "read_suite"]

VERSION = "0.3.59"
PACKSE = PinnedFile(
    project="packse",
    filename=f"packse-{VERSION}.tar.gz",
    sha256="718bcca5dd1e9321f5c2918d5975ffd772f0c3b150cf29b03979677a003d73d2",
)

#: The Python of a package or an environment that says nothing of it, as packse has it.
_DEFAULT_BOUND = ">=3.12"
_DEFAULT_PYTHON = "3.12"

# The wheel that builds what judges.packse_index writes.
_BUILD_WHEEL = "flit_core-"

#: Normalized names and versions, sorted by name.
Pins = tuple[tuple[str, Version], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of one project, and the files that it has."""

    project: str
    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[tuple[str, tuple[str, ...]], ...] = ()
    requires_python: str | None = _DEFAULT_BOUND
    wheel_tags: tuple[str, ...] = ("py3-none-any",)  # of one wheel each; empty: no wheel
    sdist: bool = True
    yanked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is asked of a resolver in which world, and the right answer."""

    name: str
    requires: tuple[str, ...]
    releases: tuple[Release, ...]
    python: str = _DEFAULT_PYTHON  # of the interpreter that runs the resolver
    target_python: str | None = None  # asked for by an option, where it is not that of the interpreter
    python_platform: str | None = None  # in uv's words
    prereleases: bool = False
    no_build: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    universal: bool = False  # asks for one answer for many environments
    satisfiable: bool
    pins: Pins | None = None  # None: the scenario states only whether there is an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """packse's scenarios, sorted by name, and the wheels of the back end that builds their packages."""

    scenarios: tuple[Scenario, ...]
    build_wheels: Mapping[str, bytes]  # by filename


def read_suite(archive: Path) -> Suite:
    """Read packse's source distribution.

    Raises ValueError where a scenario says what is not understood, or a name is not unique.
    """
    found: dict[str, Scenario] = {}
    build_wheels: dict[str, bytes] = {}
    with tarfile.open(archive) as members:
        for member in members:
            _, *folders, filename = PurePosixPath(member.name).parts
            file = members.extractfile(member)
            if file is None:
                continue
            if folders[:1] == ["scenarios"] and filename.endswith(".toml"):
                try:
                    scenario = read_scenario(tomllib.loads(file.read().decode()))
                except (KeyError, ValueError) as error:
                    raise ValueError(f"{member.name}: {error}") from error
                if scenario.name in found:
                    raise ValueError(f"{member.name}: a second scenario named {scenario.name}")
                found[scenario.name] = scenario
            elif folders == ["vendor", "build"] and filename.startswith(_BUILD_WHEEL):
                build_wheels[filename] = file.read()
    return Suite(scenarios=tuple(found[name] for name in sorted(found)), build_wheels=build_wheels)


def read_scenario(document: Mapping[str, Any]) -> Scenario:
    """Return the scenario that a document states; raises ValueError on a key that is not known."""
    _check(
        document, {"name", "description", "root", "expected", "packages", "resolver_options", "environment"}
    )
    root, expected = document["root"], document["expected"]
    options, environment = document.get("resolver_options", {}), document.get("environment", {})
    _check(root, {"requires", "requires_python"})
    _check(expected, {"satisfiable", "packages", "explanation"})
    _check(
        options,
        {
            "python",
            "prereleases",
            "no_build",
            "no_binary",
            "universal",
            "python_platform",
            "required_environments",
        },
    )
    # Further interpreters on the machine (additional_python) change no answer.
    _check(environment, {"python", "additional_python"})
    universal = bool(options.get("universal") or options.get("required_environments"))
    if "requires_python" in root and not universal:
        raise ValueError("a bound on the Python of a project is not understood in one environment")
    pins = {canonicalize_name(name): Version(text) for name, text in expected.get("packages", {}).items()}
    return Scenario(
        name=document["name"],
        requires=tuple(root.get("requires", ())),
        releases=tuple(
            _release(project, version, release)
            for project, table in document["packages"].items()
            for version, release in table["versions"].items()
        ),
        python=environment.get("python", _DEFAULT_PYTHON),
        target_python=options.get("python"),
        python_platform=options.get("python_platform"),
        prereleases=options.get("prereleases", False),
        no_build=tuple(options.get("no_build", ())),
        no_binary=tuple(options.get("no_binary", ())),
        universal=universal,
        satisfiable=expected["satisfiable"],
        pins=tuple(sorted(pins.items())) or None,
    )


def _release(project: str, version: str, table: Mapping[str, Any]) -> Release:
    _check(
        table,
        {"requires", "requires_python", "extras", "sdist", "wheel", "wheel_tags", "yanked", "description"},
    )
    tags = tuple(table.get("wheel_tags", ())) or ("py3-none-any",)
    return Release(
        project=project,
        version=version,
        requires=tuple(table.get("requires", ())),
        extras=tuple((name, tuple(requires)) for name, requires in table.get("extras", {}).items()),
        requires_python=table.get("requires_python", _DEFAULT_BOUND),
        wheel_tags=tags if table.get("wheel", True) else (),
        sdist=table.get("sdist", True),
        yanked=table.get("yanked", False),
    )


def _check(table: Mapping[str, Any], known: Collection[str]) -> None:
    unknown = sorted(set(table).difference(known))
    if unknown:
        raise ValueError(f"not understood: {', '.join(unknown)}")
