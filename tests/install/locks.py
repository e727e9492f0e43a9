"""Locks, targets and knowledge for tests, made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from envfit.knowledge.model import (
    CapabilityEntry,
    Choice,
    Condition,
    CudaRuntime,
    DeviceCode,
    DriverBranch,
    Evidence,
    EvidenceKind,
    KnowledgeBase,
    PackageKnowledge,
    PythonEntry,
    Rule,
)
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Capability, Fact, FactState, Gpu, Platform, Target

EVIDENCE = (Evidence(kind=EvidenceKind.MEASURED, source="a test", locator="here", checked=date(2026, 1, 1)),)


def known(name: str, value: str) -> Fact:
    return Fact(name=name, state=FactState.KNOWN, value=value, source="a test")


def absent(name: str) -> Fact:
    return Fact(name=name, state=FactState.ABSENT, source="a test")


def gpu_target(
    capability: str = "7.0", driver: str = "535.161.08", cuda: str = "12.2", glibc: str = "2.28"
) -> Target:
    return Target(
        platform=Platform(),
        python=Version("3.12.1"),
        gpus=(Gpu(name=f"GPU {capability}", capability=Capability.parse(capability)),),
        facts=(known(CUDA_DRIVER, driver), known(CUDA, cuda), known(GLIBC, glibc)),
    )


def bare_target() -> Target:
    """A machine without a GPU, whose own Python is not the lock's."""
    return Target(
        platform=Platform(),
        python=Version("3.12.1"),
        facts=(absent(CUDA_DRIVER), absent(CUDA), known(GLIBC, "2.28")),
    )


def rule(
    id: str,
    package: str,
    *,
    requires: Iterable[tuple[str, str]] = (),
    constrains: Iterable[tuple[str, str]] = (),
    excludes: Iterable[str] = (),
    versions: str = "",
    why: str | None = None,
) -> Rule:
    def conditions(pairs: Iterable[tuple[str, str]]) -> tuple[Condition, ...]:
        return tuple(Condition(name=name, specifier=SpecifierSet(bound)) for name, bound in pairs)

    return Rule(
        id=id,
        packages=(package,),
        versions=SpecifierSet(versions),
        requires=conditions(requires),
        constrains=conditions(constrains),
        excludes=tuple(excludes),
        why=why or f"The rule {id} says so.",
        evidence=EVIDENCE,
        file="test.toml",
    )


def knowledge(
    *rules: Rule,
    packages: Iterable[PackageKnowledge] = (),
    device_code: Iterable[DeviceCode] = (),
    choices: Iterable[Choice] = (),
) -> KnowledgeBase:
    return KnowledgeBase(
        version="test",
        rules=rules,
        packages={package.name: package for package in packages},
        device_code={code.sha256: code for code in device_code},
        toolkits=(),
        runtimes={13: CudaRuntime(major=13, driver="580.65.06", evidence=EVIDENCE)},
        branches=(
            DriverBranch(
                branch=580, cuda=Version("13.0"), first="580.65.06", oldest=Capability(7, 5), supported=True
            ),
        ),
        capabilities={
            capability: CapabilityEntry(capability=capability, architecture="any")
            for capability in (Capability(7, 0), Capability(7, 5), Capability(9, 0))
        },
        pythons=(
            PythonEntry(minor="3.11", newest=Version("3.11.14")),
            PythonEntry(minor="3.12", newest=Version("3.12.12")),
        ),
        default_python="3.12",
        choices={choice.name: choice for choice in choices},
        indexes={},
        gpus=(),
    )


def entry(
    filename: str,
    *,
    url: str | None = None,
    sha256: str | None = None,
    size: int = 1000,
    depends: Iterable[str] = (),
    build: bool = False,
    requires_python: str | None = None,
    index: str = "https://index.invalid/simple",
) -> Package:
    """A package of a lock, by the name of its file; its hash is that of the name unless given."""
    file: dict[str, Any] = {
        "name": filename,
        "url": url or f"https://files.invalid/{filename}",
        "size": size,
        "hashes": {"sha256": sha256 or hashlib.sha256(filename.encode()).hexdigest()},
    }
    is_wheel = filename.endswith(".whl")
    name, version = parse_wheel_filename(filename)[:2] if is_wheel else parse_sdist_filename(filename)
    return Package(
        name=name,
        version=version,
        marker=Marker("'builds' in dependency_groups") if build else None,
        requires_python=SpecifierSet(requires_python) if requires_python else None,
        dependencies=[{"name": other} for other in depends] or None,
        index=index,
        wheels=[PackageWheel(**file)] if is_wheel else None,
        sdist=None if is_wheel else PackageSdist(**file),
    )


def entry_of(path: Path, base: str, **options: Any) -> Package:
    """A package of a lock, by its file, served below ``base``."""
    data = path.read_bytes()
    options.setdefault("sha256", hashlib.sha256(data).hexdigest())
    return entry(path.name, url=f"{base}/{path.name}", size=len(data), **options)


def locked(
    *packages: Package,
    python: str | None = "==3.11.*",
    tool: Mapping[str, Any] | None = None,
    environment: str = "sys_platform == 'linux' and platform_machine == 'x86_64'",
) -> Pylock:
    builds = any(package.marker is not None for package in packages)
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(environment)],
        requires_python=SpecifierSet(python) if python else None,
        dependency_groups=["builds"] if builds else None,
        default_groups=[] if builds else None,
        created_by="envfit",
        packages=sorted(packages, key=lambda package: canonicalize_name(package.name)),
        tool={"envfit": tool} if tool else None,
    )
    lock.validate()
    return lock
