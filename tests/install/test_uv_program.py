"""Which uv is taken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import uv

from envfit.errors import InstallError
from envfit.uv_program import find_uv


def stand_in(folder: Path, says: str) -> Path:
    program = folder / "uv"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


def test_the_one_beside_envfit_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "uv 99.0.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_uv() == uv.find_uv_bin()


@pytest.mark.parametrize("package", ["is not there", "has no program"])
def test_without_it_the_one_on_the_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    if package == "is not there":
        monkeypatch.setitem(sys.modules, "uv", None)
    else:

        def gone() -> str:
            raise FileNotFoundError

        monkeypatch.setattr(uv, "find_uv_bin", gone)
    program = stand_in(tmp_path, "uv 0.9.17 (abcdef 2026-01-01)")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert find_uv() == str(program)


@pytest.mark.parametrize(
    ("says", "message"),
    [("uv 0.9.16", r"is 0\.9\.16: 0\.9\.17 or newer is needed"), ("hello", "does not say its version")],
)
def test_one_that_is_too_old_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    stand_in(tmp_path, says)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InstallError, match=message) as caught:
        find_uv()
    assert "pip install uv" in caught.value.hints[0]


def test_none_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match="neither beside envfit nor on PATH"):
        find_uv()
