"""A diagnosis: the cause of what a log tells, what it rests on, and what to do."""

from __future__ import annotations

import enum

from envfit.doctor.finding import Remedy
from envfit.frozen import frozen

__all__ = ["Confidence", "Diagnosis", "Hypothesis", "Quote", "Standing"]


class Confidence(enum.Enum):
    """How sure a cause is."""

    CERTAIN = "certain"  # the log says it, and it has one meaning
    LIKELY = "likely"  # it fits best, and something else could say the same
    UNKNOWN = "unknown"


class Standing(enum.Enum):
    """What a check of the environment says about a hypothesis."""

    OPEN = "open"  # nothing was checked, or what was found says nothing about it
    CONFIRMED = "confirmed"
    DISCARDED = "discarded"


@frozen
class Quote:
    """A line of the log."""

    line: int  # counted from 1
    text: str  # freed of colours and of what loggers put before it


@frozen
class Hypothesis:
    """One failure that the log tells of, and its cause."""

    code: str  # of a mechanism, such as "missing-shared-library", or the id of a symptom
    cause: str  # one or more sentences, complete by themselves
    confidence: Confidence
    rests_on: tuple[Quote, ...]
    chain: tuple[str, ...] = ()  # exceptions from the one that was printed last to the root
    remedies: tuple[Remedy, ...] = ()  # the gentlest first
    rules: tuple[str, ...] = ()  # ids of the rules that would have prevented it
    package: str | None = None  # normalized
    environment: bool = True  # False: another environment would not help
    standing: Standing = Standing.OPEN
    checked: tuple[str, ...] = ()  # what of the environment confirms or discards it


@frozen
class Diagnosis:
    """What a log tells: the cause, or where to look, and whatever else is wrong."""

    cause: Hypothesis | None  # None: unknown, or nothing wrong is found
    others: tuple[Hypothesis, ...] = ()  # further failures and possible causes, the most important first
    harmless: tuple[Hypothesis, ...] = ()
    root: Quote | None = None  # of an unknown cause: the exception or error at the root, with its line
    raised_at: str | None = None  # of the root: file, line and function
    chain: tuple[str, ...] = ()  # as in Hypothesis, of an unknown cause
    hidden: str | None = None  # a message that hides the cause, and how to see what it hides
    notes: tuple[str, ...] = ()  # such as what of a large log was not read

    @property
    def confidence(self) -> Confidence:
        """Return how sure the cause is."""
        return self.cause.confidence if self.cause is not None else Confidence.UNKNOWN
