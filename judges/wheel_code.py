"""The GPU code in wheels, read from the wheels: ELF headers and NVIDIA's ``cuobjdump``.

Each wheel is downloaded once, read and deleted; what was found is kept by file name and hash.
``cuobjdump`` reads the fatbins in a library's ``.nv_fatbin``: the few that some libraries keep
in other sections (generated kernels of TensorFlow, CuTe kernels of torch) and kernels that are
stored as plain files are not seen.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uv as uv_package
from packaging.pylock import PackageWheel

from envfit.index.download import download
from envfit.index.session import Session
from judges.device_code import Code, parse_cuobjdump
from judges.elf import read_library

__all__ = [
    "CUOBJDUMP_RELEASE",
    "Cuobjdump",
    "Seen",
    "could_hold_code",
    "libraries_of",
    "read_libraries",
    "read_wheel",
]

CUOBJDUMP_RELEASE = "13.5.37"
_OLDER_FROM_TRITON = "3.3.1"

#: What else is done with a library of which ``cuobjdump`` has listed the images, while it is here:
#: (wheel, library in it, where it is, images).
Seen = Callable[[PackageWheel, str, Path, Code], None]

_SECTION = ".nv_fatbin"
_SMALLEST_WHEEL = 1_000_000  # bytes; the smallest with GPU code seen is torchaudio's, 1.7 MB
_SMALLEST_LIBRARY = 16 << 10
_LONGEST = 900  # seconds for one library


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuobjdump:
    """NVIDIA's lister of GPU code, from the package index: the newest, and one for what that stops at.

    The newest refuses libraries with code for GPUs before 5.0, and stops in the midst of some
    that older toolkits packed.  The older one, of CUDA 12.8, is in a wheel of Triton.
    """

    programs: tuple[Path, ...]

    @classmethod
    def installed(cls, folder: Path, environ: Mapping[str, str]) -> Cuobjdump:
        """Install them into a folder, once; raises CalledProcessError where that fails."""
        homes = {
            f"nvidia-cuda-cuobjdump=={CUOBJDUMP_RELEASE}": Path("nvidia", "cu13", "bin", "cuobjdump"),
            f"triton=={_OLDER_FROM_TRITON}": Path("triton", "backends", "nvidia", "bin", "cuobjdump"),
        }
        programs = []
        for package, place in homes.items():
            home = folder / package.replace("==", "-").removeprefix("nvidia-cuda-")
            command = [uv_package.find_uv_bin(), "pip", "install", "--quiet", "--no-deps"]
            if not (home / place).exists():
                subprocess.run([*command, "--target", str(home), package], env=dict(environ), check=True)
            programs.append(home / place)
        return cls(programs=tuple(programs))

    def list_code(self, library: Path) -> tuple[Code, str]:
        """Return the images of a library, and what went wrong, if every program stopped."""
        first: tuple[Code, str] | None = None
        for program in self.programs:
            code, trouble = _list_code(program, library)
            if not trouble:
                return code, ""
            first = first or (code, trouble)
        return first or (Code(sass={}, ptx={}), "no program")


def _list_code(program: Path, library: Path) -> tuple[Code, str]:
    try:
        ended = subprocess.run(
            [str(program), str(library)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Code(sass={}, ptx={}), f"not done in {_LONGEST} s"
    code = parse_cuobjdump(ended.stdout)
    if ended.returncode == 0 or "does not contain device code" in ended.stdout + ended.stderr:
        return code, ""
    said = (ended.stderr.strip() or "no word").splitlines()[-1].replace(str(library), library.name)
    return code, f"stopped with {ended.returncode}: {said}"[:200]


def could_hold_code(wheel: PackageWheel) -> bool:
    """Tell whether a wheel is worth downloading: built for one platform, and not tiny."""
    return not wheel.filename.endswith("-any.whl") and (wheel.size or 0) >= _SMALLEST_WHEEL


def read_wheel(
    wheel: PackageWheel,
    session: Session,
    cuobjdump: Cuobjdump,
    scratch: Path,
    seen: Seen | None = None,
) -> dict[str, Any]:
    """Download a wheel and return what its libraries hold, as it is kept in the file of results.

    Raises SourceError where it cannot be had.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="wheel-") as name:
        path = Path(name) / "wheel"
        with path.open("w+b") as file:
            download(session, str(wheel.url), file, sha256=wheel.hashes.get("sha256"), notify=lambda _: None)
        libraries = read_libraries(path, cuobjdump, scratch, partial(seen, wheel) if seen else None)
    return {"sha256": wheel.hashes.get("sha256"), "size": wheel.size, "libraries": libraries}


def read_libraries(
    wheel: Path, cuobjdump: Cuobjdump, scratch: Path, seen: Callable[[str, Path, Code], None] | None = None
) -> dict[str, Any]:
    """Return what the libraries in a wheel hold, by their names in it."""
    libraries: dict[str, Any] = {}
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=scratch) as name:
        for member in archive.infolist():
            if ".so" not in Path(member.filename).name or member.file_size < _SMALLEST_LIBRARY:
                continue
            # Under its own member alone: a wheel may hold one name in several folders.
            found = _read_member(archive, member, Path(name), cuobjdump, seen)
            if found is not None:
                libraries[member.filename] = found
    return libraries


def libraries_of(record: Mapping[str, Any]) -> dict[str, tuple[Code | None, Sequence[str]]]:
    """Return the libraries of a kept record, as they are judged."""
    found: dict[str, tuple[Code | None, Sequence[str]]] = {}
    for name, library in record["libraries"].items():
        code = None
        if "sass" in library and not library.get("trouble"):
            ptx = {(arch, version): count for arch, version, count in library["ptx"]}
            code = Code(sass=library["sass"], ptx=ptx)
        found[name] = (code, (library["soname"], *library["needed"]))
    return found


def _read_member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    folder: Path,
    cuobjdump: Cuobjdump,
    seen: Callable[[str, Path, Code], None] | None = None,
) -> dict[str, Any] | None:
    """Return what one library holds; None where it has nothing to do with CUDA."""
    path = folder / "library.so"
    with archive.open(member) as source, path.open("wb") as sink:
        while chunk := source.read(1 << 22):
            sink.write(chunk)
    library = read_library(path)
    if library is None:
        return None
    about = sorted({name for name in library.needed if _is_nvidia(name)})
    has_code = _SECTION in library.sections
    if not has_code and not about and not _is_nvidia(library.soname):
        return None
    record: dict[str, Any] = {"soname": library.soname, "needed": about}
    if has_code:
        sys.stderr.write(f"    {member.filename} ({member.file_size / 1e6:.0f} MB)\n")
        code, trouble = cuobjdump.list_code(path)
        record["sass"] = dict(sorted(code.sass.items()))
        record["ptx"] = [[arch, version, count] for (arch, version), count in sorted(code.ptx.items())]
        if trouble:
            record["trouble"] = trouble
        elif seen is not None:
            seen(member.filename, path, code)
    path.unlink()
    return record


def _is_nvidia(soname: str) -> bool:
    return soname.startswith(("libcud", "libcu", "libnv")) and not soname.startswith(("libcurl", "libcups"))
