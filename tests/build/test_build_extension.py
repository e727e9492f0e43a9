"""A small CUDA extension, really compiled: killed in between, taken up again, read back, kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from envfit.build.cache import BuildCache, BuiltWheel
from envfit.build.readback import read_back
from envfit.errors import BuildError, CrippledBuildError
from tests.build.small_extensions import (
    compile_plain,
    counting_nvcc,
    environ_with,
    needs_nvcc,
    plain_order,
    unpack_plain,
)

pytestmark = needs_nvcc
ROOT = Path(__file__).parents[2]
OBJECTS = 3  # and one link

_CHILD = """\
import sys
from pathlib import Path
from tests.build.small_extensions import compile_plain, environ_with, plain_order
order = plain_order(tuple(sys.argv[3].split(",")), environ=environ_with(Path(sys.argv[1])))
compile_plain(order, Path(sys.argv[2]))
"""


@dataclass(frozen=True)
class Taken:
    """A build that was stopped in between and taken up again."""

    wheel: BuiltWheel
    cache: Path
    before: int  # calls of nvcc until it was stopped
    after: int  # and then
    said: list[str]


def stopped(directory: Path, codes: tuple[str, ...], number: signal.Signals) -> tuple[Path, Path, Path]:
    """Compile in a process of its own, and stop it while the second object is compiled."""
    nvcc, calls = counting_nvcc(directory)
    cache = directory / "cache"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(nvcc), str(cache), ",".join(codes)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(calls.read_text().splitlines()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(number)
    child.wait(30)
    while running(directory) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(directory), "compilers outlive what started them"
    return nvcc, calls, cache


def running(directory: Path) -> bool:
    """Tell whether a process names a directory."""
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and place.name != str(os.getpid()):
            try:
                if str(directory).encode() in (place / "cmdline").read_bytes():
                    return True
            except OSError:
                continue
    return False


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    codes = ("80", "90", "120")
    nvcc, calls, cache = stopped(tmp_path_factory.mktemp("killed"), codes, signal.SIGKILL)
    before, said = len(calls.read_text().splitlines()), []
    wheel = compile_plain(plain_order(codes, environ=environ_with(nvcc)), cache, told=said)
    yield Taken(
        wheel=wheel, cache=cache, before=before, after=len(calls.read_text().splitlines()) - before, said=said
    )


def test_after_a_kill_only_what_was_not_finished_is_compiled(taken):
    assert taken.before == 2
    assert taken.after == OBJECTS - 1 + 1  # the second object again, the third, and the link
    assert taken.wheel.compiled == taken.after
    assert taken.wheel.objects == OBJECTS + 1
    assert any(line.startswith("going on in") for line in taken.said)


def test_after_an_interrupt_too(tmp_path):
    nvcc, calls, cache = stopped(tmp_path, ("90",), signal.SIGINT)
    before = len(calls.read_text().splitlines())
    compile_plain(plain_order(("90",), environ=environ_with(nvcc)), cache)
    assert before + OBJECTS - 1 + 1 == len(calls.read_text().splitlines())


def test_the_wheel_holds_code_for_what_was_asked_and_nothing_else(taken):
    (library,) = taken.wheel.libraries
    assert library.path == "plain_cuda/_kernels.so"
    assert list(library.sass) == ["80", "90", "120"]
    assert not library.ptx
    assert set(library.sass.values()) == {library.fatbins}
    assert read_back(taken.wheel.path) == taken.wheel.libraries


def test_cuobjdump_sees_the_same(taken, tmp_path):
    tool = shutil.which("cuobjdump") or shutil.which("cuobjdump", path="/usr/local/cuda/bin")
    if tool is None:
        pytest.skip("there is no cuobjdump here")
    with zipfile.ZipFile(taken.wheel.path) as archive:
        library = archive.extract("plain_cuda/_kernels.so", tmp_path)
    said = subprocess.run([tool, "--list-elf", library], capture_output=True, text=True, check=True).stdout
    counts = {}
    for code in re.findall(r"\.sm_(\w+)\.cubin", said):
        counts[code] = counts.get(code, 0) + 1
    assert counts == taken.wheel.libraries[0].sass


def test_its_version_names_what_it_is_for(taken):
    assert taken.wheel.path.name.startswith("plain_cuda-1.0+cu130sm80sm90sm120-cp3")
    assert str(taken.wheel.version) == "1.0+cu130sm80sm90sm120"


def test_a_setting_of_the_image_is_not_inherited_and_named(taken):
    assert taken.wheel.left_out == ("TORCH_CUDA_ARCH_LIST",)
    assert any("TORCH_CUDA_ARCH_LIST" in line for line in taken.said)


def test_the_second_run_is_a_hit(taken):
    order = plain_order(("80", "90", "120"), environ={"PATH": "/nowhere"})
    again = compile_plain(order, taken.cache, unpack=lambda _: pytest.fail("it is unpacked"))
    assert again.from_cache
    assert again.path == taken.wheel.path
    assert again.sha256 == taken.wheel.sha256
    assert BuildCache(taken.cache).find(plain_order(("80",), environ={}).key) is None


def test_the_entry_says_what_it_depends_on_and_what_it_took(taken):
    record = json.loads((taken.wheel.path.parent / "built.json").read_text())
    assert record["key"]["nvcc"] == "13.0.88"
    assert record["requirements"] == {"plain": "1"}
    assert record["measured"]["objects"] == OBJECTS + 1
    assert record["measured"]["peak_memory"] > 20_000_000
    assert not BuildCache(taken.cache).tree(plain_order(("80", "90", "120"), environ={}).key).exists()


def test_the_wheels_are_a_wheelhouse(taken, tmp_path):
    house = BuildCache(taken.cache).wheelhouse
    assert [path.name for path in house.iterdir()] == [taken.wheel.path.name]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--find-links", str(house), "--target", str(tmp_path), "plain-cuda==1.0"),
        ],
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "plain_cuda" / "_kernels.so").stat().st_size == taken.wheel.libraries[0].size


def test_a_fault_of_the_source_is_the_cause_that_is_told(tmp_path):
    def broken(folder: Path) -> Path:
        top = unpack_plain(folder)
        (top / "csrc" / "add_1.cu").write_text("int add() { return absent; }\n")
        return top

    nvcc, _ = counting_nvcc(tmp_path)
    order = plain_order(("90",), environ=environ_with(nvcc))
    with pytest.raises(
        BuildError, match=r'add_1\.cu\(1\): error: identifier "absent" is undefined'
    ) as caught:
        compile_plain(order, tmp_path / "cache", unpack=broken)
    log = Path(caught.value.details["log"])
    assert "add_1.cu" in log.read_text()
    assert str(log) in caught.value.hints[-1]


def test_a_wheel_without_the_extension_is_a_failed_build(tmp_path):
    nvcc, _ = counting_nvcc(tmp_path)
    order = plain_order(("90",), environ=environ_with(nvcc), PLAIN_CUDA_SKIP="TRUE")
    with pytest.raises(CrippledBuildError, match=r"there is no plain_cuda/_kernels\*\.so in it"):
        compile_plain(order, tmp_path / "cache")
    assert BuildCache(tmp_path / "cache").find(order.key) is None
