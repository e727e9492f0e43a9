"""What a wheel must hold to count as built: libraries made by hand, so that it is known what is in them."""

from __future__ import annotations

import zipfile

import pytest

from envfit.build.readback import BuiltLibrary, check_wheel, faults, read_back
from envfit.errors import CrippledBuildError
from tests.binary.fat_binaries import entry, fatbin, library

PTX, SASS = 1, 2


def wheel(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def code(*entries):
    return library([(".nv_fatbin", b"".join(fatbin(entry(kind, name)) for kind, name in entries))])


def built(**changes):
    fields = {"path": "x.so", "sass": {"90": 3}, "ptx": (), "fatbins": 3, "cudart": 13, "size": 1, **changes}
    return BuiltLibrary(**fields)


def test_the_code_of_each_library_is_read(tmp_path):
    path = wheel(
        tmp_path / "a-1-py3-none-any.whl",
        {
            "a/_cuda.cpython-312.so": code((SASS, "90"), (SASS, "90a"), (PTX, "90")),
            "a/plain.so.1": library([]),
        },
    )
    cuda, plain = read_back(path)
    assert cuda.path == "a/_cuda.cpython-312.so"
    assert cuda.sass == {"90": 1, "90a": 1}
    assert cuda.ptx == ("90",)
    assert str(cuda) == "a/_cuda.cpython-312.so: sm_90, sm_90a, PTX 90"
    assert not plain.has_gpu_code
    assert str(plain) == "a/plain.so.1: no GPU code"


def test_what_is_as_asked_has_no_fault():
    assert not list(faults([built()], patterns=["x*.so"], codes=["90"], cuda=13))
    assert not list(faults([built(cudart=None)], patterns=[], codes=["90"], cuda=13))
    assert not list(faults([built(ptx=("90",))], patterns=["x.so"], codes=["90"], ptx=["90"]))


@pytest.mark.parametrize(
    ("libraries", "fault"),
    [
        ([], "there is no x*.so in it"),
        ([built(path="y.so")], "there is no x*.so in it"),
        ([built(sass={"80": 3})], "x.so has no code for sm_90"),
        ([built(sass={"80": 1, "90": 1})], "x.so has code that nobody asked for: sm_80"),
        ([built(sass={"90": 1}, ptx=("90",))], "x.so has code that nobody asked for: PTX of compute_90"),
        ([built(sass={"90a": 3})], "x.so has no code for sm_90"),
        ([built(cudart=12)], "x.so is linked with libcudart.so.12, and torch has CUDA 13"),
        ([built(whole=False)], "x.so has GPU code of a form that is not known"),
        ([built(), built(path="other.so", sass={"75": 1})], "other.so has code that nobody asked for: sm_75"),
    ],
)
def test_faults(libraries, fault):
    assert fault in list(faults(libraries, patterns=["x*.so"], codes=["90"], cuda=13))


def test_without_patterns_some_library_must_have_code():
    assert list(faults([], patterns=[], codes=["90"])) == ["no library in it has GPU code"]


def test_a_pattern_with_a_folder_is_held_against_the_path():
    assert not list(faults([built(path="a/x.so")], patterns=["a/*.so"], codes=["90"]))
    assert list(faults([built(path="b/x.so")], patterns=["a/*.so"], codes=["90"])) == [
        "there is no a/*.so in it"
    ]


def test_the_error_names_every_fault_and_the_log(tmp_path):
    path = wheel(tmp_path / "a-1-py3-none-any.whl", {"a/x.so": code((SASS, "80"))})
    log = tmp_path / "build.log"
    with pytest.raises(CrippledBuildError) as caught:
        check_wheel(path, read_back(path), patterns=["x.so", "y.so"], codes=["90"], log=log)
    for text in ("no y.so", "no code for sm_90", "nobody asked for: sm_80"):
        assert text in str(caught.value)
    assert caught.value.details["log"] == str(log)


def test_what_is_no_wheel(tmp_path):
    path = tmp_path / "a.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(CrippledBuildError, match="cannot be read"):
        read_back(path)
