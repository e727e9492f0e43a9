"""The corpus itself, its file of results, and (slow) every pair over the real index."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from judges.corpus import holds, judge_pair, pinned_request, slug
from judges.inputs import read_corpus
from judges.results import merge, read, table

ROOT = Path(__file__).parents[2]
CORPUS = read_corpus()
PAIRS = list(CORPUS.pairs())
TWELVE = [item for item in CORPUS.inputs if not item.targets]


def test_twelve_inputs_are_locked_for_four_machines():
    assert len(TWELVE) == 12
    assert [target.name for target in CORPUS.targets] == ["V100", "T4", "A100", "RTX 5090"]
    assert sum(not item.targets for item, _ in CORPUS.pairs()) == 48


def test_every_pair_has_a_lock_of_its_own():
    names = [slug(item, target) for item, target in CORPUS.pairs()]
    assert len(set(names)) == len(names)


def test_a_name_that_is_not_in_the_corpus_is_refused():
    with pytest.raises(ValueError, match="not in the corpus: H100"):
        list(CORPUS.pairs(targets=("H100",)))


def test_pins_are_constraints_and_what_is_left_out_is_not_asked_for():
    item = next(item for item in CORPUS.inputs if item.name == "espnet+s3prl")
    request = pinned_request(item, [], "3.11.18")
    assert "flash-attn" not in request.requirements
    assert request.constraints == ()


def test_results_of_parts_are_merged(tmp_path):
    path = tmp_path / "results" / "corpus.json"
    merge(path, {"b": 1, "a": 1})
    merge(path, {"b": 2})
    assert read(path) == {"a": 1, "b": 2}
    assert list(json.loads(path.read_text())) == ["a", "b"]
    assert [other.name for other in path.parent.iterdir()] == ["corpus.json"]


def test_a_lock_that_one_judge_refuses_does_not_hold():
    pins = {"satisfiable": True, "missing": [], "superfluous": [], "says": ""}
    taken = {"judge": "uv", "accepted": True, "says": ""}
    entry = {"outcome": "solved", "judges": [taken], "pins": pins}
    assert holds(entry)
    assert not holds({**entry, "judges": [taken, {**taken, "accepted": False}]})
    assert not holds({**entry, "pins": {**pins, "superfluous": ["left-pad"]}})
    assert not holds({"outcome": "refused", "confirmed": False})
    assert not holds({"outcome": "crashed", "reason": ""})


def test_a_table_has_columns():
    assert table([("input", "x"), ("a", "long"), ("b", "")]) == "input  x\na      long\nb"


@pytest.mark.slow
@pytest.mark.parametrize(("item", "target"), PAIRS, ids=[slug(item, target) for item, target in PAIRS])
def test_the_answer_stands_before_uv(item, target, tmp_path):
    entry = judge_pair(item, target, tmp_path, with_pip=False)
    assert holds(entry), entry


@pytest.mark.slow
def test_what_uv_would_install_is_read_from_the_wheels(tmp_path):
    command = [sys.executable, "-m", "judges.without_hardware", "--only", "onnxruntime-gpu"]
    results = tmp_path / "results.json"
    subprocess.run(
        [*command, "--results", str(results), "--wheels", str(tmp_path / "wheels.json")], cwd=ROOT, check=True
    )
    found = read(results)
    assert [text.partition(" ")[0] for text in found["onnxruntime-gpu / V100"]["uv"]["cannot"]] == [
        "onnxruntime-gpu"
    ]
    assert found["onnxruntime-gpu / T4"]["uv"]["cannot"] == []
