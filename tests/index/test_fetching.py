"""Files brought into a directory: resumed, checked, all errors told, nothing half done."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.distribution import Sdist
from envfit.errors import FileError, SourceError
from envfit.index import fetching
from envfit.index.fetching import fetch_files
from envfit.index.progress import Progress
from envfit.index.session import Session
from tests.loopback import Index

DATA = {name: os.urandom(8 << 16) for name in ("a-1.0.tar.gz", "b-1.0.tar.gz", "c-1.0.tar.gz")}


@pytest.fixture
def served(index: Index, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    monkeypatch.setattr(fetching, "_PAUSE", 0.01)
    for name, data in DATA.items():
        (index.directory / name).write_bytes(data)
    index.piece = 1 << 14
    return index


def file(index: Index, name: str, *, sha256: str | None = None, sized: bool = True) -> Sdist:
    return Sdist(
        name=name[0],
        version=Version("1.0"),
        filename=name,
        url=f"{index.root}/files/{name}",
        index=index.url,
        sha256=sha256 or hashlib.sha256(DATA[name]).hexdigest(),
        size=len(DATA[name]) if sized else None,
    )


def fetch(session: Session, files: list[Sdist], directory: Path, progress: Progress | None = None) -> int:
    directory.mkdir(exist_ok=True)
    return fetch_files(
        files, directory, session=session, addresses={}, progress=progress or Progress(noun="files")
    )


def test_all_come_and_are_right(served: Index, session: Session, tmp_path: Path) -> None:
    progress = Progress(noun="files")
    received = fetch(session, [file(served, name) for name in DATA], tmp_path / "house", progress)
    assert received == sum(map(len, DATA.values()))
    assert {path.name: path.read_bytes() for path in (tmp_path / "house").iterdir()} == DATA
    assert progress.status() == "downloading 1.6 of 1.6 MB, 3 of 3 files"


@pytest.mark.parametrize("sized", [True, False])
def test_what_breaks_off_goes_on_where_it_did(
    served: Index, session: Session, tmp_path: Path, sized: bool
) -> None:
    name = "a-1.0.tar.gz"
    served.break_off[f"/files/{name}"] = 3
    received = fetch(session, [file(served, name, sized=sized)], tmp_path / "house")
    assert (tmp_path / "house" / name).read_bytes() == DATA[name]
    asked = [request.range for request in served.requests_for(name)]
    assert asked == [None, "bytes=262144-", "bytes=393216-", "bytes=458752-"]
    assert received == len(DATA[name])  # nothing came twice


def test_a_later_run_asks_for_the_rest_alone(served: Index, session: Session, tmp_path: Path) -> None:
    name = "a-1.0.tar.gz"
    served.statuses[f"/files/{name}"] = 403
    house = tmp_path / "house"
    with pytest.raises(SourceError, match="answered 403"):
        fetch(session, [file(served, each) for each in DATA], house)
    assert sorted(path.name for path in house.iterdir()) == [f".{name}.part", "b-1.0.tar.gz", "c-1.0.tar.gz"]
    (house / f".{name}.part").write_bytes(DATA[name][:123_456])
    served.statuses.clear()
    served.log.clear()
    assert fetch(session, [file(served, name)], house) == len(DATA[name]) - 123_456
    assert [request.range for request in served.log] == ["bytes=123456-"]
    assert (house / name).read_bytes() == DATA[name]


def test_the_part_of_another_file_is_thrown_away(served: Index, session: Session, tmp_path: Path) -> None:
    name, house = "a-1.0.tar.gz", tmp_path / "house"
    house.mkdir()
    for left in (b"x" * 1000, b"x" * len(DATA[name]), b"x" * (len(DATA[name]) + 5)):
        (house / f".{name}.part").write_bytes(left)
        fetch(session, [file(served, name)], house)
        assert (house / name).read_bytes() == DATA[name]


def test_a_server_without_ranges_sends_it_anew(served: Index, session: Session, tmp_path: Path) -> None:
    name = "a-1.0.tar.gz"
    served.ranges = False
    served.break_off[f"/files/{name}"] = 2
    fetch(session, [file(served, name)], tmp_path / "house")
    assert (tmp_path / "house" / name).read_bytes() == DATA[name]


def test_a_file_that_never_gets_further_is_given_up_and_stays_to_be_resumed(
    served: Index, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a-1.0.tar.gz"
    served.ranges = False
    served.break_off[f"/files/{name}"] = 99
    with pytest.raises(SourceError, match="broke off"):
        fetch(session, [file(served, name)], tmp_path / "house")
    assert (tmp_path / "house" / f".{name}.part").stat().st_size == 4 << 16


def test_a_wrong_hash_is_told_and_nothing_of_it_stays(
    served: Index, session: Session, tmp_path: Path
) -> None:
    house = tmp_path / "house"
    with pytest.raises(SourceError, match="is not the file of the lock: its sha256 is") as caught:
        fetch(session, [file(served, "a-1.0.tar.gz", sha256="0" * 64), file(served, "b-1.0.tar.gz")], house)
    assert "0" * 64 in caught.value.message
    assert [path.name for path in house.iterdir()] == ["b-1.0.tar.gz"]


def test_every_file_that_did_not_come_is_named(served: Index, session: Session, tmp_path: Path) -> None:
    (served.directory / "a-1.0.tar.gz").unlink()
    served.statuses["/files/c-1.0.tar.gz"] = 403
    with pytest.raises(SourceError, match="2 of 3 files did not come") as caught:
        fetch(session, [file(served, name) for name in DATA], tmp_path / "house")
    assert list(caught.value.details) == ["a-1.0.tar.gz", "c-1.0.tar.gz"]
    assert "is not there" in caught.value.details["a-1.0.tar.gz"]
    assert any(".netrc" in hint for hint in caught.value.hints)


def test_a_place_that_cannot_be_written_is_named(served: Index, session: Session, tmp_path: Path) -> None:
    house = tmp_path / "house"
    (house / ".a-1.0.tar.gz.part").mkdir(parents=True)
    with pytest.raises(FileError, match=r"cannot write .*a-1\.0\.tar\.gz\.part"):
        fetch(session, [file(served, "a-1.0.tar.gz")], house)


def test_an_interrupt_does_not_wait_and_loses_nothing(
    served: Index, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a-1.0.tar.gz"
    served.pause = 0.04
    wait = fetching.wait

    def interrupted(*words, **options):
        monkeypatch.setattr(fetching, "wait", wait)
        time.sleep(0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "wait", interrupted)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch(session, [file(served, name)], tmp_path / "house")
    assert time.monotonic() - begun < 2
    for thread in threading.enumerate():
        if thread.name.startswith("envfit-fetch"):
            thread.join(5)
    part = tmp_path / "house" / f".{name}.part"
    assert 0 < part.stat().st_size < len(DATA[name])
    assert DATA[name].startswith(part.read_bytes())


@pytest.mark.parametrize("size", [100, 10_000_000])
def test_a_file_of_another_size_is_not_waited_for(
    served: Index, session: Session, tmp_path: Path, size: int
) -> None:
    wanted = replace(file(served, "a-1.0.tar.gz", sha256="0" * 64), size=size)
    for _ in range(2):
        with pytest.raises(SourceError, match="is not the file of the lock"):
            fetch(session, [wanted], tmp_path / "house")
        assert list((tmp_path / "house").iterdir()) == []
        (tmp_path / "house" / ".a-1.0.tar.gz.part").write_bytes(b"x" * (9 << 16))  # longer than it is
