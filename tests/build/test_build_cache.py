"""Compiled wheels that are kept: by everything they depend on, whole or not at all."""

from __future__ import annotations

import multiprocessing
import os
import zipfile
from dataclasses import fields, replace

import pytest

from envfit.build.cache import BuildCache, BuildKey, Measured
from envfit.build.readback import BuiltLibrary

KEY = BuildKey(
    name="fast-kernels",
    version="1.0",
    sdist="a" * 64,
    python="cp312",
    platform="linux_x86_64",
    glibc="2.34",
    torch="2.11.0",
    cuda="13.0",
    cxx11_abi=True,
    codes=("80", "90"),
    ptx=(),
    nvcc="13.0.88",
    compiler="12.2.0",
    settings=(("FORCE", "TRUE"),),
)
OTHER = {
    "name": "other",
    "version": "1.1",
    "sdist": "b" * 64,
    "python": "cp311",
    "platform": "linux_aarch64",
    "glibc": "2.28",
    "torch": "2.12.0",
    "cuda": "12.8",
    "cxx11_abi": False,
    "codes": ("90",),
    "ptx": ("90",),
    "nvcc": "13.1.10",
    "compiler": "13.3.0",
    "settings": (),
}
LIBRARY = BuiltLibrary(path="f.so", sass={"80": 2, "90": 2}, ptx=(), fatbins=2, cudart=13, size=9)
MEASURED = Measured(seconds=12.5, objects=4, compiled=3, peak_memory=1000, jobs=2)


def store(cache, key=KEY, *, directory, content=b"x", version="1.0+cu130torch211sm80sm90"):
    wheel = directory / f"fast_kernels-{version}-cp312-cp312-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("f.so", content)
    log = directory / "build.log"
    log.write_text("said\n")
    return cache.store(
        key,
        wheel,
        [LIBRARY],
        MEASURED,
        requirements={"torch": "2.11.0", "ninja": "1.13"},
        isolation="namespace",
        left_out=["MAX_JOBS"],
        log=log,
    )


def test_what_was_stored_is_found_with_all_that_was_measured(tmp_path):
    cache = BuildCache(tmp_path / "cache")
    made = store(cache, directory=tmp_path)
    found = cache.find(KEY)
    assert found == replace(made, from_cache=True)
    assert not made.from_cache
    assert str(found.version) == "1.0+cu130torch211sm80sm90"
    assert (found.seconds, found.objects, found.compiled, found.peak_memory) == (12.5, 4, 3, 1000)
    assert found.libraries == (LIBRARY,)
    assert str(found.cuda) == "13.0"
    assert found.architectures == ("80", "90")
    assert found.requirements == {"ninja": "1.13", "torch": "2.11.0"}
    assert found.log.read_text() == "said\n"


def test_each_part_of_the_key_counts(tmp_path):
    assert {field.name for field in fields(KEY)} == set(OTHER)
    cache = BuildCache(tmp_path / "cache")
    store(cache, directory=tmp_path)
    for name, value in OTHER.items():
        assert cache.find(replace(KEY, **{name: value})) is None, name


@pytest.mark.parametrize("name", sorted(OTHER))
def test_without_a_compiler_only_what_the_wheel_runs_with_counts(tmp_path, name):
    cache = BuildCache(tmp_path / "cache")
    store(cache, directory=tmp_path)
    here = replace(KEY, nvcc="", compiler="", glibc="2.39")
    assert cache.find_any(here) is not None
    serves = name in {"nvcc", "compiler"}
    assert (cache.find_any(replace(here, **{name: OTHER[name]})) is not None) == serves


def test_without_torch_the_cuda_of_the_toolkit_does_not_count_either(tmp_path):
    cache = BuildCache(tmp_path / "cache")
    store(cache, replace(KEY, torch=""), directory=tmp_path)
    assert cache.find_any(replace(KEY, torch="", cuda="", nvcc="")) is not None


def test_a_wheel_that_was_changed_is_not_used(tmp_path):
    told = []
    cache = BuildCache(tmp_path / "cache", notify=told.append)
    made = store(cache, directory=tmp_path)
    made.path.write_bytes(made.path.read_bytes() + b"more")
    assert cache.find(KEY) is None
    assert cache.find_any(KEY) is None
    assert "was changed since it was built" in told[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 0}'])
def test_an_entry_that_cannot_be_read_is_none(tmp_path, text):
    cache = BuildCache(tmp_path / "cache")
    made = store(cache, directory=tmp_path)
    (made.path.parent / "built.json").write_text(text)
    assert cache.find(KEY) is None
    assert cache.find_any(KEY) is None
    assert store(cache, directory=tmp_path).path == made.path


def test_an_empty_cache_has_nothing(tmp_path):
    cache = BuildCache(tmp_path / "nowhere")
    assert cache.find(KEY) is None
    assert cache.find_any(KEY) is None


def test_the_wheelhouse_has_the_newest_of_each_name(tmp_path):
    cache = BuildCache(tmp_path / "cache")
    store(cache, directory=tmp_path)
    second = store(cache, replace(KEY, compiler="13.3.0"), directory=tmp_path, content=b"newer")
    store(cache, replace(KEY, codes=("90",)), directory=tmp_path, version="1.0+cu130torch211sm90")
    assert sorted(path.name for path in cache.wheelhouse.iterdir()) == [
        "fast_kernels-1.0+cu130torch211sm80sm90-cp312-cp312-linux_x86_64.whl",
        "fast_kernels-1.0+cu130torch211sm90-cp312-cp312-linux_x86_64.whl",
    ]
    assert (cache.wheelhouse / second.path.name).read_bytes() == second.path.read_bytes()
    assert cache.find(KEY) is not None


def _hold(directory, begun, go_on, order):
    with BuildCache(directory).exclusive(KEY) as tree:
        begun.set()
        go_on.wait(20)
        order.append("first")
        tree.rmdir()


def test_two_builds_of_one_key_wait_for_each_other(tmp_path):
    told = []
    with multiprocessing.get_context("fork").Manager() as manager:
        begun, go_on, order = manager.Event(), manager.Event(), manager.list()
        child = multiprocessing.get_context("fork").Process(
            target=_hold, args=(tmp_path, begun, go_on, order)
        )
        child.start()
        assert begun.wait(20)

        def notify(text):
            told.append(text)
            go_on.set()

        with BuildCache(tmp_path, notify=notify).exclusive(KEY) as tree:
            order.append("second")
            assert tree.is_dir()
        child.join(20)
        assert list(order) == ["first", "second"]
    assert told[0].startswith("waiting for another build of fast-kernels 1.0")


def test_where_nothing_can_be_written_it_is_an_error_of_files(tmp_path):
    from envfit.errors import FileError

    if os.geteuid() == 0:
        (tmp_path / "cache").write_text("a file where a directory should be")
    else:
        (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(FileError), BuildCache(tmp_path / "cache").exclusive(KEY):
        pass
    with pytest.raises(FileError):
        store(BuildCache(tmp_path / "cache"), directory=tmp_path)
