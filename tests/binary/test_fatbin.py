"""The reader of fat binaries, on bytes that were made by hand."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envfit.binary.fatbin import Code, CodeKind, Fatbin, FatbinReader
from tests.binary.fat_binaries import entry, fatbin

PTX, SASS = CodeKind.PTX, CodeKind.SASS
MAGIC = bytes.fromhex("50ed55ba")


def read(stream: bytes, sizes: list[int] | None = None) -> FatbinReader:
    reader = FatbinReader()
    place = 0
    for size in [*(sizes or []), len(stream)]:
        if stream[place : place + size]:
            reader.feed(stream[place : place + size])
        place += size
    reader.finish()
    return reader


def test_every_entry_is_found_with_its_suffix() -> None:
    stream = b"x" * 100 + fatbin(
        entry(2, "75"), entry(2, "90a"), entry(2, "100f"), entry(1, "120", isa="9.1")
    )
    (found,) = read(stream).fatbins
    assert found == Fatbin(
        offset=100,
        codes=(
            Code(kind=SASS, architecture="75"),
            Code(kind=SASS, architecture="90a"),
            Code(kind=SASS, architecture="100f"),
            Code(kind=PTX, architecture="120", ptx_isa="9.1"),
        ),
    )


def test_headers_are_stepped_over_by_the_length_that_stands_in_them() -> None:
    long = fatbin(entry(2, "80", header=112), entry(2, "86", header=120), entry(1, "86", header=80))
    (found,) = read(long).fatbins
    assert [code.architecture for code in found.codes] == ["80", "86", "86"]


def test_a_payload_is_not_searched() -> None:
    inner = fatbin(entry(2, "50"))
    (found,) = read(fatbin(entry(2, "90", payload=inner + b"\0" * 64))).fatbins
    assert [code.architecture for code in found.codes] == ["90"]


def test_bytes_that_happen_to_be_the_magic_number_are_no_fat_binary() -> None:
    wrong_version = struct.pack("<4sHHQ", MAGIC, 2, 16, 64)
    wrong_size = struct.pack("<4sHHQ", MAGIC, 1, 16, 63)
    stream = MAGIC + wrong_version + wrong_size + MAGIC * 3 + fatbin(entry(2, "70")) + MAGIC
    reader = read(stream)
    assert [fatbin.codes[0].architecture for fatbin in reader.fatbins] == ["70"]
    assert not reader.fatbins[0].damaged


@pytest.mark.parametrize("broken", [entry(3, "90"), entry(2, "9"), entry(2, "90", header=72)[:40]])
def test_what_is_not_known_is_damaged_and_what_follows_is_read(broken: bytes) -> None:
    reader = read(fatbin(entry(2, "80"), broken) + fatbin(entry(2, "75")))
    assert [item.damaged for item in reader.fatbins] == [True, False]
    assert [code.architecture for item in reader.fatbins for code in item.codes] == ["80", "75"]


def test_a_fat_binary_that_is_cut_off_is_damaged() -> None:
    whole = fatbin(entry(2, "80"), entry(2, "90"))
    for length in (20, 16 + 64 + 24 + 30):
        (found,) = read(whole[:length]).fatbins
        assert found.damaged


def cubin(machine: int) -> bytes:
    return struct.pack("<16sHH", b"\x7fELF\x02\x01\x01", 2, machine) + b"\0" * 100


def test_machine_code_outside_of_fat_binaries_is_counted() -> None:
    reader = read(
        b"\1" * 10 + cubin(190) + cubin(62) + fatbin(entry(2, "70", payload=cubin(190))) + cubin(190)
    )
    assert reader.cubins[0] == 10
    assert len(reader.cubins) == 2


codes = st.tuples(
    st.sampled_from([1, 2]), st.sampled_from(["50", "75", "90a", "100f", "121"]), st.binary(max_size=90)
)
parts = st.one_of(
    st.binary(max_size=120).filter(lambda data: MAGIC[:1] not in data and b"\x7f" not in data),
    st.lists(codes, min_size=1, max_size=4).map(lambda its: fatbin(*(entry(*each) for each in its))),
    st.just(cubin(190)),
    st.just(MAGIC),
)


@given(st.lists(parts, max_size=6), st.lists(st.integers(0, 80), max_size=40))
def test_it_does_not_matter_how_the_stream_is_cut(stream: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(stream)
    once, cut = read(whole), read(whole, sizes)
    assert cut.fatbins == once.fatbins
    assert cut.cubins == once.cubins
    assert len(once.fatbins) == sum(part[:6] == MAGIC + b"\1\0" for part in stream)


def test_what_only_a_linker_reads_is_known_and_no_code_for_a_gpu() -> None:
    """Kind 8: nvcc -gencode arch=compute_80,code=lto_80 writes it, beside machine code or alone."""
    (found,) = read(fatbin(entry(8, "80", header=120), entry(2, "80"))).fatbins
    assert not found.damaged
    assert [code.kind for code in found.codes] == [CodeKind.LTO, SASS]
