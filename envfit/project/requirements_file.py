"""Requirements files, in the form that pip reads.

A line is a requirement or an option; ``#`` after white space begins a comment, a
backslash at the end joins lines, ``${NAME}`` is an environment variable.  What a
line can say and envfit cannot honour yet is a fault, never passed over.

Source: pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from envfit.errors import RequirementError
from envfit.project.declared import Declared, parse_requirement, without_credentials
from envfit.project.faults import Faults
from envfit.project.model import Project
from envfit.project.settings import Settings, is_address
from envfit.project.text_file import read_text

__all__ = ["Lines", "join_lines", "read_requirements_file"]

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_LONG = {
    "-c": "--constraint",
    "-e": "--editable",
    "-f": "--find-links",
    "-i": "--index-url",
    "-r": "--requirement",
}
_WITH_VALUE = frozenset({"--constraint", "--extra-index-url", "--hash", "--index-url", "--requirement"})


def read_requirements_file(path: Path) -> Project:
    """Read a requirements file and the files that it names.

    Raises ProjectError with every fault, by file and line; FileError where a file
    cannot be read.
    """
    faults = Faults(path)
    lines = Lines(faults)
    lines.read_file(path)
    faults.raise_any()
    return lines.project()


def join_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text with their numbers, from 1: joined, without comments, none empty.

    A joined line has the number of its first; a line of comment ends the joining, as in pip.
    """
    parts: list[str] = []
    first = 0
    # The empty line at the end completes a last line that ends in a backslash.
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        first = first if parts else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line[:-1])
            continue
        parts.append(f" {line}" if comment else line)
        joined = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if joined:
            yield first, joined


class Lines:
    """What the lines read so far say."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._requirements: list[Declared] = []
        self._constraints: list[Declared] = []
        self._index_url: str | None = None
        self._extra_index_urls: list[str] = []
        self._pre = False
        self._hashed: dict[Path, int] = {}
        self._seen: set[tuple[str, bool]] = set()

    def project(self) -> Project:
        """Return what was read."""
        return Project(
            requirements=tuple(self._requirements),
            constraints=tuple(self._constraints),
            settings=Settings(
                index_url=self._index_url,
                extra_index_urls=tuple(dict.fromkeys(self._extra_index_urls)),
                pre=self._pre,
            ),
            notes=tuple(
                f"{path}: the hashes of {count} requirement{'s' if count > 1 else ''} are not used; "
                "the lock records those of the files that it chooses"
                for path, count in self._hashed.items()
            ),
        )

    def read_file(
        self,
        path: Path,
        *,
        constraints: bool = False,
        named_at: str = "",
        chain: tuple[str, ...] = (),
    ) -> None:
        """Read a file; ``chain`` holds the files that led here, outermost first."""
        text = read_text(path, named_at=named_at)
        identity = os.path.realpath(path)
        if identity in chain:
            self._faults.add(f"{named_at}: {path} includes itself")
            return
        # A second reading adds nothing, and files that include others twice would double each time.
        if (identity, constraints) in self._seen:
            return
        self._seen.add((identity, constraints))
        self.read_text(
            text,
            path=path,
            place=lambda number: f"{path} line {number}",
            constraints=constraints,
            chain=(*chain, identity),
        )

    def read_text(
        self,
        text: str,
        *,
        path: Path,
        place: Callable[[int], str],
        constraints: bool = False,
        chain: tuple[str, ...] = (),
    ) -> None:
        """Read the lines of a text that stands in a file; ``place`` names a line by its number."""
        for number, line in join_lines(text):
            self._read_line(line, _Context(path, place(number), constraints, chain))

    def _read_line(self, line: str, context: _Context) -> None:
        unset = [name for name in _VARIABLE.findall(line) if name not in os.environ]
        if unset:
            self._faults.add(f"{context.where}: the environment variable {unset[0]} is not set")
            return
        filled = _VARIABLE.sub(lambda match: os.environ[match.group(1)], line)
        if filled.startswith("-"):
            self._read_options(filled, context)
            return
        requirement, *options = re.split(r"\s+(?=-)", filled, maxsplit=1)
        if options and not self._accept_hashes(options[0], context):
            return
        self._read_requirement(requirement, context, shown=None if filled == line else line)

    def _read_requirement(self, text: str, context: _Context, *, shown: str | None) -> None:
        try:
            declared = parse_requirement(text, context.where)
        except RequirementError as error:
            # A variable may hold a password: the line is then shown as it is written.
            message = error.message
            if shown is not None:
                message = f"{context.where}: {without_credentials(shown)!r} is not a requirement"
            self._faults.add(message, hints=error.hints if shown is None else ())
            return
        if shown is not None:
            declared = replace(declared, text=shown)
        if not context.constraints:
            self._requirements.append(declared)
        elif declared.extras:
            self._faults.add(f"{context.where}: a constraint has no extras, unlike {declared.text!r}")
        else:
            self._constraints.append(declared)

    def _accept_hashes(self, options: str, context: _Context) -> bool:
        for name, _ in self._options(options, context):
            if name != "--hash":
                self._unsupported(name, context)
                return False
        self._hashed[context.path] = self._hashed.get(context.path, 0) + 1
        return True

    def _read_options(self, text: str, context: _Context) -> None:
        for name, value in self._options(text, context):
            if name == "--pre":
                self._pre = True
            elif name not in _WITH_VALUE or name == "--hash":
                self._unsupported(name, context)
                return
            elif not value:
                self._faults.add(f"{context.where}: {name} names nothing")
            elif name in ("--requirement", "--constraint"):
                self._include(name, value, context)
            elif not is_address(value):
                self._faults.add(
                    f"{context.where}: the value of {name} is not an address "
                    "that begins with https://, http:// or file://"
                )
            elif name == "--index-url":
                self._set_index(value, context)
            else:
                self._extra_index_urls.append(value)

    def _options(self, text: str, context: _Context) -> Iterator[tuple[str, str]]:
        """Yield options by their long name, each with its value or an empty text."""
        try:
            words = iter(shlex.split(text))
        except ValueError:
            self._faults.add(f"{context.where}: a quotation mark is not closed")
            return
        for word in words:
            if word.startswith("--"):
                name, equals, value = word.partition("=")
            elif word.startswith("-"):
                name, equals, value = word[:2], word[2:], word[2:]
            else:
                name, equals, value = "a word that belongs to no option", "", ""
            name = _LONG.get(name, name)
            if name in _WITH_VALUE and not equals:
                value = next(words, "")
            yield name, value

    def _include(self, name: str, value: str, context: _Context) -> None:
        if "://" in value:
            self._faults.add(f"{context.where}: {name} with an address is not supported yet")
        elif name == "--requirement" and context.constraints:
            self._faults.add(f"{context.where}: a constraints file cannot bring in requirements")
        else:
            self.read_file(
                context.path.parent / value,
                constraints=name == "--constraint",
                named_at=context.where,
                chain=context.chain,
            )

    def _set_index(self, value: str, context: _Context) -> None:
        if self._index_url not in (None, value):
            self._faults.add(f"{context.where}: --index-url is given a second time, with another address")
        self._index_url = value

    def _unsupported(self, name: str, context: _Context) -> None:
        self._faults.add(f"{context.where}: {name} is not supported yet")


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a line stands."""

    path: Path
    where: str
    constraints: bool
    chain: tuple[str, ...]
