"""A matrix as one page that needs nothing else: whole without JavaScript, which filters, sorts and tells."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from html import escape
from pathlib import Path

from envfit.matrix.model import Matrix, MatrixCell, MatrixDriver, MatrixGpu, Outcome

__all__ = ["page_of"]

_CLASSES = {
    Outcome.NEWEST: "n",
    Outcome.OLDER: "o",
    Outcome.REFUSED: "r",
    Outcome.IMPOSSIBLE: "i",
    Outcome.UNDECIDED: "u",
}
# What stands in a cell where no version does, and what is read aloud after one.
_NO_VERSION = {Outcome.REFUSED: "none", Outcome.IMPOSSIBLE: "not driven", Outcome.UNDECIDED: "undecided"}
_ALOUD = {Outcome.NEWEST: " newest", Outcome.OLDER: " not the newest"}


def page_of(matrix: Matrix) -> str:
    """Return the page as text; everything that comes from outside is escaped."""
    notes = _Notes()
    tables = "\n".join(_section(matrix, place, notes) for place in range(len(matrix.drivers)))
    parts = {
        "RESTS": escape(
            f"Python {matrix.python}, glibc {matrix.glibc}, indexes as of {matrix.day}, "
            f"knowledge {matrix.knowledge_version}."
        ),
        "TABLES": tables,
        "NOTES": "\n".join(notes.items()),
        "EVIDENCE": "\n".join(notes.evidence()),
        "AXES": _in_script(_axes(matrix)),
    }
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    # In one pass: what is filled in is not looked at again.
    return re.sub(r"%%([A-Z]+)%%", lambda found: parts[found.group(1)], template)


def _section(matrix: Matrix, place: int, notes: _Notes) -> str:
    driver = matrix.drivers[place]
    name = escape(driver.name)
    heads = "".join(_head(gpu) for gpu in matrix.gpus)
    rows = "\n".join(_row(matrix, number, place, notes) for number in range(len(matrix.packages)))
    return (
        f'<section class="driver" aria-labelledby="d{place}"><h2 id="d{place}">Driver {name} '
        f"<small>{escape(_about(driver))}</small></h2>\n"
        f'<div class="scroll" role="region" aria-labelledby="d{place}" tabindex="0"><table>'
        f'<caption class="unseen">The newest release of each package that runs with driver {name}, by GPU'
        f'</caption>\n<thead><tr><th scope="col">Package</th>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div></section>"
    )


def _about(driver: MatrixDriver) -> str:
    version = f"{driver.version}, " if driver.version != driver.name else ""
    support = "" if driver.supported else "; NVIDIA no longer supports this branch"
    return f"{version}supports CUDA {driver.cuda}{support}"


def _head(gpu: MatrixGpu) -> str:
    arm = "" if gpu.platform == "linux-x86_64" else f", {gpu.platform.removeprefix('linux-')}"
    about = f"{gpu.architecture} {gpu.capability}{arm}".strip()
    return f'<th scope="col">{escape(gpu.name)}<small>{escape(about)}</small></th>'


def _row(matrix: Matrix, number: int, place: int, notes: _Notes) -> str:
    package = matrix.packages[number]
    newest = f"<small>newest {escape(package.newest)}</small>" if package.newest else ""
    cells = "".join(_cell(matrix.cell(number, gpu, place), notes) for gpu in range(len(matrix.gpus)))
    name = escape(package.requirement)
    return f'<tr data-row="{number}"><th scope="row" data-name="{name}">{name}{newest}</th>{cells}</tr>'


def _cell(cell: MatrixCell, notes: _Notes) -> str:
    text = escape(cell.version or _NO_VERSION[cell.outcome])
    marks = "".join(
        f"<sup>{mark}</sup>"
        for mark, said in (("*", cell.built), ("!", bool(cell.warnings)), ("?", bool(cell.unproved)))
        if said
    )
    aloud = f"<i>{_ALOUD[cell.outcome]}</i>" if cell.outcome in _ALOUD else ""
    return (
        f'<td class="{_CLASSES[cell.outcome]}"><a href="#n{notes.number(cell)}">{text}{marks}{aloud}</a></td>'
    )


class _Notes:
    """What cells say beyond their version, each once, and the evidence for it, each once."""

    def __init__(self) -> None:
        self._cells: dict[Hashable, tuple[int, MatrixCell]] = {}
        self._evidence: dict[str, int] = {}

    def number(self, cell: MatrixCell) -> int:
        """Return the number of the note of a cell."""
        key = (cell.reasons, cell.warnings, cell.unproved, cell.better, cell.built)
        return self._cells.setdefault(key, (len(self._cells), cell))[0]

    def items(self) -> Iterator[str]:
        """Yield every note."""
        for number, cell in self._cells.values():
            said = "".join(self._parts(cell)) or "<p>Nothing is held against it.</p>"
            yield f'<li id="n{number}">{said}</li>'

    def evidence(self) -> Iterator[str]:
        """Yield all evidence that notes refer to; they come first."""
        for text, number in self._evidence.items():
            yield f'<li id="e{number}">{escape(text)}</li>'

    def _parts(self, cell: MatrixCell) -> Iterator[str]:
        for reason in cell.reasons:
            about = f"<b>{escape(reason.about)}</b> " if reason.about else ""
            rule = f" <code>{escape(reason.rule)}</code>" if reason.rule else ""
            proof = "".join(
                f' <a href="#e{self._evidence.setdefault(text, len(self._evidence))}">evidence</a>'
                for text in reason.evidence[:1]
            )
            yield f"<p>{about}{escape(reason.why)}{rule}{proof}</p>"
        if cell.built:
            yield "<p><b>Compiled</b> where it is installed</p>"
        for what, texts in (
            ("Warning", cell.warnings),
            ("Still to be proved", cell.unproved),
            ("Another index has a newer build", cell.better),
        ):
            yield from (f"<p><b>{what}</b> {escape(text)}</p>" for text in texts)


def _axes(matrix: Matrix) -> dict[str, object]:
    """Return what the script needs besides the tables."""
    supported = [place for place, driver in enumerate(matrix.drivers) if driver.supported]
    minor = ".".join(matrix.python.split(".")[:2])
    return {
        "gpus": [
            {
                "name": gpu.name,
                "asked": gpu.name.removeprefix("capability "),
                "capability": gpu.capability,
                "platform": gpu.platform,
                "own": gpu.own_platform,
            }
            for gpu in matrix.gpus
        ],
        "drivers": [
            {"name": driver.name, "version": driver.version, "cuda": driver.cuda} for driver in matrix.drivers
        ],
        "shown": supported[0] if supported else len(matrix.drivers) - 1,
        "options": f" --python {minor} --glibc {matrix.glibc}",
    }


def _in_script(data: object) -> str:
    """Return JSON that no HTML parser takes for markup."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
