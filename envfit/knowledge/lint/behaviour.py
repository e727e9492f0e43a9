"""Rules against the examples: what changes nothing, and what objects to what works."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from envfit.knowledge.lint.finding import Edit, Finding, Level
from envfit.knowledge.lint.subject import Judged, Subject
from envfit.knowledge.query import is_built_in

__all__ = ["find_dead_rules", "find_wrong_examples"]


def find_dead_rules(subject: Subject) -> Iterator[Finding]:
    """Find rules that change no example."""
    changed: dict[str, list[Judged]] = {}
    for judged in subject.judged:
        for name in judged.rules:
            changed.setdefault(name, []).append(judged)
    for rule in subject.knowledge.rules:
        if rule.id not in changed:
            yield Finding(
                lint="dead-rule",
                level=Level.ERROR,
                file=rule.file,
                place=rule.id,
                text="No example breaks it, so nothing shows what it changes: write an [[example]] whose "
                f'breaks is ["{rule.id}"].',
            )
            continue
        judged = changed[rule.id][0]
        left = subject.objections(judged.example, frozenset({rule.id}))
        if any(item.origin.rule == rule.id for item in left):
            yield Finding(
                lint="dead-rule",
                level=Level.ERROR,
                file=rule.file,
                place=rule.id,
                text=f"It objects to {judged.path} of {judged.file} even when it is left out.",
            )


def find_wrong_examples(subject: Subject) -> Iterator[Finding]:
    """Find examples that are not as they say, and rules that object to what works."""
    known = frozenset(rule.id for rule in subject.knowledge.rules)
    for judged in subject.judged:
        if judged.error is not None:
            hints = f" ({judged.error.hints[0]})" if judged.error.hints else ""
            yield _at(judged, "example-machine", f"Its machine cannot be: {judged.error.message}{hints}.")
            continue
        yield from _wrong_ids(judged, known)
        if judged.example.breaks:
            for rule in judged.example.breaks:
                if rule not in judged.rules and (rule in known or is_built_in(rule)):
                    yield _at(judged, "example-breaks-not", _nothing_objects(judged, rule))
        else:
            for item in judged.objections:
                what = "This set is said to work" if judged.example.evidence else "It has no breaks"
                yield _at(judged, "over-strict", f"{what}, and {item.origin.rule} objects: {item.origin.why}")


def _nothing_objects(judged: Judged, rule: str) -> str:
    others = ", ".join(sorted(judged.rules))
    return f"{rule} does not object to it; " + (f"what does is {others}." if others else "nothing does.")


def _wrong_ids(judged: Judged, known: frozenset[str]) -> Iterator[Finding]:
    for position, rule in enumerate(judged.example.breaks):
        if rule in known or is_built_in(rule):
            continue
        near = difflib.get_close_matches(rule, sorted({*known, *judged.rules}), n=2, cutoff=0.85)
        edit = None
        if len(near) == 1 and near[0] in judged.rules:
            edit = Edit(keys=(*keys_of(judged.path), "breaks", position), value=near[0])
        meant = f"; {' or '.join(near)} is near" if near else ""
        yield _at(judged, "example-rule", f"There is no rule {rule}{meant}.", edit)


def _at(judged: Judged, lint: str, text: str, edit: Edit | None = None) -> Finding:
    return Finding(lint=lint, level=Level.ERROR, file=judged.file, place=judged.path, text=text, edit=edit)


def keys_of(path: str) -> tuple[str | int, ...]:
    """Return the keys that a path such as ``example[0]`` stands for."""
    keys: list[str | int] = []
    for part in path.split("."):
        match = re.fullmatch(r"([^\[]+)((?:\[\d+\])*)", part)
        if match is None:
            return (path,)
        keys.append(match[1])
        keys += [int(number) for number in re.findall(r"\d+", match[2])]
    return tuple(keys)
