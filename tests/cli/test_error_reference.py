"""The error reference: every code is in it, and the page is up to date."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from envfit.api.codes import ERROR_MODULES, CodeOf, code_entries
from tests.cli.conftest import CommandLine
from tests.cli.test_cli_knowledge import valid

ROOT = Path(__file__).parents[2]


def _classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]


def _assigned(node: ast.ClassDef) -> set[str]:
    return {
        target.id
        for item in node.body
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def test_every_class_with_a_code_is_in_a_module_that_is_looked_at() -> None:
    errors, modules = {"EnvfitError"}, set()
    nodes = [(path, node) for path in sorted((ROOT / "envfit").rglob("*.py")) for node in _classes(path)]
    for _ in range(6):  # the depth of the tree
        errors |= {
            node.name
            for _, node in nodes
            if any(isinstance(base, ast.Name) and base.id in errors for base in node.bases)
        }
    for path, node in nodes:
        if node.name in errors and "code" in _assigned(node):
            assert {"cause", "remedy"} <= _assigned(node), f"{node.name} does not say its cause and remedy"
            modules.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert modules == set(ERROR_MODULES)


def test_every_code_that_is_given_to_an_error_is_listed() -> None:
    listed = {entry.code for entry in code_entries()}
    given = {
        keyword.value.value
        for path in (ROOT / "envfit").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
        if isinstance(keyword.value.value, str) and isinstance(node.func, ast.Name)
        if node.func.id.endswith("Error")
    }
    assert given <= listed


def test_codes_are_told_apart_and_told_in_sentences() -> None:
    entries = code_entries()
    for kind in CodeOf:
        codes = [entry.code for entry in entries if entry.of is kind]
        assert len(set(codes)) == len(codes)
    for entry in entries:
        for text in (entry.cause, entry.remedy):
            assert text.endswith((".", "?")), f"{entry.code}: {text}"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("error_reference", ROOT / "scripts" / "error_reference.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert page == script.page(), "python scripts/error_reference.py writes it anew"


@pytest.mark.parametrize("code", [entry.code for entry in code_entries()])
def test_why_a_code(bare_envfit: CommandLine, code: str) -> None:
    out = bare_envfit("why", code).out
    assert out.startswith(f"{code}: ")
    data = bare_envfit("why", code, "--json").data
    valid("why", data)
    assert data["cause"] in out
    assert data["remedy"] in out


def test_a_package_with_the_name_of_a_code(envfit: CommandLine) -> None:
    answer = envfit("why", "undecided", "undecided", "--gpu", "none", code=2)
    assert "note: undecided is a code of envfit's too" in answer.err
    assert envfit("why", "undecided", "plain", "--gpu", "none").out.startswith("undecided: an error")
