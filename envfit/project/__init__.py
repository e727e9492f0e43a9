"""What the user asked for, read from wherever it is written.

Requirements come from the command line, ``pyproject.toml``, requirements files
and ``environment.yml``; all of them become one `Project`.  This room reads files
and judges their form, and nothing else: whether a package or a GPU exists is for
others to say.
"""

from envfit.project.declared import Declared, applies, for_target, parse_requirement
from envfit.project.model import CondaEnvironment, Project, combine
from envfit.project.provided import read_provided
from envfit.project.pyproject import mirrors_of
from envfit.project.read import find_project, read_files
from envfit.project.settings import Concession, Settings, TargetSettings, parse_exclude_newer

__all__ = [
    "Concession",
    "CondaEnvironment",
    "Declared",
    "Project",
    "Settings",
    "TargetSettings",
    "applies",
    "combine",
    "find_project",
    "for_target",
    "mirrors_of",
    "parse_exclude_newer",
    "parse_requirement",
    "read_files",
    "read_provided",
]
