"""What one build is given, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from envfit.frozen import frozen

__all__ = ["Settings"]


@frozen
class Settings:
    """The variables of a build, and what its wheel must hold.

    ``variables`` decide what is built; ``effort`` (jobs, threads) only how fast.
    """

    variables: Mapping[str, str]
    effort: Mapping[str, str] = field(default_factory=dict)
    clears: tuple[str, ...] = ()  # variables that the build must not inherit
    local_version_in: str | None = None  # the variable that takes the local version
    libraries: tuple[str, ...] = ()  # patterns of files that the wheel must hold
    codes: tuple[str, ...] = ()  # machine code for each library: "80", "90a"
    ptx: tuple[str, ...] = ()  # PTX that is wanted besides
    jobs: int = 1  # compilers at a time
