"""``--ignore-gpu`` on a machine whose NVML answers through the real binding: in a lock, and in no index of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tomli

from tests.loopback import make_wheel

if TYPE_CHECKING:
    from conftest import StandIn

MACHINES = Path(__file__).parents[1] / "machines"
PROGRAM = "from envfit.cli.app import main; main()"


def test_an_index_means_the_gpu_that_nvml_has_there(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.install_nvml(MACHINES / "v100-a100.txt")
    make_wheel(tmp_path / "wheels", "app", "1.0")
    lock = tmp_path / "pylock.toml"
    words = ("app", "--gpu", "auto", "--no-index", "--find-links", str(tmp_path / "wheels"), "-o", str(lock))
    stand_in.run(PROGRAM, "lock", *words, "--ignore-gpu", "1", ENVFIT_CACHE_DIR=str(tmp_path / "cache"))
    target = tomli.loads(lock.read_text())["tool"]["envfit"]["target"]
    assert [gpu["capability"] for gpu in target["gpus"]] == ["7.0"]
    assert target["ignored-gpus"] == [{"name": "NVIDIA A100-SXM4-40GB", "capability": "8.0"}]
    assert {fact["name"]: fact.get("value") for fact in target["facts"]}["__cuda_arch"] == "7.0"
