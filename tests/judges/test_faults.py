"""The table of faults: a representative part of it is run, the page holds what was found, and nothing failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from judges.faults import FILE, Worker, can_mount
from judges.faults_page import PAGE, page
from judges.faults_world import SCENARIOS, CutIndex, make_world
from judges.results import read

QUICK = ("replace", "adopt")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("faults")
    with CutIndex(folder / "index") as index:
        found = Worker(make_world(folder, index, QUICK), mounts=can_mount())
        yield found
        found.close()


def test_the_old_environment_works_and_the_next_run_succeeds(worker: Worker) -> None:
    points, _ = worker.points("adopt")
    switch = [point for point in points if point.step == "switch"]
    (exchange,) = [point for point in switch if point.what == "renameat2"]
    sync = [point for point in points if point.step == "make" and point.event == "subprocess.Popen"][-1]
    cells = [
        ("kill", exchange.at),
        ("kill", exchange.at + 1),  # the directory and the link have changed places, and it has no name yet
        ("SIGTERM", sync.at),
        ("network cut", sync.at),
    ]
    if worker.mounts:
        cells += [("disk full", sync.at), ("read-only", switch[0].at)]
    assert [worker.run("adopt", fault, at=at)[0] for fault, at in cells] == [[]] * len(cells)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", QUICK)
def test_it_does_so_wherever_it_is_killed(worker: Worker, scenario: str) -> None:
    points, _ = worker.points(scenario)
    assert len(points) > 25
    assert [worker.run(scenario, "kill", at=point.at)[0] for point in points] == [[]] * len(points)


def test_the_page_is_up_to_date_and_every_cell_held() -> None:
    results = read(FILE)
    assert set(results) == set(SCENARIOS)
    assert PAGE.read_text(encoding="utf-8") == page(results)
    for found in results.values():
        assert found["wrong"] == []
        assert sum(cell["failed"] for cell in found["cells"]) == 0
        assert {cell["fault"] for cell in found["cells"]} >= {"kill", "disk full", "read-only", "SIGTERM"}
