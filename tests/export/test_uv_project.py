"""An export to uv in a pyproject.toml: nothing is lost, and a second export replaces the first."""

from __future__ import annotations

from typing import Any

import pytest

from envfit.errors import ProjectError
from envfit.export import declared_names, merged_into_project, uv_fragment
from envfit.export.uv_tables import UvExtra, UvIndex, UvSource, UvTables
from envfit.export_marks import without_export
from envfit.toml_text import parse_toml

CU126 = "https://variants.invalid/whl/cu126"
HEAD = '[project]\nname = "demo"\nversion = "0"\n'


def extra(name: str, *requirements: str) -> UvExtra:
    return UvExtra(name=name, runs_on="anywhere", requirements=requirements, compiled=(), left_out=())


def tables(*extras: UvExtra, **values: Any) -> UvTables:
    given: dict[str, Any] = {
        "python": "==3.11.*",
        "environments": ("sys_platform == 'linux'",),
        "constraints": ("plain==3",),
        "overrides": (),
        "excluded": (),
        "indexes": (),
        "sources": (),
    }
    return UvTables(extras=extras, **{**given, **values})


OLD = tables(
    extra("old", "torch==2.14.1+cu126", "nvidia-nccl-cu12==2.27"),
    extra("new", "torch==2.15.0"),
    indexes=(UvIndex(name="pytorch-cu126", url=CU126),),
    sources=(UvSource(package="torch", extra="old", index="pytorch-cu126"),),
)


def merged(text: str, what: UvTables = OLD) -> str:
    return merged_into_project(text, what, where="pyproject.toml").text


def uv(text: str) -> Any:
    return parse_toml(text)["tool"]["uv"]


def extras(text: str) -> Any:
    return parse_toml(text)["project"].get("optional-dependencies", {})


def test_a_merge_says_what_the_fragment_says() -> None:
    assert parse_toml(merged(HEAD)) == parse_toml(HEAD + uv_fragment(OLD))


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        f"{HEAD}\n[tool.ruff]\nline-length = 100 # long\n\n[build-system]\nrequires = []\n\n[tool.mypy]\nstrict = true\n",
        f'{HEAD}[tool.uv]\npackage = false # none\n\n[tool.uv.sources]\nmine = {{ path = "mine" }}\n\n[tool.other]\na = 1\n',
        f'{HEAD}[project.optional-dependencies]\nold = [\n  "deepspeed", # mine\n  "x" # no comma\n] # after\nOther = ["y"]\n[project.urls]\na = "b"\n',
        f'{HEAD}[[tool.uv.index]]\nname = "corp"\nurl = "https://corp.invalid/simple"\ndefault = true\n\n[dependency-groups]\ndev = ["x"]\n',
        f'{HEAD}[tool.uv]\nindex = [{{ name = "corp", url = "https://corp.invalid/simple" }}]\nconflicts = [[{{ extra = "a" }}, {{ extra = "b" }}]]\n',
        f'{HEAD}optional-dependencies = {{ a = ["b"] }}\n',
        f'{HEAD}optional-dependencies.a = ["b"]\n',
        f'{HEAD}[tool.uv]\nconstraint-dependencies = ["mine<3"]\noverride-dependencies = []\n',
        '[tool.a]\nx = 1\n\n[project]\nname = "demo"\nversion = "0"\n\n[tool.b]\ny = 2\n\n[project.scripts]\nrun = "a:b"\n',
    ],
)
def test_every_line_stays_and_a_second_merge_changes_nothing(text: str) -> None:
    first = merged(text)
    kept = first.replace(",", "")
    assert [line for line in text.splitlines() if line.replace(",", "").rstrip("[]{}") not in kept] == []
    assert merged(first) == first
    plain = merged(HEAD)
    assert extras(first)["new"] == extras(plain)["new"]
    assert set(extras(plain)["old"]) <= set(extras(first)["old"])
    assert uv(plain)["conflicts"][0] in uv(first)["conflicts"]
    assert set(uv(plain)["constraint-dependencies"]) <= set(uv(first)["constraint-dependencies"])
    assert uv(plain)["index"][0] in uv(first)["index"]
    assert uv(first)["sources"]["torch"] == uv(plain)["sources"]["torch"]


def test_what_a_former_export_wrote_goes_and_what_was_there_before_is_as_it_was() -> None:
    text = f'{HEAD}\n[project.optional-dependencies]\nold = [\n  "deepspeed",\n]\n\n[tool.uv]\nconstraint-dependencies = [\n  "mine<3",\n]\n'
    now = merged(merged(text), tables(extra("next", "torch==3"), constraints=(), environments=()))
    assert extras(now) == {"old": ["deepspeed"], "next": ["torch==3"]}
    assert {key: value for key, value in uv(now).items() if key != "index"} == {
        "constraint-dependencies": ["mine<3"]
    }
    notes = merged_into_project(merged(HEAD), tables(extra("next", "torch==3")), where="x").notes
    assert "the extra old of a former export is gone" in notes


def test_an_index_that_is_there_keeps_its_name_and_a_name_that_is_taken_is_not() -> None:
    there = merged(f'{HEAD}[[tool.uv.index]]\nname = "torch"\nurl = "{CU126}/"\nexplicit = true\n')
    assert [index["name"] for index in uv(there)["index"]] == ["torch"]
    assert uv(there)["sources"]["torch"] == [{"index": "torch", "extra": "old"}]
    taken = merged(f'{HEAD}[[tool.uv.index]]\nname = "pytorch-cu126"\nurl = "https://corp.invalid/simple"\n')
    assert [index["name"] for index in uv(taken)["index"]] == ["pytorch-cu126", "pytorch-cu126-envfit"]
    assert uv(taken)["sources"]["torch"] == [{"index": "pytorch-cu126-envfit", "extra": "old"}]


def test_sources_of_others_stay_beside() -> None:
    index = f'[[tool.uv.index]]\nname = "pytorch-cu126"\nurl = "{CU126}"\nexplicit = true\n'
    mine = f'{HEAD}[tool.uv.sources]\ntorch = [{{ index = "pytorch-cu126", extra = "mine" }}]\n{index}'
    assert uv(merged(mine))["sources"]["torch"] == [
        {"index": "pytorch-cu126", "extra": "mine"},
        {"index": "pytorch-cu126", "extra": "old"},
    ]
    always = f'{HEAD}[tool.uv.sources]\ntorch = {{ index = "pytorch-cu126" }}\n{index}'
    assert uv(merged(always))["sources"]["torch"] == {"index": "pytorch-cu126"}


def test_environments_of_the_project_stay_as_they_are() -> None:
    text = f"{HEAD}[tool.uv]\nenvironments = [\"sys_platform == 'darwin'\"]\n"
    found = merged_into_project(text, OLD, where="x")
    assert uv(found.text)["environments"] == ["sys_platform == 'darwin'"]
    assert any("environments is yours" in note for note in found.notes)


@pytest.mark.parametrize(
    ("required", "note"),
    [("==3.11.*", ""), (">=3.11,<3.12", ""), (">=3.10", "uv python pin 3.11"), (None, "")],
)
def test_a_project_for_more_pythons_is_told_to_pin_one(required: str | None, note: str) -> None:
    text = HEAD + (f'requires-python = "{required}"\n' if required else "")
    notes = merged_into_project(text, OLD, where="x").notes
    assert [item.rpartition(": ")[2] for item in notes] == ([note] if note else [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project\n", "malformed"),
        ("[tool.uv]\n", "has no [project]"),
        (f'{HEAD}dynamic = ["optional-dependencies"]\n', "are dynamic"),
        (f'{HEAD}requires-python = ">=3.12"\n', "requires Python >=3.12, and the locks are for 3.11"),
        (f'{HEAD}requires-python = "three"\n', "requires-python of pyproject.toml is malformed"),
        (f"{HEAD}[tool]\nuv = {{ package = false }}\n", "cannot be added to without loss"),
        (f"{HEAD}[tool]\nuv.package = false\n", "cannot be added to without loss"),
        (
            f'{HEAD}[tool.uv.sources]\ntorch = {{ url = "https://a.invalid/t.whl" }}\n',
            "says url = https://a.invalid/t.whl of torch",
        ),
    ],
)
def test_what_cannot_be_merged_is_an_error(text: str, said: str) -> None:
    with pytest.raises(ProjectError) as caught:
        merged(text)
    assert said in str(caught.value)


def test_what_a_project_asks_for_is_not_what_an_export_wrote() -> None:
    text = (
        f'{HEAD}dependencies = ["Torch>2", "plain[x]"]\n[project.optional-dependencies]\nold = ["deepspeed"]\n'
        'other = ["b; python_version > \'3\'"]\n[dependency-groups]\ndev = ["c", { include-group = "d" }]\nd = []\n'
    )
    expected = {"torch", "plain", "deepspeed", "b", "c"}
    assert declared_names(text, where="x") == declared_names(merged(text), where="x") == expected
    with pytest.raises(ProjectError):
        declared_names("[", where="x")


def test_a_fragment_that_was_pasted_is_replaced_like_a_merge() -> None:
    assert parse_toml(merged(HEAD + uv_fragment(OLD))) == parse_toml(merged(HEAD))
    assert without_export(merged(HEAD)) == without_export(merged(merged(HEAD)))
