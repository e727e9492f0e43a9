"""envfit's reader of GPU code held to NVIDIA's ``cuobjdump``, library by library.

    python -m judges.agreement [--again WHEEL]...

Libraries are those of the wheels that ``python -m judges.top`` reads, and are compared while they
are there: how many images of machine code and of PTX each architecture has in ``.nv_fatbin``,
which is where ``cuobjdump`` looks.  With ``--again`` a wheel is fetched and its libraries are compared anew.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from packaging.pylock import PackageWheel
from packaging.utils import parse_wheel_filename

from envfit.binary.fatbin import CodeKind, FatbinReader
from envfit.binary.library import LibraryReader
from judges.device_code import Code
from judges.elf import read_library
from judges.installers import tool_environment
from judges.pinned_file import PinnedFile, default_folder, fetched
from judges.results import RESULTS, merge, read, table
from judges.wheel_code import Cuobjdump, read_libraries

__all__ = ["AGREEMENT", "agrees", "compared", "main"]

AGREEMENT = RESULTS / "agreement.json"

_SECTION = ".nv_fatbin"
_CHUNK = 1 << 22
_FIRST_FLAGS = 16 + 40  # in a fat binary: after its header, in the header of its first entry
_LZ4, _ZSTD = 0x2000, 0x8000


def compared(wheel: PackageWheel, member: str, path: Path, code: Code) -> dict[str, Any]:
    """Return, under the names of wheel and library, what both read of a library."""
    with path.open("rb") as file, tempfile.TemporaryFile() as spool:
        whole = LibraryReader(spool)
        while chunk := file.read(_CHUNK):
            whole.feed(chunk)
        library = whole.finish()
        section = read_library(path)
        begin, size = section.sections[_SECTION] if section is not None else (0, 0)
        file.seek(begin)
        inside = FatbinReader()
        for left in range(size, 0, -_CHUNK):
            inside.feed(file.read(min(left, _CHUNK)))
        inside.finish()
        payloads = Counter(_payload(file, begin + fatbin.offset) for fatbin in inside.fatbins if fatbin.codes)
    images = [image for fatbin in inside.fatbins for image in fatbin.codes]
    sass = Counter(image.architecture for image in images if image.kind is CodeKind.SASS)
    ptx = Counter((image.architecture, image.ptx_isa or "") for image in images if image.kind is CodeKind.PTX)
    told = next((found for found in library.sections if found.name == _SECTION), None)
    entry = {
        "sha256": wheel.hashes.get("sha256"),
        "machine": library.machine,
        "fatbins": sum(bool(fatbin.codes) for fatbin in inside.fatbins),
        "fatbins-of-the-whole": told.fatbins if told is not None else 0,
        "payloads": dict(sorted(payloads.items())),
        "cuobjdump": _counts(code.sass, code.ptx),
        "envfit": _counts(sass, ptx),
        "architectures": sorted(
            {
                *(f"sm_{name}" for name in (told.sass if told else ())),
                *(f"compute_{name}" for name in (told.ptx if told else ())),
            }
        ),
    }
    return {f"{wheel.filename}: {member}": entry}


def agrees(entry: Mapping[str, Any]) -> bool:
    """Tell whether the counts are equal, and the reader of whole libraries has the same architectures."""
    named = {name.partition(" ")[0] for name in entry["cuobjdump"]}
    return bool(
        entry["envfit"] == entry["cuobjdump"]
        and named == set(entry["architectures"])
        and entry["fatbins"] == entry["fatbins-of-the-whole"]
    )


def _counts(sass: Mapping[str, int], ptx: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return how many images there are by architecture, of PTX by its version as well."""
    counts = {f"sm_{name}": count for name, count in sass.items()}
    counts |= {f"compute_{name} ({version})": count for (name, version), count in ptx.items()}
    return dict(sorted(counts.items()))


def _payload(file: IO[bytes], begin: int) -> str:
    """Return how the first image of a fat binary is packed."""
    file.seek(begin + _FIRST_FLAGS)
    flags = int.from_bytes(file.read(8), "little")
    return "zstd" if flags & _ZSTD else "LZ4" if flags & _LZ4 else "plain"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was compared; the exit code says whether all agree."""
    parser = argparse.ArgumentParser(prog="python -m judges.agreement", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--again", action="append", default=[], metavar="WHEEL", help="read it anew")
    options = parser.parse_args(arguments)
    for filename in options.again:
        _read_again(filename)
    entries = read(AGREEMENT)
    rows: list[tuple[str, ...]] = [("library", "machine", "images", "payloads", "")]
    for key, entry in entries.items():
        images = str(sum(entry["cuobjdump"].values()))
        verdict = "equal" if agrees(entry) else "NOT EQUAL"
        rows.append((key, str(entry["machine"]), images, ", ".join(entry["payloads"]), verdict))
    print(table(rows))
    agreed = sum(map(agrees, entries.values()))
    print(f"{len(entries)} libraries, {agreed} equal")
    return 0 if agreed == len(entries) else 1


def _read_again(filename: str) -> None:
    """Fetch a wheel that was compared before, and compare its libraries anew."""
    digests = {key.partition(": ")[0]: entry["sha256"] for key, entry in read(AGREEMENT).items()}
    pinned = PinnedFile(
        project=parse_wheel_filename(filename)[0], filename=filename, sha256=digests[filename]
    )
    folder = default_folder()
    path = fetched(pinned, folder)
    wheel = PackageWheel(
        name=filename, path=str(path), size=path.stat().st_size, hashes={"sha256": pinned.sha256}
    )
    cuobjdump = Cuobjdump.installed(folder, tool_environment(os.environ))
    read_libraries(path, cuobjdump, folder, lambda *found: merge(AGREEMENT, compared(wheel, *found)))
    path.unlink()


if __name__ == "__main__":
    sys.exit(main())
