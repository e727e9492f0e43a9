"""A recorded index on disk: pages, metadata and parts of files, each with its hash.

    DIRECTORY/manifest.json            what is recorded, from which date, with every sha256
    DIRECTORY/pages/NAME.json.gz       a page of the Simple API; addresses of files are paths
    DIRECTORY/metadata/FILENAME.gz     core metadata of a wheel or sdist
    DIRECTORY/files/FILENAME           the parts of a file that were asked for, one after another

A recording names no host: addresses are paths, and the names of the index that was
recorded are overwritten, letter for letter, wherever they stand in pages and metadata.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PartialFile", "Recording", "RecordingError", "find_recording", "home"]

_FORMAT = 1
_IN_GIT = Path(__file__).with_name("recordings")


class RecordingError(Exception):
    """A recording is not there, or is not what its manifest says."""


@dataclass(slots=True, kw_only=True)
class PartialFile:
    """The parts of one file that are known; they neither overlap nor touch."""

    size: int
    parts: list[tuple[int, bytes]] = field(default_factory=list)  # (offset, bytes), in order

    @property
    def known(self) -> int:
        """How many bytes are known."""
        return sum(len(body) for _, body in self.parts)

    def read(self, start: int, stop: int) -> bytes | None:
        """Return the bytes of a range; None where one of them is not known."""
        for offset, body in self.parts:
            if offset <= start and stop <= offset + len(body):
                return body[start - offset : stop - offset]
        return b"" if start >= stop else None

    def add(self, start: int, body: bytes) -> None:
        """Make bytes known."""
        apart = []
        for offset, known in self.parts:
            stop, end = start + len(body), offset + len(known)
            if end < start or stop < offset:
                apart.append((offset, known))
                continue
            body = known[: max(0, start - offset)] + body + known[len(known) - max(0, end - stop) :]
            start = min(start, offset)
        self.parts = sorted([*apart, (start, body)], key=lambda part: part[0])


@dataclass(slots=True, kw_only=True)
class Recording:
    """What an index answered; grows while it is recorded."""

    world: str
    date: str  # files uploaded later are not on the pages
    requirements: tuple[str, ...] = ()
    absent: set[str] = field(default_factory=set)  # names that were asked for and are not on the index
    pages: dict[str, bytes] = field(default_factory=dict)  # by name; JSON
    metadata: dict[str, bytes] = field(default_factory=dict)  # by filename of the wheel or sdist
    files: dict[str, PartialFile] = field(default_factory=dict)  # by filename

    def save(self, directory: Path) -> None:
        """Write everything, replacing what was there."""
        partial = directory.with_name(f".{directory.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        for folder in ("pages", "metadata", "files"):
            (partial / folder).mkdir(parents=True)
        for name, body in self.pages.items():
            (partial / "pages" / f"{name}.json.gz").write_bytes(gzip.compress(body, mtime=0))
        for filename, body in self.metadata.items():
            (partial / "metadata" / f"{filename}.gz").write_bytes(gzip.compress(body, mtime=0))
        for filename, file in self.files.items():
            (partial / "files" / filename).write_bytes(b"".join(body for _, body in file.parts))
        text = json.dumps(self._manifest(), indent=1, sort_keys=True)
        (partial / "manifest.json").write_text(f"{text}\n", encoding="utf-8")
        shutil.rmtree(directory, ignore_errors=True)
        partial.rename(directory)

    @classmethod
    def load(cls, directory: Path) -> Recording:
        """Read a recording; raises RecordingError where it is not whole."""
        try:
            manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RecordingError(f"there is no recording in {directory}") from None
        if manifest["format"] != _FORMAT:
            raise RecordingError(
                f"{directory} has format {manifest['format']}, this is {_FORMAT}: record again"
            )
        recording = cls(
            world=manifest["world"],
            date=manifest["date"],
            requirements=tuple(manifest["requirements"]),
            absent=set(manifest["absent"]),
        )
        for name, digest in manifest["pages"].items():
            recording.pages[name] = _checked(directory / "pages" / f"{name}.json.gz", digest)
        for filename, digest in manifest["metadata"].items():
            recording.metadata[filename] = _checked(directory / "metadata" / f"{filename}.gz", digest)
        for filename, entry in manifest["files"].items():
            path = directory / "files" / filename
            if path.exists():  # git has pages and metadata alone
                recording.files[filename] = _partial_file(_checked(path, entry["sha256"]), entry)
        return recording

    def _manifest(self) -> Mapping[str, object]:
        return {
            "format": _FORMAT,
            "world": self.world,
            "date": self.date,
            "requirements": self.requirements,
            "absent": sorted(self.absent),
            "pages": {name: _sha256(body) for name, body in self.pages.items()},
            "metadata": {filename: _sha256(body) for filename, body in self.metadata.items()},
            "files": {
                filename: {
                    "size": file.size,
                    "parts": [[offset, len(body)] for offset, body in file.parts],
                    "sha256": _sha256(b"".join(body for _, body in file.parts)),
                }
                for filename, file in self.files.items()
            },
        }


def home() -> Path:
    """Return the directory for recordings, the environments of peers and results."""
    stated = os.environ.get("ENVFIT_BENCHMARKS")
    if stated:
        return Path(stated)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "envfit-benchmarks"


def find_recording(world: str) -> Path:
    """Return the directory of a recording: the one made here before the one in git."""
    for directory in (home() / "recordings" / world, _IN_GIT / world):
        if (directory / "manifest.json").exists():
            return directory
    raise RecordingError(f"{world} is not recorded: python -m benchmarks.record {world}")


def _checked(path: Path, digest: str) -> bytes:
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        raise RecordingError(f"{path} is missing") from None
    if path.suffix == ".gz" and path.parent.name != "files":
        body = gzip.decompress(body)
    if _sha256(body) != digest:
        raise RecordingError(f"{path} has changed since it was recorded")
    return body


def _partial_file(content: bytes, entry: Mapping[str, object]) -> PartialFile:
    file = PartialFile(size=int(str(entry["size"])))
    position = 0
    parts = entry["parts"]
    for offset, length in parts if isinstance(parts, list) else ():
        file.parts.append((offset, content[position : position + length]))
        position += length
    return file


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
