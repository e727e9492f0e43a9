"""Which distribution a file of an environment belongs to."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from envfit.frozen import frozen
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind

__all__ = ["Owners", "read_owners"]


@frozen
class Owners:
    """Whose each file is, by its path."""

    files: Mapping[str, str]  # to the normalized name of a distribution, or of a conda package
    projects: tuple[tuple[str, str], ...] = ()  # directories of editable ones, and their names

    def of(self, path: str) -> str | None:
        """Return the distribution of a file; None where it is nobody's."""
        found = self.files.get(path)
        if found is not None:
            return found
        return next((name for project, name in self.projects if path.startswith(f"{project}/")), None)

    def of_last(self, paths: Iterable[str]) -> str | None:
        """Return the distribution of the last of several files that is somebody's."""
        return next((owner for path in reversed(list(paths)) if (owner := self.of(path))), None)


def read_owners(environment: InstalledEnvironment, *, libraries_only: bool = False) -> Owners:
    """Read whose the files of an environment are; what a wheel has and conda too is the wheel's."""
    files: dict[str, str] = {}
    if environment.kind is PrefixKind.CONDA:
        for record in sorted((environment.prefix / "conda-meta").glob("*.json")):
            files.update(_conda_files(environment.prefix, record))
    for distribution in environment.distributions:
        for file in _recorded(distribution):
            if not libraries_only or ".so" in file:
                files[os.path.normpath(f"{distribution.directory}/{file}")] = distribution.name
    return Owners(files=files, projects=tuple(_projects(environment)))


def _conda_files(prefix: Path, record: Path) -> Iterator[tuple[str, str]]:
    try:
        stated = json.loads(record.read_bytes())
        yield from ((os.path.normpath(prefix / file), str(stated["name"])) for file in stated["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return


def _recorded(distribution: InstalledDistribution) -> Iterator[str]:
    try:
        record = distribution.directory / distribution.metadata / "RECORD"
        with record.open(encoding="utf-8", errors="replace", newline="") as file:
            yield from (row[0] for row in csv.reader(file) if row)
    except (OSError, csv.Error):
        return


def _projects(environment: InstalledEnvironment) -> Iterator[tuple[str, str]]:
    for distribution in environment.distributions:
        parts = urlsplit(distribution.editable or "")
        if parts.scheme == "file":
            yield unquote(parts.path).rstrip("/"), distribution.name
