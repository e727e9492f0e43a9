"""Made-up worlds of any size: an index of packages that require each other, and rules about them.

Everything follows from the size alone, so that the same world comes again.  Package 0
requires the others: each requires its two children of a binary tree and one further on,
in ranges that always leave a release for everybody, the same ones for each of its
releases; so there is one newest answer.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

from benchmarks.recording import Recording
from benchmarks.simple_page import dumped, with_hashes
from benchmarks.worlds import World

__all__ = ["synthetic_recording", "synthetic_world", "write_rules"]

_DATE = "2026-01-01"
_RELEASES = 20  # of each package
_COMMON = (8, 12)  # releases that every range has
_CUTS = 20  # one in so many ranges leaves out the newest release, about as many as in real worlds
_RULES_OF_A_FILE = 10
_README = "What it is for, at some length, because metadata is mostly that. " * 60


def synthetic_world(packages: int) -> World:
    """Return the world that asks for all of a made-up index."""
    return World(
        name=f"synthetic-{packages}", date=_DATE, python="3.11", requirements=(_name(0),), gpu="A100"
    )


def synthetic_recording(packages: int) -> Recording:
    """Return an index of so many packages, each with a wheel and an sdist of every release."""
    world = synthetic_world(packages)
    recording = Recording(world=world.name, date=world.date, requirements=world.requirements)
    for number in range(packages):
        files = []
        for release in range(1, _RELEASES + 1):
            stem = f"{_name(number)}-{release}.0"
            wheel = f"{stem}-py3-none-any.whl"
            recording.metadata[wheel] = _metadata(number, release, packages)
            files += [_file(wheel, release), _file(f"{stem}.tar.gz", release)]
        page = {
            "files": files,
            "meta": {"_last-serial": number, "api-version": "1.4"},
            "name": _name(number),
            "versions": [f"{release}.0" for release in range(1, _RELEASES + 1)],
        }
        recording.pages[_name(number)] = with_hashes(dumped(page), recording.metadata)
    return recording


def write_rules(directory: Path, *, rules: int, packages: int, shipped: Path) -> None:
    """Write a knowledge base: the one that is shipped, and so many rules about made-up packages.

    Half of them are about packages of the synthetic world, half about strangers; none of
    them is in the way of a release that would be taken.
    """
    shutil.copytree(shipped, directory)
    for first in range(0, rules, _RULES_OF_A_FILE):
        number = first // _RULES_OF_A_FILE
        name = _name(number % packages) if number % 2 == 0 else f"stranger{number:04}"
        stem = f"rules-{number:04}"
        lines = ["schema = 1", f'packages = ["{name}"]', ""]
        for position in range(first, min(first + _RULES_OF_A_FILE, rules)):
            lines += _rule(stem, position)
        (directory / "packages" / f"{stem}.toml").write_text("\n".join(lines), encoding="utf-8")


def _name(number: int) -> str:
    return f"package{number:04}"


def _file(filename: str, release: int) -> dict[str, object]:
    digest = hashlib.sha256(filename.encode()).hexdigest()
    return {
        "filename": filename,
        "hashes": {"sha256": digest},
        "requires-python": ">=3.8",
        "size": 100_000,
        "upload-time": f"2025-{release % 12 + 1:02}-01T00:00:00.000000Z",
        "url": f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}",
        "yanked": False,
    }


def _metadata(number: int, release: int, packages: int) -> bytes:
    chance = random.Random(number)  # noqa: S311 # the same world every time
    children = {2 * number + 1, 2 * number + 2, chance.randrange(number + 1, packages + 1)}
    lines = ["Metadata-Version: 2.3", f"Name: {_name(number)}", f"Version: {release}.0"]
    lines += ["Requires-Python: >=3.8"]
    for child in sorted(child for child in children if child < packages):
        lower = chance.randint(1, _COMMON[0])
        cuts = chance.randrange(_CUTS) == 0
        upper = chance.randint(_COMMON[1] + 1, _RELEASES) if cuts else 2 * _RELEASES
        lines.append(f"Requires-Dist: {_name(child)}<{upper},>={lower}")
    lines += ["Provides-Extra: test", 'Requires-Dist: pytest; extra == "test"', "", _README, ""]
    return "\n".join(lines).encode()


def _rule(stem: str, position: int) -> list[str]:
    return [
        "[[rule]]",
        f'id = "{stem}/{position}"',
        f'applies = {{ versions = "<{position % 4 + 1}" }}',
        f'requires = ["__capability>={5 + position % 4}.0"]',
        'severity = "blocks"',
        'status = "active"',
        f'why = "Releases before {position % 4 + 1} have code for newer GPUs alone."',
        "evidence = [",
        f'  {{ kind = "artifact", source = "{stem}.whl", locator = "made up", checked = 2026-01-01 }},',
        "]",
        "",
    ]
