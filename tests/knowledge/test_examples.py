"""Sets of installed packages: what the rules say of each, and whether that is what its file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.knowledge.load import load
from envfit.knowledge.objections import objections_to_example
from tests.knowledge.small_knowledge import EVIDENCE, base

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
SHIPPED = load(CONSTRAINTS)


@pytest.mark.parametrize("example", SHIPPED.examples, ids=lambda example: example.place)
def test_an_example_is_as_its_file_says(example) -> None:
    found = {item.origin.rule: str(item) for item in objections_to_example(example, SHIPPED)}
    if example.breaks:
        assert set(example.breaks) <= set(found), f"{example.place}: only {found} object"
    else:
        assert not found, example.place


def said(package: str, *, gpu: str, driver: str, installed: list[str]) -> list[tuple[str, bool]]:
    listed = ", ".join(f'"{pin}"' for pin in installed)
    example = f'[[example]]\ngpu = ["{gpu}"]\ndriver = "{driver}"\ninstalled = [{listed}]'
    knowledge = base(f"{package}\n{example}")
    found = objections_to_example(knowledge.examples[0], knowledge)
    return sorted((item.origin.rule, item.blocks) for item in found)


CHOSEN = f"""
[[own_code]]
libraries = ["demo/libdemo_cuda{{}}.so"]
chosen_by = "__torch_cuda"
{EVIDENCE}
"""
NEAREST = CHOSEN.replace("chosen_by", "or_nearest = true\nchosen_by")
LINKED = f"""
[[own_code]]
libraries = ["demo/_extra.so"]
runtime_from = "__torch_cuda"
{EVIDENCE}
"""
PARTIAL = f"""
[[own_code]]
libraries = ["demo/_extra.so"]
needed_for = "demo.extra"
{EVIDENCE}
"""


@pytest.mark.parametrize(
    ("package", "gpu", "driver", "installed", "expected"),
    [
        pytest.param(
            CHOSEN,
            "V100",
            "580.95.05",
            ["demo==1.0", "torch==2.10.0"],
            [],
            id="the library of torch's CUDA serves",
        ),
        pytest.param(
            CHOSEN,
            "A100",
            "580.95.05",
            ["demo==1.0", "torch==2.11.0"],
            [],
            id="another library serves another torch",
        ),
        pytest.param(
            CHOSEN,
            "RTX 5090",
            "580.95.05",
            ["demo==1.0", "torch==2.10.0"],
            [("demo/device-code", True)],
            id="single kernels are no support",
        ),
        pytest.param(
            CHOSEN,
            "V100",
            "580.95.05",
            ["demo==1.0", "torch==2.11.0"],
            [("demo/device-code", True), ("torch/cuda-runtime", True), ("torch/device-code", True)],
            id="torch's CUDA has a library, which does not serve the GPU",
        ),
        pytest.param(
            CHOSEN,
            "A100",
            "580.95.05",
            ["demo==1.0", "torch==2.13.0+cu129"],
            [("demo/device-code", True), ("torch/cuda-runtime", True)],
            id="no library is for torch's CUDA",
        ),
        pytest.param(
            NEAREST,
            "A100",
            "580.95.05",
            ["demo==1.0", "torch==2.13.0+cu129"],
            [],
            id="the next older of the same major is taken",
        ),
        pytest.param(
            NEAREST,
            "V100",
            "580.95.05",
            ["demo==1.0", "torch==2.13.0+cu132"],
            [("demo/device-code", True), ("torch/cuda-runtime", True)],
            id="and has no code for the GPU",
        ),
        pytest.param(
            LINKED,
            "A100",
            "580.95.05",
            ["demo==1.0", "torch==2.11.0"],
            [("demo/linked-runtime", True), ("torch/cuda-runtime", True)],
            id="linked with another CUDA than torch",
        ),
        pytest.param(
            LINKED, "A100", "580.95.05", ["demo==1.0", "torch==2.10.0"], [], id="linked with torch's"
        ),
        pytest.param(LINKED, "A100", "580.95.05", ["demo==1.0"], [], id="nothing is said of torch"),
        pytest.param(
            LINKED,
            "RTX 5090",
            "580.95.05",
            ["demo==1.0", "torch==2.10.0"],
            [],
            id="PTX serves a newer GPU where the driver knows it",
        ),
        pytest.param(
            LINKED,
            "H100",
            "550.54.15",
            ["demo==1.0", "torch==2.10.0"],
            [("demo/device-code", True)],
            id="and not else",
        ),
        pytest.param(
            PARTIAL,
            "T4",
            "580.95.05",
            ["demo==1.0"],
            [("demo/device-code", False)],
            id="a part fails: a warning",
        ),
        pytest.param(PARTIAL, "A100", "580.95.05", ["demo==1.0"], [], id="the part works"),
    ],
)
def test_what_libraries_decide(package, gpu, driver, installed, expected) -> None:
    assert said(package, gpu=gpu, driver=driver, installed=installed) == expected


RULES = """
[[rule]]
id = "demo/slug"
{}
severity = "{}"
why = "Because."
evidence = [{{ kind = "docs", source = "a page", locator = "a row", checked = 2026-11-27 }}]
"""


@pytest.mark.parametrize(
    ("condition", "severity", "installed", "expected"),
    [
        ('constrains = ["other<2"]', "blocks", ["demo==1.0"], []),
        ('constrains = ["other<2"]', "blocks", ["demo==1.0", "other==1.9"], []),
        ('constrains = ["other<2"]', "blocks", ["demo==1.0", "other==2.0"], [("demo/slug", True)]),
        ('constrains = ["other<2"]', "warns", ["demo==1.0", "other==2.0"], [("demo/slug", False)]),
        ('requires = ["other>=2"]', "blocks", ["demo==1.0"], [("demo/slug", True)]),
        ('requires = ["other>=2"]', "warns", ["demo==1.0"], [("demo/slug", False)]),
        ('requires = ["other>=2"]', "blocks", ["demo==1.0", "other==2.1"], []),
        ('excludes = ["other"]', "blocks", ["demo==1.0", "other==2.1"], [("demo/slug", True)]),
        ('excludes = ["other"]', "warns", ["demo==1.0", "other==2.1"], [("demo/slug", False)]),
        ('excludes = ["other"]', "blocks", ["demo==1.0"], []),
        ('requires = ["__nvcc>=12"]', "blocks", ["demo==1.0"], []),  # unknown: nothing speaks against it
        ('constrains = ["__capability>=8.0"]', "blocks", ["demo==1.0"], [("demo/slug", True)]),
        ('constrains = ["__capability>=8.0"]', "warns", ["demo==1.0"], [("demo/slug", False)]),
    ],
)
def test_what_rules_say_of_a_set(condition, severity, installed, expected) -> None:
    found = said(RULES.format(condition, severity), gpu="T4", driver="580.95.05", installed=installed)
    assert found == expected


def test_a_fact_that_is_said_counts() -> None:
    knowledge = base(
        RULES.format('requires = ["__nvcc>=12.3"]', "blocks")
        + '[[example]]\ngpu = ["A100"]\nfacts = { __nvcc = "11.8" }\nbuilt = ["demo==2.0"]\nbreaks = ["demo/slug"]'
    )
    (found,) = objections_to_example(knowledge.examples[0], knowledge)
    assert found.origin.rule == "demo/slug"
    assert knowledge.examples[0].built == {"demo"}


def test_a_tool_that_is_absent_is_objected_to() -> None:
    knowledge = base(
        RULES.format('requires = ["__nvcc>=12.3"]', "blocks")
        + '[[example]]\ngpu = ["A100"]\nfacts = { __nvcc = "none" }\nbuilt = ["demo==2.0"]\n'
    )
    (found,) = objections_to_example(knowledge.examples[0], knowledge)
    assert (found.origin.rule, found.blocks) == ("demo/slug", True)


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        (["demo==1.0", "torch==2.11.0"], [("demo/slug", False)]),
        (["demo==1.0", "torch==2.10.0"], []),
        (["demo==1.0"], []),  # nothing is said of torch
    ],
)
def test_a_warning_about_a_choice(installed: list[str], expected: list[tuple[str, bool]]) -> None:
    rule = RULES.format('constrains = ["__torch_cuda<13"]', "warns")
    assert said(rule, gpu="A100", driver="580.95.05", installed=installed) == expected


def test_libraries_that_some_gpus_load_are_judged_on_them_alone() -> None:
    package = CHOSEN.replace("{}", "128").replace('chosen_by = "__torch_cuda"', 'only_for = ["9.0"]')
    assert said(package, gpu="T4", driver="580.95.05", installed=["demo==1.0"]) == []
    assert said(package, gpu="RTX 5090", driver="580.95.05", installed=["demo==1.0"]) == []
    hopper = package.replace("9.0", "12.0")
    assert said(hopper, gpu="RTX 5090", driver="580.95.05", installed=["demo==1.0"]) == [
        ("demo/device-code", True)
    ]
