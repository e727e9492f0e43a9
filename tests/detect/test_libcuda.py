"""Which libcuda is loaded, told by the library itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from envfit.detect import libcuda
from envfit.detect.child import ChildError
from envfit.detect.libcuda import read_libcuda

if TYPE_CHECKING:
    from conftest import StandIn


def test_version_comes_from_the_real_path(stand_in: StandIn) -> None:
    stand_in.install_libcuda("580.95.05", "CUDA_NUMBER=13000")
    reading = read_libcuda(stand_in.environ)
    assert (reading.driver, reading.cuda) == ("580.95.05", Version("13.0"))
    assert reading.path.endswith("/libcuda.so.580.95.05")


def test_a_stub_is_no_answer(stand_in: StandIn) -> None:
    stand_in.install_libcuda("stub", "FAILS_WITH=34")
    reading = read_libcuda(stand_in.environ)
    assert reading.cuda is None
    assert "error 34" in reading.sentence


def test_a_broken_library_is_no_answer(stand_in: StandIn) -> None:
    (stand_in.directory / "libcuda.so.1").write_text("not a library")
    assert read_libcuda(stand_in.environ).sentence == "no libcuda.so.1 can be loaded"


@pytest.mark.parametrize(
    ("answer", "driver"),
    [
        ("12020\n/usr/lib64/libcuda.so.535.161.08\n", "535.161.08"),
        ("12040\n/usr/lib/wsl/drivers/x/libcuda.so.1.1\n", None),
        ("12040\n\n", None),
    ],
)
def test_driver_version_in_the_file_name(answer: str, driver: str | None) -> None:
    reading = libcuda._parse(answer)
    assert reading.driver == driver
    assert reading.cuda is not None


def test_garbage_is_no_version() -> None:
    assert libcuda._parse("hello\n").cuda is None


def test_a_driver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_args: object, time_limit: float, **_options: object) -> None:
        raise ChildError(f"did not answer within {time_limit:g} s")

    monkeypatch.setattr(libcuda, "ask", hang)
    assert "did not answer" in read_libcuda({}).sentence
