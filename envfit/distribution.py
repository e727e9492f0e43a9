"""Files that can be downloaded, the candidates made of them, and why some are out.

A distribution is one file; its hash is its identity.  A candidate is a name, a
version and the distribution chosen for the target.  A rejection is a value that
writes its own sentence: whatever decides that a file is out also says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple, Protocol, overload

from packaging.markers import Marker
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import BuildTag, canonicalize_name
from packaging.version import Version

from envfit.frozen import frozen
from envfit.reference import DirectReference

__all__ = [
    "Declared",
    "Distribution",
    "FileRow",
    "ListedFile",
    "Listing",
    "Metadata",
    "PageFile",
    "PageFiles",
    "Sdist",
    "Wheel",
    "parse_bound",
    "parse_moment",
    "split_wheel",
    "wheel_tags",
]


@frozen
class Wheel:
    """One wheel on an index."""

    name: str  # normalized project name
    version: Version
    filename: str
    url: str  # absolute, without fragment and credentials
    index: str  # address of the index it came from, without credentials
    build_tag: BuildTag = ()
    tags: frozenset[Tag] = frozenset()
    sha256: str | None = None
    size: int | None = None  # bytes
    upload_time: datetime | None = None  # UTC
    requires_python: SpecifierSet | None = None
    yanked: str | None = None  # the reason, possibly empty; None where not yanked
    metadata_sha256: str | None = None  # of the PEP 658 sidecar; "" where advertised without a hash
    reference: DirectReference | None = None  # that named it, instead of an index


@frozen
class Sdist:
    """One source distribution on an index, or a source tree that a direct reference names."""

    name: str
    version: Version
    filename: str  # of a source tree: its address, which is what people know it by
    url: str
    index: str
    sha256: str | None = None
    size: int | None = None
    upload_time: datetime | None = None
    requires_python: SpecifierSet | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None
    reference: DirectReference | None = None


Distribution = Wheel | Sdist

# PEP 600's names for what were profiles of their own before it.
_LEGACY_MANYLINUX = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}


def claimed_glibc(platforms: Iterable[str]) -> Version | None:
    """Return the oldest glibc that a wheel runs with, as its platform tags say (PEP 600).

    None where one of them says nothing of glibc.
    """
    claimed = []
    for platform in platforms:
        name, _, rest = platform.partition("_")
        parts = rest.split("_")
        if name in _LEGACY_MANYLINUX:
            claimed.append(Version(_LEGACY_MANYLINUX[name]))
        elif name == "manylinux":
            claimed.append(Version(f"{parts[0]}.{parts[1]}"))
        else:
            return None
    return min(claimed, default=None)


class ListedFile(Protocol):
    """One file as an index states it, unparsed: most files are looked at once and never used."""

    @property
    def filename(self) -> str:
        """The name of the file."""

    @property
    def url(self) -> str:
        """Its address, possibly relative to the page."""

    @property
    def sha256(self) -> str | None:
        """Its hash, where it is stated."""

    @property
    def size(self) -> int | None:
        """Its size in bytes, where it is stated."""

    @property
    def upload_time(self) -> str | None:
        """When it came, as RFC 3339 has it."""

    @property
    def requires_python(self) -> str | None:
        """Its Requires-Python."""

    @property
    def yanked(self) -> str | None:
        """Why it was withdrawn, possibly empty; None where it was not."""

    @property
    def metadata_sha256(self) -> str | None:
        """The hash of the metadata beside it; empty where none is stated, None where there is none."""


class FileRow(NamedTuple):
    """One file as an index states it, with its absolute address; a plain row, as caches keep it."""

    filename: str
    url: str
    listed_by: str = ""  # address of the index, without credentials
    sha256: str | None = None
    size: int | None = None
    upload_time: str | None = None  # RFC 3339
    requires_python: str | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None

    @classmethod
    def of(cls, file: ListedFile, *, url: str, index: str) -> FileRow:
        """Return the row of a listed file at an absolute address."""
        return cls(
            file.filename,
            url,
            index,
            file.sha256,
            file.size,
            file.upload_time,
            file.requires_python,
            file.yanked,
            file.metadata_sha256,
        )

    def distribution(self, name: str, version: Version) -> Distribution:
        """Return the distribution that the file is."""
        bound = parse_bound(self.requires_python) if self.requires_python else None
        uploaded = parse_moment(self.upload_time) if self.upload_time else None
        if not self.filename.endswith(".whl"):
            return Sdist(
                name=name,
                version=version,
                filename=self.filename,
                url=self.url,
                index=self.listed_by,
                sha256=self.sha256,
                size=self.size,
                upload_time=uploaded,
                requires_python=bound,
                yanked=self.yanked,
                metadata_sha256=self.metadata_sha256,
            )
        build, tags = split_wheel(self.filename)
        return Wheel(
            name=name,
            version=version,
            filename=self.filename,
            url=self.url,
            index=self.listed_by,
            build_tag=_build_tag(build),
            tags=wheel_tags(tags),
            sha256=self.sha256,
            size=self.size,
            upload_time=uploaded,
            requires_python=bound,
            yanked=self.yanked,
            metadata_sha256=self.metadata_sha256,
        )


#: A file of a page, after what follows its version in its name where it is a wheel: build tag and tag set.
PageFile = tuple[str, ListedFile]


class PageFiles(Sequence[Distribution]):
    """The files of a page by version, made into distributions when they are asked for."""

    def __init__(
        self,
        releases: Mapping[Version, Sequence[PageFile]],
        *,
        name: str,
        index: str,
        locate: Callable[[str], str],
    ) -> None:
        """Take files by version; ``locate`` gives the address for the one stated."""
        self.releases = releases
        self._name = name
        self._index = index
        self._locate = locate

    def row(self, file: ListedFile) -> FileRow:
        """Return one of the files with its address."""
        return FileRow.of(file, url=self._locate(file.url), index=self._index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __len__(self) -> int:
        return sum(map(len, self.releases.values()))

    def __iter__(self) -> Iterator[Distribution]:
        for version, files in self.releases.items():
            for _, file in files:
                yield self.row(file).distribution(self._name, version)

    @overload
    def __getitem__(self, place: int) -> Distribution: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Distribution]: ...
    def __getitem__(self, place: int | slice) -> Distribution | Sequence[Distribution]:
        return tuple(self)[place]


@frozen
class Listing:
    """What one index says of one project: its files, those of one version in the index's order.

    ``skipped`` names the files that are no distribution that anyone can install
    (eggs, installers, names that do not parse).
    """

    name: str
    index: str
    distributions: Sequence[Distribution]
    skipped: tuple[str, ...] = ()
    status: str | None = None  # PEP 792, where it is not "active"
    status_reason: str | None = None

    def row(self, file: ListedFile) -> FileRow:
        """Return a file of its page with its address."""
        assert isinstance(self.distributions, PageFiles)  # noqa: S101 - else the file is none of a page
        return self.distributions.row(file)


class Declared:
    """One requirement as metadata declares it, its parts parsed when they are asked for.

    A package declares a hundred for its tests and its documentation, and few of them hold.
    """

    __slots__ = ("_only_for", "extras", "marker", "name", "specifier_text", "url")

    def __init__(
        self, name: str, extras: tuple[str, ...] = (), specifier: str = "", marker: str = "", url: str = ""
    ) -> None:
        """Take the parts as ``packaging`` writes them; names are normalized."""
        self.name = name
        self.extras = extras
        self.specifier_text = specifier
        self.marker = marker
        self.url = url or None
        self._only_for: str | None = None

    @classmethod
    def parse(cls, text: str) -> Declared:
        """Parse a requirement (PEP 508); raises packaging's InvalidRequirement."""
        return cls(*_parts_of(text))

    @property
    def parts(self) -> tuple[str, tuple[str, ...], str, str, str]:
        """What it is made of again."""
        return self.name, self.extras, self.specifier_text, self.marker, self.url or ""

    @property
    def specifier(self) -> SpecifierSet:
        """The versions that it admits."""
        return _specifiers(self.specifier_text)

    def holds(self, environment: Mapping[str, str], extra: str = "") -> bool:
        """Tell whether its marker holds in an environment, with an extra."""
        if not self.marker:
            return True
        if self._only_for is None:
            self._only_for = _only_for(self.marker)
        if self._only_for not in ("", extra):
            return False
        return _marker(self.marker).evaluate({**environment, "extra": extra})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Declared) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"Declared({str(self)!r})"

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        place = f" @ {self.url}" if self.url else ""
        marker = f"{' ' if self.url else ''}; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier_text}{place}{marker}"


@frozen
class Metadata:
    """The part of core metadata that resolution needs."""

    name: str
    version: Version
    requires: tuple[Declared, ...] = ()
    requires_python: SpecifierSet | None = None
    extras: frozenset[str] = frozenset()
    source: str = ""  # how it was obtained, for the reader of an explanation

    def known_extras(self) -> frozenset[str]:
        """Return the extras that it lists, and those that requirements speak of: old metadata lists none."""
        named = (extra for one in self.requires for extra in re.findall(r'extra == "([^"]+)"', one.marker))
        return self.extras | {canonicalize_name(extra) for extra in named}


@lru_cache(maxsize=1 << 14)
def _parts_of(text: str) -> tuple[str, tuple[str, ...], str, str, str]:
    # A hundred packages ask for pytest in the same words.
    parsed = DeclaredRequirement(text)
    return (
        canonicalize_name(parsed.name),
        tuple(sorted(map(canonicalize_name, parsed.extras))),
        str(parsed.specifier),
        "" if parsed.marker is None else str(parsed.marker),
        parsed.url or "",
    )


@lru_cache(maxsize=1 << 14)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)


@lru_cache(maxsize=1 << 14)
def _marker(text: str) -> Marker:
    return Marker(text)


@lru_cache(maxsize=1 << 14)
def _only_for(marker: str) -> str:
    """Return the extra without which a marker cannot hold; empty where none is seen at a glance."""
    # Without an "or", every clause must hold.
    found = re.findall(r'extra == "([^"]+)"', marker) if " or " not in marker else []
    return canonicalize_name(found[0]) if len(found) == 1 else ""


def split_wheel(filename: str) -> tuple[str, str]:
    """Return the build tag of a wheel's name, empty where it has none, and its compressed tag set."""
    parts = filename[:-4].split("-")
    return (parts[2] if len(parts) == 6 else ""), "-".join(parts[-3:])


@lru_cache(maxsize=4096)
def parse_bound(text: str) -> SpecifierSet | None:
    """Parse a Requires-Python; None where it is malformed, which counts as none."""
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE)


def parse_moment(text: str) -> datetime | None:
    """Parse an RFC 3339 time; Python 3.10 itself knows neither Z nor odd fractions."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    zone = "+00:00" if (match[3] or "Z").upper() == "Z" else match[3]
    try:
        moment = datetime.fromisoformat(f"{match[1]}.{(match[2] or '.0')[1:7]:0<6}{zone}")
    except ValueError:
        return None
    return moment.astimezone(timezone.utc)


def _build_tag(text: str) -> BuildTag:
    match = re.match(r"(\d+)(.*)", text)
    return (int(match[1]), match[2]) if match is not None else ()


@lru_cache(maxsize=4096)
def wheel_tags(text: str) -> frozenset[Tag]:
    """Return the tags in a compressed tag set."""
    return parse_tag(text)
