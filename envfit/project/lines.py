"""The lines of a requirements file, and the options in a line.

``#`` after white space begins a comment, a backslash at the end joins lines,
``${NAME}`` is an environment variable.

Source: pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

__all__ = ["join_lines", "split_options", "split_requirement", "unset_variable", "with_variables"]

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_EDITABLE = re.compile(r"(?:-e(?=[^\s=-])|(?:-e|--editable)(?:\s+|=|$))(?P<place>.*)")
_LONG = {
    "-C": "--config-settings",
    "-c": "--constraint",
    "-e": "--editable",
    "-f": "--find-links",
    "-i": "--index-url",
    "-r": "--requirement",
    "--config-setting": "--config-settings",
    "--pypi-url": "--index-url",
}
_WITH_VALUE = frozenset(
    {
        "--all-releases",
        "--config-settings",
        "--constraint",
        "--editable",
        "--extra-index-url",
        "--find-links",
        "--global-option",
        "--hash",
        "--index-url",
        "--no-binary",
        "--only-binary",
        "--only-final",
        "--requirement",
        "--trusted-host",
        "--use-feature",
    }
)


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


def unset_variable(line: str, environ: Mapping[str, str]) -> str | None:
    """Return the first environment variable that a line uses and that is not set, or None."""
    return next((name for name in _VARIABLE.findall(line) if name not in environ), None)


def with_variables(line: str, environ: Mapping[str, str]) -> str:
    """Replace each ``${NAME}`` by its value; all of them must be set."""
    return _VARIABLE.sub(lambda match: environ[match.group(1)], line)


def split_requirement(line: str) -> tuple[str, bool, str] | None:
    """Return the requirement of a line, whether it is editable, and the options after it.

    None where the line holds options alone.
    """
    editable = _EDITABLE.fullmatch(line)
    if editable is None and line.startswith("-"):
        return None
    text = line if editable is None else editable["place"]
    requirement, *options = re.split(r"(?:^|\s+)(?=-)", text, maxsplit=1)
    quoted = re.fullmatch(r"""(["'])(?P<inside>[^"']*)\1""", requirement)
    if editable is not None and quoted is not None:
        requirement = quoted["inside"]
    return requirement, editable is not None, options[0] if options else ""


def split_options(text: str) -> Iterator[tuple[str, str]]:
    """Yield options by their long name, each with its value or an empty text.

    A word that belongs to no option is yielded as it is.  Raises ValueError where a
    quotation mark is not closed.
    """
    words = iter(shlex.split(text))
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
        elif word.startswith("-"):
            name, equals, value = word[:2], word[2:], word[2:].removeprefix("=")
        else:
            name, equals, value = word, "", ""
        name = _LONG.get(name, name)
        if name in _WITH_VALUE and not equals:
            value = next(words, "")
        yield name, value
