"""``envfit build --dry-run``: what is told before anything is compiled."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import pytest

from envfit.detect import headers, host, resources
from envfit.target import CORES, CUDA_HEADERS, DISK_FREE, GLIBC, MEMORY_FREE, PYTHON_HEADERS, Fact, FactState
from tests.cli.conftest import CommandLine
from tests.cli.test_cli_knowledge import valid
from tests.cli.test_cli_snapshots import compare, shown
from tests.loopback import Index

MACHINE = {CORES: "16", MEMORY_FREE: "96.0", DISK_FREE: "64.0"}


def known(facts: Mapping[str, str], source: str) -> tuple[Fact, ...]:
    return tuple(
        Fact(name=name, state=FactState.KNOWN, value=value, source=source) for name, value in facts.items()
    )


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has 16 cores, 96 GiB, glibc 2.35 and all headers."""
    (glibc,) = known({GLIBC: "2.35"}, "a stated machine")
    monkeypatch.setattr(host, "_glibc", lambda: glibc)
    found = {PYTHON_HEADERS: "/include", CUDA_HEADERS: "/cuda/include"}
    monkeypatch.setattr(resources, "read_resources", lambda *_: known(MACHINE, "a stated machine"))
    monkeypatch.setattr(headers, "read_header_facts", lambda *_, **__: known(found, "a stated machine"))
    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST", raising=False)


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("v100", "flash-attn==2.8.3.post2 --gpu V100 --torch 2.11.0 --nvcc 13.0 --gxx 13.3", 1),
        ("t4", "'flash-attn>=2' --gpu T4 --torch 2.11.0 --nvcc 13.0 --gxx 13.3", 1),
        ("l4", "flash-attn==2.8.3.post2 --gpu L4 --torch 2.11.0 --nvcc 13.0 --gxx 13.3", 0),
        ("no-nvcc", "flash-attn --gpu A100 --torch 2.11.0 --nvcc none --gxx 13.3 --memory 8 --cores 4", 1),
    ],
)
def test_report(envfit: CommandLine, index: Index, name: str, words: str, code: int) -> None:
    command = f"build {words} --dry-run"
    compare(f"build-gates-{name}", shown(command, envfit(*shlex.split(command), code=code), envfit, index))


def test_data_are_as_published(envfit: CommandLine) -> None:
    words = "build flash-attn==2.8.3.post2 --gpu H200 --torch 2.11.0 --nvcc 13.0 --gxx 13.3 --dry-run --json"
    data = envfit(*words.split()).data
    valid("build-dry-run", data)
    (report,) = data["reports"]
    assert data["possible"]
    assert report["architectures"] == ["90"]
    assert report["settings"]["FLASH_ATTN_CUDA_ARCHS"] == "90"
    assert report["settings"]["MAX_JOBS"] == "16"
    assert report["cost"]["objects"] == 73
    assert "614 TFLOP/s" in report["advice"][0]["text"]
    refused = envfit(*words.replace("H200", "V100").split(), code=1).data
    valid("build-dry-run", refused)
    assert not refused["possible"]
    assert refused["reports"][0]["gates"][0]["reasons"][0]["rule"] == "flash-attn/ampere-or-newer"


def test_variables_that_the_build_does_not_get_are_named(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "9.0a")
    words = "build flash-attn==2.8.3.post2 --gpu H200 --torch 2.11.0 --nvcc 13.0 --gxx 13.3 --dry-run"
    assert "not inherited: TORCH_CUDA_ARCH_LIST=9.0a\n" in envfit(*words.split()).out


def test_a_lock_is_judged_with_its_own_torch(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", "flash-attn", "--gpu", "A100")
    words = ("build", "--gpu", "A100", "--nvcc", "13.0", "--gxx", "16.1", "--dry-run", "--json")
    (report,) = envfit(*words, code=1).data["reports"]
    assert report["name"] == "flash-attn"
    assert report["torch"] is not None
    closed = [gate["name"] for gate in report["gates"] if gate["outcome"] == "failed"]
    assert "host compiler" in closed
    assert envfit(*words, "--skip", "Flash_Attn").data == {"possible": True, "reports": []}


def test_a_lock_without_builds(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", "--gpu", "A100")
    answer = envfit("build", "--gpu", "A100", "--dry-run")
    assert answer.out == "pylock.toml marks nothing as a build\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("build flash-attn", "flash-attn is no lock"),
        ("build pylock.toml --nvcc 13.0", "--nvcc says what --dry-run judges"),
        ("build numpy==2.0 --gpu A100 --dry-run", "nothing is known of how numpy 2.0 is compiled"),
        ("build flash-atn --gpu A100 --dry-run", "did you mean flash-attn?"),
        ("build numpy --gpu A100 --dry-run", "no release of numpy is known that is compiled for a GPU"),
        ("build ==2 --gpu A100 --dry-run", "is neither a lock nor a requirement"),
        ("build flash-attn --gpu A100 --nvcc new --dry-run", "--nvcc: 'new' is no version"),
        ("build flash-attn --gpu A100 --torch new --dry-run", "--torch: 'new' is no version"),
        ("build flash-attn --memory much --dry-run", "'much' is no number above zero"),
    ],
)
def test_what_cannot_be_meant(envfit: CommandLine, words: str, says: str) -> None:
    assert says in envfit(*words.split(), code=2).err


def test_nothing_is_written(envfit: CommandLine) -> None:
    before = envfit.files()
    words = "build flash-attn --gpu A100 --torch 2.11.0 --nvcc 13.0 --gxx 13.3 --dry-run"
    envfit(*words.split())
    assert envfit.files() == before


def test_a_rule_that_is_switched_off_closes_no_gate(envfit: CommandLine) -> None:
    words = "build flash-attn==2.8.3.post2 --gpu H200 --torch 2.14.0 --nvcc 13.0 --gxx 13.3 --dry-run"
    assert "[flash-attn/torch-before-2-14]" in envfit(*words.split(), code=1).out
    assert envfit(*words.split(), "--ignore-rule", "flash-attn/torch-before-2-14").out


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_a_rule_that_is_none_is_refused_whether_anything_is_compiled_or_not(
    envfit: CommandLine, how: tuple[str, ...]
) -> None:
    envfit("lock", "torch", "flash-attn", "--gpu", "A100")
    words = ("build", "pylock.toml", "--gpu", "A100", "--ignore-rule", "no/such", *how)
    assert "there is no rule 'no/such' to ignore" in envfit(*words, code=2).err
