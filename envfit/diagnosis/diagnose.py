"""A log and the knowledge -> what the failure in it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from envfit.diagnosis import (
    builds,
    calls,
    checks,
    containers,
    cuda,
    downloads,
    driver,
    harmless,
    imports,
    libraries,
    limits,
    notices,
    releases,
    resolvers,
    runs,
    sources,
    system,
    toolchain,
    wrappers,
)
from envfit.diagnosis.import_names import NAMED_OTHERWISE
from envfit.diagnosis.model import Diagnosis
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import find_signs, hit_of_symptom
from envfit.diagnosis.weigh import weigh
from envfit.knowledge.log_text import LogText
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.symptom_match import find_symptoms

__all__ = ["SIGNS", "diagnose"]

SIGNS = (
    *imports.SIGNS,
    *calls.SIGNS,
    *checks.SIGNS,
    *releases.SIGNS,
    *libraries.SIGNS,
    *cuda.SIGNS,
    *driver.SIGNS,
    *runs.SIGNS,
    *containers.SIGNS,
    *builds.SIGNS,
    *toolchain.SIGNS,
    *sources.SIGNS,
    *resolvers.SIGNS,
    *downloads.SIGNS,
    *system.SIGNS,
    *limits.SIGNS,
    *wrappers.SIGNS,
    *notices.SIGNS,
    *harmless.SIGNS,
)


def diagnose(log: LogText, base: KnowledgeBase, notes: tuple[str, ...] = ()) -> Diagnosis:
    """Return the cause of what a log tells, as far as the log and the knowledge say it."""
    scene = Scene.of(log, distributions_of(base))
    hits = [hit_of_symptom(match, scene) for match in find_symptoms(log, base.symptoms)]
    hits += find_signs(scene, SIGNS)
    return weigh(scene, hits, notes)


def distributions_of(base: KnowledgeBase) -> Mapping[str, str]:
    """Return the distribution that brings each import name, as far as it is known."""
    known = {name.replace("-", "_"): name for name in base.packages}
    known.update(NAMED_OTHERWISE)
    for name, package in base.packages.items():
        for module in package.imports:
            known.setdefault(module.partition(".")[0], name)
    return known
