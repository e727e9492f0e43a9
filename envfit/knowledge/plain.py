"""Knowledge as plain values, and back: compiled once, and of it only what is asked for is made again.

Every value becomes a text, a number, None or a tuple that begins with its kind.  Rules,
packages, device code and the like are not even read before they are looked at: each is one
string of bytes, and a run looks at a few of them.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any, TypeVar, overload

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.knowledge import model
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.symptom import Symptom, SymptomRank
from envfit.target import Capability, Platform

__all__ = ["from_plain", "to_plain"]

T = TypeVar("T")
K = TypeVar("K")

_CLASSES: tuple[type[Any], ...] = (
    model.Evidence,
    model.Condition,
    model.Rule,
    model.DeviceCode,
    model.LibraryFacts,
    model.OwnCode,
    model.Extension,
    model.IndexBuild,
    model.StaticMetadata,
    model.BuildArchitecture,
    model.BuiltObject,
    model.BuildCost,
    model.SourceBuild,
    model.Prebuilt,
    model.Advice,
    model.Alternative,
    model.PackageKnowledge,
    model.CudaToolkit,
    model.NvccRelease,
    model.TorchCompiler,
    model.TorchExtensions,
    model.CudaRuntime,
    model.DriverBranch,
    model.CapabilityEntry,
    model.PythonEntry,
    model.Choice,
    model.IndexLabel,
    model.RoutedIndex,
    model.GpuModel,
    model.Example,
    Symptom,
    model.MatrixDefaults,
    Capability,
    Platform,
)
_ENUMS: tuple[type[Enum], ...] = (model.EvidenceKind, model.Severity, SymptomRank)
_FIELDS = tuple(tuple(item.name for item in fields(kind)) for kind in _CLASSES)
_POSITIONS = {kind: place for place, kind in enumerate(_CLASSES)}

#: What compiled knowledge must have been compiled for.
_SHAPE = (tuple(kind.__name__ for kind in _CLASSES), _FIELDS)

_LAZY_SEQUENCES = ("rules", "gpus", "examples", "symptoms")
_LAZY_MAPPINGS = ("packages", "device_code")


def to_plain(base: KnowledgeBase) -> object:
    """Return knowledge as values that ``marshal`` writes."""
    plain: dict[str, object] = {}
    for item in fields(base):
        value = getattr(base, item.name)
        if item.name in _LAZY_SEQUENCES:
            plain[item.name] = [_packed(each) for each in value]
        elif item.name in _LAZY_MAPPINGS:
            plain[item.name] = {key: _packed(each) for key, each in value.items()}
        elif item.name == "lookup":
            plain[item.name] = {part.name: getattr(value, part.name) for part in fields(value)}
        else:
            plain[item.name] = _encoded(value)
    return _SHAPE, plain


def from_plain(record: Any) -> KnowledgeBase | None:
    """Return the knowledge in a record; None where it holds none, or that of another release of envfit."""
    if record is None or record[0] != _SHAPE:
        return None
    values: dict[str, Any] = {}
    for name, value in record[1].items():
        if name in _LAZY_SEQUENCES:
            values[name] = _LazySequence(value)
        elif name in _LAZY_MAPPINGS:
            values[name] = _LazyMapping(value)
        elif name == "lookup":
            values[name] = model.Lookup(**value)  # nothing in it is anything but texts and numbers
        else:
            values[name] = _decoded(value)
    return KnowledgeBase(compiled=values.pop("lookup"), **values)


def _packed(value: Any) -> bytes:
    return marshal.dumps(_encoded(value))


def _unpacked(packed: bytes) -> Any:
    return _decoded(marshal.loads(packed))  # noqa: S302 - envfit's own record


def _encoded(value: Any) -> Any:
    if isinstance(value, Enum):
        return "e", _ENUMS.index(type(value)), value.name
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Version):
        return "v", str(value)
    if isinstance(value, SpecifierSet):
        return "s", str(value)
    if isinstance(value, date):
        return "d", value.isoformat()
    if isinstance(value, Mapping):
        return "m", [(_encoded(key), _encoded(each)) for key, each in value.items()]
    if is_dataclass(value):
        place = _POSITIONS[type(value)]
        return "c", place, [_encoded(getattr(value, name)) for name in _FIELDS[place]]
    if isinstance(value, frozenset):
        return "f", [_encoded(each) for each in sorted(value)]
    return "t", [_encoded(each) for each in value]


def _decoded(value: Any) -> Any:
    return _DECODERS[value[0]](value) if isinstance(value, tuple) else value


def _instance(value: Any) -> Any:
    place = value[1]
    parts = dict(zip(_FIELDS[place], map(_decoded, value[2]), strict=True))
    return _CLASSES[place](**parts)


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "e": lambda value: _ENUMS[value[1]][value[2]],
    "v": lambda value: Version(value[1]),
    "s": lambda value: SpecifierSet(value[1]),
    "d": lambda value: date.fromisoformat(value[1]),
    "m": lambda value: {_decoded(key): _decoded(each) for key, each in value[1]},
    "c": _instance,
    "f": lambda value: frozenset(map(_decoded, value[1])),
    "t": lambda value: tuple(map(_decoded, value[1])),
}


class _LazySequence(Sequence[T]):
    """A sequence whose items are made when they are asked for, once."""

    def __init__(self, plain: list[bytes]) -> None:
        self._plain = plain
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._plain)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if place not in self._made:
            self._made[place] = _unpacked(self._plain[place])
        return self._made[place]


class _LazyMapping(Mapping[K, T]):
    """A mapping whose values are made when they are asked for, once."""

    def __init__(self, plain: dict[K, bytes]) -> None:
        self._plain = plain
        self._made: dict[K, T] = {}

    def __getitem__(self, key: K) -> T:
        if key not in self._made:
            self._made[key] = _unpacked(self._plain[key])
        return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._plain

    def __iter__(self) -> Iterator[K]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)
