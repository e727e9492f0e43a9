"""Rules that the user switches off."""

from __future__ import annotations

from collections.abc import Sequence

from envfit.errors import ProjectError
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import is_built_in

__all__ = ["ignored_rules"]


def ignored_rules(ids: Sequence[str], base: KnowledgeBase) -> frozenset[str]:
    """Return the ids of rules to leave out; raises ProjectError where one cannot be left out."""
    known = {rule.id for rule in base.rules}
    for rule in ids:
        if rule not in known:
            if is_built_in(rule):
                raise ProjectError(f"{rule} cannot be switched off: it is what the files themselves say")
            raise ProjectError(f"there is no rule {rule!r} to ignore")
    return frozenset(ids)
