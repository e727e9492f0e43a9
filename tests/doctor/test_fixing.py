"""Mending a real environment with its own tool, and taking it back: the state is compared file by file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envfit.api import TargetRequest, apply_fix, check_prefix, plan_fix
from envfit.api.fixing import _keep
from envfit.doctor.finding import Stage
from envfit.doctor.fix import Fix
from envfit.doctor.report import Report
from envfit.errors import InstallError
from envfit.install.run_uv import find_uv
from envfit.installed.read import read_environment
from tests.installed.prefixes import conda, put, site
from tests.loopback import Index, make_wheel

FLASH = {"flash_attn/__init__.py": b"import flash_attn_2_cuda\n", "flash_attn/ops/a.py": b""}


@pytest.fixture(scope="module")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index") as served:
        yield served


@pytest.fixture
def environ(tmp_path: Path, uv_cache: Path, index: Index) -> dict[str, str]:
    return {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "ENVFIT_CACHE_DIR": str(tmp_path / "cache"),
        "UV_CACHE_DIR": str(uv_cache),
        "UV_DEFAULT_INDEX": f"{index.root}/simple/",
        "UV_HTTP_RETRIES": "0",
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_INDEX_URL": f"{index.root}/simple/",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_RETRIES": "0",
    }


@pytest.fixture
def prefix(tmp_path: Path, environ: dict[str, str]) -> Path:
    path = tmp_path / "env"
    subprocess.run([find_uv(), "venv", "-q", "--python", sys.executable, str(path)], env=environ, check=True)
    return path


def install(prefix: Path, environ: dict[str, str], *wheels: Path) -> None:
    python = str(prefix / "bin" / "python")
    words = [find_uv(), "pip", "install", "-q", "--no-deps", "--python", python, *map(str, wheels)]
    subprocess.run(words, env=environ, check=True)


def check(prefix: Path, environ: dict[str, str]) -> Report:
    stages = frozenset({Stage.FILES, Stage.METADATA, Stage.KNOWLEDGE})
    return check_prefix(prefix, target=TargetRequest(gpus=("none",)), environ=environ, stages=stages)


def planned(prefix: Path, environ: dict[str, str]) -> Fix:
    return plan_fix(check(prefix, environ), target=TargetRequest(gpus=("none",)), environ=environ)


def state(prefix: Path) -> dict[str, bytes | str]:
    """Every file and link of an environment, but for byte code and what is kept to undo."""
    return {
        str(path.relative_to(prefix)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(prefix.rglob("*"))
        if (path.is_symlink() or path.is_file())
        and not {"__pycache__"} & set(path.parts)
        and not any(part.startswith(".envfit-undo-") for part in path.relative_to(prefix).parts)
    }


def undo(script: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", str(script)], env=environ, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wrong_numpy(prefix: Path, environ: dict[str, str], index: Index, tmp_path: Path) -> None:
    """An application that needs an older numpy than is there, whose older release needs one more package."""
    make_wheel(index.directory, "numpy", "1.26.4", requires=["helper"], files={"numpy/__init__.py": b"old"})
    make_wheel(index.directory, "helper", "0.5", files={"helper/__init__.py": b"", "helper/a b.py": b""})
    wheels = tmp_path / "wheels"
    install(
        prefix,
        environ,
        make_wheel(wheels, "app", "1.0", requires=["numpy<2"]),
        make_wheel(wheels, "numpy", "2.4.0", files={"numpy/__init__.py": b"new", "numpy/only_new.py": b""}),
    )


def test_a_wrong_version_is_replaced_and_put_back(prefix, environ, index, tmp_path):
    wrong_numpy(prefix, environ, index, tmp_path)
    before = state(prefix)
    fix = planned(prefix, environ)
    assert list(fix.diff()) == ["+ helper 0.5", "- numpy 2.4.0", "+ numpy 1.26.4"]
    assert [words[-2:] for words in fix.commands] == [("helper==0.5", "numpy==1.26.4")]
    assert state(prefix) == before  # a plan changes nothing
    done = apply_fix(fix, prefix, environ=environ)
    assert check(prefix, environ).findings == ()
    assert state(prefix) != before
    # Byte code of what came in goes with it.
    caches = site(prefix) / "helper" / "__pycache__"
    caches.mkdir()
    (caches / "__init__.cpython-311.pyc").touch()
    assert "as it was" in undo(done.script, environ)
    assert state(prefix) == before
    assert not (site(prefix) / "helper").exists()
    undo(done.script, environ)
    assert state(prefix) == before


def test_by_pip_where_the_environment_has_it(tmp_path, environ, index):
    prefix = tmp_path / "by-pip"
    subprocess.run([sys.executable, "-m", "venv", str(prefix)], check=True)
    wrong_numpy(prefix, environ, index, tmp_path)
    for metadata in ("app-1.0.dist-info", "numpy-2.4.0.dist-info"):
        (site(prefix) / metadata / "INSTALLER").write_text("pip\n")
    before = state(prefix)
    fix = planned(prefix, environ)
    assert fix.commands[0][1:4] == ("-m", "pip", "install")
    assert list(fix.diff()) == ["+ helper 0.5", "- numpy 2.4.0", "+ numpy 1.26.4"]
    done = apply_fix(fix, prefix, environ=environ)
    assert not [item for item in check(prefix, environ).findings if item.kind.code == "wrong-version"]
    undo(done.script, environ)
    assert state(prefix) == before


def test_a_crippled_build_that_no_index_has_is_removed_and_put_back(prefix, environ, tmp_path):
    install(prefix, environ, make_wheel(tmp_path / "wheels", "flash-attn", "2.8.3", files=FLASH))
    before = state(prefix)
    done = apply_fix(planned(prefix, environ), prefix, environ=environ)
    assert check(prefix, environ).findings == ()
    assert not (site(prefix) / "flash_attn").exists()
    undo(done.script, environ)
    assert state(prefix) == before
    assert "missing-extension" in [item.kind.code for item in check(prefix, environ).findings]


def test_what_came_into_the_same_directory_since_stays(prefix, environ, tmp_path):
    wheels = tmp_path / "wheels"
    install(prefix, environ, make_wheel(wheels, "flash-attn", "2.8.3", files=FLASH))
    done = apply_fix(planned(prefix, environ), prefix, environ=environ)
    later = {"flash_attn/cute/__init__.py": b"later"}
    install(prefix, environ, make_wheel(wheels, "flash-attn-4", "4.0.0b36", files=later))
    undo(done.script, environ)
    assert (site(prefix) / "flash_attn/cute/__init__.py").read_bytes() == b"later"
    assert (site(prefix) / "flash_attn/__init__.py").read_bytes() == FLASH["flash_attn/__init__.py"]


def test_leftovers_are_moved_away_and_back(prefix, environ, tmp_path):
    place = site(prefix)
    (place / "~orch" / "lib").mkdir(parents=True)
    (place / "~orch" / "lib" / "libtorch.so").write_bytes(b"\x7fELF")
    (place / "dead.pth").write_text(f"{tmp_path}/gone\n")
    before = state(prefix)
    fix = planned(prefix, environ)
    assert list(fix.diff()) == [f"- {place / '~orch'}", f"- {place / 'dead.pth'}"]
    done = apply_fix(fix, prefix, environ=environ)
    assert check(prefix, environ).findings == ()
    undo(done.script, environ)
    assert state(prefix) == before


def test_two_packages_of_the_same_files_are_made_one_where_one_is_required(prefix, environ, index, tmp_path):
    wheels = tmp_path / "wheels"
    one = {"same/__init__.py": b"one", "same/more.py": b"one"}
    make_wheel(index.directory, "one", "1.0", files=one)
    install(
        prefix,
        environ,
        make_wheel(wheels, "one", "1.0", files=one),
        make_wheel(wheels, "app", "1", requires=["one"]),
    )
    install(prefix, environ, make_wheel(wheels, "two", "1.0", files={"same/__init__.py": b"other"}))
    before = state(prefix)
    assert [item.kind.code for item in check(prefix, environ).findings] == ["shared-files"]
    done = apply_fix(planned(prefix, environ), prefix, environ=environ)
    assert check(prefix, environ).findings == ()
    assert (site(prefix) / "same/__init__.py").read_bytes() == b"one"
    undo(done.script, environ)
    assert state(prefix) == before


def test_what_cannot_be_installed_is_left_with_the_reason(prefix, environ, index, tmp_path):
    install(prefix, environ, make_wheel(tmp_path / "wheels", "app", "1.0", requires=["nowhere>=2"]))
    (site(prefix) / "~orch").mkdir()
    fix = planned(prefix, environ)
    assert list(fix.diff()) == [f"- {site(prefix) / '~orch'}"]
    (left,) = fix.left
    assert left.finding.kind.code == "missing-requirement"
    assert "nowhere" in left.why


def test_what_would_break_another_package_is_left(prefix, environ, index, tmp_path):
    make_wheel(index.directory, "numpy", "1.26.4", requires=["helper<2"])
    make_wheel(index.directory, "helper", "1.0")
    wheels = tmp_path / "wheels"
    install(
        prefix,
        environ,
        make_wheel(wheels, "app", "1.0", requires=["numpy<2"]),
        make_wheel(wheels, "numpy", "2.4.0"),
        make_wheel(wheels, "helper", "2.0"),
        make_wheel(wheels, "other", "1.0", requires=["helper>=2"]),
    )
    fix = planned(prefix, environ)
    assert fix.steps == () and fix.commands == ()
    assert [left.why for left in fix.left] == ["other 1.0 requires helper>=2, and would not have it"]


def test_a_failure_on_the_way_puts_everything_back(prefix, environ, index, tmp_path):
    wrong_numpy(prefix, environ, index, tmp_path)
    install(prefix, environ, make_wheel(tmp_path / "wheels", "flash-attn", "2.8.3", files=FLASH))
    (site(prefix) / "~orch").mkdir()
    before = state(prefix)
    fix = planned(prefix, environ)
    assert len(fix.commands) == 2
    broken = {
        **environ,
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/",
        "UV_CACHE_DIR": str(tmp_path / "empty"),
    }
    with pytest.raises(InstallError, match="the environment was restored"):
        apply_fix(fix, prefix, environ=broken)
    assert state(prefix) == before
    assert (site(prefix) / "~orch").is_dir()
    assert not list(prefix.glob(".envfit-undo-*"))


def test_a_crash_in_the_middle_is_taken_back_by_the_script(prefix, environ, index, tmp_path):
    from datetime import datetime, timezone

    wrong_numpy(prefix, environ, index, tmp_path)
    before = state(prefix)
    fix = planned(prefix, environ)
    kept = _keep(fix, read_environment(prefix, environ), datetime(2026, 11, 27, tzinfo=timezone.utc))
    assert kept.script.name == ".envfit-undo-2026-11-27T00-00-00.sh"
    # The old release is half gone, of the new one a part is there, without a RECORD.
    (site(prefix) / "numpy/__init__.py").unlink()
    shutil.rmtree(site(prefix) / "numpy-2.4.0.dist-info")
    (site(prefix) / "~umpy").mkdir()
    (site(prefix) / "numpy/core").mkdir()
    (site(prefix) / "numpy/core/of_the_old_release.so").touch()
    new = site(prefix) / "numpy-1.26.4.dist-info"
    new.mkdir()
    (new / "METADATA").write_text("Name: numpy\nVersion: 1.26.4\n")
    undo(kept.script, environ)
    assert state(prefix) == before
    assert not (site(prefix) / "~umpy").exists()


def test_a_prefix_that_was_moved_is_restored_where_it_is_now(prefix, environ, tmp_path):
    install(prefix, environ, make_wheel(tmp_path / "wheels", "flash-attn", "2.8.3", files=FLASH))
    before = state(prefix)
    done = apply_fix(planned(prefix, environ), prefix, environ=environ)
    moved = prefix.rename(tmp_path / "elsewhere with a blank")
    undo(moved / done.script.name, environ)
    assert state(moved) == before


CONDA = """\
#!/bin/sh
echo "$*" >> "{log}"
"""


def test_conda_changes_what_conda_brought_and_its_history_takes_it_back(tmp_path, environ):
    prefix = conda(tmp_path / "kept", revisions=3)
    put(site(prefix), "app", requires=["lib>=2"], installer="conda")
    put(site(prefix), "lib", installer="conda")
    log, program = tmp_path / "log", tmp_path / "conda"
    program.write_text(CONDA.format(log=log))
    program.chmod(0o755)
    environ = {**environ, "CONDA_EXE": str(program), "PATH": f"{tmp_path}:{environ['PATH']}"}
    done = apply_fix(planned(prefix, environ), prefix, environ=environ)
    undo(done.script, environ)
    assert log.read_text().splitlines() == [
        f"install --prefix {prefix} --yes lib>=2",
        f"install --prefix {prefix} --yes --revision 2",
    ]


def test_files_outside_of_the_prefix_are_left_alone(prefix, environ, tmp_path):
    install(prefix, environ, make_wheel(tmp_path / "wheels", "flash-attn", "2.8.3", files=FLASH))
    with (site(prefix) / "flash_attn-2.8.3.dist-info" / "RECORD").open("a") as record:
        record.write(f"{tmp_path}/outside.txt,,\n")
    (tmp_path / "outside.txt").touch()
    before = state(prefix)
    from envfit.errors import FileError

    with pytest.raises(FileError, match="it is left alone"):
        apply_fix(planned(prefix, environ), prefix, environ=environ)
    assert state(prefix) == before
    assert not list(prefix.glob(".envfit-undo-*"))
