"""``pdm.lock``: packages with the groups and the markers under which each is installed.

Source: the lock of PDM itself, format 4.5.0.
"""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name

from envfit.errors import LockError
from envfit.project.document import Table
from envfit.project.faults import Faults
from envfit.project.locked import LockedEntry, LockedFile
from envfit.project.locked_table import LockTable
from envfit.project.toml_file import read_toml

__all__ = ["read_pdm_lock"]

_DEFAULT = "default"  # the group of what the project itself requires


def read_pdm_lock(path: Path) -> LockedFile:
    """Read a ``pdm.lock``.

    Raises LockError where it is none or does not say when a package is installed, ProjectError
    with every fault by its place, FileError where it cannot be read.
    """
    data = read_toml(path)
    faults = Faults(path)
    table = Table(data, file=path, path="", faults=faults)
    metadata = table.table("metadata")
    strategy = [text for _, text in metadata.texts("strategy")]
    if "inherit_metadata" not in strategy:
        raise LockError(
            f"{path} does not say of each package which group brings it in",
            details={"file": str(path)},
            hints=["pdm lock -S inherit_metadata writes that", "pdm export writes a requirements file"],
        )
    groups = {canonicalize_name(name) for _, name in metadata.texts("groups")} | {_DEFAULT}
    ranges = [
        LockTable(metadata.nested(key, item), path).specifier("requires_python")
        for key, item in metadata.items("targets")
        if isinstance(item, dict)
    ]
    entries = [
        entry
        for key, item in table.items("package")
        # A package with extras stands there twice.
        if isinstance(item, dict) and not item.get("extras")
        if (entry := _entry(LockTable(table.nested(key, item), path))) is not None
    ]
    faults.raise_any()
    return LockedFile(
        path=str(path),
        form="pdm.lock",
        entries=tuple(entries),
        requires_python=ranges[0] if len(ranges) == 1 else None,
        # To PDM, extras of the project are groups too.
        extras=dict.fromkeys(groups, ()),
        groups=dict.fromkeys(groups, ()),
        default_groups=frozenset({_DEFAULT, "dev"} & groups),
        relock=("-r", str(path.parent / "pyproject.toml"))
        if (path.parent / "pyproject.toml").is_file()
        else (),
    )


def _entry(table: LockTable) -> LockedEntry | None:
    name = table.name()
    if name is None:
        return None
    version = table.version()
    requires_python = table.specifier("requires_python")
    return LockedEntry(
        name=name,
        version=version,
        where=table.where,
        files=table.files("files", name, version, requires_python=requires_python),
        marker=table.marker("marker"),
        groups=frozenset(canonicalize_name(group) for _, group in table.table.texts("groups")),
        requires_python=requires_python,
    )
