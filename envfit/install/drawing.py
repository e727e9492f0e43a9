"""How far uv is, read from what it draws on a terminal.

uv says it nowhere else.  A frame of its drawing has a line for all packages and one for
each file that is being fetched, padded to the width of the terminal and not ended::

    Preparing packages... (1/5)
    torch      ------------------------------ 102.40 MiB/812.33 MiB

What is not understood is left out: then less is shown, and nothing else changes.
"""

from __future__ import annotations

import codecs
import re

from envfit.index.progress import Progress

__all__ = ["Drawing"]

_STYLE = re.compile(r"\x1b\[[\d;?]*[mhl]")
_MOVE = re.compile(r"(\r\n|\n|\r|\x1b\[[\d;]*[A-Za-ln-z])")
_BAR = re.compile(
    r"([A-Za-z0-9][\w.-]*) +-{4,} +([\d.]+) ?((?:[KMGT]i)?B)/([\d.]+) ?((?:[KMGT]i)?B)", re.ASCII
)
_STEP = re.compile(r"(Preparing|Resolving|Building|Downloading)[\w ]*\.\.\. \((\d+)/(\d+)\)")
_INSTALLING = re.compile("[\N{FULL BLOCK}\N{LIGHT SHADE}]+ \\[(\\d+)/(\\d+)\\]")
_UNIT = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_LONGEST = 1 << 16  # characters of one line that are kept


class Drawing:
    """What a program draws on a terminal, as it comes: its sentences, and how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Take in what was drawn, and return the sentences that it completes, without control codes."""
        text = self._rest + self._decode(data)
        # The end of a line may have come by half.
        half = "\r" if text.endswith("\r") else ""
        *ended, rest = _MOVE.split(text.removesuffix("\r") if half else text)
        self._rest = rest[-_LONGEST:] + half
        return [
            sentence
            for piece, end in zip(ended[::2], ended[1::2], strict=True)
            for sentence in self._taken(piece, is_line="\n" in end)
        ]

    def finish(self) -> list[str]:
        """Return the sentence that was not ended."""
        rest, self._rest = self._rest, ""
        return self._taken(rest, is_line=True)

    def _taken(self, piece: str, *, is_line: bool) -> list[str]:
        piece = _STYLE.sub("", piece)
        bars = _BAR.findall(piece)
        for name, came, unit, whole, of in bars:
            self._progress.fetched(name, float(came) * _UNIT[unit], float(whole) * _UNIT[of])
        steps = _STEP.findall(piece)
        for _, done, of in steps:
            self._progress.prepared(int(done), int(of))
        installed = _INSTALLING.findall(piece)
        for done, of in installed:
            self._progress.installed(int(done), int(of))
        if steps or bars:
            self._progress.under_way(tuple(dict.fromkeys(name for name, *_ in bars)))
        drawn = bool(bars or steps or installed)
        return [piece.rstrip()] if is_line and not drawn and piece.strip() else []
