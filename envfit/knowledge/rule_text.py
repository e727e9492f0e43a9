"""A rule changed in the text of its file, with every other character as it was."""

from __future__ import annotations

import json
import re
from datetime import date

__all__ = ["with_newer_end"]


def with_newer_end(
    text: str,
    rule: str,
    *,
    before: str,
    after: str,
    source: str,
    sha256: str,
    locator: str,
    checked: date,
) -> str | None:
    """Return a file's text in which a rule ends later, with the artifact that proves it as evidence.

    ``before`` and ``after`` are where its range ends, such as ``<=0.0.34``.  None where the rule
    is not written as people write rules: a line for ``applies`` and a list of evidence.
    """
    start = re.search(rf'^id\s*=\s*"{re.escape(rule)}"\s*$', text, re.MULTILINE)
    if start is None:
        return None
    following = re.search(r"^\[", text[start.end() :], re.MULTILINE)
    end = start.end() + following.start() if following is not None else len(text)
    begin = text.rfind("\n[[", 0, start.start()) + 1
    block = text[begin:end]
    versions = re.compile(rf'(versions\s*=\s*"[^"\n]*){re.escape(before)}(?=[,"\s])')
    evidence = re.compile(r"(^evidence\s*=\s*\[.*?)(,?)(\s*)\](?=\s*$)", re.MULTILINE | re.DOTALL)
    if len(versions.findall(block)) != 1 or len(evidence.findall(block)) != 1:
        return None
    entry = (
        f'{{ kind = "artifact", source = {json.dumps(source)}, sha256 = "{sha256}", '
        f"locator = {json.dumps(locator, ensure_ascii=False)}, checked = {checked.isoformat()} }}"
    )
    block = versions.sub(lambda match: match[1] + after, block)
    block = evidence.sub(
        lambda match: f"{match[1]},\n  {entry},\n]" if "\n" in match[3] else f"{match[1]}, {entry}]",
        block,
    )
    return text[:begin] + block + text[end:]
