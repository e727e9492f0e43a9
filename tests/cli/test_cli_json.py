"""``--json``: stdout holds one JSON document and nothing else, errors included."""

from __future__ import annotations

import pytest

from envfit.errors import EnvfitError
from tests.cli.conftest import CommandLine

V100 = ("--gpu", "V100", "--driver", "580.95.05")


@pytest.fixture
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "")


def test_detect(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "12.8")
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA_ARCH", "7.0")
    monkeypatch.setenv("CONDA_OVERRIDE_GLIBC", "2.31")
    data = envfit("detect", "--json").data
    assert set(data) >= {"platform", "python", "nvml", "gpus-in-use", "gpus-found", "facts", "notes"}
    facts = {fact["name"]: fact for fact in data["facts"]}
    assert facts["__cuda"] == {
        "name": "__cuda",
        "state": "known",
        "value": "12.8",
        "source": "CONDA_OVERRIDE_CUDA",
    }
    assert facts["__glibc"]["value"] == "2.31"
    assert all(fact["source"] for fact in data["facts"])
    assert data["gpus-in-use"][0]["capability"] == "7.0"


@pytest.mark.usefixtures("_no_gpu")
def test_detect_without_a_gpu(envfit: CommandLine) -> None:
    data = envfit("detect", "--json").data
    facts = {fact["name"]: fact for fact in data["facts"]}
    assert data["gpus-in-use"] == []
    assert (facts["__cuda"]["state"], facts["__cuda"]["value"]) == ("absent", None)


def test_detect_with_a_malformed_override(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "twelve")
    data = envfit("detect", "--json", code=2).data
    assert data["error"] == "bad-target"
    assert "CONDA_OVERRIDE_CUDA" in data["message"]


def test_lock(envfit: CommandLine) -> None:
    data = envfit("lock", "torch", *V100, "--json").data
    assert data["path"] == "pylock.toml"
    assert data["changed"] is True
    assert data["contract"].endswith("linux x86_64")
    assert data["target"].startswith("V100 (capability 7.0), driver 580.95.05")
    assert any("__glibc" in item for item in data["assumed"])
    assert not any("__cuda" in item for item in data["assumed"])
    packages = {item["name"]: item for item in data["packages"]}
    assert packages["torch"] == {
        "name": "torch",
        "version": "2.10.0",
        "file": "torch-2.10.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "build": False,
        "provided": False,
        "requested": True,
    }
    assert packages["filelock"]["requested"] is False
    (newer,) = data["why-not-newer"]
    assert newer["rule"] == "torch/device-code"
    assert newer["versions"][0] == "2.15.0"
    (better,) = data["better-builds"]
    assert better == {
        "name": "torch",
        "version": "2.14.1+cu126",
        "index": "pytorch",
        "option": "--pytorch-index",
    }
    assert data["left-out"] == data["conditions"] == data["warnings"] == data["ignored-rules"] == []


def test_install_as_a_dry_run(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    data = envfit("install", *V100, "--dry-run", "--json").data
    assert data["installed"] is False
    assert data["python"] == "3.11"
    assert data["packages"] == ["filelock==3.20.0", "nvidia-cublas-cu12==12.8.4.1", "torch==2.10.0"]
    assert data["download-size"] > 0
    assert data["skipped"] == data["imports"] == []
    assert data["prefix"] == str(envfit.cwd / ".venv")
    assert envfit.files() == {"pylock.toml"}


def test_install_that_is_refused(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "H100")
    data = envfit("install", *V100, "--json", code=1).data
    assert data["error"] == "install-refused"
    assert data["exit-code"] == 1
    assert "7.0" in str(data["details"])
    assert "[torch/device-code]" in str(data["details"])


@pytest.mark.parametrize(
    ("words", "error", "code"),
    [
        (("lock", "no-such-name", *V100), "unknown-package", 2),
        (("lock", "torch=2", *V100), "bad-requirement", 2),
        (("lock",), "bad-project-file", 2),
        (("lock", "torch", "--gpu", "V1000"), "bad-target", 2),
        (("lock", "torch", "--gpu", "V100", "--driver", "5x"), "bad-target", 2),
        (("lock", "torch", *V100, "-o", "lock.toml"), "bad-lock", 2),
        (("lock", "-r", "missing.txt", *V100), "file-failed", 3),
        (("lock", "torch", *V100, "--offline"), "index-failed", 3),
        (("lock", "torch>=9", *V100), "unsatisfiable", 1),
        (("lock", "torch", "--gpu", "RTX 5090", "--driver", "560.35.03"), "target-impossible", 1),
        (("install", "missing.toml"), "file-failed", 3),
    ],
)
def test_errors(envfit: CommandLine, words: tuple[str, ...], error: str, code: int) -> None:
    data = envfit(*words, "--json", code=code).data
    assert (data["error"], data["exit-code"]) == (error, code)
    assert data["message"]
    assert isinstance(data["details"], dict)
    assert isinstance(data["hints"], list)


def test_every_refusal_of_a_search_carries_its_core_and_its_reasons(envfit: CommandLine) -> None:
    data = envfit("lock", "torch", "--gpu", "GH200", "--driver", "550.54.15", "--json", code=1).data
    assert data["core"] == ["torch"]
    assert [reason["rule"] for reason in data["reasons"]][:2] == ["cuda/13-driver", "torch/no-gpu-code"]
    assert data["reasons"][0]["facts"] == ["__cuda_driver 550.54.15, from --driver"]
    assert data["better-builds"][0]["version"] == "2.14.1+cu126"


def test_talk_goes_to_stderr_alone(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "none")
    answer = envfit.process("lock", "torch", "--json")
    assert answer.data["changed"] is False
    assert answer.err.startswith("for the target of the existing lock")
    assert envfit("lock", "torch", "--gpu", "V1000", "--json", code=2).err == ""


def test_an_interrupt_is_told_as_an_error_too(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("envfit.api.solving.resolve", interrupt)
    answer = envfit("lock", "torch", *V100, "--json", code=130)
    assert answer.out == ""


def test_error_codes_are_stable_words() -> None:
    def kinds(kind: type[EnvfitError]) -> list[type[EnvfitError]]:
        return [kind, *(inner for sub in kind.__subclasses__() for inner in kinds(sub))]

    codes = {kind.code for kind in kinds(EnvfitError)}
    assert all(code == code.lower() and " " not in code for code in codes)


@pytest.mark.usefixtures("_no_gpu")
def test_export_does_not_take_it(envfit: CommandLine) -> None:
    # The design wants --json everywhere; an export is another tool's form and has none.
    answer = envfit("export", "--json", code=2)
    assert (answer.data["error"], answer.err) == ("usage", "")
    assert answer.data["message"] == "No such option: --json"
