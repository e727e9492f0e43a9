"""Metadata of wheels and source distributions, by every way there is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

import pytest
from packaging.specifiers import SpecifierSet

from envfit.distribution import Distribution
from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.metadata import BadMetadata, MetadataReader, NeedsBuild
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex
from tests.loopback import Index, make_sdist, make_wheel

PROJECT = """\
[build-system]
requires = []
build-backend = "in_tree_backend"
backend-path = ["."]
[project]
name = "Demo"
"""


@pytest.fixture
def reader(session: Session, cache: Cache) -> Iterator[MetadataReader]:
    opened = MetadataReader(session, cache)
    yield opened
    opened.close()


def only(index: Index, session: Session, cache: Cache, name: str = "demo") -> Distribution:
    listing = SimpleIndex(index.url, session=session, cache=cache).listing(name)
    assert listing is not None
    (distribution,) = listing.distributions
    index.log.clear()
    return distribution


@pytest.mark.parametrize("beside", [True, False])
def test_wheel(index: Index, session: Session, cache: Cache, reader: MetadataReader, beside: bool) -> None:
    make_wheel(
        index.directory,
        "Demo",
        "1.0",
        requires=["Other>=2", "x[y]; python_version < '3.11'"],
        extras={"More_Things": ["third"]},
        requires_python=">=3.10",
    )
    index.core_metadata = beside
    wheel = only(index, session, cache)
    metadata = reader.read(wheel)
    assert [requirement.name for requirement in metadata.requires] == ["other", "x", "third"]
    assert metadata.requires_python == SpecifierSet(">=3.10")
    assert metadata.extras == {"more-things"}
    assert [request.path.endswith(".metadata") for request in index.log] == [beside]
    assert reader.read(wheel) == metadata
    assert len(index.log) == 1


def test_a_metadata_file_that_is_not_there_or_not_right(
    index: Index, session: Session, cache: Cache, reader: MetadataReader
) -> None:
    make_wheel(index.directory, "demo", "1.0", requires=["right"])
    wheel = only(index, session, cache)
    index.bodies[f"/files/{wheel.filename}.metadata"] = ("text/plain", b"Name: demo\nVersion: 1.0\n")
    metadata = reader.read(wheel)
    assert [requirement.name for requirement in metadata.requires] == ["right"]
    assert metadata.source == f"METADATA in {wheel.filename}"
    make_wheel(index.directory, "gone", "1.0", requires=["right"])
    wheel = only(index, session, cache, "gone")
    index.statuses[f"/files/{wheel.filename}.metadata"] = 404
    assert len(reader.read(wheel).requires) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"Name: other\nVersion: 1.0\n", "metadata is that of other"),
        (b"Name: demo\nVersion: 1.1\n", "metadata is that of version 1.1"),
        (b"Name: demo\nVersion: banana\n", "'banana', which is none"),
        (b"Name: demo\n", "states no name or no version"),
        (
            b"Name: demo\nVersion: 1.0\nRequires-Dist: foo (>1.*.x\n",
            r"its requirement 'foo \(>1\.\*\.x' is malf",
        ),
    ],
)
def test_unusable_metadata_is_a_reason_to_reject(
    index: Index, session: Session, cache: Cache, reader: MetadataReader, text: bytes, problem: str
) -> None:
    make_wheel(index.directory, "demo", "1.0", metadata=text)
    with pytest.raises(BadMetadata, match=problem) as caught:
        reader.read(only(index, session, cache))
    assert caught.value.code == "bad-metadata"
    assert isinstance(caught.value, SourceError)


def test_a_damaged_wheel(index: Index, session: Session, cache: Cache, reader: MetadataReader) -> None:
    index.core_metadata = False
    path = make_wheel(index.directory, "demo", "1.0")
    path.write_bytes(b"no zip at all")
    with pytest.raises(BadMetadata, match="archive is damaged"):
        reader.read(only(index, session, cache))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vendored-1.0.dist-info/METADATA", "Name: vendored")
    path.rename(path.with_name("other-1.0-py3-none-any.whl"))
    with pytest.raises(BadMetadata, match="it has no METADATA of other"):
        reader.read(only(index, session, cache, "other"))


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_sdist_with_static_pkg_info(
    index: Index, session: Session, cache: Cache, reader: MetadataReader, suffix: str
) -> None:
    make_sdist(
        index.directory,
        "demo",
        "1.0",
        requires=["other>=1"],
        extras={"e": ["x"]},
        requires_python=">=3.8",
        suffix=suffix,
    )
    sdist = only(index, session, cache)
    metadata = reader.read(sdist)
    assert metadata.source == f"PKG-INFO in {sdist.filename}"
    assert [str(requirement) for requirement in metadata.requires] == ["other>=1", 'x; extra == "e"']
    assert (metadata.extras, metadata.requires_python) == (frozenset({"e"}), SpecifierSet(">=3.8"))
    assert reader.read(sdist) == metadata
    assert len(index.log) == 1


def test_sdist_with_static_pyproject(
    index: Index, session: Session, cache: Cache, reader: MetadataReader
) -> None:
    make_sdist(
        index.directory,
        "demo",
        "1.0",
        metadata_version="2.1",
        pyproject=PROJECT
        + 'dynamic = ["version"]\nrequires-python = ">=3.9"\n'
        + 'dependencies = ["a>=1", "b @ https://b.test/b.zip"]\n'
        + "[project.optional-dependencies]\n"
        + "Some_Extra = [\"c; python_version < '3.9' or os_name == 'nt'\"]\n",
    )
    metadata = reader.read(only(index, session, cache))
    a, b, c = metadata.requires
    assert (str(a), b.url) == ("a>=1", "https://b.test/b.zip")
    assert not c.holds({"python_version": "3.8"})
    assert c.holds({"python_version": "3.8"}, "some-extra")
    assert not c.holds({"python_version": "3.12", "os_name": "posix"}, "some-extra")
    assert metadata.extras == {"some-extra"}
    assert metadata.source.startswith("pyproject.toml in")


@pytest.mark.parametrize(
    "options",
    [
        {"metadata_version": "2.1"},
        {"dynamic": ["Requires-Dist"]},
        {"dynamic": ["requires-python"], "pyproject": None},
        {"metadata_version": "2.1", "pyproject": PROJECT + 'version = "1.0"\ndynamic = ["dependencies"]\n'},
        {"metadata_version": "2.1", "pyproject": "not toml ["},
    ],
)
def test_sdist_whose_metadata_only_a_build_states(
    index: Index, session: Session, cache: Cache, reader: MetadataReader, options: dict[str, str]
) -> None:
    path = make_sdist(index.directory, "demo", "1.0", **options)  # type: ignore[arg-type]
    sdist = only(index, session, cache)
    for _ in range(2):
        with pytest.raises(NeedsBuild) as caught:
            reader.read(sdist)
        assert caught.value.path.read_bytes() == path.read_bytes()
        assert caught.value.path.name == sdist.filename
        assert caught.value.code == "metadata-needs-build"
    assert len(index.log) == 1  # kept in the cache


def test_sdist_that_is_another_file(
    index: Index, session: Session, cache: Cache, reader: MetadataReader
) -> None:
    path = make_sdist(index.directory, "demo", "1.0")
    sdist = only(index, session, cache)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SourceError, match="is not the file of its hash"):
        reader.read(sdist)


def test_damaged_sdist(index: Index, session: Session, cache: Cache, reader: MetadataReader) -> None:
    path = make_sdist(index.directory, "demo", "1.0")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadMetadata, match="archive is damaged"):
        reader.read(only(index, session, cache))
