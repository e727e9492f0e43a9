"""A record holds the whole reading, and nothing that identifies a machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from envfit.detect.machine import conclude
from envfit.detect.reading import Reading
from envfit.detect.record import parse_record, record, replay
from envfit.errors import FileError, TargetError

MACHINES = Path(__file__).parents[1] / "machines"


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*.txt")), ids=lambda path: path.stem)
def test_round_trip(path: Path, tmp_path: Path) -> None:
    wanted = parse_record(path.read_text(encoding="utf-8"), source="machine.txt")
    written = record(conclude(wanted, {}), tmp_path)
    assert parse_record(written.read_text(encoding="utf-8"), source="machine.txt") == wanted
    assert replay(written).target == conclude(wanted, {}).target


def test_overrides_are_not_recorded(recorded: Callable[[str], Reading], tmp_path: Path) -> None:
    environ = {"CONDA_OVERRIDE_CUDA": "", "CUDA_VISIBLE_DEVICES": "", "CONDA_OVERRIDE_GLIBC": "2.17"}
    target = replay(record(conclude(recorded("h200"), environ), tmp_path)).target
    assert target.fact("__cuda").value == "13.0"
    assert target.fact("__glibc").value == "2.39"


def test_no_identifiers_and_no_paths(recorded: Callable[[str], Reading], tmp_path: Path) -> None:
    full = recorded("h200")
    known = dataclasses.replace(full.nvml.gpus[0], uuid="GPU-secret")
    reading = dataclasses.replace(
        full,
        nvml=dataclasses.replace(full.nvml, gpus=(known,)),
        libcuda=dataclasses.replace(full.libcuda, path="/home/secret/libcuda.so"),
        facts=tuple(dataclasses.replace(fact, source="/home/secret/bin/nvcc") for fact in full.facts),
    )
    assert "secret" not in record(conclude(reading, {}), tmp_path).read_text(encoding="utf-8")


def test_a_name_cannot_break_the_format(recorded: Callable[[str], Reading], tmp_path: Path) -> None:
    full = recorded("h200")
    known = full.nvml.gpus[0]
    odd = dataclasses.replace(known, gpu=dataclasses.replace(known.gpu, name="A\nnvml mismatch"))
    reading = dataclasses.replace(full, nvml=dataclasses.replace(full.nvml, gpus=(odd,)))
    assert replay(record(conclude(reading, {}), tmp_path)).all_gpus[0].name == "A nvml mismatch"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "first line"),
        ("envfit-machine 2\n", "first line"),
        ("envfit-machine 1\nnvml ok\n", "platform"),
        ("envfit-machine 1\ncolour blue\n", "'colour blue' is not understood"),
        ("envfit-machine 1\nname A\n", "'name A' is not understood"),
        ("envfit-machine 1\nplatform linux-x86_64\npython 3.12.3\nnvml odd\n", "odd"),
        ("envfit-machine 1\nplatform linux-x86_64\npython x\nnvml ok\n", "x"),
        ("envfit-machine 1\nplatform linux-x86_64\npython 3.12\nnvml ok\ngpu 0\nname A\n", "capability"),
        ("envfit-machine 1\nplatform linux-x86_64\npython 3.12\nnvml ok\ngpu 0\nerror lost\n", "lost"),
    ],
)
def test_a_malformed_record_is_refused(text: str, reason: str) -> None:
    with pytest.raises(TargetError, match=f"(?s)file.txt is .*{reason}"):
        parse_record(text, source="file.txt")


def test_files_that_cannot_be_read_or_written(recorded: Callable[[str], Reading], tmp_path: Path) -> None:
    with pytest.raises(FileError):
        replay(tmp_path / "missing.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError):
        record(conclude(recorded("h200"), {}), tmp_path / "file")
