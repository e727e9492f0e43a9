"""Sets of installed packages as files write them: examples of rules, and sets that are known to work."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.knowledge.document import Table
from envfit.knowledge.evidence import proves, read_evidence
from envfit.knowledge.model import Example

__all__ = ["ABSENT", "read_example", "read_known_good"]

#: What a fact is said to be where the machine has none of it, such as a CUDA compiler.
ABSENT = "none"

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*(\S+)")
_FACTS = ("__gxx", "__glibc", "__memory", "__nvcc")
_NOTHING = ("", Version("0"))


def read_example(table: Table) -> Example:
    """Return an ``[[example]]`` of a package's file: what objects to a set, or that nothing does."""
    example = _read(table, breaks=table.texts("breaks"), why=table.text("why", ""))
    table.finish()
    return example


def read_known_good(table: Table) -> Example:
    """Return a ``[[set]]`` that works, with what proves it."""
    example = _read(table, breaks=(), why=table.text("why", ""))
    if not proves(example.evidence):
        table.fault("needs evidence of rank docs or better", "evidence")
    table.finish()
    return example


def _read(table: Table, *, breaks: tuple[str, ...], why: str) -> Example:
    facts = table.mapping("facts")
    for name in facts:
        if name not in _FACTS:
            table.fault(f"{name} is none of {', '.join(_FACTS)}", "facts")
    installed = table.texts("installed")
    built = table.texts("built")
    pins = table.parse_each("installed", (*installed, *built), _pin, _NOTHING)
    if not pins:
        table.fault("is missing", "installed")
    if len({name for name, _ in pins}) < len(pins):
        table.fault("names a package twice", "installed")
    return Example(
        gpus=table.texts("gpu"),
        driver=table.text("driver") if "driver" in table else None,
        platform=table.text("platform") if "platform" in table else None,
        python=table.text("python") if "python" in table else None,
        facts=dict(facts),
        installed=tuple(pins),
        built=frozenset(name for name, _ in pins[len(installed) :]),
        breaks=breaks,
        why=why,
        evidence=read_evidence(table),
        place=f"{table.file}: {table.path}",
    )


def _pin(text: str) -> tuple[str, Version]:
    match = _PINNED.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a name and one version, such as torch==2.8.0")
    return canonicalize_name(match[1]), Version(match[2])
