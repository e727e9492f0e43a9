"""What environments come to, and where envfit and the judge disagree."""

import pytest

from judges.outcome import Explained, Fate, Outcome, fate_of, outcome_of, read_explained, unexplained, unused

RUNS = {"outcome": "runs"}
CANNOT = {"outcome": "cannot run", "cannot": ["torch 2.15.0: no code for 7.0"]}
CPU = {"outcome": "does not use the GPU"}
NONE = {"outcome": "no answer"}


def refused(*about, reason=""):
    return {"outcome": "refused", "about": list(about), "reasons": [reason]}


@pytest.mark.parametrize(
    ("judged", "cannot", "unread", "outcome"),
    [
        (3, True, True, Outcome.CANNOT),  # what was not read cannot save it
        (3, False, True, Outcome.UNREAD),
        (3, False, False, Outcome.RUNS),
        (0, False, False, Outcome.NO_GPU),
    ],
)
def test_an_environment_comes_to_what_its_wheels_come_to(judged, cannot, unread, outcome):
    assert outcome_of(judged=judged, cannot=cannot, unread=unread) is outcome


@pytest.mark.parametrize(
    ("uv", "envfit", "fate"),
    [
        (RUNS, RUNS, Fate.BOTH),
        (CANNOT, RUNS, Fate.ENVFIT),
        (CPU, RUNS, Fate.GPU),
        (NONE, RUNS, Fate.ANSWER),
        (CANNOT, refused("torch", "vllm"), Fate.RIGHTLY_REFUSED),
        (CANNOT, refused("vllm", reason="vllm 1: it has no code for capability 7.0"), Fate.RIGHTLY_REFUSED),
        (NONE, refused("vllm"), Fate.RIGHTLY_REFUSED),
        (CPU, CPU, Fate.NEITHER),
        ({"outcome": "not read"}, RUNS, Fate.UNREAD),
        # Disagreements, each of which wants a reason.
        (CANNOT, refused("numpy"), Fate.DISAGREE),
        (CANNOT, refused("vllm", reason="vllm 1: it needs driver 580"), Fate.DISAGREE),
        (RUNS, refused("torch"), Fate.DISAGREE),
        (RUNS, CANNOT, Fate.DISAGREE),
        (CANNOT, CANNOT, Fate.DISAGREE),
        (RUNS, CPU, Fate.DISAGREE),
        (CANNOT, CPU, Fate.DISAGREE),
        (RUNS, NONE, Fate.DISAGREE),
    ],
)
def test_a_pair_is_agreed_on_or_wants_a_reason(uv, envfit, fate):
    assert fate_of(uv, envfit) is fate


def test_a_disagreement_is_explained_by_an_entry_that_covers_it():
    fates = {"vllm / K80": Fate.DISAGREE, "vllm / T4": Fate.BOTH, "torch / K80": Fate.DISAGREE}
    one = Explained(packages=("vllm",), targets=(), reason="", right="envfit")
    other = Explained(packages=(), targets=("T4",), reason="", right="judge")
    assert unexplained(fates, [one, other]) == ["torch / K80"]
    assert unused(fates, [one, other]) == [other]


def test_explanations_say_who_is_right():
    assert {one.right for one in read_explained()} <= {"envfit", "judge", "neither"}
    assert all(one.reason for one in read_explained())
