"""What is found in a file that locks packages, on a target."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Distribution
from envfit.doctor import kinds_of_files as kinds
from envfit.doctor.finding import Kind, Severity, Stage
from envfit.doctor.locked_choice import choose
from envfit.doctor.locked_file import Asked, check_locked
from envfit.doctor.report import Answer, Report
from envfit.errors import InputError
from envfit.knowledge.model import (
    CAPABILITY,
    Choice,
    DeviceCode,
    KnowledgeBase,
    PackageKnowledge,
    SourceBuild,
)
from envfit.knowledge.query import Query
from envfit.lock.fit import Fit
from envfit.project.locked import LockedEntry, LockedFile, LockedNeed
from envfit.project.locked_files import locked_distribution
from envfit.target import CUDA_DRIVER, GLIBC, Platform, Target
from tests.install.locks import EVIDENCE, bare_target, gpu_target, knowledge, known, rule

TORCH = PackageKnowledge(name="torch", gpu_builds=True, cuda_choice="__torch_cuda")
LEAF = rule(
    "cuda/13-libraries",
    "nvidia-cublas",
    versions=">=13",
    constrains=[(CUDA_DRIVER, ">=580.65.06"), (CAPABILITY, ">=7.5")],
    why="CUDA 13 libraries need driver 580.65.06 and capability 7.5.",
)


def files(name: str, version: str, *tags: str, sha256: str | None = "0" * 64) -> tuple[Distribution, ...]:
    """Wheels of a release by their tags, or its source distribution where there are none."""
    names = [f"{name.replace('-', '_')}-{version}-{tag}.whl" for tag in tags] or [f"{name}-{version}.tar.gz"]
    return tuple(
        locked_distribution(each, path="lock", name=name, version=Version(version), sha256=sha256)
        for each in names
    )


def entry(name: str, version: str = "1.0", *tags: str, **options: object) -> LockedEntry:
    options.setdefault("files", files(name, version, *(tags or ("py3-none-any",))))
    return LockedEntry(name=name, version=Version(version), where="lock", **options)  # type: ignore[arg-type]


def locked(*entries: LockedEntry, **options: object) -> LockedFile:
    options.setdefault("relock", ("-r", "pyproject.toml"))
    return LockedFile(path="uv.lock", form="uv.lock", entries=entries, **options)  # type: ignore[arg-type]


def code(sha256: str, *sass: str, name: str = "torch", version: str = "2.9.0") -> DeviceCode:
    return DeviceCode(
        package=name,
        version=Version(version),
        platform=Platform(),
        filename=f"{name}-{version}-cp312-cp312-manylinux_2_28_x86_64.whl",
        sha256=sha256,
        cuda=Version("12.8"),
        sass=sass,
        source="a test",
    )


def check(
    file: LockedFile, target: Target | None = None, base: KnowledgeBase | None = None, **asked: object
) -> Report:
    words = Asked(words=("--gpu", "V100"), **asked)  # type: ignore[arg-type]
    return check_locked(file, target or gpu_target(), base or knowledge(), words)


def kinds_of(report: Report) -> list[Kind]:
    return [finding.kind for finding in report.findings]


def need(name: str, marker: str = "", **options: object) -> LockedNeed:
    return LockedNeed(name=name, marker=Marker(marker) if marker else None, **options)  # type: ignore[arg-type]


# -- the registry --------------------------------------------------------------


def test_kinds_have_codes_of_their_own_and_all_are_registered() -> None:
    codes = [kind.code for kind in kinds.KINDS]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", code) for code in codes)
    declared = {value for value in vars(kinds).values() if isinstance(value, Kind)}
    assert declared == set(kinds.KINDS)
    assert {kind.stage for kind in kinds.KINDS} == {Stage.METADATA, Stage.KNOWLEDGE}


# -- what is chosen ------------------------------------------------------------


def names(report: LockedFile, target: Target | None = None, **asked: Iterable[str]) -> list[str]:
    where = target or gpu_target()
    chosen = choose(report, Query(knowledge(), where), Fit(where), **{k: tuple(v) for k, v in asked.items()})
    return [str(package) for package in chosen.packages]


def test_edges_are_followed_where_their_markers_hold() -> None:
    file = locked(
        entry("a", needs=(need("b", "sys_platform == 'linux'"), need("c", "sys_platform == 'win32'"))),
        entry("b"),
        entry("c"),
        entry("never"),
        roots=(need("a"),),
    )
    assert names(file) == ["a 1.0", "b 1.0"]


def test_an_edge_names_one_of_several_versions() -> None:
    file = locked(
        entry("a", needs=(need("b", "python_version < '3.12'", version=Version("1.0")),)),
        entry("b", "1.0"),
        entry("b", "2.0"),
        roots=(need("a"), need("b", "python_version >= '3.12'", version=Version("2.0"))),
    )
    assert names(file) == ["a 1.0", "b 2.0"]
    assert names(file, replace(gpu_target(), python=Version("3.11.1"))) == ["a 1.0", "b 1.0"]


def test_extras_and_groups_add_what_they_need() -> None:
    file = locked(
        entry("own", needs_of_extras={"all": (need("x"),)}),
        entry("x", needs=(need("y", "'extra-3-own-all' in extras"),)),
        entry("y"),
        entry("z"),
        roots=(need("own"),),
        extras={"all": (need("x"),)},
        groups={"dev": (need("z"),), "docs": (need("y"),)},
        default_groups=frozenset({"dev"}),
        project="own",
    )
    assert names(file) == ["own 1.0", "z 1.0"]
    assert names(file, extras=["all"]) == ["own 1.0", "x 1.0", "y 1.0", "z 1.0"]
    assert names(file, groups=["docs"]) == ["own 1.0", "y 1.0", "z 1.0"]
    with pytest.raises(InputError, match="has no extra al"):
        names(file, extras=["al"])
    with pytest.raises(InputError, match="has no group test"):
        names(file, groups=["test"])


def test_an_extra_of_a_package_brings_what_it_needs() -> None:
    file = locked(
        entry("toolkit", needs_of_extras={"blas": (need("blas"),), "fft": (need("fft"),)}),
        entry("blas"),
        entry("fft"),
        roots=(need("toolkit", extras=frozenset({"blas"})),),
    )
    assert names(file) == ["toolkit 1.0", "blas 1.0"]


def test_the_wheel_with_the_best_tag_is_taken() -> None:
    file = locked(
        entry(
            "a",
            "1.0",
            "py3-none-any",
            "cp312-abi3-manylinux_2_17_x86_64",
            "cp312-cp312-manylinux_2_28_x86_64",
        )
    )
    chosen = choose(file, Query(knowledge(), gpu_target()), Fit(gpu_target()))
    assert [item.distribution.filename for item in chosen.packages] == [
        "a-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
    ]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_what_is_reached_is_the_closure_of_the_roots(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 7))
    edges = data.draw(
        st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), st.booleans()), max_size=14)
    )
    roots = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=2))
    markers = {True: "sys_platform == 'linux'", False: "sys_platform == 'darwin'"}
    file = locked(
        *(
            entry(
                f"p{one}", needs=tuple(need(f"p{b}", markers[on]) for a, b, on in sorted(edges) if a == one)
            )
            for one in range(count)
        ),
        roots=tuple(need(f"p{one}") for one in sorted(roots)),
    )
    expected = set(roots)
    while more := {b for a, b, on in edges if on and a in expected} - expected:
        expected |= more
    assert names(file) == [f"p{one} 1.0" for one in sorted(expected)]


# -- what is found -------------------------------------------------------------


def test_what_fits_is_a_yes_and_says_where_it_runs() -> None:
    report = check(locked(entry("a", "1.0", "cp312-cp312-manylinux_2_17_x86_64")))
    assert report.answer is Answer.YES
    assert "it installs 1 package there" in report.notes
    assert any("glibc 2.17 or newer, linux x86_64" in note for note in report.notes)


def test_a_file_for_another_python_or_platform_is_one_finding_and_the_rest_is_not_looked_at() -> None:
    report = check(locked(entry("nvidia-cublas", "13.0.0"), requires_python=SpecifierSet("==3.10.*")))
    assert kinds_of(report) == [kinds.PYTHON]
    assert report.findings[0].remedies[0].commands == (
        ("envfit", "lock", "-r", "pyproject.toml", "--gpu", "V100"),
    )
    assert [item.stage for item in report.skipped] == [Stage.KNOWLEDGE]
    report = check(locked(entry("a"), environments=(Marker("sys_platform == 'win32'"),)))
    assert kinds_of(report) == [kinds.PLATFORM]


def test_a_rule_that_does_not_hold_is_a_finding_with_its_facts() -> None:
    report = check(locked(entry("nvidia-cublas", "13.0.0")), base=knowledge(LEAF))
    assert report.answer is Answer.NO
    assert kinds_of(report) == [kinds.DRIVER]
    (finding,) = report.findings
    assert finding.because is not None
    assert finding.because.rule == "cuda/13-libraries"
    assert any("535.161.08" in fact for fact in finding.because.facts)
    assert finding.remedies[0].commands == (("envfit", "lock", "-r", "pyproject.toml", "--gpu", "V100"),)


def test_code_for_other_gpus_names_the_newest_release_that_runs() -> None:
    base = knowledge(
        packages=[TORCH],
        device_code=[code("a" * 64, "75", "90"), code("b" * 64, "70", "75", version="2.7.0")],
        choices=[Choice(name="__torch_cuda", values=(Version("12.8"),), what="torch's CUDA runtime")],
    )
    torch = entry(
        "torch", "2.9.0", files=files("torch", "2.9.0", "cp312-cp312-linux_x86_64", sha256="a" * 64)
    )
    report = check(locked(torch), base=base)
    assert kinds_of(report) == [kinds.CODE]
    assert "none runs on 7.0" in report.findings[0].text
    assert report.findings[0].remedies[0].text.startswith("Lock it with torch<=2.7.0: ")
    assert check(locked(torch), gpu_target("7.5"), base).answer is Answer.YES


def test_code_that_nobody_has_read_is_open_and_says_how_to_read_it() -> None:
    report = check(
        locked(entry("torch", "2.9.0", "cp312-cp312-linux_x86_64")), base=knowledge(packages=[TORCH])
    )
    assert report.answer is Answer.UNKNOWN
    (finding,) = report.findings
    assert finding.kind is kinds.CODE_UNKNOWN
    assert finding.remedies[0].commands == (("envfit", "check", "uv.lock", "--gpu", "V100", "--online"),)


@pytest.mark.parametrize(
    ("tags", "kind", "said"),
    [
        (
            ["cp39-cp39-manylinux_2_17_x86_64"],
            kinds.TAGS,
            "a-1.0-cp39-cp39-manylinux_2_17_x86_64.whl is not made",
        ),
        (["cp39-none-any", "cp38-none-any"], kinds.TAGS, "None of its 2 wheels is made for CPython 3.12"),
        (
            ["cp312-cp312-manylinux_2_34_x86_64"],
            kinds.GLIBC,
            "needs glibc 2.34 or newer, and the target has 2.28",
        ),
    ],
)
def test_a_package_without_a_file_that_fits(tags: list[str], kind: Kind, said: str) -> None:
    report = check(locked(entry("a", "1.0", *tags)))
    assert kinds_of(report) == [kind]
    assert said in report.findings[0].text


def test_a_source_distribution_stands_in_for_a_wheel_that_does_not_fit() -> None:
    both = (*files("a", "1.0", "cp39-cp39-linux_x86_64"), *files("a", "1.0"))
    report = check(locked(entry("a", files=both)))
    assert (report.answer, kinds_of(report)) == (Answer.YES, [kinds.BUILT_THERE])
    assert report.findings[0].text.startswith(
        "a 1.0: a-1.0-cp39-cp39-linux_x86_64.whl is not made for CPython 3.12"
    )
    assert check(locked(entry("a", files=files("a", "1.0")))).findings == ()


def test_a_package_with_gpu_code_that_is_source_only() -> None:
    torch = locked(entry("torch", "2.9.0", files=files("torch", "2.9.0")))
    assert kinds_of(check(torch, base=knowledge(packages=[TORCH]))) == [kinds.SOURCE]
    build = SourceBuild(versions=SpecifierSet(), needs=(), environment={}, evidence=EVIDENCE)
    recipe = knowledge(packages=[replace(TORCH, source_builds=(build,))])
    report = check(torch, base=recipe)
    assert kinds_of(report) == [kinds.COMPILED_THERE]
    assert report.answer is Answer.UNKNOWN
    assert report.findings[0].remedies[0].commands[0][-2:] == ("--if-supported", "torch")


def test_what_a_rule_requires_and_is_not_locked_is_missing_from_a_whole_file_only() -> None:
    needs = knowledge(rule("a/needs-b", "a", requires=[("b", ">=1")]))
    assert kinds_of(check(locked(entry("a")), base=needs)) == [kinds.MISSING]
    assert check(locked(entry("a"), entry("b")), base=needs).answer is Answer.YES
    report = check(locked(entry("a"), is_whole=False, is_closed=False), base=needs)
    assert kinds_of(report) == [kinds.NOT_WHOLE]


def test_packages_that_do_not_go_together() -> None:
    apart = knowledge(rule("a/no-b", "a", excludes=["b"], why="a and b exclude each other."))
    report = check(locked(entry("a"), entry("b")), base=apart)
    assert kinds_of(report) == [kinds.PACKAGES]
    assert report.findings[0].severity is Severity.BREAKS


def test_a_package_that_needs_a_gpu_is_open_unless_it_was_said_that_there_is_none() -> None:
    needs = knowledge(rule("cupy/gpu", "cupy", requires=[(CAPABILITY, ">=5.0")]))
    report = check(locked(entry("cupy")), bare_target(), needs)
    assert (kinds_of(report), report.answer) == ([kinds.GPU_ABSENT], Answer.UNKNOWN)
    assert report.findings[0].remedies[0].commands == (("envfit", "check", "uv.lock", "--gpu", "NAME"),)
    assert check(locked(entry("cupy")), bare_target(), needs, without_gpu=True).answer is Answer.NO


def test_a_fact_that_is_unknown_is_open() -> None:
    needs = knowledge(rule("a/nvcc", "a", requires=[("__nvcc", ">=12")], why="a is compiled by nvcc 12."))
    report = check(locked(entry("a")), base=needs)
    assert kinds_of(report) == [kinds.FACT_UNKNOWN]
    assert report.answer is Answer.UNKNOWN


def test_what_works_badly_does_not_change_the_answer() -> None:
    from envfit.knowledge.model import Severity as RuleSeverity

    slow = replace(
        rule("a/slow", "a", constrains=[(CAPABILITY, ">=8.0")], why="a is slow below 8.0."),
        severity=RuleSeverity.WARNS,
    )
    report = check(locked(entry("a")), base=knowledge(slow))
    assert (kinds_of(report), report.answer) == ([kinds.WORKS_BADLY], Answer.YES)
    beside = replace(
        rule("a/beside-b", "a", constrains=[("b", "<1")], why="a is slow beside b 1."),
        severity=RuleSeverity.WARNS,
    )
    assert kinds_of(check(locked(entry("a"), entry("b")), base=knowledge(beside))) == [kinds.WORKS_BADLY]
    assert kinds_of(check(locked(entry("a")), base=knowledge(beside))) == []


def test_pins_without_files_are_open_unless_a_hash_tells_the_file() -> None:
    base = knowledge(
        packages=[TORCH],
        device_code=[code("a" * 64, "70", "90")],
        choices=[Choice(name="__torch_cuda", values=(Version("12.8"),), what="torch's CUDA runtime")],
    )
    unnamed = entry("torch", "2.9.0", files=())
    assert kinds_of(check(locked(unnamed), base=base)) == [kinds.FILES_NOT_NAMED]
    by_hash = entry("torch", "2.9.0", files=(), hashes=frozenset({"a" * 64, "b" * 64}))
    assert check(locked(by_hash), base=base).answer is Answer.YES
    assert kinds_of(check(locked(by_hash), gpu_target("6.1"), base)) == [kinds.CODE]
    gone = entry("torch", "2.9.0", files=(), is_listed=False)
    report = check(locked(gone), base=base)
    assert kinds_of(report) == [kinds.TAGS]
    assert "No index in use has a file of it" in report.findings[0].text


def test_what_is_not_pinned_is_open() -> None:
    report = check(locked(entry("a"), unpinned=("torch>=2 (r.txt line 1)",), is_whole=False, is_closed=False))
    assert kinds_of(report) == [kinds.NOT_PINNED]
    assert report.findings[0].subject == ("torch>=2 (r.txt line 1)",)


def test_needs_that_are_known_are_held_against_the_pins() -> None:
    a = entry("a", needs=(need("b", specifier=SpecifierSet(">=2")), need("c")))
    report = check(locked(a, entry("b", "1.0")))
    assert kinds_of(report) == [kinds.NEEDS_DISAGREE, kinds.NEED_NOT_LOCKED]
    assert report.findings[0].text == "a 1.0 needs b>=2, and 1.0 is locked."
    assert report.answer is Answer.NO
    open_file = check(locked(a, entry("b", "2.0"), is_closed=False))
    assert (kinds_of(open_file), open_file.answer) == ([kinds.NOT_WHOLE], Answer.UNKNOWN)
    assert open_file.findings[0].measured == ("a 1.0 needs c",)


def test_only_the_stages_that_are_asked_for_count() -> None:
    file = locked(entry("nvidia-cublas", "13.0.0"), entry("a", "1.0", "cp39-cp39-linux_x86_64"))
    report = check_locked(
        file, gpu_target(), knowledge(LEAF), Asked(), stages=frozenset({Stage.METADATA, Stage.GPU})
    )
    assert kinds_of(report) == [kinds.TAGS]
    assert report.stages == (Stage.METADATA,)


def test_an_unknown_glibc_stops_nothing() -> None:
    where = replace(gpu_target(), facts=tuple(f for f in gpu_target().facts if f.name != GLIBC))
    report = check(locked(entry("a", "1.0", "cp312-cp312-manylinux_2_34_x86_64")), where)
    assert kinds_of(report) == [kinds.FACT_UNKNOWN]
    assert "2.34 or newer" in report.findings[0].text
    told = replace(where, facts=(*where.facts, known(GLIBC, "2.35")))
    assert check(locked(entry("a", "1.0", "cp312-cp312-manylinux_2_34_x86_64")), told).answer is Answer.YES


def test_what_comes_with_a_refused_package_is_folded_into_its_finding() -> None:
    driver = rule("torch/driver", "torch", constrains=[(CUDA_DRIVER, ">=580")], why="torch needs driver 580.")
    torch = entry("torch", needs=(need("toolkit"),))
    toolkit = entry("toolkit", needs_of_extras={"blas": (need("nvidia-cublas"),)})
    file = locked(torch, toolkit, entry("nvidia-cublas", "13.0.0"))
    report = check(file, gpu_target("7.5"), knowledge(driver, LEAF, packages=[TORCH]))
    (finding,) = [item for item in report.findings if item.kind is kinds.DRIVER]
    assert finding.subject == ("torch 1.0", "nvidia-cublas 13.0.0")
    assert finding.text == "torch 1.0: torch needs driver 580. So it is with 1 package that it brings."
    assert any("[cuda/13-libraries]" in line for line in finding.measured)
    apart = locked(entry("torch"), entry("nvidia-cublas", "13.0.0"))
    report = check(apart, gpu_target("7.5"), knowledge(driver, LEAF, packages=[TORCH]))
    assert [item.subject for item in report.findings if item.kind is kinds.DRIVER] == [
        ("torch 1.0",),
        ("nvidia-cublas 13.0.0",),
    ]


def test_a_newer_driver_is_named_only_where_nothing_else_is_lacking() -> None:
    driver = rule("a/driver", "a", constrains=[(CUDA_DRIVER, ">=580.65.06")], why="a needs driver 580.65.06.")
    texts = [
        item.text
        for item in check(locked(entry("a")), gpu_target("7.5"), knowledge(driver)).findings[0].remedies
    ]
    assert texts[-1] == "Install driver 580.65.06 or newer there: with it, the file as it is runs."
    both = knowledge(driver, rule("b/gpu", "b", constrains=[(CAPABILITY, ">=9.0")]))
    report = check(locked(entry("a"), entry("b")), gpu_target("7.5"), both)
    assert not any("Install driver" in one.text for item in report.findings for one in item.remedies)
    # No driver of branch 580, the only one known here, drives a GPU of capability 7.0.
    report = check(locked(entry("a")), gpu_target("7.0"), knowledge(driver))
    assert not any("Install driver" in one.text for item in report.findings for one in item.remedies)
