"""Every solution of a small world, and which is best, by trying everything.

Nothing is shared with the resolver: the policy is stated here by itself.

- A pre-release serves where the requirement has a bound that is one, where a
  requirement or constraint of the user on that name has, where all releases of
  that name are pre-releases, or where an existing lock holds it.
- A yanked release serves where the requirement pins it, where a requirement or
  constraint of the user pins a release of that name, or where an existing lock
  holds it.
- The best solution is the one that has, of the first name asked for, the best
  version that any solution has; of the second, the best among those that are
  left, and so on.  What an existing lock holds is best, then the newest.
- An extra that the user asks for and that the newest release has must be there in
  the release that is taken and in every newer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tests.resolve.small_worlds import EXTRAS, FACTS, Entry, Need, Small


def holds(
    world: Small, pins: Mapping[str, int], extras: Mapping[str, frozenset[str]], asked: Iterable[Need]
) -> bool:
    """Tell whether pins with their extras satisfy what is asked, and all that each pin demands."""
    asked = tuple(asked)
    if not all(has_what_is_meant(world, pins, need) for need in asked):
        return False
    needs = [*asked]
    for name, number in pins.items():
        needs += needs_of(world, name, number, extras.get(name, frozenset()))
    return all(
        need.name in pins
        and admits(world, need, pins[need.name])
        and need.extras <= extras.get(need.name, frozenset())
        for need in needs
    ) and _rules_hold(world, pins)


def has_what_is_meant(world: Small, pins: Mapping[str, int], need: Need) -> bool:
    """Tell whether a pin and every newer release have the extras that the user asks for and the newest has."""
    if need.name not in pins:
        return True
    versions = world.packages[need.name]
    newer = [
        number for number, entry in versions.items() if number > pins[need.name] and not entry.prerelease
    ]
    if not newer:
        return True
    meant = need.extras & _extras_of(versions[max(newer)])
    return all(meant <= _extras_of(versions[number]) for number in (*newer, pins[need.name]))


def _extras_of(entry: Entry) -> set[str]:
    return {extra for extra in EXTRAS for item in entry.declared if f"extra == '{extra}'" in item.marker}


def needs_of(world: Small, name: str, number: int, extras: frozenset[str]) -> list[Need]:
    """Return what a version with these extras needs here."""
    entry = world.packages[name][number]
    declared = [item.need for item in entry.declared if item.always or item.with_extras & extras]
    return declared + entry.requires


def admits(world: Small, need: Need, number: int) -> bool:
    """Tell whether a version serves a need, by its number and by the policy."""
    entry = world.packages[need.name].get(number)
    if entry is None or number not in need.allowed:
        return False
    if world.pinned.get(need.name) == number:
        return True
    said = [need, *(other for other in (*world.asked, *world.constraints) if other.name == need.name)]
    if entry.yanked and not any(len(world.bounds(other)) == 1 for other in said):
        return False
    releases = world.packages[need.name].values()
    return (
        not entry.prerelease
        or all(release.prerelease for release in releases)
        or any(releases_prerelease(world, other) for other in said)
    )


def releases_prerelease(world: Small, need: Need) -> bool:
    """Tell whether a bound of a need is a pre-release."""
    known = world.packages[need.name]
    return any(bound in known and known[bound].prerelease for bound in world.bounds(need))


def _rules_hold(world: Small, pins: Mapping[str, int]) -> bool:
    entries = [world.packages[name][number] for name, number in pins.items()]
    for entry in entries:
        if entry.capability is not None:
            told = [
                gpu for gpu in world.gpus if f"compute capability of capability {gpu}.0" not in world.lifted
            ]
            if any(gpu < entry.capability for gpu in told):
                return False
            if entry.needs_gpu and not world.gpus and "GPU" not in world.lifted:
                return False
        if entry.fact is not None and re.split("[<>=]", entry.fact)[0] not in world.lifted:
            true = FACTS[entry.fact][0 if world.gpus else 1]
            if true is False or (true is None and entry.needs_fact):
                return False
        if any(need.name in pins and pins[need.name] not in need.allowed for need in entry.constrains):
            return False
        if any(name in pins for name in entry.excludes):
            return False
    if any(need.name in pins and pins[need.name] not in need.allowed for need in world.constraints):
        return False
    wanted = [entry.cuda for entry in entries if entry.cuda is not None]
    return not wanted or bool(frozenset.intersection(*wanted))


def solutions(world: Small, asked: Iterable[Need]) -> Iterator[dict[str, int]]:
    """Yield every solution: plain backtracking over the demands that are still open."""

    def search(
        pins: dict[str, int], extras: dict[str, frozenset[str]], todo: tuple[Need, ...]
    ) -> Iterator[dict[str, int]]:
        if not todo:
            if holds(world, pins, extras, asked):
                yield pins
            return
        need, *rest = todo
        for number in [pins[need.name]] if need.name in pins else world.packages[need.name]:
            if not admits(world, need, number):
                continue
            before = extras.get(need.name, frozenset())
            grown = {**extras, need.name: before | need.extras}
            # What a version needs with more extras includes what it needed before.
            fresh = need.name not in pins or need.extras - before
            more = needs_of(world, need.name, number, grown[need.name]) if fresh else ()
            yield from search({**pins, need.name: number}, grown, (*rest, *more))

    asked = tuple(asked)
    return search({}, {}, asked)


def solvable(world: Small, asked: Iterable[Need]) -> bool:
    """Tell whether there is any solution."""
    return next(solutions(world, asked), None) is not None


def standing(world: Small, pins: Mapping[str, int]) -> tuple[tuple[bool, int], ...]:
    """Return how good a solution is for the names asked for, in the order asked; the highest is best."""
    names = dict.fromkeys(need.name for need in world.asked)
    return tuple((world.pinned.get(name) == pins[name], pins[name]) for name in names)


def needed(
    world: Small, pins: Mapping[str, int], asked: Iterable[Need]
) -> tuple[set[str], dict[str, frozenset[str]]]:
    """Return the names that what is asked leads to under some pins, and the extras that are asked of them."""
    extras: dict[str, frozenset[str]] = {}
    todo = list(asked)
    while todo:
        need = todo.pop()
        if need.name not in pins or (need.name in extras and need.extras <= extras[need.name]):
            continue
        extras[need.name] = extras.get(need.name, frozenset()) | need.extras
        todo += needs_of(world, need.name, pins[need.name], extras[need.name])
    return set(extras), {name: asked_of for name, asked_of in extras.items() if asked_of}
