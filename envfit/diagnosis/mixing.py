"""Environments that are mixed in one process, as the paths of a traceback show it."""

from __future__ import annotations

import re

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Hit
from envfit.diagnosis.tracebacks import Raised
from envfit.knowledge.symptom import SymptomRank

__all__ = ["mixtures"]

_SITE = re.compile(
    r"(?P<root>.*?)[/\\](?:lib|Lib)(?:64)?[/\\](?:python(?P<python>3(?:\.\d+)?)[/\\])?(?:site|"
    r"dist)-packages[/\\]"
    r"(?P<package>[\w.-]+)"
)
_SYSTEM = ("/usr", "/usr/local")


def mixtures(scene: Scene) -> tuple[Hit, ...]:
    """Return what is mixed in the frames of each exception; said once each."""
    found: dict[str, Hit] = {}
    for chain in scene.chains:
        for raised in chain.raised:
            for hit in _of(raised):
                found.setdefault(hit.cause, hit)
    return tuple(found.values())


def _of(raised: Raised) -> list[Hit]:
    roots: dict[str, str] = {}  # of environments -> a package of it
    pythons: dict[str, str] = {}
    user: list[str] = []
    for frame in raised.frames:
        site = _SITE.match(frame.file)
        if site is None:
            continue
        root, package = site["root"], site["package"]
        if root.endswith("/.local"):
            user.append(package)
        elif root not in _SYSTEM:
            roots.setdefault(root, package)
        if site["python"] and "." in site["python"]:
            pythons.setdefault(site["python"], package)
    hits = []
    if user and roots:
        root = next(iter(roots))
        hits.append(
            _hit(
                m.USER_SITE,
                f"{user[0]} is loaded from ~/.local, and {roots[root]} from {root}: packages of the "
                "user's own folder come before those of the environment.",
                raised,
            )
        )
    if len(roots) > 1:
        first, second = list(roots)[:2]
        hits.append(
            _hit(
                m.TWO_ENVIRONMENTS,
                f"{roots[first]} is loaded from {first}, and {roots[second]} from {second}: two "
                "environments are mixed in one process, mostly through PYTHONPATH.",
                raised,
            )
        )
    elif len(pythons) > 1:
        first, second = list(pythons)[:2]
        hits.append(
            _hit(
                m.TWO_ENVIRONMENTS,
                f"{pythons[first]} is loaded from a folder of Python {first}, and {pythons[second]} from "
                f"one of Python {second}: two Pythons are mixed in one process, mostly through PYTHONPATH.",
                raised,
            )
        )
    return hits


def _hit(mechanism: m.Mechanism, cause: str, raised: Raised) -> Hit:
    return Hit(
        code=mechanism.code,
        cause=cause,
        remedies=(mechanism.remedy,),
        environment=True,
        rank=SymptomRank.GENERAL,
        certain=False,
        weight=0,
        places=((raised.begin, raised.begin),),
        values=(),
    )
