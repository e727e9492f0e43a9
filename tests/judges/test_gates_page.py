"""The page of gates: it is what is told now, and every case ends as it should."""

from __future__ import annotations

import pytest

from envfit import api
from envfit.build.gate import Outcome
from envfit.knowledge.model import KnowledgeBase
from judges.gates import CASES, PAGE, Asked, page, report_of


@pytest.fixture(scope="module")
def knowledge() -> KnowledgeBase:
    return api.knowledge()


def test_the_page_is_current(knowledge: KnowledgeBase) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(knowledge), "python -m judges.gates writes it anew"


@pytest.mark.parametrize("asked", CASES, ids=lambda asked: asked.title)
def test_the_case_ends_as_it_should(asked: Asked, knowledge: KnowledgeBase) -> None:
    report = report_of(asked, knowledge)
    assert report.judged.possible == asked.possible
    for gate in report.judged.gates:
        assert gate.reasons, gate.name
        assert all(str(reason).endswith(".") for reason in gate.reasons), gate.name
        if gate.outcome is not Outcome.FAILED:
            assert gate.name == "memory" or not gate.remedies
    told = [remedy for gate in report.judged.gates for remedy in gate.remedies]
    assert asked.possible or told, "a refusal without a way out"
