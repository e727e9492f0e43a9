"""Mirrors: what is asked of them, and by which addresses their files are known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envfit.distribution import Distribution, Wheel
from envfit.errors import InputError, SourceError
from envfit.index.cache import Cache
from envfit.index.configuration import configured_indexes
from envfit.index.locate import locate
from envfit.index.metadata import MetadataReader
from envfit.index.mirrors import Mirror, Mirrors, configured_mirrors
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex
from envfit.reference import DirectReference, ReferenceKind
from tests.loopback import Index, make_wheel

CANONICAL = "https://index.example"


def mirrors(*pairs: tuple[str, str]) -> Mirrors:
    return Mirrors(Mirror(canonical=canonical, mirror=mirror) for canonical, mirror in pairs)


@pytest.fixture
def through(index: Index) -> Iterator[Session]:
    """A session for which ``index`` mirrors CANONICAL whole."""
    with Session({}, mirrors=mirrors((CANONICAL, index.root))) as session:
        yield session


def listed(session: Session, cache: Cache, name: str, url: str = f"{CANONICAL}/simple/") -> Distribution:
    listing = SimpleIndex(url, session=session, cache=cache).listing(name)
    assert listing is not None
    (distribution,) = listing.distributions
    return distribution


# -- prefixes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "mirrored"),
    [
        (f"{CANONICAL}/simple/", "https://mirror.example/pypi/simple/"),
        (f"{CANONICAL}/simple", "https://mirror.example/pypi/simple"),
        (f"{CANONICAL}/simple/demo/", "https://mirror.example/pypi/simple/demo/"),
        ("HTTPS://Index.Example:443/simple/demo/", "https://mirror.example/pypi/simple/demo/"),
        ("https://me:pw@index.example/simple/x?y=1", "https://mirror.example/pypi/simple/x?y=1"),
        (f"{CANONICAL}/simplest/", None),
        ("https://index.example:8443/simple/", None),
        (
            "https://files.example/packages/ab/demo-1.0%2Bcu126.whl",
            "https://cdn.example/ab/demo-1.0%2Bcu126.whl",
        ),
        ("https://other.example/simple/", None),
    ],
)
def test_a_prefix_is_replaced_at_the_end_of_a_part_of_the_path(address: str, mirrored: str | None) -> None:
    both = mirrors(
        (f"{CANONICAL}/simple/", "https://you:secret@mirror.example/pypi/simple"),
        ("https://files.example/packages", "https://cdn.example/"),
    )
    assert both.mirrored(address) == mirrored


def test_the_longest_prefix_holds_in_both_directions() -> None:
    both = mirrors(
        (CANONICAL, "https://m.example/all"), (f"{CANONICAL}/simple", "https://m.example/all/pages")
    )
    assert both.mirrored(f"{CANONICAL}/simple/demo/") == "https://m.example/all/pages/demo/"
    assert both.mirrored(f"{CANONICAL}/files/x") == "https://m.example/all/files/x"
    assert both.canonical("https://m.example/all/pages/demo/") == f"{CANONICAL}/simple/demo/"
    assert both.canonical("https://m.example/all/files/x") == f"{CANONICAL}/files/x"
    assert both.canonical("https://elsewhere.example/x") == "https://elsewhere.example/x"


def test_options_come_before_the_environment_and_that_before_the_project(tmp_path: Path) -> None:
    environ = {
        "ENVFIT_MIRRORS": "https://a.example=https://env.example https://b.example=https://env.example/b"
    }
    project = (("https://b.example", "https://project.example"), ("https://c.example", "mirror"))
    found = configured_mirrors(["https://a.example=https://option.example"], environ, project, base=tmp_path)
    assert found.mirrored("https://a.example/x") == "https://option.example/x"
    assert found.mirrored("https://b.example/x") == "https://env.example/b/x"
    assert found.mirrored("https://c.example/x") == f"{(tmp_path / 'mirror').as_uri()}/x"


@pytest.mark.parametrize(
    "text", ["https://me:secret@a.example", "a=b", "=https://b.example", "https://a.example="]
)
def test_what_is_no_mapping_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not CANONICAL=MIRROR") as caught:
        configured_mirrors([text], {}, (), base=tmp_path)
    assert "secret" not in str(caught.value)


# -- at lock ------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [True, False])
def test_files_of_a_mirror_are_known_by_their_canonical_addresses(
    index: Index, through: Session, cache: Cache, as_json: bool
) -> None:
    wheel = make_wheel(index.directory, "demo", "1.0", requires=["other"])
    index.json = as_json
    found = listed(through, cache, "demo")
    assert (found.url, found.index) == (f"{CANONICAL}/files/{wheel.name}", f"{CANONICAL}/simple/")
    assert [str(item) for item in MetadataReader(through, cache).read(found).requires] == ["other"]
    assert {request.path for request in index.log} == {"/simple/demo/", f"/files/{wheel.name}.metadata"}


def test_the_mirror_may_be_the_index_that_is_configured(index: Index, through: Session, cache: Cache) -> None:
    wheel = make_wheel(index.directory, "demo", "1.0")
    found = listed(through, cache, "demo", url=index.url)
    assert (found.url, found.index) == (f"{CANONICAL}/files/{wheel.name}", f"{CANONICAL}/simple/")


def test_the_mirror_may_be_a_directory(tmp_path: Path, cache: Cache) -> None:
    wheel = make_wheel(tmp_path / "m" / "files", "demo", "1.0", requires=["other"])
    (tmp_path / "m" / "simple" / "demo").mkdir(parents=True)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    page = tmp_path / "m" / "simple" / "demo" / "index.html"
    page.write_text(f'<a href="../../files/{wheel.name}#sha256={digest}">{wheel.name}</a>')
    with Session({}, mirrors=mirrors((CANONICAL, (tmp_path / "m").as_uri()))) as session:
        found = listed(session, cache, "demo")
        assert found.url == f"{CANONICAL}/files/{wheel.name}"
        assert [str(item) for item in MetadataReader(session, cache).read(found).requires] == ["other"]
        assert session.requests_made == 0
        assert locate([found], session=session, cache=cache) == {found.url: wheel.as_uri()}


def test_what_one_address_answered_is_not_taken_for_another(
    index: Index, through: Session, cache: Cache, tmp_path: Path
) -> None:
    make_wheel(index.directory, "demo", "1.0")
    with Index(tmp_path / "other") as other:
        make_wheel(other.directory, "demo", "2.0")
        assert str(listed(through, cache, "demo").version) == "1.0"
        with Session({}, mirrors=mirrors((CANONICAL, other.root))) as session:
            assert str(listed(session, cache, "demo").version) == "2.0"
    assert str(listed(through, cache, "demo", url=index.url).version) == "1.0"
    assert len(index.log) == 1


def test_an_error_names_the_mirror_that_failed(index: Index, through: Session, cache: Cache) -> None:
    index.statuses["/simple/demo/"] = 500
    with pytest.raises(SourceError, match=f"{index.root}/simple/demo/ answered 500"):
        listed(through, cache, "demo")


def test_a_name_that_the_mirror_lacks_is_not_asked_of_the_index(
    index: Index, through: Session, cache: Cache
) -> None:
    assert SimpleIndex(f"{CANONICAL}/simple/", session=through, cache=cache).listing("demo") is None
    assert [request.path for request in index.log] == ["/simple/demo/"]


def test_a_configuration_records_no_mirror(tmp_path: Path) -> None:
    found = configured_indexes(
        {"UV_INDEX": "https://mirror.example/corp/simple"},
        home=tmp_path,
        cwd=tmp_path,
        index_url="https://me:secret@mirror.example/simple",
        mirrors=mirrors((CANONICAL, "https://mirror.example")),
        system=tmp_path,
    )
    assert [address for address, _ in found.public()] == [f"{CANONICAL}/corp/simple", f"{CANONICAL}/simple"]


# -- at install ---------------------------------------------------------------


@pytest.fixture
def locked(tmp_path: Path, index: Index) -> Wheel:
    """A wheel that the mirror has, as a lock names it that was made at the index itself."""
    path = make_wheel(index.directory, "demo", "1.0")
    with Session({}) as session:
        found = listed(session, Cache(tmp_path / "unused"), "demo", url=index.url)
    index.log.clear()
    assert isinstance(found, Wheel)
    return replace(found, index=f"{CANONICAL}/simple/", url=f"{CANONICAL}/files/{path.name}")


def test_a_mirror_that_keeps_the_layout_is_asked_for_the_file_alone(
    index: Index, through: Session, cache: Cache, locked: Wheel
) -> None:
    assert locate([locked], session=through, cache=cache) == {
        locked.url: f"{index.root}/files/{locked.filename}"
    }
    assert [(request.method, request.sent) for request in index.log] == [("HEAD", 0)]


def test_a_server_without_head_is_asked_for_one_byte(
    index: Index, through: Session, cache: Cache, locked: Wheel
) -> None:
    index.head = False
    assert locked.url in locate([locked], session=through, cache=cache)
    assert [request.range for request in index.log] == [None, "bytes=0-0"]


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        f"{CANONICAL}/packages/ab/cd/demo-1.0-py3-none-any.whl",
        "https://files.example/demo-1.0-py3-none-any.whl",
    ],
)
def test_a_mirror_with_a_layout_of_its_own_is_asked_for_the_hash(
    index: Index, through: Session, cache: Cache, locked: Wheel, url: str, hashes: bool
) -> None:
    index.hashes = hashes
    moved = replace(locked, url=url)
    assert locate([moved], session=through, cache=cache) == {url: f"{index.root}/files/{locked.filename}"}


def test_another_file_under_the_same_path_is_not_taken(
    index: Index, through: Session, cache: Cache, locked: Wheel
) -> None:
    make_wheel(index.directory, "demo", "1.0", files={"demo.py": b"another = True\n" * 99})
    with pytest.raises(
        SourceError, match=r"does not have demo-1\.0-py3-none-any\.whl with the sha256"
    ) as caught:
        locate([locked], session=through, cache=cache)
    assert index.url in str(caught.value)


def test_a_file_that_is_nowhere_on_the_mirror_is_an_error(index: Index, cache: Cache, locked: Wheel) -> None:
    files_only = mirrors((f"{CANONICAL}/files", f"{index.root}/elsewhere"))
    with (
        Session({}, mirrors=files_only) as session,
        pytest.raises(SourceError, match=f"at {index.root}/elsewhere/demo") as caught,
    ):
        locate([locked], session=session, cache=cache)
    assert f"--mirror {CANONICAL}/simple/=MIRROR" in caught.value.hints[0]


def test_direct_references_are_found_on_a_mirror_and_source_trees_are_left_alone(
    index: Index, through: Session, cache: Cache, locked: Wheel
) -> None:
    archive = DirectReference(kind=ReferenceKind.ARCHIVE, url=locked.url)
    direct = replace(locked, index="", reference=archive)
    assert locate([direct], session=through, cache=cache) == {
        locked.url: f"{index.root}/files/{locked.filename}"
    }
    gone = replace(direct, url=f"{CANONICAL}/gone.whl")
    with pytest.raises(SourceError, match=f"at {index.root}/gone.whl") as caught:
        locate([gone], session=through, cache=cache)
    assert caught.value.hints == ()
    index.log.clear()
    trees = [
        replace(direct, url=url, reference=DirectReference(kind=kind, url=url))
        for kind, url in (
            (ReferenceKind.GIT, f"{CANONICAL}/repository"),
            (ReferenceKind.DIRECTORY, "/somewhere"),
            (ReferenceKind.ARCHIVE, "/somewhere/x.whl"),
        )
    ]
    assert locate(trees, session=through, cache=cache) == {}
    assert index.log == []


def test_files_that_nothing_maps_are_left_where_they_are(
    index: Index, session: Session, cache: Cache, locked: Wheel
) -> None:
    assert locate([locked], session=session, cache=cache) == {}
    assert index.log == []


def test_credentials_are_in_the_address_for_the_program_that_fetches(
    index: Index, cache: Cache, locked: Wheel
) -> None:
    index.credentials = ("me", "s@cret")
    address = index.root.replace("http://", "http://me:s%40cret@")
    with Session({}, mirrors=mirrors((CANONICAL, address))) as session:
        assert locate([locked], session=session, cache=cache) == {
            locked.url: f"{address}/files/{locked.filename}"
        }
        assert "cret" not in repr(listed(session, cache, "demo"))
