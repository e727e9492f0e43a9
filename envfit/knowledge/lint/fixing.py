"""Safe fixes applied to the text of files, with comments and layout as they were."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from envfit.knowledge.files import Files
from envfit.knowledge.lint.finding import Edit, Finding

__all__ = ["diff_of", "fixed"]


def fixed(
    files: Files, findings: Sequence[Finding], lint: Callable[[Files], Sequence[Finding]]
) -> tuple[Files, tuple[Finding, ...]]:
    """Return files with what can be mended mended, and what is found in them then.

    All at once if a lint then finds nothing that was not there and less than before, else one
    by one, each kept only if that holds of it.
    """
    mendable = [finding for finding in findings if finding.edit is not None]
    left, done = tuple(findings), files
    for several in (mendable, *([finding] for finding in mendable)):
        if not several or any(finding not in left for finding in several):
            continue
        changed = _with_edits(done, several)
        found = tuple(lint(changed))
        if {_key(finding) for finding in found} < {_key(finding) for finding in left}:
            done, left = changed, found
    return done, left


def _with_edits(files: Files, findings: Sequence[Finding]) -> Files:
    contents = dict(files.contents)
    for finding in findings:
        if finding.edit is not None:
            contents[finding.file] = edited(contents[finding.file].decode(), finding.edit).encode()
    return replace(files, contents=contents)


def _key(finding: Finding) -> tuple[str, ...]:
    return finding.lint, finding.file, finding.place, finding.text


def edited(text: str, edit: Edit) -> str:
    """Return a document with one value changed, and every line that it is not in as it was."""
    import tomlkit

    document = tomlkit.parse(text)
    # tomlkit loses a space here and there: its own text is what tells which lines the edit changed.
    unchanged = tomlkit.dumps(document).splitlines(keepends=True)
    table: Any = document
    for key in edit.keys[:-1]:
        table = table[key]
    table[edit.keys[-1]] = edit.value
    changed = tomlkit.dumps(document).splitlines(keepends=True)
    lines = text.splitlines(keepends=True)
    if len(lines) != len(unchanged):
        return "".join(changed)
    steps = difflib.SequenceMatcher(a=unchanged, b=changed, autojunk=False).get_opcodes()
    return "".join(
        line
        for step, first, last, begin, end in steps
        for line in (lines[first:last] if step == "equal" else changed[begin:end])
    )


def diff_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Return what changed, as a unified diff."""
    lines: list[str] = []
    for file, content in after.items():
        if before[file] != content:
            lines += difflib.unified_diff(
                before[file].decode().splitlines(keepends=True),
                content.decode().splitlines(keepends=True),
                file,
                file,
            )
    return "".join(lines)
