"""Extras that the user asks for, and which releases are not what is meant.

A release counts where it and every newer one have the extra: one from before the
extra came is another thing than what the user asks for.  An extra that the newest
release lacks too, or that only another package asks for, adds nothing, as for pip
and uv.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envfit.distribution import Wheel
from envfit.errors import EnvfitError
from envfit.resolve.port import REJECTING
from envfit.selection.candidates import Candidate

if TYPE_CHECKING:
    from envfit.resolve.provider import World

__all__ = ["MeantExtras"]


class MeantExtras:
    """What speaks against candidates for their extras, in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lacking: dict[tuple[str, str], Candidate] = {}

    def objection(self, candidate: Candidate, extra: str) -> str | None:
        """Return why a candidate is not what is meant, or None; the phrase goes after "jax 0.6.2 "."""
        lacking = self._newest_without(candidate, extra)
        if lacking is None:
            return None
        if lacking.version == candidate.version:
            return f"has no extra {extra!r}, which newer releases have"
        return f"has no extra {extra!r} that newer releases have: it is older than {lacking.version}"

    def _newest_without(self, candidate: Candidate, extra: str) -> Candidate | None:
        """Return the newest release, down to a candidate, that lacks an extra; None where the newest does.

        Newest first, as the search goes: nothing is read of the releases before one that lacks it.
        """
        key = (candidate.name, extra)
        found = self._lacking.get(key)
        if found is not None and found.version >= candidate.version:
            return found
        candidates = self._world.candidates(candidate.name)
        positions = self._world.newer(candidate.name, candidate.version)
        self._world.expect_metadata(candidate.name, positions)
        newer = [candidates[position] for position in positions]
        # Whether a source distribution has an extra may take a build of a release that nobody chooses.
        releases = [*(item for item in newer if isinstance(item.distribution, Wheel)), candidate]
        for release in releases:
            if self._has(release, extra) is False:
                if release.version == releases[0].version:
                    return None
                if not release.version.is_prerelease:
                    self._lacking[key] = release
                return release
        return None

    def _has(self, candidate: Candidate, extra: str) -> bool | None:
        """Tell whether a candidate has an extra; None where that cannot be read."""
        try:
            metadata = self._world.metadata(candidate)
        except EnvfitError as error:
            if error.code not in REJECTING:
                raise
            return None
        return None if metadata is None else extra in metadata.known_extras()
