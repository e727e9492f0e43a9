"""A log read and diagnosed, with what a check of the environment says about it."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from envfit.api.knowing import load_knowledge
from envfit.diagnosis.confirm import confirm
from envfit.diagnosis.diagnose import diagnose
from envfit.diagnosis.model import Diagnosis
from envfit.diagnosis.skim import skim
from envfit.doctor.report import Report
from envfit.errors import FileError

__all__ = ["diagnose_file", "diagnose_stream"]

_LONGEST = 65_536  # characters that are read as one line
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def diagnose_file(path: Path, report: Report | None = None) -> Diagnosis:
    """Return what a log tells; raises FileError where it cannot be read, KnowledgeError on bad knowledge."""
    try:
        with path.open("rb") as stream:
            return diagnose_stream(stream, report)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


def diagnose_stream(stream: io.BufferedReader, report: Report | None = None) -> Diagnosis:
    """Return what a log tells that is read to its end, of any encoding and length."""
    log, notes = skim(_lines(stream))
    diagnosis = diagnose(log, load_knowledge(), notes)
    return confirm(diagnosis, report) if report is not None else diagnosis


def _lines(stream: io.BufferedReader) -> Iterator[str]:
    """Yield lines without their ends; what is no text in the encoding is replaced."""
    head = stream.peek(4)[:4]
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=None)
    while line := text.readline(_LONGEST):
        yield line.rstrip("\n")
    text.detach()
