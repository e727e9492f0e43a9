"""What the files of an environment are like beside what their RECORDs say: missing, altered, or nobody's."""

from __future__ import annotations

import base64
import csv
import hashlib
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

from envfit.frozen import frozen
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, InstalledFile

__all__ = ["Contents", "Owned", "Shadow", "read_contents", "read_record"]

# It makes scripts of its own and writes the prefix into files, which RECORD does not know of.
_CONDA = "conda"
_THREADS = min(8, os.cpu_count() or 1)
_STEP = 1 << 20  # bytes of a file hashed at a time
_TOLD = 2_000_000_000  # bytes after which progress is told
_METADATA = (".dist-info", ".egg-info")


@frozen
class Owned:
    """The files of one distribution by its RECORD, without compiled byte code."""

    distribution: InstalledDistribution
    files: tuple[InstalledFile, ...]
    missing: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()  # of another size or hash than RECORD states


@frozen
class Shadow:
    """A module that is found before the one that the environment has of that name."""

    name: str
    path: Path
    distribution: InstalledDistribution  # whose module is not reached


@frozen
class Contents:
    """What lies in the site directories of a prefix."""

    owned: tuple[Owned, ...]
    hashed: bool  # whether files were compared by hash, and not by size alone
    hollow: tuple[Path, ...] = ()  # directories of nobody's with nothing in them but byte code
    shadows: tuple[Shadow, ...] = ()
    gone: tuple[InstalledDistribution, ...] = ()  # editable ones whose project is not there


def read_contents(
    environment: InstalledEnvironment, *, quick: bool, notify: Callable[[str], None] = lambda _: None
) -> Contents:
    """Hold the files of an environment against its RECORDs.

    ``quick``: only whether they are there; sizes and hashes are not looked at.
    """
    directories = _Directories()
    owned = []
    for distribution in environment.distributions:
        if not environment.is_own(distribution):
            continue
        files = read_record(distribution)
        if files is None:
            continue
        if distribution.installer == _CONDA:
            files = tuple(file for file in files if not file.path.startswith("../"))
        missing = directories.missing(distribution.directory, files)
        owned.append(Owned(distribution=distribution, files=files, missing=missing))
    if not quick:
        owned = list(_compared(owned, notify))
    return Contents(
        owned=tuple(owned),
        hashed=not quick,
        hollow=tuple(_hollow(environment, owned)),
        shadows=tuple(_shadows(environment, owned)),
        gone=tuple(item for item in environment.distributions if _is_gone(item)),
    )


def read_record(distribution: InstalledDistribution) -> tuple[InstalledFile, ...] | None:
    """Return the files of a distribution as RECORD states them, without byte code.

    None where there is no RECORD that could be read.
    """
    if not distribution.has_record:
        return None
    try:
        text = (distribution.place / "RECORD").read_text(encoding="utf-8", errors="replace")
        return tuple(_rows(text))
    except (OSError, csv.Error):  # of what is damaged, nobody knows what it said
        return None


def _rows(text: str) -> Iterator[InstalledFile]:
    # Of tens of thousands of rows: nothing here is done twice.
    made = InstalledFile._make
    for row in csv.reader(text.splitlines()):
        if len(row) < 3 or row[0][-4:] == ".pyc":
            continue
        path, digest, size = row[0], row[1], row[2]
        sha256 = digest[7:].rstrip("=") if digest[:7] == "sha256=" else None
        yield made((path, sha256, int(size) if size.isdecimal() else None))


class _Directories:
    """Names in directories, each listed once: asking for every file takes ten times as long."""

    def __init__(self) -> None:
        self._sites: dict[Path, dict[str, frozenset[str]]] = defaultdict(dict)

    def missing(self, site: Path, files: Iterable[InstalledFile]) -> tuple[str, ...]:
        """Return the files that are not there, by their paths from a site directory."""
        folders = self._sites[site]
        missing = []
        for file in files:
            path = file.path
            folder, _, name = path.rpartition("/")
            names = folders.get(folder)
            if names is None:
                names = folders[folder] = _names(site, folder)
            if name not in names:
                missing.append(path)
        return tuple(missing)


def _names(site: Path, folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(site / folder))  # noqa: PTH208
    except OSError:
        return frozenset()


def _compared(owned: Sequence[Owned], notify: Callable[[str], None]) -> Iterator[Owned]:
    """Yield what is owned with the files whose size or hash is another."""
    work = [
        (number, str(each.distribution.directory), file)
        for number, each in enumerate(owned)
        if each.distribution.installer != _CONDA
        for file in each.files
        if file.sha256 is not None and file.path not in each.missing
    ]
    total = sum(file.size or 0 for _, _, file in work)
    if total > _TOLD:
        notify(f"comparing {len(work)} files, {total / 1e9:.1f} GB, with their hashes")
    altered: dict[int, list[str]] = defaultdict(list)
    # The largest first, so that no thread begins with one when the others are done.
    work.sort(key=lambda item: item[2].size or 0, reverse=True)
    with ThreadPoolExecutor(_THREADS) as threads:
        told, done = 0, 0
        for (number, _, file), same in zip(work, threads.map(_is_same, work), strict=True):
            if not same:
                altered[number].append(file.path)
            done += file.size or 0
            if total > _TOLD and done * 4 // total > told:
                told = done * 4 // total
                notify(f"compared {done / 1e9:.1f} of {total / 1e9:.1f} GB")
    for number, each in enumerate(owned):
        yield Owned(
            distribution=each.distribution,
            files=each.files,
            missing=each.missing,
            altered=tuple(sorted(altered[number])),
        )


def _is_same(item: tuple[int, str, InstalledFile]) -> bool:
    """Tell whether a file is as RECORD states it; one that may not be read counts as the same."""
    _, directory, file = item
    try:
        with open(f"{directory}/{file.path}", "rb") as opened:  # noqa: PTH123 - tens of thousands of them
            if file.size is not None and os.fstat(opened.fileno()).st_size != file.size:
                return False
            digest = hashlib.sha256()
            while data := opened.read(_STEP):
                digest.update(data)
    except OSError:
        return True
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=") == file.sha256


def _hollow(environment: InstalledEnvironment, owned: Iterable[Owned]) -> Iterator[Path]:
    """Yield directories at the top that are nobody's and hold byte code or nothing: importing them works."""
    known: dict[Path, set[str]] = defaultdict(set)
    for each in owned:
        known[each.distribution.directory].update(file.path.partition("/")[0] for file in each.files)
    for directory in environment.own_directories:
        with os.scandir(directory) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = entry.name
                if (
                    name.isidentifier()
                    and name != "__pycache__"
                    and name not in known[directory]
                    and entry.is_dir(follow_symlinks=False)
                    and _has_nothing(Path(entry.path))
                ):
                    yield Path(entry.path)


def _has_nothing(directory: Path) -> bool:
    return not any(files and not folder.endswith("__pycache__") for folder, _, files in os.walk(directory))


def _shadows(environment: InstalledEnvironment, owned: Sequence[Owned]) -> Iterator[Shadow]:
    """Yield modules of directories that come before the prefix's own and have a name of one of its."""
    own = environment.own_directories
    before = list(itertools.takewhile(lambda directory: directory not in own, environment.site_directories))
    names = _modules(owned) if before else {}
    for directory in before:
        for name, distribution in sorted(names.items()):
            if _is_project_of(directory, distribution):
                continue
            for path in (directory / name / "__init__.py", directory / f"{name}.py"):
                if path.is_file():
                    yield Shadow(name=name, path=path, distribution=distribution)
                    break


def _modules(owned: Iterable[Owned]) -> Mapping[str, InstalledDistribution]:
    """Return what is imported at the top, and whose it is."""
    names: dict[str, InstalledDistribution] = {}
    for each in owned:
        for file in each.files:
            name, separator, rest = file.path.partition("/")
            if rest == "__init__.py" or (not separator and name.endswith(".py")):
                names.setdefault(name.removesuffix(".py"), each.distribution)
    return names


def _is_project_of(directory: Path, distribution: InstalledDistribution) -> bool:
    return distribution.editable is not None and _local_path(distribution.editable) == directory


def _is_gone(distribution: InstalledDistribution) -> bool:
    path = _local_path(distribution.editable) if distribution.editable is not None else None
    return path is not None and not path.is_dir()


def _local_path(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
