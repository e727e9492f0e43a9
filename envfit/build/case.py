"""What is to be built, for what, and by what: all that the gates look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from packaging.version import Version

from envfit.distribution import Wheel
from envfit.frozen import frozen
from envfit.knowledge.model import KnowledgeBase, SourceBuild
from envfit.knowledge.query import Query
from envfit.target import Fact, FactState, Target

__all__ = ["Case", "torch_cuda"]

_TORCH = "torch"


@frozen
class Case:
    """What is to be built, for what and by what; facts of the target are those of the machine that builds."""

    knowledge: KnowledgeBase
    target: Target
    package: str  # normalized
    version: Version
    build: SourceBuild
    torch: Version | None = None
    torch_cuda: Version | None = None  # CUDA runtime of torch
    ignored_rules: frozenset[str] = field(default_factory=frozenset)
    installed: Mapping[str, Version] | None = None  # where the build is not isolated: what it finds
    jobs: int | None = None  # how many objects at a time, where somebody says it
    locked: frozenset[str] | None = None  # names of what is locked beside it; None where nothing is

    @property
    def release(self) -> str:
        """The package and its version, in words."""
        return f"{self.package} {self.version}"

    def with_fact(self, name: str, value: str, source: str) -> Case:
        """Return the case with another value of a fact."""
        facts = [fact for fact in self.target.facts if fact.name != name]
        facts.append(Fact(name=name, state=FactState.KNOWN, value=value, source=source))
        return replace(self, target=replace(self.target, facts=tuple(facts)))


def torch_cuda(query: Query, version: Version, wheel: Wheel | None = None) -> Version | None:
    """Return the CUDA runtime of a release of torch, by its label or by what was read in its wheels."""
    name = f"torch-{version}.whl"
    code = query.device_code(
        _TORCH, wheel or Wheel(name=_TORCH, version=version, filename=name, url="", index="")
    )
    return code.cuda if code is not None else None
