"""What one rule says, what proves it, and what it changes."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence

from envfit.errors import EnvfitError
from envfit.frozen import frozen
from envfit.knowledge.model import Example, KnowledgeBase, Rule
from envfit.knowledge.objections import Objection, example_target, object_to
from envfit.knowledge.query import Query, is_built_in
from envfit.target import Target

__all__ = ["BuiltIn", "Change", "RuleStory", "built_in", "near_rules", "story_of"]


@frozen
class Change:
    """An example in which a rule objects, and what objects with and without it."""

    example: Example
    target: Target
    objections: tuple[Objection, ...]
    without: tuple[Objection, ...]


@frozen
class RuleStory:
    """A rule and the examples that it changes."""

    rule: Rule
    changes: tuple[Change, ...]


@frozen
class BuiltIn:
    """A verdict that no rule states: what it says, and where what it rests on comes from."""

    id: str
    says: str
    rests_on: str
    where: str  # in the constraints directory


_VERDICTS = {
    "cuda-runtime": (
        "The build of {name} brings the CUDA runtime that it was built with, and others must agree.",
        "The CUDA version is read in the wheel, or known of the kind of build that its label names.",
        "derived/{name}.toml, and [[index_build]] in packages/{name}.toml",
    ),
    "device-code": (
        "The GPU code of {name} must run on every GPU in use, or be PTX that the driver can compile.",
        "The architectures are read in the wheel; its file says which libraries count, and when.",
        "derived/{name}.toml, and [[own_code]] in packages/{name}.toml",
    ),
    "linked-runtime": (
        "Libraries of {name} are linked with one major version of the CUDA runtime: torch must bring it.",
        "What a library is linked with is read in the wheel; runtime_from says whose runtime is loaded.",
        "derived/{name}.toml, and [[own_code]] in packages/{name}.toml",
    ),
    "no-gpu-code": (
        "A build of {name} without GPU code is no answer on a machine with a GPU.",
        "That there is none is read in the wheel; gpu_builds says that other builds have some.",
        "derived/{name}.toml, and packages/{name}.toml",
    ),
    "no-recipe": (
        "{name} has only a source distribution there, and how to build it for a GPU is not known.",
        "The index lists no wheel, and no [[source_build]] is about the release.",
        "packages/{name}.toml",
    ),
    "prebuilt": (
        "A prebuilt wheel of {name} needs the torch, CUDA runtime and C++ ABI that it was compiled for.",
        "Its name on the release page says what it was compiled for.",
        "packages/{name}.toml, [[prebuilt]]",
    ),
    "provided": (
        "A module provides {name}, and what its build is for is not known, or only in part.",
        "What was read in the module's own files, and the wheel of the same release.",
        "derived/{name}.toml",
    ),
}


def story_of(rule: Rule, knowledge: KnowledgeBase) -> RuleStory:
    """Return a rule with every example that it objects to."""
    changes = []
    for example in knowledge.examples:
        if rule.id not in example.breaks and not _is_about(rule, example):
            continue
        try:
            target = example_target(example, knowledge)
        except EnvfitError:
            continue  # a machine that cannot be, which is for the lints to say
        installed = dict(example.installed)
        found = object_to(Query(knowledge, target), installed, built=example.built)
        if any(item.origin.rule == rule.id for item in found):
            without = object_to(
                Query(knowledge, target, ignored=frozenset({rule.id})), installed, built=example.built
            )
            changes.append(Change(example=example, target=target, objections=found, without=without))
    return RuleStory(rule=rule, changes=tuple(changes))


def built_in(rule: str, knowledge: KnowledgeBase) -> BuiltIn | None:
    """Return what an id of a verdict means that no rule states; None where it is no such id."""
    if not is_built_in(rule):
        return None
    name, _, what = rule.partition("/")
    if name == "cuda":
        major = what.removesuffix("-driver")
        runtime = knowledge.runtimes.get(int(major)) if major.isdigit() else None
        if runtime is None or what == major:
            return None
        return BuiltIn(
            id=rule,
            says=f"Whatever was built with CUDA {major} needs driver {runtime.driver} or newer.",
            rests_on="; ".join(map(str, runtime.evidence)),
            where="axes/cuda.toml, [[runtime]]",
        )
    says, rests_on, where = _VERDICTS[what]
    return BuiltIn(
        id=rule,
        says=says.format(name=name),
        rests_on=rests_on.format(name=name),
        where=where.format(name=name),
    )


def near_rules(word: str, knowledge: KnowledgeBase) -> Sequence[str]:
    """Return the ids that somebody may have meant: those of the same subject first."""
    ids = [rule.id for rule in knowledge.rules]
    subject = word.partition("/")[0]
    near = difflib.get_close_matches(word, ids, n=5, cutoff=0.6)
    return list(dict.fromkeys([*near, *(each for each in ids if each.startswith(f"{subject}/"))]))[:8]


def _is_about(rule: Rule, example: Example) -> bool:
    return any(
        fnmatch.fnmatchcase(name, pattern) for name, _ in example.installed for pattern in rule.packages
    )
