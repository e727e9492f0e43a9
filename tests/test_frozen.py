"""Values, held against what ``dataclasses`` makes of the same class."""

import copy
import dataclasses
import pickle

import pytest

from envfit.frozen import frozen


@frozen
class Point:
    """A class with every kind of field."""

    x: int
    y: int = 0
    tags: tuple[str, ...] = dataclasses.field(default_factory=tuple)
    note: str = dataclasses.field(default="", compare=False, repr=False)

    @property
    def both(self) -> tuple[int, int]:
        return self.x, self.y


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    x: int
    y: int = 0
    tags: tuple[str, ...] = dataclasses.field(default_factory=tuple)
    note: str = dataclasses.field(default="", compare=False, repr=False)


@frozen
class Single:
    only: str

    def __str__(self) -> str:
        return self.only


@frozen
class Checked:
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")


def test_made_and_shown_as_dataclasses_are():
    point, reference = Point(x=1, tags=("a",)), Reference(x=1, tags=("a",))
    assert repr(point) == repr(reference).replace("Reference", "Point")
    assert (point.x, point.y, point.tags, point.note, point.both) == (1, 0, ("a",), "", (1, 0))
    assert dataclasses.asdict(point) == dataclasses.asdict(reference)
    mine, theirs = dataclasses.fields(Point), dataclasses.fields(Reference)
    assert [(item.name, item.default, item.kw_only) for item in mine] == [
        (item.name, item.default, item.kw_only) for item in theirs
    ]
    assert Point.__doc__ == "A class with every kind of field."
    assert str(Single(only="x")) == "x"


def test_equal_by_what_is_compared():
    assert Point(x=1, note="a") == Point(x=1, note="b")
    assert hash(Point(x=1, note="a")) == hash(Point(x=1, note="b"))
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != Reference(x=1)
    assert Single(only="x") == Single(only="x")
    assert Single(only="x") != Single(only="y")
    assert len({Single(only="x"), Single(only="x")}) == 1


@pytest.mark.parametrize("given", [{}, {"x": 1, "z": 2}, {"y": 1}])
def test_lacking_and_unknown_fields(given):
    for kind in (Point, Reference):
        with pytest.raises(TypeError):
            kind(**given)
    with pytest.raises(TypeError):
        Point(1)


def test_never_changed():
    point = Point(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    with pytest.raises((AttributeError, TypeError)):
        point.z = 1
    assert not hasattr(point, "__dict__")


def test_replaced_copied_and_pickled():
    point = Point(x=1, y=2, note="n")
    assert dataclasses.replace(point, y=3) == Point(x=1, y=3)
    assert dataclasses.replace(point, y=3).note == "n"
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(TypeError):
        dataclasses.replace(point, z=1)


def test_checked_when_made():
    with pytest.raises(ValueError, match="negative"):
        Checked(number=-1)
