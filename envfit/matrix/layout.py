"""A matrix as tables for a terminal: what makes no difference is one row or one column."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from envfit.frozen import frozen
from envfit.matrix.model import Matrix, MatrixCell, MatrixReason, Outcome

__all__ = ["MatrixNote", "MatrixRow", "MatrixTable", "tables_of"]

T = TypeVar("T")


@frozen
class MatrixNote:
    """A footnote: its number, and the reason that it gives."""

    number: int
    reason: MatrixReason


@frozen
class MatrixRow:
    """What stands at the left, and the cells beside it, each with the numbers of its footnotes."""

    labels: tuple[str, ...]
    cells: tuple[tuple[MatrixCell, tuple[int, ...]], ...]


@frozen
class MatrixTable:
    """One table: rows by what they are, columns by driver."""

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    notes: tuple[MatrixNote, ...]
    not_driven: tuple[str, ...]  # why a driver does not drive a GPU, for each two of them


def tables_of(matrix: Matrix, *, most: int | None = None) -> Iterator[MatrixTable]:
    """Yield a table of GPUs for each package; of one GPU, one table of packages.

    ``most`` bounds the reasons of a cell, that of the newest release first.
    """
    places = range(len(matrix.drivers))
    if len(matrix.gpus) == 1:
        gpu = matrix.gpus[0]
        grid: list[tuple[tuple[str, ...], Sequence[MatrixCell]]] = [
            ((package.requirement,), [matrix.cell(row, 0, place) for place in places])
            for row, package in enumerate(matrix.packages)
        ]
        yield _table(
            matrix, f"{gpu.name} (capability {gpu.capability}, {gpu.platform})", "package", grid, most
        )
        return
    for number, package in enumerate(matrix.packages):
        rows = [
            (gpu.name, [matrix.cell(number, row, place) for place in places])
            for row, gpu in enumerate(matrix.gpus)
        ]
        grid = [
            (tuple(name for name, _ in alike), alike[0][1])
            for alike in _runs(rows, lambda row: tuple(map(_essence, row[1])))
        ]
        newest = f"newest release {package.newest}" if package.newest else "no release runs on any of these"
        yield _table(matrix, f"{package.requirement} ({newest})", "GPU", grid, most)


def _table(
    matrix: Matrix,
    title: str,
    corner: str,
    grid: Sequence[tuple[tuple[str, ...], Sequence[MatrixCell]]],
    most: int | None,
) -> MatrixTable:
    columns = list(
        _runs(range(len(matrix.drivers)), lambda place: tuple(_essence(cells[place]) for _, cells in grid))
    )
    numbers: dict[MatrixReason, int] = {}

    def noted(cell: MatrixCell) -> tuple[MatrixCell, tuple[int, ...]]:
        if cell.outcome is Outcome.IMPOSSIBLE:
            return cell, ()
        reasons = cell.reasons[:most]
        return cell, tuple(numbers.setdefault(reason, len(numbers) + 1) for reason in reasons)

    rows = tuple(
        MatrixRow(labels=labels, cells=tuple(noted(cells[alike[0]]) for alike in columns))
        for labels, cells in grid
    )
    return MatrixTable(
        title=title,
        corner=corner,
        columns=tuple(_span([matrix.drivers[place].name for place in alike]) for alike in columns),
        rows=rows,
        notes=tuple(MatrixNote(number=number, reason=reason) for reason, number in numbers.items()),
        not_driven=tuple(
            dict.fromkeys(
                str(reason)
                for _, cells in grid
                for cell in cells
                if cell.outcome is Outcome.IMPOSSIBLE
                for reason in cell.reasons
            )
        ),
    )


def _essence(cell: MatrixCell) -> Hashable:
    """Return what makes a difference to a reader; why a driver drives a GPU not at all makes none."""
    return Outcome.IMPOSSIBLE if cell.outcome is Outcome.IMPOSSIBLE else cell.answer


def _runs(items: Iterable[T], key: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """Yield neighbours that have the same key."""
    run: list[T] = []
    for item in items:
        if run and key(item) != key(run[0]):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}{', ' if len(names) == 2 else ' to '}{names[-1]}"
