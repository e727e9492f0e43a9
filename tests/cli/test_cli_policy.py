"""Which files and versions are used, where the standards leave a choice: docs/reference/policy.md."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
import tomli

from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_sdist, make_wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NONE = ("--gpu", "none", "--python", "3.11")


@pytest.fixture
def own(bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    return bare_envfit


def files(envfit: CommandLine) -> dict[str, str]:
    lock = tomli.loads((envfit.cwd / "pylock.toml").read_text())
    found = {}
    for package in lock["packages"]:
        file = package.get("sdist") or package["wheels"][0]
        found[package["name"]] = file["name"]
    return found


def test_what_an_index_quarantines_is_not_used(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "lib", "1.0")
    own_index.project_status["lib"] = ("quarantined", "it steals")
    assert "lib 1.0: it is quarantined by its index" in own("lock", "lib", *NONE, code=1).err


def test_a_quarantined_project_without_files_is_named_as_such(own: CommandLine, own_index: Index) -> None:
    own_index.directory.mkdir(exist_ok=True)
    own_index.project_status["lib"] = ("quarantined", "it steals")
    assert "lib has no files, it is quarantined: it steals" in own("lock", "lib", *NONE, code=2).err


@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_what_is_archived_or_deprecated_is_used_with_a_note(
    own: CommandLine, own_index: Index, status: str
) -> None:
    make_wheel(own_index.directory, "app", "1.0", requires=["lib"])
    make_wheel(own_index.directory, "lib", "1.0")
    own_index.project_status["lib"] = (status, "use libre")
    answer = own("lock", "app", *NONE, "--json")
    assert answer.data["notes"] == [f"lib is {status} on its index: use libre"]
    assert f"note: lib is {status} on its index: use libre" in own("lock", "app", *NONE).err


def test_the_higher_build_tag(own: CommandLine, own_index: Index) -> None:
    for build in ("1", "2a", "10", None):
        make_wheel(own_index.directory, "lib", "1.0", build=build)
    own("lock", "lib", *NONE)
    assert files(own) == {"lib": "lib-1.0-10-py3-none-any.whl"}


def test_the_wheel_that_fits_best_and_a_wheel_before_a_source(own: CommandLine, own_index: Index) -> None:
    make_sdist(own_index.directory, "lib", "1.0")
    make_wheel(own_index.directory, "lib", "1.0", tags="py3-none-any")
    make_wheel(own_index.directory, "lib", "1.0", tags="cp311-abi3-manylinux_2_17_x86_64")
    make_wheel(own_index.directory, "lib", "1.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    make_wheel(own_index.directory, "lib", "1.0", tags="cp312-cp312-manylinux_2_28_x86_64")
    own("lock", "lib", *NONE)
    assert files(own) == {"lib": "lib-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"}


def test_a_newer_source_before_an_older_wheel(own: CommandLine, own_index: Index) -> None:
    make_sdist(own_index.directory, "lib", "2.0")
    make_wheel(own_index.directory, "lib", "1.0")
    own("lock", "lib", *NONE)
    assert files(own) == {"lib": "lib-2.0.tar.gz"}
    own("lock", "lib", *NONE, "--no-build", "--upgrade")
    assert files(own) == {"lib": "lib-1.0-py3-none-any.whl"}


def test_an_upper_bound_of_requires_python_counts(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "lib", "2.0", requires_python=">=3.8,<3.11")
    make_wheel(own_index.directory, "lib", "1.0", requires_python=">=3.8,<4")
    answer = own("lock", "lib", *NONE)
    assert files(own) == {"lib": "lib-1.0-py3-none-any.whl"}
    assert "why not newer: lib 2.0: it requires Python <3.11,>=3.8" in answer.err


def test_the_file_name_decides_where_the_tags_inside_say_otherwise(
    own: CommandLine, own_index: Index
) -> None:
    """As for pip and uv: neither reads WHEEL before it has chosen."""
    inside = make_wheel(own_index.directory, "lib", "1.0", tags="cp312-cp312-manylinux_2_28_x86_64")
    inside.rename(inside.with_name("lib-1.0-py3-none-any.whl"))
    own("lock", "lib", *NONE)
    assert files(own) == {"lib": "lib-1.0-py3-none-any.whl"}
    other = make_wheel(own_index.directory, "native", "1.0", tags="py3-none-any")
    other.rename(other.with_name("native-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"))
    assert "has no file for CPython 3.11" in own("lock", "native", *NONE, code=1).err


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (b"Name: other\nVersion: 2.0\n", "its metadata is that of other"),
        (b"Name: lib\nVersion: 3.0\n", "its metadata is that of version 3.0"),
        (b"Name: lib\nVersion: 2.0\nRequires-Dist: numpy (>=1.9.*)\n", "is malformed"),
        (b"Name: lib\n", "states no name or no version"),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_wrong_metadata_rejects_one_file(
    own: CommandLine, own_index: Index, metadata: bytes, why: str, beside: bool
) -> None:
    own_index.core_metadata = beside
    make_wheel(own_index.directory, "lib", "2.0", metadata=b"Metadata-Version: 2.1\n" + metadata)
    make_wheel(own_index.directory, "lib", "1.0")
    answer = own("lock", "lib", *NONE)
    assert files(own) == {"lib": "lib-1.0-py3-none-any.whl"}
    assert why in answer.err


def test_an_upload_after_the_date_does_not_exist(own: CommandLine, own_index: Index) -> None:
    for version, uploaded in (("1.0", "2026-01-31T23:59:59Z"), ("2.0", "2026-02-01T00:00:00Z")):
        path = make_wheel(own_index.directory, "lib", version)
        own_index.upload_times[path.name] = uploaded
    own("lock", "lib", *NONE, "--exclude-newer", "2026-01-31")
    assert files(own) == {"lib": "lib-1.0-py3-none-any.whl"}


# -- several Pythons ----------------------------------------------------------


def test_of_several_pythons_the_one_that_serves_best_what_is_named(
    own: CommandLine, own_index: Index
) -> None:
    make_wheel(own_index.directory, "app", "2.0", requires_python="<3.13")
    make_wheel(own_index.directory, "app", "1.0")
    answer = own("lock", "app", "--gpu", "none", "--python", ">=3.11,<3.14")
    assert "why not Python 3.13: app would be 1.0 instead of 2.0" in answer.err
    lock = tomli.loads((own.cwd / "pylock.toml").read_text())
    assert lock["requires-python"] == "==3.12.*"
    assert lock["tool"]["envfit"]["pythons-not-taken"] == [
        {"python": "3.13", "why": "app would be 1.0 instead of 2.0"}
    ]
    data = own("lock", "app", "--gpu", "none", "--python", ">=3.11,<3.14", "--json").data
    assert data["pythons-not-taken"] == [{"python": "3.13", "why": "app would be 1.0 instead of 2.0"}]
    assert data["changed"] is False


def test_requires_python_bounds_the_range(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0")
    project = own.cwd / "pyproject.toml"
    project.write_text('[project]\nname = "x"\nrequires-python = "<3.12"\ndependencies = ["app"]\n')
    own("lock", "--gpu", "none", "--python", ">=3.10")
    assert tomli.loads((own.cwd / "pylock.toml").read_text())["requires-python"] == "==3.11.*"
    answer = own("lock", "--gpu", "none", "--python", ">=3.12", code=2)
    assert "no known Python is admitted by >=3.12 and by requires-python <3.12" in answer.err


def test_a_range_that_is_none(own: CommandLine) -> None:
    answer = own("lock", "app", "--gpu", "none", "--python", ">=three", code=2)
    assert "'>=three' is not a Python such as 3.12, nor a range such as >=3.10" in answer.err


def test_a_name_that_only_an_older_python_needs_does_not_choose_it(
    own: CommandLine, own_index: Index
) -> None:
    for name in ("app", "tomli"):
        make_wheel(own_index.directory, name, "1.0")
    own("lock", "app", "tomli ; python_version < '3.11'", "--gpu", "none", "--python", ">=3.10,<3.14")
    assert tomli.loads((own.cwd / "pylock.toml").read_text())["requires-python"] == "==3.13.*"


def test_several_pythons_keep_the_versions_of_the_lock(own: CommandLine, own_index: Index) -> None:
    asked = ("lock", "app", "--gpu", "none", "--python", ">=3.11,<3.14")
    make_wheel(own_index.directory, "app", "1.0")
    own(*asked)
    make_wheel(own_index.directory, "app", "2.0")
    shutil.rmtree(os.environ["ENVFIT_CACHE_DIR"])
    assert "pylock.toml is unchanged" in own(*asked).out
    own(*asked, "--upgrade-package", "app")
    assert files(own) == {"app": "app-2.0-py3-none-any.whl"}
    assert tomli.loads((own.cwd / "pylock.toml").read_text())["requires-python"] == "==3.13.*"


def test_no_newer_release_is_built_to_ask_for_an_extra(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0")
    make_sdist(own_index.directory, "app", "2.0", dynamic=["Requires-Dist"], extras={"fast": ["lib"]})
    assert "running the build" not in own("lock", "app[fast]<2", *NONE).err


# -- add ----------------------------------------------------------------------


@pytest.fixture
def library(own_index: Index) -> Index:
    for name in ("app", "more", "lib"):
        for version in ("1.0", "2.0"):
            make_wheel(own_index.directory, name, version, requires=["lib"] if name != "lib" else [])
    return own_index


def test_add_keeps_target_versions_and_what_was_asked_for(own: CommandLine, library: Index) -> None:
    (own.cwd / "bounds.txt").write_text("more<2\n")
    own("lock", "app<2", "-c", "bounds.txt", *NONE)
    for name in ("app", "lib"):
        make_wheel(library.directory, name, "1.5")
    make_wheel(library.directory, "lib", "3.0")
    answer = own("add", "more")
    assert files(own) == {
        "app": "app-1.0-py3-none-any.whl",
        "lib": "lib-2.0-py3-none-any.whl",
        "more": "more-1.0-py3-none-any.whl",
    }
    assert "more 1.0" in answer.out
    told = tomli.loads((own.cwd / "pylock.toml").read_text())["tool"]["envfit"]
    assert told["requirements"] == ["app<2", "more"]
    assert told["constraints"] == ["more<2"]


def test_add_replaces_a_requirement_of_the_same_name(own: CommandLine, library: Index) -> None:
    own("lock", "app<2", *NONE)
    own("add", "app>=2")
    assert files(own)["app"] == "app-2.0-py3-none-any.whl"
    told = tomli.loads((own.cwd / "pylock.toml").read_text())["tool"]["envfit"]
    assert told["requirements"] == ["app>=2"]


def test_add_writes_into_the_project_and_leaves_the_rest_as_it_is(own: CommandLine, library: Index) -> None:
    project = own.cwd / "pyproject.toml"
    text = (
        '# mine\n[project]\nname = "x"\ndependencies = [\n    "app",  # the app\n]\n\n[tool.other]\na = 1\n'
    )
    project.write_text(text)
    own("lock", *NONE)
    answer = own("add", "more<2")
    assert "wrote pyproject.toml" in answer.out
    assert tomli.loads(project.read_text())["project"]["dependencies"] == ["app", "more<2"]
    for line in text.splitlines():
        assert line in project.read_text()
    assert "up to date" in own("lock", "--check").out


def test_add_writes_no_credentials_and_no_path_into_the_project(own: CommandLine, library: Index) -> None:
    project = own.cwd / "pyproject.toml"
    project.write_text('[project]\nname = "x"\ndependencies = ["app"]\n')
    own("lock", *NONE)
    make_wheel(own.cwd, "tool", "1.0")
    own("add", "./tool-1.0-py3-none-any.whl")
    assert 'name = "tool"' in (own.cwd / "pylock.toml").read_text()
    address = f"{library.root}/files/more-1.0-py3-none-any.whl"
    answer = own("add", f"more @ {address.replace('://', '://me:s3cret@')}")
    assert tomli.loads(project.read_text())["project"]["dependencies"] == ["app", f"more @ {address}"]
    assert "s3cret" not in answer.out + answer.err + (own.cwd / "pylock.toml").read_text()


def test_add_that_cannot_be_changes_nothing(own: CommandLine, library: Index) -> None:
    project = own.cwd / "pyproject.toml"
    project.write_text('[project]\nname = "x"\ndependencies = ["app"]\n')
    own("lock", *NONE)
    before = (project.read_bytes(), (own.cwd / "pylock.toml").read_bytes())
    own("add", "nowhere", code=2)
    own("add", "more>=9", code=1)
    assert (project.read_bytes(), (own.cwd / "pylock.toml").read_bytes()) == before


def test_add_without_a_lock(own: CommandLine) -> None:
    answer = own("add", "app", code=2)
    assert "there is no pylock.toml to add to" in answer.err
    assert "hint: make one: envfit lock app" in answer.err


def test_add_to_a_named_lock(own: CommandLine, library: Index) -> None:
    own("lock", "app", *NONE, "--target", "old")
    own("add", "more", "--target", "old")
    lock = tomli.loads((own.cwd / "pylock.old.toml").read_text())
    assert [package["name"] for package in lock["packages"]] == ["app", "lib", "more"]


def test_a_lock_that_keeps_its_versions_needs_no_metadata_of_newer_releases_offline(
    own: CommandLine, library: Index
) -> None:
    library.cache_control = "max-age=0"
    own("lock", "app", *NONE)
    newer = make_wheel(library.directory, "app", "3.0", requires=["lib"])
    # The listing becomes known, the metadata of 3.0 does not.
    library.break_off = {f"/files/{newer.name}": 99, f"/files/{newer.name}.metadata": 99}
    own("lock", "app<3", *NONE)
    answer = own("lock", "app", *NONE, "--offline")
    assert files(own)["app"] == "app-2.0-py3-none-any.whl"
    assert "offline" not in answer.err


def test_a_stale_lock_says_what_differs(own: CommandLine, library: Index) -> None:
    own("lock", "app<2", *NONE)
    answer = own("lock", "app>=2", "more", "--check", code=1)
    assert "stale: app 1.0 would be 2.0" in answer.err
    assert "stale: more is not in it" in answer.err
    assert "stale: requirements: not the same" in answer.err
    assert own("lock", "more", "--check", "--json", code=1).data["stale"][0] == "app is needed no more"


def test_a_package_of_an_index_that_is_not_named_again(
    own: CommandLine, library: Index, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    own("lock", "more", *NONE)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    answer = own("add", "lib", code=2)
    assert f"hint: the existing lock has more from {library.url}: --extra-index-url adds it" in answer.err


def test_no_build_is_run_for_a_way_out(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "2.0", requires=["lib==9"])
    make_wheel(own_index.directory, "lib", "1.0")
    make_sdist(own_index.directory, "app", "1.0", dynamic=["Requires-Dist"])
    refused = own("lock", "app>=2", *NONE, code=1).err
    assert "nothing satisfies app>=2" in refused
    assert "running the build" not in refused


def test_what_a_failed_build_printed_is_one_line_of_the_refusal(own: CommandLine, own_index: Index) -> None:
    broken = b"def prepare_metadata_for_build_wheel(*_):\n    raise RuntimeError('no compiler')\n"
    own_index.directory.mkdir(exist_ok=True)
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "broken"\nbackend-path = ["."]\n'
    make_sdist(
        own_index.directory,
        "lib",
        "1.0",
        dynamic=["Requires-Dist"],
        pyproject=pyproject,
        files={"broken.py": broken},
    )
    refused = own("lock", "lib", *NONE, "--python", PYTHON, code=1).err.partition("error: ")[2]
    (reason,) = (line for line in refused.splitlines() if line.startswith("  - lib 1.0"))
    assert reason.endswith("the build failed. RuntimeError: no compiler")
    assert "envfit-build-" not in refused
    whole = own("lock", "lib", *NONE, "--python", PYTHON, "-v", code=1).err.partition("error: ")[2]
    assert "Traceback" in whole
    assert "envfit-build-" not in whole


def test_where_no_python_will_do_the_one_with_a_way_out_is_explained(
    own: CommandLine, own_index: Index
) -> None:
    make_wheel(own_index.directory, "app", "2.0", requires=["lib==9"], tags="cp311-cp311-linux_x86_64")
    make_wheel(own_index.directory, "app", "1.0", tags="cp311-cp311-linux_x86_64")
    make_wheel(own_index.directory, "lib", "1.0")
    refused = own("lock", "app==2.0", "--gpu", "none", "--python", ">=3.10,<3.13", code=1).err
    assert "app 2.0: it requires lib==9" in refused
    assert "hint: with app==1.0 instead of app==2.0 this resolves" in refused
    assert "hint: this is about Python 3.11; it is refused on 3.12, 3.10, too" in refused
