"""How far uv is, read from what it draws; and uv on a terminal of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envfit.errors import SourceError
from envfit.index.progress import Progress
from envfit.install import run_uv
from envfit.install.drawing import Drawing
from envfit.lock.file import write_lock
from tests.install.locks import entry_of, locked
from tests.loopback import Index, make_wheel

BAR = "\x1b[2m{:<20}\x1b[0m \x1b[32m-----\x1b[30m\x1b[2m-------------------------\x1b[0m\x1b[0m {}"
SPINNER = "\x1b[37m\N{BRAILLE PATTERN DOTS-124}\x1b[0m \x1b[2mPreparing packages...\x1b[0m ({})      "
REDRAW = "\x1b[1A\r\x1b[2K\x1b[1B\r\x1b[2K\x1b[1A"


def drawn(*frames: str) -> bytes:
    return "".join(f"{frame}{REDRAW}" for frame in frames).encode()


def test_bars_become_lines_and_a_total_and_sentences_stay() -> None:
    progress = Progress({"torch": 800_000_000})
    drawing = Drawing(progress)
    assert progress.status() == "preparing packages"
    said = drawing.feed(b"Using Python 3.12\r\n" + drawn(SPINNER.format("0/0"), SPINNER.format("0/3")))
    assert said == ["Using Python 3.12"]
    assert progress.status() == "preparing packages: 0 of 3"
    frame = SPINNER.format("1/3") + BAR.format("torch", "100.00 MiB/762.94 MiB") + "   "
    drawing.feed(drawn(frame + BAR.format("numpy", "1.00 MiB/10.00 MiB")))
    assert progress.status().splitlines() == [
        "downloading 105.9 of 810.5 MB, 1 of 3 packages",
        "  torch  104.9 of 800.0 MB",
        "  numpy  1.0 of 10.5 MB",
    ]
    # What is drawn no more has come whole.
    drawing.feed(drawn(SPINNER.format("2/3") + BAR.format("torch", "200.00 MiB/762.94 MiB")))
    assert progress.status().splitlines() == [
        "downloading 220.2 of 810.5 MB, 2 of 3 packages",
        "  torch  209.7 of 800.0 MB",
    ]
    bar = "\N{FULL BLOCK}" * 5 + "\N{LIGHT SHADE}" * 15 + " [1/3] numpy==2.0"
    assert drawing.feed(f"{bar}\x1b[0m\r\x1b[2K".encode()) == []
    assert progress.status() == "putting packages into the environment: 1 of 3"
    assert drawing.feed(b"Installed 3 packages in 17ms\r\n + numpy==2.0\r\nerr") == [
        "Installed 3 packages in 17ms",
        " + numpy==2.0",
    ]
    assert drawing.finish() == ["err"]


def test_what_is_drawn_may_come_in_any_pieces() -> None:
    frame = SPINNER.format("1/3") + BAR.format("numpy", "1.00 MiB/10.00 MiB")
    data = b"one\r\n" + drawn(frame, frame) + "zw\N{LATIN SMALL LETTER O WITH DIAERESIS}lf\r\n".encode()
    for size in (1, 2, 3, 7):
        progress = Progress()
        drawing = Drawing(progress)
        said = [line for at in range(0, len(data), size) for line in drawing.feed(data[at : at + size])]
        assert said == ["one", "zw\N{LATIN SMALL LETTER O WITH DIAERESIS}lf"]
        assert progress.status().startswith("downloading 1.0 of 10.5 MB")


def test_many_files_are_counted() -> None:
    progress = Progress()
    names = [f"p{number}" for number in range(12)]
    bars = "  ".join(BAR.format(name, "1.00 MiB/2.00 MiB") for name in names)
    Drawing(progress).feed(drawn(SPINNER.format("0/12") + bars))
    assert progress.status().splitlines()[-1] == "  and 4 more"
    assert len(progress.status().splitlines()) == 10


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with Index(tmp_path / "index") as index:
        index.piece, index.pause = 20_000, 0.03
        wheel = make_wheel(index.directory, "big", "1.0", files={"big.bin": os.urandom(300_000)})
        lock = locked(entry_of(wheel, f"{index.root}/files"), python=None)
        write_lock(lock, tmp_path / "pylock.toml")
        run_uv.create_venv(
            tmp_path / "env", "", interpreter=sys.executable, prompt="x", notify=lambda _: None
        )
        yield index, tmp_path


def test_uv_tells_how_far_it_is_on_a_terminal_of_its_own(served) -> None:
    _, folder = served
    progress, seen, said = Progress({"big": 300_000}), set(), []
    fetched = progress.fetched
    progress.fetched = lambda *words: (fetched(*words), seen.add(progress.status()))  # type: ignore[method-assign]
    python = folder / "env" / "bin" / "python"
    run_uv.sync(python, folder / "pylock.toml", progress=progress, notify=said.append)
    assert any("downloading 0." in status and "big" in status for status in seen), seen
    assert len(seen) > 3
    assert " + big==1.0" in said
    assert not any("\x1b" in line or "\r" in line for line in said)


def test_an_error_on_that_terminal_is_told_as_in_a_pipe(served) -> None:
    index, folder = served
    index.break_off["/files/big-1.0-py3-none-any.whl"] = 9
    told = []
    for progress in (None, Progress()):
        with pytest.raises(SourceError) as caught:
            python = folder / "env" / "bin" / "python"
            run_uv.sync(python, folder / "pylock.toml", progress=progress, notify=lambda _: None)
        told.append(caught.value.message)
    assert told[0] == told[1]
    assert "end of file before message length reached" in told[0]
