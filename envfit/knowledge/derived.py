"""What was read in wheels, as ``constraints/derived/`` keeps it: one line for each library.

A file holds the wheels of one package.  It is written by a program and read again by the
loader; what is written is what was found, section by section, and only reading it leaves
out what no driver ever sees.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.document import Table
from envfit.knowledge.model import DeviceCode, LibraryFacts
from envfit.target import Platform
from envfit.version import __version__

__all__ = [
    "GENERATOR",
    "DerivedLibrary",
    "DerivedSection",
    "DerivedWheel",
    "derived_text",
    "device_code",
    "library_facts",
    "read_architectures",
    "read_derived",
]

#: What reads wheels; what it wrote is read anew where it has changed.
GENERATOR = f"envfit {__version__}"

HEAD = "# Read from wheels by `envfit knowledge freshen`; never edited by hand.\n"

_RELOCATABLE = "__nv_relfatbin"  # a section that the device linker alone reads
_NO_VERSION = Version("0")


@frozen
class DerivedSection:
    """The fat binaries in one section of a library, and how many of them have each architecture."""

    name: str
    fatbins: int
    sass: Mapping[str, int] = field(default_factory=dict)
    ptx: Mapping[str, int] = field(default_factory=dict)
    ptx_isa: str | None = None  # the newest that PTX is written in


@frozen
class DerivedLibrary:
    """What was read in one library."""

    path: str  # in the wheel
    linked: tuple[str, ...] = ()  # CUDA libraries, as it names them
    glibc: str | None = None
    cubins: int = 0  # machine code outside of fat binaries
    damaged: int = 0  # fat binaries that could not be read
    sections: tuple[DerivedSection, ...] = ()


@frozen
class DerivedWheel:
    """What was read in one wheel.

    ``cuda`` and ``sass`` are what the package itself says of its build (torch's list of
    architectures); ``libraries`` is what stands in its libraries.  Both may be there.
    """

    filename: str
    sha256: str
    version: Version
    platform: Platform
    cuda: Version | None = None
    sass: tuple[str, ...] | None = None  # None: it says nothing
    ptx: tuple[str, ...] = ()
    libraries: tuple[DerivedLibrary, ...] = ()


def read_derived(table: Table) -> tuple[DerivedWheel, ...]:
    """Return the wheels of a file, with a fault for each that cannot be used."""
    return tuple(map(_read_wheel, table.tables("wheel")))


def device_code(package: str, wheel: DerivedWheel, generator: str) -> DeviceCode:
    """Return what a wheel's record says to whoever judges it."""
    return DeviceCode(
        package=package,
        version=wheel.version,
        platform=wheel.platform,
        filename=wheel.filename,
        sha256=wheel.sha256,
        cuda=wheel.cuda,
        sass=wheel.sass if wheel.sass is not None or wheel.libraries else (),
        ptx=wheel.ptx,
        libraries=tuple(map(library_facts, wheel.libraries)),
        source=f"read from {wheel.filename} by {generator}",
    )


def library_facts(library: DerivedLibrary) -> LibraryFacts:
    """Return what a driver gets to see of a library: what only the device linker reads is left out."""
    sass: Counter[str] = Counter()
    ptx: Counter[str] = Counter()
    loadable = [section for section in library.sections if section.name != _RELOCATABLE]
    for section in loadable:
        sass.update(section.sass)
        ptx.update(section.ptx)
    isas = [Version(section.ptx_isa) for section in loadable if section.ptx_isa is not None]
    return LibraryFacts(
        path=library.path,
        fatbins=sum(section.fatbins for section in loadable),
        sass=dict(sass),
        ptx=dict(ptx),
        ptx_isa=max(isas, default=None),
        linked=library.linked,
    )


def derived_text(package: str, generator: str, wheels: Iterable[DerivedWheel]) -> str:
    """Return the text of a package's file: wheels by version and platform, a line for each library."""
    ordered = sorted(wheels, key=lambda wheel: (wheel.version, str(wheel.platform), wheel.filename))
    head = [
        HEAD + "schema = 1",
        f"generator = {_quoted(generator)}",
        f"package = {_quoted(package)}",
    ]
    return "\n".join([*head, *(line for wheel in ordered for line in _wheel_lines(wheel))]) + "\n"


def _wheel_lines(wheel: DerivedWheel) -> Iterator[str]:
    yield ""
    yield "[[wheel]]"
    yield f"filename = {_quoted(wheel.filename)}"
    yield f"sha256 = {_quoted(wheel.sha256)}"
    yield f"version = {_quoted(str(wheel.version))}"
    yield f"platform = {_quoted(str(wheel.platform))}"
    if wheel.cuda is not None:
        yield f"cuda = {_quoted(str(wheel.cuda))}"
    if wheel.sass is not None or not wheel.libraries:
        yield f"sass = {_quoted(' '.join(wheel.sass or ()))}"
    if wheel.ptx:
        yield f"ptx = {_quoted(' '.join(wheel.ptx))}"
    if wheel.libraries:
        yield "library = ["
        yield from (f"  {_library_text(library)}," for library in wheel.libraries)
        yield "]"


def _library_text(library: DerivedLibrary) -> str:
    parts = [f"path = {_quoted(library.path)}"]
    if library.linked:
        parts.append(f"linked = {_quoted(' '.join(library.linked))}")
    if library.glibc is not None:
        parts.append(f"glibc = {_quoted(library.glibc)}")
    parts += [
        f"{key} = {value}"
        for key, value in (("cubins", library.cubins), ("damaged", library.damaged))
        if value
    ]
    if library.sections:
        parts.append(f"section = [{', '.join(map(_section_text, library.sections))}]")
    return f"{{ {', '.join(parts)} }}"


def _section_text(section: DerivedSection) -> str:
    parts = [f"name = {_quoted(section.name)}", f"fatbins = {section.fatbins}"]
    for key, counts in (("sass", section.sass), ("ptx", section.ptx)):
        if counts:
            counted = " ".join(f"{architecture}:{count}" for architecture, count in counts.items())
            parts.append(f"{key} = {_quoted(counted)}")
    if section.ptx_isa is not None:
        parts.append(f"ptx_isa = {_quoted(section.ptx_isa)}")
    return f"{{ {', '.join(parts)} }}"


def _quoted(text: str) -> str:
    # TOML's basic strings escape as JSON's do, but for what lies outside of the first plane.
    return json.dumps(text, ensure_ascii=False)


def _read_wheel(table: Table) -> DerivedWheel:
    wheel = DerivedWheel(
        filename=table.text("filename"),
        sha256=table.text("sha256"),
        version=table.parsed("version", Version, _NO_VERSION),
        platform=table.parsed("platform", Platform.parse, Platform()),
        cuda=table.parsed("cuda", Version, _NO_VERSION) if "cuda" in table else None,
        sass=read_architectures(table, "sass") if "sass" in table or "library" not in table else None,
        ptx=read_architectures(table, "ptx"),
        libraries=tuple(map(_read_library, table.tables("library"))),
    )
    if not re.fullmatch(r"[0-9a-f]{64}", wheel.sha256):
        table.fault("is no sha256", "sha256")
    table.finish()
    return wheel


def _read_library(table: Table) -> DerivedLibrary:
    library = DerivedLibrary(
        path=table.text("path"),
        linked=_words(table, "linked"),
        glibc=table.text("glibc") if "glibc" in table else None,
        cubins=table.number("cubins") if "cubins" in table else 0,
        damaged=table.number("damaged") if "damaged" in table else 0,
        sections=tuple(map(_read_section, table.tables("section"))),
    )
    if library.damaged:
        table.fault("has fat binaries that could not be read", "damaged")
    table.finish()
    return library


def _read_section(table: Table) -> DerivedSection:
    section = DerivedSection(
        name=table.text("name"),
        fatbins=table.number("fatbins"),
        sass=_counts(table, "sass"),
        ptx=_counts(table, "ptx"),
        ptx_isa=str(table.parsed("ptx_isa", Version, _NO_VERSION)) if "ptx_isa" in table else None,
    )
    table.finish()
    return section


def _words(table: Table, key: str) -> tuple[str, ...]:
    """Read words: in one text, or a list of them."""
    return tuple(word for text in table.texts(key) for word in text.split())


def read_architectures(table: Table, key: str) -> tuple[str, ...]:
    """Return architectures as they stand in binaries, such as 70 or 90a, with a fault for what is none."""
    found = _words(table, key)
    for text in found:
        if not re.fullmatch(r"\d{2,3}[af]?", text):
            table.fault(f"{text!r} is no architecture such as 70 or 90a", key)
    return found


def _counts(table: Table, key: str) -> Mapping[str, int]:
    """Read architectures with the number of fat binaries that have each: 90a:4."""
    found = {}
    for text in _words(table, key):
        match = re.fullmatch(r"(\d{2,3}[af]?):([1-9]\d*)", text)
        if match is None:
            table.fault(f"{text!r} is no architecture with its count, such as 90a:4", key)
        else:
            found[match[1]] = int(match[2])
    return found
