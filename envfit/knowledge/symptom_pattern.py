"""Patterns of symptoms: regular expressions that are safe and quick on any text.

What is written is read in three ways.  Case does not count.  A space stands for any white
space, also the end of a line: logs wrap.  What repeats without a bound repeats at most
``LONGEST`` times.
"""

from __future__ import annotations

import re
from functools import cache

from envfit.frozen import frozen

__all__ = ["LONGEST", "Pattern", "compile_pattern", "read_pattern"]

LONGEST = 200
_SHORTEST_WORD = 4
_MOST_WIDE = 3
_QUANTIFIER = re.compile(r"[*+?]|\{\d*(?:,\d*)?\}")
_OPEN_ENDED = re.compile(r"\{(\d+),\}")
_SPECIAL = frozenset("^$.*+?{}[]()|\\")
_SPACE = r"\s{%d,80}"


@frozen
class Pattern:
    """A pattern ready to be looked for: every text that it matches has all its words, in lower case."""

    source: str  # of the regular expression, rewritten
    words: tuple[str, ...]  # the longest first

    @property
    def expression(self) -> re.Pattern[str]:
        """Return the regular expression, compiled when it is first needed: few are, in most logs."""
        return _compiled(self.source)


def compile_pattern(text: str) -> Pattern:
    """Return a pattern that is ready; ValueError where it is none or could take for ever."""
    pattern = read_pattern(text)
    try:
        expression = pattern.expression
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    if expression.search(""):
        raise ValueError("matches everything")
    return pattern


@cache
def read_pattern(text: str) -> Pattern:
    """Return a pattern that is known to be one; its expression is not looked at yet."""
    reader = _Reader(text)
    reader.read()
    words = sorted(dict.fromkeys(reader.words), key=lambda word: -len(word))
    return Pattern(source="".join(reader.made), words=tuple(words))


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE | re.MULTILINE)


class _Reader:
    """One pass over a pattern, which rewrites it and refuses what backtracks without end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._varies: list[bool] = []  # of each open group: whether it repeats something or has a choice
        self._wide = 0
        self._run = ""
        self.made: list[str] = []
        self.words: list[str] = []

    def read(self) -> None:
        """Rewrite the pattern."""
        text = self._text
        while self._place < len(text):
            sign = text[self._place]
            if sign == " ":
                self._space()
            elif sign == "[":
                self._atom(self._class(), literal="")
            elif sign == "\\":
                escaped = text[self._place : self._place + 2]
                literal = escaped[1:] if len(escaped) == 2 and not escaped[1].isalnum() else ""
                self._atom(escaped, literal=literal)
            elif sign == "(":
                self._open()
            elif sign == ")":
                self._close()
            elif sign == "|":
                self._choose()
            else:
                self._atom(sign, literal="" if sign in _SPECIAL else sign)
        self._end_word()

    def _space(self) -> None:
        self._end_word()
        while self._text[self._place : self._place + 1] == " ":
            self._place += 1
        quantifier = self._quantifier()
        self.made.append(_SPACE % (0 if quantifier[:1] in ("*", "?") else 1))

    def _class(self) -> str:
        match = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]").match(self._text, self._place)
        if match is None:
            raise ValueError("a [ is not closed")
        return match[0]

    def _open(self) -> None:
        match = re.compile(r"\((?:\?(?:P<\w+>|P=\w+|<?[=!]|[a-zA-Z]*(?:-[a-zA-Z]+)?:))?").match(
            self._text, self._place
        )
        self._end_word()
        opening = match[0] if match else "("
        if opening.startswith("(?P="):
            raise ValueError("refers back to a group")
        self._varies.append(False)
        self.made.append(opening)
        self._place += len(opening)

    def _close(self) -> None:
        if not self._varies:
            raise ValueError("a ) too many")
        varies = self._varies.pop()
        self.made.append(")")
        self._place += 1
        quantifier = self._quantifier()
        self.made.append(_bounded(quantifier))
        if quantifier and quantifier[0] != "?":
            if varies:
                raise ValueError("repeats a group that repeats or chooses inside, which can take for ever")
            varies = True
        if self._varies:
            self._varies[-1] |= varies

    def _choose(self) -> None:
        if not self._varies:
            raise ValueError("chooses with | outside of a group; write two patterns")
        self._varies[-1] = True
        self.made.append("|")
        self._place += 1

    def _atom(self, atom: str, *, literal: str) -> None:
        self._place += len(atom)
        quantifier = self._quantifier()
        self.made += (atom, _bounded(quantifier))
        if literal and not quantifier and not self._varies:
            self._run += literal
            return
        self._end_word()
        if quantifier and quantifier[0] != "?":
            if self._varies:
                self._varies[-1] = True
            wide = atom in (".", r"\S") or atom.startswith("[^")
            self._wide += wide
            if self._wide > _MOST_WIDE:
                raise ValueError(f"has more than {_MOST_WIDE} parts that can be anything")

    def _quantifier(self) -> str:
        match = _QUANTIFIER.match(self._text, self._place)
        if match is None:
            return ""
        self._place += len(match[0])
        lazy = self._text[self._place : self._place + 1] == "?"
        self._place += lazy
        return match[0] + "?" * lazy

    def _end_word(self) -> None:
        if len(self._run) >= _SHORTEST_WORD:
            self.words.append(self._run.lower())
        self._run = ""


def _bounded(quantifier: str) -> str:
    """Return a quantifier that has an end."""
    if quantifier[:1] in ("*", "+"):
        least = 0 if quantifier[0] == "*" else 1
        return f"{{{least},{LONGEST}}}{quantifier[1:]}"
    return _OPEN_ENDED.sub(rf"{{\1,{LONGEST}}}", quantifier)
