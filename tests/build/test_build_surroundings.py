"""The variables of a build: what it is given, what it inherits, and what is told of the rest."""

from __future__ import annotations

from envfit.build.settings import Settings
from envfit.build.surroundings import SOURCE_DATE_EPOCH, surroundings

SETTINGS = Settings(
    variables={"FORCE_BUILD": "TRUE", "KERNEL_ARCHS": "90"},
    effort={"MAX_JOBS": "4"},
    clears=("SKIP_CUDA", "CXX"),
)
LOGIN = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "LD_LIBRARY_PATH": "/opt/lib",
    "CC": "/opt/gcc/bin/gcc",
    "CXX": "/opt/gcc/bin/g++",
    "SKIP_CUDA": "TRUE",
    "MAX_JOBS": "64",
    "TORCH_CUDA_ARCH_LIST": "9.0a",
    "NVCC_APPEND_FLAGS": "-arch=native",
    "PYTHONPATH": "/module",
    "PIP_INDEX_URL": "https://user:secret@index.example",
    "EDITOR": "vi",
    "https_proxy": "http://proxy.example",
}


def test_how_programs_are_found_is_inherited_and_little_else():
    given = surroundings(SETTINGS, LOGIN).variables
    assert given["PATH"] == "/usr/bin"
    assert given["LD_LIBRARY_PATH"] == "/opt/lib"
    assert given["CC"] == "/opt/gcc/bin/gcc"
    assert not given.keys() & {
        "EDITOR",
        "PIP_INDEX_URL",
        "PYTHONPATH",
        "NVCC_APPEND_FLAGS",
        "TORCH_CUDA_ARCH_LIST",
    }
    assert given["PYTHONNOUSERSITE"] == "1"


def test_what_the_recipe_sets_and_clears_holds():
    around = surroundings(SETTINGS, LOGIN)
    assert around.variables["KERNEL_ARCHS"] == "90"
    assert around.variables["MAX_JOBS"] == "4"
    assert not around.variables.keys() & {"SKIP_CUDA", "CXX"}


def test_what_would_have_counted_is_named_and_nothing_else():
    assert surroundings(SETTINGS, LOGIN).left_out == (
        "CXX",
        "MAX_JOBS",
        "NVCC_APPEND_FLAGS",
        "SKIP_CUDA",
        "TORCH_CUDA_ARCH_LIST",
    )


def test_the_toolkit_and_the_interpreter_come_first():
    given = surroundings(SETTINGS, LOGIN, toolkit="/opt/cuda", path=("/env/bin",), headers=("/h",)).variables
    assert given["PATH"] == "/env/bin:/opt/cuda/bin:/usr/bin"
    assert given["CUDA_HOME"] == given["CUDA_PATH"] == "/opt/cuda"
    assert given["CPATH"] == "/h"


def test_a_module_keeps_its_path():
    given = surroundings(SETTINGS, LOGIN, inherited=frozenset({"PYTHONPATH"})).variables
    assert given["PYTHONPATH"] == "/module"
    assert "PYTHONNOUSERSITE" not in given


def test_without_a_network_everything_is_told_so():
    given = surroundings(SETTINGS, LOGIN).variables
    assert given["UV_OFFLINE"] == given["PIP_NO_INDEX"] == "1"
    assert given["https_proxy"] == given["HTTPS_PROXY"] == "http://127.0.0.1:9"
    allowed = surroundings(SETTINGS, LOGIN, network=True).variables
    assert not allowed.keys() & {"UV_OFFLINE", "PIP_NO_INDEX", "https_proxy"}


def test_two_builds_are_of_one_moment():
    assert surroundings(SETTINGS, LOGIN).variables["SOURCE_DATE_EPOCH"] == str(SOURCE_DATE_EPOCH)
