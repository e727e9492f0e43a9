"""Write constraints/derived/NAME.toml: the GPU code of a package's Linux wheels, read library by library.

Usage: python scripts/derive.py [--releases N] [--own-words] [--check N] NAME[==VERSION]...

Of each of the newest N releases, or of those that a range such as "torch>=2.8,<2.12" names, one
wheel is read for each platform; other Python tags inherit from it.  What was read before is kept.
With --own-words only torch's own list of architectures is read, some megabytes of each wheel.
With --check N, N wheels of each file are read again and compared, and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from packaging.requirements import Requirement

from envfit.api.deriving import derive_wheel, kept_wheels, representative_wheels, write_wheels
from envfit.api.indexes import IndexRequest, open_packages
from envfit.errors import EnvfitError
from envfit.index.session import Session
from envfit.index.source import PackageIndex

DIRECTORY = Path(__file__).parents[1] / "constraints" / "derived"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME", type=Requirement)
    parser.add_argument("--releases", type=int, default=8, metavar="N")
    parser.add_argument("--own-words", action="store_true")
    parser.add_argument("--check", type=int, metavar="N")
    options = parser.parse_args()
    request = IndexRequest(directory=Path())
    troubles = 0
    with open_packages(request, os.environ, lambda _: None) as (packages, session):
        for wanted in options.names:
            if options.check is not None:
                troubles += check(wanted.name, options.check, packages, session)
            else:
                troubles += derive(
                    wanted, options.releases, packages, session, libraries=not options.own_words
                )
    return 1 if troubles else 0


def derive(
    wanted: Requirement, releases: int, packages: PackageIndex, session: Session, *, libraries: bool
) -> int:
    """Read what is wanted of a package, write its file, and return how many wheels could not be read."""
    path = DIRECTORY / f"{wanted.name}.toml"
    known = {wheel.sha256: wheel for wheel in kept_wheels(path)}
    listed = representative_wheels(wanted.name, packages, wanted.specifier)
    newest = sorted({wheel.version for _, wheel in listed}, reverse=True)[:releases]
    failed = 0
    for platform, wheel in listed:
        before = known.get(wheel.sha256 or "")
        if wheel.version not in newest or (before is not None and (before.libraries or not libraries)):
            continue
        if before is not None and before.sass == () and before.cuda is None:
            continue  # a build without GPU code
        received = session.bytes_received
        try:
            found = derive_wheel(wheel, platform, session, libraries=libraries)
        except EnvfitError as error:
            print(f"{wheel.filename}: {error.message}", flush=True)
            failed += 1
            continue
        known[found.sha256] = found
        megabytes = (session.bytes_received - received) / 1e6
        print(f"{wheel.filename}: {len(found.libraries)} libraries, {megabytes:.0f} MB", flush=True)
        write_wheels(path, wanted.name, known.values())
    return failed


def check(name: str, count: int, packages: PackageIndex, session: Session) -> int:
    """Read some wheels of a file again; return how many say something else now."""
    written = kept_wheels(DIRECTORY / f"{name}.toml")
    listed = {wheel.sha256: (platform, wheel) for platform, wheel in representative_wheels(name, packages)}
    step = max(1, len(written) // count)
    different = 0
    for before in written[::step][:count]:
        if before.sha256 not in listed:
            print(f"GONE       {before.filename}", flush=True)
            different += 1
            continue
        platform, wheel = listed[before.sha256]
        again = derive_wheel(wheel, platform, session, libraries=bool(before.libraries) or name != "torch")
        same = again == before
        different += not same
        print(f"{'same' if same else 'DIFFERENT'}  {before.filename}", flush=True)
    return different


if __name__ == "__main__":
    sys.exit(main())
