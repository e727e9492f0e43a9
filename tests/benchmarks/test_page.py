import xml.etree.ElementTree as ET

import pytest

from benchmarks.page import main, measured_part, written_into
from benchmarks.plot import dots, lines
from benchmarks.results import Summary, write

SVG = "{http://www.w3.org/2000/svg}"


def a_run(tool, wall, *, counts=True, **more):
    return {
        "world": "small",
        "tool": tool,
        "caches": "cold",
        "delay": 20.0,
        "sidecars": True,
        "cost": {"wall": wall, "cpu": wall, "peak": 1 << 26},
        "requests": 10,
        "bytes": 1000,
        "counts": counts,
        "why_not": [] if counts else ["did not end"],
        "declared": {},
        **more,
    }


MACHINE = {"cpu": "a CPU", "cores": 2, "memory": 1 << 34, "system": "Linux", "python": "3.11.7"}
COMPARED = {
    "date": "2026-01-01",
    "machine": MACHINE,
    "versions": {"uv": "1.0"},
    "runs": [a_run("envfit", 1.0), a_run("envfit", 3.0), a_run("uv", 4.0), a_run("pip", 1.0, counts=False)],
}
GROWN = {
    "date": "2026-01-01",
    "machine": MACHINE,
    "growth": [a_run("envfit", size / 10, packages=size) for size in (10, 20, 50, 100)],
}


def test_the_measured_part():
    part, plots = measured_part([COMPARED, GROWN])
    assert "a CPU, 2 cores, 16 GiB, Linux, CPython 3.11.7; uv 1.0." in part
    assert "| cold, 20 ms | envfit | 2.00 s (1.00 s to 3.00 s) |" in part
    assert "|  | uv | 4.00 s | 4.00 s | 64 MiB | 10 | 0.00 MB | 0.50 / 0.50 |  |" in part
    assert "|  | pip | did not end |" in part
    assert "| envfit, cold | 1.00 | 2.00 | 5.00 | 10.00 | 1.00 |" in part
    assert sorted(plots) == ["growth-packages-cpu.svg", "growth-packages-peak.svg", "performance.svg"]
    assert all(f"({name})" in part for name in plots)
    columns = {line.count("|") for line in part.splitlines() if line.startswith("|") and "world" not in line}
    assert len(columns) == 2  # one kind of table each


def test_only_the_measured_part_of_a_page_is_replaced():
    page = written_into("# Performance\n\nBefore.\n", "one\n")
    page = page + "\nAfter.\n"
    again = written_into(page, "two\n")
    assert again == page.replace("one\n", "two\n")
    with pytest.raises(ValueError, match="no line"):
        written_into(page.replace("<!-- end of what was measured -->", ""), "two\n")


def test_the_page_is_written_with_its_plots(tmp_path):
    write(tmp_path / "results.json", COMPARED)
    assert main([str(tmp_path / "results.json"), "-o", str(tmp_path / "docs" / "performance.md")]) == 0
    assert "![" in (tmp_path / "docs" / "performance.md").read_text()
    ET.parse(tmp_path / "docs" / "performance.svg")


def test_dots_are_in_order_of_their_values():
    rows = {
        "world <1>": {
            name: Summary(median=value, least=value, most=value, runs=1)
            for name, value in (("a", 1.0), ("b", 10.0))
        }
    }
    tree = ET.fromstring(dots("Time", rows, unit="s"))
    places = {dot.find(f"{SVG}title").text: float(dot.get("cx")) for dot in tree.iter(f"{SVG}circle")}
    assert places["world <1>, a: 1 s"] < places["world <1>, b: 10 s"]


def test_what_is_linear_is_a_straight_curve():
    tree = ET.fromstring(
        lines("Growth", {"a": {10: 1.0, 100: 10.0, 1000: 100.0}}, across="packages", unit="s")
    )
    ((first, second, third),) = (
        [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
        for curve in tree.iter(f"{SVG}polyline")
    )
    assert second[0] - first[0] == pytest.approx(third[0] - second[0], abs=0.2)
    assert second[1] - first[1] == pytest.approx(third[1] - second[1], abs=0.2)
    assert third[1] < first[1]
