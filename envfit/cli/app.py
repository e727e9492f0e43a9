"""The typer application, and the frame that turns errors into exit codes."""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from envfit.cli import commands, locking
from envfit.cli.render import error_data, exit_code, print_error, print_json, talk
from envfit.errors import EnvfitError
from envfit.version import __version__

__all__ = ["app", "main"]

OUTPUT_FAILED = 3
INTERRUPTED = 130

app = typer.Typer(
    name="envfit",
    help=(
        "A Python environment that really runs on your NVIDIA GPU, or the shortest true reason why none can "
        "exist."
    ),
    epilog=(
        "Exit codes: 0 done; 1 a refusal or a finding; 2 wrong usage or input; 3 the outside failed "
        "(network, disk); 4 not decided within the budget; 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"envfit {__version__}")
        raise typer.Exit


@app.callback()
def _envfit(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    del version


def _framed(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose errors are printed and become exit codes."""

    @functools.wraps(command)
    def framed(**options: Any) -> None:
        try:
            command(**options)
            sys.stdout.flush()
        except EnvfitError as error:
            if options.get("json"):
                print_json(error_data(error))
            else:
                print_error(error)
            _leave(exit_code(error))
        except KeyboardInterrupt:
            talk("interrupted")
            _leave(INTERRUPTED)
        except BrokenPipeError:
            _forget_output()
        except OSError as error:
            if error.filename is not None:
                raise  # not the output: a bug, to be seen whole
            _forget_output()
            talk(f"error: the answer could not be written: {error.strerror}")
            _leave(OUTPUT_FAILED)

    return framed


for _command in (commands.detect, locking.lock, locking.add, commands.install, commands.export):
    app.command(_command.__name__)(_framed(_command))


def _forget_output() -> None:
    """Send what is left of the answer nowhere, so that the end of the process does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(code: int) -> None:
    """End the process at once: what was being fetched ahead is not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        os._exit(code)
    raise SystemExit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    app(_with_optional_values(sys.argv[1:] if arguments is None else arguments), prog_name="envfit")


def _with_optional_values(words: Sequence[str]) -> list[str]:
    """Rewrite ``--pytorch-index URL``: typer has no option whose value may be left out."""
    rewritten: list[str] = []
    for word in words:
        if rewritten and rewritten[-1] == "--pytorch-index" and re.match(r"[a-z]+://", word):
            rewritten[-1:] = ["--pytorch-mirror", word]
        elif word.startswith("--pytorch-index="):
            rewritten += ["--pytorch-mirror", word.partition("=")[2]]
        else:
            rewritten.append(word)
    return rewritten
