"""``envfit check`` on an environment, and ``--fix``: asked before anything is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from envfit.cli import fixing
from tests.cli.conftest import CommandLine
from tests.installed.prefixes import put, site, venv

SCHEMA = Path(__file__).parents[2] / "envfit" / "cli" / "schema" / "check.json"


@pytest.fixture
def prefix(envfit: CommandLine) -> Path:
    path = venv(envfit.cwd / "env")
    put(site(path), "flash-attn", "2.8.3", files={"flash_attn/__init__.py": b""}, installer="uv")
    (site(path) / "~orch").mkdir()
    return path


def test_the_cause_comes_first_and_the_exit_code_is_one(envfit, prefix):
    said = envfit("check", "env", "--quick", "--gpu", "A100", code=1).out
    assert said.startswith("no: env\n")
    assert said.index("missing-extension") < said.index("half-removed")
    assert "uv pip uninstall --python" in said


def test_data_is_as_the_schema_says(envfit, prefix):
    data = envfit("check", "env", "--quick", "--gpu", "A100", "--json", code=1).data
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(data)
    codes = [finding["code"] for finding in data["reports"][0]["findings"]]
    assert codes == ["missing-extension", "half-removed"]


def test_one_stage_of_several(envfit, prefix):
    data = envfit("check", "env", "--gpu", "A100", "--stage", "files", "--json").data
    assert data["reports"][0]["stages"] == ["files"]
    assert [finding["code"] for finding in data["reports"][0]["findings"]] == ["half-removed"]


def test_a_quick_look_at_what_takes_time_is_no_yes(envfit, prefix):
    said = envfit("check", "env", "--quick", "--stage", "imports", code=2).err
    assert "--quick looks at files, metadata, knowledge" in said


def test_without_a_terminal_and_without_yes_nothing_is_changed(envfit, prefix):
    said = envfit("check", "env", "--quick", "--stage", "files", "--gpu", "A100", "--fix").err
    assert f"- {site(prefix) / '~orch'}" in said
    assert "nothing was changed" in said
    assert (site(prefix) / "~orch").is_dir()


@pytest.mark.parametrize(("answer", "is_there"), [("y\n", False), ("\n", True), ("no\n", True)])
def test_at_a_terminal_it_is_asked(envfit, prefix, monkeypatch, answer, is_there):
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr(fixing.sys, "stdin", Terminal())
    monkeypatch.setattr(fixing.sys.stderr, "isatty", lambda: True, raising=False)
    said = envfit("check", "env", "--quick", "--stage", "files", "--gpu", "A100", "--fix").err
    assert "Apply this? [y/N]" in said
    assert (site(prefix) / "~orch").exists() is is_there


def test_yes_applies_and_names_what_takes_it_back(envfit, prefix):
    answer = envfit("check", "env", "--quick", "--stage", "files", "--gpu", "A100", "--fix", "--yes")
    assert not (site(prefix) / "~orch").exists()
    (script,) = prefix.glob(".envfit-undo-*.sh")
    assert (
        f"done; sh {script.relative_to(envfit.cwd) if not script.is_absolute() else script} takes it back"
        in answer.err
    )


def test_a_directory_that_is_no_environment(envfit):
    (envfit.cwd / "empty").mkdir()
    assert "is no environment" in envfit("check", "empty", code=2).err


@pytest.mark.parametrize("words", [("--python", "3.12"), ("--online",), ("--yes",)])
def test_options_that_say_nothing_about_an_environment_are_refused(envfit, prefix, words):
    assert words[0] in envfit("check", "env", "--quick", *words, code=2).err


def test_a_name_that_is_no_text_is_printed_as_an_escape(envfit, prefix):
    place = site(prefix) / "odd-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_bytes(b"Name: od\xff\nVersion: 1.0\n")
    said = envfit.process("check", "env", "--quick", "--gpu", "A100", "-v", code=1)
    assert "od\\udcff 1.0 has no RECORD" in said.out


def test_data_after_a_fix_is_what_is_so_then(envfit, prefix):
    words = ("check", "env", "--quick", "--stage", "files", "--gpu", "A100", "--fix", "--yes", "--json")
    assert envfit(*words).data["reports"][0]["findings"] == []


def test_an_interpreter_is_answered_with_its_environment(envfit, prefix):
    said = envfit("check", "env/bin/python", code=2).err
    assert "hint: name its environment: envfit check env\n" in said
