"""What the check of a resolution refuses of addresses, overrides, exclusions and extras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from envfit.distribution import Wheel
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.reference import DirectReference, ReferenceKind
from envfit.resolve.amendments import Amendments
from envfit.resolve.decide import resolve
from envfit.resolve.resolution import Pin, Resolution
from envfit.resolve.verify import verify
from envfit.selection.preferences import Preferences
from tests.resolve.small_worlds import axes
from tests.resolve.worlds import MemorySource, asked

PLACE = DirectReference(
    kind=ReferenceKind.ARCHIVE, url="https://index.example/lib-1-py3-none-any.whl", sha256="0" * 64
)
PACKAGES = {"app 1": ["lib[fast]", "other"], "lib 1": ["more; extra == 'fast'"], "other 1": [], "more 1": []}


@pytest.fixture
def query() -> Query:
    return Query(axes(), named_target(axes(), []))


@pytest.fixture
def sound(query: Query) -> Resolution:
    """A resolution whose lib comes from an address, as the user asks."""
    found = resolve(MemorySource(PACKAGES), query, asked("app", "lib"), preferences=Preferences())
    app, lib = found.requirements
    placed = replace(found, requirements=(app, replace(lib, direct=PLACE)))
    return with_lib(placed, lambda pin: at(pin, PLACE))


def at(pin: Pin, place: DirectReference | None) -> Pin:
    wheel = pin.candidate.distribution
    assert isinstance(wheel, Wheel)
    return replace(pin, candidate=replace(pin.candidate, distribution=replace(wheel, reference=place)))


def with_lib(resolution: Resolution, change: Callable[[Pin], Pin]) -> Resolution:
    return replace(
        resolution, pins=tuple(change(pin) if pin.name == "lib" else pin for pin in resolution.pins)
    )


def without(resolution: Resolution, name: str) -> Resolution:
    return replace(resolution, pins=tuple(pin for pin in resolution.pins if pin.name != name))


def test_what_holds(sound: Resolution, query: Query) -> None:
    assert verify(sound, query) == ()


@pytest.mark.parametrize(
    "place",
    [
        None,
        replace(PLACE, url="https://index.example/other/lib-1-py3-none-any.whl"),
        replace(PLACE, sha256="1" * 64),
        replace(PLACE, subdirectory="inside"),
        replace(PLACE, kind=ReferenceKind.GIT, commit="1" * 40),
    ],
)
def test_a_package_from_another_place(sound: Resolution, query: Query, place: DirectReference | None) -> None:
    (fault,) = verify(with_lib(sound, lambda pin: at(pin, place)), query)
    assert fault.endswith("but from elsewhere it is pinned")


def test_a_place_that_only_an_override_names(sound: Resolution, query: Query) -> None:
    (_, lib) = sound.requirements
    elsewhere = replace(PLACE, url="https://index.example/lib.zip")
    overridden = Amendments(overrides={"lib": (replace(lib, direct=elsewhere),)})
    assert any("from elsewhere" in fault for fault in verify(replace(sound, amendments=overridden), query))


def test_an_override_that_was_not_followed(sound: Resolution, query: Query) -> None:
    overridden = Amendments(overrides={"other": asked("other>=2")})
    (fault,) = verify(replace(sound, amendments=overridden), query)
    assert fault == "app 1: other>=2, but 1 is pinned"


def test_an_exclusion_that_was_not_followed_and_one_that_was_not_asked_for(
    sound: Resolution, query: Query
) -> None:
    excluded = Amendments(excluded=frozenset({"other"}))
    assert verify(replace(sound, amendments=excluded), query) == ("nothing requires other",)
    assert verify(without(replace(sound, amendments=excluded), "other"), query) == ()
    assert verify(without(sound, "other"), query) == ("app 1: other is not pinned",)


def test_an_extra_that_was_forgotten_and_what_it_requires(sound: Resolution, query: Query) -> None:
    plain = with_lib(sound, lambda pin: replace(pin, extras=frozenset()))
    assert "app 1: lib[fast], but without its extras it is pinned" in verify(plain, query)
    assert verify(without(sound, "more"), query) == ("lib 1: more is not pinned",)
