"""The page of the corpus."""

from judges.corpus_page import page
from judges.inputs import Corpus, GpuTarget, Input

T4 = GpuTarget(name="T4", gpu="T4", driver="580.95.05", capability="7.5", cuda="13.0")
V100 = GpuTarget(name="V100", gpu="V100", driver="535.161.08", capability="7.0", cuda="12.2")
CORPUS = Corpus(
    inputs=(
        Input(name="stack", requirements=("torch",)),
        Input(name="new", requirements=("torch>=2.11",), targets=("V100",)),
    ),
    targets=(V100, T4),
)
PINS = {"satisfiable": True, "missing": [], "superfluous": [], "says": ""}


def test_a_page_shows_answers_refusals_and_what_cannot_run():
    verdict = {"judge": "uv", "accepted": True, "says": ""}
    answers = {
        "stack / T4": {
            "outcome": "solved",
            "versions": {"torch": "2.15.0"},
            "judges": [verdict, {**verdict, "accepted": False}],
            "pins": PINS,
        },
        "new / V100": {
            "outcome": "refused",
            "confirmed": True,
            "reason": "",
            "because": ["torch: old [a/b]"],
        },
    }
    unable = [f"{name} 1.0: no code for 7.0" for name in ("nvidia-cublas", "zeta", "torch", "alpha", "nccl")]
    wheels = {
        "stack / V100": {"uv": {"cannot": unable, "judged": 6}},
        "stack / T4": {"uv": {"cannot": [], "judged": 6}},
    }
    lines = page(CORPUS, answers, wheels).splitlines()
    assert "| stack | not run | torch 2.15.0 (a judge disagrees) |" in lines
    assert "- `torch>=2.11`, V100: refused: torch: old [a/b]" in lines
    assert "1 of 2 answers stood." in lines
    assert "| stack | 5 of 6: torch 1.0, alpha 1.0, nccl 1.0 and 2 more | 0 of 6 |" in lines
    assert "| stack | not run | not run |" in lines
