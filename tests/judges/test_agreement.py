"""envfit's reader against cuobjdump: what counts as equal."""

import shutil
import struct
import subprocess

import pytest
from packaging.pylock import PackageWheel

from judges.agreement import agrees, compared
from judges.device_code import Code

WHEEL = PackageWheel(name="a-1-py3-none-any.whl", path="a-1-py3-none-any.whl", hashes={"sha256": "0"})
ZSTD, FAMILY = 0x8000, 0x200000


def image(kind, architecture, flags, *, major=1, minor=8):
    payload = b"\0" * 8
    head = struct.pack(
        "<HHIQIIHHIIIQQQ", kind, 0x101, 64, 8, 8, 0, minor, major, architecture, 0, 0, flags, 0, 8
    )
    return head + payload


def fatbin(*images):
    content = b"".join(images)
    return b"\x50\xed\x55\xba" + struct.pack("<HHQ", 1, 16, len(content)) + content


@pytest.fixture
def library(tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    content = fatbin(image(2, 100, ZSTD | FAMILY), image(1, 90, ZSTD, major=8, minor=7)) * 2
    listed = ",".join(map(str, content))
    source, path = tmp_path / "code.c", tmp_path / "lib.so"
    source.write_text(
        f'__attribute__((section(".nv_fatbin"), aligned(8))) const unsigned char code[] = {{{listed}}};\n'
        f"const unsigned char elsewhere[] = {{{listed}}};\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(path)], check=True)
    return path


def test_a_library_is_compared_where_cuobjdump_looks(library):
    [(key, entry)] = compared(
        WHEEL, "a/lib.so", library, Code(sass={"100f": 2}, ptx={("90", "8.7"): 2})
    ).items()
    assert key == "a-1-py3-none-any.whl: a/lib.so"
    assert entry["envfit"] == {"compute_90 (8.7)": 2, "sm_100f": 2}
    assert entry["payloads"] == {"zstd": 2}
    assert agrees(entry)


@pytest.mark.parametrize(
    "listed",
    [
        Code(sass={"100": 2}, ptx={("90", "8.7"): 2}),  # another suffix
        Code(sass={"100f": 1}, ptx={("90", "8.7"): 2}),
        Code(sass={"100f": 2}, ptx={("90", "8.6"): 2}),
        Code(sass={"100f": 2, "75": 1}, ptx={("90", "8.7"): 2}),
    ],
)
def test_any_difference_is_none_to_agree_on(library, listed):
    [entry] = compared(WHEEL, "a/lib.so", library, listed).values()
    assert not agrees(entry)
