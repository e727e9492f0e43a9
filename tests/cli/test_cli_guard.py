"""``envfit guard``: told of, put on and taken off, on an environment of envfit's and another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.install.guard import CONSTRAINTS
from tests.cli.conftest import CommandLine


def distribution(site: Path, name: str, version: str) -> None:
    metadata = site / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "RECORD").write_text("")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment that people made, with torch in it as far as metadata tells."""
    place = tmp_path / "made"
    site = place / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (place / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    distribution(site, "torch", "2.8.0")
    distribution(site, "s3prl", "0.4.18")
    return place


def test_an_environment_that_people_made_is_guarded_for_a_gpu_and_let_go(
    envfit: CommandLine, venv: Path
) -> None:
    assert "is not guarded" in envfit("guard", str(venv)).out
    said = envfit("guard", str(venv), "--on", "--gpu", "V100", "--driver", "535.161.08").out
    assert said.startswith("guarded: a later pip install keeps 1 packages as they are, bounds ")
    constraints = (venv / CONSTRAINTS).read_text()
    assert "\ntorch==2.8.0,!=0+kept.by.envfit.use.envfit.add\n" in constraints
    assert "\nflash-attn==0+cannot.run.on.V100.ask.envfit.guard\n" in constraints
    told = envfit("guard", str(venv)).out
    assert "refused: flash-attn\n    FlashAttention 2 is compiled for compute capability 8.0" in told
    assert "refused: espnet-s3prl\n    s3prl and espnet-s3prl install the same" in told
    assert "kept: torch 2.8.0" in told
    assert envfit("guard", str(venv), "--off").out == f"{venv} is no longer guarded\n"
    assert envfit("guard", str(venv), "--off").out == f"{venv} was not guarded\n"
    assert not (venv / "pip.conf").exists()


def test_json_of_a_guard(envfit: CommandLine, venv: Path) -> None:
    envfit("guard", str(venv), "--on", "--gpu", "V100")
    data = envfit("guard", str(venv), "--json").data
    assert (data["prefix"], data["guarded"]) == (str(venv), True)
    by_name = {item["name"]: item for item in data["constraints"]}
    assert by_name["torch"]["refused"] is False
    assert by_name["flash-attn"]["refused"] is True
    assert "[flash-attn/ampere-or-newer]" in by_name["flash-attn"]["why"][0]


def test_options_that_exclude_each_other(envfit: CommandLine, venv: Path) -> None:
    assert "exclude each other" in envfit("guard", str(venv), "--on", "--off", code=2).err
    assert "go with --on" in envfit("guard", str(venv), "--gpu", "V100", code=2).err
