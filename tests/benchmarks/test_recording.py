import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from distlib.index import DEFAULT_INDEX

from benchmarks.recording import PartialFile, Recording, RecordingError
from benchmarks.simple_page import as_html, dumped, recorded, with_addresses, with_hashes, without_sidecars
from benchmarks.worlds import read_worlds

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 4


@pytest.mark.parametrize(
    "parts",
    [
        [(0, 1024)],
        [(0, 100), (100, 1024)],
        [(500, 600), (0, 100), (50, 550), (590, 1024)],
        [(100, 200), (300, 400), (0, 1024)],
        [(0, 1024), (100, 200)],
        [(200, 300), (100, 1024), (0, 150)],
    ],
)
def test_parts_become_one_file(parts):
    file = PartialFile(size=len(CONTENT))
    for start, stop in parts:
        file.add(start, CONTENT[start:stop])
    assert file.parts == [(0, CONTENT)]
    assert file.read(10, 900) == CONTENT[10:900]


def test_bytes_that_are_not_known_are_not_made_up():
    file = PartialFile(size=1024)
    file.add(0, CONTENT[:100])
    file.add(900, CONTENT[900:])
    assert file.read(50, 100) == CONTENT[50:100]
    assert file.read(50, 101) is None
    assert file.read(0, 1024) is None
    assert file.known == 224


def a_recording():
    recording = Recording(world="tiny", date="2026-01-01", requirements=("alpha",), absent={"missing"})
    recording.pages["alpha"] = b'{"files": []}'
    recording.metadata["alpha-1-py3-none-any.whl"] = b"Name: alpha\n"
    recording.files["alpha-1-py3-none-any.whl"] = PartialFile(size=1024, parts=[(1000, CONTENT[1000:])])
    return recording


def test_a_recording_comes_back(tmp_path):
    a_recording().save(tmp_path / "tiny")
    assert Recording.load(tmp_path / "tiny") == a_recording()


def test_the_same_recording_has_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        a_recording().save(tmp_path / name)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two


def test_a_changed_file_is_found(tmp_path):
    a_recording().save(tmp_path / "tiny")
    (tmp_path / "tiny/files/alpha-1-py3-none-any.whl").write_bytes(b"other")
    with pytest.raises(RecordingError, match="has changed"):
        Recording.load(tmp_path / "tiny")


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(RecordingError, match="no recording"):
        Recording.load(tmp_path / "nothing")


def file_of(filename, day, **more):
    return {
        "filename": filename,
        "url": f"https://files.test/packages/aa/bb/{filename}",
        "hashes": {"sha256": "0" * 64},
        "size": 10,
        "upload-time": f"{day}T10:00:00Z",
        "yanked": False,
        **more,
    }


def test_a_page_is_that_of_its_date():
    document = {
        "name": "alpha",
        "versions": ["1.0", "2.0"],
        "files": [
            file_of("alpha-1.0-py3-none-any.whl", "2025-12-31"),
            file_of("alpha-1.0.tar.gz", "2025-12-31"),
            file_of("alpha-2.0-py3-none-any.whl", "2026-01-01"),
        ],
    }
    page = recorded(document, date="2026-01-01")
    assert page["versions"] == ["1.0"]
    assert [file["url"] for file in page["files"]] == [
        "/packages/aa/bb/alpha-1.0-py3-none-any.whl",
        "/packages/aa/bb/alpha-1.0.tar.gz",
    ]
    assert [file.get("core-metadata") for file in page["files"]] == [True, None]


def test_an_index_without_upload_times_is_refused():
    file = file_of("alpha-1.0.tar.gz", "2025-12-31")
    del file["upload-time"]
    with pytest.raises(ValueError, match="uploaded"):
        recorded({"name": "alpha", "files": [file]}, date="2026-01-01")


def test_the_forms_of_a_page():
    wheel = file_of(
        "alpha-1.0-py3-none-any.whl", "2025-12-31", **{"requires-python": ">=3.8", "yanked": "bad <b>"}
    )
    page = dumped(recorded({"name": "alpha", "files": [wheel]}, date="2026-01-01"))
    hashed = with_hashes(page, {"alpha-1.0-py3-none-any.whl": b"Name: alpha\n"})
    (file,) = json.loads(with_addresses(hashed, "http://127.0.0.1:1"))["files"]
    assert file["url"] == "http://127.0.0.1:1/packages/aa/bb/alpha-1.0-py3-none-any.whl"
    digest = file["core-metadata"]["sha256"]
    assert digest == hashlib.sha256(b"Name: alpha\n").hexdigest()
    html = as_html(hashed).decode()
    assert f'data-core-metadata="sha256={digest}"' in html
    assert 'data-requires-python="&gt;=3.8"' in html
    assert 'data-yanked="bad &lt;b&gt;"' in html
    assert "core-metadata" not in as_html(without_sidecars(hashed)).decode()


def test_the_world_in_git_is_whole_and_names_no_index():
    recording = Recording.load(ROOT / "benchmarks" / "recordings" / "small")
    assert recording.requirements == read_worlds()["small"].requirements
    assert recording.date == read_worlds()["small"].date
    host = urlsplit(DEFAULT_INDEX).netloc.encode()
    assert not any(host in text for text in (*recording.pages.values(), *recording.metadata.values()))
    for page in recording.pages.values():
        assert all(file["url"].startswith("/") for file in json.loads(page)["files"])
