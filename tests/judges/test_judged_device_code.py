"""What runs where, as the judge says it, from listings of ``cuobjdump`` and made-up ones."""

import pytest

from judges.device_code import Code, Found, Machine, driver_for, judge_library, judge_wheel, parse_cuobjdump

V100 = Machine(capability="7.0", driver="535.161.08", cuda="12.2")
T4 = Machine(capability="7.5", driver="580.95.05", cuda="13.0")
A100 = Machine(capability="8.0", driver="550.54.15", cuda="12.4")
RTX_5090 = Machine(capability="12.0", driver="580.95.05", cuda="13.0")

# As cuobjdump 13.5.37 printed it of torchaudio 2.11.0's torchaudio_prefixctc.abi3.so, shortened.
RECORDED = """
Fatbin elf code:
================
arch = sm_75
code version = [1,8]
host = linux
compile_size = 64bit

Fatbin elf code:
================
arch = sm_120
code version = [1,8]
host = linux
compile_size = 64bit

Fatbin ptx code:
================
arch = sm_120
code version = [9,0]
host = linux
compile_size = 64bit
compressed
ptxasOptions = 

Fatbin elf code:
================
arch = sm_100f
code version = [1,8]
host = linux
compile_size = 64bit
identifier = some/path/kernel.cu

Fatbin elf code:
================
arch = sm_75
code version = [1,8]
host = linux
compile_size = 64bit
"""  # noqa: W291 - the program prints it so


def code(*sass, ptx=()):
    return Code(sass=dict.fromkeys(sass, 2), ptx=dict.fromkeys(ptx, 2))


def test_a_listing_is_counted_by_architecture():
    found = parse_cuobjdump(RECORDED)
    assert found.sass == {"75": 2, "120": 1, "100f": 1}
    assert found.ptx == {("120", "9.0"): 1}


def test_a_listing_without_code_is_empty():
    found = parse_cuobjdump("cuobjdump info    : File 'ls' does not contain device code\n")
    assert found == Code(sass={}, ptx={})


@pytest.mark.parametrize(
    ("library", "machine", "found"),
    [
        (code("75", "80", "90"), V100, Found.NO_CODE),
        (code("70"), V100, Found.RUNS),
        (code("70"), T4, Found.RUNS),  # the same major version, a lower minor one
        (code("75"), V100, Found.NO_CODE),  # a higher minor one
        (code("86"), A100, Found.NO_CODE),
        (code("80"), RTX_5090, Found.NO_CODE),
        (code("120a"), RTX_5090, Found.RUNS),
        (code("120f"), RTX_5090, Found.RUNS),
        (code("100f"), RTX_5090, Found.NO_CODE),
        (code("121a"), RTX_5090, Found.NO_CODE),
        (code("90a", ptx=[("90a", "8.5")]), RTX_5090, Found.NO_CODE),  # such PTX is for 9.0 alone
        (code("75", ptx=[("80", "8.5")]), RTX_5090, Found.PTX),
        (code("90", ptx=[("50", "8.7")]), V100, Found.OLD_DRIVER),  # PTX of CUDA 12.8, the driver has 12.2
        (code("90", ptx=[("50", "8.2"), ("50", "8.7")]), V100, Found.PTX),
        (code("100", ptx=[("120", "9.0")]), T4, Found.NO_CODE),  # PTX does not run on older GPUs
        (code(ptx=[("75", "9.2")]), T4, Found.OLD_DRIVER),
        (code("60", ptx=[("80", "7.8")]), A100, Found.PTX),
    ],
)
def test_one_image_that_runs_is_taken_for_the_library(library, machine, found):
    assert judge_library(library, machine) is found


@pytest.mark.parametrize(
    ("sonames", "major"),
    [
        (["libcudart.so.13", "libc.so.6"], 13),
        (["libcublasLt.so.12", "libcudart.so.12"], 12),
        (["libcudart.so.11.0"], 11),
        (["libcusparse.so.12", "libcufft.so.12"], None),  # names that do not say
        (["libcudart-1234.so.13.0"], None),
        ([], None),
    ],
)
def test_names_say_which_cuda_a_library_is_of(sonames, major):
    assert driver_for(sonames) == major


def test_each_library_of_a_wheel_is_judged_by_its_code_and_by_the_driver():
    wheel = {
        "lib/_C.so": (code("70", "75"), ["", "libcudart.so.12"]),
        "lib/_hopper.so": (code("90a"), ["", "libcudart.so.12"]),
        "lib/_cuda13.so": (code("70", "75"), ["", "libcudart.so.13"]),
        "lib/_host.so": (None, ["", "libcudart.so.12"]),
    }
    assert judge_wheel(wheel, V100) == {
        "lib/_C.so": Found.RUNS,
        "lib/_hopper.so": Found.NO_CODE,
        "lib/_cuda13.so": Found.OLD_DRIVER,
    }
    assert judge_wheel(wheel, T4)["lib/_cuda13.so"] is Found.RUNS


def test_a_library_without_kernels_needs_its_driver_all_the_same():
    assert judge_wheel({"libcudart.so.13": (None, ["libcudart.so.13"])}, A100) == {
        "libcudart.so.13": Found.OLD_DRIVER
    }


def test_the_image_that_nvcc_leaves_by_default_says_nothing():
    stub = Code(sass={"52": 1}, ptx={})
    assert judge_wheel({"libcufft.so.11": (stub, ["libcufft.so.11"])}, RTX_5090) == {}
