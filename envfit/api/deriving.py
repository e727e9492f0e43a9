"""Facts read from wheels, as the knowledge base keeps them: which wheels, read how, written where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.api.scanning import python_rank
from envfit.binary.library import LibraryCode
from envfit.distribution import Wheel
from envfit.index.archive import RemoteFile
from envfit.index.torch_archs import read_torch_archs
from envfit.index.wheel_code import read_wheel_code
from envfit.knowledge.derived import (
    GENERATOR,
    DerivedLibrary,
    DerivedSection,
    DerivedWheel,
    derived_text,
    read_derived,
)
from envfit.knowledge.document import Table
from envfit.target import Platform
from envfit.toml_text import parse_toml

if TYPE_CHECKING:
    from envfit.index.session import Session
    from envfit.index.source import PackageIndex

__all__ = [
    "derive_wheel",
    "kept_wheels",
    "libraries_of",
    "representative_wheels",
    "write_wheels",
]

_MACHINES = ("x86_64", "aarch64")


def representative_wheels(
    name: str, packages: PackageIndex, versions: SpecifierSet | None = None
) -> list[tuple[Platform, Wheel]]:
    """Return a wheel for each platform of each final release, newest first.

    Kernels do not differ between Pythons, so one wheel stands for its siblings.
    """
    wanted = SpecifierSet() if versions is None else versions
    chosen: dict[tuple[Version, str], tuple[tuple[int, bool, str], Wheel]] = {}
    for listing in packages.listing(name):
        for file in listing.distributions:
            if not isinstance(file, Wheel) or file.version.is_prerelease or file.yanked is not None:
                continue
            if not wanted.contains(file.version):
                continue
            for machine in _MACHINES:
                place = python_rank(file, Platform(machine=machine)) if machine in file.filename else None
                if place is not None:
                    key, rank = (file.version, machine), (place, bool(file.build_tag), file.filename)
                    chosen[key] = min(chosen.get(key, (rank, file)), (rank, file), key=lambda item: item[0])
    return [(Platform(machine=key[1]), chosen[key][1]) for key in sorted(chosen, reverse=True)]


def derive_wheel(
    wheel: Wheel, platform: Platform, session: Session, *, libraries: bool = True
) -> DerivedWheel:
    """Read a wheel; without ``libraries`` only what torch says of itself, a few megabytes.

    Raises SourceError where it cannot be read.
    """
    cuda: Version | None = None
    sass: tuple[str, ...] | None = None
    ptx: tuple[str, ...] = ()
    with RemoteFile(session, wheel.url, sha256=wheel.sha256) as file:
        if wheel.name == "torch":
            archs = read_torch_archs(file, wheel.filename)
            cuda, sass, ptx = archs.cuda, tuple(archs.sass), tuple(archs.ptx)
        found = read_wheel_code(file, wheel.filename) if libraries else {}
    kept = libraries_of(found)
    return DerivedWheel(
        filename=wheel.filename,
        sha256=wheel.sha256 or "",
        version=wheel.version,
        platform=platform,
        cuda=cuda,
        sass=() if sass is None and not kept else sass,
        ptx=ptx,
        libraries=kept,
    )


def libraries_of(found: Mapping[str, LibraryCode]) -> tuple[DerivedLibrary, ...]:
    """Return the libraries of a wheel that have GPU code or are linked with CUDA, by path."""
    return tuple(
        DerivedLibrary(
            path=path,
            linked=code.cuda_libraries,
            glibc=str(code.glibc) if code.glibc is not None else None,
            cubins=code.cubins,
            damaged=code.damaged,
            sections=tuple(
                DerivedSection(
                    name=section.name,
                    fatbins=section.fatbins,
                    sass=section.sass,
                    ptx=section.ptx,
                    ptx_isa=section.ptx_isa,
                )
                for section in code.sections
            ),
        )
        for path, code in sorted(found.items())
        if code.has_gpu_code or code.cuda_libraries
    )


def kept_wheels(path: Path) -> tuple[DerivedWheel, ...]:
    """Return the wheels that a file of facts has; none where there is no file.

    Raises ValueError where the file is malformed.
    """
    if not path.exists():
        return ()
    faults: list[str] = []
    table = Table(parse_toml(path.read_text(encoding="utf-8")), file=path.name, path="", faults=faults)
    wheels = read_derived(table)
    if faults:
        raise ValueError("\n".join(faults))
    return wheels


def write_wheels(path: Path, name: str, wheels: Iterable[DerivedWheel]) -> None:
    """Write a file of facts: of each release and platform the wheel that was read most thoroughly."""
    kept: dict[tuple[Version, Platform], DerivedWheel] = {}
    for wheel in sorted(wheels, key=lambda wheel: (len(wheel.libraries), wheel.filename)):
        kept[wheel.version, wheel.platform] = wheel
    path.write_text(derived_text(name, GENERATOR, kept.values()), encoding="utf-8")
