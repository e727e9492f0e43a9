"""What a lock tells its reader under ``[tool.envfit]``; it may be deleted, and no installation changes.

A later ``lock`` reads from it what the lock was made for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from envfit.address import local_path
from envfit.lock.contract import Contract
from envfit.lock.provided import provided_tables
from envfit.reference import ReferenceKind
from envfit.requirement import Requirement, RuleOrigin, UserOrigin
from envfit.resolve.resolution import Resolution
from envfit.target import Fact, FactState

__all__ = ["relative_path", "told_of"]


def told_of(resolution: Resolution, contract: Contract, folder: Path) -> dict[str, Any]:
    """Return the table; ``folder`` is that of the lock, which paths are relative to."""
    tool: dict[str, Any] = {
        "contract": str(contract),
        "knowledge": resolution.knowledge_version,
        "requirements": [
            _text(item, folder) for item in resolution.requirements if item not in resolution.optional
        ],
        "target": _target_table(resolution),
    }
    tool.update(_asked_besides(resolution, folder))
    if resolution.pythons_not_taken:
        tool["pythons-not-taken"] = [
            {"python": f"{item.python.major}.{item.python.minor}", "why": item.why}
            for item in resolution.pythons_not_taken
        ]
    if resolution.excluded:
        tool["why-not-newer"] = [
            {
                "name": item.name,
                "versions": [str(version) for version in item.versions],
                "why": item.reason.sentence,
                "rule": item.reason.rule or "",
                "evidence": list(item.reason.evidence),
            }
            for item in resolution.excluded
        ]
    if resolution.left_out:
        tool["left-out"] = [
            {
                "name": item.name,
                "why": list(item.reasons),
                "alternatives": [f"{other.name}: {other.text}" for other in item.alternatives],
            }
            for item in resolution.left_out
        ]
    if resolution.conditions:
        tool["conditions"] = [_rule_table(origin) for origin in resolution.conditions]
    if resolution.warnings:
        tool["warnings"] = [_rule_table(origin) for origin in resolution.warnings]
    if resolution.ignored_rules:
        tool["ignored-rules"] = list(resolution.ignored_rules)
    return tool


def _asked_besides(resolution: Resolution, folder: Path) -> dict[str, list[str]]:
    """Return what else was asked for, as text: so that the lock can be made anew from itself."""
    amendments = resolution.amendments
    told = {
        "constraints": [_text(item, folder) for item in resolution.constraints],
        "if-supported": [_text(item, folder) for item in resolution.optional],
        "overrides": [
            _text(item, folder)
            for name in sorted(amendments.overrides)
            for item in amendments.overrides[name]
        ],
        "excluded": sorted(amendments.excluded),
    }
    return {key: texts for key, texts in told.items() if texts}


def _text(requirement: Requirement, folder: Path) -> str:
    """Return a requirement as the user wrote it; a place so that it holds from the folder of the lock."""
    direct = requirement.direct
    origin = requirement.origin
    if direct is None or (direct.kind is ReferenceKind.ARCHIVE and not direct.url.startswith("file:")):
        return origin.text if isinstance(origin, UserOrigin) else str(requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    fragment = f"#subdirectory={direct.subdirectory}" if direct.subdirectory else ""
    if direct.kind is ReferenceKind.GIT:
        revision = f"@{direct.revision}" if direct.revision else ""
        return f"{requirement.name}{extras} @ git+{direct.url}{revision}{fragment}"
    path = relative_path(direct.url, folder)
    place = f"{path if path.startswith('../') else f'./{path}'}{fragment}"
    return f"-e {place}{extras}" if direct.editable else f"{requirement.name}{extras} @ {place}"


def _rule_table(origin: RuleOrigin) -> dict[str, Any]:
    return {
        "package": origin.package,
        "rule": origin.rule,
        "why": origin.why,
        "unknown": [fact.name for fact in origin.facts if fact.state is FactState.UNKNOWN],
    }


def _target_table(resolution: Resolution) -> dict[str, Any]:
    target = resolution.target
    table: dict[str, Any] = {
        "platform": str(target.platform),
        "python": str(target.python),
        "gpus": [
            {"name": gpu.name, "capability": str(gpu.capability), "source": gpu.source} for gpu in target.gpus
        ],
        "facts": [_fact_table(fact) for fact in target.facts],
        "assumed": sorted(target.assumed),
    }
    if target.ignored_gpus:
        models = dict.fromkeys((gpu.name, gpu.capability) for gpu in target.ignored_gpus)
        table["ignored-gpus"] = [{"name": name, "capability": str(capability)} for name, capability in models]
    if target.name is not None:
        table["name"] = target.name
    return {**table, **provided_tables(resolution)}


def _fact_table(fact: Fact) -> dict[str, Any]:
    # A path may name a user, and a lock is for others to read.
    source = "this machine" if "/" in fact.source else fact.source
    table: dict[str, Any] = {"name": fact.name, "state": fact.state.value, "source": source}
    if fact.state is FactState.KNOWN:
        table["value"] = fact.value
    if fact.assumed:
        table["assumed"] = True
    return table


def relative_path(url: str, folder: Path) -> str:
    """Return a ``file:`` address as a path that is relative to a folder."""
    return Path(os.path.relpath(local_path(url), folder)).as_posix()
