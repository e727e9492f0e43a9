"""The cache keeps what it is given, and never fails."""

from __future__ import annotations

from pathlib import Path

from envfit.index.cache import Cache, CachedListing, CachedMetadata, default_cache_dir

LISTING = CachedListing(
    url="https://x.test/simple/a/",
    content_type="text/html",
    body=b"a\nb\n",
    fetched=1.5,
    max_age=60,
    etag='"e"',
)


def test_round_trip(cache: Cache) -> None:
    cache.store_listing("key", LISTING)
    assert cache.listing("key") == LISTING
    assert cache.listing("other") is None
    metadata = CachedMetadata(body=b"Name: a\n", source="a file")
    cache.store_metadata("key", metadata)
    assert cache.metadata("key") == metadata


def test_freshness() -> None:
    assert LISTING.is_fresh(60)
    assert not LISTING.is_fresh(62)
    assert not LISTING.is_fresh(0)  # the clock was set back


def test_damaged_entries_count_as_absent(cache: Cache) -> None:
    cache.store_listing("key", LISTING)
    (path,) = (file for file in cache.directory.rglob("*") if file.is_file())
    for damage in (b"", b"not json\nbody", b"{}\nbody", path.read_bytes()[:-1], b"[]\n"):
        path.write_bytes(damage)
        assert cache.listing("key") is None
    cache.store_listing("key", LISTING)
    assert cache.listing("key") == LISTING


def test_no_leftovers(cache: Cache) -> None:
    for _ in range(3):
        cache.store_listing("key", LISTING)
    assert len([file for file in cache.directory.rglob("*") if file.is_file()]) == 1


def test_a_directory_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    notes: list[str] = []
    cache = Cache(tmp_path / "file" / "cache", notify=notes.append)
    for key in "ab":
        cache.store_listing(key, LISTING)
        assert cache.listing(key) is None
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
