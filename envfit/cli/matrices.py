"""What runs on which GPU: options in, one call, a table, JSON or a page."""

from __future__ import annotations

import json as json_text
import shutil
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envfit import api
from envfit.cli import render
from envfit.cli.progress import Progress
from envfit.matrix.document import matrix_data
from envfit.matrix.layout import MatrixRow, MatrixTable, tables_of
from envfit.matrix.model import Matrix, MatrixCell, Outcome
from envfit.project import parse_exclude_newer

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["matrix"]

_LABEL = 26  # letters of the column at the left, at most
_REASONS = 2  # of a cell, unless all are asked for: what keeps out the newest release, and what the next
_NARROWEST = 40  # letters of a line, however small the terminal is


def matrix(
    *,
    packages: Sequence[str],
    gpus: Sequence[str],
    drivers: Sequence[str],
    python: str | None,
    platform: str | None,
    glibc: str | None,
    html: Path | None,
    build_metadata: bool,
    pre: bool,
    index_url: str | None,
    extra_index_urls: Sequence[str],
    no_index: bool,
    find_links: Sequence[str],
    pytorch_index: bool,
    pytorch_mirror: str | None,
    mirrors: Sequence[str],
    exclude_newer: str | None,
    offline: bool,
    no_build: bool,
    ignore_rules: Sequence[str],
    read_limit: int | None,
    budget: int | None,
    json: bool,
    verbose: bool,
) -> None:
    """Say the newest version of packages that runs on GPUs with drivers, and why not a newer one."""
    request = api.MatrixRequest(
        packages=tuple(packages),
        gpus=tuple(gpus),
        drivers=tuple(drivers),
        python=python,
        platform=platform,
        glibc=glibc,
        build_metadata=build_metadata,
        how=api.LockRequest(
            prereleases=pre,
            index_url=index_url,
            extra_index_urls=tuple(extra_index_urls),
            no_index=no_index,
            find_links=tuple(find_links),
            pytorch_index=pytorch_mirror if pytorch_mirror is not None else ("" if pytorch_index else None),
            mirrors=tuple(mirrors),
            newest_upload=parse_exclude_newer(exclude_newer) if exclude_newer is not None else None,
            offline=offline,
            build=not no_build,
            ignore_rules=tuple(ignore_rules),
            read_limit=read_limit,
            budget=budget,
        ),
    )
    if html is not None:
        api.check_page(html)
    began = time.monotonic()
    with Progress() as progress:
        found = api.matrix(request, notify=progress.talk, watch=progress.watch)
    if html is not None:
        api.write_page(found, html)
    if json:
        # Thousands of cells: one to a line, so that two matrices can be compared line by line.
        print("\n".join(_json_lines(found)))
    elif html is None:
        print("\n".join(_lines(found, verbose=verbose)))
    else:
        print(f"wrote {html}")
    render.talk(
        f"{len(found.cells)} answers from {found.solved} resolutions in {time.monotonic() - began:.0f} s, "
        f"{found.requests} requests, {found.received / 1e6:.1f} MB"
    )


def _json_lines(found: Matrix) -> Iterator[str]:
    """Yield the data, each entry of a list on a line of its own."""
    yield "{"
    data = matrix_data(found)
    for place, (key, value) in enumerate(data.items()):
        comma = "" if place == len(data) - 1 else ","
        if isinstance(value, list) and value:
            yield f' "{key}": ['
            yield ",\n".join(f"  {json_text.dumps(item)}" for item in value)
            yield f" ]{comma}"
        else:
            yield f' "{key}": {json_text.dumps(value)}{comma}'
    yield "}"


# -- tables -------------------------------------------------------------------


def _lines(found: Matrix, *, verbose: bool) -> Iterator[str]:
    width = max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST)
    yield f"Python {found.python}, glibc {found.glibc}; columns are drivers:"
    about = ", ".join(f"{driver.name} (CUDA {driver.cuda})" for driver in found.drivers)
    yield from textwrap.wrap(about, width, initial_indent="  ", subsequent_indent="  ")
    marks: set[str] = set()
    for table in tables_of(found, most=None if verbose else _REASONS):
        yield ""
        yield table.title
        yield from _grid(table, width, marks)
        for note in table.notes:
            yield from _wrapped(f"[{note.number}]", str(note.reason), width)
            if verbose:
                yield from (f"       {evidence}" for evidence in note.reason.evidence)
        if verbose:
            yield from _remarks(table, width)
    legend = [text for mark, text in _MARKS.items() if mark in marks]
    if legend:
        yield ""
        yield from textwrap.wrap("; ".join(legend), width)


_MARKS = {
    "*": "* is compiled where it is installed",
    "!": "! works with a warning, which -v prints",
    "?": "? something is still to be proved where it is installed, which -v prints",
    "-": "- the driver does not drive the GPU",
    "undecided": "undecided: neither found nor proved impossible",
}


def _grid(table: MatrixTable, width: int, marks: set[str]) -> Iterator[str]:
    """Yield the lines of a table, in several parts where its columns do not fit beside each other."""
    shown = [[_cell(cell, numbers, marks) for cell, numbers in row.cells] for row in table.rows]
    labels = [_label(row) for row in table.rows]
    left = max(len(line) for lines in ([table.corner], *labels) for line in lines)
    widths = [
        max(len(title), *(len(row[place]) for row in shown)) for place, title in enumerate(table.columns)
    ]
    for number, part in enumerate(_parts(widths, width - left)):
        if number:
            yield ""
        yield _line(table.corner, left, [(table.columns[place], widths[place]) for place in part])
        yield _line("-" * left, left, [("-" * widths[place], widths[place]) for place in part])
        for lines, row in zip(labels, shown, strict=True):
            yield _line(lines[0], left, [(row[place], widths[place]) for place in part])
            yield from (f"  {line}" for line in lines[1:])


def _parts(widths: Sequence[int], width: int) -> Iterator[list[int]]:
    """Yield the columns that fit beside each other."""
    part: list[int] = []
    taken = 0
    for place, own in enumerate(widths):
        if part and taken + own + 2 > width:
            yield part
            part, taken = [], 0
        part.append(place)
        taken += own + 2
    if part:
        yield part


def _line(label: str, left: int, cells: Iterable[tuple[str, int]]) -> str:
    return f"{label:<{left}}  {'  '.join(f'{text:<{width}}' for text, width in cells)}".rstrip()


def _label(row: MatrixRow) -> list[str]:
    names = [name.replace(" ", "\N{NO-BREAK SPACE}") for name in row.labels]
    lines = textwrap.wrap(", ".join(names), _LABEL, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _cell(cell: MatrixCell, numbers: Sequence[int], marks: set[str]) -> str:
    if cell.outcome is Outcome.IMPOSSIBLE:
        marks.add("-")
        return "-"
    own = [
        mark
        for mark, said in (("*", cell.built), ("!", bool(cell.warnings)), ("?", bool(cell.unproved)))
        if said
    ]
    marks.update(own)
    if cell.outcome is Outcome.UNDECIDED:
        marks.add("undecided")
    text = cell.version or ("none" if cell.outcome is Outcome.REFUSED else "undecided")
    note = f" [{','.join(map(str, numbers))}]" if numbers else ""
    return f"{text}{''.join(own)}{note}"


def _wrapped(mark: str, text: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        width,
        initial_indent=f"{mark:<5}",
        subsequent_indent=" " * 5,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _remarks(table: MatrixTable, width: int) -> Iterator[str]:
    cells = [cell for row in table.rows for cell, _ in row.cells]
    for what, texts in (
        ("not driven", table.not_driven),
        ("warning", dict.fromkeys(text for cell in cells for text in cell.warnings)),
        ("still to be proved", dict.fromkeys(text for cell in cells for text in cell.unproved)),
        ("another index has a newer build", dict.fromkeys(text for cell in cells for text in cell.better)),
    ):
        for text in texts:
            yield from textwrap.wrap(f"{what}: {text}", width, subsequent_indent="  ")
