"""Small worlds written by hand: packages in one line each, and knowledge through the real loader.

A release is one line, with what it requires beside it::

    "torch 2.2.0 cuda=12.1 sass=50,70,80 ptx=90": ["triton==2.2.0", "numpy; extra == 'np'"]

Words after name and version: ``sdist``, ``yanked``, ``at=variants`` (the second
listing), ``tag=cp312-cp312-manylinux_2_28_x86_64``, ``python>=3.12`` (of the
file), ``metadata-python>=3.12`` (of the metadata alone), ``uploaded=2026-01-31``,
``broken`` (metadata that cannot be read).  ``cuda=`` (``cuda=none`` for a
build without), ``sass=`` and ``ptx=`` go into the knowledge, under the hash of the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import tomli_w
from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.distribution import Declared, Distribution, Listing, Metadata, Sdist, Wheel
from envfit.errors import EnvfitError
from envfit.knowledge.load import load
from envfit.knowledge.model import KnowledgeBase
from envfit.requirement import Requirement, UserOrigin
from envfit.selection.candidates import Selection
from envfit.selection.select import Selector

AXES = Path(__file__).parents[2] / "constraints" / "axes"
EVIDENCE = [{"kind": "docs", "source": "a manual", "locator": "page 1", "checked": date(2026, 1, 1)}]
INDEX = "https://index.example/simple"
VARIANTS = "https://index.example/variants"


@dataclass(frozen=True)
class Release:
    """One file of a world, and what it requires."""

    distribution: Distribution
    metadata: Metadata
    variant: bool
    broken: bool
    device_code: dict[str, Any] | None


def release(line: str, requires: Iterable[str] = ()) -> Release:
    """Return the release that a line of the notation means."""
    name, version_text, *words = line.split()
    version = Version(version_text)
    options: dict[str, str] = {}
    for word in words:
        match = re.fullmatch(r"([a-z-]+)(=(?!=))?(.*)", word)
        assert match is not None, word
        options[match.group(1)] = match.group(3)
    variant = options.get("at") == "variants"
    python = SpecifierSet(options["python"]) if "python" in options else None
    uploaded = datetime.fromisoformat(options.get("uploaded", "2026-01-01")).replace(tzinfo=timezone.utc)
    stem = f"{name.replace('-', '_')}-{version}"
    tag = options.get("tag", "py3-none-any")
    filename = f"{stem}.tar.gz" if "sdist" in options else f"{stem}-{tag}.whl"
    index = VARIANTS if variant else INDEX
    common: dict[str, Any] = {
        "name": canonicalize_name(name),
        "version": version,
        "filename": filename,
        "url": f"{index}/{filename}",
        "index": index,
        "sha256": hashlib.sha256(f"{index} {filename}".encode()).hexdigest(),
        "size": 1000 + len(filename),
        "upload_time": uploaded,
        "requires_python": python,
        "yanked": "broken" if "yanked" in options else None,
    }
    distribution: Distribution
    distribution = Sdist(**common) if "sdist" in options else Wheel(**common, tags=parse_tag(tag))
    declared = tuple(Declared.parse(text) for text in requires)
    metadata = Metadata(
        name=common["name"],
        version=version,
        requires=declared,
        requires_python=SpecifierSet(options["metadata-python"]) if "metadata-python" in options else python,
    )
    code = None
    if "cuda" in options:
        code = {
            "version": str(version),
            "platform": "linux-aarch64" if "aarch64" in tag else "linux-x86_64",
            "filename": filename,
            "sha256": common["sha256"],
            "sass": [item for item in options.get("sass", "").split(",") if item],
            "ptx": [item for item in options.get("ptx", "").split(",") if item],
            **({} if options["cuda"] == "none" else {"cuda": options["cuda"]}),
        }
    return Release(
        distribution=distribution,
        metadata=metadata,
        variant=variant,
        broken="broken" in options,
        device_code=code,
    )


class MemorySource:
    """A PackageSource that holds everything in memory, and counts what it is asked."""

    def __init__(self, packages: Mapping[str, Sequence[str]]) -> None:
        self.releases = [release(line, requires) for line, requires in packages.items()]
        self.asked: list[str] = []  # files whose metadata was read
        self._by_url = {item.distribution.url: item for item in self.releases}

    def listing(self, name: str) -> tuple[Listing, ...]:
        listings = []
        for index, variant in ((INDEX, False), (VARIANTS, True)):
            files = tuple(
                item.distribution
                for item in self.releases
                if item.distribution.name == name and item.variant is variant
            )
            if files:
                listings.append(Listing(name=name, index=index, distributions=files))
        return tuple(listings)

    def allowed(self, name: str) -> tuple[str, ...]:
        return (INDEX, VARIANTS)

    def is_there(self, distributions: Iterable[Distribution]) -> bool:
        return True

    def metadata(self, distribution: Distribution) -> Metadata:
        found = self._by_url[distribution.url]
        self.asked.append(distribution.filename)
        if found.broken:
            raise EnvfitError("its metadata cannot be read", code="bad-metadata")
        return found.metadata

    def selection(self, name: str, selector: Selector) -> Selection:
        return selector.select(name, self.listing(name))

    def prefetch(self, names: Iterable[str], selector: Selector, then: object = None) -> None:
        list(names)

    def prefetch_metadata(self, distributions: Iterable[Distribution], then: object = None) -> None:
        list(distributions)


def rule(ident: str, **fields: Any) -> dict[str, Any]:
    """Return a rule as a file states it; it blocks, and has a sentence and evidence unless given."""
    return {"id": ident, "severity": "blocks", "why": f"Because of {ident}.", "evidence": EVIDENCE, **fields}


def knowledge_of(
    directory: Path,
    packages: Mapping[str, Mapping[str, Any]] | None = None,
    releases: Iterable[Release] = (),
    *,
    axes: bool = True,
) -> KnowledgeBase:
    """Write files for packages and wheels beside the real axes and hardware, and load them.

    A package is ``{"rule": [...], "gpu_builds": True, ...}``, under its name.
    """
    for folder in ("packages", "derived"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    if axes and not (directory / "axes").exists():
        (directory / "axes").symlink_to(AXES)
        (directory / "hardware").symlink_to(AXES.with_name("hardware"))
    for name, table in (packages or {}).items():
        names = {} if "packages" in table else {"package": name}
        text = tomli_w.dumps({"schema": 1, **names, **table})
        (directory / "packages" / f"{name}.toml").write_text(text, encoding="utf-8")
    wheels: dict[str, list[dict[str, Any]]] = {}
    for item in releases:
        if item.device_code is not None:
            wheels.setdefault(item.distribution.name, []).append(item.device_code)
    for name, entries in wheels.items():
        table = {"schema": 1, "generator": "a test", "package": name, "wheel": entries}
        (directory / "derived" / f"{name}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    return load(directory)


def asked(*texts: str, where: str = "the command line") -> tuple[Requirement, ...]:
    """Return requirements as the user writes them."""
    result = []
    for text in texts:
        declared = DeclaredRequirement(text)
        result.append(
            Requirement(
                name=canonicalize_name(declared.name),
                specifier=declared.specifier,
                extras=frozenset(map(canonicalize_name, declared.extras)),
                origin=UserOrigin(text=text, where=where),
            )
        )
    return tuple(result)
