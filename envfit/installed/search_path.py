"""Where the interpreter of a prefix looks for packages, told from files as ``site`` would (PEP 370, 405)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from envfit.frozen import frozen
from envfit.installed.model import DeadPath, PrefixKind

__all__ = ["Python", "SearchPath", "is_version", "prefix_kind", "read_python", "search_path"]

_PATCHLEVEL = re.compile(r'^#define PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_MINOR = re.compile(r"python(\d+\.\d+)")
#: What the environment file of envfit's versions is called; beside a link of the same name.
_VERSIONS = ".envfit"


@frozen
class Python:
    """The interpreter of a prefix, as far as files tell."""

    executable: Path | None
    version: Version | None
    minor: str | None  # "3.11"


@frozen
class SearchPath:
    """Directories in the order in which they are searched, without the standard library."""

    directories: tuple[Path, ...]
    own: tuple[Path, ...]  # those that are the prefix's
    dead: tuple[DeadPath, ...]


def prefix_kind(prefix: Path) -> PrefixKind | None:
    """Return what a prefix is, or None where it is no Python environment."""
    settings = prefix / "pyvenv.cfg"
    if settings.is_file():
        of_envfit = is_version(prefix) and (prefix / "pylock.toml").is_file()
        return PrefixKind.ENVFIT if of_envfit else PrefixKind.VENV
    if (prefix / "conda-meta").is_dir():
        return PrefixKind.CONDA
    return PrefixKind.SYSTEM if _minors(prefix) else None


def is_version(prefix: Path) -> bool:
    """Tell whether a prefix is, or leads to, a place where envfit puts a version of an environment."""
    real = prefix.resolve()
    return real.parent.name.endswith(_VERSIONS) and real.name.isdecimal()


def read_python(prefix: Path, kind: PrefixKind) -> Python:
    """Return the interpreter of a prefix."""
    version = _stated_version(prefix, kind)
    minors = _minors(prefix)
    minor = f"{version.major}.{version.minor}" if version is not None else None
    if minor is None:
        minor = _linked_minor(prefix) or (minors[-1] if minors else None)
    if version is None and minor is not None:
        version = _header_version(prefix, minor) or Version(minor)
    candidates = [prefix / "bin" / name for name in ("python", "python3", f"python{minor}")]
    return Python(
        executable=next((path for path in candidates if path.exists()), None), version=version, minor=minor
    )


def _minors(prefix: Path) -> list[str]:
    """Return the minor versions of the Pythons whose library a prefix holds, oldest first."""
    found = [match[1] for path in prefix.glob("lib/python*") if (match := _MINOR.fullmatch(path.name))]
    return sorted(set(found), key=Version)


def _stated_version(prefix: Path, kind: PrefixKind) -> Version | None:
    if kind is PrefixKind.CONDA:
        for path in prefix.glob("conda-meta/python-[0-9]*.json"):
            name, version, _ = path.stem.rsplit("-", 2)
            if name == "python":
                return _version(version)
        return None
    settings = _settings(prefix)
    return _version(settings.get("version_info", settings.get("version", "")))


def _version(text: str) -> Version | None:
    # The standard library writes version_info = 3.11.7.final.0
    plain = re.match(r"\d+\.\d+(?:\.\d+)?", text)
    try:
        return Version(plain[0]) if plain else None
    except InvalidVersion:
        return None


def _settings(prefix: Path) -> Mapping[str, str]:
    """Return what pyvenv.cfg states, by key."""
    try:
        text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    parts = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in parts}


def _linked_minor(prefix: Path) -> str | None:
    """Return the minor version that the name of the interpreter's file has."""
    found = _MINOR.fullmatch((prefix / "bin" / "python3").resolve().name)
    return found[1] if found else None


def _header_version(prefix: Path, minor: str) -> Version | None:
    try:
        text = (prefix / f"include/python{minor}/patchlevel.h").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = _PATCHLEVEL.search(text)
    return _version(found[1]) if found else None


def search_path(prefix: Path, kind: PrefixKind, python: Python, environ: Mapping[str, str]) -> SearchPath:
    """Return where the interpreter of a prefix looks, run with that environment.

    ``PYTHONPATH`` comes first, then the user's own site directory where it is read, then the
    prefix's; the paths that a .pth file adds follow the directory that it lies in.
    """
    if python.minor is None:
        return SearchPath(directories=(), own=(), dead=())
    settings = _settings(prefix)
    isolated = kind in (PrefixKind.VENV, PrefixKind.ENVFIT)
    open_to_base = settings.get("include-system-site-packages", "").lower() == "true"
    own = _own_directories(prefix, python.minor)
    sites = list(own)
    if isolated and open_to_base and "home" in settings:
        sites += _own_directories(Path(settings["home"]).parent, python.minor)
    if (not isolated or open_to_base) and not environ.get("PYTHONNOUSERSITE"):
        sites = [*_user_directory(python.minor, environ), *sites]
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    directories = [Path(path) for path in paths if Path(path).is_absolute() and Path(path).is_dir()]
    dead: list[DeadPath] = []
    for site in sites:
        directories.append(site)
        for added in _added(site):
            if isinstance(added, DeadPath):
                dead.append(added)
            else:
                directories.append(added)
    return SearchPath(directories=tuple(dict.fromkeys(directories)), own=tuple(own), dead=tuple(dead))


def _own_directories(prefix: Path, minor: str) -> list[Path]:
    """Return the site directories of a prefix; those of Debian's Python lie elsewhere."""
    found: dict[Path, Path] = {}
    for relative in (
        f"local/lib/python{minor}/dist-packages",
        "lib/python3/dist-packages",
        f"lib/python{minor}/dist-packages",
        f"lib/python{minor}/site-packages",
        f"lib64/python{minor}/site-packages",
    ):
        path = prefix / relative
        if path.is_dir():
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _user_directory(minor: str, environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME")
    base = environ.get("PYTHONUSERBASE") or (f"{home}/.local" if home else "")
    path = Path(base, f"lib/python{minor}/site-packages")
    if base and path.is_dir():
        yield path


def _added(site: Path) -> Iterator[Path | DeadPath]:
    """Yield what the .pth files of a directory add to the search path, in the order of reading."""
    for file in sorted(site.glob("*.pth")):
        if file.name.startswith("."):
            continue
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        said = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        for line in said:
            # A line that imports is run by Python; what it does, files do not tell.
            if line.startswith(("import ", "import\t")):
                continue
            path = Path(os.path.normpath(site / line))
            # Not Path.exists: it raises on a name that is too long, where Python goes on.
            is_there = os.path.exists(path)  # noqa: PTH110
            yield path if is_there else DeadPath(file=file, path=path, alone=len(said) == 1)
