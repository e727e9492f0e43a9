"""Reading inside remote files, from servers with and without ranges."""

from __future__ import annotations

import hashlib
import random
import zipfile
from pathlib import Path

import pytest

from envfit.errors import SourceError
from envfit.index import download
from envfit.index.archive import RemoteFile
from envfit.index.session import Session
from tests.loopback import Index, make_wheel

MARKER = b"sm_90a-is-here"


@pytest.fixture(scope="module")
def big_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of 12 MB whose largest member carries a marker after 3 MB."""
    library = bytearray(random.Random(0).randbytes(12 << 20))
    library[3 << 20 : (3 << 20) + len(MARKER)] = MARKER
    return make_wheel(tmp_path_factory.mktemp("big"), "big", "1.0", files={"big/lib.so": bytes(library)})


def serve(index: Index, wheel: Path) -> str:
    (index.directory / wheel.name).write_bytes(wheel.read_bytes())
    return f"{index.root}/files/{wheel.name}"


def test_metadata_of_a_wheel_takes_one_request(index: Index, session: Session, big_wheel: Path) -> None:
    with RemoteFile(session, serve(index, big_wheel)) as file, zipfile.ZipFile(file) as archive:
        assert b"Name: big" in archive.read("big-1.0.dist-info/METADATA")
        assert file.size == big_wheel.stat().st_size
    assert [request.range for request in index.log] == ["bytes=-65536"]
    assert session.bytes_received == 65536


def test_the_beginning_of_a_large_member_is_read_in_growing_pieces(
    index: Index, session: Session, big_wheel: Path
) -> None:
    seen = b""
    with (
        RemoteFile(session, serve(index, big_wheel)) as file,
        zipfile.ZipFile(file) as archive,
        archive.open("big/lib.so") as member,
    ):
        while MARKER not in seen:
            piece = member.read(1 << 16)
            assert piece
            seen = seen[-len(MARKER) :] + piece
    assert 3 << 20 < session.bytes_received < 5 << 20
    assert session.requests_made <= 8
    assert max(request.sent for request in index.log) == 1 << 20


def test_every_byte_is_right(index: Index, session: Session, big_wheel: Path) -> None:
    with RemoteFile(session, serve(index, big_wheel)) as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(big_wheel.read_bytes()).digest()
        chance = random.Random(1)
        data = big_wheel.read_bytes()
        for _ in range(30):
            start, length = chance.randrange(len(data)), chance.randrange(100_000)
            file.seek(start)
            assert file.read(length) == data[start : start + length]
        assert file.read(0) == b""
        file.seek(0, 2)
        assert file.read(10) == b""


def test_a_server_without_suffix_ranges(index: Index, session: Session, big_wheel: Path) -> None:
    index.suffix_ranges = False
    with RemoteFile(session, serve(index, big_wheel)) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("big-1.0.dist-info/METADATA")
    assert [request.method for request in index.log] == ["GET", "HEAD", "GET"]
    assert session.bytes_received == 65536


def test_a_server_without_ranges(index: Index, session: Session, big_wheel: Path) -> None:
    index.ranges = False
    with RemoteFile(session, serve(index, big_wheel)) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("big-1.0.dist-info/METADATA")
        assert archive.testzip() is None
    assert len(index.log) == 1


def test_a_server_without_suffix_ranges_and_head(index: Index, session: Session, big_wheel: Path) -> None:
    index.suffix_ranges = index.head = False
    with RemoteFile(session, serve(index, big_wheel)) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("big-1.0.dist-info/METADATA")
    assert [request.method for request in index.log] == ["GET", "HEAD", "GET"]


def test_a_large_download_is_announced(
    index: Index, session: Session, big_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGE", 1_000_000)
    index.ranges = False
    said: list[str] = []
    RemoteFile(session, serve(index, big_wheel), notify=said.append).close()
    assert said == ["downloading big-1.0-py3-none-any.whl (13 MB) to read its metadata"]


def test_a_whole_download_is_checked_against_its_hash(
    index: Index, session: Session, big_wheel: Path
) -> None:
    index.ranges = False
    with pytest.raises(SourceError, match="is not the file of its hash"):
        RemoteFile(session, serve(index, big_wheel), sha256="0" * 64)


def test_a_piece_that_breaks_off_is_asked_for_again(index: Index, session: Session, big_wheel: Path) -> None:
    url = serve(index, big_wheel)
    index.break_off[f"/files/{big_wheel.name}"] = 2
    with RemoteFile(session, url) as file:
        assert file.read(4) == b"PK\x03\x04"


def test_a_file_that_changes_while_it_is_read(index: Index, session: Session, big_wheel: Path) -> None:
    with RemoteFile(session, serve(index, big_wheel)) as file:
        (index.directory / big_wheel.name).write_bytes(b"x" * 100_000)
        with pytest.raises(SourceError, match="may have changed"):
            file.read(10)


def test_a_file_that_is_gone(index: Index, session: Session) -> None:
    with pytest.raises(SourceError, match="listed by its index but is not there"):
        RemoteFile(session, f"{index.root}/files/none.whl")


def test_a_file_of_this_machine(session: Session, big_wheel: Path) -> None:
    with RemoteFile(session, big_wheel.as_uri()) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("big-1.0.dist-info/METADATA")
    with pytest.raises(SourceError, match="cannot be read"):
        RemoteFile(session, f"{big_wheel.as_uri()}.none")
