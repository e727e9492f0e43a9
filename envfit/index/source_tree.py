"""Source distributions: what is readable in them without a build, and unpacking."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.distribution import Metadata, Sdist
from envfit.header_fields import header_fields, single
from envfit.index import unpack as unpack_program
from envfit.index.core_metadata import BadMetadata, declared, parse_core_metadata
from envfit.index.unpack import DAMAGED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_static_metadata", "read_static_tree", "unpack"]

# Since this version, a field not listed as dynamic is the same in every build (PEP 643).
_STATIC_SINCE = Version("2.2")
_NEEDED = frozenset({"requires-dist", "requires-python", "provides-extra"})


def read_static_metadata(path: Path, sdist: Sdist) -> Metadata | None:
    """Return the metadata that a source distribution states for every build of it.

    PKG-INFO from metadata version 2.2 on, else ``[project]`` in pyproject.toml;
    None where what is needed is dynamic.  Raises BadMetadata.
    """
    files = _read_top_files(path, sdist, frozenset({"PKG-INFO", "pyproject.toml"}))
    if "PKG-INFO" in files:
        metadata = _from_pkg_info(files["PKG-INFO"], sdist)
        if metadata is not None:
            return metadata
    if "pyproject.toml" in files:
        return _from_pyproject(files["pyproject.toml"], sdist)
    return None


def read_static_tree(tree: Path, what: Sdist) -> Metadata | None:
    """Return the metadata that an unpacked source tree states for every build of it, its version included.

    ``what`` is the tree as it is known before: only its address counts.  None where
    what is needed is dynamic.  Raises BadMetadata.
    """
    file = tree / "pyproject.toml"
    try:
        text = file.read_bytes() if file.is_file() else b""
        project = tomllib.loads(text.decode("utf-8")).get("project")
    except (OSError, ValueError) as error:
        raise BadMetadata(what, f"its pyproject.toml cannot be read ({error})") from error
    if not isinstance(project, dict):
        return None
    try:
        name = canonicalize_name(str(project["name"]), validate=True)
        version = Version(str(project["version"]))
    except (KeyError, ValueError):
        return None
    return _from_pyproject(text, replace(what, name=name, version=version))


def unpack(path: Path, sdist: Sdist, directory: Path) -> Path:
    """Unpack a source distribution into a directory, and return its top folder.

    Nothing is written outside of the directory.  Raises BadMetadata where the
    archive is damaged or wants to.
    """
    program = [sys.executable, "-I", "-S", unpack_program.__file__, str(path), str(directory)]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
        raise BadMetadata(sdist, f"it cannot be unpacked ({reason})")
    folders = [entry for entry in directory.iterdir() if entry.is_dir()]
    if len(folders) != 1:
        raise BadMetadata(sdist, "it does not have one top folder")
    return folders[0]


def _read_top_files(path: Path, sdist: Sdist, names: frozenset[str]) -> Mapping[str, bytes]:
    """Return the files of those names that lie directly in the top folder."""
    found: dict[str, bytes] = {}
    try:
        if sdist.filename.endswith(".zip"):
            with zipfile.ZipFile(path) as zipped:
                for entry in zipped.namelist():
                    if _is_top(entry, names):
                        found[PurePosixPath(entry).name] = zipped.read(entry)
        else:
            with tarfile.open(path, "r:*") as tarred:
                for member in tarred:
                    file = tarred.extractfile(member) if _is_top(member.name, names) else None
                    if file is not None:
                        found[PurePosixPath(member.name).name] = file.read()
    except DAMAGED as error:
        raise BadMetadata(sdist, f"the archive is damaged ({error})") from error
    return found


def _is_top(entry: str, names: frozenset[str]) -> bool:
    parts = PurePosixPath(entry).parts
    return len(parts) == 2 and parts[1] in names


def _from_pkg_info(text: bytes, sdist: Sdist) -> Metadata | None:
    fields = header_fields(text)
    try:
        version = Version(single(fields, "metadata-version") or "1.0")
    except InvalidVersion:
        return None
    dynamic = {field.lower() for field in fields.get("dynamic", ())}
    if version < _STATIC_SINCE or dynamic & _NEEDED:
        return None
    return parse_core_metadata(text, sdist, source=f"PKG-INFO in {sdist.filename}")


def _from_pyproject(text: bytes, sdist: Sdist) -> Metadata | None:
    """Read ``[project]`` (PEP 621).

    A dynamic version is no obstacle: the file's name states it, and what is
    static stays so in every build.
    """
    try:
        project = tomllib.loads(text.decode("utf-8")).get("project")
    except ValueError:
        return None
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        return None
    dynamic = project.get("dynamic", [])
    if not isinstance(dynamic, list) or {"dependencies", "optional-dependencies", "requires-python"} & {
        *map(str, dynamic)
    }:
        return None
    if canonicalize_name(project["name"]) != sdist.name:
        raise BadMetadata(sdist, f"its pyproject.toml is that of {project['name']}")
    dependencies, optional = project.get("dependencies", []), project.get("optional-dependencies", {})
    bound = project.get("requires-python")
    if not isinstance(dependencies, list) or not isinstance(optional, dict):
        raise BadMetadata(sdist, "the dependencies in its pyproject.toml are malformed")
    requires = [str(line) for line in dependencies]
    for extra, lines in optional.items():
        requires.extend(_with_extra(str(line), extra) for line in lines)
    return declared(
        sdist,
        requires=requires,
        requires_python=bound if isinstance(bound, str) else None,
        extras=list(optional),
        source=f"pyproject.toml in {sdist.filename}",
    )


def _with_extra(line: str, extra: str) -> str:
    """Return a requirement that holds only where an extra is asked for."""
    requirement, separator, marker = line.partition(";")
    condition = f'extra == "{canonicalize_name(extra)}"'
    if separator:
        condition = f"({marker.strip()}) and {condition}"
    # A direct reference needs the space to tell address and marker apart.
    return f"{requirement.strip()} ; {condition}"
