"""Sentences with places in them: what a log said, put into what is said about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

__all__ = ["PLACEHOLDER", "READINGS", "filled"]

#: ``{name}``, or ``{name:reading}`` where what was captured is to be read.
PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")

_PAIR = re.compile(r"(\d+)[.,]\s*(\d+)")
_ARCHITECTURE = re.compile(r"(?:\D*)(\d{1,2})(\d)[af]?")


def filled(sentence: str, values: Mapping[str, str]) -> str:
    """Return a sentence with the captured values in their places."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1], "")
        return READINGS[match[2]](found) if match[2] else found

    return PLACEHOLDER.sub(value, sentence)


def _capability(text: str) -> str:
    """Read ``sm_120``, ``compute_86``, ``(8, 0)`` or ``8.6`` as a compute capability."""
    match = _PAIR.search(text) or _ARCHITECTURE.fullmatch(text.strip())
    return f"{int(match[1])}.{int(match[2])}" if match else text


def _cuda(text: str) -> str:
    """Read ``12080``, ``1201``, ``130`` or ``12.8`` as a CUDA version."""
    if not text.isdigit() or len(text) < 3:
        return text
    number = int(text)
    if len(text) >= 5:
        return f"{number // 1000}.{number % 1000 // 10}"
    if len(text) == 4:
        return f"{number // 100}.{number % 100}"
    return f"{number // 10}.{number % 10}"


READINGS: Mapping[str, Callable[[str], str]] = {"capability": _capability, "cuda": _cuda}
