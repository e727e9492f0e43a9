import json
import zipfile

import pytest

from benchmarks.answers import Answers, Request
from benchmarks.recording import Recording
from benchmarks.upstream import Upstream
from tests.loopback import Index, make_sdist, make_wheel


@pytest.fixture
def index(tmp_path, monkeypatch):
    with Index(tmp_path / "index") as served:
        make_wheel(served.directory, "alpha", "1.0", requires=["beta"])
        make_wheel(served.directory, "alpha", "2.0", requires=["beta"])
        make_wheel(served.directory, "beta", "1.0")
        make_sdist(served.directory, "beta", "1.0")
        served.upload_times["alpha-2.0-py3-none-any.whl"] = "2026-02-01T00:00:00Z"
        monkeypatch.setenv("UV_INDEX_URL", served.url)
        yield served


@pytest.fixture
def recording():
    return Recording(world="tiny", date="2026-01-15")


def path_of(recording, name, filename):
    files = json.loads(recording.pages[name])["files"]
    return next(file["url"] for file in files if file["filename"] == filename)


def ask(upstream, path, method=b"GET", **headers):
    upstream.obtain(Request(method, path, {name.encode(): value.encode() for name, value in headers.items()}))


def test_pages_and_metadata_are_recorded_as_of_the_date(index, recording):
    upstream = Upstream(recording)
    for path in ("/simple/alpha/", "/simple/missing/", "/packages/x/alpha-1.0-py3-none-any.whl.metadata"):
        ask(upstream, path)
    assert [file["filename"] for file in json.loads(recording.pages["alpha"])["files"]] == [
        "alpha-1.0-py3-none-any.whl"
    ]
    assert recording.absent == {"missing"}
    with zipfile.ZipFile(index.directory / "alpha-1.0-py3-none-any.whl") as wheel:
        assert recording.metadata == {
            "alpha-1.0-py3-none-any.whl": wheel.read("alpha-1.0.dist-info/METADATA")
        }


def test_no_host_is_recorded(index, recording, tmp_path):
    upstream = Upstream(recording)
    ask(upstream, "/simple/alpha/")
    recording.save(tmp_path / "recording")
    host = index.root.removeprefix("http://").encode()
    assert host not in b"".join(recording.pages.values())
    assert path_of(recording, "alpha", "alpha-1.0-py3-none-any.whl").startswith("/")


def test_parts_and_whole_files_are_recorded(index, recording):
    upstream = Upstream(recording)
    ask(upstream, "/simple/beta/")
    wheel = (index.directory / "beta-1.0-py3-none-any.whl").read_bytes()
    sdist = (index.directory / "beta-1.0.tar.gz").read_bytes()
    ask(upstream, "/x/beta-1.0-py3-none-any.whl", range="bytes=-10")
    ask(upstream, "/x/beta-1.0.tar.gz")
    assert recording.files["beta-1.0-py3-none-any.whl"].read(len(wheel) - 10, len(wheel)) == wheel[-10:]
    assert recording.files["beta-1.0.tar.gz"].read(0, len(sdist)) == sdist


def test_what_is_asked_twice_is_fetched_once(index, recording):
    upstream = Upstream(recording)
    for _ in range(2):
        ask(upstream, "/simple/alpha/")
        ask(upstream, "/x/alpha-1.0-py3-none-any.whl.metadata")
    assert len(index.requests_for("/simple/alpha/")) == 1
    assert len(index.requests_for("alpha-1.0-py3-none-any.whl")) == 1


def test_the_newest_releases_are_read_without_being_asked_for(index, recording):
    upstream = Upstream(recording)
    ask(upstream, "/simple/alpha/")
    upstream.deepen(python="3.11", glibc="2.28", releases=4)
    assert list(recording.metadata) == ["alpha-1.0-py3-none-any.whl"]


def test_a_recording_is_replayed_as_the_index_was(index, recording):
    upstream = Upstream(recording)
    answers = Answers(recording=recording, root="http://127.0.0.1:1")
    for path in ("/simple/beta/", "/packages/x/beta-1.0-py3-none-any.whl.metadata"):
        ask(upstream, path)
        assert answers.answer(Request(b"GET", path, {})).head.startswith(b"HTTP/1.1 200 OK")
    assert answers.missed == []
