"""What one GPU of several costs, and ``--ignore-gpu``: from the lock to the activation of the environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tomli
import uv

from envfit.detect.record import replay
from envfit.install.hidden_gpus import hide_gpus
from tests.cli.conftest import CommandLine
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_wheel

MACHINES = Path(__file__).parents[1] / "machines"
V100 = "Tesla V100-SXM2-16GB"
PRICE = f"GPU 0, {V100}, 7.0, costs torch 2.15.0 -> 2.10.0; leave it out with --ignore-gpu 0"


def stand_on(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envfit.detect.detect", lambda **_: replay(MACHINES / f"{machine}.txt"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a V100 and an A100, on a driver that runs CUDA 13."""
    text = (MACHINES / "v100-a100.txt").read_text()
    reading = text.replace("535.161.08", "580.95.05").replace("12.2", "13.0")

    def detect(**_: object) -> object:
        from envfit.detect.machine import conclude
        from envfit.detect.record import parse_record

        return conclude(parse_record(reading, source="recorded"), {})

    monkeypatch.setattr("envfit.detect.detect", detect)


@pytest.mark.usefixtures("machine")
def test_a_gpu_of_this_machine_with_its_price(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "auto")
    assert f"{PRICE}\n" in answer.err
    data = envfit("lock", "torch", "--gpu", "auto", "--json").data
    (price,) = data["gpu-prices"]
    assert price == {
        "gpus": [{"name": V100, "capability": "7.0", "index": 0}],
        "costs": [{"name": "torch", "without": "2.15.0", "with": "2.10.0"}],
        "options": ["--ignore-gpu", "0"],
    }


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("said", ["0", "V100", V100, "sm_70"])
def test_what_the_price_says_is_what_comes_of_it(envfit: CommandLine, said: str) -> None:
    answer = envfit("lock", "torch", "--gpu", "auto", "--ignore-gpu", said)
    assert answer.out.startswith("torch 2.15.0\n")
    assert "costs" not in answer.err
    assert f"without the {V100}" in answer.err
    text = (envfit.cwd / "pylock.toml").read_text()
    target = tomli.loads(text)["tool"]["envfit"]["target"]
    assert target["ignored-gpus"] == [{"name": V100, "capability": "7.0"}]
    assert [gpu["name"] for gpu in target["gpus"]] == ["NVIDIA A100-SXM4-40GB"]
    # The choice stays with the lock.
    assert "is unchanged" in envfit("lock", "torch").out


def test_named_gpus_are_told_to_have_two_locks(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "V100", "--gpu", "A100")
    sentence = (
        "the V100 (7.0) costs torch 2.15.0 -> 2.10.0; two locks would serve both: one --target for each"
    )
    assert f"{sentence}\n" in answer.err
    assert "the A100" not in answer.err
    answer = envfit("lock", "torch", "--gpu", "V100", "--gpu", "A100", "--ignore-gpu", "V100")
    assert answer.out.startswith("torch 2.15.0\n")


@pytest.mark.parametrize(
    "gpus",
    [
        ("V100",),  # one GPU
        ("A100", "H100"),  # nothing is held back
        ("V100", "7.0"),  # one capability
    ],
)
def test_no_price(envfit: CommandLine, gpus: tuple[str, ...]) -> None:
    words = [word for gpu in gpus for word in ("--gpu", gpu)]
    assert envfit("lock", "torch", *words, "--driver", "580.95.05", "--json").data["gpu-prices"] == []


def test_nothing_is_resolved_for_a_price_where_no_rule_holds_back(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("opened for a price")

    envfit("lock", "plain", "--gpu", "V100", "--gpu", "A100")
    monkeypatch.setattr("envfit.api.prices.without_gpus", refuse)
    envfit("lock", "plain", "--gpu", "V100", "--gpu", "A100")
    envfit("lock", "torch", "--gpu", "A100", "--gpu", "H100")


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--ignore-gpu", "2"), "the target has no such GPU"),
        (("--ignore-gpu", "T4"), "the target has no such GPU"),
        (("--ignore-gpu", "0", "--ignore-gpu", "1"), "leaves no GPU"),
    ],
)
def test_what_cannot_be_ignored(envfit: CommandLine, words: tuple[str, ...], says: str) -> None:
    assert says in envfit("lock", "torch", "--gpu", "auto", *words, code=2).err


def test_one_of_two_alike_is_not_left_out_alone(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on("v100", monkeypatch)
    answer = envfit("lock", "torch", "--gpu", "auto", "--ignore-gpu", "1", code=2)
    assert "is the same model" in answer.err
    assert "CUDA_VISIBLE_DEVICES" in answer.err


def exported(prefix: Path, *before: str, after: str = "", shell: str = "bash") -> dict[str, str]:
    """Return the variables after an activation, as a shell exports them."""
    script = "; ".join((*before, f". {prefix}/bin/activate", *([after] if after else []), "env"))
    lines = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    ).stdout.splitlines()
    found = dict(line.partition("=")[::2] for line in lines)
    return {name: found[name] for name in sorted(found) if name.startswith(("CUDA", "_ENVFIT"))}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_the_activation_hides_it(envfit: CommandLine, own_index: Index, shell: str) -> None:
    make_wheel(own_index.directory, "app", "1.0")
    where = ("--index-url", own_index.url, "--python", HERE)
    envfit("lock", "app", "--gpu", "auto", "--ignore-gpu", "V100", *where)
    # What the lock tells of it informs; the choice is made where it is installed.
    assert f"note: the lock was made without the {V100}; --ignore-gpu 0 leaves it out here too\n" in (
        envfit("install", "--dry-run").err
    )
    envfit("install", "--prefix", "env", "--ignore-gpu", "0")
    prefix = envfit.cwd / "env"
    hidden = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}
    assert exported(prefix, shell=shell) == hidden
    assert exported(prefix, after="deactivate", shell=shell) == {}
    # A second activation, an order of one's own that comes back, and what a scheduler handed out.
    assert exported(prefix, f". {prefix}/bin/activate", shell=shell) == hidden
    own = "export CUDA_DEVICE_ORDER=FASTEST_FIRST"
    assert exported(prefix, own, shell=shell) == hidden
    assert exported(prefix, own, after="deactivate", shell=shell) == {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    handed = exported(prefix, "export CUDA_VISIBLE_DEVICES=0", shell=shell)
    assert handed == {"CUDA_VISIBLE_DEVICES": "0"}


def test_every_script_of_uv_hides_and_undoes(tmp_path: Path) -> None:
    subprocess.run(
        [uv.find_uv_bin(), "venv", "-q", "--offline", "--python", sys.executable, tmp_path / "env"],
        check=True,
    )
    hide_gpus(tmp_path / "env", [0, 2])
    scripts = tmp_path / "env" / "bin"
    for name, hides, undoes in (
        ("activate", "CUDA_VISIBLE_DEVICES=0,2", "VIRTUAL_ENV='"),
        ("activate.fish", "set -gx CUDA_VISIBLE_DEVICES 0,2", "set -gx VIRTUAL_ENV '"),
        ("activate.csh", "setenv CUDA_VISIBLE_DEVICES 0,2", "setenv VIRTUAL_ENV '"),
    ):
        deactivation, _, activation = (scripts / name).read_text().partition(undoes)
        assert hides in activation
        assert "_ENVFIT_OLD_ORDER" in deactivation
        assert hides not in deactivation
    assert exported(tmp_path / "env")["CUDA_VISIBLE_DEVICES"] == "0,2"


@pytest.mark.usefixtures("machine")
def test_install_refuses_or_leaves_out(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "A100", "--driver", "580.95.05")
    refused = envfit("install", "--prefix", "env", "--dry-run", code=1)
    assert "[torch/device-code]" in refused.err
    assert f"hint: it runs here without the {V100}: --ignore-gpu 0\n" in refused.err
    assert "without the NVIDIA A100" not in refused.err
    envfit("install", "--prefix", "env", "--dry-run", "--ignore-gpu", "0")


@pytest.mark.usefixtures("machine")
def test_an_environment_for_all_gpus_hides_none(envfit: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0")
    envfit("lock", "app", "--gpu", "auto", "--index-url", own_index.url, "--python", HERE)
    envfit("install", "--prefix", "env")
    assert exported(envfit.cwd / "env") == {}


@pytest.mark.usefixtures("machine")
def test_nothing_of_a_device_is_in_a_lock(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "auto", "--ignore-gpu", "0")
    text = (envfit.cwd / "pylock.toml").read_text()
    assert "GPU-" not in text
    assert "uuid" not in text.lower()


@pytest.mark.usefixtures("machine")
def test_the_same_twice(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "auto")
    words = ("lock", "torch", "--gpu", "auto", "--json")
    first, second = envfit(*words).data, envfit(*words).data
    assert first["gpu-prices"] == second["gpu-prices"]
    assert first["gpu-prices"]
