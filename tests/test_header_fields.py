"""Fields of core metadata, held against packaging's own reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.metadata import parse_email

from envfit.header_fields import header_fields, is_readable, single

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
VALUES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
MANY = st.lists(VALUES, max_size=4)


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES, MANY, MANY, st.sampled_from(["\n", "\r\n"]), VALUES)
def test_as_packaging_reads_them(name, python, requires, extras, end, description):
    lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", f"Requires-Python: {python}"]
    lines += [f"Requires-Dist: {one}" for one in requires] + [f"provides-extra: {one}" for one in extras]
    text = end.join([*lines, "", description, "Name: not in the header"]).encode()
    raw, unparsed = parse_email(text)
    assert not unparsed
    fields = header_fields(text)
    assert single(fields, "name") == raw["name"] == name
    assert single(fields, "requires-python") == raw["requires_python"]
    assert fields.get("requires-dist", []) == raw.get("requires_dist", [])
    assert fields.get("provides-extra", []) == raw.get("provides_extra", [])


def test_a_line_that_goes_on():
    fields = header_fields(b"Name: a\nLicense: one\n  two\n\tthree\nVersion: 1\n\nName: b\n")
    assert (single(fields, "name"), single(fields, "version")) == ("a", "1")
    assert fields["license"] == ["one\n  two\n\tthree"]


@pytest.mark.parametrize("text", [b"", b"\n", b"no field\nName: a\n", b"Name: a\nName: b\n"])
def test_nothing_to_read(text):
    assert single(header_fields(text), "name") is None


def test_what_is_no_utf8():
    fields = header_fields(b"Name: a\nRequires-Dist: b\xff\nRequires-Dist: c\xc3\xa9\n")
    assert [is_readable(value) for value in fields["requires-dist"]] == [False, True]
