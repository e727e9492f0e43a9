"""The lock as uv is given it: other addresses, for one user's eyes, and gone afterwards."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel, Pylock
from packaging.version import Version

from envfit.install.addresses import handed_over
from envfit.lock.file import read_lock, write_lock

HASHES = {"sha256": "0" * 64}
WHEEL, SDIST, ARCHIVE = (
    f"https://index.example/{name}" for name in ("w-1-py3-none-any.whl", "s-1.tar.gz", "a.zip")
)


@pytest.fixture
def lock() -> Pylock:
    return Pylock(
        lock_version=Version("1.0"),
        created_by="a test",
        packages=[
            Package(
                name="w",
                version=Version("1"),
                index="https://index.example/simple/",
                wheels=[PackageWheel(name="w-1-py3-none-any.whl", url=WHEEL, hashes=HASHES)],
            ),
            Package(
                name="s",
                version=Version("1"),
                sdist=PackageSdist(name="s-1.tar.gz", url=SDIST, hashes=HASHES),
            ),
            Package(name="a", version=Version("1"), archive=PackageArchive(url=ARCHIVE, hashes=HASHES)),
        ],
    )


def addresses(lock: Pylock) -> list[str | None]:
    return [
        item.url
        for package in lock.packages
        for item in (*(package.wheels or ()), package.sdist, package.archive)
        if item is not None
    ]


def test_where_nothing_is_elsewhere_uv_reads_the_record(lock: Pylock, tmp_path: Path) -> None:
    with handed_over(lock, tmp_path / "pylock.toml", {}) as given:
        assert given == tmp_path / "pylock.toml"


def test_other_addresses_are_for_this_user_and_gone_afterwards(lock: Pylock, tmp_path: Path) -> None:
    record = tmp_path / "pylock.toml"
    write_lock(lock, record)
    before = record.read_bytes()
    elsewhere = {url: url.replace("https://", "https://me:secret@mirror.") for url in (WHEEL, SDIST, ARCHIVE)}
    with handed_over(lock, record, elsewhere) as given:
        assert addresses(read_lock(given)) == list(elsewhere.values())
        assert read_lock(given).packages[0].index == "https://index.example/simple/"
        assert [stat.S_IMODE(path.stat().st_mode) for path in (given, given.parent)] == [0o600, 0o700]
        assert tmp_path not in given.parents
    assert not given.parent.exists()
    assert record.read_bytes() == before
    assert addresses(lock) == [WHEEL, SDIST, ARCHIVE]


def test_a_failure_leaves_nothing_behind(lock: Pylock, tmp_path: Path) -> None:
    places = []

    def fail() -> None:
        with handed_over(lock, tmp_path / "pylock.toml", {WHEEL: "https://mirror.example/w.whl"}) as given:
            places.append(given)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not places[0].parent.exists()
