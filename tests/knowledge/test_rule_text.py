"""A rule's range moved in its file, by hand as it were."""

from __future__ import annotations

import sys
from datetime import date

from envfit.knowledge.rule_text import with_newer_end

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = """\
schema = 1 # kept
[[rule]]
id = "demo/other"
applies = { versions = "<=1.0" }
evidence = [
  { source = "other.whl" },
]

[[rule]]
id = "demo/slug"
applies = { versions = ">=0.5,<=1.0", platforms = ["linux-x86_64"] }
constrains = ["__capability>=7.5"]
evidence = [
  { source = "demo-0.5.whl", locator = "a, [b]" },
  { source = "demo-1.0.whl" },
]

[[rule]]
id = "demo/last"
applies = { versions = "<=1.0.1" }
evidence = [{ source = "last.whl" }]
"""


def moved(rule: str, before: str = "<=1.0", text: str = TEXT) -> str | None:
    return with_newer_end(
        text,
        rule,
        before=before,
        after="<=1.1",
        source="demo-1.1.whl",
        sha256="0" * 64,
        locator='demo/_C.so: "sm_75"',
        checked=date(2026, 11, 27),
    )


def test_one_range_and_one_line_of_evidence() -> None:
    text = moved("demo/slug")
    assert text is not None
    changed = [line for line in text.splitlines() if line not in TEXT.splitlines()]
    assert changed == [
        'applies = { versions = ">=0.5,<=1.1", platforms = ["linux-x86_64"] }',
        (
            f'  {{ kind = "artifact", source = "demo-1.1.whl", sha256 = "{"0" * 64}", '
            'locator = "demo/_C.so: \\"sm_75\\"", checked = 2026-11-27 },'
        ),
    ]
    rules = {rule["id"]: rule for rule in tomllib.loads(text)["rule"]}
    assert [item["source"] for item in rules["demo/slug"]["evidence"]] == [
        "demo-0.5.whl",
        "demo-1.0.whl",
        "demo-1.1.whl",
    ]
    assert rules["demo/other"]["applies"]["versions"] == "<=1.0"


def test_evidence_in_one_line() -> None:
    text = moved("demo/last", "<=1.0.1")
    assert text is not None
    (rule,) = [rule for rule in tomllib.loads(text)["rule"] if rule["id"] == "demo/last"]
    assert rule["applies"]["versions"] == "<=1.1"
    assert [item["source"] for item in rule["evidence"]] == ["last.whl", "demo-1.1.whl"]


def test_what_is_written_otherwise_is_left_alone() -> None:
    assert moved("demo/none") is None
    assert moved("demo/last") is None  # <=1.0 is only the beginning of its end
    assert moved("demo/slug", text=TEXT.replace("evidence = [", "evidence.x = [")) is None
