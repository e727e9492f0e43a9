"""Whole wheels from the index in use, and a recording made of them, so that they can be installed from it."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import parse_wheel_filename

from benchmarks.recording import PartialFile, Recording, home
from benchmarks.simple_page import dumped, with_hashes

__all__ = ["recorded_wheels", "wheelhouse"]

_UPLOADED = "2026-01-01T00:00:00Z"


def wheelhouse(name: str, requirements: Sequence[str], python: str) -> Path:
    """Return a directory with the wheels of what is required, downloaded with pip where it is not there.

    What pip's settings name besides the index is looked in too.
    """
    directory = home() / "wheels" / name
    if not (directory / "complete").exists():
        directory.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "pip", "download", "-qqq", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(directory), *requirements], check=True)
        (directory / "complete").touch()
    return directory


def recorded_wheels(world: str, directory: Path) -> Recording:
    """Return a recording of the wheels in a directory and of nothing else."""
    recording = Recording(world=world, date=_UPLOADED[:10])
    pages: dict[str, list[dict[str, object]]] = defaultdict(list)
    versions: dict[str, list[str]] = defaultdict(list)
    for path in sorted(directory.glob("*.whl")):
        project, version, _, _ = parse_wheel_filename(path.name)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        recording.files[path.name] = PartialFile(size=len(content), parts=[(0, content)])
        recording.metadata[path.name] = metadata = _metadata(path)
        headers = HeaderParser().parsestr(metadata.decode(), headersonly=True)
        pages[project].append(
            {
                "filename": path.name,
                "hashes": {"sha256": digest},
                "size": len(content),
                "upload-time": _UPLOADED,
                "url": f"/packages/{digest[:2]}/{path.name}",
                "yanked": False,
                **({"requires-python": bound} if (bound := headers["Requires-Python"]) else {}),
            }
        )
        versions[project].append(str(version))
    for name, files in pages.items():
        page = {"files": files, "meta": {"api-version": "1.4"}, "name": name, "versions": versions[name]}
        recording.pages[name] = with_hashes(dumped(page), recording.metadata)
    return recording


def _metadata(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        member = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return archive.read(member)
