"""A requirement, and who makes it.

A requirement on a package, a fact (``__cuda_driver``) or a choice
(``__torch_cuda``) is the same thing to the resolver; its origin is what tells
them apart for a reader, and it is carried from here into every explanation.
"""

from __future__ import annotations

from dataclasses import field

from packaging.specifiers import SpecifierSet

from envfit.frozen import frozen
from envfit.reference import DirectReference
from envfit.target import Fact

__all__ = ["MetadataOrigin", "Origin", "Requirement", "RuleOrigin", "UnusableOrigin", "UserOrigin"]


@frozen
class UserOrigin:
    """The user asked for it."""

    text: str  # as written
    where: str  # "the command line", "pyproject.toml", "requirements.txt line 3"

    def __str__(self) -> str:
        return f"you ask for {self.text} ({self.where})"


@frozen
class MetadataOrigin:
    """The metadata of a package says so."""

    package: str
    version: str

    def __str__(self) -> str:
        return f"{self.package} {self.version} requires it"


@frozen
class RuleOrigin:
    """A rule of the knowledge base says so of a package."""

    rule: str  # id
    package: str
    version: str
    why: str
    evidence: tuple[str, ...] = ()  # one line each
    facts: tuple[Fact, ...] = ()  # the facts read
    gist: str = ""  # a shorter sentence that other versions share

    def __str__(self) -> str:
        return f"{self.why} [{self.rule}]"


@frozen
class UnusableOrigin:
    """A candidate cannot be used at all, for a reason in its own files."""

    package: str
    version: str
    why: str  # a phrase that goes after "torch 2.0.1 "

    def __str__(self) -> str:
        return f"{self.package} {self.version} {self.why}"


Origin = UserOrigin | MetadataOrigin | RuleOrigin | UnusableOrigin


@frozen
class Requirement:
    """A demand on one name, with its origin."""

    name: str  # normalized, or the name of a fact or choice
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    extras: frozenset[str] = frozenset()
    origin: Origin
    direct: DirectReference | None = None  # where it must come from

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        place = f" @ {self.direct}" if self.direct is not None else ""
        return f"{self.name}{extras}{self.specifier}{place}"
