"""Tracebacks in all their forms -> chains of exceptions."""

from __future__ import annotations

import textwrap

import pytest

from envfit.diagnosis.tracebacks import Chain, read_chains
from envfit.knowledge.log_text import LogText


def chains(text: str) -> tuple[Chain, ...]:
    return read_chains(LogText.of(textwrap.dedent(text)))


def names(text: str) -> list[list[str]]:
    return [[raised.name for raised in chain.raised] for chain in chains(text)]


def test_a_chain_is_read_from_its_root():
    text = """
    Traceback (most recent call last):
      File "a.py", line 1, in f
        x
    KeyError: 'x'

    During handling of the above exception, another exception occurred:

    Traceback (most recent call last):
      File "a.py", line 3, in f
        y
    ValueError: no x

    The above exception was the direct cause of the following exception:

    Traceback (most recent call last):
      File "a.py", line 5, in <module>
        f()
    RuntimeError: f failed
    """
    (chain,) = chains(text)
    assert [str(each) for each in chain.raised] == [
        "KeyError: 'x'",
        "ValueError: no x",
        "RuntimeError: f failed",
    ]
    assert chain.causes == (False, True)
    assert [(frame.file, frame.line, frame.function) for frame in chain.raised[0].frames] == [
        ("a.py", 1, "f")
    ]


def test_processes_do_not_disturb_each_other():
    text = """
    [rank0]: Traceback (most recent call last):
    [rank1]: Traceback (most recent call last):
    [rank0]:   File "a.py", line 1, in f
    [rank1]:   File "a.py", line 9, in g
    [rank0]: KeyError: 'x'
    [rank1]: ValueError: y
    """
    assert names(text) == [["KeyError"], ["ValueError"]]
    assert [chain.raised[0].frames[0].line for chain in chains(text)] == [1, 9]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '  File "a.py", line 1, in f\n    x\nKeyError: 3\n', [["KeyError"]], id="without-a-header"
        ),
        pytest.param(
            "Cell In[1], line 1\n----> 1 import x\n\nFile ~/env/lib/python3.11/site-packages/x.py:3, in "
            "f(a)\n"
            "----> 3 import y\n\nModuleNotFoundError: No module named 'y'\n",
            [["ModuleNotFoundError"]],
            id="jupyter",
        ),
        pytest.param(
            '  File "a.py", line 3\n    print 3\n    ^^^^^^^\nSyntaxError: invalid syntax\n',
            [["SyntaxError"]],
            id="syntax-error",
        ),
        pytest.param(
            "  + Exception Group Traceback (most recent call last):\n"
            '  |   File "a.py", line 1, in <module>\n'
            "  | ExceptionGroup: errors (1 sub-exception)\n"
            "  +-+---------------- 1 ----------------\n"
            "    | Traceback (most recent call last):\n"
            '    |   File "a.py", line 7, in f\n'
            "    | OSError: gone\n"
            "    +------------------------------------\n",
            [["ExceptionGroup"], ["OSError"]],
            id="group",
        ),
        pytest.param(
            "a.py:12: in f\n    g()\nE   ModuleNotFoundError: No module named 'y'\n",
            [["ModuleNotFoundError"]],
            id="pytest",
        ),
        pytest.param("epoch 1: error 0.3\nloss: 2\nnote: fine\n", [], id="no-exception"),
    ],
)
def test_forms(text: str, expected: list[list[str]]):
    assert names(text) == expected


def test_what_is_ignored_in_a_destructor_is_marked():
    text = """
    Exception ignored in: <function A.__del__ at 0x7f>
    Traceback (most recent call last):
      File "a.py", line 1, in __del__
    AttributeError: x
    """
    (chain,) = chains(text)
    assert chain.raised[0].ignored


def test_a_message_of_several_lines_is_one_message():
    text = """
    Traceback (most recent call last):
      File "a.py", line 1, in f
    RuntimeError: Failed to import x because of the following error (look up to see its traceback):
    No module named 'y'

    later
    """
    (chain,) = chains(text)
    assert (chain.raised[0].first, chain.raised[0].last) == (3, 4)
