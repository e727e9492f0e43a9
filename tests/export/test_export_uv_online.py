"""An export to uv of what the configured index really has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import uv

from tests.cli.test_cli_export_uv import locked, pins


@pytest.mark.slow
def test_uv_locks_the_real_stack_as_envfit_does(tmp_path: Path) -> None:
    """torch for a V100 and for an H100 from the configured index: 80 packages, whose metadata alone is read."""

    def run(*words: str) -> str:
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    command = (sys.executable, "-m", "envfit")
    asked = ("torch", "torchvision", "transformers", "--python", "3.11")
    for gpu in ("v100", "h100"):
        run(*command, "lock", *asked, "--gpu", gpu, "-o", f"pylock.{gpu}.toml")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "0"\n')
    run(*command, "export", "pylock.v100.toml", "pylock.h100.toml", "--format", "uv", "--write")
    run(uv.find_uv_bin(), "lock", "--python", sys.executable)
    words = ("--frozen", "--no-hashes", "--no-emit-project", "--no-header", "--no-annotate")
    versions = set()
    for gpu in ("v100", "h100"):
        text = run(uv.find_uv_bin(), "export", *words, "--extra", gpu)
        assert pins(text) == locked(tmp_path / f"pylock.{gpu}.toml")
        versions.add(pins(text)["torch"])
    assert len(versions) == 2
