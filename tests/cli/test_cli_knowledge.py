"""``envfit knowledge list|lint|new`` and ``envfit why``: the knowledge base, browsed, checked and added to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from envfit.toml_text import parse_toml
from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
SCHEMAS = Path(__file__).parents[2] / "envfit" / "cli" / "schema"
RULE = """\
schema = 1
package = "plain"

[[rule]]
id = "plain/turing-or-newer"   # ours
requires = ["__capability>=7.5"]
severity = "blocks"
why = "{why}"
evidence = [{{ kind = "docs", source = "our wiki", locator = "GPU nodes", checked = 2026-11-27 }}]

[[example]]
gpu = ["V100"]
installed = ["plain==1.0"]
breaks = ["plain/turing-or-newer"]
"""
PROJECT = """\
[project]
name = "p"
version = "1"
dependencies = ["plain"]
[tool.envfit]
constraints = ["rules/"]
"""


def valid(name: str, data: object) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(data)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with some of what envfit ships: all of it is linted by a test of its own."""
    directory = tmp_path_factory.mktemp("few") / "constraints"
    for folder in ("axes", "hardware"):
        shutil.copytree(CONSTRAINTS / folder, directory / folder)
    for file in ("packages/torch.toml", "derived/torch.toml", "packages/apex.toml"):
        (directory / file).parent.mkdir(exist_ok=True)
        shutil.copy(CONSTRAINTS / file, directory / file)
    return directory


@pytest.fixture
def rules(envfit: CommandLine, few: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one rule of a site."""
    monkeypatch.setattr("envfit.api.linting.constraints_directory", lambda: few)
    folder = envfit.cwd / "rules"
    folder.mkdir()
    (folder / "plain.toml").write_text(RULE.format(why="Our nodes have no older driver."))
    return folder


def test_lint_finds_nothing(envfit: CommandLine, rules: Path) -> None:
    answer = envfit("knowledge", "lint", "rules")
    assert answer.out == ""
    assert answer.err.startswith("nothing found in rules (")
    data = envfit("knowledge", "lint", "rules", "--json").data
    valid("knowledge-lint", data)
    assert data == {"directory": "rules", "findings": [], "mended": 0, "diff": ""}


def test_lint_finds_and_mends(envfit: CommandLine, rules: Path) -> None:
    path = rules / "plain.toml"
    path.write_text(RULE.format(why="our nodes are new"))
    answer = envfit("knowledge", "lint", "rules", code=1)
    assert answer.out == (
        "rules/plain.toml: plain/turing-or-newer: Its why is no sentence with a capital and a full stop. "
        "[no-sentence]\n"
    )
    assert "1 finding in rules" in answer.err
    assert "--fix mends 1" in answer.err
    data = envfit("knowledge", "lint", "rules", "--json", code=1).data
    valid("knowledge-lint", data)
    assert data["findings"][0]["fix"] == "Our nodes are new."
    mended = envfit("knowledge", "lint", "rules", "--fix")
    assert '+why = "Our nodes are new."' in mended.out
    assert "nothing found, 1 mended" in mended.err
    assert path.read_text() == RULE.format(why="Our nodes are new.")


def test_lint_tells_every_fault(envfit: CommandLine, rules: Path) -> None:
    (rules / "plain.toml").write_text('schema = 1\npackage = "plain"\ncolour = "red"\nimports = 3\n')
    data = envfit("knowledge", "lint", "rules", "--json", code=1).data
    assert [(item["lint"], item["place"]) for item in data["findings"]] == [
        ("fault", "colour"),
        ("fault", "imports"),
    ]


def test_lint_of_what_is_old(envfit: CommandLine, rules: Path) -> None:
    path = rules / "plain.toml"
    path.write_text(path.read_text().replace("2026-11-27", "2020-01-01"))
    assert "[stale-evidence]" in envfit("knowledge", "lint", "rules", code=1).out
    envfit("knowledge", "lint", "rules", "--stale-after", "1200")


def test_lint_of_nothing(envfit: CommandLine) -> None:
    assert "there is no directory none" in envfit("knowledge", "lint", "none", code=3).err


def test_list(envfit: CommandLine) -> None:
    lines = envfit("knowledge", "list").out.splitlines()
    assert lines[0].split() == ["package", "rules", "own", "code", "wheels", "read", "examples", "symptoms"]
    assert any(line.split()[:2] == ["cuda-13-runtime", "4"] for line in lines)
    assert any(line.endswith("rules that block") for line in lines)
    assert lines[-1].startswith("evidence: ")
    data = envfit("knowledge", "list", "--json").data
    valid("knowledge-list", data)
    assert data["counts"]["wheels read"] > 100


def test_list_one_package(envfit: CommandLine) -> None:
    out = envfit("knowledge", "list", "nvidia_cublas").out
    assert out.startswith("== cuda-13-runtime\n")
    assert "[cuda-13-runtime/driver] blocks: Libraries of CUDA 13 need" in out
    assert "  constrains __cuda_driver>=580.65.06" in out
    assert "examples:\n  A100, driver 570.86.15: nvidia-cublas==13.10.0.20: breaks" in out
    answer = envfit("knowledge", "list", "xformerz", code=2)
    assert "near: xformers" in answer.err


def test_why_a_rule(envfit: CommandLine) -> None:
    lines = envfit("why", "cuda-13-runtime/capability").out.splitlines()
    assert lines[0].startswith("[cuda-13-runtime/capability] blocks: CUDA 13 dropped Maxwell")
    assert "  in packages/cuda-13-runtime.toml" in lines
    place = lines.index("V100: nvidia-cublas==13.10.0.20")
    assert lines[place + 1 : place + 3] == [
        "  with it:    cuda-13-runtime/capability refuses",
        "  without it: nothing objects",
    ]
    data = envfit("why", "cuda-13-runtime/capability", "--json").data
    valid("why", data)
    assert data["changes"][0]["without"] == []


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ("torch/device-code", "derived/torch.toml"),
        ("torch/linked-runtime", "own_code"),
        ("cuda/13-driver", "axes/cuda.toml"),
    ],
)
def test_why_a_verdict(envfit: CommandLine, rule: str, where: str) -> None:
    out = envfit("why", rule).out
    assert out.startswith(f"[{rule}] ")
    assert where in out.splitlines()[-1]
    valid("why", envfit("why", rule, "--json").data)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("torch", "envfit knowledge list torch"),
        ("cuda-13-runtime/capabilty", "near: cuda-13-runtime/capability"),
        ("cuda/99-driver", "there is no rule"),
    ],
)
def test_why_something_else(envfit: CommandLine, word: str, hint: str) -> None:
    assert hint in envfit("why", word, code=2).err


def test_new(envfit: CommandLine, own_index: Index) -> None:
    wheel = make_wheel(own_index.directory, "kernels", "2.0", tags="cp312-cp312-manylinux_2_28_x86_64")
    make_wheel(own_index.directory, "kernels", "1.0")
    make_wheel(own_index.directory, "kernels", "3.0rc1")
    answer = envfit("knowledge", "new", "Kernels", "--directory", "rules", "--index-url", own_index.url)
    assert answer.out == "rules/kernels.toml\n"
    assert "envfit knowledge lint rules" in answer.err
    text = (envfit.cwd / "rules" / "kernels.toml").read_text()
    assert f"#   {wheel.name}\n#     sha256 " in text
    assert "The newest release is 2.0." in text
    (finding,) = envfit("knowledge", "lint", "rules", "--json", code=1).data["findings"]
    assert finding["lint"] == "empty-file"
    assert "already" in envfit("knowledge", "new", "kernels", "--directory", "rules", code=2).err


def test_new_is_a_rule_once_it_is_filled_in(envfit: CommandLine) -> None:
    envfit("knowledge", "new", "plain", "--directory", "rules", "--offline")
    path = envfit.cwd / "rules" / "plain.toml"
    head, rule, body = path.read_text().partition("# [[rule]]\n")
    body = body.partition("# --- Its own")[0]
    kept = [line.removeprefix("# ") for line in body.splitlines() if not line.startswith(("# ---", "# One"))]
    path.write_text(head + rule.removeprefix("# ") + "\n".join(line for line in kept if line != "#") + "\n")
    left = {item["lint"] for item in envfit("knowledge", "lint", "rules", "--json", code=1).data["findings"]}
    assert left == {"unfilled"}


def test_new_without_an_index(bare_envfit: CommandLine) -> None:
    answer = bare_envfit("knowledge", "new", "kernels", "--directory", "rules")
    assert "the index could not be asked" in answer.err
    assert 'sha256 = "FILL-IN"' in (bare_envfit.cwd / "rules" / "kernels.toml").read_text()


@pytest.mark.parametrize("name", ["../evil", "-x", "a b"])
def test_new_of_no_name(envfit: CommandLine, name: str) -> None:
    assert envfit("knowledge", "new", "--directory", "rules", "--offline", f"./{name}", code=2)
    assert not (envfit.cwd / "rules").exists()


def test_rules_of_a_project(envfit: CommandLine, rules: Path) -> None:
    (envfit.cwd / "pyproject.toml").write_text(PROJECT)
    answer = envfit("lock", "--gpu", "V100", code=1)
    assert "plain/turing-or-newer" in answer.err
    assert "Our nodes have no older driver." in answer.err
    out = envfit("why", "plain/turing-or-newer").out
    assert (
        "V100: plain==1.0\n  with it:    plain/turing-or-newer refuses\n  without it: nothing objects" in out
    )
    envfit("lock", "--gpu", "T4")
    before = (envfit.cwd / "pylock.toml").read_text()
    refused = envfit("install", "--gpu", "V100", "--prefix", "env", "--dry-run", code=1)
    assert "plain/turing-or-newer" in refused.err
    ignoring = ("--ignore-rule", "plain/turing-or-newer")
    answer = envfit("install", "--gpu", "V100", "--prefix", "env", "--dry-run", *ignoring)
    assert "ignored rule: plain/turing-or-newer" in answer.err
    answer = envfit("lock", "--gpu", "V100", *ignoring)
    assert "ignored rule: plain/turing-or-newer" in answer.err
    after = (envfit.cwd / "pylock.toml").read_text()
    assert parse_toml(after)["tool"]["envfit"]["ignored-rules"] == ["plain/turing-or-newer"]
    assert before != after


def test_rules_of_a_project_that_clash(envfit: CommandLine, rules: Path) -> None:
    (envfit.cwd / "pyproject.toml").write_text(PROJECT)
    text = (rules / "plain.toml").read_text()
    (rules / "cuda-13-runtime.toml").write_text(
        text.replace('"plain"', '"cuda-13-runtime"').replace(
            "plain/turing-or-newer", "cuda-13-runtime/driver"
        )
    )
    answer = envfit("lock", "--gpu", "T4", code=2)
    assert "is the id of another rule, in packages/cuda-13-runtime.toml" in answer.err


def test_rules_of_a_project_that_are_not_there(envfit: CommandLine) -> None:
    (envfit.cwd / "pyproject.toml").write_text(PROJECT)
    assert "rules: there is no such folder" in envfit("lock", "--gpu", "T4", code=2).err
