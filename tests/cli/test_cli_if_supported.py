"""``--if-supported``: in where it runs, out with the reason where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from envfit.lock.file import read_lock
from tests.cli.conftest import CommandLine

A100 = ("--gpu", "A100", "--driver", "580.95.05")
V100 = ("--gpu", "V100", "--driver", "580.95.05")
WANTED = ("lock", "torch", "--if-supported", "flash-attn")
RULE = "flash-attn/ampere-or-newer"


def versions(envfit: CommandLine) -> dict[str, str]:
    return {item.name: str(item.version) for item in read_lock(envfit.cwd / "pylock.toml").packages}


def tool(envfit: CommandLine) -> dict[str, Any]:
    return dict((read_lock(envfit.cwd / "pylock.toml").tool or {})["envfit"])


def test_it_is_in_where_it_runs_and_may_lower_torch_by_a_minor(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, *A100)
    assert versions(envfit)["flash-attn"] == "2.8.3"
    assert versions(envfit)["torch"] == "2.13.0"
    assert "left out" not in answer.err
    assert "flash-attn 2.8.3" in answer.out


def test_that_torch_was_lowered_for_it_is_said(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, *A100)
    assert "flash-attn/torch-before-2-14" in answer.err


def test_what_must_be_compiled_is_locked_under_the_group_builds(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, *A100)
    assert "to be compiled" in answer.out
    lock = read_lock(envfit.cwd / "pylock.toml")
    assert lock.dependency_groups == ["builds"]
    assert lock.default_groups == []
    markers = {item.name: str(item.marker) for item in lock.packages if item.marker is not None}
    assert markers == {"flash-attn": '"builds" in dependency_groups'}
    (flash_attn,) = [item for item in lock.packages if item.name == "flash-attn"]
    assert flash_attn.sdist is not None
    assert "flash-attn/nvcc-11-7" in [item["rule"] for item in tool(envfit)["conditions"]]


def test_it_is_out_where_it_would_lower_torch_further_than_conceded(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, *A100, "--concede", "none")
    assert versions(envfit)["torch"] == "2.15.0"
    assert "flash-attn" not in versions(envfit)
    reason = "with it, torch would be 2.13.0 instead of 2.15.0, more than --concede none allows"
    assert "left out: flash-attn" in answer.err
    assert reason in answer.err
    assert "instead: torch SDPA" in answer.err
    assert "instead: xformers" not in answer.err  # no index here has it, so it was tried in vain
    (left,) = tool(envfit)["left-out"]
    assert left["name"] == "flash-attn"
    assert left["why"] == [reason]
    assert [text.partition(":")[0] for text in left["alternatives"]] == ["torch SDPA"]


def test_it_is_out_where_no_gpu_code_of_it_runs(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, *V100)
    assert versions(envfit)["torch"] == "2.10.0"
    assert "flash-attn" not in versions(envfit)
    (left,) = tool(envfit)["left-out"]
    assert RULE in left["why"][0]
    for text in (answer.err, left["why"][0]):
        assert "FlashAttention 2 is compiled for compute capability 8.0 and newer" in text
    assert RULE in answer.err
    assert "7.0" in answer.err.partition("left out")[2]  # the capability of the target, in the reason
    # xformers needs 7.5.
    assert "instead: torch SDPA" in answer.err
    assert "instead: xformers" not in answer.err


def test_json_says_what_was_left_out_and_why(envfit: CommandLine) -> None:
    (left,) = envfit(*WANTED, *V100, "--json").data["left-out"]
    assert left["name"] == "flash-attn"
    assert RULE in left["why"][0]
    assert left["alternatives"]


def test_it_is_out_without_a_gpu(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, "--gpu", "none")
    assert "flash-attn" not in versions(envfit)
    assert "left out: flash-attn" in answer.err


def test_several_are_decided_in_the_order_given(envfit: CommandLine) -> None:
    answer = envfit(*WANTED, "--if-supported", "plain", "--if-supported", "needs-nowhere", *V100)
    assert versions(envfit)["plain"] == "2.0"
    lines = [line for line in answer.err.splitlines() if line.startswith("left out: ")]
    assert lines == ["left out: flash-attn", "left out: needs-nowhere"]


def test_one_that_no_index_has_is_an_error_that_names_it(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--if-supported", "flash-atn", *V100, code=2)
    assert "flash-atn" in answer.err
    assert envfit.files() == set()


def test_the_pyproject_may_say_it(envfit: CommandLine) -> None:
    (envfit.cwd / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "0"\ndependencies = ["torch"]\n'
        '[tool.envfit]\nif-supported = ["flash-attn"]\nconcede = "none"\n'
    )
    envfit("lock", *A100)
    assert "flash-attn" not in versions(envfit)
    envfit("lock", *A100, "--concede", "minor")
    assert "flash-attn" in versions(envfit)


# -- asked for plainly --------------------------------------------------------


def test_asked_for_plainly_it_is_a_refusal_that_names_capability_rule_and_evidence(
    envfit: CommandLine,
) -> None:
    answer = envfit("lock", "flash-attn>=2", "--gpu", "V100", code=1)
    assert "you ask for flash-attn>=2" in answer.err
    assert "compute capability of V100 7.0" in answer.err
    assert f"[{RULE}]" in answer.err
    assert "flash_attn-2.0.0.post1.tar.gz" in answer.err  # the evidence
    assert answer.out == ""
    assert envfit.files() == set()


def test_so_does_json(envfit: CommandLine) -> None:
    data = envfit("lock", "flash-attn>=2", "--gpu", "V100", "--json", code=1).data
    assert data["error"] == "unsatisfiable"
    assert data["exit-code"] == 1
    assert data["core"] == ["flash-attn>=2"]
    (reason,) = data["reasons"]
    assert reason["name"] == "flash-attn"
    assert reason["rule"] == RULE
    assert any("7.0" in fact for fact in reason["facts"])
    assert len(reason["evidence"]) > 1


@pytest.mark.parametrize("target", [A100, ("--gpu", "RTX 5090", "--driver", "580.95.05")])
def test_asked_for_plainly_it_is_locked_where_it_runs(envfit: CommandLine, target: tuple[str, ...]) -> None:
    envfit("lock", "flash-attn>=2", "torch", *target)
    assert versions(envfit)["torch"] == "2.13.0"
    assert versions(envfit)["flash-attn"] == "2.8.3"
