"""Locks made and installed through mirrors, with credentials, and without leaking any."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_install import run
from tests.cli.wheel_world import HERE
from tests.index.keyring import make_keyring
from tests.loopback import Index, make_sdist, make_wheel

CANONICAL = "https://index.example"
TARGET = ("--gpu", "none", "--python", HERE)
NONE = ("--gpu", "none")
SECRET = "s3cr3t-p@ss"
FORMS = (SECRET, "s3cr3t-p%40ss", base64.b64encode(f"me:{SECRET}".encode()).decode())


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The index that is configured cannot be reached, and uv has nothing in its cache."""
    monkeypatch.setenv("PIP_INDEX_URL", f"{CANONICAL}/simple/")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))


@pytest.fixture
def mirror(bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch) -> Index:
    """A mirror with two packages."""
    monkeypatch.setenv("PIP_INDEX_URL", f"{CANONICAL}/simple/")
    make_wheel(own_index.directory, "plain", "2.0", requires=["lib"])
    make_wheel(own_index.directory, "lib", "1.1")
    return own_index


def with_secret(url: str) -> str:
    return url.replace("http://", "http://me:s3cr3t-p%40ss@")


def leaks(directory: Path, *forms: str) -> list[str]:
    """Return the files below a directory that have one of some texts in them."""
    return [
        str(path)
        for path in directory.rglob("*")
        if path.is_file() and any(form.encode() in path.read_bytes() for form in forms)
    ]


def test_lock_and_install_through_a_mirror_with_every_bad_trait(
    bare_envfit: CommandLine, mirror: Index, tmp_path: Path
) -> None:
    mirror.credentials = ("me", SECRET)
    # HTML only, so neither size nor upload time; sidecars advertised and absent; neither ranges nor
    # HEAD; a slow first byte; pages redirected, and files to another origin.
    mirror.json = mirror.sidecars = mirror.ranges = mirror.head = False
    mirror.delay = 0.2
    mirror.pages["real/pages"] = mirror.directory
    mirror.redirects["/simple/"] = "/real/pages/"
    with Index(mirror.directory) as store:
        store.ranges = store.head = store.sidecars = False
        mirror.redirects["/files/"] = f"{store.root}/files/"
        option = ("--mirror", f"{CANONICAL}={with_secret(mirror.root)}")
        said = bare_envfit("lock", "plain", *TARGET, *option)
        asked = {(request.path.rpartition(".")[2], request.status) for request in store.log}
        assert asked == {("metadata", 404), ("whl", 200)}
        lock = (bare_envfit.cwd / "pylock.toml").read_text()
        assert re.findall(r'url = "(.*?)"', lock) == [
            f"{CANONICAL}/files/lib-1.1-py3-none-any.whl",
            f"{CANONICAL}/files/plain-2.0-py3-none-any.whl",
        ]
        assert set(re.findall(r'index = "(.*?)"', lock)) == {f"{CANONICAL}/simple/"}
        assert "size" not in lock
        installed = bare_envfit("install", *NONE, "--prefix", "env", *option)
        assert not any("authorization" in request.headers for request in store.log)
    assert "import plain works" in installed.out
    assert run(bare_envfit.cwd / "env", "import plain, lib; print(plain.__version__)") == "2.0"
    # The environment's record is the lock itself.
    assert (bare_envfit.cwd / "env" / "pylock.toml").read_text() == lock
    for form in (*FORMS, mirror.root):
        assert form not in said.out + said.err + installed.out + installed.err
    assert leaks(tmp_path, *FORMS) == []
    assert leaks(bare_envfit.cwd, mirror.root) == []


def test_a_lock_made_through_a_mirror_is_the_one_that_the_index_gives(
    bare_envfit: CommandLine, mirror: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(mirror.directory) as index:
        bare_envfit("lock", "plain", *TARGET, "--index-url", index.url)
        own = (bare_envfit.cwd / "pylock.toml").read_bytes()
        (bare_envfit.cwd / "pylock.toml").unlink()
        monkeypatch.setenv("ENVFIT_MIRRORS", f"{index.root}={mirror.root}")
        index.log.clear()
        bare_envfit("lock", "plain", *TARGET, "--index-url", index.url)
        assert (bare_envfit.cwd / "pylock.toml").read_bytes() == own
        # The mirror named as the index is the same again.
        bare_envfit("lock", "plain", *TARGET, "--index-url", mirror.url, "--check")
        assert index.log == []


@pytest.mark.parametrize("files_mapped", [True, False])
def test_a_lock_of_the_index_is_installed_from_a_mirror_with_another_layout(
    bare_envfit: CommandLine, mirror: Index, files_mapped: bool
) -> None:
    with Index(mirror.directory) as index:
        bare_envfit("lock", "plain", *TARGET, "--index-url", index.url)
        gone = index.root
    lock = (bare_envfit.cwd / "pylock.toml").read_text()
    mirror.pages["some/where/simple"] = mirror.directory
    table = (
        f'"{gone}" = "{mirror.root}/some/where"'
        if files_mapped
        else (f'"{gone}/simple" = "{mirror.root}/some/where/simple"')
    )
    (bare_envfit.cwd / "pyproject.toml").write_text(f"[tool.envfit.mirrors]\n{table}\n")
    bare_envfit("install", *NONE, "--prefix", "env")
    assert run(bare_envfit.cwd / "env", "import plain; print(plain.__version__)") == "2.0"
    assert (bare_envfit.cwd / "env" / "pylock.toml").read_text() == lock


def test_a_mirror_without_the_file_fails_before_anything_is_made(
    bare_envfit: CommandLine, mirror: Index
) -> None:
    with Index(mirror.directory) as index:
        bare_envfit("lock", "plain", *TARGET, "--index-url", index.url)
        gone = index.root
    (mirror.directory / "lib-1.1-py3-none-any.whl").unlink()
    option = ("--mirror", f"{gone}={with_secret(mirror.root)}")
    answer = bare_envfit("install", *NONE, "--prefix", "env", *option, code=3)
    assert f"the mirror at {mirror.url} does not have lib-1.1-py3-none-any.whl" in answer.err
    assert bare_envfit.files() == {"pylock.toml"}
    # The hash holds whatever the mirror says.
    make_wheel(mirror.directory, "lib", "1.1", files={"lib.py": b"evil = 1"})
    mirror.hashes = mirror.head = False
    answer = bare_envfit("install", *NONE, "--prefix", "env", *option, code=1)
    assert "mismatch for `lib==1.1`" in answer.err
    assert bare_envfit.files() == {"pylock.toml"}
    assert not any(form in answer.err for form in FORMS)


def test_builds_take_what_they_need_from_the_mirror(bare_envfit: CommandLine, mirror: Index) -> None:
    make_wheel(mirror.directory, "build-tool", "1.0")
    backend = (
        '[build-system]\nrequires = ["build-tool"]\nbuild-backend = "in_tree_backend"\nbackend-path = ["."]\n'
    )
    make_sdist(mirror.directory, "packed", "1.0", pyproject=backend, metadata_version="2.1", requires=["lib"])
    option = ("--mirror", f"{CANONICAL}={mirror.root}")
    bare_envfit("lock", "packed", *TARGET, *option)
    assert mirror.requests_for("/files/build_tool-1.0")
    mirror.log.clear()
    bare_envfit("install", *NONE, "--prefix", "env", *option)
    assert run(bare_envfit.cwd / "env", "import packed, lib; print(packed.__version__)") == "1.0"


def test_files_that_a_mirror_has_elsewhere_are_said_and_can_be_mapped(
    bare_envfit: CommandLine, mirror: Index
) -> None:
    with Index(mirror.directory) as store:
        mirror.redirects["/simple/"] = f"{store.root}/simple/"
        option = ("--mirror", f"{CANONICAL}={mirror.root}")
        answer = bare_envfit("lock", "plain", *TARGET, *option)
        assert f"note: the mirror names files at {store.root}, which no --mirror maps" in answer.err
        assert f'url = "{store.root}/files/' in (bare_envfit.cwd / "pylock.toml").read_text()
        answer = bare_envfit("lock", "plain", *TARGET, *option, "--mirror", f"{CANONICAL}={store.root}")
        assert "note: " not in answer.err
        assert store.root not in (bare_envfit.cwd / "pylock.toml").read_text()
        assert mirror.root not in (bare_envfit.cwd / "pylock.toml").read_text()


def test_what_is_no_mapping_is_wrong_usage(bare_envfit: CommandLine) -> None:
    for command in (("lock", "plain"), ("install",)):
        (bare_envfit.cwd / "pylock.toml").write_text(
            'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n'
        )
        answer = bare_envfit(*command, *NONE, "--mirror", f"http://me:{SECRET}@mirror.example", code=2)
        assert "is not CANONICAL=MIRROR" in answer.err
        assert SECRET not in answer.err


def test_a_mirror_without_hashes_gives_the_same_lock(
    bare_envfit: CommandLine, mirror: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    option = ("--mirror", f"{CANONICAL}={mirror.root}")
    bare_envfit("lock", "plain", *TARGET, *option)
    lock = (bare_envfit.cwd / "pylock.toml").read_bytes()
    (bare_envfit.cwd / "pylock.toml").unlink()
    mirror.hashes = False
    monkeypatch.setenv("ENVFIT_CACHE_DIR", str(tmp_path / "another-cache"))
    answer = bare_envfit("lock", "plain", *TARGET, *option)
    assert f"note: {CANONICAL}/simple/ states no hashes of files" in answer.err
    assert (bare_envfit.cwd / "pylock.toml").read_bytes() == lock


def test_the_pytorch_index_may_be_mirrored(
    bare_envfit: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("ENVFIT_MIRRORS", f"https://download.pytorch.org={index.root}")
    bare_envfit("lock", "torch", "--gpu", "V100", "--driver", "580.95.05", "--pytorch-index")
    lock = (bare_envfit.cwd / "pylock.toml").read_text()
    assert 'index = "https://download.pytorch.org/whl/cu126/"' in lock
    assert 'url = "https://download.pytorch.org/files/torch-2.14.1%2Bcu126-' in lock


def test_an_index_that_would_do_is_tried_before_it_is_told(
    bare_envfit: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("ENVFIT_MIRRORS", f"https://download.pytorch.org={index.root}")
    v100 = ("--gpu", "V100", "--driver", "580.95.05")
    refused = bare_envfit("lock", "torch>=2.11", *v100, "--json", code=1).data
    assert refused["ways-out"][0] == {
        "kind": "index",
        "says": "with --pytorch-index this resolves to torch 2.14.1+cu126",
        "instead-of": None,
        "write": None,
        "options": ["--pytorch-index"],
        "outcome": {"torch": "2.14.1+cu126"},
    }
    assert refused["better-builds"] == []
    bare_envfit("lock", "torch>=2.11", *v100, *refused["ways-out"][0]["options"])
    offline = bare_envfit("lock", "torch>=2.11", *v100, "--offline", "--json", "--upgrade", code=1).data
    assert [better["version"] for better in offline["better-builds"]] == ["2.14.1+cu126"]
    assert all(way["kind"] != "index" for way in offline["ways-out"])


# -- credentials --------------------------------------------------------------


@pytest.mark.parametrize("where", ["address", "netrc", "keyring", "keyring after a refusal"])
def test_lock_and_install_from_an_index_that_wants_credentials(
    bare_envfit: CommandLine,
    own_index: Index,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    where: str,
) -> None:
    make_wheel(own_index.directory, "plain", "2.0", requires=["lib"])
    make_wheel(own_index.directory, "lib", "1.1")
    own_index.credentials = ("me", SECRET)
    # Of these, the stand-ins have to know the password.
    known, url = {tmp_path / "bin" / "keyring", tmp_path / "home" / ".netrc"}, own_index.url
    if where == "address":
        url = with_secret(url)
    elif where == "netrc":
        netrc = tmp_path / "home" / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
        netrc.chmod(0o600)
    else:
        keyring = make_keyring(tmp_path / "bin", url, "me", SECRET)
        monkeypatch.setenv("PATH", str(keyring.directory), prepend=":")
        if where == "keyring":
            url = url.replace("http://", "http://me@")
        else:
            monkeypatch.setenv("PIP_KEYRING_PROVIDER", "subprocess")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    said = bare_envfit("lock", "plain", *TARGET)
    installed = bare_envfit("install", *NONE, "--prefix", "env")
    assert run(bare_envfit.cwd / "env", "import plain; print(plain.__version__)") == "2.0"
    assert set(leaks(tmp_path, *FORMS)) <= set(map(str, known))
    assert not any(form in said.out + said.err + installed.out + installed.err for form in FORMS)


def test_an_index_that_refuses_says_what_to_do_and_shows_no_password(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own_index.credentials = ("me", "another")
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    answer = bare_envfit("lock", "plain", *TARGET, code=3)
    assert "answered 401" in answer.err
    assert "hint: put them into ~/.netrc: machine 127.0.0.1 login USER password PASSWORD" in answer.err
    monkeypatch.setenv("PIP_INDEX_URL", with_secret(own_index.url))
    for words in ((), ("--json",)):
        answer = bare_envfit("lock", "plain", *TARGET, *words, code=3)
        assert "were refused" in answer.out + answer.err
        assert not any(form in answer.out + answer.err for form in FORMS)
    assert leaks(tmp_path, *FORMS) == []


def test_a_direct_reference_is_fetched_from_a_mirror_too(
    bare_envfit: CommandLine, mirror: Index, tmp_path: Path
) -> None:
    mirror.credentials = ("me", SECRET)
    option = ("--mirror", f"{CANONICAL}={with_secret(mirror.root)}")
    address = f"{CANONICAL}/files/lib-1.1-py3-none-any.whl"
    bare_envfit("lock", f"lib @ {address}", *TARGET, *option)
    assert f'url = "{address}"' in (bare_envfit.cwd / "pylock.toml").read_text()
    bare_envfit("install", *NONE, "--prefix", "env", *option)
    assert run(bare_envfit.cwd / "env", "import lib; print(lib.__version__)") == "1.1"
    assert leaks(tmp_path, *FORMS) == []


def test_an_index_of_uv_that_alone_serves_a_name_is_given_its_credentials(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_wheel(own_index.directory, "plain", "2.0")
    own_index.credentials = ("me", SECRET)
    monkeypatch.delenv("UV_NO_CONFIG")
    monkeypatch.setenv("UV_INDEX_CORP_USERNAME", "me")
    monkeypatch.setenv("UV_INDEX_CORP_PASSWORD", SECRET)
    (bare_envfit.cwd / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\ndependencies = ["plain"]\n'
        '[tool.uv.sources]\nplain = { index = "corp" }\n'
        f'[[tool.uv.index]]\nname = "corp"\nurl = "{own_index.url}"\nexplicit = true\n'
    )
    bare_envfit("lock", *TARGET)
    bare_envfit("install", *NONE, "--prefix", "env")
    assert run(bare_envfit.cwd / "env", "import plain; print(plain.__version__)") == "2.0"
    assert leaks(tmp_path, *FORMS) == []
