"""The ways in to a package, and what differs between two resolutions."""

from __future__ import annotations

from packaging.version import Version

from envfit.resolve.chains import Demander, chains_to, roots_of
from envfit.resolve.changes import Change

USER = Demander(package=None, wanted="app", said="app (the command line)")


def by(package: str, wanted: str = "", extra: str = "") -> Demander:
    return Demander(package=package, version="1", wanted=wanted, extra=extra)


def texts(name: str, demanders: dict[str, list[Demander]], limit: int = 100) -> list[str]:
    return [str(chain) for chain in chains_to(name, demanders, limit=limit)]


def test_the_shortest_first_and_no_more_than_asked() -> None:
    demanders = {
        "app": [USER],
        "one": [by("app")],
        "two": [by("one")],
        "lib": [by("app", "lib>=1"), by("one", "lib<3"), by("two", "lib")],
    }
    found = ["app 1 -> lib>=1", "app 1 -> one 1 -> lib<3", "app 1 -> one 1 -> two 1 -> lib"]
    assert texts("lib", demanders) == found
    assert texts("lib", demanders, limit=2) == found[:2]


def test_packages_that_require_each_other_end_nowhere() -> None:
    demanders = {"app": [USER, by("two")], "one": [by("app"), by("two")], "two": [by("one")]}
    assert texts("two", demanders) == ["app 1 -> one 1 -> two"]
    assert texts("app", demanders) == ["you ask for app (the command line)"]


def test_many_that_require_each_other_take_no_time() -> None:
    names = [f"p{number}" for number in range(40)]
    demanders = {name: [by(other) for other in names if other != name] for name in names}
    demanders["p0"] = [USER, *demanders["p0"]]
    found = chains_to("p39", demanders, limit=5)
    assert len(found) == 5
    assert [len(chain.steps) for chain in found] == [2, 3, 3, 3, 3]
    lone = {name: [by(other) for other in names if other != name] for name in names}
    assert chains_to("p39", lone, limit=5) == ()


def test_extras_and_rules_are_told() -> None:
    demanders = {
        "app": [USER],
        "one": [by("app", "one", extra="fast")],
        "two": [Demander(package="one", version="1", wanted="two>=2", rule="one/needs-two")],
    }
    assert texts("two", demanders) == ["app[fast] 1 -> one 1 -[one/needs-two] -> two>=2"]


def test_who_is_asked_for_and_leads_there() -> None:
    demanders = {
        "app": [USER],
        "other": [Demander(package=None, said="other")],
        "lib": [USER, by("app"), by("one")],
        "one": [by("other")],
    }
    assert roots_of("lib", demanders) == ("app", "other")
    assert roots_of("app", demanders) == ()


def test_directions() -> None:
    def direction(before: str | None, after: str | None) -> str:
        return Change(
            name="lib",
            before=Version(before) if before else None,
            after=Version(after) if after else None,
        ).direction

    assert direction("1.0", "2.0") == "up"
    assert direction("2.0", "1.0") == "down"
    assert direction("2.0", "2.0+cu126") == "rebuilt"
    assert direction(None, "1.0") == "new"
    assert direction("1.0", None) == "gone"
