"""Evidence that is old, incomplete, or that other evidence contradicts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from envfit.frozen import frozen
from envfit.knowledge.lint.finding import Finding, Level
from envfit.knowledge.lint.subject import Subject, place_of, walk

__all__ = ["find_bad_evidence", "find_hosts"]

_DISTRIBUTION = re.compile(r"\S+\.(whl|tar\.gz|zip)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@frozen
class _Entry:
    file: str
    place: str
    table: Mapping[str, object]

    @property
    def source(self) -> str:
        return str(self.table.get("source", ""))

    @property
    def sha256(self) -> str | None:
        value = self.table.get("sha256")
        return value if isinstance(value, str) else None


def find_bad_evidence(subject: Subject) -> Iterator[Finding]:
    """Find evidence that is too old, from the future, without its hash, or against other evidence."""
    read = {code.filename: code.sha256 for code in subject.knowledge.device_code.values()}
    cited: dict[str, _Entry] = {}
    for entry in _entries(subject):
        yield from _wrong_day(entry, subject)
        if _DISTRIBUTION.fullmatch(entry.source):
            yield from _wrong_hash(entry, cited, read)


def _wrong_day(entry: _Entry, subject: Subject) -> Iterator[Finding]:
    checked = entry.table.get("checked")
    day = checked.date() if isinstance(checked, datetime) else checked
    if not isinstance(day, date):
        return
    if day > subject.today:
        yield _bad(entry, "future-evidence", f"It was checked on {day}, which is not yet.")
    elif day < _before(subject.today, subject.months):
        text = f"It was last checked on {day}, more than {subject.months} months ago: look again."
        yield _bad(entry, "stale-evidence", text, Level.WARNING)


def _wrong_hash(entry: _Entry, cited: dict[str, _Entry], read: Mapping[str, str]) -> Iterator[Finding]:
    if entry.sha256 is None:
        if entry.table.get("kind") == "artifact":
            yield _bad(entry, "unhashed-evidence", f"{entry.source} is a distribution: give its sha256.")
        return
    if not _SHA256.fullmatch(entry.sha256):
        yield _bad(entry, "unhashed-evidence", f"{entry.sha256!r} is no sha256: 64 digits, a to f small.")
        return
    former = cited.setdefault(entry.source, entry)
    if former.sha256 != entry.sha256:
        text = f"{entry.source} has another sha256 in {former.file}, {former.place}."
        yield _bad(entry, "hashes-differ", text)
    if read.get(entry.source, entry.sha256) != entry.sha256:
        yield _bad(entry, "hashes-differ", f"{entry.source} has another sha256 in what was read from it.")


def find_hosts(subject: Subject) -> Iterator[Finding]:
    """Find names of index hosts: files are cited by name and hash, wherever they came from."""
    for file, document in subject.documents.items():
        for keys, value in walk(document):
            if not isinstance(value, str):
                continue
            for host in subject.hosts:
                if re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", value, re.IGNORECASE):
                    yield Finding(
                        lint="index-host",
                        level=Level.ERROR,
                        file=file,
                        place=place_of(document, keys),
                        text="It names the host of a package index; cite files by name and sha256.",
                    )


def _entries(subject: Subject) -> Iterator[_Entry]:
    for file, document in subject.documents.items():
        for keys, value in walk(document):
            if "evidence" in keys[-2:-1] and isinstance(value, dict):
                yield _Entry(file=file, place=place_of(document, keys), table=value)


def _before(day: date, months: int) -> date:
    """Return the day some months earlier."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, min(day.day, 28))


def _bad(entry: _Entry, lint: str, text: str, level: Level = Level.ERROR) -> Finding:
    return Finding(lint=lint, level=level, file=entry.file, place=entry.place, text=text)
