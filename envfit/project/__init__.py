"""What the user asked for, read from wherever it is written.

Requirements come from the command line, ``pyproject.toml``, requirements files,
locks and ``environment.yml``; all of them become one `Project`.  This room reads files
and judges their form, and nothing else: whether a package or a GPU exists is for
others to say.
"""

from envfit.project.command_line import read_command_line
from envfit.project.declared import Declared, applies, for_target, parse_requirement
from envfit.project.edit import add_to_project
from envfit.project.model import CondaEnvironment, Project, combine
from envfit.project.provided import read_provided
from envfit.project.pyproject import mirrors_of, rules_of
from envfit.project.read import find_project, project_settings, read_files
from envfit.project.settings import (
    Concession,
    ResolutionStrategy,
    Settings,
    TargetSettings,
    parse_exclude_newer,
    parse_resolution,
)

__all__ = [
    "Concession",
    "CondaEnvironment",
    "Declared",
    "Project",
    "ResolutionStrategy",
    "Settings",
    "TargetSettings",
    "add_to_project",
    "applies",
    "combine",
    "find_project",
    "for_target",
    "mirrors_of",
    "parse_exclude_newer",
    "parse_requirement",
    "parse_resolution",
    "project_settings",
    "read_command_line",
    "read_files",
    "read_provided",
    "rules_of",
]
