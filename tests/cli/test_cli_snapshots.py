"""What users see, whole: the texts are in ``snapshots/``.

``UPDATE_SNAPSHOTS=1`` writes them anew; read the difference before it is kept.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests import snapshots
from tests.cli.conftest import Answer, CommandLine
from tests.loopback import Index

SNAPSHOTS = Path(__file__).parent / "snapshots"


def compare(name: str, text: str, *, wrapped: bool = False) -> None:
    """Hold a text against a snapshot; ``wrapped`` says that line breaks do not matter."""
    snapshots.compare(SNAPSHOTS / f"{name}.txt", text, wrapped=wrapped)


def shown(command: str, answer: Answer, envfit: CommandLine, index: Index) -> str:
    """The command and its whole answer, without what differs from run to run."""
    text = f"$ envfit {command}\n(exit {answer.code})\n--- stdout\n{answer.out}--- stderr\n{answer.err}"
    for here, instead in ((index.root, "https://index.example"), (str(envfit.cwd), "DIR")):
        text = text.replace(here, instead)
    text = re.sub(r"\d+ requests, [\d.]+ MB", "N requests, N MB", text)
    return re.sub(r"[\d.]+ [GMk]B free", "N GB free", text)


@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("lock-v100", "lock torch --gpu V100 --driver 580.95.05 --if-supported flash-attn", 0),
        ("lock-a100-with-a-build", "lock torch --gpu A100 --if-supported flash-attn", 0),
        ("lock-verbose", "lock torch --gpu 'GTX 1080 Ti' --verbose", 0),
        ("refusal-flash-attn", "lock 'flash-attn>=2' --gpu V100", 1),
        ("refusal-gh200", "lock torch --gpu GH200 --driver 550.54.15", 1),
        ("refusal-driver", "lock torch --gpu 'RTX 5090' --driver 560.35.03", 1),
        ("unknown-gpu", "lock torch --gpu V1000", 2),
        ("unknown-package", "lock torhc --gpu V100", 2),
        ("nothing-to-lock", "lock", 2),
    ],
)
def test_lock(envfit: CommandLine, index: Index, name: str, command: str, code: int) -> None:
    answer = envfit(*shlex.split(command), code=code)
    compare(name, shown(command, answer, envfit, index))


def test_install_that_is_refused(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", "--gpu", "H100", "--driver", "595.58.03")
    command = "install --gpu V100 --driver 580.95.05 --prefix env"
    compare("refusal-install", shown(command, envfit(*command.split(), code=1), envfit, index))


def test_install_with_a_build(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", "flash-attn", "--gpu", "A100")
    command = "install --gpu A100 --prefix env --build never"  # otherwise this machine's tools decide
    compare("refusal-build", shown(command, envfit(*command.split(), code=1), envfit, index))


def test_install_that_is_planned(
    envfit: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    envfit("lock", "torch", "--gpu", "V100")
    command = "install --gpu none --prefix env --dry-run"
    compare("install-dry-run", shown(command, envfit(*command.split()), envfit, index))


@pytest.mark.parametrize(
    "command",
    [
        "",
        "detect",
        "lock",
        "install",
        "build",
        "wheelhouse",
        "guard",
        "export",
        "diagnose",
        "why",
        "knowledge lint",
        "knowledge list",
        "knowledge new",
    ],
)
def test_help(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = envfit(*command.split(), "--help").out
    compare(f"help-{command.replace(' ', '-') or 'envfit'}", text, wrapped=True)
