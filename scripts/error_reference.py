"""Write docs/reference/errors.md: every code that envfit prints, with its cause and its remedy.

Usage: python scripts/error_reference.py [--check]

With --check nothing is written, and the exit code is 1 where the page is not up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from envfit.api.codes import CodeEntry, CodeOf, code_entries
from envfit.cli.render import exit_code_of

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"

_INTRODUCTION = """\
# Errors, findings and diagnoses

Every code that envfit prints, what it comes from and what to do. `envfit why CODE` shows one entry;
`--json` names the code of an error under `error`. This page is written by `scripts/error_reference.py`
from the code: do not edit it.
"""
_TITLES = {
    CodeOf.ERROR: "Errors: a command could not do what it was asked for",
    CodeOf.FINDING: "Findings of `envfit check`: something is wrong or worth knowing",
    CodeOf.DIAGNOSIS: "Diagnoses of `envfit diagnose`: what a failure text comes from",
}


def page() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    entries = code_entries()
    for kind, title in _TITLES.items():
        of_kind = [entry for entry in entries if entry.of is kind]
        if of_kind:
            yield f"## {title}\n"
            for entry in of_kind:
                yield from _entry(entry)


def _entry(entry: CodeEntry) -> Iterator[str]:
    yield f"### {entry.code}\n"
    if entry.error is not None:
        yield f"{entry.says} Exit code {exit_code_of(entry.error)}.\n"
    if entry.stage is not None:
        yield f"Stage: {entry.stage}.\n"
    yield f"- Cause: {entry.cause}"
    yield f"- Remedy: {entry.remedy}\n"


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
