"""Chosen wheels whose GPU code nobody has read are read after a resolution, and judged by it."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from tests.binary.fat_binaries import entry, fatbin, library
from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

_TAGS = "cp311-cp311-manylinux_2_28_x86_64"
_OWN = "onnxruntime/capi/libonnxruntime_providers_cuda.so"


def with_code(wheel: Path, member: str, *architectures: str) -> Path:
    """Put a library with machine code into a wheel, as large as what is worth reading."""
    noise = random.Random(wheel.name).randbytes(300 << 10)
    code = fatbin(*(entry(2, architecture) for architecture in architectures))
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, library([(".text", noise), (".nv_fatbin", code)]))
    return wheel


@pytest.fixture
def unread(bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Two releases that no knowledge has heard of: the newer one is for Hopper alone."""
    for version, architectures in {"98.0": ("70", "80"), "99.0": ("90",)}.items():
        wheel = make_wheel(own_index.directory, "onnxruntime-gpu", version, tags=_TAGS)
        with_code(wheel, _OWN, *architectures)
    with_code(make_wheel(own_index.directory, "kernels-cu12", "1.0", tags=_TAGS), "kernels/_C.so", "80")
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    monkeypatch.setenv("ENVFIT_FORGET", "1")
    return bare_envfit


def test_what_was_chosen_is_read_and_refused_and_another_taken(unread: CommandLine) -> None:
    answer = unread("lock", "onnxruntime-gpu", "--gpu", "V100")
    assert "onnxruntime-gpu 98.0" in answer.out
    assert f"reading the GPU code in onnxruntime_gpu-99.0-{_TAGS}.whl (at most 0 MB)" in answer.err
    assert f"The GPU code of its {_OWN} is for capability 9.0; none runs on 7.0." in answer.err
    assert "has not been read" not in answer.err


def test_what_was_read_is_kept(unread: CommandLine) -> None:
    first = unread("lock", "onnxruntime-gpu", "--gpu", "V100")
    again = unread("lock", "onnxruntime-gpu", "--gpu", "V100", "-o", "pylock.again.toml")
    offline = unread("lock", "onnxruntime-gpu", "--gpu", "V100", "-o", "pylock.off.toml", "--offline")
    assert "reading the GPU code" in first.err
    assert "reading the GPU code" not in again.err + offline.err
    texts = {
        (unread.cwd / name).read_text() for name in ("pylock.toml", "pylock.again.toml", "pylock.off.toml")
    }
    assert len(texts) == 1


def test_what_runs_is_read_once_and_leaves_nothing_open(unread: CommandLine) -> None:
    answer = unread("lock", "onnxruntime-gpu", "--gpu", "H100")
    assert "onnxruntime-gpu 99.0" in answer.out
    assert answer.err.count("reading the GPU code") == 1
    assert "conditions" not in (unread.cwd / "pylock.toml").read_text()


def test_beyond_the_limit_it_stays_open_and_is_named(unread: CommandLine) -> None:
    answer = unread("lock", "onnxruntime-gpu", "--gpu", "V100", "--read-limit", "0")
    assert "onnxruntime-gpu 99.0" in answer.out
    assert "was not read: it is 0 MB, and --read-limit leaves 0" in answer.err
    text = (unread.cwd / "pylock.toml").read_text()
    assert "has not been read" in text


def test_strict_knowledge_takes_nothing_that_is_not_known(unread: CommandLine) -> None:
    answer = unread(
        "lock", "onnxruntime-gpu", "--gpu", "V100", "--read-limit", "0", "--strict-knowledge", code=1
    )
    assert "[onnxruntime-gpu/unread]" in answer.err
    assert not (unread.cwd / "pylock.toml").exists()
    assert (
        "onnxruntime-gpu 98.0" in unread("lock", "onnxruntime-gpu", "--gpu", "V100", "--strict-knowledge").out
    )


def test_of_a_package_that_nobody_knows_a_scan_only_warns(unread: CommandLine) -> None:
    answer = unread("lock", "kernels-cu12", "--gpu", "V100")
    assert "kernels-cu12 1.0" in answer.out
    assert "warning: No library in its wheel has GPU code that runs on 7.0" in answer.err
    assert "warning" not in unread("lock", "kernels-cu12", "--gpu", "A100").err


def test_without_a_gpu_nothing_is_read(unread: CommandLine) -> None:
    assert "reading" not in unread("lock", "onnxruntime-gpu", "kernels-cu12", "--gpu", "none").err


def test_installing_judges_by_what_was_read(unread: CommandLine) -> None:
    unread("lock", "onnxruntime-gpu", "--gpu", "H100")
    words = ("install", "--prefix", "env", "--dry-run", "--driver", "580.95.05")
    refused = unread(*words, "--gpu", "V100", code=1)
    assert "[onnxruntime-gpu/device-code]" in refused.err
    assert "would install 1 package" in unread(*words, "--gpu", "H100").out


def test_a_wheel_that_is_damaged_stays_open(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(own_index.directory, "onnxruntime-gpu", "99.0", tags=_TAGS)
    with_code(wheel, _OWN, "80")
    content = bytearray(wheel.read_bytes())
    middle = content.index(b"onnxruntime/capi") + 2000
    content[middle : middle + 64] = b"\xff" * 64
    wheel.write_bytes(content)
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    answer = bare_envfit("lock", "onnxruntime-gpu", "--gpu", "A100")
    assert "could not be read" in answer.err
    assert "onnxruntime-gpu 99.0" in answer.out


def test_of_a_package_that_nobody_knows_too_only_what_was_read_is_strict(unread: CommandLine) -> None:
    words = ("lock", "kernels-cu12", "--gpu", "A100", "--strict-knowledge")
    assert "[kernels-cu12/unread]" in unread(*words, "--read-limit", "0", code=1).err
    assert "kernels-cu12 1.0" in unread(*words).out


def test_a_package_that_works_without_its_own_code_too_is_left_open(
    unread: CommandLine, own_index: Index
) -> None:
    with_code(
        make_wheel(own_index.directory, "xgboost", "99.0", tags=_TAGS), "xgboost/lib/libxgboost.so", "80"
    )
    answer = unread("lock", "xgboost", "--gpu", "A100", "--read-limit", "0")
    assert "still to be proved: The GPU code in xgboost-99.0" in answer.err
    refused = unread("lock", "xgboost", "--gpu", "A100", "--read-limit", "0", "--strict-knowledge", code=1)
    assert "[xgboost/unread]" in refused.err


def test_check_reads_the_wheels_of_a_file_when_it_is_asked_to_and_knows_them_then(
    unread: CommandLine,
) -> None:
    unread("lock", "onnxruntime-gpu==99.0", "--gpu", "V100", "--read-limit", "0")
    words = ("check", "pylock.toml", "--gpu", "V100", "--json")
    before = unread(*words).data
    assert before["answer"] == "unknown"
    assert [item["code"] for item in before["reports"][0]["findings"]] == ["locked-gpu-code-unknown"]
    assert unread(*words, "--read-limit", "0").data["answer"] == "unknown"
    read = unread(*words, "--online", code=1).data
    assert [item["code"] for item in read["reports"][0]["findings"]] == ["locked-no-code-for-gpu"]
    assert unread(*words, code=1).data == read
    assert unread("check", "pylock.toml", "--gpu", "H100").out.startswith("yes: ")
