"""``envfit check`` on files: what a lock of any tool would do on a GPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_snapshots import compare, shown
from tests.loopback import Index

LOCKS = Path(__file__).parents[1] / "project" / "locks"
SCHEMA = Path(__file__).parents[2] / "envfit" / "cli" / "schema" / "check.json"
V100 = ("--gpu", "V100", "--driver", "535.161.08")
H100 = ("--gpu", "H100", "--driver", "580.65.06")
_RULE = """\
schema = 1
package = "einops"

[[rule]]
id = "einops/numpy-1"
constrains = ["numpy<2"]
severity = "blocks"
why = "Here einops goes with numpy below 2 only."
evidence = [{ kind = "docs", source = "our wiki", locator = "numpy", checked = 2026-11-27 }]
"""
PINS = "torch==2.10.0\nfilelock==3.20.0\nnvidia-cublas-cu12==12.8.4.1\n"


def put(envfit: CommandLine, name: str, to: str = "uv.lock") -> None:
    shutil.copy(LOCKS / name, envfit.cwd / to)


def write(envfit: CommandLine, text: str, name: str = "requirements.txt") -> None:
    (envfit.cwd / name).write_text(text, encoding="utf-8")


def codes(data: dict) -> list[str]:
    return [finding["code"] for report in data["reports"] for finding in report["findings"]]


@pytest.mark.parametrize(
    ("name", "lock", "command", "code"),
    [
        ("check-uv-no", "torch-2.15.uv.lock", "check uv.lock --gpu V100 --driver 535.161.08", 1),
        ("check-uv-no-verbose", "torch-2.9.uv.lock", "check uv.lock --gpu H100 --driver 580.65.06 -v", 1),
        ("check-uv-yes", "torch-2.15.uv.lock", "check uv.lock --gpu H100 --gpu T4 --driver 580.65.06", 0),
        ("check-driver", "torch-2.15.uv.lock", "check uv.lock --gpu V100 --driver 595.58.03", 1),
    ],
)
def test_what_is_said(
    envfit: CommandLine, index: Index, name: str, lock: str, command: str, code: int
) -> None:
    put(envfit, lock)
    compare(name, shown(command, envfit(*command.split(), code=code), envfit, index))
    assert index.log == []  # nothing is asked of anybody


def test_help(envfit: CommandLine) -> None:
    compare("help-check", envfit("check", "--help").out, wrapped=True)


def test_data_is_as_the_schema_says(envfit: CommandLine) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    put(envfit, "torch-2.15.uv.lock")
    put(envfit, "torch-2.9.uv.lock", "old.lock")
    write(envfit, "torch>=2\nnumpy==2.0.0\n")
    data = envfit("check", "uv.lock", "old.lock", "requirements.txt", *V100, "--json", code=1).data
    Draft202012Validator(schema).validate(data)
    assert data["answer"] == "no"
    assert [(item["subject"], item["answer"]) for item in data["reports"]] == [
        ("uv.lock", "no"),
        ("old.lock", "no"),
        ("requirements.txt", "unknown"),
    ]
    rules = [item["because"]["rule"] for item in data["reports"][0]["findings"] if item["because"]]
    assert "torch/device-code" in rules
    remedies = [item["remedies"] for item in data["reports"][0]["findings"] if item["severity"] == "breaks"]
    assert all(some and some[0]["text"] for some in remedies)


def test_several_gpus_must_all_be_served(envfit: CommandLine) -> None:
    put(envfit, "torch-2.15.uv.lock")
    for gpu, code in (("H100", 0), ("T4", 0), ("V100", 1)):
        envfit("check", "uv.lock", "--gpu", gpu, "--driver", "580.65.06", code=code)
    envfit("check", "uv.lock", "--gpu", "H100", "--gpu", "V100", "--driver", "580.65.06", code=1)


def test_an_unknown_is_said_and_fails_only_where_that_is_asked_for(envfit: CommandLine) -> None:
    write(envfit, "torch>=2\n")
    answer = envfit("check", "requirements.txt", *H100)
    assert answer.out.startswith("unknown: requirements.txt\n")
    assert "ends with exit code 0; --strict makes it 1" in answer.err
    assert "counts as a no" in envfit("check", "requirements.txt", *H100, "--strict", code=1).err


def test_extras_and_groups_of_a_file(envfit: CommandLine) -> None:
    put(envfit, "extras.uv.lock")
    assert envfit("check", "uv.lock", *V100).out.startswith("yes: ")
    old = envfit("check", "uv.lock", *V100, "--extra", "old", "--json").data
    assert old["answer"] == "yes"
    new = ("--gpu", "P100", "--driver", "535.161.08", "--extra", "new")
    assert "locked-no-code-for-gpu" in codes(envfit("check", "uv.lock", *new, "--json", code=1).data)
    assert "has no extra older" in envfit("check", "uv.lock", "--extra", "older", *V100, code=2).err
    bench = envfit("check", "uv.lock", "--group", "bench", *V100).out
    assert "it installs 9 packages there" in bench


def test_a_python_that_the_file_is_for_is_taken_unless_one_is_said(envfit: CommandLine) -> None:
    put(envfit, "torch-2.9.uv.lock")
    notes = envfit("check", "uv.lock", *H100, "--json", code=1).data["reports"][0]["notes"]
    assert "Python 3.11" in notes[0]
    data = envfit("check", "uv.lock", *H100, "--python", "3.13", "--json", code=1).data
    assert codes(data) == ["locked-for-another-python"]
    assert data["reports"][0]["skipped"][0]["stage"] == "knowledge"


@pytest.mark.parametrize(
    ("gpu", "driver"),
    [("V100", "580.95.05"), ("T4", "550"), ("A100", "535.161.08"), ("H100", "595.58.03"), ("GH200", "580")],
)
def test_what_envfit_locks_for_a_target_runs_there_and_elsewhere_check_and_install_agree(
    envfit: CommandLine, gpu: str, driver: str
) -> None:
    envfit("lock", "torch", "--gpu", gpu, "--driver", driver)
    data = envfit("check", "pylock.toml", "--gpu", gpu, "--driver", driver, "--json").data
    assert (data["answer"], codes(data)) == ("yes", [])
    for other, its in (("V100", "535.161.08"), ("T4", "470.82.01"), ("H100", "550"), ("RTX 5090", "580")):
        place = ("--gpu", other, "--driver", its)
        if gpu == "GH200":
            assert "locked-for-another-platform" in codes(
                envfit("check", "pylock.toml", *place, "--json", code=1).data
            )
            continue
        installs = _code(envfit, "install", *place, "--dry-run", "--prefix", "env")
        assert _code(envfit, "check", "pylock.toml", *place) == installs, (other, its)


def _code(envfit: CommandLine, *words: str) -> int:
    for code in (0, 1):
        try:
            envfit(*words, code=code)
        except AssertionError:
            continue
        return code
    raise AssertionError(words)


def test_what_is_to_be_compiled_is_open(envfit: CommandLine) -> None:
    envfit("lock", "torch", "flash-attn", "--gpu", "A100")
    data = envfit("check", "pylock.toml", "--gpu", "A100", "--json").data
    assert data["answer"] == "unknown"
    assert "locked-compiled-there" in codes(data)


def test_what_a_module_provides_counts_and_is_named(envfit: CommandLine) -> None:
    envfit("lock", "plain<2", "--provided", "lib==1.0", "--gpu", "none")
    answer = envfit("check", "pylock.toml", "--gpu", "none")
    assert "beside what a module provides: lib 1.0" in answer.out


# -- asking an index -----------------------------------------------------------


def test_pins_are_settled_by_asking_the_index(envfit: CommandLine, index: Index) -> None:
    write(envfit, PINS)
    data = envfit("check", "requirements.txt", *V100, "--json").data
    assert codes(data) == ["locked-not-whole", "locked-files-not-named"]
    assert index.log == []
    data = envfit("check", "requirements.txt", *V100, "--online", "--json").data
    assert (data["answer"], codes(data)) == ("yes", [])
    data = envfit("check", "requirements.txt", *V100, "--python", "3.12", "--online", "--json", code=1).data
    assert codes(data)[0] == "locked-files-do-not-fit"


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("torch==2.10.0\nfilelock==3.20.0\n", 0, "locked-not-whole"),
        (PINS.replace("12.8.4.1", "11.0"), 1, "locked-files-do-not-fit"),
        (
            PINS.replace("nvidia-cublas-cu12==12.8.4.1", "nvidia-cublas-cu11==11.10.3.66"),
            0,
            "locked-not-whole",
        ),
        (PINS.replace("filelock==3.20.0", "filelock==9.9"), 1, "locked-files-do-not-fit"),
        ("plain==2.0\nlib==1.1\nneeds-nowhere==1.0\n", 0, "locked-not-whole"),
    ],
)
def test_what_the_index_says_of_pins(envfit: CommandLine, text: str, code: int, found: str) -> None:
    write(envfit, text)
    assert found in codes(envfit("check", "requirements.txt", *V100, "--online", "--json", code=code).data)


def test_requirements_that_contradict_the_pins(envfit: CommandLine) -> None:
    write(envfit, "torchaudio==2.8.0\ntorch==2.10.0\nfilelock==3.20.0\nnvidia-cublas-cu12==12.8.4.1\n")
    data = envfit("check", "requirements.txt", *V100, "--online", "--json", code=1).data
    (finding,) = [item for item in data["reports"][0]["findings"] if item["code"] == "locked-needs-disagree"]
    assert finding["text"] == "torchaudio 2.8.0 needs torch==2.8.0, and 2.10.0 is locked."


# -- what is named wrongly -----------------------------------------------------


def test_a_project_is_no_environment(envfit: CommandLine) -> None:
    (envfit.cwd / "project").mkdir()
    write(envfit, "", "project/pyproject.toml")
    error = envfit("check", "project", code=2).err
    assert "project is a project and no environment" in error
    assert "envfit lock --gpu NAME" in error
    put(envfit, "torch-2.9.uv.lock", "project/uv.lock")
    assert "envfit check project/uv.lock" in envfit("check", "project", code=2).err
    assert "says what is wanted" in envfit("check", "project/pyproject.toml", code=2).err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nothing",), 3, "there is nothing at nothing"),
        (("empty",), 2, "empty is no environment: it has no python"),
        (("uv.lock", "--fix"), 2, "--fix mends environments"),
        (("uv.lock", "--stage", "gpu"), 2, "metadata and knowledge alone are checked"),
        (("uv.lock", "--driver", "580"), 2, "--driver describes a named target"),
        (("uv.lock", "--gpu", "V1000"), 2, "unknown GPU 'V1000'"),
        (("uv.lock", "--ignore-rule", "no/such", "--gpu", "V100"), 2, "there is no rule 'no/such'"),
    ],
)
def test_what_cannot_be_checked(envfit: CommandLine, words: tuple[str, ...], code: int, said: str) -> None:
    (envfit.cwd / "empty").mkdir()
    put(envfit, "torch-2.9.uv.lock")
    assert said in envfit("check", *words, code=code).err


def test_a_rule_that_is_ignored_finds_nothing(envfit: CommandLine) -> None:
    put(envfit, "torch-2.9.uv.lock")
    rules = ("torchaudio/torch-2-11", "torchaudio/cuda-13-0")
    ignored = [word for rule in rules for word in ("--ignore-rule", rule)]
    assert envfit("check", "uv.lock", *H100, *ignored).out.startswith("yes: ")


def test_standard_input_is_a_requirements_file(envfit: CommandLine) -> None:
    import subprocess
    import sys

    from tests.cli.conftest import process_environment

    ended = subprocess.run(
        [sys.executable, "-m", "envfit", "check", "-", *V100],
        input="nvidia-cublas==13.0.0.19\n",
        capture_output=True,
        text=True,
        env=process_environment(),
        check=False,
    )
    assert ended.returncode == 1
    assert "CUDA 13" in ended.stdout


def test_rules_of_the_project_that_a_file_lies_in_count(envfit: CommandLine) -> None:
    (envfit.cwd / "rules").mkdir()
    write(envfit, _RULE, "rules/einops.toml")
    write(envfit, '[tool.envfit]\nconstraints = ["rules/"]\n', "pyproject.toml")
    write(envfit, "einops==0.8.1\nnumpy==2.3.0\n")
    answer = envfit("check", "requirements.txt", *V100, code=1)
    assert "einops 0.8.1, numpy 2.3.0: Here einops goes with numpy below 2 only." in answer.out
