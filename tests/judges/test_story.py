"""The story: how its transcript is made, that its page is of these steps, and, slowly, that it is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from judges.story import Told, failures, page, shortened, tell
from judges.story_steps import STEPS, Step

PAGE = Path(__file__).parents[2] / "docs" / "story.md"
OUTPUT = "getting things\nError: it fails\nat /tmp/place/env/x.py\nmore\nError: comparing\n"


def told(*, status: int = 0, **of_step: object) -> Told:
    step = Step(tells="What it is.", command="run it\nand more", **of_step)  # type: ignore[arg-type]
    return Told(step=step, status=status, output=OUTPUT)


def test_what_is_not_shown_is_dots_and_the_folder_has_a_name_of_its_own() -> None:
    item = told(shows=("^Error", "^at"), hides=("comparing",))
    assert shortened(item, Path("/tmp/place")) == ["...", "Error: it fails", "at ~/asr/env/x.py", "..."]


def test_what_a_step_misses_is_named() -> None:
    assert failures(told(says=("it fails",), never=("works",))) == []
    assert failures(told(status=2, says=("works",), never=("it fails",))) == [
        "exit status 2, not 0",
        "does not say 'works'",
        "says 'it fails'",
    ]


def test_a_page_has_each_command_with_its_output() -> None:
    text = page([told(title="A section", shows=("^Error: it",))], Path("/tmp/place"))
    assert (
        "## A section\n\nWhat it is.\n\n```console\n$ run it\n$ and more\n...\nError: it fails\n...\n```\n"
        in text
    )


def test_the_page_in_the_docs_is_of_these_steps() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for step in STEPS:
        assert all(f" {line.strip()}\n" in text for line in step.command.splitlines()), step.command
        assert step.tells in text
    # Everything that a step must say and that its page shows is there.
    shown = [said for step in STEPS for said in step.says if step.shows == ("",)]
    assert [said for said in shown if said not in text] == []
    assert "http" not in text


@pytest.mark.slow
def test_the_story_is_true(tmp_path: Path) -> None:
    """Run it whole, with packages from the index; takes a quarter of an hour and the disk of two torches."""
    wrong = [(item.step.command, fault) for item in tell(tmp_path / "asr") for fault in failures(item)]
    assert wrong == []
