"""Find-links: directories and pages beside the indexes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.configuration import IndexConfiguration
from envfit.index.find_links import FindLinks
from envfit.index.routing import Route
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from tests.loopback import Index, make_sdist, make_wheel

Open = Callable[..., PackageIndex]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    return directory


@pytest.fixture
def open_index(index: Index, cache: Cache) -> Iterator[Open]:
    opened = []

    def open_(*find_links: str, routes: Sequence[Route] = ()) -> PackageIndex:
        configuration = IndexConfiguration(default=index.url, find_links=find_links, routes=tuple(routes))
        opened.append(PackageIndex(session=Session({}), cache=cache, configuration=configuration))
        return opened[-1]

    yield open_
    for packages in opened:
        packages.close()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def urls(packages: PackageIndex, name: str) -> list[str]:
    return [item.url for listing in packages.listing(name) for item in listing.distributions]


def test_files_of_a_directory_are_read_for_their_hashes(
    wheels: Path, session: Session, cache: Cache, open_index: Open
) -> None:
    wheel = make_wheel(wheels, "Demo.Pkg", "1.0", requires=["other"])
    sdist = make_sdist(wheels, "demo-pkg", "0.9")
    make_wheel(wheels / "below", "demo-pkg", "2.0")
    make_wheel(wheels, "demo", "1.0")
    (wheels / "notes.txt").write_text("nothing to install")
    listing = FindLinks(wheels.as_uri(), session=session, cache=cache).listing("demo.PKG")
    assert listing is not None
    assert [(item.url, item.sha256, item.size) for item in listing.distributions] == [
        (path.as_uri(), sha256(path), path.stat().st_size) for path in (sdist, wheel)
    ]
    assert {item.index for item in listing.distributions} == {listing.index} == {wheels.as_uri()}
    assert listing.skipped == ()
    packages = open_index(wheels.as_uri())
    (found,) = (item for item in packages.listing("demo-pkg")[0].distributions if item.url == wheel.as_uri())
    assert [str(item) for item in packages.metadata(found).requires] == ["other"]


def test_a_page_is_fetched_once_for_all_names(index: Index, wheels: Path, open_index: Open) -> None:
    files = [make_wheel(wheels, name, "1.0") for name in ("one", "two", "three")]
    anchors = [f'<a href="w/{path.name}#sha256={sha256(path)}">x</a>' for path in files]
    index.bodies["/links/page.html"] = ("text/html", "\n".join(anchors).encode())
    page = f"{index.root}/links/page.html"
    packages = open_index(page)
    for name, path in zip(("one", "two", "three"), files, strict=True):
        (listing,) = packages.listing(name)
        (item,) = listing.distributions
        assert (item.url, item.sha256, item.index) == (
            f"{index.root}/links/w/{path.name}",
            sha256(path),
            page,
        )
    assert packages.listing("four") == ()
    assert len(index.requests_for("/links/")) == 1


def test_a_page_on_a_disk_may_link_to_files_beside_it(wheels: Path, session: Session, cache: Cache) -> None:
    wheel = make_wheel(wheels, "demo", "1.0")
    page = wheels / "links.html"
    page.write_text(f'<a href="{wheel.name}">x</a>')
    listing = FindLinks(page.as_uri(), session=session, cache=cache).listing("demo")
    assert listing is not None
    assert [(item.url, item.sha256) for item in listing.distributions] == [(wheel.as_uri(), sha256(wheel))]


def test_they_stand_beside_the_files_of_the_first_index_that_has_the_name(
    index: Index, wheels: Path, open_index: Open
) -> None:
    make_wheel(index.directory, "demo", "1.0")
    make_sdist(index.directory, "demo", "2.0")
    built = make_wheel(wheels, "demo", "2.0")
    only = make_wheel(wheels, "only-here", "1.0")
    packages = open_index(wheels.as_uri())
    (listing,) = packages.listing("demo")
    assert listing.index == index.url
    assert sorted(str(item.version) for item in listing.distributions) == ["1.0", "2.0", "2.0"]
    assert built.as_uri() in urls(packages, "demo")
    assert urls(packages, "only-here") == [only.as_uri()]
    assert packages.allowed("demo") == (index.url, wheels.as_uri())


def test_the_same_file_is_the_indexs_and_another_of_the_same_name_is_not(
    index: Index, wheels: Path, open_index: Open
) -> None:
    for directory in (index.directory, wheels):
        make_wheel(directory, "same", "1.0")
    make_wheel(index.directory, "own", "1.0")
    own = make_wheel(wheels, "own", "1.0", files={"own.py": b"built = 'here'\n"})
    packages = open_index(wheels.as_uri())
    assert urls(packages, "same") == [f"{index.root}/files/same-1.0-py3-none-any.whl"]
    assert urls(packages, "own") == [own.as_uri()]


def test_a_name_that_is_routed_to_an_index_is_not_taken_from_them(
    index: Index, wheels: Path, open_index: Open
) -> None:
    make_wheel(index.directory, "demo", "1.0")
    make_wheel(wheels, "demo", "2.0")
    packages = open_index(wheels.as_uri(), routes=[Route(pattern="demo", url=index.url, source="a test")])
    assert urls(packages, "demo") == [f"{index.root}/files/demo-1.0-py3-none-any.whl"]
    assert packages.allowed("demo") == (index.url,)


def test_one_that_is_not_there_or_is_no_page_is_an_error(
    index: Index, wheels: Path, open_index: Open
) -> None:
    gone = wheels / "gone"
    with pytest.raises(SourceError, match=f"there is nothing at {gone.as_uri()}, which --find-links names"):
        open_index(gone.as_uri()).listing("demo")
    with pytest.raises(SourceError, match=f"there is nothing at {index.root}/gone.html"):
        open_index(f"{index.root}/gone.html").listing("demo")
    index.bodies["/login"] = ("text/html", b"<form>Please log in</form>")
    with pytest.raises(SourceError, match="not an index page"):
        open_index(f"{index.root}/login").listing("demo")


def test_offline_a_page_is_the_one_that_was_fetched(index: Index, wheels: Path, cache: Cache) -> None:
    wheel = make_wheel(wheels, "demo", "1.0")
    index.bodies["/page.html"] = ("text/html", f'<a href="{wheel.name}">x</a>'.encode())
    for offline in (False, True):
        with Session({}, offline=offline) as session:
            links = FindLinks(f"{index.root}/page.html", session=session, cache=cache)
            assert links.listing("demo") is not None
    assert len(index.log) == 1


def test_a_file_without_a_hash_is_read_for_one(index: Index, wheels: Path, cache: Cache) -> None:
    wheel = make_wheel(wheels, "demo", "1.0")
    index.bodies["/links/"] = ("text/html", f'<a href="{wheel.name}">x</a>'.encode())
    index.bodies[f"/links/{wheel.name}"] = ("application/zip", wheel.read_bytes())
    said: list[str] = []
    with PackageIndex(
        session=Session({}),
        cache=cache,
        configuration=IndexConfiguration(default=index.url, find_links=(f"{index.root}/links/",)),
        notify=said.append,
    ) as packages:
        (found,) = packages.listing("demo")[0].distributions
        assert (found.sha256, found.size) == (None, None)
        index.break_off[f"/links/{wheel.name}"] = 1
        known = packages.with_hash(found)
        assert (known.sha256, known.size) == (sha256(wheel), wheel.stat().st_size)
        assert packages.with_hash(found) == known
        (note,) = said
        assert note.startswith(f"note: {index.root}/links/ states no hashes of files")
        assert packages.with_hash(known) is known
