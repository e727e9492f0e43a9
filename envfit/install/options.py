"""What an installation may be told, besides what to install and where."""

from __future__ import annotations

import enum
from pathlib import Path

from envfit.detect.interpreter import Interpreter
from envfit.frozen import frozen

__all__ = ["BUILD_CONSTRAINTS", "Build", "Options", "Verify"]

#: Bounds on what source distributions are built with.  setuptools 82 no longer has
#: pkg_resources, which the setup.py of many older releases imports.
BUILD_CONSTRAINTS = ("setuptools<82",)


class Build(enum.Enum):
    """Whether packages that a lock marks as builds are compiled."""

    AUTO = "auto"
    NEVER = "never"
    ONLY_CACHED = "only-cached"


class Verify(enum.Enum):
    """What is imported before an environment is put in place."""

    NONE = "none"
    REQUESTED = "requested"  # what the user asked for, by its health check
    ALL = "all"


@frozen
class Options:
    """How to install; the defaults are those of the command line."""

    skip: frozenset[str] = frozenset()  # packages to leave out
    ignored: frozenset[str] = frozenset()  # rules that are switched off
    python: str | None = None  # an interpreter to use instead of the one that uv finds
    interpreter: Interpreter | None = None  # one whose packages the environment sees besides its own
    build: Build = Build.AUTO
    verify: Verify = Verify.REQUESTED
    keep: int = 1  # how many former versions stay
    adopt: bool = False  # whether a directory that envfit did not make may be replaced
    offline: bool = False
    find_links: tuple[Path, ...] = ()  # directories of wheels
    force: bool = False  # whether it is installed though it does not run here
    guarded: bool = True  # whether later installations by pip and uv are held to what the lock chose
    build_constraints: tuple[str, ...] = BUILD_CONSTRAINTS
    words: tuple[str, ...] = ()  # of the command line, to say the same to a later installation
    dry_run: bool = False  # stops before anything is touched
