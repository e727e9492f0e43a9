"""``envfit why NAME``, ``why NAME==V``: of fresh inputs and of a lock."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_knowledge import valid
from tests.cli.test_cli_snapshots import compare, shown
from tests.loopback import Index, make_wheel

V100 = ("--gpu", "V100", "--driver", "580.95.05")
PAIR = ("torch", "torchaudio")


@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("why-torch", "why torch torch torchaudio --gpu V100", 0),
        ("why-torch-verbose", "why torch torch torchaudio --gpu V100 -v", 0),
        ("why-torch-mixed", "why torch torch --gpu V100 --gpu A100", 0),
        ("why-not-torch", "why torch==2.13.0 torch torchaudio --gpu V100", 1),
        ("why-torch-older", "why torch==2.7.1 torch --gpu V100", 0),
    ],
)
def test_what_users_see(envfit: CommandLine, index: Index, name: str, command: str, code: int) -> None:
    answer = envfit(*command.split(), code=code)
    compare(name, shown(command, answer, envfit, index))


def test_each_bound_is_lifted_and_solved(envfit: CommandLine) -> None:
    data = envfit("why", "torch", *PAIR, *V100, "--json").data
    valid("why", data)
    assert (data["version"], data["newest"], data["source"]) == ("2.8.0", "2.15.0", None)
    code, audio = data["bounds"]
    assert code["rule"] == "torch/device-code"
    assert code["versions"][-1] == "2.11.0"
    assert code["without"][0]["what"] == "on a GPU of capability 7.5"
    assert audio["text"] == "torchaudio 2.8.0 requires torch==2.8.0"
    assert audio["without"] == [
        {"what": "without torchaudio 2.8.0's torch==2.8.0", "version": "2.10.0", "refused": None}
    ]
    assert [chain["text"] for chain in data["chains"]] == [
        "you ask for torch (the command line)",
        "torchaudio 2.8.0 -> torch==2.8.0",
    ]
    assert data["gpu-code"]["serves"] == [{"gpu": "V100", "capability": "7.0", "code": "sm_70"}]


def test_what_was_said_is_what_lock_gives(envfit: CommandLine) -> None:
    # Without torchaudio, and on another GPU: what the trials say is what a lock has.
    envfit("lock", "torch", *V100)
    assert 'version = "2.10.0"' in (envfit.cwd / "pylock.toml").read_text()
    data = envfit(
        "why", "torch", "torch", "torchaudio", "--gpu", "7.5", "--driver", "580.95.05", "--json"
    ).data
    on_turing = envfit("why", "torch", *PAIR, *V100, "--json").data["bounds"][0]["without"][0]
    assert data["version"] == on_turing["version"]


def test_a_range_of_the_user_is_lifted(envfit: CommandLine) -> None:
    data = envfit("why", "lib", "plain", "lib<1.1", "--gpu", "none", "--json").data
    (bound,) = data["bounds"]
    assert bound["text"] == "you ask for lib<1.1 (the command line)"
    assert bound["without"] == [{"what": "without your lib<1.1", "version": "1.1", "refused": None}]


def test_a_constraint_is_lifted(envfit: CommandLine) -> None:
    (envfit.cwd / "bounds.txt").write_text("lib<1.1\n")
    data = envfit("why", "lib", "plain", "-c", "bounds.txt", "--gpu", "none", "--json").data
    (bound,) = data["bounds"]
    assert bound["versions"] == ["1.1"]
    assert bound["without"][0]["version"] == "1.1"


def test_ranges_that_agree_are_lifted_together_by_who_brings_them(
    bare_envfit: CommandLine, own_index: Index
) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(own_index.directory, "lib", version)
    for name in ("one", "two"):
        make_wheel(own_index.directory, name, "1.0", requires=["lib==1.0"])
    make_wheel(own_index.directory, "app", "1.0", requires=["one", "two"])
    words = ("app", "lib", "--gpu", "none", "--index-url", own_index.url)
    data = bare_envfit("why", "lib", *words, "--json").data
    (bound,) = data["bounds"]
    assert bound["text"] == "one 1.0 and two 1.0 require lib==1.0"
    assert [(one["what"], one["version"]) for one in bound["without"]] == [
        ("without one 1.0's lib==1.0", "1.0"),
        ("without two 1.0's lib==1.0", "1.0"),
        ("without asking for app", "2.0"),
    ]
    answer = bare_envfit("why", "lib", *words)
    assert "    without asking for app it would be 2.0\n" in answer.out


def test_a_way_in_through_an_extra(bare_envfit: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "lib", "1.0")
    make_wheel(own_index.directory, "app", "1.0", extras={"fast": ["lib"]})
    words = ("--gpu", "none", "--index-url", own_index.url)
    assert "brought by app[fast] 1.0 -> lib\n" in bare_envfit("why", "lib", "app[fast]", *words).out
    answer = bare_envfit("why", "lib", "app", *words)
    assert answer.out == (
        "lib is not in what is asked for\n  app 1.0 requires it with its extra fast, which nobody asks for\n"
    )


def test_what_is_not_there(envfit: CommandLine) -> None:
    answer = envfit("why", "flash-attn", "torch", *V100, "--if-supported", "flash-attn")
    assert answer.out.startswith(
        "flash-attn is not in what is asked for\n  you want it where it is supported"
    )
    assert "flash-attn/" in answer.out
    assert "nothing there requires it" in envfit("why", "numpy", "torch", *V100).out
    data = envfit("why", "numpy", "torch", 'numpy; sys_platform == "win32"', *V100, "--json").data
    valid("why", data)
    assert "does not hold on this target" in data["absent"][0]


def test_of_a_lock_nothing_is_asked_of_an_index(envfit: CommandLine, index: Index) -> None:
    envfit("lock", *PAIR, *V100)
    before = len(index.requests_for(""))
    data = envfit("why", "torch", "--json").data
    assert len(index.requests_for("")) == before
    valid("why", data)
    assert (data["version"], data["source"]) == ("2.8.0", "pylock.toml")
    assert [chain["text"] for chain in data["chains"]] == [
        "you ask for torch (pylock.toml)",
        "torchaudio 2.8.0 -> torch",
    ]
    assert data["bounds"][0]["rule"] == "torch/device-code"
    assert data["gpu-code"]["serves"][0]["code"] == "sm_70"
    assert envfit("why", "filelock").out.splitlines()[1] == "brought by torch 2.8.0 -> filelock"
    assert "nothing there requires it" in envfit("why", "numpy").out


def test_a_lock_resolved_anew(envfit: CommandLine) -> None:
    envfit("lock", "torch==2.7.1", *V100)
    text = (envfit.cwd / "pylock.toml").read_text()
    data = envfit("why", "torch", "--solve", "--json").data
    assert data["bounds"][-1]["without"][0]["version"] == "2.10.0"
    assert (envfit.cwd / "pylock.toml").read_text() == text


def test_what_an_older_lock_keeps(envfit: CommandLine) -> None:
    (envfit.cwd / "in.txt").write_text("plain==1.0\n")
    envfit("lock", "-r", "in.txt", "--gpu", "none")
    (envfit.cwd / "in.txt").write_text("plain\n")
    out = envfit("why", "plain", "-r", "in.txt", "--gpu", "none").out
    assert "- kept from the existing lock\n    with --upgrade it would be 2.0\n" in out


def test_a_release_of_a_lock(envfit: CommandLine) -> None:
    envfit("lock", "torch<2.9", *V100)
    data = envfit("why", "torch==2.7.1", "--json").data
    valid("why", data)
    assert data["possible"] is True
    assert {change["name"]: change["direction"] for change in data["changes"]}["torch"] == "down"
    refused = envfit("why", "torch==2.13.0", "--json", code=1).data
    valid("why", refused)
    assert refused["refused"]["error"] == "unsatisfiable"
    assert refused["refused"]["core"] == ["torch<2.9", "torch==2.13.0"]
    assert envfit("why", "torch<2.9").out == "torch<2.9 is so: torch 2.8.0\n"
    assert "no-such-name" in envfit("why", "no-such-name>=1", code=2).out


def test_the_lock_that_is_named(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none", "--target", "login")
    assert envfit("why", "lib", "--target", "login").out.startswith("lib 1.1, in pylock.login.toml\n")
    assert envfit("why", "lib", "--lock", "pylock.login.toml").out.startswith("lib 1.1, in pylock.login.toml")


def test_nothing_is_written(envfit: CommandLine) -> None:
    envfit("why", "torch", *PAIR, *V100)
    assert envfit.files() == set()


def test_the_same_twice(envfit: CommandLine) -> None:
    words = ("why", "torch", *PAIR, "--gpu", "V100", "--gpu", "A100", "--json")
    assert envfit(*words).out == envfit(*words).out


def test_a_question_about_an_address(envfit: CommandLine) -> None:
    answer = envfit("why", "https://index.example/x-1-py3-none-any.whl", "torch", *V100, code=2)
    assert "not about an address" in answer.err


def test_a_symptom(bare_envfit: CommandLine) -> None:
    out = bare_envfit("why", "triton/gpu-too-old").out.splitlines()
    assert out[0].startswith("[triton/gpu-too-old] Triton")
    assert any(line.startswith("  remedy: ") for line in out)
    valid("why", bare_envfit("why", "triton/gpu-too-old", "--json").data)
