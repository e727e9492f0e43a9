"""Prefixes made by hand: wheels unpacked into a made-up site-packages, as an installer would leave them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.loopback import make_wheel

__all__ = ["conda", "put", "site", "system", "venv"]


def venv(path: Path, *, python: str = "3.11.9", base: bool = False) -> Path:
    """Make the files of a virtual environment, without a Python in it."""
    site_packages = path / "lib" / f"python{python.rpartition('.')[0]}" / "site-packages"
    site_packages.mkdir(parents=True)
    (path / "bin").mkdir()
    (path / "bin" / "python").touch()
    shared = str(base).lower()
    (path / "pyvenv.cfg").write_text(
        f"home = {path.parent}/base/bin\nversion = {python}\ninclude-system-site-packages = {shared}\n"
    )
    return path


def conda(path: Path, *, python: str = "3.11.9", revisions: int = 1) -> Path:
    """Make the files of a conda prefix."""
    (path / "lib" / f"python{python.rpartition('.')[0]}" / "site-packages").mkdir(parents=True)
    (path / "bin").mkdir()
    (path / "bin" / "python").touch()
    (path / "conda-meta").mkdir()
    (path / "conda-meta" / f"python-{python}-h955ad1f_0_cpython.json").write_text("{}")
    (path / "conda-meta" / "history").write_text("==> 2026-11-01 10:00:00 <==\n# cmd: conda\n" * revisions)
    return path


def system(path: Path, *, minor: str = "3.11", managed: bool = False) -> Path:
    """Make the files of a Python that is not in an environment of its own."""
    library = path / "lib" / f"python{minor}"
    (library / "site-packages").mkdir(parents=True)
    (path / "bin").mkdir()
    (path / "bin" / f"python{minor}").touch()
    (path / "bin" / "python3").symlink_to(f"python{minor}")
    if managed:
        (library / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    return path


def site(prefix: Path) -> Path:
    """Return the site-packages of a prefix."""
    return next(prefix.glob("lib/python3*/site-packages"))


def put(
    place: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    files: Mapping[str, bytes] | None = None,
    tags: str = "py3-none-any",
    installer: str = "pip",
    metadata: bytes | None = None,
) -> Path:
    """Install a wheel made of these parts into a site directory, and return its metadata directory."""
    wheel = make_wheel(
        place.parent / "wheels",
        name,
        version,
        requires=requires,
        requires_python=requires_python,
        extras=extras,
        files=files,
        tags=tags,
        metadata=metadata,
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
        names = archive.namelist()
    folder = place / next(item for item in names if item.endswith("/RECORD")).partition("/")[0]
    if installer:
        (folder / "INSTALLER").write_text(f"{installer}\n")
        with (folder / "RECORD").open("a") as record:
            record.write(f"{folder.name}/INSTALLER,,\n")
    return folder
