"""A resolution as a PEP 751 document, and a document as the distributions it names.

The chosen files carry every decision: ``[tool.envfit]`` informs a reader and
may be deleted.  Packages that are compiled for a GPU on the machine that
installs stand under the dependency group ``builds``, so that pip and uv install
all the rest unaided.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockValidationError,
)
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from envfit.address import local_path
from envfit.distribution import Distribution, Sdist, Wheel
from envfit.errors import LockError, TargetError
from envfit.lock.contract import Contract
from envfit.lock.provided import provided_of, provided_tables
from envfit.reference import DirectReference, ReferenceKind
from envfit.requirement import Requirement, RuleOrigin, UserOrigin
from envfit.resolve.resolution import Pin, Resolution
from envfit.target import Capability, Fact, FactState, Gpu, Platform, Target

__all__ = [
    "BUILDS",
    "LockedPackage",
    "locked_packages",
    "locked_target",
    "parse_lock",
    "rebased",
    "to_pylock",
]

BUILDS = "builds"
_UNSTATED = Version("0")
_BUILDS_MARKER = f"'{BUILDS}' in dependency_groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One package of a lock, read back."""

    name: str
    version: Version | None  # None for a source tree, whose version PEP 751 leaves out
    distribution: Distribution
    dependencies: tuple[str, ...]
    build: bool  # compiled for a GPU on the machine that installs

    @property
    def is_source_tree(self) -> bool:
        """Whether it is a directory or a repository, of which no hash is known."""
        reference = self.distribution.reference
        return reference is not None and reference.kind is not ReferenceKind.ARCHIVE

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version is not None else self.name


def to_pylock(
    resolution: Resolution,
    contract: Contract,
    *,
    folder: Path = Path("/"),
    carried: Mapping[str, Any] | None = None,
) -> Pylock:
    """Return the lock of a resolution; packages that a module provides are not in it.

    ``folder`` is the absolute path of the directory that the lock lies in: paths in it
    are relative to that.  ``carried`` is the conda half of an environment file, which
    the lock keeps for an export.
    """
    target = resolution.target
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[_environment(target)],
        requires_python=SpecifierSet(f"=={target.python_minor}.*"),
        dependency_groups=[BUILDS] if any(pin.build for pin in resolution.pins) else None,
        default_groups=[] if any(pin.build for pin in resolution.pins) else None,
        created_by="envfit",
        packages=[
            _package(pin, pin.candidate.distribution, resolution, folder)
            for pin in resolution.pins
            if pin.candidate.distribution is not None
        ],
        tool={
            "envfit": {**_tool(resolution, contract, folder), **({"conda": dict(carried)} if carried else {})}
        },
    )
    lock.validate()
    return lock


def _environment(target: Target) -> Marker:
    return Marker(
        "implementation_name == 'cpython' and "
        f"platform_machine == '{target.platform.machine}' and sys_platform == 'linux'"
    )


def _package(pin: Pin, distribution: Distribution, resolution: Resolution, folder: Path) -> Package:
    # A module's packages are not in the lock, so no entry may point at them.
    dependencies = [
        {"name": other.name, "version": str(other.version)}
        for other in resolution.pins
        if other.name in pin.dependencies and other.candidate.distribution is not None
    ]
    requires_python = distribution.requires_python
    if pin.metadata is not None and pin.metadata.requires_python is not None:
        requires_python = pin.metadata.requires_python
    package = Package(
        name=canonicalize_name(pin.name),
        marker=Marker(_BUILDS_MARKER) if pin.build else None,
        requires_python=requires_python,
        dependencies=dependencies or None,
    )
    if distribution.reference is not None:
        return _direct(package, distribution, distribution.reference, folder)
    if not distribution.sha256:
        raise LockError(
            f"{distribution.filename} has no sha256 on {distribution.index}, so it cannot be locked"
        )
    hashes = {"sha256": distribution.sha256}
    wheel = sdist = None
    if isinstance(distribution, Wheel):
        wheel = PackageWheel(
            name=distribution.filename,
            url=distribution.url,
            upload_time=distribution.upload_time,
            size=distribution.size,
            hashes=hashes,
        )
    else:
        sdist = PackageSdist(
            name=distribution.filename,
            url=distribution.url,
            upload_time=distribution.upload_time,
            size=distribution.size,
            hashes=hashes,
        )
    return replace(
        package,
        version=pin.version,
        index=distribution.index,
        wheels=[wheel] if wheel is not None else None,
        sdist=sdist,
    )


def _direct(
    package: Package, distribution: Distribution, reference: DirectReference, folder: Path
) -> Package:
    """Return the entry of a package that a direct reference names; a source tree has no version there."""
    local = reference.url.startswith("file:") and reference.kind is not ReferenceKind.GIT
    path = _relative(reference.url, folder) if local else None
    if reference.kind is ReferenceKind.DIRECTORY:
        directory = PackageDirectory(
            path=path or "", editable=reference.editable or None, subdirectory=reference.subdirectory
        )
        return replace(package, directory=directory)
    if reference.kind is ReferenceKind.GIT:
        repository = PackageVcs(
            type="git",
            url=reference.url,
            requested_revision=reference.revision,
            commit_id=reference.commit or "",
            subdirectory=reference.subdirectory,
        )
        return replace(package, vcs=repository)
    archive = PackageArchive(
        url=None if local else reference.url,
        path=path,
        size=distribution.size,
        hashes={"sha256": distribution.sha256 or ""},
        subdirectory=reference.subdirectory,
    )
    return replace(package, archive=archive, version=distribution.version)


def _relative(url: str, folder: Path) -> str:
    """Return a ``file:`` address as a path that is relative to a folder."""
    return Path(os.path.relpath(local_path(url), folder)).as_posix()


# -- [tool.envfit] ------------------------------------------------------------


def _tool(resolution: Resolution, contract: Contract, folder: Path) -> dict[str, Any]:
    tool: dict[str, Any] = {
        "contract": str(contract),
        "knowledge": resolution.knowledge_version,
        "requirements": [
            _text(item, folder) for item in resolution.requirements if item not in resolution.optional
        ],
        "target": _target_table(resolution),
    }
    tool.update(_asked_besides(resolution, folder))
    if resolution.pythons_not_taken:
        tool["pythons-not-taken"] = [
            {"python": f"{item.python.major}.{item.python.minor}", "why": item.why}
            for item in resolution.pythons_not_taken
        ]
    if resolution.excluded:
        tool["why-not-newer"] = [
            {
                "name": item.name,
                "versions": [str(version) for version in item.versions],
                "why": item.reason.sentence,
                "rule": item.reason.rule or "",
                "evidence": list(item.reason.evidence),
            }
            for item in resolution.excluded
        ]
    if resolution.left_out:
        tool["left-out"] = [
            {
                "name": item.name,
                "why": list(item.reasons),
                "alternatives": [f"{other.name}: {other.text}" for other in item.alternatives],
            }
            for item in resolution.left_out
        ]
    if resolution.conditions:
        tool["conditions"] = [_rule_table(origin) for origin in resolution.conditions]
    if resolution.warnings:
        tool["warnings"] = [_rule_table(origin) for origin in resolution.warnings]
    if resolution.ignored_rules:
        tool["ignored-rules"] = list(resolution.ignored_rules)
    return tool


def _asked_besides(resolution: Resolution, folder: Path) -> dict[str, list[str]]:
    """Return what else was asked for, as text: so that the lock can be made anew from itself."""
    amendments = resolution.amendments
    told = {
        "constraints": [_text(item, folder) for item in resolution.constraints],
        "if-supported": [_text(item, folder) for item in resolution.optional],
        "overrides": [
            _text(item, folder)
            for name in sorted(amendments.overrides)
            for item in amendments.overrides[name]
        ],
        "excluded": sorted(amendments.excluded),
    }
    return {key: texts for key, texts in told.items() if texts}


def _text(requirement: Requirement, folder: Path) -> str:
    """Return a requirement as the user wrote it, with a path relative to the folder of the lock."""
    direct = requirement.direct
    if direct is not None and direct.kind is not ReferenceKind.GIT and direct.url.startswith("file:"):
        path = _relative(direct.url, folder)
        place = path if path.startswith("../") else f"./{path}"
        place += f"#subdirectory={direct.subdirectory}" if direct.subdirectory else ""
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        return f"-e {place}{extras}" if direct.editable else f"{requirement.name}{extras} @ {place}"
    origin = requirement.origin
    return origin.text if isinstance(origin, UserOrigin) else str(requirement)


def _rule_table(origin: RuleOrigin) -> dict[str, Any]:
    return {
        "package": origin.package,
        "rule": origin.rule,
        "why": origin.why,
        "unknown": [fact.name for fact in origin.facts if fact.state is FactState.UNKNOWN],
    }


def _target_table(resolution: Resolution) -> dict[str, Any]:
    target = resolution.target
    table: dict[str, Any] = {
        "platform": str(target.platform),
        "python": str(target.python),
        "gpus": [
            {"name": gpu.name, "capability": str(gpu.capability), "source": gpu.source} for gpu in target.gpus
        ],
        "facts": [_fact_table(fact) for fact in target.facts],
        "assumed": sorted(target.assumed),
    }
    if target.name is not None:
        table["name"] = target.name
    return {**table, **provided_tables(resolution)}


def _fact_table(fact: Fact) -> dict[str, Any]:
    # A path may name a user, and a lock is for others to read.
    source = "this machine" if "/" in fact.source else fact.source
    table: dict[str, Any] = {"name": fact.name, "state": fact.state.value, "source": source}
    if fact.state is FactState.KNOWN:
        table["value"] = fact.value
    if fact.assumed:
        table["assumed"] = True
    return table


# -- reading back -------------------------------------------------------------


def locked_packages(lock: Pylock) -> tuple[LockedPackage, ...]:
    """Return the packages of a lock that names one file or source tree for each, as envfit writes them.

    Raises LockError on an entry that leaves the choice between several wheels open.
    """
    return tuple(_locked(package) for package in lock.packages)


def rebased(lock: Pylock, folder: Path) -> Pylock:
    """Return a lock whose paths, relative to a folder, are absolute: fit to be read in another place."""
    return replace(lock, packages=[_rebased(package, folder) for package in lock.packages])


def _rebased(package: Package, folder: Path) -> Package:
    if package.directory is not None:
        path = os.path.normpath(folder / package.directory.path)
        return replace(package, directory=replace(package.directory, path=path))
    if package.archive is not None and package.archive.path is not None:
        path = os.path.normpath(folder / package.archive.path)
        return replace(package, archive=replace(package.archive, path=path))
    return package


def _locked(package: Package) -> LockedPackage:
    direct = _locked_directly(package)
    if direct is not None:
        return _locked_as(package, direct)
    wheels = list(package.wheels or ())
    files: list[PackageWheel | PackageSdist] = [*wheels]
    if not wheels and package.sdist is not None:
        files = [package.sdist]
    if len(files) != 1 or package.version is None:
        raise LockError(
            f"{package.name} is not locked to one file",
            hints=["envfit installs locks that envfit wrote; lock again with envfit lock"],
        )
    file = files[0]
    url = file.url or file.path or ""
    if isinstance(file, PackageWheel):
        name, version, build_tag, tags = parse_wheel_filename(file.filename)
        distribution: Distribution = Wheel(
            name=name,
            version=version,
            filename=file.filename,
            url=url,
            index=package.index or "",
            build_tag=build_tag,
            tags=tags,
            sha256=file.hashes.get("sha256"),
            size=file.size,
            upload_time=file.upload_time,
            requires_python=package.requires_python,
        )
    else:
        distribution = Sdist(
            name=package.name,
            version=package.version,
            filename=file.filename,
            url=url,
            index=package.index or "",
            sha256=file.hashes.get("sha256"),
            size=file.size,
            upload_time=file.upload_time,
            requires_python=package.requires_python,
        )
    return _locked_as(package, distribution)


def _locked_as(package: Package, distribution: Distribution) -> LockedPackage:
    return LockedPackage(
        name=package.name,
        version=package.version,
        distribution=distribution,
        dependencies=tuple(item["name"] for item in package.dependencies or ()),
        build=package.marker is not None and str(package.marker) == str(Marker(_BUILDS_MARKER)),
    )


def _locked_directly(package: Package) -> Distribution | None:
    """Return what a direct reference in a lock names, or None where the entry is a file of an index."""
    if package.archive is not None:
        archive = package.archive
        reference = DirectReference(
            kind=ReferenceKind.ARCHIVE,
            url=archive.url or archive.path or "",
            subdirectory=archive.subdirectory,
            sha256=archive.hashes.get("sha256"),
        )
    elif package.vcs is not None:
        reference = DirectReference(
            kind=ReferenceKind.GIT,
            url=package.vcs.url or package.vcs.path or "",
            revision=package.vcs.requested_revision,
            commit=package.vcs.commit_id,
            subdirectory=package.vcs.subdirectory,
        )
    elif package.directory is not None:
        reference = DirectReference(
            kind=ReferenceKind.DIRECTORY,
            url=package.directory.path,
            subdirectory=package.directory.subdirectory,
            editable=package.directory.editable or False,
        )
    else:
        return None
    filename = reference.url.rpartition("/")[2] if package.archive is not None else str(reference)
    stated: dict[str, Any] = {
        "filename": filename,
        "url": reference.url,
        "index": "",
        "sha256": reference.sha256,
        "requires_python": package.requires_python,
        "reference": reference,
    }
    if filename.endswith(".whl"):
        name, version, build_tag, tags = parse_wheel_filename(filename)
        return Wheel(name=name, version=version, build_tag=build_tag, tags=tags, **stated)
    return Sdist(name=package.name, version=package.version or _UNSTATED, **stated)


def locked_target(lock: Pylock) -> Target | None:
    """Return the target that a lock says it was made for, or None where it says none.

    This informs a later ``lock`` of the same file and decides nothing at
    installation.  Raises LockError on a malformed table.
    """
    tool = (lock.tool or {}).get("envfit")
    table = tool.get("target") if isinstance(tool, Mapping) else None
    if not isinstance(table, Mapping):
        return None
    try:
        return Target(
            platform=Platform.parse(table["platform"]),
            python=Version(table["python"]),
            gpus=tuple(_gpu(item) for item in table["gpus"]),
            facts=tuple(_fact(item) for item in table["facts"]),
            provided=provided_of(table),
            name=table.get("name"),
            assumed=frozenset(table.get("assumed", ())),
        )
    except (AttributeError, KeyError, TypeError, ValueError, TargetError) as error:
        raise LockError(f"the lock's [tool.envfit.target] is malformed: {error!r}") from error


def _gpu(table: Mapping[str, Any]) -> Gpu:
    return Gpu(
        name=table["name"], capability=Capability.parse(table["capability"]), source=table.get("source", "")
    )


def _fact(table: Mapping[str, Any]) -> Fact:
    return Fact(
        name=table["name"],
        state=FactState(table["state"]),
        value=table.get("value", ""),
        source=table.get("source", ""),
        assumed=table.get("assumed", False),
    )


def parse_lock(data: Mapping[str, Any], where: str) -> Pylock:
    """Return a validated lock; raises LockError that names the place in the document."""
    try:
        return Pylock.from_dict(data)
    except PylockValidationError as error:
        raise LockError(f"{where} is not a valid lock: {error}") from error
