"""Signs, mechanisms and codes, by themselves."""

from __future__ import annotations

import re

import pytest

from envfit.diagnosis import mechanisms
from envfit.diagnosis.because import tell_because
from envfit.diagnosis.cuda_codes import CODES, code_of_name, code_of_number, code_of_words
from envfit.diagnosis.diagnose import SIGNS
from envfit.diagnosis.libraries import read_symbol
from envfit.diagnosis.sign import alternatives
from envfit.knowledge.symptom_pattern import compile_pattern


def test_the_registry_holds_every_mechanism_once():
    codes = [each.code for each in mechanisms.MECHANISMS]
    assert codes == sorted(set(codes))
    named = {value for value in vars(mechanisms).values() if isinstance(value, mechanisms.Mechanism)}
    assert named == set(mechanisms.MECHANISMS)
    for each in mechanisms.MECHANISMS:
        assert re.fullmatch(r"[a-z0-9-]+", each.code)
        assert each.cause.endswith(".")
        assert each.remedy.endswith(".")


def test_every_pattern_compiles():
    patterns = [pattern for sign in SIGNS for pattern in (*sign.patterns, *sign.also, *sign.unless)]
    assert len(patterns) > 300
    for pattern in patterns:
        assert compile_pattern(pattern)
    assert all((sign.telling is None) != (sign.tell is None) for sign in SIGNS)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(?:one|two three)x", ("onex", "two threex")),
        ("(?P<a>x|y)z", ("(?P<a>x)z", "(?P<a>y)z")),
        ("(?:longer|words)? here again", ("(?:longer|words)? here again",)),
        (r"[(|)](?:ab|cd)", (r"[(|)]ab", r"[(|)]cd")),
        ("plain words", ("plain words",)),
    ],
)
def test_a_pattern_that_begins_with_a_choice_is_several(pattern: str, expected: tuple[str, ...]):
    assert alternatives(pattern) == expected


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZN3c105ErrorC2ENS_14SourceLocationE", "c10::Error::Error"),
        ("_ZNK3c1010TensorImpl36is_contiguous_nondefault_policy_implENS_12MemoryFormatE", None),
        ("_ZN2at4_ops10zeros_like4callERKNS_6TensorE", "at::_ops::zeros_like::call"),
        ("cublasLtCreate", "cublasLtCreate"),
    ],
)
def test_symbols_are_read(symbol: str, name: str | None):
    assert read_symbol(symbol) == (name or "c10::TensorImpl::is_contiguous_nondefault_policy_impl")


def test_codes_of_cuda_are_found_in_every_form():
    assert len({code.number for code in CODES}) == len(CODES)
    for code in CODES:
        assert code_of_name(code.name) is code
        assert code_of_number(code.number) is code
        assert not code.driver or code_of_name(code.driver) is code
        found = code_of_words(code.words.upper())
        assert found is not None
        assert found.words == code.words
    assert code_of_words("something else") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "Because foo was not found in the package registry and you require foo, we can conclude that",
            "no-such-package",
        ),
        (
            "Because there is no version of foo==9 and you require foo==9, we can conclude that",
            "no-such-version",
        ),
        (
            (
                "Because the current Python version (3.8.1) does not satisfy Python>=3.9 and foo==2 "
                "depends on "
                "Python>=3.9, we can conclude that foo==2 cannot be used."
            ),
            "no-release-for-this-python",
        ),
        ("Because a==1 depends on b<2 and you require b==3, we can conclude that", "requirements-conflict"),
        (
            (
                "Because foo==1 has no wheels with a matching platform tag and you require foo==1, we can "
                "conclude"
            ),
            "no-wheel-for-this-platform",
        ),
    ],
)
def test_statements_of_resolvers(text: str, code: str):
    telling = tell_because(text)
    assert telling is not None
    assert telling.mechanism.code == code


def test_another_sentence_with_because_is_none():
    assert tell_because("Because of the rain we stayed.") is None
