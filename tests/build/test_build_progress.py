"""How far a build is, and how long it still takes, from ninja's output: on a clock of the test's own."""

from __future__ import annotations

import pytest

from envfit.build.progress import Costs, Progress, duration, edges, finished
from envfit.build.session import Sample

# Two kinds: b takes three times as long as a.
NAMES = ("a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4")
COSTS = Costs(seconds={name: 100.0 if name[0] == "a" else 300.0 for name in NAMES}, around=20.0)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def line(count, total, name):
    return f"[{count}/{total}] nvcc -c /src/{name}.cu -o /build/{name}.o --threads 1\n"


def progress(clock, *, jobs=2, costs=COSTS, done=()):
    return Progress(
        jobs=jobs, costs=costs, planned=lambda: [f"{name}.o" for name in NAMES], finished=done, clock=clock
    )


def test_before_anything_is_finished_it_says_what_was_measured():
    clock = Clock()
    watched = progress(clock)
    assert COSTS.wall(2) == 20 + 800  # 1600 seconds of one core on two
    clock.now = 10
    assert watched.status() == "preparing, 10 s so far, about 14 min left by what was measured"
    watched.on_sample(Sample(memory=5, compilers=2))
    assert (
        watched.status()
        == "no object of 8 is finished yet, 2 compilers at work, 10 s so far, about 14 min left by what was measured"
    )


def test_without_a_measure_nothing_is_promised():
    clock = Clock()
    watched = progress(clock, costs=None)
    clock.now = 200
    assert watched.seconds_left() is None
    assert watched.status() == "preparing, 3 min so far"


def test_time_left_weighs_objects_by_kind_and_this_machine_by_what_it_did():
    clock = Clock()
    watched = progress(clock)
    watched.on_sample(Sample(memory=5, compilers=2))
    clock.now = 200  # half as fast as where it was measured
    watched.feed(line(1, 8, "a1") + line(2, 8, "a2"))
    assert (watched.done, watched.total) == (2, 8)
    # a3, a4 take 200 s each, then the four b 600 s each, two at a time
    assert watched.seconds_left() == pytest.approx(200 + 2 * 600)
    clock.now = 300
    assert watched.seconds_left() == pytest.approx(100 + 2 * 600)


def test_without_a_measure_all_objects_are_alike():
    clock = Clock()
    watched = progress(clock, costs=None, jobs=1)
    clock.now = 50
    watched.feed(line(1, 8, "a1"))
    assert watched.seconds_left() == pytest.approx(7 * 50)
    assert watched.status() == "1 of 8 objects, 50 s so far, about 6 min left"


def test_a_line_may_come_in_pieces():
    watched = progress(Clock())
    text = line(1, 8, "a1")
    watched.feed(text[:3])
    assert watched.done == 0
    watched.feed(text[3:])
    assert watched.done == 1


def test_objects_of_a_former_run_count_as_done():
    clock = Clock()
    watched = progress(clock, done=("a1", "a2", "a3"))
    assert watched.status().startswith("3 objects are there from before, preparing")
    assert watched.seconds_left() == COSTS.wall(2, without=("a1", "a2", "a3"))
    watched.feed(line(1, 5, "a4"))
    assert (watched.done, watched.total, watched.compiled) == (4, 8, 1)


def test_objects_that_are_made_again_do_not_count():
    watched = progress(Clock(), done=("a1", "a2", "a3"))
    watched.feed(line(1, 8, "a1"))
    assert (watched.done, watched.total) == (1, 8)


def test_ninja_may_be_called_twice():
    watched = progress(Clock(), costs=None)
    for number, name in enumerate(("a1", "a2", "a3", "a4"), 1):
        watched.feed(line(number, 4, name))
    for number, name in enumerate(("b1", "b2"), 1):
        watched.feed(line(number, 4, name))
    assert (watched.done, watched.total) == (6, 8)


def test_silence_is_told_with_what_is_at_work():
    clock = Clock()
    watched = progress(clock)
    clock.now = 100
    watched.feed(line(1, 8, "a1"))
    clock.now = 340
    watched.on_sample(Sample(memory=7, compilers=2))
    assert watched.status().endswith("none finished in the last 4 min, 2 compilers at work")
    watched.on_sample(Sample(memory=6, compilers=0))
    assert watched.status().endswith("none finished in the last 4 min, no compiler is running")
    assert watched.peak_memory == 7


def test_after_the_last_object_it_links():
    clock = Clock()
    watched = progress(clock)
    for number, name in enumerate(NAMES, 1):
        clock.now += 60
        watched.feed(line(number, 8, name))
    assert watched.seconds_left() == 0
    assert watched.status() == "8 of 8 objects, 8 min so far, linking and packing"


def test_flash_attn_as_it_was_seen():
    """73 objects on 16 cores: what was told at a moment, against what it took in the end."""
    seen = [(90, 1), (216, 5), (366, 15), (547, 26), (665, 35), (771, 43), (1042, 56), (1222, 68), (1363, 73)]
    clock, told = Clock(), {}
    watched = Progress(jobs=16, costs=None, planned=lambda: [f"o{i}.o" for i in range(73)], clock=clock)
    for moment, count in seen:
        clock.now = moment
        for number in range(watched.done + 1, count + 1):
            watched.feed(line(number, 73, f"o{number - 1}"))
        told[count] = moment + watched.seconds_left()
    assert 1000 < told[15] < 1700
    assert 1100 < told[43] < 1600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.6, "60 s"), (119, "119 s"), (150, "2 min"), (7100, "118 min"), (9000, "2.5 h")],
)
def test_times_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_what_is_planned_and_finished_is_read_from_ninjas_files(tmp_path):
    place = tmp_path / "build" / "temp"
    place.mkdir(parents=True)
    (place / "build.ninja").write_text(
        "rule compile\n  command = x\n"
        "build /b/one.o: compile /s/one.cu\n"
        "build /b/with$ space.o: compile /s/two.cu | header\n"
        "build all: phony /b/one.o\n"
    )
    assert edges(tmp_path) == ("/b/one.o", "/b/with space.o")
    assert finished(tmp_path) == frozenset()
    (place / ".ninja_log").write_text("# ninja log v5\n0\t9\t1\t/b/one.o\tab12\n0\t9\t1\t/b/gone.o\tab12\n")
    assert finished(tmp_path) == {"one"}
