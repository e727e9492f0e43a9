"""Requirements as the user writes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envfit.errors import RequirementError
from envfit.project import for_target, parse_requirement
from envfit.requirement import Requirement, UserOrigin

LINUX_311 = {"python_version": "3.11", "python_full_version": "3.11.4", "sys_platform": "linux"}
HERE = "the command line"


def test_a_requirement_reaches_the_target_normalized_and_with_its_origin() -> None:
    declared = parse_requirement(' Flash_Attn[Some.Extra] >= 2.6 ; python_version < "3.12" ', HERE)
    assert for_target([declared], LINUX_311) == (
        Requirement(
            name="flash-attn",
            specifier=SpecifierSet(">=2.6"),
            extras=frozenset({"some-extra"}),
            origin=UserOrigin(
                text='Flash_Attn[Some.Extra] >= 2.6 ; python_version < "3.12"', where="the command line"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ('sys_platform == "linux"', True),
        ('sys_platform == "win32"', False),
        ('python_version < "3.10"', False),
        ('extra == "gpu"', False),
        ('extra == ""', True),
        ('python_version in "3.10 3.11"', True),
    ],
)
def test_markers_are_those_of_the_target(marker: str, holds: bool) -> None:
    assert bool(for_target([parse_requirement(f"torch; {marker}", HERE)], LINUX_311)) is holds


@pytest.mark.parametrize(
    "marker", ["'gpu' in extras", "'dev' in dependency_groups", "sys_platform ~= 'linux'"]
)
def test_a_marker_that_cannot_be_evaluated_is_an_error(marker: str) -> None:
    with pytest.raises(RequirementError, match=r"the command line: .* cannot be judged"):
        for_target([parse_requirement(f"torch; {marker}", HERE)], LINUX_311)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a requirement"),
        ("torch 2.1", "'torch 2.1' is not a requirement"),
        ("torch[", "is not a requirement"),
        ("torch>=a", "is not a requirement"),
        ("torch; nonsense == 'x'", "is not a requirement"),
        ("-e .", "is an editable install, which is not supported yet"),
        ("--editable=.", "is an editable install, which is not supported yet"),
        ("./here", "is a path, which is not supported yet"),
        ("sub/folder", "is a path, which is not supported yet"),
        ("torch-2.1-cp311-cp311-linux_x86_64.whl", "is a file, which is not supported yet"),
        ("torch-2.1+cu121-cp311-cp311-linux_x86_64.whl", "is a path, which is not supported yet"),
        ("torch @ https://files.example/torch.whl", "names a direct address, which is not supported yet"),
        ("torch@https://files.example/torch.whl", "names a direct address, which is not supported yet"),
        ("git+https://git.example/torch", "names a direct address, which is not supported yet"),
        ("torch @ https://files.example/t.whl;x", "names a direct address, which is not supported yet"),
    ],
)
def test_what_no_index_can_answer_is_refused_by_text_and_place(text: str, says: str) -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement(text, HERE)
    assert caught.value.message.startswith(f"the command line: {text!r}")
    assert says in caught.value.message


def test_a_single_equals_sign_is_answered_with_a_hint() -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement("torch=2.1", HERE)
    assert caught.value.hints == ("did you mean torch==2.1?",)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement("git+https://me:p@ss@git.example/torch@v1", HERE)
    assert "git+https://***@git.example/torch@v1" in caught.value.message
    assert "ss@" not in caught.value.message


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: not name.lower().endswith((".zip", ".whl", ".tgz"))
)
extras = st.lists(names, max_size=2).map(lambda found: f"[{','.join(found)}]" if found else "")
ranges = st.lists(st.sampled_from([">=1", "<3.0", "!=2.*", "~=1.4", "==2.1+cu126"]), max_size=2).map(",".join)
markers = st.sampled_from(["", '; python_version < "3.12"', "; sys_platform == 'linux' and extra == 'x'"])


@settings(max_examples=60, deadline=None)
@given(names, extras, ranges, markers)
def test_writing_a_requirement_and_reading_it_again_changes_nothing(
    name: str, extra: str, range_: str, marker: str
) -> None:
    once = parse_requirement(f"{name}{extra}{range_}{marker}", HERE)
    twice = parse_requirement(str(once.requirement), HERE)
    assert twice.requirement == once.requirement
    assert str(twice.requirement) == str(once.requirement)
