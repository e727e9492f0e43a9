"""Prebuilt wheels of a release page: taken where they fit, never assumed, and never in the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import tomllib

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_install import run
from tests.cli.test_cli_reading import with_code
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_wheel

PAGES = "https://github.com/Dao-AILab/flash-attention/releases/download"
H100 = ("--gpu", "H100", "--driver", "580.95.05", "--glibc", "2.35", "--python", "3.11")
MODULES = {"flash_attn/__init__.py": b"", "flash_attn/flash_attn_interface.py": b""}


def put(
    releases: Path,
    label: str,
    *,
    release: str = "2.8.3",
    python: str = "311",
    code: tuple[str, ...] = ("80", "90"),
) -> Path:
    """Put a wheel on the release page as the workflow does: built, and renamed; its METADATA has no label."""
    folder = releases / f"v{release}"
    tags = f"cp{python}-cp{python}-linux_x86_64"
    wheel = make_wheel(folder, "flash-attn", release, requires=["torch", "einops"], tags=tags, files=MODULES)
    with_code(wheel, f"flash_attn_2_cuda.cpython-{python}-x86_64-linux-gnu.so", *code)
    return wheel.rename(folder / f"flash_attn-{release}+{label}-{tags}.whl")


@pytest.fixture
def releases(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in of the release pages, behind a mirror."""
    folder = tmp_path / "releases"
    folder.mkdir()
    index.trees["releases"] = folder
    monkeypatch.setenv("ENVFIT_MIRRORS", f"{PAGES}={index.root}/releases")
    monkeypatch.setenv("ENVFIT_FORGET", "1")
    return folder


def flash(envfit: CommandLine, name: str = "pylock.toml") -> dict:
    lock = tomllib.loads((envfit.cwd / name).read_text())
    return next(package for package in lock["packages"] if package["name"] == "flash-attn")


def asked(index: Index) -> list[tuple[str, str]]:
    """Return method and name of each request to the release pages."""
    return [(request.method, request.path.rpartition("/")[2]) for request in index.requests_for("/releases/")]


def test_the_wheel_that_matches_is_locked_with_its_hash(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    wheel = put(releases, "cu12torch2.8cxx11abiTRUE")
    put(releases, "cu12torch2.7cxx11abiTRUE")
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    found = flash(envfit)
    content = wheel.read_bytes()
    assert found["version"] == "2.8.3+cu12torch2.8cxx11abitrue"
    assert "marker" not in found
    assert "index" not in found
    assert found["archive"] == {
        "url": f"{PAGES}/v2.8.3/{wheel.name.replace('+', '%2B')}",
        "size": len(content),
        "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
    }
    assert {item["name"] for item in found["dependencies"]} == {"torch", "einops"}
    assert asked(index) == [("HEAD", wheel.name), ("GET", wheel.name)]
    assert f"downloading {wheel.name} (0 MB): its release page states no hash" in answer.err
    assert f"reading the GPU code in {wheel.name}" in answer.err
    assert "has not been read" not in answer.err
    assert "glibc 2.32 or newer" in answer.out + answer.err
    text = (envfit.cwd / "pylock.toml").read_text()
    assert "builds" not in text


def test_of_a_torch_that_no_wheel_is_for_it_is_built(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    envfit("lock", "torch", "flash-attn", *H100)
    found = flash(envfit)
    assert found["version"] == "2.8.3"
    assert "builds" in found["marker"]
    assert asked(index) == []  # torch was named first, and no wheel is for the newest that serves


def test_where_flash_attn_is_named_alone_the_wheel_decides_on_torch(
    envfit: CommandLine, releases: Path
) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    envfit("lock", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3+cu12torch2.8cxx11abitrue"
    lock = tomllib.loads((envfit.cwd / "pylock.toml").read_text())
    assert {package["version"] for package in lock["packages"] if package["name"] == "torch"} == {"2.8.0"}


def test_a_file_that_is_not_there_is_asked_for_and_passed_over(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    other = put(releases, "cu12torch2.8cxx11abiTRUE", python="312")
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3"
    assert "builds" in flash(envfit)["marker"]
    missing = other.name.replace("cp312", "cp311")
    assert f"note: there is no {missing} on its release page" in answer.err
    assert asked(index) == [("HEAD", missing)]


def test_a_wheel_with_the_other_abi_is_not_asked_for(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    for torch in ("2.8", "2.5"):
        put(releases, f"cu12torch{torch}cxx11abiFALSE")
    envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3"
    assert all("TRUE" in name for _, name in asked(index))


def test_a_server_that_does_not_answer_is_in_nobodys_way(
    envfit: CommandLine, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVFIT_MIRRORS", "https://github.com=http://127.0.0.1:9")
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3"
    assert answer.err.count("note: no prebuilt flash-attn is taken: ") == 1


def test_a_server_that_fails_midway_is_in_nobodys_way(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    wheel = put(releases, "cu12torch2.8cxx11abiTRUE")
    index.break_off[f"/releases/v2.8.3/{wheel.name}"] = 9
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3"
    assert f"note: {wheel.name} could not be fetched: " in answer.err


@pytest.mark.parametrize("way", ["option", "setting", "offline", "no-binary"])
def test_release_pages_are_left_alone_where_nobody_wants_them(
    envfit: CommandLine, index: Index, releases: Path, way: str
) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    envfit("lock", "torch==2.8.0", "flash-attn", *H100, "--no-prebuilt", "-o", "pylock.first.toml")
    words: tuple[str, ...] = ()
    if way == "setting":
        (envfit.cwd / "pyproject.toml").write_text(
            "[project]\nname = 'x'\nversion = '1'\ndependencies = ['torch==2.8.0', 'flash-attn']\n"
            "[tool.envfit]\nprebuilt = false\n"
        )
    else:
        option = {"option": "--no-prebuilt", "offline": "--offline", "no-binary": "--no-binary=flash-attn"}
        words = ("torch==2.8.0", "flash-attn", option[way])
    envfit("lock", *words, *H100)
    assert flash(envfit)["version"] == "2.8.3"
    assert asked(index) == []


def test_what_was_fetched_is_not_fetched_again(envfit: CommandLine, index: Index, releases: Path) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    words = ("lock", "torch==2.8.0", "flash-attn", *H100, "-o")
    envfit(*words, "pylock.one.toml")
    index.log.clear()
    envfit(*words, "pylock.two.toml")
    assert [method for method, _ in asked(index)] == ["HEAD"]
    index.log.clear()
    envfit(*words, "pylock.three.toml", "--offline")
    assert asked(index) == []
    texts = {(envfit.cwd / f"pylock.{name}.toml").read_text() for name in ("one", "two", "three")}
    assert len(texts) == 1


def test_a_lock_keeps_its_hash_and_notices_another_file(
    envfit: CommandLine, index: Index, releases: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = put(releases, "cu12torch2.8cxx11abiTRUE")
    envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    before = flash(envfit)
    monkeypatch.setenv("ENVFIT_CACHE_DIR", str(tmp_path / "another-cache"))
    index.log.clear()
    envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit) == before
    assert all(request.range for request in index.requests_for("/releases/") if request.method == "GET")
    wheel.write_bytes(wheel.read_bytes() + b"more")
    envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3"  # what the lock names is not there any more
    envfit("lock", "torch==2.8.0", "flash-attn", *H100, "--upgrade")
    assert flash(envfit)["archive"]["size"] == wheel.stat().st_size


def test_what_the_wheel_has_no_code_for_refuses_it(envfit: CommandLine, releases: Path) -> None:
    wheel = put(releases, "cu12torch2.8cxx11abiTRUE", code=("80",))
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    assert flash(envfit)["version"] == "2.8.3"
    assert f"reading the GPU code in {wheel.name}" in answer.err


def test_a_glibc_that_is_too_old_is_asked_for_nothing(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    old = ("--gpu", "H100", "--driver", "580.95.05", "--glibc", "2.31", "--python", "3.11")
    envfit("lock", "torch==2.8.0", "flash-attn", *old)
    assert flash(envfit)["version"] == "2.8.3"
    assert asked(index) == []


def test_on_volta_it_is_refused_as_ever(envfit: CommandLine, index: Index, releases: Path) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    volta = ("--gpu", "V100", "--driver", "580.95.05", "--glibc", "2.35", "--python", "3.11")
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *volta, code=1)
    assert "[flash-attn/ampere-or-newer]" in answer.err
    assert {method for method, _ in asked(index)} <= {"HEAD"}  # another GPU is a way out


def test_without_wheels_from_source_an_older_torch_is_the_way_out(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    words = ("lock", "torch==2.10.0", "flash-attn", *H100, "--only-binary", "flash-attn")
    answer = envfit(*words, code=1)
    assert "torch==2.8.0 instead of torch==2.10.0" in answer.err
    assert "2.8.3+cu12torch2.8cxx11abitrue" in answer.err
    # A way out that rests on a file that is not there is none.
    for file in releases.rglob("*.whl"):
        file.unlink()
    assert "instead of torch==2.10.0" not in envfit(*words, code=1).err
    assert {method for method, _ in asked(index)} == {"HEAD"}  # nothing is fetched for a way out


@pytest.mark.skipif(HERE != "3.11", reason="the wheels of the world are for Python 3.11")
def test_it_is_judged_and_installed_like_any_wheel(
    envfit: CommandLine, index: Index, releases: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = put(releases, "cu12torch2.8cxx11abiTRUE")
    envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    machine = H100[:4]
    assert "flash-attn" not in envfit("check", "pylock.toml", *H100[:6]).err
    wrong = envfit("check", "pylock.toml", *H100[:4], "--glibc", "2.28", code=1)
    assert "It is a prebuilt wheel, which needs __glibc>=2.32." in wrong.out + wrong.err
    dry = envfit("install", "--dry-run", *machine, "--prefix", "env")
    assert "would install 5 packages" in dry.out
    assert "build" not in dry.out + dry.err
    index.log.clear()
    envfit("install", *machine, "--prefix", "env")
    assert asked(index) == []  # the cache has it
    version = "import importlib.metadata as m; print(m.version('flash-attn'))"
    assert run(envfit.cwd / "env", version) == "2.8.3"
    monkeypatch.setenv("ENVFIT_CACHE_DIR", str(tmp_path / "another-cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-uv-cache"))
    envfit("install", *machine, "--prefix", "other")
    assert ("GET", wheel.name) in asked(index)  # else it comes from the page, here its mirror
    assert run(envfit.cwd / "other", version) == "2.8.3"
    assert not list((envfit.cwd / "env").rglob("flash_attn-*/direct_url.json"))  # it would name the cache
    assert "Since envfit installed" not in envfit("check", "env", "--quick", *machine).out
    exported = envfit("export", "--format", "requirements", "pylock.toml").out
    assert f"flash-attn @ {PAGES}/v2.8.3/{wheel.name.replace('+', '%2B')} \\\n    --hash=sha256:" in exported


def test_where_glibc_is_assumed_what_it_costs_is_told(
    envfit: CommandLine, index: Index, releases: Path
) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    answer = envfit("lock", "torch==2.8.0", "flash-attn", *H100[:4], "--python", "3.11")
    assert "the prebuilt wheels for torch 2.8 need glibc >=2.32, and 2.28 is only assumed" in answer.err
    assert asked(index) == []


def test_an_address_of_such_a_wheel_binds_torch_too(envfit: CommandLine, releases: Path) -> None:
    wheel = put(releases, "cu12torch2.8cxx11abiTRUE")
    address = f"{PAGES}/v2.8.3/{wheel.name.replace('+', '%2B')}"
    envfit("lock", "torch", f"flash-attn @ {address}", *H100)
    lock = tomllib.loads((envfit.cwd / "pylock.toml").read_text())
    versions = {package["name"]: package.get("version") for package in lock["packages"]}
    assert versions["torch"] == "2.8.0"
    assert versions["flash-attn"] == "2.8.3+cu12torch2.8cxx11abitrue"


def test_why_tells_what_it_is(envfit: CommandLine, releases: Path) -> None:
    put(releases, "cu12torch2.8cxx11abiTRUE")
    envfit("lock", "torch==2.8.0", "flash-attn", *H100)
    answer = envfit("why", "flash-attn")
    assert f"it is a prebuilt wheel from {PAGES}/v2.8.3, compiled for torch 2.8 with CUDA 12" in answer.out
