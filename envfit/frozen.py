"""Values: frozen, slotted, keyword-only dataclasses whose methods are shared instead of generated.

``dataclasses`` writes and compiles six functions for every class, half a millisecond
each time a program starts; a hundred classes are half of what a small resolution takes.
Here the classes share one set of methods that look the fields up.  To ``dataclasses``
(``replace``, ``fields``, ``is_dataclass``) and to type checkers they are dataclasses.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
elif sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        """Say nothing: only type checkers listen."""
        return lambda decorator: decorator


__all__ = ["frozen"]

T = TypeVar("T")

_set = object.__setattr__


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Return a class with its annotations as fields, given by name and never changed."""
    names = list(cls.__annotations__)
    fields = {name: _field(cls, name) for name in names}
    members = {
        name: member
        for name, member in cls.__dict__.items()
        if name not in fields and name not in ("__dict__", "__weakref__")
    }
    compared = [name for name in names if fields[name].compare]
    members |= {
        "__slots__": tuple(names),
        "__dataclass_fields__": fields,
        "__dataclass_params__": None,
        "__match_args__": (),
        "__init__": _initializer(fields, has_more="__post_init__" in members),
        "__setattr__": _refuse_setting,
        "__delattr__": _refuse_deleting,
        "__getstate__": _get_state,
        "__setstate__": _set_state,
    }
    members.setdefault("__repr__", _represent)
    if "__eq__" not in members:
        key = _key(compared)
        members["__eq__"] = _equality(key)
        members["__hash__"] = lambda self: hash(key(self))
    kind: Any = type(cls)
    made: type[T] = kind(cls.__name__, cls.__bases__, members)
    made.__qualname__ = cls.__qualname__
    return made


def _field(cls: type[Any], name: str) -> Field[Any]:
    given = cls.__dict__.get(name, MISSING)
    found: Field[Any] = given if isinstance(given, Field) else field(default=given)
    found.name = name
    found.type = cls.__annotations__[name]
    found.kw_only = True
    found._field_type = _FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - what ``fields`` looks for
    return found


#: How ``dataclasses`` marks what is a field and nothing else.
_FIELD = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001


def _initializer(fields: dict[str, Field[Any]], *, has_more: bool) -> Any:
    plan = tuple((name, item.default, item.default_factory) for name, item in fields.items() if item.init)
    known = frozenset(name for name, _, _ in plan)

    def initialize(self: Any, **given: Any) -> None:
        for name, default, factory in plan:
            if name in given:
                _set(self, name, given[name])
            elif default is not MISSING:
                _set(self, name, default)
            elif factory is not MISSING:
                _set(self, name, factory())
            else:
                raise TypeError(f"{type(self).__name__} lacks {name}")
        if not given.keys() <= known:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(given.keys() - known))}")
        if has_more:
            self.__post_init__()

    return initialize


def _key(names: list[str]) -> Any:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _equality(key: Any) -> Any:
    def equal(self: object, other: object) -> bool:
        return key(self) == key(other) if type(self) is type(other) else NotImplemented

    return equal


def _represent(self: Any) -> str:
    shown = (
        f"{name}={getattr(self, name)!r}" for name, item in self.__dataclass_fields__.items() if item.repr
    )
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_setting(_: object, name: str, __: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _get_state(self: Any) -> list[object]:
    return [getattr(self, name) for name in self.__slots__]


def _set_state(self: Any, state: list[object]) -> None:
    for name, each in zip(self.__slots__, state, strict=True):
        _set(self, name, each)
