"""GPU code of chosen wheels that nobody has read: read after a resolution, within bounds, and kept.

While candidates are searched no wheel is opened.  What was chosen and is not known is read then:
torch by its own list of architectures, a few megabytes, all else library by library.  What is
found is kept by the wheel's hash, for ever: it cannot change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envfit.address import is_local
from envfit.distribution import Distribution, Wheel
from envfit.errors import EnvfitError
from envfit.knowledge.derived import GENERATOR, derived_text, device_code, read_derived
from envfit.knowledge.document import Table
from envfit.knowledge.model import DeviceCode, KnowledgeBase
from envfit.knowledge.query import Query
from envfit.resolve.resolution import Pin, Resolution
from envfit.target import Platform
from envfit.toml_text import parse_toml

if TYPE_CHECKING:
    from packaging.pylock import Pylock

    from envfit.index.cache import Cache
    from envfit.index.session import Session

__all__ = [
    "READ_LIMIT",
    "WheelReader",
    "kept_device_code",
    "unread_among",
    "unread_wheels",
    "with_kept_code",
]

#: Bytes of wheels that one lock may read.
READ_LIMIT = 200_000_000

_OF_TORCH = 12_000_000  # bytes that are fetched of a torch wheel, at most
_SMALLEST = 200_000  # bytes of a wheel; a smaller one has no kernels
# Names of packages whose wheels carry GPU code though nothing is known of them.
_TELLING = re.compile(r"(?:^|-)(?:cuda\d*x?|cu1[1-9]\d?|gpu)(?:-|$)")
_LIBRARIES = ("nvidia-", "cuda-")  # what others load; the rules about them need no reading


def kept_device_code(wheels: Iterable[Wheel], cache: Cache) -> Iterator[DeviceCode]:
    """Yield what was read in wheels by an earlier run."""
    for wheel in wheels:
        text = cache.record(_key(wheel))
        if isinstance(text, str) and (code := _code(wheel, text)) is not None:
            yield code


def with_kept_code(knowledge: KnowledgeBase, lock: Pylock, environ: Mapping[str, str]) -> KnowledgeBase:
    """Return knowledge with what earlier runs read in the wheels of a lock."""
    from envfit.index.cache import Cache, default_cache_dir
    from envfit.lock.reading import locked_packages

    wheels = [
        package.distribution
        for package in locked_packages(lock)
        if isinstance(package.distribution, Wheel) and package.distribution.sha256
    ]
    cache = Cache(default_cache_dir(environ, home=Path.home()))
    unknown = [wheel for wheel in wheels if wheel.sha256 not in knowledge.device_code]
    return knowledge.with_device_code(kept_device_code(unknown, cache))


class WheelReader:
    """Reads chosen wheels, until there is nothing to read or the limit is reached."""

    def __init__(
        self,
        session: Session,
        cache: Cache,
        *,
        limit: int,
        offline: bool,
        notify: Callable[[str], None],
    ) -> None:
        self._session = session
        self._cache = cache
        self._left = limit
        self._offline = offline
        self._notify = notify
        self._seen: set[str] = set()

    @property
    def left(self) -> int:
        """How many bytes may still be read."""
        return self._left

    def read(self, resolution: Resolution, knowledge: KnowledgeBase) -> tuple[DeviceCode, ...]:
        """Return what is learned of the wheels of a resolution; nothing where all is known or too far."""
        if not resolution.target.gpus:
            return ()
        query = Query(knowledge, resolution.target)
        return self.read_wheels(unread_wheels(resolution, query), resolution.target.platform)

    def read_wheels(self, unread: Iterable[Wheel], platform: Platform) -> tuple[DeviceCode, ...]:
        """Return what is learned of wheels that nothing is known of; each is looked at once."""
        wheels = [wheel for wheel in unread if wheel.sha256 not in self._seen]
        self._seen.update(wheel.sha256 or "" for wheel in wheels)
        found = list(kept_device_code(wheels, self._cache))
        known = {code.sha256 for code in found}
        if not self._offline:
            left = [self._kept(wheel) for wheel in wheels if wheel.sha256 not in known]
            found += self._fetch_all(left, platform)
        return tuple(found)

    def _fetch_all(self, wheels: Iterable[Wheel], platform: Platform) -> Iterator[DeviceCode]:
        """Yield what is read within the limit, the cheapest first."""
        costs = {wheel: self._cost(wheel) for wheel in wheels}
        for wheel in sorted(costs, key=lambda wheel: (costs[wheel], wheel.filename)):
            code = self._fetch(wheel, platform, costs[wheel])
            if code is not None:
                yield code

    def _kept(self, wheel: Wheel) -> Wheel:
        """Return a wheel with the place where it is in the cache, where it was fetched as a whole."""
        path = self._cache.wheel(wheel.sha256 or "", wheel.filename)
        return wheel if path is None else replace(wheel, url=path.absolute().as_uri())

    def _cost(self, wheel: Wheel) -> int:
        """Return how many bytes reading takes at most; an index need not state the size of a file."""
        if is_local(wheel.url):
            return 0
        size = wheel.size
        if size is None:
            from envfit.index.archive import RemoteFile

            try:
                with RemoteFile(self._session, wheel.url) as file:
                    size = file.size
            except EnvfitError:
                return 0  # reading it will say what is wrong
        return min(size, _OF_TORCH) if wheel.name == "torch" else size

    def _fetch(self, wheel: Wheel, platform: Platform, cost: int) -> DeviceCode | None:
        if cost > self._left:
            self._notify(
                f"note: the GPU code in {wheel.filename} is not known and was not read: it is "
                f"{cost / 1e6:.0f} MB, and --read-limit leaves {self._left / 1e6:.0f}"
            )
            return None
        from envfit.api.deriving import derive_wheel

        self._notify(f"reading the GPU code in {wheel.filename} (at most {cost / 1e6:.0f} MB)")
        self._left -= cost
        try:
            read = derive_wheel(wheel, platform, self._session, libraries=wheel.name != "torch")
        except EnvfitError as error:
            self._notify(f"note: the GPU code in {wheel.filename} could not be read: {error.message}")
            return None
        text = derived_text(wheel.name, GENERATOR, [read])
        self._cache.store_record(_key(wheel), text)
        return _code(wheel, text)


def unread_wheels(resolution: Resolution, query: Query) -> Iterator[Wheel]:
    """Yield the wheels of a resolution that have or may have GPU code, where nothing is known of it."""
    return unread_among(((pin.candidate.distribution, _required(pin)) for pin in resolution.pins), query)


def unread_among(
    chosen: Iterable[tuple[Distribution | None, Sequence[str]]], query: Query
) -> Iterator[Wheel]:
    """Yield the wheels among chosen files, each with the names that it requires, that are to be read."""
    for wheel, required in chosen:
        if not isinstance(wheel, Wheel) or wheel.sha256 is None:
            continue
        if (wheel.size or _SMALLEST) < _SMALLEST or all(tag.platform == "any" for tag in wheel.tags):
            continue
        code = query.device_code(wheel.name, wheel)
        known = code is not None and (code.sass is not None or code.libraries)
        if not known and _may_have_code(wheel.name, required, query):
            yield wheel


def _required(pin: Pin) -> list[str]:
    """Return the names that a package requires without an extra."""
    return [
        canonicalize_name(declared.name)
        for declared in (pin.metadata.requires if pin.metadata is not None else ())
        if not declared.marker or "extra" not in declared.marker
    ]


def _may_have_code(name: str, required: Sequence[str], query: Query) -> bool:
    """Tell whether a package has GPU builds, or looks as if it had: by its name or what it requires."""
    package = query.package(name)
    if package.gpu_builds or package.own_code:
        return True
    if name.startswith(_LIBRARIES):
        return False
    return bool(_TELLING.search(name)) or any(other.startswith(_LIBRARIES) for other in required)


def _key(wheel: Wheel) -> str:
    return f"device-code {GENERATOR} {wheel.sha256}"


def _code(wheel: Wheel, text: str) -> DeviceCode | None:
    """Return the device code in a text that was kept; None where it cannot be used."""
    faults: list[str] = []
    read = read_derived(Table(parse_toml(text), file=wheel.filename, path="", faults=faults))
    return device_code(wheel.name, read[0], GENERATOR) if read and not faults else None
