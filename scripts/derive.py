"""Write constraints/derived/NAME.toml: the GPU code of a package's Linux wheels, read library by library.

Usage: python scripts/derive.py [--releases N] [--check N] NAME...

Of each of the newest N releases one wheel is read for each platform; other Python tags inherit
from it.  What was read before is kept.  With ``--check N``, N wheels of each file are
read again and compared, and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import tomli_w
import tomllib
from packaging.version import Version

from envfit.api.indexes import IndexRequest, open_packages
from envfit.api.scanning import python_rank
from envfit.binary.library import LibraryCode, SectionCode
from envfit.distribution import Wheel
from envfit.index.archive import RemoteFile
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.index.wheel_code import read_wheel_code
from envfit.target import Platform
from envfit.version import __version__

DIRECTORY = Path(__file__).parents[1] / "constraints" / "derived"
HEAD = "# Written by scripts/derive.py; never edited by hand.\n"
MACHINES = ("x86_64", "aarch64")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--releases", type=int, default=8, metavar="N")
    parser.add_argument("--check", type=int, metavar="N")
    options = parser.parse_args()
    request = IndexRequest(directory=Path())
    different = 0
    with open_packages(request, os.environ, lambda _: None) as (packages, session):
        for name in options.names:
            if options.check is not None:
                different += check(name, options.check, packages, session)
            else:
                derive(name, options.releases, packages, session)
    return 1 if different else 0


def derive(name: str, releases: int, packages: PackageIndex, session: Session) -> None:
    """Read the newest releases of a package, and write its file."""
    path = DIRECTORY / f"{name}.toml"
    known = {entry["sha256"]: entry for entry in _written(path)}
    for wheel in wheels(name, packages, releases):
        if wheel.sha256 in known:
            continue
        before = session.bytes_received
        known[wheel.sha256 or ""] = entry = read(wheel, session)
        libraries = entry.get("library", [])
        megabytes = (session.bytes_received - before) / 1e6
        print(f"{wheel.filename}: {len(libraries)} libraries, {megabytes:.0f} MB", flush=True)
        _write(path, name, known)


def check(name: str, count: int, packages: PackageIndex, session: Session) -> int:
    """Read some wheels of a file again; return how many say something else now."""
    written = {entry["sha256"]: entry for entry in _written(DIRECTORY / f"{name}.toml")}
    listed = {wheel.sha256: wheel for wheel in wheels(name, packages, 10_000)}
    step = max(1, len(written) // count)
    different = 0
    for sha256 in list(written)[::step][:count]:
        again = read(listed[sha256], session) if sha256 in listed else None
        same = again == written[sha256]
        different += not same
        print(f"{'same' if same else 'DIFFERENT'}  {written[sha256]['filename']}", flush=True)
    return different


def wheels(name: str, packages: PackageIndex, releases: int) -> list[Wheel]:
    """Return a wheel for each platform of each of the newest final releases, newest first."""
    chosen: dict[tuple[Version, str], tuple[tuple[int, bool, str], Wheel]] = {}
    for listing in packages.listing(name):
        for file in listing.distributions:
            if not isinstance(file, Wheel) or file.version.is_prerelease or file.yanked is not None:
                continue
            for machine in MACHINES:
                place = python_rank(file, Platform(machine=machine)) if machine in file.filename else None
                if place is not None:
                    key, rank = (file.version, machine), (place, bool(file.build_tag), file.filename)
                    chosen[key] = min(chosen.get(key, (rank, file)), (rank, file), key=lambda item: item[0])
    newest = sorted({version for version, _ in chosen}, reverse=True)[:releases]
    return [chosen[key][1] for key in sorted(chosen, reverse=True) if key[0] in newest]


def read(wheel: Wheel, session: Session) -> dict[str, object]:
    """Return the entry of a wheel."""
    with RemoteFile(session, wheel.url, sha256=wheel.sha256) as file:
        found = read_wheel_code(file, wheel.filename)
    machine = next(machine for machine in MACHINES if machine in wheel.filename)
    entry: dict[str, object] = {
        "filename": wheel.filename,
        "sha256": wheel.sha256,
        "version": str(wheel.version),
        "platform": f"linux-{machine}",
    }
    libraries = [
        _library(path, code)
        for path, code in sorted(found.items())
        if code.has_gpu_code or code.cuda_libraries
    ]
    if libraries:
        entry["library"] = libraries
    else:
        entry |= {"sass": [], "ptx": []}
    return entry


def _library(path: str, code: LibraryCode) -> Mapping[str, object]:
    entry: dict[str, object] = {"path": path}
    if code.cuda_libraries:
        entry["linked"] = list(code.cuda_libraries)
    if code.glibc is not None:
        entry["glibc"] = str(code.glibc)
    entry |= {key: value for key, value in (("cubins", code.cubins), ("damaged", code.damaged)) if value}
    if code.sections:
        entry["section"] = [dict(_section(section)) for section in code.sections]
    return entry


def _section(section: SectionCode) -> Iterator[tuple[str, object]]:
    yield "name", section.name
    yield "fatbins", section.fatbins
    for key, counts in (("sass", section.sass), ("ptx", section.ptx)):
        if counts:
            yield key, [f"{architecture}:{count}" for architecture, count in counts.items()]
    if section.ptx_isa is not None:
        yield "ptx_isa", section.ptx_isa


def _written(path: Path) -> list[dict[str, object]]:
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["wheel"]) if path.exists() else []


def _write(path: Path, name: str, entries: Mapping[str, Mapping[str, object]]) -> None:
    ordered = sorted(
        entries.values(), key=lambda entry: (Version(str(entry["version"])), str(entry["platform"]))
    )
    document = {
        "schema": 1,
        "generator": f"envfit {__version__} (fat binaries of every library)",
        "package": name,
        "wheel": ordered,
    }
    path.write_text(HEAD + tomli_w.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
