"""A lock in the words of other tools; each format is one pure function from lock to text."""

from __future__ import annotations

from envfit.export.conda import environment_yml
from envfit.export.requirements import constraints, provided_constraints, requirements
from envfit.export.uv import uv_fragment
from envfit.export.uv_project import MergedProject, declared_names, merged_into_project
from envfit.export.uv_tables import Named, UvTables, uv_tables

__all__ = [
    "MergedProject",
    "Named",
    "UvTables",
    "constraints",
    "declared_names",
    "environment_yml",
    "merged_into_project",
    "provided_constraints",
    "requirements",
    "uv_fragment",
    "uv_tables",
]
