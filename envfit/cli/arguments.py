"""Commands and their arguments as data, and the parser made of them.

The parser is the standard library's: it is loaded in a few milliseconds, and a user
waits for ``envfit lock`` from the moment of pressing the key.  Only the command that
was named is built, and what it runs is imported only then.
"""

from __future__ import annotations

import argparse
import importlib
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from envfit.errors import UsageError

__all__ = ["Argument", "Command", "parse"]

_PROGRAM = "envfit"
_WIDTH = 80


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument: an option where it has flags, else a word in its place."""

    name: str  # of the parameter of the function that is run
    flags: tuple[str, ...] = ()
    metavar: str = ""  # empty: the option takes no value
    help: str = ""  # empty: the help leaves it out
    many: bool = False
    required: bool = False
    kind: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    default: Any = None

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Declare it to a parser."""
        shown = self.help.replace("%", "%%") or argparse.SUPPRESS
        if not self.flags:
            one = None if self.required else "?"
            count = ("+" if self.required else "*") if self.many else one
            parser.add_argument(
                self.name,
                metavar=self.metavar,
                help=shown,
                nargs=count,
                type=self.kind,
                default=[] if self.many else self.default,
            )
        elif not self.metavar:
            parser.add_argument(*self.flags, dest=self.name, help=shown, action="store_true")
        else:
            parser.add_argument(
                *self.flags,
                dest=self.name,
                metavar=self.metavar,
                help=shown,
                action="append" if self.many else "store",
                type=self.kind,
                choices=self.choices or None,
                default=[] if self.many else self.default,
            )


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command: what it is for, what it takes, and the function that it runs."""

    name: str
    summary: str
    more: str = ""  # paragraphs of the help, after the summary
    run: str  # module:function
    arguments: tuple[Argument, ...]
    remembers: bool = False  # whether the function takes ``recorder``, which keeps its answer

    def load(self) -> Callable[..., None]:
        """Import the function that it runs, which takes every argument by name."""
        module, _, function = self.run.partition(":")
        found: Callable[..., None] = getattr(importlib.import_module(module), function)
        return found

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of what comes after the command's name."""
        parser = _Parser(
            prog=f"{_PROGRAM} {self.name}",
            usage=f"{_PROGRAM} {self.name} [OPTIONS]{self._words()}",
            description="\n\n".join(part for part in (self.summary, self.more) if part),
            formatter_class=_Formatter,
            add_help=False,
            allow_abbrev=False,
        )
        for argument in self.arguments:
            argument.add_to(parser)
        _add_help(parser)
        return parser

    def _words(self) -> str:
        words = [argument for argument in self.arguments if not argument.flags]
        shown = (f"{word.metavar}..." if word.many else word.metavar for word in words)
        return "".join(
            f" {text}" if word.required else f" [{text}]" for word, text in zip(words, shown, strict=True)
        )


def parse(words: Sequence[str], commands: Sequence[Command], *, about: str, end: str, version: str) -> Parsed:
    """Return the command that was asked for, and its arguments.

    Answers ``--help`` and ``--version`` itself, and ends the process after them.
    Raises UsageError.
    """
    top = _Parser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} [OPTIONS] COMMAND [ARGS]...",
        description=about,
        epilog=_listed(commands) + f"\n\n{end}",
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=version, help="Print the version and exit.")
    _add_help(top)
    place = next((number for number, word in enumerate(words) if not word.startswith("-")), len(words))
    top.parse_args(words[:place])
    if place == len(words):
        top.print_help()
        raise SystemExit(2)
    command, rest = _command(words[place:], commands, top)
    return Parsed(command=command, values=vars(command.parser().parse_intermixed_args(rest)))


def _command(
    words: Sequence[str], commands: Sequence[Command], top: _Parser
) -> tuple[Command, Sequence[str]]:
    """Return the command that words begin with, and the words after its name."""
    by_name = {command.name: command for command in commands}
    if words[0] in by_name:
        return by_name[words[0]], words[1:]
    group = [command for command in commands if command.name.startswith(f"{words[0]} ")]
    if not group:
        first = dict.fromkeys(name.partition(" ")[0] for name in by_name)
        top.error(f"No such command {words[0]!r}.{_meant(words[0], list(first))}")
    name = " ".join(words[:2])
    if name in by_name:
        return by_name[name], words[2:]
    parser = _Parser(
        prog=f"{_PROGRAM} {words[0]}",
        usage=f"{_PROGRAM} {words[0]} COMMAND [ARGS]...",
        epilog=_listed(group),
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
    )
    _add_help(parser)
    if len(words) > 1 and words[1] not in ("-h", "--help"):
        parser.error(f"No such command {name!r}.{_meant(name, [command.name for command in group])}")
    parser.print_help()
    raise SystemExit(0 if len(words) > 1 else 2)


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A command with its arguments by name."""

    command: Command
    values: dict[str, Any]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2]
        if unknown:
            # Of several, the first: the others may be values of what was meant.
            first = next((word for word in unknown.split() if word.startswith("-")), unknown.split()[0])
            flag = first.partition("=")[0]
            known = [name for action in self._actions for name in action.option_strings]
            what = f"No such option: {flag}" if flag.startswith("-") else f"Unexpected argument: {flag}"
            message = f"{what}{_meant(flag, known)}"
        raise UsageError(
            message,
            usage=f"{self.format_usage().strip()}\nTry '{self.prog} --help' for help.",
        )


class _Formatter(argparse.HelpFormatter):
    """Help in 80 columns, whatever the terminal is: what is read is what is documented."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=_WIDTH)

    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, prefix or "Usage: ")

    def start_section(self, heading: str | None) -> None:
        titles = {"positional arguments": "Arguments", "options": "Options", "optional arguments": "Options"}
        super().start_section(titles.get(heading or "", heading))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        del indent
        paragraphs = []
        for paragraph in text.split("\n\n"):
            # What is laid out in lines stays so.
            laid_out = "\n" in paragraph
            paragraphs.append(paragraph if laid_out else textwrap.fill(paragraph, width))
        return "\n\n".join(paragraphs)


def _add_help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-h", "--help", action="help", help="Show this message and exit.")


def _listed(commands: Sequence[Command]) -> str:
    widest = max(len(command.name) for command in commands)
    indent = " " * (widest + 4)
    lines = [
        textwrap.fill(f"  {command.name:<{widest}}  {command.summary}", _WIDTH, subsequent_indent=indent)
        for command in commands
    ]
    return "\n".join(["Commands:", *lines])


def _meant(word: str, known: Sequence[str]) -> str:
    import difflib

    # Commands of one group begin alike: only what is after that tells how near they are.
    group, _, last = word.rpartition(" ")
    ends = {each.removeprefix(group).strip(): each for each in known}
    near = [ends[each] for each in difflib.get_close_matches(last, ends)]
    return f" Did you mean {' or '.join(near)}?" if near else ""
