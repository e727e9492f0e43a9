"""The failure texts themselves, and what the judge of diagnoses makes of made-up ones."""

from __future__ import annotations

import dataclasses

import pytest

from judges import diagnosed
from judges.diagnosed import Confidence, Fate, Said, fate_of, holds, main
from judges.diagnosed_page import page
from judges.failure_texts import FAILURES, Failure, Half, Verdict, read_failures

TEXTS = read_failures()
UNKNOWN = Said(confidence=Confidence.UNKNOWN)
TEXT = Failure(
    id="native/flash",
    source="github.com/x/y, issue 1",
    verdict=Verdict.CAUSE,
    cause="flash-attn is built for another torch.",
    names=(("flash-attn",), ("torch", "abi")),
    never=("s3prl",),
    text="undefined symbol",
)


def of(verdict: Verdict, names: tuple[tuple[str, ...], ...] = ()) -> Failure:
    return dataclasses.replace(TEXT, id=f"made/{verdict.value}", verdict=verdict, names=names)


def certain(cause: str, *remedies: str) -> Said:
    return Said(confidence=Confidence.CERTAIN, cause=cause, remedies=remedies)


def exonerated(cause: str) -> Said:
    return Said(confidence=Confidence.CERTAIN, cause=cause, exonerates=True)


def likely(cause: str) -> Said:
    return Said(confidence=Confidence.LIKELY, cause=cause)


RIGHT = certain("flash_attn was compiled for another PyTorch.")
WRONG = certain("The driver is too old.")


def test_there_are_enough_texts_and_each_says_what_it_is():
    assert len(TEXTS) >= 130
    assert len({failure.id for failure in TEXTS}) == len(TEXTS)
    assert len({failure.text for failure in TEXTS}) == len(TEXTS)
    for failure in TEXTS:
        theme = failure.id.partition("/")[0]
        assert (FAILURES / f"{theme}.toml").exists(), failure.id
        assert failure.source, failure.id
        assert failure.cause.endswith("."), failure.id
        assert 1 <= len(failure.text.splitlines()) <= 16, failure.id


def test_a_text_with_a_cause_has_something_that_must_be_named():
    for failure in TEXTS:
        if failure.verdict in (Verdict.CAUSE, Verdict.HARMLESS):
            assert failure.names, failure.id
        for word in [*failure.never, *(word for group in failure.names for word in group)]:
            assert word == word.lower(), failure.id
            assert "_" not in word, failure.id


def test_each_text_s_own_cause_is_right_by_its_own_expectations():
    wrong = [
        failure.id
        for failure in TEXTS
        if fate_of(failure, certain(failure.cause)) is not Fate.RIGHT and failure.names
    ]
    assert wrong == []


def test_the_halves_are_of_like_size_and_stay_as_they_are():
    dev = sum(failure.half is Half.DEV for failure in TEXTS)
    assert 0.4 < dev / len(TEXTS) < 0.6
    assert TEXT.half is Half.HELD_OUT
    assert dataclasses.replace(TEXT, id="native/b").half is Half.DEV


def test_every_verdict_occurs():
    assert {failure.verdict for failure in TEXTS} == set(Verdict)


@pytest.mark.parametrize(
    ("failure", "said", "fate"),
    [
        (TEXT, RIGHT, Fate.RIGHT),
        (TEXT, certain("Its compiled part does not fit.", "Install flash-attn for this torch."), Fate.RIGHT),
        (TEXT, likely("flash-attn has the other C++ ABI."), Fate.RIGHT),
        (TEXT, UNKNOWN, Fate.UNKNOWN),
        (TEXT, certain("Another error is hidden behind this one."), Fate.UNKNOWN),
        (TEXT, certain("S3PRL is missing; another error is hidden behind this one."), Fate.CONFIDENT),
        (TEXT, WRONG, Fate.CONFIDENT),
        (TEXT, likely("The driver is too old."), Fate.HEDGED),
        (TEXT, certain("s3prl is missing; flash-attn and torch are there."), Fate.CONFIDENT),
        (TEXT, certain("flash-attn does not fit."), Fate.CONFIDENT),
        (of(Verdict.HARMLESS, (("breaks nothing",),)), certain("It breaks nothing."), Fate.RIGHT),
        (of(Verdict.HARMLESS, (("breaks nothing",),)), UNKNOWN, Fate.UNKNOWN),
        (of(Verdict.NOT_ENVIRONMENT), UNKNOWN, Fate.RIGHT),
        (of(Verdict.NOT_ENVIRONMENT), WRONG, Fate.CONFIDENT),
        (of(Verdict.NOT_ENVIRONMENT), exonerated("A label is wrong."), Fate.RIGHT),
        (of(Verdict.NOT_ENVIRONMENT), exonerated("s3prl is wrong."), Fate.CONFIDENT),
        (TEXT, exonerated("A label is wrong."), Fate.CONFIDENT),
        (of(Verdict.UNKNOWN, (("hidden",),)), likely("Another error is hidden."), Fate.RIGHT),
        (of(Verdict.UNKNOWN, (("hidden",),)), UNKNOWN, Fate.RIGHT),
        (of(Verdict.UNKNOWN, (("hidden",),)), WRONG, Fate.CONFIDENT),
    ],
)
def test_what_a_diagnosis_is_worth(failure: Failure, said: Said, fate: Fate) -> None:
    assert fate_of(failure, said) is fate


def numbered(count: int, fate: Fate) -> dict[Failure, Fate]:
    return {dataclasses.replace(TEXT, id=f"made/{fate.value}-{number}"): fate for number in range(count)}


def test_ninety_five_percent_must_be_right():
    assert holds(numbered(95, Fate.RIGHT) | numbered(5, Fate.UNKNOWN))
    assert not holds(numbered(94, Fate.RIGHT) | numbered(6, Fate.UNKNOWN))
    assert holds(numbered(95, Fate.RIGHT) | numbered(5, Fate.HEDGED))


def test_one_confident_wrong_answer_is_too_many_even_where_nothing_was_to_be_found():
    right = numbered(100, Fate.RIGHT)
    assert not holds(right | numbered(1, Fate.CONFIDENT))
    assert not holds(right | {of(Verdict.NOT_ENVIRONMENT): Fate.CONFIDENT})


def test_texts_without_a_cause_do_not_make_up_for_others():
    spared = {
        dataclasses.replace(of(Verdict.UNKNOWN), id=f"made/spared-{number}"): Fate.RIGHT
        for number in range(900)
    }
    assert not holds(numbered(94, Fate.RIGHT) | numbered(6, Fate.UNKNOWN) | spared)


def test_the_script_fails_where_nothing_is_known_and_prints_what_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(diagnosed, "read_failures", lambda: (TEXT, of(Verdict.UNKNOWN)))
    assert main(["--show-wrong"], lambda _: UNKNOWN) == 1
    printed = capsys.readouterr().out
    assert "native/flash (held-out): unknown" in printed
    assert "truly: flash-attn is built for another torch. [cause]" in printed
    assert "made/unknown" not in printed
    assert main([], lambda _: RIGHT) == 1  # said of the second, which does not tell
    assert main(["--theme", "native"], lambda _: RIGHT) == 0


def test_a_half_is_judged_alone(monkeypatch, capsys):
    dev = dataclasses.replace(TEXT, id="native/b", text="another")
    monkeypatch.setattr(diagnosed, "read_failures", lambda: (TEXT, dev))
    asked: list[str] = []

    def answer(text: str) -> Said:
        asked.append(text)
        return RIGHT

    assert main(["--half", "held-out"], answer) == 0
    assert asked == [TEXT.text]
    assert "with a cause, held-out" in capsys.readouterr().out


def test_the_page_lists_what_is_not_right_of_the_half_that_is_looked_at():
    other = dataclasses.replace(TEXT, id="native/b")
    text = page([TEXT, other], {TEXT: Fate.HEDGED, other: Fate.UNKNOWN})
    assert "- `native/b` (unknown): flash-attn is built for another torch." in text
    assert "`native/flash`" not in text
    assert "| with a cause, all | 0 | 1 | 1 | 0 | 2 | 0.0% |" in text
