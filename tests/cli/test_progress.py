"""The status line: on terminals alone, and never in the way of what is said."""

from __future__ import annotations

import io
import time

from envfit.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_it_is_and_then_nothing_of_it() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress.watch(lambda: "resolving: 7 requests")
        deadline = time.monotonic() + 5
        while "7 requests" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        progress.talk("a sentence")
    text = stream.getvalue()
    assert "resolving: 7 requests" in text
    assert "\r\x1b[2Ka sentence\n" in text
    assert text.endswith("\r\x1b[2K")


def test_a_pipe_sees_sentences_alone() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.watch(lambda: "resolving")
        progress.talk("a sentence")
    assert stream.getvalue() == "a sentence\n"


def test_work_that_fails_leaves_no_status_behind() -> None:
    stream = Terminal()
    try:
        with Progress(stream) as progress:
            progress.watch(lambda: "resolving")
            raise RuntimeError
    except RuntimeError:
        pass
    assert stream.getvalue().endswith("\r\x1b[2K")
