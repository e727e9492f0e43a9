"""The same inputs and index give the same bytes."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_sdist, make_wheel

ASKED = ("torch", "--if-supported", "flash-attn", "--gpu", "A100", "--driver", "580.95.05")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_order_of_answers_hash_seed_locale_time_zone_and_cache(
    envfit: CommandLine,
    index: Index,
    world: tuple[Path, dict[str, Path]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seed: int,
) -> None:
    rng = random.Random(seed)
    first = _lock(envfit)
    names = sorted({path.name.split("-")[0] for path in world[0].iterdir()})
    index.delays = {f"/simple/{name.lower().replace('_', '-')}/": rng.random() / 20 for name in names}
    monkeypatch.setenv("PYTHONHASHSEED", str(rng.randrange(1, 2**32)))
    monkeypatch.setenv("LC_ALL", rng.choice(["C", "tr_TR.UTF-8", "de_DE.UTF-8"]))
    monkeypatch.setenv("TZ", rng.choice(["Asia/Kathmandu", "America/St_Johns"]))
    if seed % 2:
        shutil.rmtree(tmp_path / "cache")
    assert _lock(envfit) == first


def _lock(envfit: CommandLine) -> bytes:
    path = envfit.cwd / "pylock.toml"
    path.unlink(missing_ok=True)
    envfit.process("lock", *ASKED)
    return path.read_bytes()


def test_the_order_in_which_an_index_lists_files_does_not_count(envfit: CommandLine, index: Index) -> None:
    first = _lock(envfit)
    index.order = random.Random(7)
    shutil.rmtree(Path(os.environ["ENVFIT_CACHE_DIR"]))
    assert _lock(envfit) == first


def test_nor_for_the_reason_that_no_file_of_a_release_serves(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    make_wheel(own_index.directory, "app", "1.0")
    make_wheel(own_index.directory, "app", "2.0", requires_python=">=3.12")
    make_sdist(own_index.directory, "app", "2.0")
    make_wheel(own_index.directory, "app", "3.0", requires_python=">=3.12")
    make_wheel(own_index.directory, "app", "3.0", requires_python=">=3.13", build="2")
    locks = set()
    for seed in range(6):
        own_index.order = random.Random(seed)
        shutil.rmtree(os.environ["ENVFIT_CACHE_DIR"], ignore_errors=True)
        bare_envfit("lock", "app", "--no-build", "--gpu", "none", "--python", "3.11", "--upgrade")
        locks.add((bare_envfit.cwd / "pylock.toml").read_bytes())
    assert len(locks) == 1
