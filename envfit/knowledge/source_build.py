"""How releases are built, and what somebody should know before that, as files write it."""

from __future__ import annotations

import re

from packaging.specifiers import SpecifierSet

from envfit.knowledge.document import Table
from envfit.knowledge.evidence import proves, read_evidence
from envfit.knowledge.model import (
    Advice,
    BuildArchitecture,
    BuildCost,
    BuiltObject,
    EvidenceKind,
    SourceBuild,
)

__all__ = ["read_advice", "read_source_build"]

_ARCHITECTURE = re.compile(r"\d{2,3}[af]?")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def read_source_build(table: Table) -> SourceBuild:
    """Return a ``[[source_build]]`` of a package's file."""
    build = SourceBuild(
        versions=table.parsed("versions", SpecifierSet, SpecifierSet()),
        needs=table.texts("needs"),
        environment=table.mapping("environment"),
        architectures=tuple(_build_architecture(item) for item in table.tables("architectures")),
        architectures_in=_variable(table, "architectures_in"),
        separator=table.text("separator", ";"),
        jobs_in=_variable(table, "jobs_in"),
        threads_in=_variable(table, "threads_in"),
        local_version_in=_variable(table, "local_version_in"),
        clears=table.texts("clears"),
        job_memory=table.quantity("job_memory") if "job_memory" in table else None,
        disk=table.quantity("disk") if "disk" in table else None,
        libraries=table.texts("libraries"),
        cost=_build_cost(table.table("cost")) if "cost" in table else None,
        evidence=read_evidence(table),
    )
    if build.libraries and not proves(build.evidence):
        table.fault("needs evidence of rank docs or better", "libraries")
    for name in set(build.clears) & set(build.environment):
        table.fault(f"{name} is set, and cleared", "clears")
    table.finish()
    return build


def read_advice(table: Table) -> Advice:
    """Return an ``[[advice]]`` of a package's file."""
    advice = Advice(
        text=table.text("text"),
        versions=table.parsed("versions", SpecifierSet, SpecifierSet(), required=False),
        capability=table.parsed("capability", SpecifierSet, SpecifierSet(), required=False),
        torch=table.parsed("torch", SpecifierSet, SpecifierSet(), required=False),
        evidence=read_evidence(table),
    )
    if not proves(advice.evidence):
        table.fault("needs evidence of rank docs or better", "evidence")
    table.finish()
    return advice


def _build_architecture(table: Table) -> BuildArchitecture:
    architecture = BuildArchitecture(
        word=table.text("word"),
        code=_architecture(table.text("code"), table, "code"),
        nvcc=table.parsed("nvcc", SpecifierSet, SpecifierSet(), required=False),
    )
    table.finish()
    return architecture


def _build_cost(table: Table) -> BuildCost:
    objects = []
    for item in table.tables("objects"):
        objects.append(
            BuiltObject(
                name=item.text("name"),
                seconds=item.quantity("seconds"),
                memory=item.quantity("memory") if "memory" in item else 0,
            )
        )
        item.finish()
    if not objects:
        table.fault("is missing", "objects")
    cost = BuildCost(
        machine=table.text("machine"),
        objects=tuple(objects),
        around=table.quantity("around"),
        evidence=read_evidence(table),
    )
    if not any(item.kind is EvidenceKind.MEASURED for item in cost.evidence):
        table.fault("is nothing without evidence that was measured", "evidence")
    table.finish()
    return cost


def _architecture(code: str, table: Table, key: str) -> str:
    if not _ARCHITECTURE.fullmatch(code):
        table.fault(f"{code!r} is no architecture such as 80 or 90a", key)
    return code


def _variable(table: Table, key: str) -> str | None:
    if key not in table:
        return None
    name = table.text(key)
    if not _VARIABLE.fullmatch(name):
        table.fault(f"{name!r} is no environment variable", key)
    return name
