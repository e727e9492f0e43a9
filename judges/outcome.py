"""What an environment comes to on a machine, and where envfit and the judge do not agree on it.

Pure: what uv and envfit gave was judged before, here it is compared.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "EXPLAINED",
    "Explained",
    "Fate",
    "Outcome",
    "fate_of",
    "outcome_of",
    "read_explained",
    "unexplained",
    "unused",
]

EXPLAINED = Path(__file__).with_name("top-explained.toml")


class Outcome(enum.Enum):
    """What one environment comes to."""

    RUNS = "runs"  # every wheel that decides has a library that runs
    CANNOT = "cannot run"
    NO_GPU = "does not use the GPU"  # no wheel holds GPU code or is linked with CUDA
    UNREAD = "not read"  # of some wheel it is not known, and all others run
    REFUSED = "refused"
    NO_ANSWER = "no answer"


class Fate(enum.Enum):
    """What uv's pick and envfit's answer come to beside each other."""

    BOTH = "both run"
    ENVFIT = "envfit's alone"  # uv's cannot run
    GPU = "envfit's alone uses the GPU"
    ANSWER = "envfit alone has an answer"
    RIGHTLY_REFUSED = "rightly refused"  # uv's cannot run, or it has none, and the reason is about it
    NEITHER = "neither uses the GPU"
    UNREAD = "not read"
    DISAGREE = "disagreement"


#: How the judge says why a wheel cannot run, and what envfit's reasons say of the same.
_SAME_TROUBLE = {"needs a driver": ("driver",), "no code for": ("capability", "GPU code")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why envfit and the judge disagree on packages and targets; none means all."""

    packages: tuple[str, ...]
    targets: tuple[str, ...]
    reason: str
    right: str  # "envfit", "judge", or "neither": who is right

    def covers(self, key: str) -> bool:
        """Tell whether it is about a pair."""
        package, _, target = key.partition(" / ")
        return (not self.packages or package in self.packages) and (
            not self.targets or target in self.targets
        )


def outcome_of(*, judged: int, cannot: bool, unread: bool) -> Outcome:
    """Return what an environment comes to: ``judged`` wheels say something, of which some ``cannot`` run."""
    if cannot:
        return Outcome.CANNOT
    if unread:
        return Outcome.UNREAD
    return Outcome.RUNS if judged else Outcome.NO_GPU


def fate_of(uv: Mapping[str, Any], envfit: Mapping[str, Any]) -> Fate:
    """Compare what is kept of both."""
    of_uv, ours = Outcome(uv["outcome"]), Outcome(envfit["outcome"])
    if Outcome.UNREAD in {of_uv, ours}:
        return Fate.UNREAD
    if ours is Outcome.RUNS:
        return {
            Outcome.RUNS: Fate.BOTH,
            Outcome.CANNOT: Fate.ENVFIT,
            Outcome.NO_GPU: Fate.GPU,
            Outcome.REFUSED: Fate.ANSWER,
            Outcome.NO_ANSWER: Fate.ANSWER,
        }[of_uv]
    if ours is Outcome.REFUSED:
        if of_uv in {Outcome.REFUSED, Outcome.NO_ANSWER}:
            return Fate.RIGHTLY_REFUSED
        if of_uv is Outcome.CANNOT and _names_it(uv, envfit):
            return Fate.RIGHTLY_REFUSED
    if ours is of_uv is Outcome.NO_GPU:
        return Fate.NEITHER
    return Fate.DISAGREE


def read_explained(path: Path = EXPLAINED) -> tuple[Explained, ...]:
    """Read the explanations."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Explained(
            packages=tuple(entry.get("packages", ())),
            targets=tuple(entry.get("targets", ())),
            reason=entry["reason"],
            right=entry["right"],
        )
        for entry in document.get("disagreement", ())
    )


def unexplained(fates: Mapping[str, Fate], explained: Sequence[Explained]) -> list[str]:
    """Return the pairs on which envfit and the judge disagree for no stated reason."""
    return [
        key
        for key, fate in fates.items()
        if fate is Fate.DISAGREE and not any(one.covers(key) for one in explained)
    ]


def unused(fates: Mapping[str, Fate], explained: Sequence[Explained]) -> list[Explained]:
    """Return the explanations of nothing, once all pairs are judged."""
    disagreed = [key for key, fate in fates.items() if fate is Fate.DISAGREE]
    return [one for one in explained if not any(map(one.covers, disagreed))]


def _names_it(uv: Mapping[str, Any], refusal: Mapping[str, Any]) -> bool:
    """Tell whether a refusal is about what cannot run: a wheel of it, or the same lack of code or driver."""
    cannot = uv["cannot"]
    if {text.partition(" ")[0] for text in cannot} & set(refusal.get("about", ())):
        return True
    said = " ".join(refusal.get("reasons", ()))
    return any(
        theirs in text and any(ours in said for ours in words)
        for text in cannot
        for theirs, words in _SAME_TROUBLE.items()
    )
