"""What the user said about which files may be used, and which are best."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from packaging.version import Version

from envfit.frozen import frozen

__all__ = ["ALL", "Preferences", "Strategy"]

#: Stands for every name in ``--no-binary`` and ``--only-binary``, as in pip.
ALL = ":all:"


class Strategy(enum.Enum):
    """Which of the versions that fit is best."""

    HIGHEST = "highest"
    LOWEST = "lowest"
    LOWEST_DIRECT = "lowest-direct"  # the oldest of what the user names, the newest of the rest


@frozen
class Preferences:
    """What the user said about which files may be used, and which are best."""

    prereleases: bool = False
    newest_upload: datetime | None = None  # nothing uploaded at or after this moment
    build: bool = True  # whether source distributions may be used at all
    no_binary: frozenset[str] = frozenset()  # names of which no wheel may be used, or ":all:"
    only_binary: frozenset[str] = frozenset()  # names of which only wheels may be used, or ":all:"
    hashes: Mapping[str, frozenset[str]] = field(
        default_factory=dict
    )  # sha256, one of which a file must have
    pinned: Mapping[str, Version] = field(default_factory=dict)  # versions of an existing lock, kept
    strategy: Strategy = Strategy.HIGHEST

    def admits_wheels(self, name: str) -> bool:
        """Tell whether wheels of a name may be used."""
        return not _is_named(name, self.no_binary, self.only_binary)

    def admits_sdists(self, name: str) -> bool:
        """Tell whether source distributions of a name may be used, as far as its name goes."""
        return not _is_named(name, self.only_binary, self.no_binary)


def _is_named(name: str, names: frozenset[str], opposite: frozenset[str]) -> bool:
    """Tell whether a name is meant; one that the opposite names is no part of "all", as in pip."""
    return name in names or (ALL in names and name not in opposite)
