"""Judges what libraries are linked with: what is missing, too old, there twice, or of two CUDA majors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from packaging.version import InvalidVersion, Version

from envfit.doctor.finding import Finding, Remedy, Severity
from envfit.doctor.kinds_of_running import (
    CUDA_MAJORS_MIXED,
    DRIVER_NOT_HERE,
    LIBRARY_MISSING,
    LIBRARY_NOT_ON_PATH,
    LIBRARY_SHADOWED,
    LIBRARY_TOO_OLD,
    LIBRARY_TWICE,
)
from envfit.doctor.linked import Linked, is_of_driver
from envfit.doctor.nvidia_wheels import cuda_major, wheels_with
from envfit.doctor.tool import Tool
from envfit.doctor.words import are, listed, they_are
from envfit.installed.libraries import Libraries, SharedLibrary
from envfit.installed.model import InstalledEnvironment
from envfit.knowledge.model import KnowledgeBase

__all__ = ["judge_libraries"]

#: Finds libraries by their names without a version, so that the newest of several is taken.
_PATHFINDER = "cuda-pathfinder"
_OF_NVIDIA = re.compile(r"lib(?:cu|nv|nccl)")
_GLIBC = "GLIBC_"
_SHOWN = 4  # lines of what was measured


def judge_libraries(
    environment: InstalledEnvironment,
    libraries: Libraries,
    knowledge: KnowledgeBase,
    *,
    gpu: bool,
    driver: bool,
    glibc: Version | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with the libraries of an environment.

    ``gpu`` says whether it is to be used with a GPU, ``driver`` whether NVIDIA's driver should be
    on this machine; ``glibc`` is that of the target, where that is another machine than this one.
    """
    linked = Linked(environment, libraries, knowledge)
    breaks = Severity.BREAKS if gpu else Severity.WARNS
    return (
        *_missing(linked, Tool(environment), breaks),
        *_elsewhere(linked),
        *_too_old(linked, glibc),
        *_two_majors(linked, breaks),
        *_found_by_name(linked, breaks),
        *_twice(linked),
        *_shadowed(linked),
        *(_driver(linked, expected=driver) if gpu else ()),
    )


def _missing(linked: Linked, tool: Tool, breaks: Severity) -> Iterator[Finding]:
    """Yield for each distribution the libraries that are nowhere."""
    missing: dict[tuple[str, bool], dict[str, SharedLibrary]] = defaultdict(dict)
    for root in linked.roots:
        for link in linked.faults(root):
            asking, is_choice = linked.asking(root, link), root.path in linked.alternatives
            if is_choice or not linked.answering(link.name):
                missing[_owner(asking), is_choice].setdefault(link.name, asking)
    for (owner, is_choice), links in sorted(missing.items()):
        names, title = sorted(links), linked.title(owner)
        text = f"{title} is linked with {listed(names)}, which {are(names)} nowhere to be found: what uses "
        text += f"{_them(names)} fails."
        if is_choice:
            text = f"No build of a part of {title} finds what it is linked with: {listed(names)}."
        wheels = wheels_with(names)
        certain = any(linked.is_own_code(item) and _OF_NVIDIA.match(name) for name, item in links.items())
        yield Finding(
            kind=LIBRARY_MISSING,
            severity=breaks if certain else Severity.WARNS,
            subject=(title,),
            text=text,
            measured=tuple(_asked(links)),
            remedies=(
                tool.install(f"Install NVIDIA's wheels: {listed(wheels)}.", [(name, "") for name in wheels])
                if wheels
                else Remedy(
                    text="Install the library with the system's packages or conda's, or a release of "
                    f"{owner} that brings it along.",
                ),
            ),
        )


def _elsewhere(linked: Linked) -> Iterator[Finding]:
    """Yield for each distribution the libraries that are there and not where it looks."""
    elsewhere: dict[str, dict[str, SharedLibrary]] = defaultdict(dict)
    for root in linked.roots:
        for link in linked.faults(root):
            if root.path not in linked.alternatives and linked.answering(link.name):
                asking = linked.asking(root, link)
                elsewhere[_owner(asking)].setdefault(link.name, asking)
    for owner, links in sorted(elsewhere.items()):
        names, title = sorted(links), linked.title(owner)
        there = [linked.answering(name)[0] for name in names]
        places = sorted({item.place.rpartition("/")[0] for item in there})
        holders = dict.fromkeys(linked.title(_owner(item)) for item in there)
        first = "Import what loads it, such as torch, before this package."
        if owner.startswith("onnxruntime"):
            first = "Call onnxruntime.preload_dlls(), or import torch, before a session is made."
        yield Finding(
            kind=LIBRARY_NOT_ON_PATH,
            severity=Severity.WARNS,
            subject=(title, *holders),
            text=f"{title} is linked with {listed(names)} and does not look in {listed(places)}, where "
            f"{they_are(names)} installed: something else must have loaded {_them(names)} before.",
            measured=tuple(_asked(links)),
            remedies=(Remedy(text=first),),
        )


def _too_old(linked: Linked, glibc: Version | None) -> Iterator[Finding]:
    """Yield the libraries that lack versions of symbols which others ask of them."""
    lacking: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for root in linked.roots:
        for gap in root.loading.gaps:
            asking = linked.library(gap.asked_by)
            # What the target's glibc has is told by its version, where it is not this machine's.
            versions = {item for item in gap.versions if not (glibc and item.startswith(_GLIBC))}
            if asking is not None and versions:
                lacking[gap.library][_owner(asking)] |= versions
    for library, asked in sorted(lacking.items()):
        lacks = sorted(set().union(*asked.values()), key=_symbol_order)
        yield _old(linked, library, asked, f"{library} lacks {listed(lacks)}")
    if glibc is not None:
        newer: dict[str, set[str]] = defaultdict(set)
        for item in linked.loaded():
            for need in item.linkage.needs:
                newer[_owner(item)] |= {name for name in need.versions if _glibc(name) > glibc}
        newer = {owner: names for owner, names in newer.items() if names}
        if newer:
            newest = max(set().union(*newer.values()), key=_glibc)
            yield _old(linked, "glibc", newer, f"the target has glibc {glibc}, which lacks {newest}")


def _old(linked: Linked, library: str, asked: Mapping[str, set[str]], lacks: str) -> Finding:
    titles = tuple(linked.title(owner) for owner in sorted(asked))
    remedy = "Use releases whose wheels are made for an older system, or a newer system or container."
    if "stdc++" in library:
        remedy = (
            "Bring a newer libstdc++: conda's libstdcxx-ng in a conda environment, else a newer compiler's, "
            "with its directory first in LD_LIBRARY_PATH."
        )
    return Finding(
        kind=LIBRARY_TOO_OLD,
        severity=Severity.BREAKS,
        subject=titles,
        text=f"{listed(titles)} cannot be loaded: {lacks}.",
        measured=tuple(
            f"{linked.title(owner)} asks for {listed(sorted(versions, key=_symbol_order))}"
            for owner, versions in sorted(asked.items())
        )[:_SHOWN],
        remedies=(Remedy(text=remedy),),
    )


def _majors(linked: Linked) -> dict[str, dict[int, str]]:
    """Return by distribution the CUDA majors that its own libraries are linked with, and which says so."""
    majors: dict[str, dict[int, str]] = defaultdict(dict)
    for root in linked.roots:
        if root.path in linked.alternatives:
            continue
        for link in root.loading.links:
            asking, major = linked.asking(root, link), cuda_major(link.name)
            if major is not None and asking.owner is not None and asking.owner == root.owner:
                majors[asking.owner].setdefault(major, f"{asking.place} is linked with {link.name}")
    return majors


def _two_majors(linked: Linked, breaks: Severity) -> Iterator[Finding]:
    """Yield the distributions that require others of another CUDA major."""
    majors = _majors(linked)
    for owner, its in sorted(majors.items()):
        for other in sorted(majors.keys() & (linked.closure(owner) - {owner})):
            theirs = majors[other]
            if its.keys() & theirs.keys():
                continue
            title, second = linked.title(owner), linked.title(other)
            yield Finding(
                kind=CUDA_MAJORS_MIXED,
                severity=breaks,
                subject=(title, second),
                text=f"{title} is made for CUDA {max(its)}, and {second}, which it loads, is made for "
                f"CUDA {max(theirs)}.",
                measured=(*its.values(), *theirs.values()),
                remedies=(
                    Remedy(
                        text=f"Install the build of {owner} for CUDA {max(theirs)}, or that of {other} for "
                        f"CUDA {max(its)}."
                    ),
                ),
            )


def _found_by_name(linked: Linked, breaks: Severity) -> Iterator[Finding]:
    """Yield who finds its libraries by cuda-pathfinder where those of a newer major are there too.

    Measured with cupy-cuda12x 14.2.0 and cuda-pathfinder 1.9.1: with nvidia-cublas 13 beside
    nvidia-cublas-cu12 it is libcublas.so.13 that is loaded, and cupy's module fails for libcublas.so.12.
    """
    for owner, its in sorted(_majors(linked).items()):
        if _PATHFINDER not in linked.closure(owner) or len(its) != 1:
            continue
        major = max(its)
        wanted = {link.name for root in linked.roots if root.owner == owner for link in root.loading.missing}
        taken = [
            name
            for name in linked.names
            if (cuda_major(name) or 0) > major and f"{name.partition('.so.')[0]}.so.{major}" in wanted
        ]
        if not taken:
            continue
        title = linked.title(owner)
        holders = dict.fromkeys(linked.title(_owner(linked.answering(name)[0])) for name in taken)
        yield Finding(
            kind=CUDA_MAJORS_MIXED,
            severity=breaks,
            subject=(title, *holders),
            text=f"{title} needs the libraries of CUDA {major} and looks for them by cuda-pathfinder, which "
            f"takes {listed(taken)} of {listed(list(holders))}.",
            measured=tuple(its.values()),
            remedies=(
                Remedy(
                    text=f"Put what needs CUDA {major} into an environment of its own, or install its build "
                    "for the newer CUDA."
                ),
            ),
        )


def _twice(linked: Linked) -> Iterator[Finding]:
    """Yield the CUDA libraries of which different distributions load different files."""
    used: dict[str, dict[str, str]] = defaultdict(dict)  # by name: by file, who loads it
    for root in linked.roots:
        for link in root.loading.links:
            if link.found and _OF_NVIDIA.match(link.name) and not is_of_driver(link.name):
                used[link.name].setdefault(link.found, _owner(root))
    for name, every in sorted(used.items()):
        # What another one that it requires has loaded, a distribution takes as it is.
        firsts = {
            owner for owner in every.values() if not (linked.closure(owner) - {owner}) & set(every.values())
        }
        files = {path: owner for path, owner in every.items() if owner in firsts}
        if len({linked.size(path) for path in files}) < 2:
            continue
        titles = tuple(dict.fromkeys(linked.title(owner) for owner in files.values()))
        yield Finding(
            kind=LIBRARY_TWICE,
            severity=Severity.WARNS,
            subject=titles,
            text=f"{name} is there in {len(files)} files that differ, and {listed(titles)} load different "
            "ones: in one process the first to be loaded serves both.",
            measured=tuple(
                f"{linked.title(owner)} loads {path} ({linked.size(path)} bytes)"
                for path, owner in files.items()
            ),
            remedies=(Remedy(text=f"Remove one of the two that bring {name}."),),
        )


def _shadowed(linked: Linked) -> Iterator[Finding]:
    """Yield the directories of LD_LIBRARY_PATH that hide libraries of the environment."""
    hidden: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for root in linked.roots:
        for link in root.loading.links:
            if link.found is None or link.hidden is None or linked.library(link.hidden) is None:
                continue
            if linked.size(link.found) != linked.size(link.hidden):
                hidden[link.found.rpartition("/")[0]][link.name] = (_owner(root), link.hidden)
    for directory, names in sorted(hidden.items()):
        titles = tuple(dict.fromkeys(linked.title(owner) for owner, _ in names.values()))
        yield Finding(
            kind=LIBRARY_SHADOWED,
            severity=Severity.WARNS,
            subject=titles,
            text=f"LD_LIBRARY_PATH names {directory}, so {listed(titles)} would load its "
            f"{listed(sorted(names))} instead of the environment's own.",
            measured=tuple(
                f"{directory}/{name} comes before {path}" for name, (_, path) in sorted(names.items())
            ),
            remedies=(
                Remedy(
                    text=f"Take {directory} out of LD_LIBRARY_PATH.", commands=(("unset", "LD_LIBRARY_PATH"),)
                ),
            ),
        )


def _driver(linked: Linked, *, expected: bool) -> Iterator[Finding]:
    """Yield what is linked with NVIDIA's driver, where that is not there."""
    asking = {
        link.name: root
        for root in linked.roots
        for link in root.loading.missing
        if is_of_driver(link.name) and not linked.answering(link.name)
    }
    titles = tuple(sorted({linked.title(_owner(root)) for root in asking.values()}))
    if not titles:
        return
    need, lack = "needs" if len(titles) == 1 else "need", "is not found" if expected else "is not here"
    mend = (
        "Make the driver's libraries visible; in a container with NVIDIA's runtime (--gpus all, --nv)."
        if expected
        else "Check the environment on the machine with the GPU."
    )
    yield Finding(
        kind=DRIVER_NOT_HERE,
        severity=Severity.BREAKS if expected else Severity.OPEN,
        subject=titles,
        text=f"{listed(titles)} {need} {listed(sorted(asking))} of NVIDIA's driver, which {lack}.",
        measured=tuple(_asked(asking)),
        remedies=(Remedy(text=mend),),
    )


def _owner(library: SharedLibrary) -> str:
    return library.owner or library.place


def _asked(links: Mapping[str, SharedLibrary]) -> Iterator[str]:
    for name, library in sorted(links.items())[:_SHOWN]:
        yield f"{library.place} is linked with {name}"


def _glibc(version: str) -> Version:
    """Return the version of glibc that has a version of symbols; 0 for others, such as GLIBC_PRIVATE."""
    try:
        return Version(version.removeprefix(_GLIBC)) if version.startswith(_GLIBC) else Version("0")
    except InvalidVersion:
        return Version("0")


def _symbol_order(version: str) -> tuple[str, Version]:
    name, _, number = version.rpartition("_")
    try:
        return name, Version(number)
    except InvalidVersion:
        return version, Version("0")


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
