"""What the judge of torch, torchvision and torchaudio makes of libraries and of what it found."""

from __future__ import annotations

import pytest

from envfit.knowledge.derived import DerivedLibrary, DerivedSection
from judges.device_code import Machine
from judges.trio import common_code, judge, page

V100 = Machine(capability="7.0", driver="535.161.08", cuda="12.2")


def torch(*sections: DerivedSection, linked: str = "libcudart.so.12") -> DerivedLibrary:
    return DerivedLibrary(path="torch/lib/libtorch_cuda.so", linked=(linked,), sections=sections)


def section(fatbins: int, sass: dict[str, int], name: str = ".nv_fatbin") -> DerivedSection:
    return DerivedSection(name=name, fatbins=fatbins, sass=sass)


def test_single_kernels_and_what_the_linker_reads_do_not_count() -> None:
    code = common_code(torch(section(8, {"70": 8, "90a": 2}), section(8, {"120": 8}, "__nv_relfatbin")))
    assert dict(code.sass) == {"70": 8}


@pytest.mark.parametrize(
    ("library", "fault"),
    [
        (torch(section(8, {"70": 8})), ""),
        (torch(section(8, {"75": 8})), "torch/lib/libtorch_cuda.so has no code for 7.0"),
        (torch(section(8, {"70": 1, "75": 8})), "torch/lib/libtorch_cuda.so has no code for 7.0"),
        (
            torch(section(8, {"70": 8}), linked="libcudart.so.13"),
            "torch/lib/libtorch_cuda.so needs driver 580",
        ),
        (torch(), "torch/lib/libtorch_cuda.so has no GPU code"),
        (DerivedLibrary(path="torch/lib/other.so"), "no main library was found in it"),
    ],
)
def test_what_is_judged(library: DerivedLibrary, fault: str) -> None:
    assert judge("torch", [library], V100) == fault


def test_the_page_marks_what_does_not_stand() -> None:
    pins = {"torch": "2.10.0", "torchvision": "0.25.0", "torchaudio": "2.10.0"}
    text = page(
        {
            "pairs": {
                "V100 / 535.161.08": {"pins": pins, "fault": ""},
                "T4 / 535.161.08": {"pins": pins, "fault": "no code"},
                "B200 / 535.161.08": {"refusal": "no driver", "fault": ""},
            }
        }
    )
    assert "| V100 | - | 2.10.0 / 0.25.0 / 2.10.0 |" in text
    assert "2.10.0 / 0.25.0 / 2.10.0 (!)" in text
    assert "2 locks, 1 refusals, 1 that do not stand." in text
    assert "- B200 / 535.161.08: no driver" in text
    assert "- T4 / 535.161.08: no code" in text
