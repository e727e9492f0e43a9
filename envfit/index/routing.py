"""Which index a name is taken from, where the user says so.

``[tool.envfit.index]`` and uv's ``[tool.uv.sources]`` route a name to one index.
It is taken from there only: neither another index nor find-links serves it.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name

from envfit.frozen import frozen

__all__ = ["Route", "route_of"]


@frozen
class Route:
    """A name, or all names with a prefix (``corp-*``), and the index that serves them."""

    pattern: str
    url: str  # may carry credentials
    source: str  # where it is said

    def fits(self, name: str) -> bool:
        """Tell whether a normalized name is routed here."""
        pattern = canonicalize_name(self.pattern.removesuffix("*"))
        return name.startswith(pattern) if self.pattern.endswith("*") else name == pattern


def route_of(name: str, routes: Iterable[Route]) -> Route | None:
    """Return the route of a name: its own before that of a prefix, a longer prefix before a shorter one.

    The first of several that are alike.
    """
    fitting = [route for route in routes if route.fits(canonicalize_name(name))]
    return max(fitting, key=lambda route: (not route.pattern.endswith("*"), len(route.pattern)), default=None)
