"""How far downloads are: each file that is under way, and all of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

__all__ = ["Progress"]

_SHOWN = 8  # files that are shown by name at a time


class Progress:
    """Which files are being fetched, and how far all of it is; safe to use from several threads."""

    def __init__(
        self, sizes: Mapping[str, int] | None = None, *, noun: str = "packages", whole: float = 0
    ) -> None:
        """Take the exact sizes of files in bytes by name, where they are known.

        ``whole`` is how many bytes there are to fetch, where that is known before all is begun.
        """
        self._lock = threading.Lock()
        self._sizes = {} if sizes is None else sizes
        self._noun = noun
        self._whole = whole
        self._files: dict[str, tuple[float, float]] = {}  # by name: bytes that came, and in all
        self._under_way: tuple[str, ...] = ()
        self._done, self._of = 0, 0
        self._installed: tuple[int, int] | None = None

    def fetched(self, name: str, came: float, whole: float) -> None:
        """Take in how far a file is, in bytes."""
        with self._lock:
            self._files[name] = came, self._sizes.get(name, whole)

    def under_way(self, names: Sequence[str]) -> None:
        """Take in which files are being fetched; one that was and is not any more is complete."""
        with self._lock:
            for name in self._under_way:
                if name not in names and name in self._files:
                    self._files[name] = self._files[name][1], self._files[name][1]
            self._under_way = tuple(names)

    def prepared(self, done: int, of: int) -> None:
        """Take in how many are complete, of those that had to be fetched."""
        self._done, self._of = done, of

    def installed(self, done: int, of: int) -> None:
        """Take in how many packages lie in the environment."""
        self._installed = done, of

    def status(self) -> str:
        """Return how far it is, in all and by file: lines for a terminal."""
        if self._installed is not None:
            done, of = self._installed
            return f"putting packages into the environment: {done} of {of}"
        with self._lock:
            every = dict(self._files)
            files = {name: every[name] for name in self._under_way if name in every}
        if not every:
            return (
                f"preparing {self._noun}: {self._done} of {self._of}"
                if self._of
                else f"preparing {self._noun}"
            )
        came = sum(came for came, _ in every.values())
        whole = max(self._whole, sum(whole for _, whole in every.values()))
        counted = f"{self._done} of {self._of} {self._noun}"
        lines = [f"downloading {came / 1e6:.1f} of {whole / 1e6:.1f} MB, {counted}"]
        largest = sorted(files, key=lambda name: (-files[name][1], name))
        width = max(map(len, largest[:_SHOWN]), default=0)
        for name in largest[:_SHOWN]:
            came, whole = files[name]
            lines.append(f"  {name:<{width}}  {came / 1e6:.1f} of {whole / 1e6:.1f} MB")
        if largest[_SHOWN:]:
            lines.append(f"  and {len(largest) - _SHOWN} more")
        return "\n".join(lines)
