"""The fields of core metadata, read from their text (RFC 822 as the core metadata specification uses it).

Only the header is read: what nobody asks for here, the description, is most of the text.
Loading the standard library's reader of mail takes as long as reading fifty files here.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["header_fields", "is_readable", "single"]


def header_fields(text: bytes) -> Mapping[str, list[str]]:
    """Return the values of each field, by its name in lower case, in the order of the text.

    A line that begins with a blank goes on with the one before.  Bytes that are no UTF-8
    are kept as ``is_readable`` tells them.
    """
    found: dict[str, list[str]] = {}
    values: list[str] | None = None
    for ended in text.decode("utf-8", errors="surrogateescape").split("\n"):
        line = ended.removesuffix("\r")
        if not line:
            break  # the description follows
        if line[0] in " \t":
            if values:
                values[-1] += f"\n{line}"
            continue
        name, separator, value = line.partition(":")
        if not separator:
            break
        values = found.setdefault(name.strip().lower(), [])
        values.append(value.strip())
    return found


def single(fields: Mapping[str, list[str]], name: str) -> str | None:
    """Return the value of a field that is there once; None where it is not, or contradicts itself."""
    values = fields.get(name, ())
    return values[0] if len(values) == 1 else None


def is_readable(value: str) -> bool:
    """Tell whether a value was UTF-8, as it has to be."""
    return not any("\udc80" <= character <= "\udcff" for character in value)
