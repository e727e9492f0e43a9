"""Lines of requirements files, and the options in them."""

from __future__ import annotations

import pytest

from envfit.project.lines import (
    join_lines,
    split_options,
    split_requirement,
    unset_variable,
    with_variables,
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a\n\n# c\nb", [(1, "a"), (4, "b")]),
        ("a # c\nb#c", [(1, "a"), (2, "b#c")]),
        ("a \\\n  >=1\nb", [(1, "a   >=1"), (3, "b")]),
        ("a \\\n# c\nb", [(1, "a"), (3, "b")]),
        ("a \\", [(1, "a")]),
        ("  # c\n\n\n  a  ", [(4, "a")]),
    ],
)
def test_lines(text: str, lines: list[tuple[int, str]]) -> None:
    assert list(join_lines(text)) == lines


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("torch", ("torch", False, "")),
        ("torch>=2 ; x == 'a'", ("torch>=2 ; x == 'a'", False, "")),
        ("flash-attn --hash=sha256:aa --hash=b", ("flash-attn", False, "--hash=sha256:aa --hash=b")),
        ("-e ./tool", ("./tool", True, "")),
        ("-e./tool", ("./tool", True, "")),
        ("-e=./tool", ("./tool", True, "")),
        ("--editable ./tool[x] ; a == 'b' --hash=c", ("./tool[x] ; a == 'b'", True, "--hash=c")),
        ("--editable='./my tool'", ("./my tool", True, "")),
        ("-e", ("", True, "")),
        ("-e --hash=c", ("", True, "--hash=c")),
        ("--pre", None),
        ("--editables x", None),
        ("-r x", None),
    ],
)
def test_a_line_is_a_requirement_or_options(line: str, parts: tuple[str, bool, str] | None) -> None:
    assert split_requirement(line) == parts


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("--pre", [("--pre", "")]),
        ("-i a -fb -r=c", [("--index-url", "a"), ("--find-links", "b"), ("--requirement", "c")]),
        ("--hash=sha256:a --hash b", [("--hash", "sha256:a"), ("--hash", "b")]),
        ("--find-links 'a b' c", [("--find-links", "a b"), ("c", "")]),
        ("--pre=x --index-url", [("--pre", "x"), ("--index-url", "")]),
        ("--config-setting a=b", [("--config-settings", "a=b")]),
    ],
)
def test_options_have_their_long_names(text: str, options: list[tuple[str, str]]) -> None:
    assert list(split_options(text)) == options


def test_a_quotation_mark_that_is_not_closed() -> None:
    with pytest.raises(ValueError, match="No closing quotation"):
        list(split_options("--find-links 'a"))


def test_variables_are_capital_letters_in_braces() -> None:
    line = "${A_1}/$A_1/${a}/${A-1}"
    assert unset_variable(line, {}) == "A_1"
    assert unset_variable(line, {"A_1": ""}) is None
    assert with_variables(line, {"A_1": "x"}) == "x/$A_1/${a}/${A-1}"
