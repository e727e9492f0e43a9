"""What a project demands of files and of other packages' requirements, in the words of resolution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envfit.errors import RequirementError
from envfit.project import Declared, Settings, applies, for_target
from envfit.resolve.amendments import Amendments
from envfit.resolve.resolution import Resolution

__all__ = ["amendments_of", "check_files", "check_hashes", "hashes_of"]


def amendments_of(
    settings: Settings, overrides: Iterable[Declared], environment: Mapping[str, str]
) -> Amendments:
    """Return overrides and exclusions; ``overrides`` are those of the settings with direct references opened.

    An override whose marker does not hold still takes the place of the others of its name.
    """
    by_name: dict[str, list[Declared]] = {}
    for override in overrides:
        by_name.setdefault(override.shown, []).append(override)
    return Amendments(
        overrides={name: for_target(several, environment) for name, several in by_name.items()},
        excluded=frozenset(settings.exclude_dependencies),
    )


def hashes_of(declared: Iterable[Declared], environment: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return by name the hashes that requirements state; a file must have one that all of them allow."""
    found: dict[str, frozenset[str]] = {}
    for one in declared:
        if one.hashes and applies(one, environment):
            found[one.shown] = found.get(one.shown, one.hashes) & one.hashes
    return found


def check_files(resolution: Resolution, hashes: Mapping[str, frozenset[str]]) -> None:
    """Raise RequirementError where a file has none of the hashes stated for it, by name as of hashes_of."""
    for pin in resolution.pins:
        chosen, stated = pin.candidate.distribution, hashes.get(pin.name)
        if chosen is not None and stated is not None and chosen.sha256 not in stated:
            raise RequirementError(
                f"{chosen.filename} has none of the hashes that are stated for it: "
                f"its sha256 is {chosen.sha256}"
            )


def check_hashes(resolution: Resolution, declared: Iterable[Declared], hashes: Iterable[str]) -> None:
    """Raise RequirementError where nothing states a hash of a package: what --require-hashes asks for.

    ``hashes`` are the names that hashes_of returned; ``declared`` are the requirements
    before they were opened, since an address may state a hash too.
    """
    stated = {*hashes, *(one.shown for one in declared if one.direct is not None and one.direct.sha256)}
    without = sorted(
        pin.name
        for pin in resolution.pins
        if pin.candidate.distribution is not None and pin.name not in stated
    )
    if without:
        raise RequirementError(
            f"--require-hashes: no hash is stated for {', '.join(without)}",
            hints=["state one for each: NAME==VERSION --hash=sha256:...", "or lock without --require-hashes"],
        )
