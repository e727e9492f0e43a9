"""The indexes together: order, routing, fetching ahead, hooks."""

from __future__ import annotations

import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from envfit.distribution import Distribution, Metadata, Sdist
from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.configuration import IndexConfiguration
from envfit.index.metadata import NeedsBuild
from envfit.index.once import Once
from envfit.index.routing import Route
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.selection.preferences import Preferences
from envfit.selection.select import Selector
from envfit.target import Platform, Target
from tests.loopback import Index, make_sdist, make_wheel

Open = Callable[..., PackageIndex]


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "private") as served:
        yield served


@pytest.fixture
def open_index(index: Index, private: Index, cache: Cache) -> Iterator[Open]:
    opened = []

    def open_(**options: Any) -> PackageIndex:
        configuration = IndexConfiguration(default=index.url, extra=(private.url,), extra_sources=("a test",))
        package_index = PackageIndex(session=Session({}), cache=cache, configuration=configuration, **options)
        opened.append(package_index)
        return package_index

    yield open_
    for package_index in opened:
        package_index.close()


def versions(package_index: PackageIndex, name: str) -> list[str]:
    listings = package_index.listing(name)
    return [str(distribution.version) for listing in listings for distribution in listing.distributions]


def test_the_first_index_that_has_a_name_is_the_only_one(
    index: Index, private: Index, open_index: Open
) -> None:
    make_wheel(private.directory, "secret", "1.0")
    make_wheel(index.directory, "secret", "99.0")
    make_wheel(index.directory, "public", "2.0")
    packages = open_index()
    assert versions(packages, "Secret") == ["1.0"]
    assert index.requests_for("secret") == []
    assert versions(packages, "public") == ["2.0"]
    assert packages.listing("none") == ()


@pytest.mark.parametrize("status", [500, 403])
def test_an_index_that_fails_is_never_an_index_without_the_name(
    index: Index, private: Index, open_index: Open, status: int
) -> None:
    make_wheel(index.directory, "secret", "99.0")
    private.statuses["/simple/secret/"] = status
    with pytest.raises(SourceError, match=f"answered {status}"):
        open_index().listing("secret")


def test_variant_pages_follow_the_default(tmp_path: Path, index: Index, open_index: Open) -> None:
    make_wheel(index.directory, "torch", "2.0")
    for label in ("cu126", "cu130"):
        index.pages[f"whl/{label}"] = tmp_path / label
        make_wheel(tmp_path / label, "torch", f"2.0+{label}")
    index.statuses["/whl/cu118/torch/"] = 403
    pages = tuple(index.page(f"whl/{label}") for label in ("cu126", "cu130", "cu118"))
    packages = open_index(routed={"torch": pages, "torchaudio": pages[:1]})
    assert versions(packages, "torch") == ["2.0", "2.0+cu126", "2.0+cu130"]
    assert [listing.index for listing in packages.listing("torch")] == [index.url, *pages[:2]]
    assert packages.listing("torchaudio") == ()
    assert packages.metadata(packages.listing("torch")[1].distributions[0]).version == Version("2.0+cu126")


def routed_to(index: Index, private: Index, *patterns: str) -> IndexConfiguration:
    """The public index as default, and names that the private one alone serves."""
    return IndexConfiguration(
        default=index.url,
        routes=tuple(Route(pattern=pattern, url=private.url, source="a test") for pattern in patterns),
    )


def test_a_routed_name_is_taken_from_its_index_only(
    index: Index, private: Index, cache: Cache, tmp_path: Path
) -> None:
    for directory in (index.directory, tmp_path / "cu130"):
        make_wheel(directory, "torch", "99.0")
        make_wheel(directory, "corp-tool", "99.0")
    index.pages["whl/cu130"] = tmp_path / "cu130"
    make_wheel(private.directory, "torch", "1.0")
    pages = (index.page("whl/cu130"),)
    with PackageIndex(
        session=Session({}),
        cache=cache,
        configuration=routed_to(index, private, "torch", "corp-*"),
        routed={"torch": pages, "torchaudio": pages},
    ) as packages:
        assert versions(packages, "torch") == ["1.0"]
        assert packages.listing("corp-tool") == ()
        assert index.log == []
        assert packages.allowed("torch") == packages.allowed("Corp_Tool") == (private.url,)
        assert packages.allowed("torchaudio") == (index.url, *pages)
        private.statuses["/simple/corp-lib/"] = 500
        with pytest.raises(SourceError, match="answered 500"):
            packages.listing("corp-lib")


def test_credentials_stay_out_of_listings(index: Index, tmp_path: Path) -> None:
    make_wheel(index.directory, "demo", "1.0")
    index.credentials = ("me", "secret")
    address = index.url.replace("http://", "http://me:secret@")
    with PackageIndex(
        session=Session({}), cache=Cache(tmp_path / "c"), configuration=IndexConfiguration(default=address)
    ) as packages:
        (listing,) = packages.listing("demo")
        assert "secret" not in repr(listing)
        assert packages.metadata(listing.distributions[0]).name == "demo"
    assert not any(b"secret" in path.read_bytes() for path in (tmp_path / "c").rglob("*") if path.is_file())


def test_fetching_ahead(index: Index, private: Index, open_index: Open) -> None:
    names = [f"demo{number}" for number in range(30)]
    for name in names:
        make_wheel(index.directory, name, "1.0")
    index.statuses["/simple/bad/"] = 500
    packages = open_index()
    target = Target(platform=Platform(), python=Version("3.11.9"))
    selector = Selector(target, Preferences(), label_cuda={})
    packages.prefetch([*names, "bad"], selector)
    distributions = [packages.selection(name, selector).candidates[0].distribution for name in names]
    packages.prefetch_metadata(distributions)
    assert [packages.metadata(distribution).name for distribution in distributions] == names
    for name in names:
        assert len(index.requests_for(f"/simple/{name}/")) == 1
        assert len(index.requests_for(f"{name}-1.0-py3-none-any.whl")) == 1
    for _ in range(2):
        with pytest.raises(SourceError, match="answered 500"):
            packages.selection("bad", selector)


def only_sdist(packages: PackageIndex) -> Distribution:
    return packages.listing("demo")[0].distributions[0]


def test_known_metadata_is_asked_for_before_an_sdist_is_downloaded(index: Index, open_index: Open) -> None:
    make_sdist(index.directory, "demo", "1.0", metadata_version="1.0")
    known = Metadata(name="demo", version=Version("1.0"), source="knowledge")
    packages = open_index(static_metadata=lambda name, version: known if name == "demo" else None)
    assert packages.metadata(only_sdist(packages)) is known
    assert index.requests_for("/files/") == []


def test_the_build_hook(index: Index, open_index: Open) -> None:
    make_sdist(index.directory, "demo", "1.0", metadata_version="1.0")
    built = Metadata(name="demo", version=Version("1.0"), source="a build")
    seen: list[tuple[Path, Sdist]] = []

    def build(path: Path, sdist: Sdist) -> Metadata:
        seen.append((path, sdist))
        return built

    packages = open_index(build=build, static_metadata=lambda name, version: None)
    sdist = only_sdist(packages)
    assert packages.metadata(sdist) is built
    assert packages.metadata(sdist) is built
    assert [(path.is_file(), given) for path, given in seen] == [(True, sdist)]
    with pytest.raises(NeedsBuild):
        open_index().metadata(sdist)


def test_once_computes_once_for_all_threads() -> None:
    calls = []
    barrier = threading.Barrier(8)
    value = Once(lambda: calls.append(1) or len(calls))  # type: ignore[func-returns-value]

    def ask() -> None:
        barrier.wait()
        assert value.get() == 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_what_python_knows_of_itself_is_gathered_before_threads_ask_for_it(
    index: Index, open_index: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds side by side look for uv by it, and the first call of two at once saw half of it."""
    told: list[tuple[str, str]] = []
    gather = sysconfig.get_config_vars
    monkeypatch.setattr(
        sysconfig,
        "get_config_vars",
        lambda *names: told.append(("gathered", threading.current_thread().name)) or gather(*names),
    )
    package_index = open_index()
    value = Once(lambda: told.append(("built", threading.current_thread().name)))
    package_index._begin(value)
    value.wait(10)
    assert told[0] == ("gathered", "MainThread")
    assert told[-1][0] == "built"
    assert told[-1][1] != "MainThread"


def test_metadata_that_came_and_was_not_asked_for_is_kept(
    index: Index, open_index: Open, cache: Cache
) -> None:
    make_wheel(index.directory, "likely", "1.0", requires=["other"])
    package_index = open_index()
    (listing,) = package_index.listing("likely")
    package_index.prefetch_metadata(listing.distributions)
    session = package_index._session
    (transfer,) = package_index._metadata_transfers.values()
    assert session.requests_made - session.requests_answered == 1
    while not transfer.done:
        session.advance(wait=True)
    assert session.requests_answered == session.requests_made
    package_index.close()
    again = open_index()
    again.prefetch_metadata(listing.distributions)
    assert not again._metadata_transfers, "nothing is to be fetched"
