"""Packages that are named by an address, a path or a repository, from the command line to the import."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

NO_GPU = ("--gpu", "none", "--python", f"{sys.version_info.major}.{sys.version_info.minor}")

# A back end without requirements: an editable install is a path in a .pth file.
BACKEND = """\
import pathlib, zipfile
NAME = "tool"
FOLDER = f"{NAME}-2.0.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: tool\\nVersion: 2.0\\nRequires-Dist: helper>=1\\n"
def _wheel(directory, files):
    filename = f"{NAME}-2.0-py3-none-any.whl"
    files |= {f"{FOLDER}/METADATA": METADATA, f"{FOLDER}/WHEEL":
              "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    files[f"{FOLDER}/RECORD"] = "".join(f"{name},,\\n" for name in files)
    with zipfile.ZipFile(pathlib.Path(directory, filename), "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return filename
def build_wheel(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {"tool.py": pathlib.Path("tool.py").read_text()})
def build_editable(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {"tool.pth": str(pathlib.Path.cwd()) + "\\n"})
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose metadata only a build states."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "tool.py").write_text("import helper\n")
    (folder / "back.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
    )
    return folder


@pytest.fixture
def helper(own_index: Index, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    make_wheel(own_index.directory, "helper", "1.0")
    return make_wheel(own_index.directory / "elsewhere", "helper", "1.1")


def packages(envfit: CommandLine) -> dict[str, dict[str, object]]:
    lock = tomli.loads((envfit.cwd / "pylock.toml").read_text())
    return {package["name"]: package for package in lock["packages"]}


def test_a_checkout_is_locked_by_its_path_and_installed(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    said = bare_envfit("lock", "../checkout", *NO_GPU).err
    assert f"running the build of {checkout.as_uri()}" in said
    locked = packages(bare_envfit)
    assert locked["tool"]["directory"] == {"path": "../checkout"}
    assert "version" not in locked["tool"]
    assert locked["helper"]["version"] == "1.0"
    answer = bare_envfit("install", "--prefix", "env", "--gpu", "none")
    assert "import tool works" in answer.out
    found = subprocess.run(
        [bare_envfit.cwd / "env" / "bin" / "python", "-c", "import tool; print(tool.__file__)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(bare_envfit.cwd)


def test_an_editable_checkout_stays_where_it_is(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    (bare_envfit.cwd / "requirements.txt").write_text("-e ../checkout\n")
    bare_envfit("lock", "-r", "requirements.txt", *NO_GPU)
    assert packages(bare_envfit)["tool"]["directory"] == {"path": "../checkout", "editable": True}
    bare_envfit("install", "--prefix", "env", "--gpu", "none")
    found = subprocess.run(
        [bare_envfit.cwd / "env" / "bin" / "python", "-c", "import tool; print(tool.__file__)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(checkout / "tool.py")


def test_a_repository_is_locked_to_its_commit(bare_envfit: CommandLine, checkout: Path, helper: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
    for words in (["init"], ["add", "-A"], ["commit", "-m", "x"]):
        subprocess.run([*git, *words], cwd=checkout, check=True, capture_output=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True
    ).stdout.strip()
    bare_envfit("lock", f"tool @ git+{checkout.as_uri()}@main", *NO_GPU)
    assert packages(bare_envfit)["tool"]["vcs"] == {
        "type": "git",
        "url": checkout.as_uri(),
        "requested-revision": "main",
        "commit-id": commit,
    }
    assert "import tool works" in bare_envfit("install", "--prefix", "env", "--gpu", "none").out
    exported = bare_envfit("export").out
    assert f"tool @ git+{checkout.as_uri()}@{commit}\n" in exported
    assert "# without hashes, since none is known of a source tree: tool\n" in exported


def test_a_wheel_by_address_and_by_path_is_locked_by_its_hash(
    bare_envfit: CommandLine, helper: Path, own_index: Index
) -> None:
    digest = {"sha256": hashlib.sha256(helper.read_bytes()).hexdigest()}
    url = f"{own_index.root}/files/{helper.name}"
    helper.rename(own_index.directory / helper.name)
    bare_envfit("lock", f"helper @ {url}", *NO_GPU)
    archive = packages(bare_envfit)["helper"]["archive"]
    assert isinstance(archive, dict)
    assert (archive["url"], archive["hashes"]) == (url, digest)
    (own_index.directory / helper.name).rename(bare_envfit.cwd / helper.name)
    bare_envfit("lock", f"./{helper.name}", *NO_GPU, "--upgrade")
    archive = packages(bare_envfit)["helper"]["archive"]
    assert isinstance(archive, dict)
    assert (archive["path"], archive["hashes"]) == (helper.name, digest)
    assert "import helper works" in bare_envfit("install", "--prefix", "env", "--gpu", "none").out


def test_what_is_named_by_address_serves_everybody(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    bare_envfit("lock", "../checkout", f"helper @ {helper.as_uri()}", *NO_GPU)
    assert packages(bare_envfit)["helper"]["version"] == "1.1"


def test_an_address_that_does_not_fit_what_another_requires(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    old = make_wheel(checkout.parent, "helper", "0.5")
    answer = bare_envfit("lock", "../checkout", str(old), *NO_GPU, code=1)
    assert "helper" in answer.err
    assert not (bare_envfit.cwd / "pylock.toml").exists()


def test_two_addresses_of_one_name(bare_envfit: CommandLine, helper: Path) -> None:
    other = make_wheel(helper.parent / "other", "helper", "1.2")
    answer = bare_envfit("lock", str(helper), str(other), *NO_GPU, code=2)
    assert "helper is asked for from" in answer.err


def test_a_name_that_is_not_the_one_at_its_address(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    answer = bare_envfit("lock", f"other @ {checkout.as_uri()}", *NO_GPU, code=2)
    assert "is called other, and what is there is tool" in answer.err


def test_no_build_leaves_a_dynamic_checkout_unopened(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    answer = bare_envfit("lock", "../checkout", "--no-build", *NO_GPU, code=2)
    assert "--no-build is given" in answer.err


def test_another_packages_address_is_not_followed_unless_the_user_names_it(
    bare_envfit: CommandLine, helper: Path, own_index: Index
) -> None:
    make_wheel(own_index.directory, "app", "1.0", requires=[f"helper @ {helper.as_uri()}"])
    answer = bare_envfit("lock", "app", *NO_GPU, code=1)
    assert "requires helper from an address" in answer.err
    bare_envfit("lock", "app", f"helper @ {helper.as_uri()}", *NO_GPU)
    assert packages(bare_envfit)["helper"]["version"] == "1.1"


def test_what_a_package_writes_into_an_address_is_not_repeated(
    bare_envfit: CommandLine, helper: Path, own_index: Index
) -> None:
    make_wheel(own_index.directory, "app", "1.0", requires=["x @ git+https://me:hush-hush@index.example/x"])
    answer = bare_envfit("lock", "app", *NO_GPU, code=1)
    assert "requires x from an address, git+https://***@index.example/x" in answer.err
    bare_envfit("lock", "helper", "--if-supported", "app", *NO_GPU)
    assert "hush" not in (bare_envfit.cwd / "pylock.toml").read_text()


@pytest.mark.parametrize("override", ["helper==1.0", "helper @ {other}"])
def test_an_override_stands_in_the_place_of_addresses(
    bare_envfit: CommandLine, helper: Path, own_index: Index, override: str
) -> None:
    other = make_wheel(helper.parent / "other", "helper", "1.0", requires_python=">=3")
    tool = make_wheel(helper.parent, "tool", "1.0", requires=[f"helper @ {helper.as_uri()}"])
    overrides = bare_envfit.cwd / "overrides.txt"
    overrides.write_text(override.format(other=other.as_uri()) + "\n")
    asked = (str(tool), f"helper @ {helper.as_uri()}")
    bare_envfit("lock", *asked, "--override", overrides, *NO_GPU)
    locked = packages(bare_envfit)["helper"]
    assert locked["version"] == "1.0"
    assert ("archive" in locked) is ("@" in override)


def test_an_excluded_name_is_not_fetched_from_an_address(bare_envfit: CommandLine, helper: Path) -> None:
    tool = make_wheel(helper.parent, "tool", "1.0", requires=["helper @ https://index.example/helper.zip"])
    bare_envfit("lock", str(tool), "--exclude", "helper", *NO_GPU)
    assert set(packages(bare_envfit)) == {"tool"}


def test_an_address_that_was_locked_says_nothing_of_releases(
    bare_envfit: CommandLine, helper: Path, own_index: Index
) -> None:
    early = make_wheel(helper.parent, "helper", "2.0rc1")
    make_wheel(own_index.directory, "helper", "2.0rc1")
    bare_envfit("lock", str(early), *NO_GPU)
    bare_envfit("lock", "helper", *NO_GPU)
    assert packages(bare_envfit)["helper"]["version"] == "1.0"


def test_a_package_from_an_address_may_be_upgraded(bare_envfit: CommandLine, helper: Path) -> None:
    for _ in range(2):
        bare_envfit("lock", str(helper), *NO_GPU, "--upgrade-package", "helper")


def test_a_hash_in_the_address_that_another_package_requires_holds(
    bare_envfit: CommandLine, helper: Path, own_index: Index
) -> None:
    address = f"{helper.as_uri()}#sha256={'0' * 64}"
    make_wheel(own_index.directory, "app", "1.0", requires=[f"helper @ {address}"])
    answer = bare_envfit("lock", "app", f"helper @ {helper.as_uri()}", *NO_GPU, code=1)
    assert f"requires helper from an address, {address}" in answer.err


@pytest.mark.parametrize("moved", ["the directory", "the lock"])
def test_a_directory_that_is_not_where_the_lock_names_it(
    bare_envfit: CommandLine, checkout: Path, helper: Path, moved: str
) -> None:
    bare_envfit("lock", "../checkout", *NO_GPU)
    lock = bare_envfit.cwd / "pylock.toml"
    if moved == "the directory":
        checkout.rename(checkout.with_name("away"))
    else:
        (bare_envfit.cwd / "deep").mkdir()
        lock = lock.rename(bare_envfit.cwd / "deep" / "pylock.toml")
    named = (lock.parent.parent / "checkout").resolve()
    answer = bare_envfit("install", lock, "--prefix", "env", "--gpu", "none", code=3)
    assert f"error: tool is locked as {named}, and there is nothing" in answer.err
    assert "env" not in bare_envfit.files()


def test_a_commit_that_is_gone(bare_envfit: CommandLine, checkout: Path, helper: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init"], ["add", "-A"], ["commit", "-m", "x"]):
        subprocess.run([*git, *words], cwd=checkout, check=True, capture_output=True)
    bare_envfit("lock", f"tool @ git+{checkout.as_uri()}", *NO_GPU)
    vcs = packages(bare_envfit)["tool"]["vcs"]
    assert isinstance(vcs, dict)
    lock = bare_envfit.cwd / "pylock.toml"
    lock.write_text(lock.read_text().replace(vcs["commit-id"], "a" * 40))
    answer = bare_envfit("install", "--prefix", "env", "--gpu", "none", code=3)
    assert f"failed to fetch commit `{'a' * 40}`" in answer.err
    assert "env" not in bare_envfit.files()


def test_a_local_version_in_an_address(bare_envfit: CommandLine, own_index: Index) -> None:
    wheel = make_wheel(own_index.directory, "app", "2.0+cu126")
    address = f"{own_index.root}/files/{wheel.name.replace('+', '%2B')}?from=here"
    bare_envfit("lock", f"app @ {address}", *NO_GPU)
    assert packages(bare_envfit)["app"]["version"] == "2.0+cu126"
    assert "import app works" in bare_envfit("install", "--prefix", "env", "--gpu", "none").out
    assert f"app @ {address}" in bare_envfit("export").out


def test_credentials_of_an_address_are_nowhere(
    bare_envfit: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(tmp_path / "private", credentials=("me", "hush-hush")) as private:
        wheel = make_wheel(private.directory, "app", "1.0")
        address = f"{private.root}/files/{wheel.name}"
        said = bare_envfit("lock", f"app @ {address.replace('://', '://me:hush-hush@')}", *NO_GPU)
        refused = bare_envfit("install", "--prefix", "env", "--gpu", "none", code=3)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password hush-hush\n")
        monkeypatch.setenv("NETRC", str(netrc))
        installed = bare_envfit("install", "--prefix", "env", "--gpu", "none")
        netrc.unlink()
    assert "import app works" in installed.out
    assert "hush" not in "".join(one.out + one.err for one in (said, refused, installed))
    secrets = (b"hush-hush", base64.b64encode(b"me:hush-hush"))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_an_optional_package_does_not_say_where_others_are(
    bare_envfit: CommandLine, helper: Path, own_index: Index
) -> None:
    tool = make_wheel(helper.parent, "tool", "1.0", requires=[f"helper @ {helper.as_uri()}"])
    answer = bare_envfit("lock", "helper", "--if-supported", tool, *NO_GPU)
    assert f"tool 1.0: it requires helper from an address, {helper.as_uri()}" in answer.err
    assert packages(bare_envfit)["helper"]["version"] == "1.0"
    bare_envfit("lock", str(helper), "--if-supported", tool, *NO_GPU)
    assert {"helper", "tool"} == set(packages(bare_envfit))


def test_a_branch_stays_at_the_commit_of_the_lock_until_it_is_upgraded(
    bare_envfit: CommandLine, checkout: Path, helper: Path
) -> None:
    def commit(*words: str) -> str:
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
        for line in (["init"], ["add", "-A"], ["commit", "-m", "x", "--allow-empty"]):
            subprocess.run([*git, *line], cwd=checkout, check=True, capture_output=True)
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True)
        return found.stdout.decode().strip()

    def locked() -> object:
        repository = packages(bare_envfit)["tool"]["vcs"]
        assert isinstance(repository, dict)
        return repository["commit-id"]

    asked = ("lock", f"git+{checkout.as_uri()}@main", *NO_GPU)
    first = commit()
    bare_envfit(*asked)
    second = commit()
    bare_envfit(*asked)
    assert locked() == first
    bare_envfit(*asked, "--upgrade-package", "helper")
    assert locked() == first
    bare_envfit("add", "helper")
    assert locked() == first
    bare_envfit(*asked, "--upgrade-package", "tool")
    assert locked() == second
    third = commit()
    bare_envfit(*asked, "--upgrade")
    assert locked() == third
