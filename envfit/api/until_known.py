"""A resolution in which the GPU code of every wheel is known, or is out of reach."""

from __future__ import annotations

from collections.abc import Callable

from envfit.api.reading import WheelReader, unread_wheels
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.resolve.resolution import Resolution
from envfit.target import Target

__all__ = ["resolve_known"]


def resolve_known(
    once: Callable[[Query], Resolution],
    base: KnowledgeBase,
    target: Target,
    reader: WheelReader,
    *,
    ignored: frozenset[str] = frozenset(),
    strict: bool = False,
) -> tuple[Resolution, KnowledgeBase]:
    """Resolve until the GPU code of every wheel chosen is known, or is out of reach.

    Whatever is read may speak against what was chosen, so each time all is resolved again.
    With ``strict``, a wheel that stays unread is refused.  Returns the knowledge with what was read.
    """
    refused: frozenset[str] = frozenset()
    while True:
        query = Query(base, target, ignored=ignored, refused=refused)
        resolution = once(query)
        if read := reader.read(resolution, base):
            base = base.with_device_code(read)
            continue
        unread = {wheel.sha256 or "" for wheel in unread_wheels(resolution, query)} - refused
        if not (unread and strict):
            return resolution, base
        refused |= unread
