"""Project pages: both formats, freshness, and pages that are none."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Listing, Sdist, Wheel
from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.metadata import MetadataReader
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex, parse_listing
from tests.loopback import Index, make_sdist, make_wheel

PAGE = "https://x.test/simple/torch/"
JSON = "application/vnd.pypi.simple.v1+json"


def parse(body: str, content_type: str = "text/html", name: str = "torch") -> Listing:
    return parse_listing(
        body.encode(), content_type=content_type, url=PAGE, name=name, index="https://x.test/simple/"
    )


def parse_file(**file: object) -> Listing:
    file = {"filename": "torch-1.0-py3-none-any.whl", "url": "f.whl", "hashes": {}, **file}
    return parse(json.dumps({"meta": {"api-version": "1.1"}, "files": [file]}), JSON)


@pytest.mark.parametrize("as_json", [True, False])
def test_both_formats_say_the_same(index: Index, session: Session, cache: Cache, as_json: bool) -> None:
    make_wheel(index.directory, "Demo.Pkg", "1.0+cu126", requires_python=">=3.9,<4", build="3")
    make_sdist(index.directory, "Demo.Pkg", "0.9")
    (index.directory / "demo_pkg-0.1-py3.8.egg").write_bytes(b"")
    index.yanked["demo_pkg-0.9.tar.gz"] = "broken"
    index.json = as_json
    listing = SimpleIndex(index.url, session=session, cache=cache).listing("demo.PKG")
    assert listing is not None
    sdist, wheel = listing.distributions
    assert isinstance(wheel, Wheel)
    assert isinstance(sdist, Sdist)
    assert (wheel.name, wheel.version, wheel.build_tag) == ("demo-pkg", Version("1.0+cu126"), (3, ""))
    assert wheel.requires_python == SpecifierSet(">=3.9,<4")
    assert wheel.url == f"{index.root}/files/demo_pkg-1.0%2Bcu126-3-py3-none-any.whl"
    assert wheel.index == listing.index == index.url
    assert wheel.sha256
    assert wheel.metadata_sha256
    assert (sdist.yanked, wheel.yanked) == ("broken", None)
    assert listing.skipped == ("demo_pkg-0.1-py3.8.egg",)
    if as_json:
        assert wheel.upload_time == datetime(2026, 1, 1, tzinfo=timezone.utc)
        assert wheel.size == (index.directory / wheel.filename).stat().st_size


def test_a_name_that_is_not_there(index: Index, session: Session, cache: Cache) -> None:
    assert SimpleIndex(index.url, session=session, cache=cache).listing("none") is None


def test_a_page_without_sizes_and_upload_times(index: Index, session: Session, cache: Cache) -> None:
    wheel = make_wheel(index.directory, "demo", "1.0")
    index.sizes = False
    listing = SimpleIndex(index.url, session=session, cache=cache).listing("demo")
    assert listing is not None
    (found,) = listing.distributions
    assert (found.filename, found.size, found.upload_time) == (wheel.name, None, None)


def test_links_are_relative_to_where_a_redirect_led(
    index: Index, session: Session, cache: Cache, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "store", "demo", "1.0")
    with Index(wheel.parent) as store:
        store.pages["deep/simple"] = wheel.parent
        index.redirects["/simple/"] = f"{store.root}/deep/simple/"
        simple = SimpleIndex(index.url, session=session, cache=cache)
        for _ in range(2):  # the second time from the cache
            listing = simple.listing("demo")
            assert listing is not None
            (found,) = listing.distributions
            assert (found.url, found.index) == (f"{store.root}/files/{wheel.name}", index.url)
    assert len(index.log) == 1


def test_html_in_the_wild() -> None:
    listing = parse(
        '<html><head><base href="https://files.test/whl/"></head><body>'
        '<a href="cu126/torch-2.10.0%2Bcu126-3-cp310-cp310-manylinux_2_28_x86_64.whl#sha256='
        + "A"
        * 64
        + '" data-dist-info-metadata="true" data-requires-python="&gt;=3.10">x</a>'
        '<a href="torch-1.0.tar.bz2">old</a><a href="/whl/torchvision-1.0.tar.gz">other</a>'
        '<a href="torch-2.0-py3-none-any.whl" data-yanked>y</a><a>no link</a>'
    )
    wheel, yanked = listing.distributions
    assert isinstance(wheel, Wheel)
    assert (
        wheel.url
        == "https://files.test/whl/cu126/torch-2.10.0%2Bcu126-3-cp310-cp310-manylinux_2_28_x86_64.whl"
    )
    assert wheel.filename == "torch-2.10.0+cu126-3-cp310-cp310-manylinux_2_28_x86_64.whl"
    assert (wheel.build_tag, wheel.sha256, wheel.metadata_sha256) == ((3, ""), "a" * 64, "")
    assert wheel.requires_python == SpecifierSet(">=3.10")
    assert yanked.yanked == ""
    assert listing.skipped == ("torch-1.0.tar.bz2", "torchvision-1.0.tar.gz")


def test_json_details() -> None:
    (file,) = parse_file(**{"core-metadata": {"sha256": "b" * 64}}).distributions
    assert file.metadata_sha256 == "b" * 64
    assert file.url == f"{PAGE}f.whl"
    (file,) = parse_file(**{"dist-info-metadata": True}).distributions
    assert file.metadata_sha256 == ""
    (file,) = parse_file(**{"core-metadata": False, "yanked": True}).distributions
    assert (file.metadata_sha256, file.yanked) == (None, "")
    (file,) = parse_file(**{"requires-python": ">=3.6.*,<x", "yanked": False}).distributions
    assert (file.requires_python, file.yanked) == (None, None)
    for text in ("2026-01-02T03:04:05.6Z", "2026-01-02T05:04:05.600000+02:00"):
        (file,) = parse_file(**{"upload-time": text}).distributions
        assert file.upload_time == datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=timezone.utc)
    (file,) = parse_file(**{"upload-time": "yesterday"}).distributions
    assert file.upload_time is None


@pytest.mark.parametrize(
    "filename",
    [
        "torch-1.0.exe",
        "torch-x-py3-none-any.whl",
        "torch-1.0-none-any.whl",
        "pytorch-1.0.zip",
        "torch-1.0.tgz",
    ],
)
def test_files_that_nobody_can_install_are_named(filename: str) -> None:
    listing = parse_file(filename=filename)
    assert (listing.distributions, listing.skipped) == ((), (filename,))


def test_project_status(index: Index, session: Session, cache: Cache) -> None:
    index.project_status["bad"] = ("quarantined", "malware")
    listing = SimpleIndex(index.url, session=session, cache=cache).listing("bad")
    assert listing is not None
    assert (listing.status, listing.status_reason) == ("quarantined", "malware")
    assert parse('<meta name="pypi:project-status" content="archived">Links for x').status == "archived"
    assert parse('<meta name="pypi:project-status" content="active">Links for x').status is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html><body><form>Please log in</form><a href='/help'>Help</a></body></html>", "text/html"),
        ("", "text/html"),
        ('{"files": [', JSON),
        ('{"message": "hello"}', "application/json"),
        ('{"meta": {"api-version": "2.0"}, "files": []}', JSON),
        ('{"files": ["x"]}', JSON),
        ('{"files": [{"filename": "x"}]}', JSON),
        ("[]", JSON),
        ("torch-1.0.tar.gz", "text/plain"),
        ("torch-1.0.tar.gz", ""),
    ],
)
def test_a_page_that_is_none(body: str, content_type: str) -> None:
    with pytest.raises(SourceError, match="answered something that is not an index page"):
        parse(body, content_type)


def test_garbage_is_not_kept(index: Index, session: Session, cache: Cache) -> None:
    make_wheel(index.directory, "demo", "1.0")
    simple = SimpleIndex(index.url, session=session, cache=cache)
    index.garbage = b"<html>Welcome to our hotel</html>"
    with pytest.raises(SourceError):
        simple.listing("demo")
    index.garbage = None
    assert simple.listing("demo") is not None


def test_a_fresh_page_is_used_without_asking(index: Index, session: Session, cache: Cache) -> None:
    make_wheel(index.directory, "demo", "1.0")
    simple = SimpleIndex(index.url, session=session, cache=cache)
    assert simple.listing("demo") == simple.listing("demo")
    assert len(index.log) == 1


def test_an_old_page_is_asked_for_with_its_validator(index: Index, session: Session, cache: Cache) -> None:
    make_wheel(index.directory, "demo", "1.0")
    index.etag, index.cache_control = True, "max-age=0"
    simple = SimpleIndex(index.url, session=session, cache=cache)
    assert simple.listing("demo") == simple.listing("demo")
    assert [request.status for request in index.log] == [200, 304]
    make_wheel(index.directory, "demo", "2.0")
    listing = simple.listing("demo")
    assert listing is not None
    assert len(listing.distributions) == 2


def test_no_store_is_respected(index: Index, session: Session, cache: Cache) -> None:
    make_wheel(index.directory, "demo", "1.0")
    index.cache_control = "no-store"
    SimpleIndex(index.url, session=session, cache=cache).listing("demo")
    assert not cache.directory.exists()


def test_offline_uses_what_is_there_at_any_age(index: Index, session: Session, cache: Cache) -> None:
    make_wheel(index.directory, "demo", "1.0")
    index.cache_control = "max-age=0"
    online = SimpleIndex(index.url, session=session, cache=cache)
    listing = online.listing("demo")
    assert online.listing("none") is None
    with Session({}, offline=True) as cut_off:
        offline = SimpleIndex(index.url, session=cut_off, cache=cache)
        assert offline.listing("demo") == listing
        assert offline.listing("none") is None
        with pytest.raises(SourceError, match=r"offline, and .*/other/ is not in the cache"):
            offline.listing("other")
    assert len(index.log) == 2


def test_an_index_on_a_disk(tmp_path: Path, session: Session, cache: Cache) -> None:
    wheel = make_wheel(tmp_path / "files", "demo", "1.0")
    (tmp_path / "simple" / "demo").mkdir(parents=True)
    page = tmp_path / "simple" / "demo" / "index.html"
    page.write_text(f'<a href="../../files/{wheel.name}">{wheel.name}</a>')
    simple = SimpleIndex((tmp_path / "simple").as_uri(), session=session, cache=cache)
    listing = simple.listing("demo")
    assert listing is not None
    assert [distribution.url for distribution in listing.distributions] == [wheel.as_uri()]
    assert MetadataReader(session, cache).read(listing.distributions[0]).name == "demo"
    assert simple.listing("other") is None
    assert not cache.directory.exists()


def test_an_absent_name_is_asked_for_again(index: Index, session: Session, cache: Cache) -> None:
    simple = SimpleIndex(index.url, session=session, cache=cache)
    assert simple.listing("demo") is None
    make_wheel(index.directory, "demo", "1.0")
    assert simple.listing("demo") is not None
