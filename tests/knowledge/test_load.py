"""Constraint files: the real ones load, and broken ones are reported all at once, by place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from envfit.errors import KnowledgeError
from envfit.knowledge.files import constraints_directory
from envfit.knowledge.load import load
from envfit.knowledge.model import KnowledgeBase
from envfit.target import Capability
from tests.resolve.worlds import EVIDENCE, rule

CHOICE = {
    "schema": 1,
    "choice": [{"name": "__torch_cuda", "what": "the CUDA runtime of torch", "values": ["12.6"]}],
}
SHA256 = "a" * 64


def write(directory: Path, files: Mapping[str, str | bytes | Mapping[str, Any]]) -> Path:
    """Write files given as text, bytes or tables."""
    for file, content in files.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, (str, bytes)) else tomli_w.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return directory


def package(*rules: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return packages/demo.toml as a table."""
    return {"schema": 1, "package": "demo", "rule": list(rules), **fields}


def without(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


GOOD = rule("demo/good", requires=["__capability>=7.0"])


def faults(directory: Path, files: Mapping[str, str | bytes | Mapping[str, Any]]) -> list[str]:
    """Load files, which must fail, and return one line for each fault."""
    with pytest.raises(KnowledgeError) as caught:
        load(write(directory, files))
    first, *lines = caught.value.message.split("\n")
    assert first == f"{len(lines)} fault{'s' if len(lines) > 1 else ''} in the knowledge base:"
    return lines


def test_the_real_constraints_load() -> None:
    knowledge = load(constraints_directory())
    assert Capability(7, 0) in knowledge.capabilities
    assert knowledge.default_python in {entry.minor for entry in knowledge.pythons}
    assert [branch.branch for branch in knowledge.branches] == sorted(b.branch for b in knowledge.branches)
    assert {code.package for code in knowledge.device_code.values()} >= {"torch"}


def test_the_real_cuda_runtimes_are_values_of_the_choice_that_they_decide() -> None:
    knowledge = load(constraints_directory())
    values = set(knowledge.choices["__torch_cuda"].values)
    built = {code.cuda for code in knowledge.device_code.values() if code.package == "torch"}
    torch = knowledge.packages.get("torch")
    built |= {build.cuda for build in torch.index_builds} if torch else set()
    assert built - {None} <= values


def test_an_empty_directory_is_empty_knowledge(tmp_path: Path) -> None:
    knowledge = load(tmp_path)
    assert (knowledge.rules, knowledge.packages, knowledge.gpus) == ((), {}, ())


# Each broken table, and what its one fault says.
@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (package(GOOD, surprise=1), "surprise: is not a known key"),
        (package({**GOOD, "surprise": 1}), "rule[0].surprise: is not a known key"),
        (package({**GOOD, "applies": {"version": ">=1"}}), "rule[0].applies.version: is not a known key"),
        (package({**GOOD, "why": 5}), "rule[0].why: is not a string"),
        (package({**GOOD, "requires": 5}), "rule[0].requires: is not a list of strings"),
        (package({**GOOD, "evidence": "a book"}), "rule[0].evidence: is not an array of tables"),
        (package(GOOD, gpu_builds="yes"), "gpu_builds: is not true or false"),
        (package(GOOD, rule=["x"]), "rule[0]: is not a table"),
        (package(without(GOOD, "why")), "rule[0].why: is missing"),
        (package(without(GOOD, "id")), "rule[0].id: is missing"),
        (package(without(GOOD, "severity")), "rule[0].severity: is missing"),
        (package({**GOOD, "applies": {"versions": ">=1,oops"}}), "rule[0].applies.versions: '>=1,oops'"),
        (package({**GOOD, "requires": ["__capability>=x.y"]}), "rule[0].requires: '__capability>=x.y'"),
        (package({**GOOD, "requires": ["two words"]}), "rule[0].requires: 'two words'"),
        (package({**GOOD, "severity": "annoys"}), "rule[0].severity: 'annoys'"),
        (package({**GOOD, "applies": {"platforms": ["win-64"]}}), "rule[0].applies.platforms: 'win-64'"),
        (package({**GOOD, "applies": {"distributions": "egg"}}), "is none of any, wheel, sdist"),
        (package({**GOOD, "status": "dubious"}), "rule[0].status: is neither active nor withdrawn"),
        (package(without(GOOD, "requires")), "rule[0]: states neither requires, constrains nor excludes"),
        (package({**GOOD, "id": "other/good"}), "rule[0].id: does not begin with demo/"),
        (package({**GOOD, "requires": ["__gpu>=1"]}), "demo/good: __gpu is neither a fact nor a choice"),
        (package({**GOOD, "requires": ["__torch_cuda==9.9"]}), "no value of __torch_cuda fits"),
        ({**package(GOOD), "package": "Demo"}, "package: is not the name of the file, demo"),
        (without(package(GOOD), "package"), "packages: is missing"),
        ({**package(GOOD), "schema": 2}, "schema: is not 1"),
        (
            package({**GOOD, "evidence": [{**EVIDENCE[0], "kind": "hearsay"}]}, {**GOOD, "id": "demo/b"}),
            "rule[0].evidence[0].kind: 'hearsay'",
        ),
        (
            package({**GOOD, "evidence": [*EVIDENCE, {**EVIDENCE[0], "checked": "yesterday"}]}),
            "rule[0].evidence[1].checked: is not a date such as 2026-11-22",
        ),
    ],
)
def test_a_broken_package_file_is_reported_with_file_and_path(
    tmp_path: Path, table: Mapping[str, Any], fault: str
) -> None:
    lines = faults(tmp_path, {"axes/choices.toml": CHOICE, "packages/demo.toml": table})
    assert all(line.startswith("packages/demo.toml: ") for line in lines)
    assert any(fault in line for line in lines)


PREBUILT = {
    "versions": ">=1",
    "url": "https://pages.example/v{version}/demo-{version}%2Bcu{cuda}torch{torch}cxx11abi{abi}"
    "-cp{python}-cp{python}-{platform}.whl",
    "torch": ["2.8"],
    "cuda": ["12"],
    "abi": ["TRUE"],
    "pythons": ["3.12"],
    "platforms": ["linux-x86_64"],
    "evidence": EVIDENCE,
}
BOTH = {
    "schema": 1,
    "choice": [
        {"name": name, "what": "x", "values": ["0", "1"]} for name in ("__torch_cuda", "__torch_cxx11_abi")
    ],
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"url": PREBUILT["url"].replace("{abi}", "TRUE")}, "url: has no {abi}"),
        ({"url": PREBUILT["url"] + "{x}"}, "url: {x} is none of version, torch, cuda, abi, python, platform"),
        ({"url": PREBUILT["url"].replace("%2B", "-")}, "url: does not end with the name of a wheel"),
        ({"torch": ["2"]}, "torch: '2' is no such word"),
        ({"cuda": ["twelve"]}, "cuda: 'twelve' is no such word"),
        ({"abi": ["new"]}, "abi: 'new' is no such word"),
        ({"pythons": ["cp312"]}, "pythons: 'cp312' is no such word"),
        ({"platforms": ["win-64"]}, "platforms: 'win-64'"),
        ({"requires": ["torch>=2"]}, "requires: torch is no fact"),
        ({"evidence": [{**EVIDENCE[0], "kind": "issue"}]}, "evidence: needs evidence of rank docs or better"),
    ],
)
def test_broken_prebuilt_wheels_are_reported(tmp_path: Path, change: Mapping[str, Any], fault: str) -> None:
    table = {"schema": 1, "package": "demo", "prebuilt": [{**PREBUILT, **change}]}
    lines = faults(tmp_path, {"axes/choices.toml": BOTH, "packages/demo.toml": table})
    assert any(f"prebuilt[0].{fault}" in line for line in lines)


def test_prebuilt_wheels_are_bound_to_choices_that_must_exist(tmp_path: Path) -> None:
    table = {"schema": 1, "package": "demo", "prebuilt": [PREBUILT]}
    lines = faults(tmp_path, {"axes/choices.toml": CHOICE, "packages/demo.toml": table})
    assert lines == ["packages/demo.toml: prebuilt: __torch_cxx11_abi is no choice"]


@pytest.mark.parametrize("kind", ["issue", "forum"])
def test_a_rule_that_blocks_needs_better_evidence(tmp_path: Path, kind: str) -> None:
    evidence = [{**EVIDENCE[0], "kind": kind}]
    assert faults(tmp_path, {"packages/demo.toml": package({**GOOD, "evidence": evidence})}) == [
        "packages/demo.toml: rule[0].evidence: a rule that blocks needs evidence of rank docs or better"
    ]
    write(tmp_path, {"packages/demo.toml": package({**GOOD, "severity": "warns", "evidence": evidence})})
    assert [found.id for found in load(tmp_path).rules] == ["demo/good"]


@pytest.mark.parametrize("kind", ["docs", "release-notes", "artifact", "measured"])
def test_evidence_of_rank_docs_or_better_blocks(tmp_path: Path, kind: str) -> None:
    evidence = [{**EVIDENCE[0], "kind": "forum"}, {**EVIDENCE[0], "kind": kind}]
    write(tmp_path, {"packages/demo.toml": package({**GOOD, "evidence": evidence})})
    assert [found.id for found in load(tmp_path).rules] == ["demo/good"]


@pytest.mark.parametrize(
    ("file", "table", "fault"),
    [
        ("axes/weather.toml", {}, "axes/weather.toml: no such axis"),
        ("axes/cuda.toml", {"toolkit": [{"version": "x", "driver": "525"}]}, "toolkit[0].version: 'x'"),
        ("axes/cuda.toml", {"toolkit": [{"version": "12.0"}]}, "toolkit[0].driver: is missing"),
        (
            "axes/cuda.toml",
            {"runtime": [{"major": True, "driver": "525.60.13", "evidence": EVIDENCE}]},
            "runtime[0].major: is not an integer",
        ),
        ("axes/pythons.toml", {}, "default: is missing"),
        (
            "axes/capabilities.toml",
            {"capability": [{"version": "7.0", "architecture": "Volta", "first_driver": "390.1"}]},
            "capability[0].first_driver: needs evidence of rank docs or better",
        ),
        (
            "axes/drivers.toml",
            {"branch": [{"branch": 580, "cuda": "13.0", "first": "580.1", "oldest": "five"}]},
            "branch[0].oldest: 'five'",
        ),
        (
            "hardware/x.toml",
            {"family": "X", "gpu": [{"name": "X1", "capability": "7.0", "platform": "mars"}]},
            "gpu[0].platform: 'mars': unknown platform",
        ),
        ("hardware/x.toml", {"gpu": []}, "family: is missing"),
        (
            "derived/torch.toml",
            {
                "generator": "g",
                "package": "torch",
                "wheel": [{"version": "1", "platform": "linux-x86_64", "filename": "f", "sha256": "short"}],
            },
            "wheel[0].sha256: is no sha256",
        ),
    ],
)
def test_a_broken_axis_hardware_or_derived_file_is_reported(
    tmp_path: Path, file: str, table: Mapping[str, Any], fault: str
) -> None:
    lines = faults(tmp_path, {file: {"schema": 1, **table}})
    assert len(lines) == 1
    assert lines[0].startswith(f"{file}: ")
    assert fault in lines[0]


# A value that is read only later must be refused here, not crash there.
@pytest.mark.parametrize(
    ("file", "table", "place"),
    [
        (
            "axes/cuda.toml",
            {"runtime": [{"major": 12, "driver": "new", "evidence": EVIDENCE}]},
            "runtime[0].driver",
        ),
        (
            "axes/drivers.toml",
            {"branch": [{"branch": 580, "cuda": "13.0", "first": "new", "oldest": "5.0"}]},
            "branch[0].first",
        ),
        (
            "axes/capabilities.toml",
            {
                "capability": [
                    {"version": "7.0", "architecture": "V", "first_driver": "new", "evidence": EVIDENCE}
                ]
            },
            "capability[0].first_driver",
        ),
        (
            "derived/demo.toml",
            {
                "generator": "g",
                "package": "demo",
                "wheel": [
                    {
                        "version": "1",
                        "platform": "linux-x86_64",
                        "filename": "f.whl",
                        "sha256": SHA256,
                        "cuda": "12.6",
                        "sass": ["sm_70"],
                    }
                ],
            },
            "wheel[0].sass",
        ),
        ("packages/demo.toml", {"package": "demo", "cuda_choice": "__nobody"}, "cuda_choice"),
        (
            "hardware/x.toml",
            {"family": "X", "gpu": [{"name": "X1", "capability": "7.0", "memory": [True]}]},
            "memory",
        ),
    ],
)
def test_a_value_that_cannot_be_used_later_is_refused_at_once(
    tmp_path: Path, file: str, table: Mapping[str, Any], place: str
) -> None:
    lines = faults(tmp_path, {file: {"schema": 1, **table}})
    assert any(line.startswith(file) and place in line for line in lines)


@pytest.mark.parametrize("evidence", [[], [{**EVIDENCE[0], "kind": "forum"}]])
def test_a_driver_floor_needs_evidence_too(tmp_path: Path, evidence: list[dict[str, Any]]) -> None:
    table = {"schema": 1, "runtime": [{"major": 12, "driver": "525.60.13", "evidence": evidence}]}
    assert any("runtime[0]" in line for line in faults(tmp_path, {"axes/cuda.toml": table}))


@pytest.mark.parametrize(
    "content", [b"schema = 1\nschema = 2\n", b"schema = ", b'schema = 1\nwhy = "\xff\xfe"\n', b"\x00"]
)
def test_what_is_no_toml_or_no_utf8_is_a_fault_of_its_file(tmp_path: Path, content: bytes) -> None:
    assert [line.partition(":")[0] for line in faults(tmp_path, {"packages/demo.toml": content})] == [
        "packages/demo.toml"
    ]


def test_all_faults_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    lines = faults(
        tmp_path,
        {
            "axes/cuda.toml": "schema = ",
            "packages/demo.toml": package(without(GOOD, "why"), {**GOOD, "id": "demo/b", "extra": 1}),
            "packages/other.toml": b"\xff",
        },
    )
    assert [line.partition(": ")[0] for line in lines] == [
        "axes/cuda.toml",
        "packages/demo.toml",
        "packages/demo.toml",
        "packages/other.toml",
    ]


def test_one_mistake_is_one_fault(tmp_path: Path) -> None:
    table = {"schema": 1, "toolkit": [{"version": 12, "driver": "525"}]}
    assert faults(tmp_path, {"axes/cuda.toml": table}) == [
        "axes/cuda.toml: toolkit[0].version: is not a string"
    ]


def test_an_id_is_used_once(tmp_path: Path) -> None:
    assert faults(tmp_path, {"packages/demo.toml": package(GOOD, GOOD)}) == [
        "packages/demo.toml: rule[1].id: is the id of another rule, in packages/demo.toml"
    ]


def test_a_withdrawn_rule_is_not_loaded(tmp_path: Path) -> None:
    withdrawn = {**GOOD, "id": "demo/wrong", "status": "withdrawn"}
    write(tmp_path, {"packages/demo.toml": package(GOOD, withdrawn)})
    assert [found.id for found in load(tmp_path).rules] == ["demo/good"]


@pytest.mark.parametrize("statuses", [("withdrawn", "active"), ("active", "withdrawn")])
def test_the_id_of_a_withdrawn_rule_stays_taken(tmp_path: Path, statuses: tuple[str, str]) -> None:
    rules = [{**GOOD, "status": status} for status in statuses]
    assert any(
        "is the id of another rule" in line
        for line in faults(tmp_path, {"packages/demo.toml": package(*rules)})
    )


def test_a_file_may_speak_of_several_packages(tmp_path: Path) -> None:
    table = {
        "schema": 1,
        "packages": ["nvidia-*-cu13", "cuda-toolkit"],
        "rule": [rule("cuda13/driver", constrains=["__cuda_driver>=580.65.06"])],
    }
    write(tmp_path, {"packages/cuda13.toml": table})
    knowledge = load(tmp_path)
    (found,) = knowledge.rules
    assert found.id == "cuda13/driver"
    names = ("nvidia-nccl-cu13", "cuda-toolkit", "nvidia-nccl-cu12")
    assert [knowledge.lookup.rules_about(name) for name in names] == [(0,), (0,), ()]
    assert knowledge.packages == {}


# -- the version --------------------------------------------------------------

FILES: dict[str, Mapping[str, Any]] = {
    "packages/demo.toml": package(GOOD),
    "packages/other.toml": {"schema": 1, "package": "other"},
    "axes/choices.toml": CHOICE,
}


def loaded(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> KnowledgeBase:
    return load(write(directory, files))


def test_the_version_does_not_depend_on_the_order_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = loaded(tmp_path, FILES)
    listed: list[str] = []

    def backwards(path: str) -> list[str]:
        listed.append(path)
        return sorted((entry.name for entry in os.scandir(path)), reverse=True)

    monkeypatch.setattr("envfit.knowledge.files.os.listdir", backwards)
    assert load(tmp_path).version == one.version
    assert listed
    other = loaded(tmp_path / "elsewhere", dict(reversed(FILES.items())))
    assert other.version == one.version


@pytest.mark.parametrize(
    "change",
    [
        {"packages/demo.toml": package({**GOOD, "why": "Otherwise."})},
        {"packages/demo.toml": package()},
        {"packages/third.toml": {"schema": 1, "package": "third"}},
        {"packages/other.toml": {"schema": 1, "packages": ["other"]}},
    ],
)
def test_the_version_changes_with_the_content(tmp_path: Path, change: Mapping[str, Any]) -> None:
    before = loaded(tmp_path, FILES).version
    assert loaded(tmp_path, change).version != before


def test_what_is_no_toml_file_is_not_read(tmp_path: Path) -> None:
    before = loaded(tmp_path, FILES).version
    write(tmp_path, {"packages/notes.txt": "schema = ", "packages/demo.toml~": "schema = ", "README.md": "#"})
    assert load(tmp_path).version == before
