"""What an installation leaves in its environment about itself: for whom, what is open, what was overridden.

envfit's own file, beside the lock that was installed; ``check`` proves from it what could not be
proved where the environment was made, and says how to make it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envfit.errors import FileError, TargetError
from envfit.frozen import frozen
from envfit.lock.refusal import Refusal, Unproved
from envfit.target import Capability, Fact, FactState, Gpu, Platform

__all__ = ["RECORD", "Overridden", "Record", "overridden", "read_record", "write_record"]

#: The name of the file in an environment.
RECORD = "envfit-installed.json"


@frozen
class Overridden:
    """A reason against an installation that was made all the same."""

    packages: tuple[str, ...]  # "torch 2.14.1"; empty where it is the lock itself
    why: str
    rule: str | None = None

    def __str__(self) -> str:
        subject = f"{', '.join(self.packages)}: " if self.packages else ""
        return f"{subject}{self.why}{f' [{self.rule}]' if self.rule else ''}"


@frozen
class Record:
    """One installation."""

    platform: Platform = Platform()
    gpus: tuple[Gpu, ...] = ()  # that it is for; none where none was there and none was named
    facts: tuple[Fact, ...] = ()  # of the machine that it was judged on
    words: tuple[str, ...] = ()  # of the command line, besides the lock and the prefix
    conditions: tuple[Unproved, ...] = ()  # what could not be proved there
    overridden: tuple[Overridden, ...] = ()
    skipped: tuple[str, ...] = ()


def overridden(refusals: tuple[Refusal, ...]) -> tuple[Overridden, ...]:
    """Return refusals as what was overridden."""
    return tuple(
        Overridden(packages=item.packages, why=item.reason.sentence, rule=item.reason.rule)
        for item in refusals
    )


def write_record(environment: Path, record: Record) -> None:
    """Write the record of an environment; raises FileError."""
    document = {
        "platform": str(record.platform),
        "gpus": [{"name": gpu.name, "capability": str(gpu.capability)} for gpu in record.gpus],
        "facts": [
            {"name": fact.name, "state": fact.state.value, "value": fact.value or ""} for fact in record.facts
        ],
        "words": list(record.words),
        "conditions": [
            {
                "fact": item.fact,
                "state": item.state.value,
                "bounds": item.bounds,
                "packages": list(item.packages),
                "why": list(item.why),
            }
            for item in record.conditions
        ],
        "overridden": [
            {"packages": list(item.packages), "why": item.why, "rule": item.rule}
            for item in record.overridden
        ],
        "skipped": list(record.skipped),
    }
    path = environment / RECORD
    try:
        path.write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def read_record(environment: Path) -> Record | None:
    """Return the record of an environment; None where there is none that can be read."""
    try:
        document = json.loads((environment / RECORD).read_text(encoding="utf-8"))
        return _record(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, TargetError):
        return None


def _record(document: Mapping[str, Any]) -> Record:
    source = "the installation"
    return Record(
        platform=Platform.parse(document["platform"]),
        gpus=tuple(
            Gpu(name=item["name"], capability=Capability.parse(item["capability"]), source=source)
            for item in document["gpus"]
        ),
        facts=tuple(
            Fact(name=item["name"], state=FactState(item["state"]), value=item["value"], source=source)
            for item in document["facts"]
        ),
        words=tuple(map(str, document["words"])),
        conditions=tuple(
            Unproved(
                fact=item["fact"],
                state=FactState(item["state"]),
                bounds=item["bounds"],
                packages=tuple(item["packages"]),
                why=tuple(item["why"]),
            )
            for item in document["conditions"]
        ),
        overridden=tuple(
            Overridden(packages=tuple(item["packages"]), why=item["why"], rule=item["rule"])
            for item in document["overridden"]
        ),
        skipped=tuple(map(str, document["skipped"])),
    )
