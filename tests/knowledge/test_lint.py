"""Lints on small knowledge: each finds what it is for, and leaves alone what is right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

import pytest

from envfit.knowledge import load
from envfit.knowledge.files import Files, read_files
from envfit.knowledge.lint import run
from envfit.knowledge.lint.finding import Finding, Level
from envfit.knowledge.lint.fixing import diff_of, fixed
from envfit.knowledge.lint.run import lint_files
from envfit.toml_text import parse_toml

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
AXES = {
    path.relative_to(CONSTRAINTS).as_posix(): path.read_bytes()
    for path in [
        *(CONSTRAINTS / "axes").glob("*.toml"),
        *(CONSTRAINTS / "hardware" / f"nvidia-{family}.toml" for family in ("turing", "ampere", "blackwell")),
    ]
}
TODAY = date(2026, 11, 27)


@pytest.fixture(autouse=True, scope="module")
def _axes_are_parsed_once() -> Iterator[None]:
    parse = lru_cache(parse_toml)
    with pytest.MonkeyPatch.context() as patch:
        for module in (load, run):
            patch.setattr(module, "parse_toml", parse)
        yield


WHEEL = "demo-1.0-py3-none-manylinux_2_28_x86_64.whl"
SHA256 = "3" * 64


def evidence(**changed: str) -> str:
    said = {
        "kind": '"docs"',
        "source": '"a page"',
        "locator": '"a row"',
        "checked": "2026-11-27",
        **changed,
    }
    return "[{ " + ", ".join(f"{key} = {value}" for key, value in said.items()) + " }]"


def rule(slug: str = "slug", **changed: str) -> str:
    said = {
        "id": f'"demo/{slug}"',
        "applies": '{ versions = ">=1" }',
        "requires": '["__capability>=8.0"]',
        "severity": '"blocks"',
        "why": f'"It needs {slug}."',
        "evidence": evidence(),
        **changed,
    }
    return "[[rule]]\n" + "\n".join(f"{key} = {value}" for key, value in said.items() if value) + "\n"


def example(breaks: str = "", **changed: str) -> str:
    said = {
        "gpu": '["T4"]',
        "driver": '"580.95.05"',
        "installed": '["demo==1.0"]',
        "breaks": breaks,
        **changed,
    }
    return "[[example]]\n" + "\n".join(f"{key} = {value}" for key, value in said.items() if value) + "\n"


BROKEN = example('["demo/slug"]')
DERIVED = f"""
schema = 1
generator = "a test"
package = "demo"
[[wheel]]
filename = "{WHEEL}"
sha256 = "{SHA256}"
version = "1.0"
platform = "linux-x86_64"
library = [
  {{ path = "demo/_C.so", section = [{{ name = ".nv_fatbin", fatbins = 4, sass = "80:4 90:4" }}] }},
]
"""
OWN = f'[[own_code]]\nlibraries = ["demo/_C*.so"]\nevidence = {evidence()}\n'


def made(demo: str, **more: str) -> Files:
    contents = {
        **AXES,
        "packages/demo.toml": f'schema = 1\npackage = "demo"\n{demo}'.encode(),
        **{f"{name.replace('__', '/')}.toml": text.encode() for name, text in more.items()},
    }
    return Files(contents=contents, digest="test")


def lint(files: Files) -> tuple[Finding, ...]:
    return tuple(
        finding
        for finding in lint_files(files, today=TODAY, hosts=frozenset({"index.example.org"})).findings
        if finding.file not in AXES
    )


def found(demo: str, **more: str) -> list[str]:
    return [finding.lint for finding in lint(made(demo, **more))]


@pytest.mark.parametrize(
    ("demo", "expected"),
    [
        pytest.param(rule() + BROKEN, [], id="a rule with its example"),
        pytest.param(rule(), ["dead-rule"], id="a rule without one"),
        pytest.param(
            rule() + example('["demo/slug"]', gpu='["A100"]'),
            ["dead-rule", "example-breaks-not"],
            id="an example that does not break it",
        ),
        pytest.param(rule() + BROKEN + example(gpu='["A100"]'), [], id="the good side of the boundary"),
        pytest.param(rule() + BROKEN + example(), ["over-strict"], id="it objects to what works"),
        pytest.param(rule() + BROKEN + example(gpu='["T40000"]'), ["example-machine"], id="no such GPU"),
        pytest.param(
            rule() + BROKEN + example(gpu='["RTX 5090"]', driver='"535.54.03"'),
            ["example-machine"],
            id="a driver that does not drive the GPU",
        ),
        pytest.param(rule() + BROKEN + example('["demo/none-such"]'), ["example-rule"], id="no such rule"),
        pytest.param(
            rule() + BROKEN + rule("gone", status='"withdrawn"'), [], id="a withdrawn rule changes nothing"
        ),
        pytest.param(rule(severity='"warns"') + BROKEN, [], id="a warning objects too"),
    ],
)
def test_rules_and_examples(demo: str, expected: list[str]) -> None:
    assert found(demo) == expected


def test_a_set_known_to_work() -> None:
    works = "schema = 1\n[[set]]\n" + example().removeprefix("[[example]]\n") + f"evidence = {evidence()}\n"
    assert found(rule() + BROKEN, **{"known-good__demo": works}) == ["over-strict"]
    assert found(rule() + BROKEN, **{"known-good__demo": works.replace("T4", "A100")}) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ('["__capability>=8.0"]', '["__capability<7.5"]', True),
        ('["__capability>=8.0"]', '["__capability<9.0"]', False),
        ('["__torch_cuda>=12,<13"]', '["__torch_cuda>=13"]', True),
        ('["other>=2"]', '["other<2"]', True),
        ('["other>=2"]', '["other<2.1"]', False),
        ('["other>=2"]', '["another<2"]', False),
    ],
)
def test_two_rules_about_the_same_releases(first: str, second: str, expected: bool) -> None:
    one, other = rule("one", requires=first), rule("other", requires=second)
    assert ("contradiction" in found(one + other)) is expected
    apart = rule("other", requires=second, applies='{ versions = "<1" }')
    assert "contradiction" not in found(one + apart)
    elsewhere = [
        rule(slug, requires=text, applies=f'{{ platforms = ["linux-{machine}"] }}')
        for slug, text, machine in (("one", first, "x86_64"), ("other", second, "aarch64"))
    ]
    assert "contradiction" not in found("".join(elsewhere))
    assert "contradiction" not in found(one + rule("other", requires=second, severity='"warns"'))


def test_required_and_excluded() -> None:
    one = rule("one", requires='["other"]')
    assert "contradiction" in found(one + rule("two", requires="", excludes='["other"]'))
    assert "contradiction" not in found(one + rule("two", requires="", excludes='["another"]'))
    itself = rule("one", requires='["other"]', excludes='["other"]')
    assert "contradiction" not in found(itself)  # on purpose: these releases are no answer anywhere


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"applies": '{ versions = ">=2,<2" }'}, True),
        ({"applies": '{ versions = "===1.0" }'}, False),
        ({"requires": '["__capability>=99"]'}, True),
        ({"requires": '["__capability>=12.1"]'}, False),
        ({"requires": '["__cuda>=99"]'}, True),
        ({"requires": '["__cuda_driver>=580,<580"]'}, True),
        ({"requires": '["__cuda_driver>=580.65.06,<581"]'}, False),
        ({"requires": '["__nvcc>=12.4"]'}, False),
        ({"requires": '["__capability<1"]', "severity": '"warns"'}, False),
    ],
)
def test_ranges_that_nothing_is_in(changed: dict[str, str], expected: bool) -> None:
    assert ("empty-range" in found(rule(**changed))) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('["__capability>=8.0"]', False),
        ('["__capability>=8"]', False),
        ('["__capability>=8.1"]', True),
        ('["__capability<1"]', False),  # means no GPU at all
        ('["__torch_cuda!=12.7"]', True),
        ('["__torch_cuda>=12,<13"]', False),
        ('["__cuda>=12.8"]', False),
        ('["__cuda>=12.85"]', True),
        ('["__cuda_driver>=580.65.06"]', False),
        ('["__cuda_driver>=581.1"]', True),
        ('["other>=8.1"]', False),
    ],
)
def test_values_that_no_axis_has(condition: str, expected: bool) -> None:
    assert ("unknown-member" in found(rule(requires=condition))) is expected


BUILD = """
[[index_build]]
label = "{label}"
versions = ">=1"
platform = "linux-x86_64"
cuda = "{cuda}"
sass = ["{sass}"]
"""


@pytest.mark.parametrize(
    ("label", "cuda", "sass", "expected"),
    [
        ("cu126", "12.6", "90a", 0),
        ("cu127", "12.6", "90", 1),
        ("cu126", "12.65", "90", 1),
        ("cu126", "12.6", "84", 1),
    ],
)
def test_builds_of_an_index(label: str, cuda: str, sass: str, expected: int) -> None:
    torch = 'schema = 1\npackage = "torch"\n' + BUILD.format(label=label, cuda=cuda, sass=sass)
    lints = found('imports = ["demo"]', packages__torch=torch)
    assert lints == ["unknown-member"] * expected


def test_one_build_said_twice() -> None:
    build = BUILD.format(label="cu126", cuda="12.6", sass="90")
    torch = f'schema = 1\npackage = "torch"\n{build}{build}'
    assert found('imports = ["demo"]', packages__torch=torch) == ["unknown-member"]


def test_an_example_of_a_build_that_no_index_has() -> None:
    installed = '["demo==1.0", "torch==2.10.0+cu127"]'
    assert "unknown-member" in found(rule() + example('["demo/slug"]', installed=installed))
    installed = '["demo==1.0", "torch==2.10.0+cu126"]'
    assert found(rule() + example('["demo/slug"]', installed=installed)) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"checked": "2025-11-27"}, []),
        ({"checked": "2025-11-26"}, ["stale-evidence"]),
        ({"checked": "2026-11-28"}, ["future-evidence"]),
        ({"kind": '"artifact"', "source": f'"{WHEEL}"'}, ["unhashed-evidence"]),
        ({"kind": '"artifact"', "source": '"an installer"'}, []),
        ({"kind": '"artifact"', "source": f'"{WHEEL}"', "sha256": f'"{SHA256}"'}, []),
        ({"kind": '"artifact"', "source": f'"{WHEEL}"', "sha256": '"33"'}, ["unhashed-evidence"]),
        ({"kind": '"artifact"', "source": f'"{WHEEL}"', "sha256": f'"{"4" * 64}"'}, ["hashes-differ"]),
        ({"source": '"https://INDEX.example.org/simple/demo/"'}, ["index-host"]),
        ({"source": '"https://docs.index.example.org.uk"'}, []),
    ],
)
def test_evidence(changed: dict[str, str], expected: list[str]) -> None:
    derived = DERIVED.replace("80:4 90:4", "75:4")
    assert found(rule(evidence=evidence(**changed)) + BROKEN, derived__demo=derived) == expected


def test_one_file_with_two_hashes() -> None:
    cited = {"kind": '"artifact"', "source": '"other-1.0.tar.gz"'}
    one = rule(evidence=evidence(**cited, sha256=f'"{"5" * 64}"')) + BROKEN
    for digit, expected in (("5", []), ("6", ["hashes-differ"])):
        other = rule("two", why='"Another."', evidence=evidence(**cited, sha256=f'"{digit * 64}"'))
        assert found(one + other + example('["demo/two"]')) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('["__capability>=8.0,<10.0"]', ["redundant-rule"]),
        ('["__capability>=9.0,<10.0"]', ["against-the-scan"]),
    ],
)
def test_a_rule_beside_a_scan(condition: str, expected: list[str]) -> None:
    demo = rule(requires=condition) + BROKEN
    assert found(demo + OWN, derived__demo=DERIVED) == expected
    assert found(demo, derived__demo=DERIVED) == []  # nobody says which libraries count
    assert (
        found(
            rule(requires=condition, applies='{ versions = ">=2" }')
            + example('["demo/slug"]', installed='["demo==2.0"]')
            + OWN,
            derived__demo=DERIVED,
        )
        == []
    )


def test_own_code_for_some_gpus_only() -> None:
    """Of other GPUs the scan says nothing: a rule about them is neither wrong nor of no use."""
    only = OWN.replace("[[own_code]]", '[[own_code]]\nonly_for = ["8.0"]')
    for condition, expected in (("==8.0", []), ("!=8.0", ["against-the-scan"])):
        broken = example('["demo/slug"]', gpu='["A100"]' if expected else '["T4"]')
        demo = rule(requires=f'["__capability{condition}"]') + broken
        assert found(demo + only, derived__demo=DERIVED) == expected


def test_own_code_that_no_wheel_has() -> None:
    elsewhere = OWN.replace("_C*", "_D*")
    assert found(elsewhere, derived__demo=DERIVED) == ["unmatched-library"]
    assert found(OWN, derived__demo=DERIVED) == []
    assert found(elsewhere) == []  # no wheel was read
    later = elsewhere.replace("[[own_code]]", '[[own_code]]\nversions = ">=2"')
    assert found(later, derived__demo=DERIVED) == []


@pytest.mark.parametrize(
    ("why", "mended"),
    [
        ("It needs a GPU.", None),
        ("demo 1 needs a GPU.", None),
        ("cuDNN needs a GPU.", None),
        ("dem and its like need a GPU.", None),
        ("it needs a GPU.", "It needs a GPU."),
        ("It needs a GPU", "It needs a GPU."),
    ],
)
def test_sentences(why: str, mended: str | None) -> None:
    findings = lint(made(rule(why=f'"{why}"') + BROKEN))
    assert [finding.lint for finding in findings] == ["no-sentence"] * (mended is not None)
    assert [finding.edit.value for finding in findings if finding.edit] == [mended] * (mended is not None)


def test_one_sentence_for_two_rules() -> None:
    both = rule(why='"Because."') + rule("two", why='"Because."') + BROKEN
    assert found(both) == ["same-sentence"]
    assert found(both.replace("Because", "It is so", 1)) == []


def test_files_that_say_nothing() -> None:
    assert found("") == ["empty-file"]
    assert found('imports = ["demo"]') == []
    assert found('imports = ["demo.FILL-IN"]') == ["unfilled"]


SYMPTOM = """
schema = 1
[[symptom]]
id = "demo/failed"
patterns = ["kernels are missing"]
cause = "They are not there."
remedy = ["Install them."]
excerpts = ["{}"]
evidence = {}
"""


@pytest.mark.parametrize(
    ("excerpt", "expected"), [("demo: kernels are missing", []), ("all is well", ["unmatched-excerpt"])]
)
def test_excerpts_of_symptoms(excerpt: str, expected: list[str]) -> None:
    text = SYMPTOM.format(excerpt, evidence(kind='"issue"'))
    assert found('imports = ["demo"]', symptoms__demo=text) == expected


def test_what_does_not_load_is_told_with_everything_else() -> None:
    bad = 'schema = 1\npackage = "bad"\ncolour = "red"\nimports = 3\n'
    findings = lint(made(rule(), packages__bad=bad, packages__worse="schema = "))
    assert [(item.lint, item.file) for item in findings] == [
        ("fault", "packages/bad.toml"),
        ("fault", "packages/bad.toml"),
        ("dead-rule", "packages/demo.toml"),
        ("fault", "packages/worse.toml"),
    ]
    assert all(item.level is Level.ERROR and item.text.endswith(".") for item in findings)


def test_without_axes_only_faults_are_told() -> None:
    files = made(rule())
    broken = Files(contents={**files.contents, "axes/pythons.toml": b"schema = 1\n"}, digest="test")
    assert {item.lint for item in lint_files(broken, today=TODAY).findings} == {"fault"}


def test_only_some_files() -> None:
    files = made(rule(), packages__other='schema = 1\npackage = "other"\n')
    linted = lint_files(files, today=TODAY, only=frozenset({"packages/other.toml"}))
    assert [item.file for item in linted.findings] == ["packages/other.toml"]


COMMENTED = """
# A remark.
[[rule]]
id = "demo/slug"   # never used again
requires = ["__capability>=8.0,<9.1"]  # up to Hopper
severity = "blocks"
why = "it needs a GPU of these"
evidence = [
  { kind = "docs", source = "a page", locator = "a row", checked = 2026-11-27 },  # read twice
]

[[example]]
gpu = ["T4"]
installed = ["demo==1.0"]
breaks = ["demo/slugg"]
"""


def test_fixes_keep_everything_else() -> None:
    files = made(COMMENTED)
    before = lint(files)
    assert {item.lint for item in before} == {"unknown-member", "no-sentence", "example-rule"}
    mended, left = fixed(files, before, lint)
    assert left == ()
    expected = (
        COMMENTED.replace("<9.1", "<10.0").replace("it needs", "It needs").replace("these", "these.")
    ).replace("slugg", "slug")
    assert mended.contents["packages/demo.toml"].decode() == f'schema = 1\npackage = "demo"\n{expected}'
    diff = diff_of(files.contents, mended.contents).splitlines()
    assert diff[:2] == ["--- packages/demo.toml", "+++ packages/demo.toml"]
    assert '+why = "It needs a GPU of these."' in diff


def test_a_fix_that_makes_another_finding_is_not_kept() -> None:
    demo = rule(why='"it is so."') + BROKEN + rule("two", why='"It is so."') + example('["demo/two"]')
    files = made(demo)
    before = lint(files)
    assert [item.lint for item in before] == ["no-sentence"]
    mended, left = fixed(files, before, lint)
    assert (left, mended.contents) == (before, files.contents)


def test_what_envfit_ships_is_linted_in_time() -> None:
    files = read_files(CONSTRAINTS)
    began = time.process_time()
    linted = lint_files(files, today=TODAY)
    assert time.process_time() - began < 10  # 2 seconds on an idle machine
    assert not [item for item in linted.findings if item.lint == "fault"]
