"""Ways out of a refusal by asking otherwise: for other files, versions, extras, or without a package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from packaging.specifiers import SpecifierSet

from envfit.requirement import Requirement, UserOrigin
from envfit.resolve.attempt import world_of
from envfit.resolve.trial import Trial
from envfit.resolve.way_out import Change, WayKind, WayOut

__all__ = ["constraints", "extras", "packages", "settings", "versions"]


def settings(trial: Trial) -> Iterator[WayOut]:
    """Yield what the command line says of files that could be said otherwise."""
    preferences = trial.asked.preferences
    if not preferences.prereleases and "pre-release" in trial.says:
        changed = replace(trial.asked, preferences=replace(preferences, prereleases=True))
        if found := trial.attempt(changed, trial.requirements):
            yield trial.way(WayKind.SETTING, "with pre-releases", Change(options=("--pre",)), found)
    if preferences.newest_upload is not None:
        yield from _later(trial, preferences.newest_upload)
    if not preferences.build or preferences.only_binary or preferences.no_binary:
        changed = replace(
            trial.asked,
            preferences=replace(preferences, build=True, only_binary=frozenset(), no_binary=frozenset()),
        )
        if found := trial.attempt(changed, trial.requirements):
            said = [
                option
                for option, given in (
                    ("--no-build", not preferences.build),
                    ("--only-binary", preferences.only_binary),
                    ("--no-binary", preferences.no_binary),
                )
                if given
            ]
            yield trial.way(
                WayKind.SETTING,
                f"without {' and '.join(said)}",
                Change(instead_of=" ".join(said)),
                found,
            )


def _later(trial: Trial, until: datetime) -> Iterator[WayOut]:
    """Yield the earliest date that what is newest today allows."""
    preferences = trial.asked.preferences
    free = replace(trial.asked, preferences=replace(preferences, newest_upload=None))
    found = trial.attempt(free, trial.requirements)
    if found is None:
        return
    uploaded = [
        pin.candidate.distribution.upload_time
        for pin in found.pins
        if pin.candidate.distribution is not None and pin.candidate.distribution.upload_time is not None
    ]
    day = (max(uploaded, default=until) + timedelta(days=1)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    changed = replace(trial.asked, preferences=replace(preferences, newest_upload=day))
    if again := trial.attempt(changed, trial.requirements):
        text = f"with --exclude-newer {day:%Y-%m-%d}"
        yield trial.way(WayKind.SETTING, text, Change(options=("--exclude-newer", f"{day:%Y-%m-%d}")), again)


def versions(trial: Trial) -> Iterator[WayOut]:
    """Yield other versions of what is asked for."""
    for requirement in trial.core:
        if not requirement.specifier or requirement.direct is not None:
            continue
        free = replace(requirement, specifier=SpecifierSet())
        found = trial.attempt(trial.asked, trial.instead(requirement, free))
        pin = found.pin(requirement.name) if found is not None else None
        if found is None or pin is None or pin.candidate.distribution is None:
            continue
        write = f"{free}=={pin.version}"
        # Alone, its version stands in the sentence already.
        alone = not any(found.pin(other.name) for other in trial.explanation.core if other != requirement)
        text = f"with {write} instead of {requirement}"
        way = trial.way(WayKind.VERSION, text, Change(instead_of=_written(requirement), write=write), found)
        yield replace(way, outcome=()) if alone else way


def extras(trial: Trial) -> Iterator[WayOut]:
    """Yield other extras, or none."""
    import difflib

    for requirement in trial.core:
        if not requirement.extras:
            continue
        world = world_of(trial.asked, trial.requirements)
        candidates = world.candidates(requirement.name)
        metadata = world.metadata(candidates[0]) if candidates else None
        known = metadata.known_extras() if metadata is not None else frozenset()
        for extra in sorted(requirement.extras):
            near = difflib.get_close_matches(extra, sorted(known - requirement.extras), n=3, cutoff=0.7)
            kept = requirement.extras - {extra}
            for instead in [*(frozenset({other}) for other in near), frozenset[str]()]:
                changed = replace(requirement, extras=kept | instead)
                if found := trial.attempt(trial.asked, trial.instead(requirement, changed)):
                    change = Change(instead_of=_written(requirement), write=str(changed))
                    text = f"with {changed} instead of {requirement}"
                    yield trial.way(WayKind.EXTRA, text, change, found)
                    break


def constraints(trial: Trial) -> Iterator[WayOut]:
    """Yield the user's constraints that are in the way."""
    for constraint in trial.explanation.constraints:
        rest = tuple(one for one in trial.asked.constraints if one != constraint)
        if found := trial.attempt(replace(trial.asked, constraints=rest), trial.requirements):
            place = f" ({constraint.origin.where})" if isinstance(constraint.origin, UserOrigin) else ""
            yield trial.way(
                WayKind.CONSTRAINT,
                f"without your constraint {constraint}{place}",
                Change(instead_of=_written(constraint)),
                found,
            )


def packages(trial: Trial) -> Iterator[WayOut]:
    """Yield the packages without which the rest resolves."""
    for requirement in trial.core:
        found = trial.attempt(trial.asked, trial.instead(requirement))
        if found is None:
            continue
        wanted = f", or with --if-supported {requirement.name}," if trial.facts else ""
        yield trial.way(
            WayKind.PACKAGE,
            f"without asking for {requirement}{wanted}",
            Change(instead_of=_written(requirement)),
            found,
        )


def _written(requirement: Requirement) -> str:
    """Return a requirement as the user wrote it."""
    origin = requirement.origin
    return re.sub(r"\s+#.*", "", origin.text) if isinstance(origin, UserOrigin) else str(requirement)
