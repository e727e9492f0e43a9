import gzip
import json

import pytest

from benchmarks.answers import Answers, parse_request
from benchmarks.recording import PartialFile, Recording
from benchmarks.simple_page import as_html
from benchmarks.synthetic import synthetic_recording

ROOT = "http://127.0.0.1:1"
JSON = "application/vnd.pypi.simple.v1+json"
PIP = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
WHEEL = "package0001-1.0-py3-none-any.whl"
CONTENT = bytes(range(256)) * 4


@pytest.fixture
def recording():
    recording = synthetic_recording(3)
    recording.absent.add("missing")
    recording.files[WHEEL] = PartialFile(size=1024, parts=[(0, CONTENT)])
    recording.files["big-1.0.tar.gz"] = PartialFile(size=1024, parts=[(1000, CONTENT[1000:])])
    return recording


def ask(answers, path, method="GET", **headers):
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    answer = answers.answer(parse_request("\r\n".join(lines).encode()))
    status, *rest = answer.head.decode().rstrip("\r\n").split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in rest), answer.body


def test_a_page_as_a_real_index_answers(recording):
    status, headers, body = ask(
        Answers(recording=recording, root=ROOT),
        "/simple/package0001/",
        Accept=PIP,
        Accept_Encoding="gzip, br",
    )
    assert status == 200
    assert headers["Content-Type"] == JSON
    assert headers["Cache-Control"] == "max-age=600, public"
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(body)
    page = json.loads(gzip.decompress(body))
    assert page["files"][0]["url"].startswith(f"{ROOT}/packages/")
    assert page["files"][0]["core-metadata"]["sha256"]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (PIP, "json"),
        (JSON, "json"),
        (f"{JSON};q=0.9, text/html;q=0.8", "json"),
        (f"{JSON};q=0.1, text/html", "html"),
        ("text/html", "html"),
        ("*/*", "html"),
        ("", "html"),
        (f"{JSON};q=0", "html"),
    ],
)
def test_the_form_is_what_is_asked_for(recording, accept, form):
    _, headers, body = ask(Answers(recording=recording, root=ROOT), "/simple/package0001/", Accept=accept)
    assert headers["Content-Type"] == (JSON if form == "json" else "text/html; charset=utf-8")
    assert body.startswith(b"{" if form == "json" else b"<!DOCTYPE html>")


def test_what_is_known_is_not_sent_again(recording):
    answers = Answers(recording=recording, root=ROOT)
    _, headers, _ = ask(answers, "/simple/package0001/", Accept=JSON)
    status, again, body = ask(answers, "/simple/package0001/", Accept=JSON, If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")
    assert again["ETag"] == headers["ETag"]
    assert again["Cache-Control"] == "max-age=600, public"
    assert "Content-Length" not in again
    assert ask(answers, "/simple/package0001/", Accept=JSON, If_None_Match='"other"')[0] == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=1000-9999", 1000, 1024),
    ],
)
def test_a_part_of_a_file(recording, asked, start, stop):
    status, headers, body = ask(Answers(recording=recording, root=ROOT), f"/packages/x/{WHEEL}", Range=asked)
    assert (status, body) == (206, CONTENT[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


def test_a_part_beyond_the_end(recording):
    status, headers, _ = ask(
        Answers(recording=recording, root=ROOT), f"/packages/x/{WHEEL}", Range="bytes=1024-"
    )
    assert status == 416
    assert headers["Content-Range"] == "bytes */1024"


def test_a_whole_file_and_its_head(recording):
    answers = Answers(recording=recording, root=ROOT)
    status, headers, body = ask(answers, f"/packages/x/{WHEEL}")
    assert (status, body, headers["Accept-Ranges"]) == (200, CONTENT, "bytes")
    status, headers, body = ask(answers, "/packages/x/big-1.0.tar.gz", method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "1024")
    assert answers.missed == []


def test_what_is_not_recorded_is_told(recording):
    answers = Answers(recording=recording, root=ROOT)
    assert ask(answers, "/simple/missing/")[0] == 404
    assert answers.missed == []
    assert ask(answers, "/simple/stranger/")[0] == 404
    assert ask(answers, "/packages/x/big-1.0.tar.gz")[0] == 404
    assert ask(answers, "/packages/x/big-1.0.tar.gz", Range="bytes=0-9")[0] == 404
    assert ask(answers, "/packages/x/other-1.0-py3-none-any.whl.metadata")[0] == 404
    assert answers.missed == [
        "/simple/stranger/",
        "big-1.0.tar.gz",
        "big-1.0.tar.gz bytes 0-9",
        "other-1.0-py3-none-any.whl.metadata",
    ]


def test_metadata_is_kept_for_ever(recording):
    status, headers, body = ask(Answers(recording=recording, root=ROOT), f"/packages/x/{WHEEL}.metadata")
    assert (status, body) == (200, recording.metadata[WHEEL])
    assert "immutable" in headers["Cache-Control"]


def test_without_metadata(recording):
    answers = Answers(recording=recording, root=ROOT, sidecars=False)
    assert b"core-metadata" not in ask(answers, "/simple/package0001/", Accept=JSON)[2]
    assert ask(answers, f"/packages/x/{WHEEL}.metadata")[0] == 404
    assert ask(answers, f"/packages/x/{WHEEL}", Range="bytes=-9")[0] == 206


def test_a_mirror_has_html_and_whole_files(recording):
    answers = Answers(recording=recording, root=ROOT, mirror=True)
    _, headers, body = ask(answers, "/simple/package0001/", Accept=JSON)
    assert headers["Content-Type"].startswith("text/html")
    assert b"core-metadata" not in body
    status, headers, body = ask(answers, f"/packages/x/{WHEEL}", Range="bytes=0-9")
    assert (status, body) == (200, CONTENT)
    assert "Accept-Ranges" not in headers
    assert ask(answers, f"/packages/x/{WHEEL}.metadata")[0] == 404


def test_a_name_that_is_not_normal_is_redirected(recording):
    answers = Answers(recording=recording, root=ROOT)
    for path in ("/simple/package0001", "/simple/Package0001/"):
        status, headers, _ = ask(answers, path)
        assert (status, headers["Location"]) == (301, "/simple/package0001/")


def test_requests_are_counted_and_forgotten(recording):
    answers = Answers(recording=recording, root=ROOT)
    sent = len(ask(answers, "/simple/package0001/", Accept=JSON)[2])
    ask(answers, "/simple/stranger/")
    counts = json.loads(ask(answers, "/-/counters")[2])
    assert (counts["requests"], counts["page"], counts["absent"], counts["missed"]) == (
        2,
        1,
        1,
        ["/simple/stranger/"],
    )
    assert counts["bytes"] > sent
    ask(answers, "/-/reset")
    assert json.loads(ask(answers, "/-/counters")[2]) == {"missed": []}


def test_no_other_method(recording):
    assert ask(Answers(recording=recording, root=ROOT), "/simple/package0001/", method="POST")[0] == 405


def test_an_empty_recording_has_nothing():
    answers = Answers(recording=Recording(world="none", date="2026-01-01"), root=ROOT)
    answers.build()
    assert ask(answers, "/")[0] == 404


def test_both_forms_list_the_same_files(recording):
    page = recording.pages["package0001"]
    assert as_html(page).count(b"<a ") == len(json.loads(page)["files"])
