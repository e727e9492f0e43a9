"""A lock as a table, held against packaging's own."""

from dataclasses import replace
from datetime import datetime, timezone

from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
)
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.lock.table import table_of

HASHES = {"sha256": "0" * 64}
NAME = canonicalize_name("demo")
WHEEL = PackageWheel(
    name="demo-1.0-py3-none-any.whl",
    url="https://index.example/demo-1.0-py3-none-any.whl",
    upload_time=datetime(2026, 1, 31, tzinfo=timezone.utc),
    size=7,
    hashes=HASHES,
)
SDIST = PackageSdist(name="demo-1.0.tar.gz", url="https://index.example/demo-1.0.tar.gz", hashes=HASHES)
PACKAGES = [
    Package(
        name=NAME,
        version=Version("1.0"),
        marker=Marker("python_version < '4'"),
        requires_python=SpecifierSet(">=3.10"),
        dependencies=[{"name": "other", "version": "2"}],
        wheels=[WHEEL],
    ),
    Package(name=NAME, version=Version("1.0"), index="https://index.example/simple/", sdist=SDIST),
    Package(name=NAME, directory=PackageDirectory(path="../demo", editable=True)),
    Package(name=NAME, vcs=PackageVcs(type="git", url="https://x.example/demo", commit_id="0" * 40)),
    Package(name=NAME, archive=PackageArchive(url="https://x.example/demo.zip", hashes=HASHES)),
]
LOCK = Pylock(
    lock_version=Version("1.0"),
    environments=[Marker("sys_platform == 'linux'")],
    requires_python=SpecifierSet("==3.11.*"),
    default_groups=[],
    dependency_groups=["builds"],
    created_by="envfit",
    packages=PACKAGES,
    tool={"envfit": {"target": {"gpus": [{"name": "V100"}], "facts": []}, "contract": "no GPU"}},
)


def test_the_same_as_packagings():
    assert table_of(LOCK) == LOCK.to_dict()
    assert (
        table_of(replace(LOCK, environments=None, tool=None, packages=[]))
        == replace(LOCK, environments=None, tool=None, packages=[]).to_dict()
    )
