"""Logs by mechanism: each file of ``logs/`` begins with the code that is expected of it, or "unknown"."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import pytest

from envfit.diagnosis.diagnose import diagnose
from envfit.diagnosis.model import Confidence, Diagnosis
from envfit.knowledge.load import load
from envfit.knowledge.log_text import LogText

BASE = load(Path(__file__).parents[2] / "constraints")
LOGS = sorted((Path(__file__).parent / "logs").glob("*.txt"))


#: How other programs print lines of a log.
DRESSES = {
    "time": "2026-03-01 10:00:00,123 {}",
    "colour": "\x1b[31m{}\x1b[0m",
    "process": "(Worker_TP0 pid=4711) {}",
    "docker": "#12 34.56 {}",
}


@cache
def told(text: str) -> Diagnosis:
    return diagnose(LogText.of(text), BASE)


def expected(path: Path) -> str:
    return path.stem.partition("--")[0].replace("+", "/")


def test_there_are_many():
    assert len(LOGS) >= 60


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_the_cause_is_named(path: Path):
    diagnosis = told(path.read_text(encoding="utf-8"))
    found = diagnosis.cause.code if diagnosis.cause is not None else "unknown"
    assert found == expected(path), diagnosis


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_the_sentences_are_whole(path: Path):
    diagnosis = told(path.read_text(encoding="utf-8"))
    for each in (diagnosis.cause, *diagnosis.others):
        if each is not None:
            assert each.cause[-1] in ".)", each.cause
            assert "None" not in each.cause
            assert "  " not in each.cause
            assert each.remedies
            assert each.rests_on


def dressed_in(path: Path) -> str:
    """Return the dress in which a log is always tried; the others are for the slow suite."""
    return list(DRESSES)[hashlib.sha256(path.stem.encode()).digest()[0] % len(DRESSES)]


@pytest.mark.parametrize(
    ("path", "dress"),
    [
        pytest.param(
            path,
            dress,
            id=f"{path.stem}-{dress}",
            marks=[] if dress == dressed_in(path) else [pytest.mark.slow],
        )
        for path in LOGS
        if "unknown" not in path.stem
        for dress in DRESSES
    ],
)
def test_the_dress_of_a_log_changes_nothing(path: Path, dress: str):
    lines = path.read_text(encoding="utf-8").splitlines()
    diagnosis = told("\n".join(DRESSES[dress].format(line) for line in lines))
    assert diagnosis.cause is not None
    assert diagnosis.cause.code == expected(path)


def test_the_story_names_the_extension_and_not_s3prl():
    (path,) = (path for path in LOGS if path.stem == "flash-attn+extension-missing--espnet")
    diagnosis = told(path.read_text())
    cause = diagnosis.cause
    assert cause is not None
    assert diagnosis.confidence is Confidence.CERTAIN
    assert cause.package == "flash-attn"
    assert "flash_attn_2_cuda" in cause.cause
    assert cause.chain[0] == "Error: S3PRL is not properly installed."
    assert cause.chain[-1] == "ModuleNotFoundError: No module named 'flash_attn_2_cuda'"
    assert [quote.line for quote in cause.rests_on] == [13]
    assert [each.code for each in diagnosis.harmless] == ["espnet/flash-attn-default"]


def test_an_unknown_cause_is_shown_with_its_root_and_place():
    diagnosis = told(
        "Traceback (most recent call last):\n"
        '  File "/home/me/train.py", line 14, in main\n'
        '    lr = config["lr"]\n'
        "KeyError: 'lr'\n"
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/home/me/train.py", line 16, in <module>\n'
        "    raise RuntimeError('bad config')\n"
        "RuntimeError: bad config\n"
    )
    assert diagnosis.cause is None
    assert diagnosis.confidence is Confidence.UNKNOWN
    assert diagnosis.root is not None
    assert (diagnosis.root.line, diagnosis.root.text) == (4, "KeyError: 'lr'")
    assert diagnosis.raised_at == "/home/me/train.py, line 14, in main"
    assert diagnosis.chain == ("RuntimeError: bad config", "KeyError: 'lr'")


def test_a_message_that_hides_the_cause_alone_says_how_to_see_it():
    diagnosis = told("Error: S3PRL is not properly installed.")
    assert diagnosis.cause is None
    assert diagnosis.hidden is not None
    assert "import" in diagnosis.hidden


def test_several_failures_are_told_in_order():
    diagnosis = told(
        "ERROR: numba 0.60.0 requires numpy<2.1,>=1.22, but you have numpy 2.2.1 which is incompatible.\n"
        "Traceback (most recent call last):\n"
        '  File "/home/me/a.py", line 1, in <module>\n'
        "    import a\n"
        "ImportError: libfrob.so.3: cannot open shared object file: No such file or directory\n"
    )
    assert diagnosis.cause is not None
    assert diagnosis.cause.code == "missing-shared-library"
    assert [each.code for each in diagnosis.others] == ["environment-inconsistent"]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("/home/me/.local/lib/python3.10", "/opt/conda/envs/a/lib/python3.10", "user-packages-shadow"),
        ("/opt/conda/envs/a/lib/python3.10", "/opt/conda/envs/b/lib/python3.10", "two-environments-mixed"),
        ("/usr/local/lib/python3.8", "/usr/lib/python3.10", "two-environments-mixed"),
        ("/usr/local/lib/python3.10", "/usr/lib/python3.10", None),
        ("/venv/lib/python3.10", "/venv/lib/python3.10", None),
    ],
)
def test_environments_that_are_mixed_are_told(first: str, second: str, code: str | None):
    diagnosis = told(
        "Traceback (most recent call last):\n"
        f'  File "{first}/site-packages/one/__init__.py", line 1, in <module>\n'
        f'  File "{second}/site-packages/two/__init__.py", line 1, in <module>\n'
        "ImportError: libfrob.so.3: cannot open shared object file: No such file or directory\n"
    )
    assert diagnosis.cause is not None
    assert diagnosis.cause.code == "missing-shared-library"
    assert [each.code for each in diagnosis.others] == ([code] if code else [])


def test_what_a_package_says_of_itself_is_likely_and_never_certain():
    text = (
        "Traceback (most recent call last):\n"
        '  File "/venv/lib/python3.11/site-packages/frob/__init__.py", line 3, in <module>\n'
        "RuntimeError: frob requires quux version 9 at least\n"
    )
    cause = told(text).cause
    assert cause is not None
    assert (cause.code, cause.package, cause.confidence) == ("package-says-so", "frob", Confidence.LIKELY)
    assert told(text.replace("requires quux version 9", "found three sheep")).cause is None


@pytest.mark.parametrize(
    "text",
    [
        "node1:22:31 [0] NCCL INFO NET/Plugin: Plugin load returned 2 : libnccl-net.so: cannot open shared object file",
        "/env/lib/python3.12/site-packages/a/b.py:61: FutureWarning: The name will change in release 9.",
        "[W924 02:01:18.426673989 ProcessGroupNCCL.cpp:981] Warning: TORCH_X is the default now, it is deprecated.",
        "/sbin/ldconfig.real: /usr/lib/wsl/lib/libcuda.so.1 is not a symbolic link",
        "WARNING: Ignoring invalid distribution -orch (/env/lib/python3.11/site-packages)",
        "warning: Failed to hardlink files; falling back to full copy. This may lead to degraded performance.",
        "libibverbs: Warning: couldn't load driver 'libmlx5-rdmav34.so': cannot open shared object file",
        "UserWarning: 1Torch was not compiled with flash attention. (Triggered internally at sdp_utils.cpp:555.)",
    ],
)
def test_what_frightens_and_breaks_nothing_is_no_cause(text: str):
    diagnosis = told(text)
    assert diagnosis.cause is None
    assert [each.code for each in diagnosis.harmless] == ["harmless"]
    assert "harmless" in diagnosis.harmless[0].cause


def test_all_that_pip_broke_is_named_and_torch_first():
    diagnosis = told(
        "Successfully installed torch-2.2.0 sympy-1.12\n"
        "ERROR: pip's dependency resolver does not currently take into account all the packages that are "
        "installed. This behaviour is the source of the following dependency conflicts.\n"
        "s3prl 0.4.17 requires gdown, which is not installed.\n"
        "fastai 2.7 requires pillow>=9, but you have pillow 8.4.0 which is incompatible.\n"
        "torchaudio 2.1.0 requires torch==2.1.0, but you have torch 2.2.0 which is incompatible.\n"
        "torchvision 0.16.0 requires torch==2.1.0, but you have torch 2.2.0 which is incompatible.\n"
    )
    assert diagnosis.cause is not None
    said = diagnosis.cause.cause
    assert said.startswith("torchaudio 2.1.0 requires torch==2.1.0, and torch 2.2.0 is installed")
    assert "changed torch, for which torchaudio and torchvision were not made" in said
    assert said.index("pillow 8.4.0") < said.index("gdown")
    assert diagnosis.others == ()


@pytest.mark.parametrize("path", ["F:\\\\my", "my data", "data", "../raw"])
def test_a_file_that_a_program_opens_is_no_missing_program(path: str):
    diagnosis = told(
        "Traceback (most recent call last):\n"
        '  File "/home/me/load.py", line 68, in read\n'
        "    image = Image.open(line[0])\n"
        f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'\n"
    )
    assert diagnosis.cause is not None
    assert diagnosis.cause.code == "file-missing"
    assert not diagnosis.cause.environment


def test_a_program_that_is_started_and_not_there_is_named():
    diagnosis = told(
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3.11/subprocess.py", line 1955, in _execute_child\n'
        "    raise child_exception_type(errno_num, err_msg, err_filename)\n"
        "FileNotFoundError: [Errno 2] No such file or directory: 'ffprobe'\n"
    )
    assert diagnosis.cause is not None
    assert diagnosis.cause.cause.startswith("The program ffprobe")
    assert diagnosis.confidence is Confidence.CERTAIN


def test_the_package_whose_build_fails_is_named_and_not_its_part():
    diagnosis = told((LOGS[0].parent / "rust-does-not-fit--rust-two-names.txt").read_text())
    assert diagnosis.cause is not None
    assert diagnosis.cause.package == "safetensors"


def test_an_xid_of_a_program_leaves_its_error_the_word_where_that_has_one():
    xid = "NVRM: Xid (PCI:0000:41:00): 31, pid=812, name=python, Ch 00000008, MMU Fault\n"
    ended = "RuntimeError: CUDA error: {}\n"
    vague = told(xid + ended.format("unknown error"))
    plain = told(xid + ended.format("no kernel image is available for execution on the device"))
    assert vague.cause is not None
    assert plain.cause is not None
    assert vague.cause.code == "gpu-xid"
    assert plain.cause.code == "cuda/no-kernel-image"
