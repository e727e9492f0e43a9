"""Answers become cells, tables, data and a page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from envfit.errors import TargetImpossibleError, UndecidedError
from envfit.matrix.answer import refusal_of
from envfit.matrix.document import matrix_data
from envfit.matrix.layout import tables_of
from envfit.matrix.model import Outcome
from envfit.matrix.page import page_of
from tests.matrix.small_matrix import DRIVERS, GPUS, small_matrix

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "matrix-schema.json"


def test_a_cell_knows_whether_it_is_the_newest():
    matrix = small_matrix()
    assert [package.newest for package in matrix.packages] == ["2.15.0", "2.8.3"]
    assert matrix.cell(0, 0, 0).outcome is Outcome.OLDER
    assert matrix.cell(0, 1, 1).outcome is Outcome.NEWEST
    assert matrix.cell(1, 0, 1).outcome is Outcome.REFUSED


def test_cells_are_found_by_their_places():
    matrix = small_matrix()
    for package, asked in enumerate(matrix.packages):
        for gpu, model in enumerate(GPUS):
            for driver, branch in enumerate(DRIVERS):
                cell = matrix.cell(package, gpu, driver)
                assert (cell.package, cell.gpu, cell.driver) == (asked.requirement, model.name, branch.name)


def test_an_older_release_without_a_reason_says_so():
    cell = small_matrix().cell(1, 2, 1)
    assert (cell.outcome, cell.version) == (Outcome.OLDER, "2.7.0")
    assert "no single reason" in cell.reasons[0].why


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TargetImpossibleError("no", details={"evidence": "a page"}), Outcome.IMPOSSIBLE),
        (UndecidedError("not decided: too much"), Outcome.UNDECIDED),
    ],
)
def test_an_error_is_an_answer(error, outcome):
    answer = refusal_of(error)
    assert answer.refusal is outcome
    assert [reason.why for reason in answer.reasons] == [error.message]
    assert answer.reasons[0].evidence == tuple(error.details.values())


def test_drivers_that_make_no_difference_are_one_column():
    first, second = tables_of(small_matrix())
    assert first.title == "torch (newest release 2.15.0)"
    assert first.columns == ("535", "580", "595")
    assert [row.labels for row in first.rows] == [("V100",), ("H100",), ("GB10",)]
    numbers = {note.number: note.reason.rule for note in first.notes}
    assert numbers == {1: "cuda/13-driver", 2: "torch/device-code"}
    assert [numbers for _, numbers in first.rows[0].cells] == [(1,), (2, 1), ()]
    assert second.not_driven == ("driver 595 starts at capability 7.5",)


def test_reasons_of_a_cell_can_be_bounded():
    first = next(tables_of(small_matrix(), most=1))
    assert [numbers for _, numbers in first.rows[0].cells] == [(1,), (2,), ()]


def test_data_is_as_its_schema_says_and_shares_reasons():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    data = json.loads(json.dumps(matrix_data(small_matrix())))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
    assert len(data["cells"]) == 18
    assert [reason["rule"] for reason in data["reasons"]].count("cuda/13-driver") == 1
    held = data["cells"][1]
    assert [data["reasons"][place]["rule"] for place in held["reasons"]] == [
        "torch/device-code",
        "cuda/13-driver",
    ]
    built = next(cell for cell in data["cells"] if "unproved" in cell)
    assert data["remarks"][built["unproved"][0]] == "nvcc is there"
    assert not Draft202012Validator(schema).is_valid({**data, "more": 1})


class _Page(HTMLParser):
    """What stands in a page: tags, ids, and where links lead."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.addresses = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        if (values.get("href") or "").startswith("#"):
            self.links.append(values["href"][1:])
        self.addresses += [value for name, value in attrs if name in {"src", "href", "srcset", "action"}]


def test_the_page_is_whole_without_javascript_and_needs_nothing_else():
    text = page_of(small_matrix())
    page = _Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert set(page.links) <= set(page.ids)
    assert len(page.links) >= 18
    assert all(address.startswith("#") for address in page.addresses)
    assert "://" not in re.sub(r"<li id=\"e\d+\">.*", "", text)
    assert "%%" not in text
    scopes = [values.get("scope") for tag, values in page.tags if tag == "th"]
    assert scopes.count("col") == 3 * 4
    assert scopes.count("row") == 3 * 2
    assert "It needs driver 580.65.06 or newer. <code>cuda/13-driver</code>" in text


def test_the_page_escapes_what_comes_from_outside():
    text = page_of(small_matrix())
    assert "<script>alert" not in text
    assert "no wheel &lt;/script&gt;" in text
    assert "<b>bold</b>" not in text
