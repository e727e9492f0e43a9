"""Give the machine code in a library another architecture, to see what finds a build for another GPU.

Usage: python scripts/relabel.py LIBRARY 90 80.  The headers of its fat binaries say the other one from then
on, which is what a driver chooses by; the code itself stays.  The file is changed where it lies: take a copy.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_MAGIC = bytes.fromhex("50ed55ba")
_CONTAINER = struct.Struct("<4sHHQ")  # magic number, version, length of the header, of all entries
_ENTRY = struct.Struct("<HHIQ")  # kind, version, length of the header, of the payload
_ARCHITECTURE = struct.Struct("<I")
_PLACE = 28  # of the architecture, in an entry; envfit/binary/fatbin.py tells the rest


def entries(data: bytes) -> Iterator[int]:
    """Yield where the entries of fat binaries begin."""
    at = data.find(_MAGIC)
    while at >= 0 and at + _CONTAINER.size <= len(data):
        _, version, header, length = _CONTAINER.unpack_from(data, at)
        entry, end = at + header, at + header + length
        while version == 1 and entry + 64 <= end <= len(data):
            _, _, own, payload = _ENTRY.unpack_from(data, entry)
            if own < 64:
                break
            yield entry
            entry += own + payload
        at = data.find(_MAGIC, at + 1)


def main() -> None:
    """Change one library."""
    path, old, new = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    data = bytearray(path.read_bytes())
    found = [
        place
        for entry in entries(bytes(data))
        if _ARCHITECTURE.unpack_from(data, place := entry + _PLACE)[0] == old
    ]
    for place in found:
        _ARCHITECTURE.pack_into(data, place, new)
    path.write_bytes(data)
    print(f"{len(found)} entries said {old} and say {new}")


if __name__ == "__main__":
    main()
