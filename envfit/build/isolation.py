"""A build without a network: in a namespace of its own where that is allowed, else by settings alone."""

from __future__ import annotations

import enum
import subprocess

from envfit.frozen import frozen

__all__ = ["Isolation", "Wall", "isolation"]

# The user stays who they are where util-linux knows how; the last asks for no user namespace, as root may.
_WAYS = (
    ("unshare", "--user", "--map-current-user", "--net"),
    ("unshare", "--user", "--map-root-user", "--net"),
    ("unshare", "--net"),
)
_TIME_LIMIT = 10  # seconds


class Wall(enum.Enum):
    """What keeps a build from the network."""

    NAMESPACE = "no network: it runs in a network namespace of its own"
    SETTINGS = (
        "no network by settings only (pip and uv offline, proxies that lead nowhere): this machine does not "
        "allow network namespaces"
    )
    NONE = "the network is open to it, as was asked for"


@frozen
class Isolation:
    """How a build is kept from the network."""

    wall: Wall
    command: tuple[str, ...] = ()  # what runs the build


def isolation(*, network: bool = False) -> Isolation:
    """Return what keeps a build from the network here: the first way that works."""
    if network:
        return Isolation(wall=Wall.NONE)
    for way in _WAYS:
        try:
            done = subprocess.run(
                [*way, "true"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIME_LIMIT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return Isolation(wall=Wall.NAMESPACE, command=way)
    return Isolation(wall=Wall.SETTINGS)
