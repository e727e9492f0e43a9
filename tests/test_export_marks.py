"""The comments of an export: what is between them is found, and left out by whoever reads the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.errors import ProjectError
from envfit.export_marks import marked, marked_parts, without_export
from envfit.index.configuration import configured_indexes
from envfit.project.toml_file import read_toml

BLOCK = "\n".join(marked(['  "a==1",']))
TEXT = f'x = [\n  "mine",\n{BLOCK}\n]\ny = [\n{BLOCK}\n]\n'


def test_what_is_between_the_comments_is_found_and_left_out() -> None:
    assert marked_parts(TEXT) == ['  "a==1",\n', '  "a==1",\n']
    assert without_export(TEXT) == 'x = [\n  "mine",\n]\ny = [\n]\n'
    assert without_export("x = 1\n") == "x = 1\n"


def test_a_file_is_read_without_it_and_its_faults_keep_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(TEXT)
    assert read_toml(path) == {"x": ["mine"], "y": []}
    path.write_text(f"{TEXT}wrong\n")
    with pytest.raises(ProjectError, match=f"line {TEXT.count(chr(10)) + 1}:"):
        read_toml(path)


def test_an_index_of_an_export_serves_nothing_to_a_lock(tmp_path: Path) -> None:
    source = marked(['  { index = "cu126", extra = "v100" },'])
    (tmp_path / "pyproject.toml").write_text(
        '[[tool.uv.index]]\nname = "cu126"\nurl = "https://variants.invalid/whl/cu126"\nexplicit = true\n'
        "[tool.uv.sources]\ntorch = [\n" + "\n".join(source) + "\n]\n"
    )
    found = configured_indexes({}, home=tmp_path / "home", cwd=tmp_path, system=tmp_path / "etc")
    assert (found.routes, found.extra) == ((), ())
