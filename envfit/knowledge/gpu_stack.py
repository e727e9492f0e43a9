"""Which packages are bound to the GPU: what holds code for it, its libraries, and what has rules about it."""

from __future__ import annotations

from packaging.version import Version

from envfit.knowledge.model import Rule
from envfit.knowledge.query import Query

__all__ = ["is_about_gpu", "is_gpu_stack"]

_FACTS = frozenset({"__capability", "__cuda", "__cuda_driver"})


def is_gpu_stack(name: str, version: Version, query: Query) -> bool:
    """Tell whether a package holds GPU code or CUDA libraries, or has rules about the GPU or its driver."""
    known = query.package(name)
    if known.gpu_builds or known.cuda_choice is not None or known.own_code or name.startswith("nvidia-"):
        return True
    code = query.sibling(name, version)
    if code is not None and code.cuda is not None:
        return True
    rules = (query.knowledge.rules[place] for place in query.knowledge.lookup.rules_about(name))
    return any(is_about_gpu(rule) for rule in rules)


def is_about_gpu(rule: Rule) -> bool:
    """Tell whether a rule asks for a compute capability, a driver or the CUDA version that it supports."""
    names = {condition.name for condition in (*rule.requires, *rule.constrains)}
    return not names.isdisjoint(_FACTS)
