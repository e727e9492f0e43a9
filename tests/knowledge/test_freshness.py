"""Which rules a newer release confirms, contradicts, or says nothing about."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.knowledge.freshness import Answer, confirm, last_release, open_rules, provisional_rules
from tests.knowledge.small_knowledge import base


def knowledge(condition: str, versions: str = ">=0.5,<=0.9", libraries: str = "demo/_C.so"):
    return base(
        f"""
[[own_code]]
libraries = ["{libraries}"]
evidence = [{{ kind = "artifact", source = "demo.whl", locator = "demo/__init__.py", checked = 2026-11-27 }}]
[[rule]]
id = "demo/slug"
applies = {{ versions = "{versions}" }}
{condition}
severity = "blocks"
why = "Because."
evidence = [{{ kind = "docs", source = "a page", locator = "a row", checked = 2026-11-27 }}]
"""
    )


@pytest.mark.parametrize(
    ("condition", "library", "answer", "why"),
    [
        (
            'constrains = ["__capability>=7.5"]',
            "demo/_extra.so",
            Answer.HOLDS,
            "demo/_extra.so: sm_80, PTX 80",
        ),
        ('constrains = ["__capability>=8.6"]', "demo/_extra.so", Answer.FAILS, "it has code for 8.0"),
        (
            'requires = ["__torch_cuda>=12,<13"]',
            "demo/_extra.so",
            Answer.HOLDS,
            "linked with libcudart.so.12",
        ),
        ('requires = ["__torch_cuda>=13"]', "demo/_extra.so", Answer.FAILS, "linked with libcudart.so.12"),
        ('constrains = ["other<2"]', "demo/_extra.so", Answer.OPEN, "no wheel says anything about other<2"),
        ('excludes = ["other"]', "demo/_extra.so", Answer.OPEN, "no wheel says anything about it"),
        (
            'constrains = ["__capability>=7.5"]',
            "demo/_none.so",
            Answer.OPEN,
            "no GPU code of its own was read",
        ),
    ],
)
def test_what_a_wheel_says_to_a_rule(condition, library, answer, why) -> None:
    known = knowledge(condition, libraries=library)
    (code,) = [code for code in known.device_code.values() if code.package == "demo"]
    one = confirm(known.rules[0], code, known)
    assert (one.answer, one.version) == (answer, Version("1.0"))
    assert why in one.why


def test_ptx_serves_what_is_newer_and_nothing_below() -> None:
    """PTX 8.0 is compiled for 9.0: a rule that keeps Hopper out would be wrong."""
    known = knowledge('constrains = ["__capability<9.0"]', libraries="demo/_extra.so")
    (code,) = [code for code in known.device_code.values() if code.package == "demo"]
    one = confirm(known.rules[0], code, known)
    assert one.answer is Answer.FAILS
    assert "9.0" in one.why


@pytest.mark.parametrize(
    ("versions", "last", "is_open"),
    [
        (">=0.5,<=0.9", "0.9", False),
        ("<0.9", None, False),  # the next release was seen to differ
        ("==0.9", None, False),
        (">=0.5", None, True),
    ],
)
def test_only_a_range_that_waits_for_what_comes_is_provisional(versions, last, is_open) -> None:
    known = knowledge('constrains = ["__capability>=7.5"]', versions)
    assert last_release(SpecifierSet(versions)) == (Version(last) if last else None)
    assert [rule.id for rule in provisional_rules(known, "demo")] == (["demo/slug"] if last else [])
    assert [rule.id for rule in open_rules(known, "demo")] == (["demo/slug"] if is_open else [])
