"""Direct references opened: files, directories and real git repositories on this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.distribution import Sdist, Wheel
from envfit.errors import EnvfitError, RequirementError, SourceError
from envfit.index.build_metadata import BuildFailedError, Builds, uv_index_variables
from envfit.index.cache import Cache
from envfit.index.direct import DirectSource
from envfit.index.git import Repositories
from envfit.index.metadata import BadMetadata
from envfit.index.session import Session
from envfit.reference import DirectReference, ReferenceKind
from tests.loopback import Index, make_sdist, make_wheel

PYTHON = Version(f"{sys.version_info.major}.{sys.version_info.minor}")
STATIC = """\
[build-system]
requires = []
build-backend = "none"
[project]
name = "Demo_Tool"
version = "2.0"
dependencies = ["other>=1", "near @ https://index.example/near-1.0.tar.gz"]
[project.optional-dependencies]
gpu = ["torch"]
"""


class Opener:
    """What opens references in these tests, and what was said and built on the way."""

    def __init__(self, session: Session, cache: Cache, index: Index, offline: bool = False) -> None:
        self.said: list[str] = []
        self.built: list[str] = []
        self._cache, self._index = cache, index
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        repositories = Repositories(
            cache.directory / "git", environ=environ, offline=offline, notify=self.said.append
        )
        self.open = DirectSource(session, repositories, build=self._build, notify=self.said.append).open

    def _build(self, tree: Path, what: str, key: str | None) -> bytes:
        self.built.append(what)
        builds = Builds(
            python=PYTHON,
            cache=self._cache,
            variables=lambda: uv_index_variables([self._index.url]),
            environ={**os.environ, "UV_NO_CONFIG": "1", "UV_CACHE_DIR": str(self._cache.directory / "uv")},
            notify=self.said.append,
        )
        return builds.of_tree(tree, what, key)


@pytest.fixture
def opener(session: Session, cache: Cache, index: Index) -> Opener:
    return Opener(session, cache, index)


def directory(path: Path, **options: object) -> DirectReference:
    return replace(DirectReference(kind=ReferenceKind.DIRECTORY, url=path.as_uri()), **options)


def archive(url: str, **options: object) -> DirectReference:
    return replace(DirectReference(kind=ReferenceKind.ARCHIVE, url=url), **options)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree that states everything."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(STATIC)
    return folder


@pytest.fixture
def dynamic_tree(tmp_path: Path) -> Path:
    """A source tree that only a build knows, as an old setup.py would be."""
    sdist = make_sdist(tmp_path / "packed", "demo", "1.5", requires=["old"], metadata_version="2.1")
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "dynamic", filter="data")
    folder = tmp_path / "dynamic" / "demo-1.5"
    (folder / "PKG-INFO").unlink()
    return folder


@pytest.fixture
def commit(tmp_path: Path) -> Callable[[Path, str], str]:
    """Return a function that commits everything in a folder and returns the commit."""

    def run(*words: str, folder: Path) -> str:
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        for who in ("AUTHOR", "COMMITTER"):
            environ |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@b.example"}
        command = ["git", "-c", "init.defaultBranch=main", *words]
        return subprocess.run(
            command, cwd=folder, env=environ, check=True, capture_output=True, text=True
        ).stdout.strip()

    def committed(folder: Path, tag: str = "") -> str:
        if not (folder / ".git").exists():
            run("init", folder=folder)
        run("add", "-A", folder=folder)
        run("commit", "-m", "x", folder=folder)
        if tag:
            run("tag", tag, folder=folder)
        return run("rev-parse", "HEAD", folder=folder)

    return committed


def test_a_directory_that_states_everything_is_not_built(opener: Opener, tree: Path) -> None:
    opened = opener.open(directory(tree, editable=True))
    assert isinstance(opened.distribution, Sdist)
    assert (opened.distribution.name, str(opened.distribution.version)) == ("demo-tool", "2.0")
    assert opened.distribution.reference == directory(tree, editable=True)
    assert [str(item) for item in opened.metadata.requires] == [
        "other>=1",
        "near @ https://index.example/near-1.0.tar.gz",
        'torch; extra == "gpu"',
    ]
    assert opener.built == []


def test_a_directory_that_does_not_is_built_each_time(opener: Opener, dynamic_tree: Path) -> None:
    for _ in range(2):
        opened = opener.open(directory(dynamic_tree))
        assert (opened.distribution.name, str(opened.distribution.version)) == ("demo", "1.5")
        assert [str(item) for item in opened.metadata.requires] == ["old"]
    assert len(opener.built) == 2
    assert (
        opener.said
        == [f"running the build of {dynamic_tree.as_uri()} with Python {PYTHON} to read its metadata"] * 2
    )


def test_a_build_that_fails_ends_the_run_with_its_last_lines(opener: Opener, dynamic_tree: Path) -> None:
    (dynamic_tree / "in_tree_backend.py").write_text("import nowhere\n")
    with pytest.raises(BuildFailedError, match="No module named 'nowhere'"):
        opener.open(directory(dynamic_tree))


def test_a_project_in_a_subdirectory(opener: Opener, tree: Path) -> None:
    (tree / "python").mkdir()
    (tree / "python" / "pyproject.toml").write_text(STATIC.replace("Demo_Tool", "inner"))
    assert opener.open(directory(tree, subdirectory="python")).distribution.name == "inner"
    with pytest.raises(RequirementError, match=r"has neither pyproject\.toml nor setup\.py"):
        opener.open(directory(tree, subdirectory="nothing"))


def test_a_malformed_pyproject(opener: Opener, tree: Path) -> None:
    (tree / "pyproject.toml").write_text("[")
    with pytest.raises(BadMetadata, match=r"its pyproject\.toml cannot be read"):
        opener.open(directory(tree))


def test_a_wheel_on_the_disk_has_its_hash_and_size(opener: Opener, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "demo", "1.0", requires=["other"])
    opened = opener.open(archive(path.as_uri()))
    assert isinstance(opened.distribution, Wheel)
    assert opened.distribution.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert opened.distribution.size == path.stat().st_size
    assert [str(item) for item in opened.metadata.requires] == ["other"]


def test_a_wheel_at_an_address(opener: Opener, index: Index) -> None:
    path = make_wheel(index.directory, "demo", "1.0", requires=["other"])
    url = f"{index.root}/files/{path.name}"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert opener.open(archive(url)).distribution.sha256 == digest
    assert opener.open(archive(url, sha256=digest)).metadata.version == Version("1.0")
    with pytest.raises(SourceError, match="is not the file of its hash"):
        opener.open(archive(url, sha256="0" * 64))
    with pytest.raises(SourceError):
        opener.open(archive(f"{index.root}/files/nothing-1.0-py3-none-any.whl"))


def test_a_file_on_the_disk_that_is_not_the_one_of_its_hash(opener: Opener, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "demo", "1.0")
    with pytest.raises(SourceError, match="is not the file of its hash"):
        opener.open(archive(path.as_uri(), sha256="0" * 64))


def test_a_wheel_whose_metadata_is_anothers(opener: Opener, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "demo", "1.0", metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 1.1\n")
    with pytest.raises(BadMetadata, match=r"its metadata is that of version 1\.1"):
        opener.open(archive(path.as_uri()))


def test_a_packed_tree_with_any_name(opener: Opener, tree: Path, tmp_path: Path) -> None:
    packed = tmp_path / "main.tar.gz"
    with tarfile.open(packed, "w:gz") as file:
        file.add(tree, "demo-main")
    opened = opener.open(archive(packed.as_uri()))
    assert (opened.distribution.name, str(opened.distribution.version)) == ("demo-tool", "2.0")
    assert opened.distribution.filename == "main.tar.gz"
    assert opened.distribution.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_a_source_distribution_that_is_not_what_its_name_says(
    opener: Opener, tree: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "other-3.0.tar.gz"
    with tarfile.open(packed, "w:gz") as file:
        file.add(tree, "other-3.0")
    with pytest.raises(RequirementError, match=r"is called other 3\.0 and says that it is demo-tool 2\.0"):
        opener.open(archive(packed.as_uri()))


def test_a_repository_at_its_head_a_branch_a_tag_and_a_commit(
    opener: Opener, tree: Path, commit: Callable[..., str]
) -> None:
    first = commit(tree, tag="v2")
    (tree / "pyproject.toml").write_text(STATIC.replace('"2.0"', '"3.0"'))
    second = commit(tree)
    at = DirectReference(kind=ReferenceKind.GIT, url=tree.as_uri())
    for revision, wanted, version in [
        (None, second, "3.0"),
        ("main", second, "3.0"),
        ("v2", first, "2.0"),
        (first, first, "2.0"),
        (first[:10], first, "2.0"),
    ]:
        fixed = revision if revision == first else None
        opened = opener.open(replace(at, revision=revision, commit=fixed))
        assert opened.distribution.reference is not None
        assert opened.distribution.reference.commit == wanted
        assert str(opened.distribution.version) == version
    assert opener.said == [f"cloning {tree.as_uri()}"]
    with pytest.raises(SourceError, match="has no revision 'v9'"):
        opener.open(replace(at, revision="v9"))
    with pytest.raises(SourceError, match="has no commit"):
        opener.open(replace(at, revision="0" * 40, commit="0" * 40))


def test_a_branch_that_moves_is_followed(opener: Opener, tree: Path, commit: Callable[..., str]) -> None:
    commit(tree)
    at = DirectReference(kind=ReferenceKind.GIT, url=tree.as_uri(), revision="main")
    opener.open(at)
    (tree / "more.py").touch()
    moved = commit(tree)
    opened = opener.open(at)
    assert opened.distribution.reference is not None
    assert opened.distribution.reference.commit == moved


def test_a_commit_is_built_once(opener: Opener, dynamic_tree: Path, commit: Callable[..., str]) -> None:
    commit(dynamic_tree)
    at = DirectReference(kind=ReferenceKind.GIT, url=dynamic_tree.as_uri())
    first = opener.open(at)
    assert opener.open(at).metadata.requires == first.metadata.requires
    assert len([line for line in opener.said if line.startswith("running the build")]) == 1


def test_a_commit_is_built_again_where_its_tags_changed(
    opener: Opener, dynamic_tree: Path, commit: Callable[..., str]
) -> None:
    commit(dynamic_tree)
    at = DirectReference(kind=ReferenceKind.GIT, url=dynamic_tree.as_uri())
    opener.open(at)
    subprocess.run(["git", "tag", "v9"], cwd=dynamic_tree, check=True)
    opener.open(at)
    assert len([line for line in opener.said if line.startswith("running the build")]) == 2


def test_a_repository_without_network(
    session: Session, cache: Cache, index: Index, tree: Path, commit: Callable[..., str]
) -> None:
    first = commit(tree)
    at = DirectReference(kind=ReferenceKind.GIT, url=tree.as_uri())
    with pytest.raises(SourceError, match=r"offline, and .* is not in the cache"):
        Opener(session, cache, index, offline=True).open(at)
    Opener(session, cache, index).open(at)
    opened = Opener(session, cache, index, offline=True).open(at)
    assert opened.distribution.reference is not None
    assert opened.distribution.reference.commit == first


def test_submodules_come_along(
    opener: Opener, tree: Path, tmp_path: Path, commit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text(STATIC.replace("Demo_Tool", "inner"))
    commit(inner)
    commit(tree)
    # Git trusts no submodule on a disk unless it is told to.
    for name, value in {"COUNT": "1", "KEY_0": "protocol.file.allow", "VALUE_0": "always"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    subprocess.run(
        ["git", "submodule", "add", inner.as_uri(), "inner"], cwd=tree, check=True, capture_output=True
    )
    commit(tree)
    at = DirectReference(kind=ReferenceKind.GIT, url=tree.as_uri(), subdirectory="inner")
    opened = Opener(Session({}), Cache(tmp_path / "other"), Index(tmp_path / "none")).open(at)
    assert opened.distribution.name == "inner"


def test_credentials_leave_git_the_settings_of_the_environment(
    session: Session,
    cache: Cache,
    index: Index,
    tree: Path,
    commit: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit(tree)
    alias = "https://index.example/demo"
    settings = {"COUNT": "1", "KEY_0": f"url.{tree.as_uri()}.insteadOf", "VALUE_0": alias}
    for name, value in settings.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    at = DirectReference(kind=ReferenceKind.GIT, url=alias, credentials=("me", "hush-hush"))
    assert Opener(session, cache, index).open(at).distribution.name == "demo-tool"


def test_a_repository_that_is_not_there_and_no_password_in_what_is_said(opener: Opener) -> None:
    at = DirectReference(
        kind=ReferenceKind.GIT, url="http://127.0.0.1:9/demo", credentials=("me", "hush-hush")
    )
    with pytest.raises(SourceError, match=r"git could not fetch http://127\.0\.0\.1:9/demo") as caught:
        opener.open(at)
    assert "hush" not in f"{caught.value.message}{caught.value.details}"


def test_no_git(
    session: Session, cache: Cache, index: Index, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    opener = Opener(session, cache, index)
    with pytest.raises(EnvfitError, match="needs git, and there is none"):
        opener.open(DirectReference(kind=ReferenceKind.GIT, url=tree.as_uri()))
