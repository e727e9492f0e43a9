"""--no-binary and --only-binary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envfit.errors import InputError
from envfit.project.formats import Formats, read_formats

NONE, ONLY = "--no-binary", "--only-binary"


@pytest.mark.parametrize(
    ("said", "no_binary", "only_binary"),
    [
        ([(NONE, "Torch, num_py")], ("torch", "num-py"), ()),
        ([(ONLY, ":all:")], (), (":all:",)),
        ([(ONLY, ":all:"), (NONE, "a")], ("a",), (":all:",)),
        ([(ONLY, "a"), (NONE, ":all:")], (":all:",), ()),
        ([(NONE, "a,b"), (ONLY, "b")], ("a",), ("b",)),
        ([(NONE, "a"), (NONE, ":none:")], (), ()),
        ([(NONE, ":all:,:none:,a")], ("a",), ()),
        ([(NONE, "a,:all:,b")], (":all:", "b"), ()),
    ],
)
def test_what_is_said_later_holds(
    said: list[tuple[str, str]], no_binary: tuple[str, ...], only_binary: tuple[str, ...]
) -> None:
    formats = Formats()
    for option, value in said:
        formats = formats.with_option(option, value)
    assert formats == Formats(no_binary=no_binary, only_binary=only_binary)


words = st.sampled_from([":all:", ":none:", "a", "b", "A"])


@given(st.lists(st.tuples(st.sampled_from([NONE, ONLY]), st.lists(words, min_size=1).map(",".join))))
def test_no_package_is_ever_left_without_a_format(said: list[tuple[str, str]]) -> None:
    formats = Formats()
    for option, value in said:
        formats = formats.with_option(option, value)
    assert not set(formats.no_binary) & set(formats.only_binary)
    assert len(set(formats.no_binary)) == len(formats.no_binary)


@pytest.mark.parametrize("value", ["", "a b", "a,,b", ":some:", "./a", "-a"])
def test_what_names_no_package_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="is not the name of a package, :all: or :none:"):
        Formats().with_option(NONE, value)


def test_two_lists_without_an_order_must_not_name_the_same() -> None:
    assert read_formats([":all:"], ["a,b"]) == Formats(no_binary=(":all:",), only_binary=("a", "b"))
    with pytest.raises(InputError, match="torch is under no-binary and under only-binary"):
        read_formats(["torch"], ["numpy", "Torch"])
