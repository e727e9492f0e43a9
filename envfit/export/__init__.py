"""A lock in the words of other tools; each format is one pure function from lock to text."""

from __future__ import annotations

from envfit.export.conda import environment_yml
from envfit.export.requirements import constraints, requirements

__all__ = ["constraints", "environment_yml", "requirements"]
