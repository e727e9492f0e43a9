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


def test_a_lock_of_another_tool(envfit: CommandLine) -> None:
    wheels = "".join(
        f'[[packages.wheels]]\nname = "{name}"\nurl = "https://index.example/{name}"\nhashes = {{ sha256 = "aa" }}\n'
        for name in ("lib-1.1-py3-none-any.whl", "lib-1.1-cp311-cp311-manylinux_2_28_x86_64.whl")
    )
    (envfit.cwd / "pylock.toml").write_text(
        f'lock-version = "1.0"\ncreated-by = "other"\n[[packages]]\nname = "lib"\nversion = "1.1"\n{wheels}'
    )
    out = envfit("why", "lib").out.splitlines()
    assert out[0] == "lib 1.1, in pylock.toml"
    assert out[-1] == "note: what keeps it from being newer is not in the lock; --solve tells it"


def test_what_a_lock_does_not_tell(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none")
    assert "note: it was the newest release when it was locked" in envfit("why", "plain").out
    assert "--solve tells it" in envfit("why", "lib").out
    assert "no newer release is kept out" in envfit("why", "lib", "--solve").out


def test_another_glibc_and_another_python(bare_envfit: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0")
    make_wheel(own_index.directory, "app", "2.0", tags="py3-none-manylinux_2_31_x86_64")
    make_wheel(own_index.directory, "app", "3.0", requires_python=">=3.12")
    words = ("app", "--gpu", "none", "--python", "3.11", "--index-url", own_index.url)
    data = bare_envfit("why", "app", *words, "--json").data
    assert {one["what"]: one["version"] for bound in data["bounds"] for one in bound["without"]} == {
        "with glibc 2.31": "2.0",
        "with Python 3.12": "3.0",
    }


def test_a_rule_of_ones_own_is_lifted(envfit: CommandLine) -> None:
    (envfit.cwd / "rules").mkdir()
    (envfit.cwd / "rules" / "plain.toml").write_text(
        """
schema = 1
package = "plain"

[[rule]]
id = "plain/no-two"
applies = { versions = ">=2" }
excludes = ["lib"]
severity = "blocks"
why = "It does not go with lib here."
evidence = [{ kind = "docs", source = "our wiki", locator = "nodes", checked = 2026-11-27 }]
"""
    )
    (envfit.cwd / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\ndependencies = ["plain", "lib"]\n'
        '[tool.envfit]\nconstraints = ["rules/"]\n'
    )
    data = envfit("why", "plain", "--gpu", "none", "--json").data
    (bound,) = data["bounds"]
    assert bound["rule"] == "plain/no-two"
    assert bound["without"] == [{"what": "without that rule", "version": "2.0", "refused": None}]


def test_a_driver_that_is_newer(envfit: CommandLine) -> None:
    data = envfit("why", "torch", "torch", "--gpu", "A100", "--driver", "535.161.08", "--json").data
    (driver,) = [bound for bound in data["bounds"] if bound["rule"] == "cuda/13-driver"]
    assert driver["without"][-1]["what"].startswith("with driver 58")
    assert driver["without"][-1]["version"] == "2.15.0"
    assert driver["facts"] == ["__cuda_driver 535.161.08, from --driver"]


def test_an_option_is_not_passed_over(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none")
    (envfit.cwd / "bounds.txt").write_text("lib<1.1\n")
    answer = envfit("why", "lib", "-c", "bounds.txt")
    assert answer.out.startswith("lib 1.0\n")
    assert envfit("why", "lib", "--offline").out.startswith("lib 1.1, in pylock.toml\n")


def test_of_what_cannot_be(envfit: CommandLine) -> None:
    for question in ("torch", "torch==2.10.0"):
        answer = envfit("why", question, "torch>=9", *V100, code=1)
        assert "you ask for torch>=9 (the command line)" in answer.err
        assert answer.out == ""


def test_a_word_that_may_mean_something_else(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none")
    answer = envfit("why", "cuda-13-runtime")
    assert "envfit knowledge list cuda-13-runtime" in answer.err
    assert "envfit why unsatisfiable" in envfit("why", "unsatisfable").err
    assert envfit("why", "einops").err == ""


def test_a_name_that_is_nearly_one_of_the_lock(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none")
    assert "nothing there requires it; did you mean plain?" in envfit("why", "plian").out
