"""Write the results of the corpus as a page: ``python -m judges.corpus_page``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from judges.corpus import holds
from judges.inputs import Corpus, GpuTarget, Input, read_corpus
from judges.results import RESULTS, read

__all__ = ["main", "page"]

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "corpus.md"

_HEAD = """\
# Real inputs, judged from outside

Written by `python -m judges.corpus_page` from `judges/results/`; not to be edited.

    python -m judges.corpus              # locks every pair of judges/corpus.toml, and has the answers judged
    python -m judges.without_hardware    # reads the wheels that uv, which knows no hardware, would install

Both use the package index that is configured, so the answers are those of the day of the run.

## Locks
"""

_JUDGED = """
A lock stands where `uv pip sync --dry-run` and `pip install --dry-run` take the file as it is, and where
uv, given the lock's pins as constraints, resolves the same input to the same set of packages. A refusal
stands where uv finds no solution either once envfit's reasons are imposed as constraints, and finds one
once they are lifted; what metadata says is not imposed, uv reads it itself. Packages that a lock leaves
to be compiled are stated to uv, not built.

{stood} of {all} answers stood.
"""

_HARDWARE = """
## What cannot run

Each wheel over 1 MB that is built for a platform was downloaded and read: ELF headers, and NVIDIA's
`cuobjdump` on every library with a `.nv_fatbin` section; envfit's `constraints/` play no part. A library
has no code for a GPU where none of its images runs on it, by NVIDIA's rules for machine code and PTX; it
needs a newer driver where it is, or links, a library of a newer CUDA major version, or has only PTX of a
newer CUDA. A cell counts the wheels of which no library that is about GPUs can run, out of those with
such libraries, and names the most important ones; `judges/results/without-hardware.json` says why, and
which wheels fail in part only.

This accuses late: one image is taken for the whole library, and code that `cuobjdump` does not see (or
stops at) is not judged. But whether a program would miss a library is not known: torchao's two, say, hold
machine code for capability 9.0 and 10.0 alone, and what else torchao does is not in them.

"""


def page(corpus: Corpus, answers: Mapping[str, Any], wheels: Mapping[str, Any]) -> str:
    """Return the page."""
    everywhere = [item for item in corpus.inputs if not item.targets]
    pinned = [item for item in corpus.inputs if item.targets]
    lines = [_HEAD]
    lines += _grid(corpus, everywhere, {key: _answer(entry) for key, entry in answers.items()})
    lines += ["", "Pins that some machine cannot serve:", ""]
    for item, target in corpus.pairs(inputs=tuple(item.name for item in pinned)):
        entry = answers.get(f"{item.name} / {target.name}")
        because = "; ".join(entry["because"][:2]) if entry and entry["outcome"] == "refused" else ""
        asked = " ".join(item.requirements)
        lines.append(f"- `{asked}`, {target.name}: {_answer(entry)}{': ' if because else ''}{because}")
    judged = [entry for key, entry in answers.items() if key in set(_keys(corpus))]
    lines.append(_JUDGED.format(stood=sum(map(holds, judged)), all=len(judged)).rstrip())
    lines.append(_HARDWARE.rstrip() + "\n")
    for who, title in (("uv", "Of what uv would install:"), ("envfit", "Of what envfit locked:")):
        lines += [title, ""]
        judgements = {key: entry.get(who) for key, entry in wheels.items()}
        lines += _grid(corpus, everywhere, {key: _wheels(found) for key, found in judgements.items()})
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _grid(corpus: Corpus, inputs: Sequence[Input], cells: Mapping[str, str]) -> Iterable[str]:
    yield f"| input | {' | '.join(f'{target.name}, {target.driver}' for target in corpus.targets)} |"
    yield f"| --- | {' | '.join('---' for _ in corpus.targets)} |"
    for item in inputs:
        row = (cells.get(_key(item, target), "not run") for target in corpus.targets)
        yield f"| {item.name} | {' | '.join(row)} |"


def _key(item: Input, target: GpuTarget) -> str:
    return f"{item.name} / {target.name}"


def _keys(corpus: Corpus) -> Iterable[str]:
    return (_key(item, target) for item, target in corpus.pairs())


def _answer(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not run"
    text = str(entry["outcome"])
    if text == "solved":
        text = ", ".join(f"{name} {version}" for name, version in entry["versions"].items())
    return text if holds(entry) else f"{text} (a judge disagrees)"


def _wheels(judgement: Mapping[str, Any] | None) -> str:
    if judgement is None:
        return "not run"
    if judgement.get("says"):
        return "no answer"
    names = sorted((text.partition(":")[0] for text in judgement["cannot"]), key=_unlike_a_library)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    listed = f": {', '.join(names[:3])}{more}" if names else ""
    return f"{len(names)} of {judgement['judged']}{listed}"


def _unlike_a_library(name: str) -> tuple[bool, bool, str]:
    return (name.startswith(("nvidia-", "cuda-")), not name.startswith("torch "), name)


def main() -> int:
    """Write the page."""
    answers, wheels = read(RESULTS / "corpus.json"), read(RESULTS / "without-hardware.json")
    _PAGE.write_text(page(read_corpus(), answers, wheels), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
