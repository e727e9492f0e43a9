"""What is known, told: of packages, and of one rule."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from envfit.api.knowing import load_knowledge
from envfit.errors import InputError
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.overview import Overview, overview_of, subjects_of
from envfit.knowledge.story import BuiltIn, RuleStory, built_in, near_rules, story_of
from envfit.knowledge.symptom import Symptom
from envfit.project import rules_of

__all__ = ["meant_otherwise", "overview", "story"]


def overview(names: Sequence[str], base: KnowledgeBase) -> Overview:
    """Return what is known, of some names only where there are any; raises InputError on an unknown one."""
    everything = overview_of(base)
    if not names:
        return everything
    chosen = {}
    for name in names:
        found = subjects_of(everything, canonicalize_name(name))
        if not found:
            near = difflib.get_close_matches(name, [known.name for known in everything.subjects], n=5)
            raise InputError(
                f"nothing is known of {name!r}",
                hints=[
                    *([f"near: {', '.join(near)}"] if near else []),
                    f"begin with it: envfit knowledge new {canonicalize_name(name)}",
                ],
            )
        chosen.update({known.name: known for known in found})
    return replace(everything, subjects=tuple(chosen.values()))


def meant_otherwise(word: str, base: KnowledgeBase) -> tuple[str, ...]:
    """Return what else a word may mean that names no package here, as sentences."""
    from envfit.api.codes import code_entries

    hints = []
    if any(rule.id.startswith(f"{word}/") for rule in base.rules):
        hints.append(f"there are rules about {word}: envfit knowledge list {word}")
    codes = [entry.code for entry in code_entries()]
    near = difflib.get_close_matches(word, codes, n=2, cutoff=0.8)
    hints += [f"a code is near: envfit why {code}" for code in near]
    return tuple(hints)


def story(word: str, directory: Path, base: KnowledgeBase) -> RuleStory | BuiltIn | Symptom:
    """Return what a rule says, proves and changes, or a symptom; raises InputError on what is no id.

    ``base`` serves where the project in ``directory`` adds no rules.
    """
    if "/" not in word:
        raise InputError(
            f"{word!r} is no id of a rule",
            hints=[
                "envfit why takes what is in brackets after a reason, such as cuda-13-runtime/driver",
                f"all that is known of a package: envfit knowledge list {word}",
            ],
        )
    sites = rules_of(directory / "pyproject.toml")
    knowledge = load_knowledge(sites) if sites else base
    rule = next((rule for rule in knowledge.rules if rule.id == word), None)
    if rule is not None:
        return story_of(rule, knowledge)
    verdict = built_in(word, knowledge)
    if verdict is not None:
        return verdict
    symptom = next((symptom for symptom in knowledge.symptoms if symptom.id == word), None)
    if symptom is not None:
        return symptom
    near = near_rules(word, knowledge)
    raise InputError(f"there is no rule {word!r}", hints=[f"near: {', '.join(near)}"] if near else [])
