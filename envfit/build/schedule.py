"""When jobs are done that are begun in order, each where one has ended: ninja's way, with its uneven end."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

__all__ = ["last_end"]


def last_end(busy: Sequence[float], pending: Iterable[float]) -> float:
    """Return when the last of some jobs ends.

    ``busy`` says when each place is free, ``pending`` how long each job takes, in order.
    """
    ends = list(busy)
    heapq.heapify(ends)
    last = max(ends)
    for seconds in pending:
        end = heapq.heappop(ends) + seconds
        last = max(last, end)
        heapq.heappush(ends, end)
    return last
