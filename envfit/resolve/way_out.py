"""A way out of a refusal: one change, and what everything then resolves to."""

from __future__ import annotations

import enum

from packaging.version import Version

from envfit.frozen import frozen

__all__ = ["Change", "WayKind", "WayOut"]

_NAMED_PINS = 3


class WayKind(enum.IntEnum):
    """What is changed, in the order of how little that is."""

    INDEX = 0  # a build from an index that has several of a release
    SETTING = 1  # what the command line says of files: dates, pre-releases, builds, an assumed glibc
    VERSION = 2  # another version of a package that is asked for
    EXTRA = 3  # another extra of it, or none
    CONSTRAINT = 4
    PYTHON = 5
    DRIVER = 6
    FEWER_GPUS = 7  # one of several GPUs is not served
    SYSTEM = 8  # a newer glibc
    GPU = 9  # another GPU
    PACKAGE = 10  # without a package


@frozen
class Change:
    """What has to be typed otherwise."""

    instead_of: str = ""  # a requirement as it was written
    write: str = ""  # what to write instead; nothing where it is to be left away
    options: tuple[str, ...] = ()  # to be added to the command


@frozen
class WayOut:
    """One change after which everything resolves."""

    kind: WayKind
    text: str  # "with driver 580.65.06 or newer"
    change: Change
    outcome: tuple[tuple[str, Version], ...]  # what comes of the packages that are in the way

    def __str__(self) -> str:
        pins = ", ".join(f"{name} {version}" for name, version in self.outcome[:_NAMED_PINS])
        return f"{self.text} this resolves" + (f" to {pins}" if pins else "")
