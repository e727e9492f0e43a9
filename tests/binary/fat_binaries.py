"""Fat binaries and libraries as bytes, made by hand: what the reader is to find is known exactly."""

from __future__ import annotations

import struct
from collections.abc import Sequence

SUFFIX_FLAGS = {"": 0, "a": 0x100000, "f": 0x200000}


def entry(
    kind: int, architecture: str, payload: bytes = b"\0" * 24, *, isa: str = "8.7", header: int = 64
) -> bytes:
    """Return an entry: kind 1 is PTX, 2 machine code; a longer header ends in zeros."""
    number, suffix = architecture.rstrip("af"), architecture.lstrip("0123456789")
    major, minor = map(int, isa.split("."))
    payload += b"\0" * (-len(payload) % 8)
    head = struct.pack(
        "<HHIQIIHHIIIQQQ",
        *(kind, 0x0101, header, len(payload), 0, 0, minor, major, int(number)),
        *(0, 0, 0x11 | SUFFIX_FLAGS[suffix], 0, 0),
    )
    return head + b"\0" * (header - 64) + payload


def fatbin(*entries: bytes) -> bytes:
    """Return a fat binary of entries."""
    body = b"".join(entries)
    return struct.pack("<4sHHQ", bytes.fromhex("50ed55ba"), 1, 16, len(body)) + body


def library(sections: Sequence[tuple[str, bytes]]) -> bytes:
    """Return an ELF library for x86-64 with sections and nothing else."""
    names = ["", *(name for name, _ in sections), ".shstrtab"]
    table = b"\0".join(name.encode() for name in names) + b"\0"
    offsets, body = [], bytearray(64)
    for content in (*(content for _, content in sections), table):
        body += b"\0" * (-len(body) % 16)
        offsets.append((len(body), len(content)))
        body += content
    body += b"\0" * (-len(body) % 16)
    headers = [struct.pack("<IIQQQQIIQQ", *[0] * 10)]
    place = 1
    for number, (offset, size) in enumerate(offsets, 1):
        kind = 3 if number == len(offsets) else 1  # the table of names, or a program's bits
        headers.append(struct.pack("<IIQQQQIIQQ", place, kind, 0, 0, offset, size, 0, 0, 1, 0))
        place += len(names[number]) + 1
    start = len(body)
    body[:64] = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, start, 0, 64, 0, 0, 64),
        *(len(headers), len(headers) - 1),
    )
    return bytes(body) + b"".join(headers)
