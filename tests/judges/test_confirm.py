"""A refusal held to uv: how its reasons become constraints, and what counts as agreement."""

import pytest

from envfit import api
from judges.confirm import confirm, imposed_constraints
from judges.installers import Compiled, Request


def reason(name, versions, rule):
    return {"name": name, "versions": versions, "why": "because", "rule": rule, "facts": [], "evidence": []}


RULES = {rule.id: rule for rule in api.knowledge().rules}


def test_versions_that_a_rule_about_the_machine_refuses_are_excluded_one_by_one():
    constraints = imposed_constraints(
        [
            reason("torch", ["2.12.0", "2.11.0"], "cuda/13-driver"),
            reason("torch", ["2.7.1+cu118"], "torch/device-code"),
            reason("xformers", ["0.0.35"], "xformers/turing-or-newer"),
        ],
        RULES,
    )
    assert constraints == ("torch!=2.12.0,!=2.11.0,!=2.7.1", "xformers!=0.0.35")


def test_a_rule_about_other_packages_becomes_its_bound():
    constraints = imposed_constraints([reason("s3prl", ["0.4.18"], "s3prl/torchaudio-sox-effects")], RULES)
    assert constraints == ("torchaudio<2.9",)


def test_what_metadata_says_is_left_for_uv_to_read():
    constraints = imposed_constraints(
        [
            reason("vllm", ["0.32.0"], None),
            reason("certifi", [], None),
            reason("torch", [], "torch/device-code"),
        ],
        RULES,
    )
    assert constraints == ()


def test_a_release_that_lacks_the_extra_is_excluded_for_uv_would_take_it():
    lacking = {
        **reason("jax", ["0.6.2", "0.6.1"], None),
        "why": "it has no extra 'cuda13', which newer releases have",
    }
    assert imposed_constraints([lacking], RULES) == ("jax!=0.6.2,!=0.6.1",)


REQUEST = Request(requirements=("torch",), python="3.11.18", glibc="2.28")
SOLVED = Compiled(lock='lock-version = "1.0"')
IMPOSSIBLE = Compiled(impossible=True, says="No solution found")
BROKEN = Compiled(says="the index did not answer")


@pytest.mark.parametrize(
    ("imposed", "lifted", "confirmed"),
    [
        (IMPOSSIBLE, SOLVED, True),
        (SOLVED, SOLVED, False),  # the reasons do not exclude it
        (IMPOSSIBLE, IMPOSSIBLE, False),  # it was impossible without them
        (BROKEN, SOLVED, False),  # a failure proves nothing
        (IMPOSSIBLE, BROKEN, False),
    ],
)
def test_a_refusal_is_confirmed_by_a_proof_with_its_reasons_and_a_solution_without(
    imposed, lifted, confirmed
):
    asked = []

    def ask(request):
        asked.append(request.constraints)
        return imposed if request.constraints else lifted

    found = confirm(REQUEST, ("torch!=2.11.0",), ask)
    assert found.confirmed is confirmed
    assert asked == [("torch!=2.11.0",), ()]
    assert bool(found.says) is not confirmed
