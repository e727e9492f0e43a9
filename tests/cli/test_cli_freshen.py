"""``envfit knowledge freshen``: what an index has by now against what is known."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from envfit import api
from envfit.knowledge.load import load
from tests.cli.conftest import CommandLine
from tests.cli.test_cli_reading import with_code
from tests.loopback import Index, make_wheel

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
_TAGS = "py3-none-manylinux_2_28_x86_64"
_RULE = """\
schema = 1
package = "xformers"
gpu_builds = true

[[own_code]]
libraries = ["xformers/_C.so"]
evidence = [{ kind = "artifact", source = "xformers.whl", locator = "_cpp_lib.py", checked = 2026-11-22 }]

[[rule]]
id = "xformers/turing-or-newer"
applies = { versions = ">=0.0.31,<=0.0.35", platforms = ["linux-x86_64"] }
constrains = ["__capability>=7.5"]
severity = "blocks"
why = "Its wheels hold no code for GPUs older than compute capability 7.5."
evidence = [
  { kind = "artifact", source = "xformers.whl", locator = "xformers/_C.so", checked = 2026-11-22 },
]

[[rule]]
id = "xformers/other"
applies = { versions = ">=0.0.31,<=0.0.35" }
constrains = ["other<2"]
severity = "warns"
why = "Something about another package."
evidence = [{ kind = "issue", source = "a thread", locator = "a post", checked = 2026-11-22 }]
"""


@pytest.fixture
def checkout(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """A checkout whose knowledge of xformers ends with 0.0.35, and an index that has 9.0."""
    directory = tmp_path / "checkout" / "constraints"
    for folder in ("axes", "hardware"):
        shutil.copytree(CONSTRAINTS / folder, directory / folder)
    (directory / "packages").mkdir()
    (directory / "packages" / "xformers.toml").write_text(_RULE)
    (directory / "derived").mkdir()
    shutil.copy(CONSTRAINTS / "derived" / "xformers.toml", directory / "derived")
    monkeypatch.setattr(api, "knowledge", lambda: load(directory))
    monkeypatch.setattr("envfit.knowledge.files.constraints_directory", lambda: directory)
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    return directory.parent


def release(index: Index, *architectures: str) -> None:
    wheel = make_wheel(index.directory, "xformers", "9.0", tags=_TAGS)
    with_code(wheel, "xformers/_C.so", *architectures)


def test_a_patch_that_applies_and_moves_what_is_confirmed(
    bare_envfit: CommandLine, own_index: Index, checkout: Path
) -> None:
    release(own_index, "75", "90a")
    answer = bare_envfit("knowledge", "freshen", "xformers", "-o", "newer.patch")
    assert "for 9.0 it holds: xformers/_C.so: sm_75 90a" in answer.err
    assert "[xformers/other] ends with <=0.0.35,>=0.0.31; for 9.0 it is not confirmed" in answer.err
    assert "1 holds, 0 does not hold, 1 not confirmed" in answer.err
    patch = bare_envfit.cwd / "newer.patch"
    subprocess.run(["git", "apply", str(patch)], cwd=checkout, check=True, capture_output=True)
    after = load(checkout / "constraints")
    rules = {rule.id: rule for rule in after.rules}
    assert str(rules["xformers/turing-or-newer"].versions) == "<=9.0,>=0.0.31"
    assert rules["xformers/turing-or-newer"].evidence[-1].source == f"xformers-9.0-{_TAGS}.whl"
    assert str(rules["xformers/other"].versions) == "<=0.0.35,>=0.0.31"
    assert any(code.filename == f"xformers-9.0-{_TAGS}.whl" for code in after.device_code.values())
    assert bare_envfit("knowledge", "freshen", "xformers").out == ""


def test_a_rule_that_a_release_contradicts_is_named_and_left(
    bare_envfit: CommandLine, own_index: Index, checkout: Path
) -> None:
    release(own_index, "70", "80")
    answer = bare_envfit("knowledge", "freshen", "xformers", "--json").data
    said = {rule["rule"]: rule for rule in answer["packages"][0]["rules"]}
    assert said["xformers/turing-or-newer"]["answer"] == "does not hold"
    assert "it has code for 7.0" in said["xformers/turing-or-newer"]["why"]
    assert "derived/xformers.toml" in answer["patch"]
    assert "packages/xformers.toml" not in answer["patch"]


def test_what_may_not_be_read_is_named(bare_envfit: CommandLine, own_index: Index, checkout: Path) -> None:
    release(own_index, "75")
    answer = bare_envfit("knowledge", "freshen", "--read-limit", "0")
    assert f"xformers-9.0-{_TAGS}.whl is 0 MB, beyond the limit" in answer.err
    assert answer.out == ""


def test_a_name_that_nothing_is_known_of(bare_envfit: CommandLine, own_index: Index, checkout: Path) -> None:
    answer = bare_envfit("knowledge", "freshen", "xformer", code=2)
    assert "did you mean xformers?" in answer.err
