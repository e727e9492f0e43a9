"""How much larger wheels are once unpacked, read from their own directories over ranges.

    python -m judges.unpacked LOCK... [--sample N]

Prints the sum of what the wheels of the locks weigh packed and unpacked, the number of their
files, and the smallest ratio; ``envfit/install/space.py`` estimates by these figures.
"""

from __future__ import annotations

import argparse
import os
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envfit.errors import EnvfitError
from envfit.index.archive import RemoteFile
from envfit.index.session import Session
from envfit.lock.file import read_lock

__all__ = ["Size", "main", "read_sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What one wheel weighs; bytes."""

    filename: str
    packed: int
    unpacked: int
    files: int

    @property
    def ratio(self) -> float:
        """How many times its packed size."""
        return self.unpacked / self.packed


def read_sizes(locks: Sequence[Path], *, sample: int) -> list[Size]:
    """Read the directories of wheels that locks name: all, or as many as asked for, by a fixed seed."""
    wheels = {
        wheel.hashes["sha256"]: wheel
        for lock in locks
        for package in read_lock(lock).packages
        for wheel in package.wheels or ()
        if "sha256" in wheel.hashes
    }
    chosen = [wheels[key] for key in sorted(wheels)]
    random.Random(0).shuffle(chosen)  # noqa: S311 - a sample, not a secret
    found = []
    with Session(os.environ) as session:
        for wheel in chosen[:sample]:
            try:
                remote = RemoteFile(session, wheel.url or "")
                with zipfile.ZipFile(remote) as archive:
                    members = [item for item in archive.infolist() if not item.is_dir()]
            except (EnvfitError, zipfile.BadZipFile) as error:
                print(f"{wheel.filename}: {error}")
                continue
            found.append(
                Size(
                    filename=wheel.filename,
                    packed=remote.size,
                    unpacked=sum(item.file_size for item in members),
                    files=len(members),
                )
            )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("locks", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=1_000_000)
    given = parser.parse_args(arguments)
    sizes = read_sizes(given.locks, sample=given.sample)
    packed, unpacked = sum(item.packed for item in sizes), sum(item.unpacked for item in sizes)
    print(f"{len(sizes)} wheels, {packed} bytes, {unpacked} unpacked: {unpacked / packed:.3f} times")
    print(f"{sum(item.files for item in sizes)} files")
    for bound in (0, 1_000_000, 10_000_000, 100_000_000):
        part = [item for item in sizes if item.packed >= bound]
        if part:
            whole = sum(item.unpacked for item in part) / sum(item.packed for item in part)
            least = min(part, key=lambda item: item.ratio)
            most = max(part, key=lambda item: item.ratio)
            print(
                f"of at least {bound} bytes: {len(part)}, {whole:.3f} times, "
                f"from {least.ratio:.3f} ({least.filename}) to {most.ratio:.3f} ({most.filename})"
            )


if __name__ == "__main__":
    main()
