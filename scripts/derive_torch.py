"""Write constraints/derived/torch.toml: the GPU code of torch's Linux wheels, read from the wheels.

Usage: python scripts/derive_torch.py [--check N]

One wheel is read for each release and platform (other Python tags inherit from
it), about eight megabytes each.  With ``--check N``, N entries of the file are
read again and compared, and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tomli_w
import tomllib
from packaging.version import Version

from envfit.distribution import Wheel
from envfit.index.archive import RemoteFile
from envfit.index.cache import Cache, default_cache_dir
from envfit.index.configuration import configured_indexes
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.index.torch_archs import read_torch_archs
from envfit.version import __version__

FILE = Path(__file__).parents[1] / "constraints" / "derived" / "torch.toml"
OLDEST = Version("1.11.0")
PYTHONS = ("cp311", "cp310", "cp312", "cp39")  # the first that a release has is read


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=int, metavar="N")
    options = parser.parse_args()
    session = Session(os.environ)
    configuration = configured_indexes(os.environ, home=Path.home(), cwd=Path.cwd())
    cache = Cache(default_cache_dir(os.environ, home=Path.home()))
    with PackageIndex(session=session, cache=cache, configuration=configuration) as index:
        wheels = _wheels(index)
        if options.check is not None:
            return _check(session, wheels, options.check)
        with ThreadPoolExecutor(4) as pool:
            entries = list(pool.map(lambda wheel: _entry(session, wheel), wheels))
    document = {
        "schema": 1,
        "generator": f"envfit {__version__} (arch string of libtorch_python)",
        "package": "torch",
        "wheel": entries,
    }
    FILE.write_text("# Written by scripts/derive_torch.py; never edited by hand.\n" + tomli_w.dumps(document))
    print(f"{len(entries)} wheels, {session.bytes_received / 1e6:.0f} MB read")
    return 0


def _wheels(index: PackageIndex) -> list[Wheel]:
    chosen: dict[tuple[Version, str], tuple[tuple[object, ...], Wheel]] = {}
    for listing in index.listing("torch"):
        for file in listing.distributions:
            if not isinstance(file, Wheel) or file.version < OLDEST or file.version.is_prerelease:
                continue
            for tag in file.tags:
                if tag.interpreter not in PYTHONS or tag.abi != tag.interpreter:
                    continue
                machine = next((name for name in ("x86_64", "aarch64") if tag.platform.endswith(name)), None)
                if machine is None or not tag.platform.startswith(("manylinux", "linux")):
                    continue
                key = (file.version, machine)
                rank = (PYTHONS.index(tag.interpreter), file.build_tag != (), file.filename)
                if key not in chosen or rank < chosen[key][0]:
                    chosen[key] = (rank, file)
    return [wheel for _, (_, wheel) in sorted(chosen.items(), key=lambda item: item[0])]


def _entry(session: Session, wheel: Wheel) -> dict[str, object]:
    with RemoteFile(session, wheel.url) as file:
        archs = read_torch_archs(file, wheel.filename)
    machine = "aarch64" if wheel.filename.endswith("aarch64.whl") else "x86_64"
    entry: dict[str, object] = {
        "filename": wheel.filename,
        "sha256": wheel.sha256,
        "version": str(wheel.version),
        "platform": f"linux-{machine}",
        "sass": list(archs.sass),
        "ptx": list(archs.ptx),
    }
    if archs.cuda is not None:
        entry["cuda"] = str(archs.cuda)
    return entry


def _check(session: Session, wheels: list[Wheel], count: int) -> int:
    written = {entry["filename"]: entry for entry in tomllib.loads(FILE.read_text())["wheel"]}
    step = max(1, len(wheels) // count)
    different = 0
    for wheel in wheels[::step][:count]:
        again = _entry(session, wheel)
        same = written.get(wheel.filename) == again
        different += not same
        print(f"{'same' if same else 'DIFFERENT'}  {wheel.filename}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
