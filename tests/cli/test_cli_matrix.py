"""envfit matrix against a small world: the answers are those of envfit lock, and are made once."""

import json
import re
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_snapshots import compare, shown
from tests.loopback import Index

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "matrix-schema.json"
_GPUS = "--gpu V100 --gpu T4 --gpu A100 --gpu GH200"


def stable(text: str) -> str:
    return re.sub(r"resolutions in \d+ s", "resolutions in N s", text)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (
            "matrix-gpus",
            f"matrix torch flash-attn {_GPUS} --driver 470 --driver 550 --driver 580 --driver 595",
        ),
        ("matrix-one-gpu", "matrix torch torchaudio --gpu V100 --driver 550 --driver 580 --driver 595 -v"),
    ],
)
def test_tables(
    envfit: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = envfit(*shlex.split(command))
    compare(name, stable(shown(command, answer, envfit, index)))
    table = [
        line for line in answer.out.splitlines() if not line.startswith("       ")
    ]  # evidence is not cut
    assert max(map(len, table)) <= 80


def test_help(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    compare("help-matrix", envfit("matrix", "--help").out, wrapped=True)


@pytest.mark.parametrize(
    ("gpu", "driver"), [("V100", "580.95.05"), ("A100", "550.54.15"), ("GH200", "580.65.06")]
)
def test_a_cell_is_what_lock_answers(envfit: CommandLine, gpu: str, driver: str) -> None:
    cell = envfit("matrix", "torch", "--gpu", gpu, "--driver", driver, "--json").data["cells"][0]
    lock = envfit("lock", "torch", "--gpu", gpu, "--driver", driver, "--json").data
    versions = {package["name"]: package["version"] for package in lock["packages"]}
    assert cell["version"] == versions["torch"]
    why = [group["why"] for group in lock["why-not-newer"] if group["name"] == "torch"]
    data = envfit("matrix", "torch", "--gpu", gpu, "--driver", driver, "--json").data
    assert sorted(data["reasons"][place]["why"] for place in cell["reasons"]) == sorted(why)


def test_what_is_refused_and_what_is_impossible_are_answers(envfit: CommandLine) -> None:
    data = envfit(
        "matrix", "torch", "--gpu", "GH200", "--gpu", "V100", "--driver", "550", "--driver", "595", "--json"
    ).data
    assert [cell["outcome"] for cell in data["cells"]] == ["refused", "newest", "older", "impossible"]
    assert [gpu["platform"] for gpu in data["gpus"]] == ["linux-aarch64", "linux-x86_64"]
    impossible = data["reasons"][data["cells"][3]["reasons"][0]]
    assert "drivers of branch 595 start at compute capability 7.5" in impossible["why"]
    assert impossible["evidence"]
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(data)


def test_the_platform_follows_from_the_gpu(envfit: CommandLine) -> None:
    words = ("matrix", "torch", "--gpu", "A100", "--gpu", "GB10", "--driver", "580", "--json")
    told = envfit(*words, "--platform", "linux-aarch64").data
    assert [gpu["platform"] for gpu in told["gpus"]] == ["linux-aarch64", "linux-aarch64"]
    assert [gpu["platform"] for gpu in envfit(*words).data["gpus"]] == ["linux-x86_64", "linux-aarch64"]


def test_machines_that_differ_in_nothing_are_resolved_once(envfit: CommandLine, index: Index) -> None:
    answer = envfit("matrix", "plain", "--gpu", "H100", "--gpu", "H200", "--gpu", "9.0", "--driver", "580")
    assert "3 answers from 1 resolutions" in answer.err
    assert len([request for request in index.requests_for("plain") if request.path.endswith("/plain/")]) == 1
    assert "H100, H200, capability" in answer.out


def test_only_a_build_would_tell(
    envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.loopback import make_sdist

    make_sdist(own_index.directory, "dynamic", "1.0", metadata_version="2.1", requires=[])
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    data = envfit("matrix", "dynamic", "--gpu", "A100", "--driver", "580", "--json").data
    assert data["cells"][0]["outcome"] == "undecided"
    assert "a matrix builds none unless --build-metadata is given" in data["reasons"][0]["why"]


def test_a_page_is_written(envfit: CommandLine) -> None:
    answer = envfit("matrix", "torch", "--gpu", "A100", "--driver", "580", "--html", "page.html")
    assert answer.out == "wrote page.html\n"
    text = (envfit.cwd / "page.html").read_text(encoding="utf-8")
    assert '<th scope="row" data-name="torch">' in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("torch", "--gpu", "none"), 2, "a matrix is of GPUs by name"),
        (("torch", "--gpu", "V1000"), 2, "unknown GPU 'V1000'"),
        (("torch", "--driver", "new"), 2, "'new' is not a driver version"),
        (("https://example.org/lib-1.0.tar.gz",), 2, "a matrix is of releases of packages"),
        (("torch; python_version > '3'",), 2, "no place for a marker"),
        (("torhc", "--gpu", "V100", "--driver", "580"), 2, "no index in use has torhc"),
        (("torch", "--gpu", "V100", "--driver", "595"), 1, "does not run with driver 595"),
        (("torch", "--html", "nowhere/page.html"), 3, "no page can be written"),
    ],
)
def test_what_is_wrong_is_an_error(envfit: CommandLine, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in envfit("matrix", *words, code=code).err
    assert envfit.files() == set()


def test_the_defaults_are_known(envfit: CommandLine, knowledge) -> None:
    from envfit.knowledge.hardware import find_gpu

    defaults = knowledge.matrix
    assert len(defaults.packages) == len(set(defaults.packages)) == 30
    assert [find_gpu(knowledge, name).name for name in defaults.gpus] == list(defaults.gpus)
    branches = [branch.branch for branch in knowledge.branches]
    assert {int(name) for name in defaults.drivers} <= set(branches)


def test_progress_says_how_far_it_has_come(envfit: CommandLine) -> None:
    from envfit import api

    seen = []
    request = api.MatrixRequest(packages=("plain",), gpus=("H100", "GH200"), drivers=("580", "595"))
    found = api.matrix(request, watch=lambda status: seen.extend([status(), status]))
    assert seen[0].startswith("0 of 4:")
    assert seen[1]().startswith("4 of 4: plain on GH200, driver 595")
    assert found.solved == 4
