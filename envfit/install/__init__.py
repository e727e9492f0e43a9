"""From a lock to an environment that works, or none at all."""

from __future__ import annotations

from envfit.install.environment import Environment
from envfit.install.guard import Line
from envfit.install.make import Downloads
from envfit.install.options import BUILD_CONSTRAINTS, Build, Options, Verify
from envfit.install.plan import HealthCheck, Plan, plan
from envfit.install.refusal import Refused
from envfit.install.report import InstallReport
from envfit.install.space import Space
from envfit.install.transaction import install
from envfit.lock.refusal import Refusal, Unproved
from envfit.prove.imports import ImportResult, Outcome

__all__ = [
    "BUILD_CONSTRAINTS",
    "Build",
    "Downloads",
    "Environment",
    "HealthCheck",
    "ImportResult",
    "InstallReport",
    "Line",
    "Options",
    "Outcome",
    "Plan",
    "Refusal",
    "Refused",
    "Space",
    "Unproved",
    "Verify",
    "install",
    "plan",
]
