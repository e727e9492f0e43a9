"""What an interpreter says that it provides, read from real virtual environments and broken programs."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.detect import interpreter_probe
from envfit.detect.interpreter import Interpreter, read_interpreter
from envfit.errors import FileError, TargetError
from tests.module_world import TORCH_CMAKE, add, add_torch, make_venv, site_packages

ENVIRON = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The interpreter of an empty virtual environment."""
    return make_venv(tmp_path / "module")


def read(python: Path | str, **environ: str) -> Interpreter:
    return read_interpreter(str(python), {**ENVIRON, **environ})


def versions(interpreter: Interpreter) -> dict[str, str]:
    return {package.name: str(package.version) for package in interpreter.provided}


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_packages_are_read_with_what_they_require(module: Path) -> None:
    add(site_packages(module), "Zope.Thing", "1.0")
    add(site_packages(module), "demo", "2.1", requires=["zope-thing>=1", "lib; python_version < '3'"])
    found = read(module)
    assert versions(found) == {"demo": "2.1", "zope-thing": "1.0"}
    demo = found.package("demo")
    assert demo is not None
    assert [str(item) for item in demo.requires or ()] == ["zope-thing>=1", 'lib; python_version < "3"']
    assert demo.source == str(site_packages(module))
    assert str(found.python) == platform.python_version().rstrip("+")
    assert found.path == found.executable == str(module)
    assert str(found) == f"2 packages of {module}"
    assert found.notes == ()


def test_pythonpath_counts_and_comes_first(module: Path, tmp_path: Path) -> None:
    add(site_packages(module), "both", "1.0")
    add(tmp_path / "tree", "both", "2.0")
    add(tmp_path / "tree", "only", "3.0")
    assert versions(read(module)) == {"both": "1.0"}
    loaded = read(module, PYTHONPATH=str(tmp_path / "tree"))
    assert versions(loaded) == {"both": "2.0", "only": "3.0"}
    assert loaded.directories == (str(tmp_path / "tree"), str(site_packages(module)))
    assert loaded.site_directories == {str(site_packages(module))}


def test_the_working_directory_does_not_count(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path / "here", "stray", "1.0", files={"json.py": b"raise SystemExit(7)\n"})
    monkeypatch.chdir(tmp_path / "here")
    assert versions(read(module, PYTHONPATH=f"{os.pathsep}.")) == {}


def test_what_starts_with_the_interpreter_may_print(module: Path) -> None:
    (site_packages(module) / "sitecustomize.py").write_text("print('welcome to the cluster')\n")
    add(site_packages(module), "demo", "1.0")
    assert versions(read(module)) == {"demo": "1.0"}


def test_the_cuda_runtime_and_the_abi_of_torch_are_read_and_torch_is_not_imported(module: Path) -> None:
    add_torch(site_packages(module), "2.8.0a0+5228986c39.nv25.5", "12.9")
    found = read(module, NO_TORCH="1")
    torch = found.package("torch")
    assert torch is not None
    assert (torch.version, torch.cuda, torch.cxx11_abi) == (
        Version("2.8.0a0+5228986c39.nv25.5"),
        Version("12.9"),
        True,
    )
    assert str(found).endswith("torch 2.8.0a0+5228986c39.nv25.5 with CUDA runtime 12.9")


@pytest.mark.parametrize(
    ("version_file", "cmake", "cuda", "abi"),
    [
        ("cuda = '11.7'\n", TORCH_CMAKE.replace("=1", "=0"), "11.7", False),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.2'\n", "", "0", None),
        ("cuda = '12.9.1'\n", "", "12.9", None),
        ("git_version = 'x'\n", "", None, None),
    ],
)
def test_what_torch_says_of_itself_in_any_of_its_forms(
    module: Path, version_file: str, cmake: str, cuda: str | None, abi: bool | None
) -> None:
    add_torch(site_packages(module), "2.1.0", "12.1", cmake=cmake)
    (site_packages(module) / "torch" / "version.py").write_text(version_file)
    torch = read(module).package("torch")
    assert torch is not None
    assert torch.cuda == (None if cuda is None else Version(cuda))
    assert torch.cxx11_abi is abi


def test_what_cannot_be_read_is_named(module: Path) -> None:
    place = site_packages(module)
    add(place, "pytz", "1.0", requires=["other @ https://files.example/other.whl"])
    (place / "pytz-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pytz\nVersion: 2013b-x\n"
    )
    (place / "gone-2.0.dist-info").mkdir()
    (place / "~orch-2.1.dist-info").mkdir()
    (place / "~orch-2.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch\nVersion: 2.1\n"
    )
    add(place, "user", "1.0", requires=["pytz", "what is this", "far @ https://files.example/far.whl"])
    found = read(module)
    assert versions(found) == {"user": "1.0"}
    assert found.unreadable == ("gone", "pytz")
    assert "gone, pytz 2013b-x: " in found.notes[0]
    assert any("'what is this'" in note for note in found.notes)
    assert any("far from an address" in note for note in found.notes)
    assert found.provided[0].requires == ()


def test_two_versions_in_one_directory_are_said(module: Path) -> None:
    for version in ("1.0", "1.10", "1.9"):
        add(site_packages(module), "twice", version)
    found = read(module)
    assert versions(found) == {"twice": "1.10"}
    assert "there twice" in found.notes[0]


def test_an_interpreter_may_be_named_as_path_finds_it(module: Path) -> None:
    add(site_packages(module), "demo", "1.0")
    found = read("python", PATH=str(module.parent))
    assert found.path == str(module)
    assert versions(found) == {"demo": "1.0"}


# -- what is no interpreter ---------------------------------------------------


@pytest.mark.parametrize("name", ["nowhere/bin/python", "no-such-python"])
def test_an_interpreter_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match=r"is not there|on PATH"):
        read(name)


def test_a_directory_is_answered_with_its_interpreter(module: Path) -> None:
    with pytest.raises(TargetError, match="is a directory") as caught:
        read(module.parents[1])
    assert str(module.parent) in caught.value.hints[0]


def test_a_file_that_may_not_be_executed(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("")
    with pytest.raises(FileError, match="may not be executed"):
        read(tmp_path / "python")


@pytest.mark.parametrize("text", ["#!/bin/sh\necho hello\n", "#!/bin/sh\nexit 1\n", "no program at all"])
def test_a_program_that_is_no_python(tmp_path: Path, text: str) -> None:
    with pytest.raises((TargetError, FileError)) as caught:
        read(program(tmp_path / "python", text))
    assert "is not a Python" in caught.value.message or "cannot be run" in caught.value.message


def test_a_python_that_does_not_work_says_what_it_says(tmp_path: Path) -> None:
    broken = program(
        tmp_path / "python",
        '#!/bin/sh\n[ "$1" = -V ] && echo Python 3.11.4 && exit\necho "ModuleNotFoundError: No module named x" >&2\nexit 1\n',
    )
    with pytest.raises(FileError, match=r"does not work.*No module named x") as caught:
        read(broken)
    assert "load the module first" in caught.value.hints[0]


def test_a_python_whose_library_is_missing(tmp_path: Path) -> None:
    broken = program(
        tmp_path / "python",
        "#!/bin/sh\necho 'python: error while loading shared libraries: libpython3.11.so.1.0: no such file' >&2\nexit 127\n",
    )
    with pytest.raises(FileError, match=r"does not start.*libpython3\.11"):
        read(broken)


def test_a_python_that_is_too_old_to_be_asked(tmp_path: Path) -> None:
    old = program(
        tmp_path / "python",
        '#!/bin/sh\n[ "$1" = -V ] && echo Python 2.7.18 && exit\necho "SyntaxError: x" >&2\nexit 1\n',
    )
    with pytest.raises(TargetError, match=r"is Python 2\.7\.18"):
        read(old)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"implementation": "pypy"}, "is a pypy Python"),
        ({"free-threaded": True}, "is a free-threaded Python"),
        ({"machine": "riscv64"}, "unknown platform 'linux-riscv64'"),
    ],
)
def test_a_python_that_no_lock_is_for(
    module: Path, tmp_path: Path, told: dict[str, object], said: str
) -> None:
    true = subprocess.run([module, interpreter_probe.__file__], capture_output=True, text=True, check=True)
    answer = {**json.loads(true.stdout.removeprefix(interpreter_probe.MARK)), **told}
    other = program(tmp_path / "python", f"#!/bin/sh\necho '{interpreter_probe.MARK}{json.dumps(answer)}'\n")
    with pytest.raises(TargetError, match=re.escape(said)):
        read(other)


def test_an_interpreter_that_hangs_is_left(tmp_path: Path) -> None:
    hanging = program(tmp_path / "python", "#!/bin/sh\nexec sleep 30\n")
    with pytest.raises(FileError, match=r"did not answer within 0\.2 s"):
        read_interpreter(str(hanging), ENVIRON, time_limit=0.2)
