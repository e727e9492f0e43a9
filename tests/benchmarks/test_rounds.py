import sys

import pytest

from benchmarks.comparison import beside, cells, judged, told
from benchmarks.growth import curves, exponent
from benchmarks.measured import Cost, measured
from benchmarks.peers import find_python
from benchmarks.recording import Recording
from benchmarks.results import read, summaries, write
from benchmarks.rounds import Plan, Run, run_rounds
from benchmarks.synthetic import synthetic_recording, synthetic_world, write_rules
from benchmarks.tools import Caches, Envfit, Uv
from benchmarks.worlds import World, chosen, read_worlds
from envfit.knowledge.files import constraints_directory
from envfit.knowledge.load import load

WORLD = World(
    name="tiny", date="2026-01-01", python="3.11", requirements=("alpha",), differs={"beta": "because"}
)


def a_run(tool, *, round=0, caches="cold", wall=1.0, **more):
    values = {
        "world": "tiny",
        "tool": tool,
        "caches": caches,
        "delay": 0.0,
        "sidecars": True,
        "bandwidth": None,
        "round": round,
        "outcome": "solved",
        "cost": Cost(code=0, late=False, wall=wall, cpu=wall / 2, peak=1 << 20),
        "requests": 3,
        "bytes": 1000,
        "missed": (),
        "pins": {"alpha": "1"},
    }
    return Run(**{**values, **more})


def counts(*runs):
    return [run["counts"] for run in judged(WORLD, runs)]


def test_a_round_counts_where_the_pins_are_the_same():
    assert counts(a_run("envfit"), a_run("uv")) == [True, True]
    assert counts(a_run("envfit"), a_run("uv", pins={"alpha": "2"})) == [False, False]
    assert counts(a_run("envfit"), a_run("uv", pins={"alpha": "1", "gamma": "1"})) == [False, False]


def test_a_declared_difference_counts_and_is_told():
    ours, theirs = judged(WORLD, [a_run("envfit"), a_run("uv", pins={"alpha": "1", "beta": "1"})])
    assert ours["counts"]
    assert ours["declared"] == theirs["declared"] == {"beta": "because"}


def test_pins_for_a_gpu_and_of_peers_are_their_own():
    assert (
        counts(a_run("envfit"), a_run("envfit-gpu", pins={}), a_run("uv"), a_run("pip", pins={}))
        == [True] * 4
    )


def test_rounds_are_compared_with_themselves():
    first = [a_run("envfit"), a_run("uv")]
    second = [a_run("envfit", round=1), a_run("uv", round=1, pins={"alpha": "2"})]
    assert counts(*first, *second) == [True, True, False, False]


def test_what_failed_or_was_not_recorded_does_not_count():
    (failed,) = judged(WORLD, [a_run("pip", outcome="did not end")])
    (missed,) = judged(WORLD, [a_run("uv", missed=("/simple/x/",))])
    assert failed["why_not"] == ["did not end"]
    assert missed["why_not"] == ["not recorded: /simple/x/"]
    assert summaries([failed, missed]) is None


def test_medians_and_ratios():
    runs = judged(
        WORLD,
        [
            *(a_run("envfit", round=number, wall=wall) for number, wall in enumerate((1.0, 9.0, 2.0))),
            *(a_run("uv", round=number, wall=4.0) for number in range(3)),
        ],
    )
    ((_, by_tool),) = cells(runs).items()
    found = summaries(by_tool["envfit"])["wall"]
    assert (found.median, found.least, found.most, found.runs) == (2.0, 1.0, 9.0, 3)
    assert beside(by_tool, "uv") == {"envfit": "0.50 / 0.50", "envfit-gpu": ""}
    assert beside(by_tool, "envfit") == {"envfit": "", "envfit-gpu": ""}
    assert any("envfit takes 0.50 / 0.50" in line for line in told(runs))


def test_what_a_program_costs(tmp_path):
    work = "import time; data = bytearray(80 << 20); end = time.process_time() + .2\nwhile time.process_time() < end: pass"
    cost = measured(
        [sys.executable, "-c", f"{work}\nprint('done', data[0]); raise SystemExit(3)"],
        environment={},
        folder=tmp_path,
        output=tmp_path / "output",
        limit=60,
    )
    assert (cost.code, cost.late) == (3, False)
    assert cost.wall >= 0.2
    assert cost.cpu >= 0.2
    assert cost.peak >= 80 << 20
    assert (tmp_path / "output").read_text() == "done 0\n"


def test_a_small_program_is_not_charged_for_its_launcher(tmp_path):
    cost = measured(["/bin/true"], environment={}, folder=tmp_path, output=tmp_path / "output", limit=60)
    assert cost.peak < 20 << 20


def test_a_program_past_its_limit_is_ended_with_its_children(tmp_path):
    command = ["/bin/sh", "-c", "sleep 60 & wait"]
    cost = measured(
        command, environment={"PATH": "/usr/bin:/bin"}, folder=tmp_path, output=tmp_path / "o", limit=0.2
    )
    assert cost.late
    assert cost.wall < 5


def test_the_worlds_are_readable():
    worlds = read_worlds()
    assert list(worlds) == ["small", "scientific", "speech", "llm", "backtracking", "wide"]
    assert len(set(worlds["wide"].requirements)) == 200
    assert worlds["speech"].if_supported == ("flash-attn",)
    assert [world.name for world in chosen(["small"])] == ["small"]
    with pytest.raises(ValueError, match="no world: other"):
        chosen(["other"])


def test_results_come_back(tmp_path):
    write(tmp_path / "results" / "one.json", {"runs": judged(WORLD, [a_run("uv")])})
    assert read(tmp_path / "results" / "one.json")["runs"][0]["cost"]["wall"] == 1.0


def test_envfit_and_uv_on_a_replayed_index(tmp_path):
    folder = tmp_path / "recording"
    synthetic_recording(12).save(folder)
    python = find_python("3.11")
    plan = Plan(
        world=synthetic_world(12),
        recording=str(folder),
        tools=(Envfit([sys.executable, "-m", "envfit"], python), Uv(python)),
        caches=tuple(Caches),
        rounds=1,
    )
    runs = judged(plan.world, run_rounds(plan, tmp_path / "work"))
    assert [run["counts"] for run in runs] == [True] * 8, [run["why_not"] for run in runs]
    assert all(len(run["pins"]) == 12 for run in runs)
    cold, kept = runs[:2], runs[2:]
    assert all(run["requests"] >= 24 for run in cold)
    assert all(run["requests"] == 0 for run in kept)


def test_a_synthetic_world_is_the_same_every_time():
    assert synthetic_recording(5) == synthetic_recording(5)
    assert isinstance(synthetic_recording(5), Recording)


def test_made_up_rules_are_rules(tmp_path):
    shipped = constraints_directory()
    write_rules(tmp_path / "constraints", rules=25, packages=10, shipped=shipped)
    assert len(load(tmp_path / "constraints").rules) == len(load(shipped).rules) + 25


def test_growth():
    sizes = (10, 20, 50, 100, 200, 500)
    assert exponent({size: 1.0 + 0.01 * (size - 10) for size in sizes}) == pytest.approx(1)
    assert exponent({size: 1.0 + 0.01 * (size - 10) ** 2 for size in sizes}) == pytest.approx(2)
    assert exponent(dict.fromkeys(sizes, 1.0)) == 0
    assert exponent({10: 1.0, 20: 2.0}) is None
    runs = [
        {**run, "packages": 10}
        for run in judged(WORLD, [a_run("uv", wall=2.0), a_run("pip", outcome="failed")])
    ]
    assert curves(runs, "packages", "cpu") == {"uv, cold": {10: 1.0}}
