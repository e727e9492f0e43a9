"""``--pytorch-index``: builds of a release for other CUDA versions, from a replica of the PyTorch index."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit import api
from envfit.lock.file import read_lock
from tests.cli.conftest import CommandLine
from tests.loopback import Index

V100 = ("--gpu", "V100", "--driver", "580.95.05")
GH200 = ("--gpu", "GH200", "--driver", "550.54.15")


def torch_file(envfit: CommandLine) -> str:
    """The wheel of torch in the lock."""
    (package,) = [item for item in read_lock(envfit.cwd / "pylock.toml").packages if item.name == "torch"]
    (wheel,) = package.wheels or ()
    return str(wheel.name)


def test_a_v100_gets_a_newer_torch_as_a_cuda_12_6_build(envfit: CommandLine, pytorch: str) -> None:
    answer = envfit("lock", "torch", *V100, "--pytorch-index", pytorch)
    assert "torch 2.14.1+cu126\n" in answer.out
    assert torch_file(envfit) == "torch-2.14.1+cu126-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert "--pytorch-index" not in answer.err


def test_without_the_option_a_hint_names_the_build_and_the_option(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", *V100)
    assert "torch 2.10.0\n" in answer.out
    (hint,) = [line for line in answer.err.splitlines() if line.startswith("hint: ")]
    assert "2.14.1+cu126" in hint
    assert "--pytorch-index" in hint


def test_the_builds_of_that_index_serve_a_gpu_whose_default_wheel_has_no_gpu_code(
    envfit: CommandLine, pytorch: str
) -> None:
    envfit("lock", "torch", *GH200, "--pytorch-index", pytorch)
    assert torch_file(envfit) == "torch-2.14.1+cu126-cp311-cp311-manylinux_2_28_aarch64.whl"


@pytest.mark.parametrize(
    "words", [["--pytorch-index={}"], ["--pytorch-index", "{}"], ["--pytorch-index", "{}/"]]
)
def test_the_address_may_be_written_in_several_ways(
    envfit: CommandLine, pytorch: str, words: list[str]
) -> None:
    envfit("lock", "torch", *[word.format(pytorch) for word in words], *V100)
    assert "+cu126" in torch_file(envfit)


def test_one_page_may_be_named(envfit: CommandLine, pytorch: str) -> None:
    envfit("lock", "torch", *V100, "--pytorch-index", f"{pytorch}/cu128")
    assert "torch-2.10.0-" in torch_file(envfit)  # the default index's build of the same release


def test_the_default_build_is_taken_where_it_runs(envfit: CommandLine, pytorch: str) -> None:
    envfit("lock", "torch", "--gpu", "H100", "--driver", "595.58.03", "--pytorch-index", pytorch)
    assert torch_file(envfit).startswith("torch-2.15.0-")


def test_the_pyproject_may_name_the_index(envfit: CommandLine, pytorch: str) -> None:
    pyproject = f'[project]\nname = "app"\nversion = "0"\ndependencies = ["torch"]\n\n[tool.envfit]\npytorch-index = "{pytorch}"\n'
    (envfit.cwd / "pyproject.toml").write_text(pyproject)
    envfit("lock", *V100)
    assert "+cu126" in torch_file(envfit)


def test_a_version_with_a_local_label_may_be_asked_for(envfit: CommandLine, pytorch: str) -> None:
    envfit("lock", "torch==2.10.0+cu128", *V100, "--pytorch-index", pytorch)
    assert torch_file(envfit).startswith("torch-2.10.0+cu128-")


def test_only_pages_that_the_driver_can_run_are_asked(
    envfit: CommandLine, pytorch: str, index: Index
) -> None:
    envfit("lock", "torch", *GH200, "--pytorch-index", pytorch)
    assert index.requests_for("/whl/cu126/torch/")
    assert not index.requests_for("/whl/cu130/")
    assert not index.requests_for("/whl/cpu/")


def test_only_the_names_of_that_index_are_taken_from_it(
    envfit: CommandLine, pytorch: str, index: Index
) -> None:
    envfit("lock", "torch", *V100, "--pytorch-index", pytorch)
    assert {request.path.split("/")[3] for request in index.requests_for("/whl/")} <= {"torch", "triton"}


@pytest.mark.parametrize("status", [403, 404])
def test_a_page_that_a_mirror_does_not_have_is_no_error(
    envfit: CommandLine, pytorch: str, index: Index, status: int
) -> None:
    for label in ("cu128", "cu130"):
        index.statuses[f"/whl/{label}/torch/"] = status
    envfit("lock", "torch", *V100, "--pytorch-index", pytorch)
    assert "+cu126" in torch_file(envfit)


def test_a_page_that_fails_is_an_error(envfit: CommandLine, pytorch: str, index: Index) -> None:
    index.statuses["/whl/cu128/torch/"] = 500
    answer = envfit("lock", "torch", *V100, "--pytorch-index", pytorch, code=3)
    assert f"{pytorch}/cu128/torch/" in answer.err
    assert "500" in answer.err
    assert envfit.files() == set()


def test_a_mirror_that_has_no_page_at_all_is_no_error(envfit: CommandLine, index: Index) -> None:
    answer = envfit("lock", "torch", *V100, "--pytorch-index", f"{index.root}/nothing-here")
    assert "torch 2.10.0\n" in answer.out


def test_a_lock_names_the_page_of_each_build_without_credentials(
    envfit: CommandLine, pytorch: str, index: Index
) -> None:
    envfit("lock", "torch", *V100, "--pytorch-index", pytorch.replace("//", "//user:secret@"))
    text = (envfit.cwd / "pylock.toml").read_text()
    assert "secret" not in text
    assert "+cu126" in torch_file(envfit)


def test_the_option_alone_means_the_index_itself(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pytorch: str
) -> None:
    asked = []

    def pages(index: object, url: str, query: object) -> tuple[str, ...]:
        asked.append(url)
        return (f"{pytorch}/cu126/",)

    monkeypatch.setattr("envfit.api.indexes._variant_pages", pages)
    envfit("lock", "torch", *V100, "--pytorch-index")
    assert asked == [api.knowledge().indexes["pytorch"].url]
    assert "+cu126" in torch_file(envfit)
