"""The judge of explanations: what is typed after a way out was taken, and the page."""

from __future__ import annotations

from typing import Any

import pytest

from judges.explained import changed_words, page


def way(**changes: Any) -> dict[str, Any]:
    return {"instead-of": None, "write": None, "options": [], "says": "", "outcome": {}, **changes}


@pytest.mark.parametrize(
    ("words", "changes", "typed"),
    [
        ("a>=2 b", {"instead-of": "a>=2", "write": "a==1"}, "a==1 b"),
        ("a>=2 b", {"instead-of": "a>=2"}, "b"),
        ("a --driver 535", {"options": ["--driver", "580"]}, "a --driver 580"),
        ("a --gpu V100 --driver 535", {"instead-of": "--gpu", "options": ["--gpu", "8.0"]}, "a --gpu 8.0"),
        ("a --gpu V100 --gpu H100", {"instead-of": "--gpu V100"}, "a --gpu H100"),
        ("a --only-binary a --pre", {"instead-of": "--only-binary"}, "a --pre"),
        ("a --no-build b", {"instead-of": "--no-build"}, "a b"),
        ("a", {"options": ["--pre"]}, "a --pre"),
    ],
)
def test_what_is_typed_then(words: str, changes: dict[str, Any], typed: str) -> None:
    assert changed_words(words.split(), way(**changes)) == typed.split()


def test_a_fault_is_on_the_page() -> None:
    results = [
        {"input": "a", "core": ["a"], "ways": ["with b"], "faults": []},
        {"input": "c|d", "core": ["c"], "ways": [], "faults": ["does not lock: with e"]},
    ]
    text = page(results)
    assert "2 inputs" in text
    assert "of 1 the" in text
    assert "**does not lock: with e**" in text
    assert "c\\|d" in text
