"""The cache keeps what it is given, and never fails."""

from __future__ import annotations

import gzip
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from envfit.index.cache import Cache, CachedMetadata, CachedPage, default_cache_dir

BODY = b"a\nb\n"
PAGE = CachedPage(
    url="https://x.test/simple/a/",
    content_type="text/html",
    encoding="",
    sha256=hashlib.sha256(BODY).hexdigest(),
    fetched=1.5,
    max_age=60,
    etag='"e"',
)


def files(cache: Cache) -> list[Path]:
    cache.flush()
    return [file for file in cache.directory.rglob("*") if file.is_file()]


def test_round_trip(cache: Cache) -> None:
    cache.store_page("key", PAGE, BODY)
    assert cache.page("key") == PAGE
    assert cache.body("key", PAGE) == BODY
    assert cache.page("other") is None
    metadata = CachedMetadata(body=b"Name: a\n", source="a file")
    cache.store_metadata("key", metadata)
    assert cache.metadata("key") == metadata
    record = ("text", 1, None, [("a", 2.5)], {"x": True})
    cache.store_record("key", record)
    assert cache.record("key") == record
    assert cache.record("other") is None


def test_a_body_is_kept_as_it_came(cache: Cache) -> None:
    packed = gzip.compress(BODY)
    page = replace(PAGE, encoding="gzip", sha256=hashlib.sha256(packed).hexdigest())
    cache.store_page("key", page, packed)
    assert cache.body("key", page) == BODY
    assert packed in [file.read_bytes() for file in files(cache)]


def test_what_is_known_of_a_page_is_renewed_without_its_body(cache: Cache) -> None:
    cache.store_page("key", PAGE, BODY)
    later = replace(PAGE, fetched=100.0)
    cache.store_page("key", later, None)
    assert cache.page("key") == later
    assert cache.body("key", later) == BODY
    cache.store_page("key", PAGE, b"another")
    assert cache.body("key", later) is None


def test_freshness() -> None:
    assert PAGE.is_fresh(60)
    assert not PAGE.is_fresh(62)
    assert not PAGE.is_fresh(0)  # the clock was set back


def test_damaged_entries_count_as_absent(cache: Cache) -> None:
    cache.store_page("key", PAGE, BODY)
    (path,) = (file for file in files(cache) if "pages" in str(file))
    written = path.read_bytes()
    for damage in (b"", b"no record\nbody", b"{}\nbody", written[:-1], b"[]\n", written + b"x"):
        path.write_bytes(damage)
        assert cache.page("key") is None
    cache.store_page("key", PAGE, BODY)
    assert cache.page("key") == PAGE
    cache.flush()
    (body,) = (file for file in files(cache) if "bodies" in str(file))
    body.write_bytes(b"another")
    assert cache.body("key", PAGE) is None
    body.unlink()
    assert cache.body("key", PAGE) is None


def test_no_leftovers(cache: Cache) -> None:
    for _ in range(3):
        cache.store_page("key", PAGE, BODY)
    assert len(files(cache)) == 2


def test_a_directory_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    notes: list[str] = []
    cache = Cache(tmp_path / "file" / "cache", notify=notes.append)
    for key in "ab":
        cache.store_page(key, PAGE, BODY)
        cache.flush()
        assert cache.page(key) is None
    sdist = tmp_path / "demo-1.0.tar.gz"
    sdist.write_bytes(b"x")
    assert cache.store_sdist("key", sdist) == sdist
    assert len(notes) == 1
    assert "working without a cache" in notes[0]


def test_default_directory() -> None:
    home = Path("/home/me")
    assert default_cache_dir({}, home=home) == Path("/home/me/.cache/envfit")
    assert default_cache_dir({"XDG_CACHE_HOME": "/c"}, home=home) == Path("/c/envfit")
    assert default_cache_dir({"XDG_CACHE_HOME": "/c", "ENVFIT_CACHE_DIR": "/e"}, home=home) == Path("/e")


def test_what_the_writing_thread_was_not_told_of_is_written_all_the_same(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt may come between storing something and saying so; whoever waits would wait for ever."""
    cache.store_record("first", 1)
    cache.flush()
    monkeypatch.setattr(cache._change, "notify_all", lambda: None)
    cache.store_record("second", 2)
    waiting = threading.Thread(target=cache.flush, daemon=True)
    waiting.start()
    waiting.join(5)
    assert not waiting.is_alive()
    assert Cache(cache.directory).record("second") == 2
