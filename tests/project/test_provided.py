"""Packages that a loaded module supplies."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from envfit.errors import FileError, ProjectError, RequirementError
from envfit.project import read_provided
from envfit.target import Provided


def test_pins_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "module.txt"
    path.write_text("# module\nNumPy==1.26.4\n\ntorch==2.4.0a0+07cecf4168.nv24.5\n", encoding="utf-8")
    assert read_provided(["numpy == 1.26.4", str(path)]) == (
        Provided(name="numpy", version=Version("1.26.4"), source="--provided"),
        Provided(name="torch", version=Version("2.4.0a0+07cecf4168.nv24.5"), source=f"{path} line 4"),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("torch>=2", "'torch>=2' is not a package and its version"),
        ("torch==2.*", "'2.*' is not a version"),
        ("torch==2,<3", "is not a package and its version"),
        ("torch==", "is not a package and its version"),
        ("torch===2.4-odd/x", "'2.4-odd/x' is not a version"),
        ("torch==2 ; x", "is not a package and its version"),
    ],
)
def test_a_value_that_is_no_pin(text: str, says: str) -> None:
    with pytest.raises(RequirementError) as caught:
        read_provided([text])
    assert caught.value.message.startswith("--provided: ")
    assert says in caught.value.message


def test_pip_freeze_is_answered_with_pip_list(tmp_path: Path) -> None:
    path = tmp_path / "module.txt"
    path.write_text(
        "torch @ file:///build/torch\n-e git+https://me:pw@git.example/x\nnumpy==1\n", encoding="utf-8"
    )
    with pytest.raises(ProjectError) as caught:
        read_provided([str(path)])
    assert f"{path} line 1: 'torch @ file:///build/torch' does not say which version" in caught.value.message
    assert f"{path} line 2: " in caught.value.message
    assert "pw" not in caught.value.message
    assert caught.value.hints == ("make the file with: pip list --format=freeze",)


def test_one_package_in_two_versions_is_an_error() -> None:
    with pytest.raises(ProjectError, match=r"numpy is provided in two versions: 1\.26 .* and 2\.0 "):
        read_provided(["numpy==1.26", "NumPy==2.0"])


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileError, match=r"cannot read gone\.txt"):
        read_provided(["gone.txt"])
