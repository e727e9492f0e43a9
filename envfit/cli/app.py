"""The command line: words in, a command run, errors turned into exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from envfit.version import __version__

TYPE_CHECKING = False  # typing's own takes as long to load as an answer from memory
if TYPE_CHECKING:
    from envfit.cli.remembering import Recorder
    from envfit.errors import EnvfitError, UsageError

__all__ = ["main"]

OUTPUT_FAILED = 3
INTERRUPTED = 130
USAGE = 2

_VERSION = f"envfit {__version__}"
_ABOUT = (
    "A Python environment that really runs on your NVIDIA GPU, or the shortest true reason why none "
    "can exist."
)
_END = (
    "Exit codes: 0 done; 1 a refusal or a finding; 2 wrong usage or input; 3 the outside failed "
    "(network, disk); 4 not decided within the budget; 130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    words = _with_optional_values(sys.argv[1:] if arguments is None else arguments)
    _print_any_text()
    # In the process of somebody else, nothing is remembered: what goes on there is not known.
    _framed(
        lambda: _run(words, remember=arguments is None),
        json="--json" in words,
        verbose=not {"-v", "--verbose"}.isdisjoint(words),
    )
    raise SystemExit(0)


def _print_any_text() -> None:
    """Have what no terminal or file could be given printed as an escape: names and messages hold anything."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(words: Sequence[str], *, remember: bool) -> None:
    if words == ["--version"]:
        print(_VERSION)
        return
    if remember and words[:1] == ["lock"]:
        from envfit.cli.remembered import answer_again

        if answer_again(words, os.environ):
            return
    from envfit.cli.arguments import parse
    from envfit.cli.options import COMMANDS

    parsed = parse(words, COMMANDS, about=_ABOUT, end=_END, version=_VERSION)
    # A run makes many values and few circles of them: looking for those ten times as rarely costs nothing.
    gc.set_threshold(10_000, 20, 20)
    values = parsed.values
    if parsed.command.remembers:
        values["recorder"] = _recorder(words) if remember and not os.environ.get("ENVFIT_FORGET") else None
    parsed.command.load()(**values)


def _recorder(words: Sequence[str]) -> Recorder:
    from envfit.cli.remembering import Recorder

    return Recorder(words, os.environ)


def _framed(run: Callable[[], None], *, json: bool, verbose: bool = False) -> None:
    """Run something whose errors are printed and become exit codes."""
    from envfit.errors import EnvfitError, UsageError

    try:
        run()
        sys.stdout.flush()
    except UsageError as error:
        _refuse_usage(error, json=json)
        _leave(USAGE)
    except EnvfitError as error:
        _leave(_print_error(error, json=json, verbose=verbose))
    except KeyboardInterrupt as end:
        # Ctrl-C, or a signal that is treated as it: see envfit/cli/ending.py.
        name = getattr(end, "name", None)
        sys.stderr.write(f"ended by {name}\n" if name else "interrupted\n")
        _leave(getattr(end, "exit_code", INTERRUPTED))
    except BrokenPipeError:
        _forget_output()
    except OSError as error:
        if error.filename is not None:
            raise  # not the output: a bug, to be seen whole
        _forget_output()
        sys.stderr.write(f"error: the answer could not be written: {error.strerror}\n")
        _leave(OUTPUT_FAILED)


def _refuse_usage(error: UsageError, *, json: bool) -> None:
    if json:
        _print_error(error, json=True)
    else:
        sys.stderr.write(f"{error.usage}\n\nError: {error.message}\n")


def _print_error(error: EnvfitError, *, json: bool, verbose: bool = False) -> int:
    """Print an error, and return its exit code."""
    from envfit.cli import render

    if json:
        render.print_json(render.error_data(error))
    else:
        render.print_error(error, verbose=verbose)
    return render.exit_code(error)


def _forget_output() -> None:
    """Send what is left of the answer nowhere, so that the end of the process does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(code: int) -> None:
    """End the process at once: what was being fetched ahead is not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        os._exit(code)
    raise SystemExit(code)


def _with_optional_values(words: Sequence[str]) -> list[str]:
    """Rewrite ``--pytorch-index URL``: an option whose value may be left out would take any word."""
    rewritten: list[str] = []
    for word in words:
        if rewritten and rewritten[-1] == "--pytorch-index" and "://" in word:
            rewritten[-1:] = ["--pytorch-mirror", word]
        elif word.startswith("--pytorch-index="):
            rewritten += ["--pytorch-mirror", word.partition("=")[2]]
        else:
            rewritten.append(word)
    return rewritten
