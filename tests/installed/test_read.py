"""What a prefix is, and what is installed there, told from files alone."""

from __future__ import annotations

import json

import pytest
from packaging.version import Version

from envfit.errors import InputError
from envfit.installed.model import DeadPath, PrefixKind
from envfit.installed.read import is_environment, read_environment
from tests.installed.prefixes import conda, put, site, system, venv


def test_a_virtual_environment(tmp_path):
    prefix = venv(tmp_path / "env", python="3.11.9")
    put(
        site(prefix),
        "Demo_Package",
        "1.0",
        requires=["other>=2"],
        installer="uv",
        tags="cp311-cp311-linux_x86_64",
    )
    found = read_environment(prefix, {})
    assert (found.kind, found.python_version) == (PrefixKind.VENV, Version("3.11.9"))
    assert found.python == prefix / "bin" / "python"
    assert found.site_directories == found.own_directories == (site(prefix),)
    (demo,) = found.distributions
    assert (demo.name, demo.says, demo.installer) == ("demo-package", "1.0", "uv")
    assert demo.requires == ("other>=2",)
    assert demo.tags == ("cp311-cp311-linux_x86_64",)
    assert demo.has_metadata and demo.has_record


def test_a_full_version_as_the_standard_library_writes_it(tmp_path):
    prefix = venv(tmp_path / "env", python="3.12.1")
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.12.1.final.0\n")
    assert read_environment(prefix, {}).python_version == Version("3.12.1")


def test_a_conda_prefix_with_its_revision(tmp_path):
    prefix = conda(tmp_path / "env", python="3.10.14", revisions=3)
    found = read_environment(prefix, {})
    assert (found.kind, found.python_version, found.conda_revision) == (
        PrefixKind.CONDA,
        Version("3.10.14"),
        2,
    )


def test_a_system_python_tells_its_minor_version_and_who_owns_it(tmp_path):
    prefix = system(tmp_path / "usr", managed=True)
    debian = prefix / "lib" / "python3" / "dist-packages"
    debian.mkdir(parents=True)
    put(debian, "apt", "2.6")
    local = prefix / "local" / "lib" / "python3.11" / "dist-packages"
    local.mkdir(parents=True)
    put(local, "mine")
    found = read_environment(prefix, {})
    assert (found.kind, found.python_version) == (PrefixKind.SYSTEM, Version("3.11"))
    assert found.managed_outside.endswith("lib/python3.11/EXTERNALLY-MANAGED")
    own = {item.name: found.is_own(item) for item in found.distributions}
    assert own == {"apt": False, "mine": True}


def test_an_old_python_header_tells_the_patch_release(tmp_path):
    prefix = system(tmp_path / "usr")
    header = prefix / "include" / "python3.11" / "patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define PY_VERSION      \t"3.11.7+"\n')
    assert read_environment(prefix, {}).python_version == Version("3.11.7")


def test_envfits_own_versions(tmp_path):
    version = venv(tmp_path / ".asr.envfit" / "0001")
    (version / "pylock.toml").touch()
    (tmp_path / "asr").symlink_to(".asr.envfit/0001")
    found = read_environment(tmp_path / "asr", {})
    assert found.kind is PrefixKind.ENVFIT
    assert found.prefix == tmp_path / "asr"


def test_what_is_no_environment_is_refused(tmp_path):
    (tmp_path / "src").mkdir()
    assert not is_environment(tmp_path / "src")
    for path in (tmp_path / "src", tmp_path / "gone"):
        with pytest.raises(InputError, match="is no Python environment"):
            read_environment(path, {})


def test_pythonpath_and_the_users_own_site_come_first_where_they_are_read(tmp_path):
    home, extra = tmp_path / "home", tmp_path / "extra"
    own = home / ".local" / "lib" / "python3.11" / "site-packages"
    own.mkdir(parents=True)
    extra.mkdir()
    environ = {"HOME": str(home), "PYTHONPATH": f"{extra}:relative:{tmp_path / 'gone'}"}
    isolated = venv(tmp_path / "env")
    assert read_environment(isolated, environ).site_directories == (extra, site(isolated))
    kept = conda(tmp_path / "kept")
    assert read_environment(kept, environ).site_directories == (extra, own, site(kept))
    without = {**environ, "PYTHONNOUSERSITE": "1"}
    assert read_environment(kept, without).site_directories == (extra, site(kept))


def test_a_virtual_environment_that_is_open_to_its_base(tmp_path):
    base = system(tmp_path / "base")
    prefix = venv(tmp_path / "env", base=True)
    assert read_environment(prefix, {}).site_directories == (site(prefix), site(base))
    assert read_environment(prefix, {}).own_directories == (site(prefix),)


def test_pth_files_add_directories_with_what_is_installed_there(tmp_path):
    prefix = venv(tmp_path / "env")
    project = tmp_path / "project"
    (project / "demo.egg-info").mkdir(parents=True)
    (project / "demo.egg-info" / "PKG-INFO").write_text("Name: demo\nVersion: 0.1\n")
    (project / "demo.egg-info" / "requires.txt").write_text(
        'one>=1\n\n[fast]\ntwo\n\n[:python_version < "3"]\nold\n'
    )
    (site(prefix) / "demo.pth").write_text(f"# a comment\nimport sys\n{project}\n\n")
    (site(prefix) / "gone.pth").write_text(f"{tmp_path}/gone\n")
    found = read_environment(prefix, {})
    assert found.site_directories == (site(prefix), project)
    assert found.dead_paths == (DeadPath(file=site(prefix) / "gone.pth", path=tmp_path / "gone", alone=True),)
    (demo,) = found.distributions
    assert demo.requires == ("one>=1", 'two ; extra == "fast"', 'old ; (python_version < "3")')


def test_what_a_removal_left_is_no_distribution(tmp_path):
    prefix = venv(tmp_path / "env")
    put(site(prefix), "torch", "2.8.0").rename(site(prefix) / "~orch-2.8.0.dist-info")
    found = read_environment(prefix, {})
    assert found.distributions == ()
    assert found.half_removed == (site(prefix) / "~orch-2.8.0.dist-info",)


def test_metadata_that_is_gone_leaves_the_name_of_its_directory(tmp_path):
    prefix = venv(tmp_path / "env")
    folder = put(site(prefix), "numpy", "1.26.4")
    (folder / "METADATA").unlink()
    (numpy,) = read_environment(prefix, {}).distributions
    assert (numpy.name, numpy.says, numpy.has_metadata) == ("numpy", "1.26.4", False)


def test_an_editable_installation_names_its_project(tmp_path):
    prefix = venv(tmp_path / "env")
    folder = put(site(prefix), "demo")
    (folder / "direct_url.json").write_text(
        json.dumps({"url": "file:///src/demo", "dir_info": {"editable": True}})
    )
    other = put(site(prefix), "other")
    (other / "direct_url.json").write_text("broken")
    demo, second = read_environment(prefix, {}).distributions
    assert (demo.editable, second.editable) == ("file:///src/demo", None)


def test_of_one_name_the_first_on_the_search_path_is_seen(tmp_path):
    prefix, extra = venv(tmp_path / "env"), tmp_path / "extra"
    extra.mkdir()
    put(site(prefix), "numpy", "2.0.0")
    put(extra, "numpy", "1.26.4")
    found = read_environment(prefix, {"PYTHONPATH": str(extra)})
    assert [item.says for item in found.distributions] == ["1.26.4", "2.0.0"]
    assert found.seen()["numpy"].says == "1.26.4"
