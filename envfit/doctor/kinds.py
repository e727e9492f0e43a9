"""The kinds of finding that a check can have, each a constant: the error reference is made of them."""

from __future__ import annotations

from envfit.doctor.finding import Kind, Stage

__all__ = [
    "ALTERED_FILES",
    "BAD_METADATA",
    "CANNOT_WORK",
    "CHANGED_SINCE_INSTALL",
    "CODE_UNREAD",
    "DEAD_PATH",
    "DOUBLED_METADATA",
    "EDITABLE_GONE",
    "GPU_UNKNOWN",
    "HALF_REMOVED",
    "HOLLOW_PACKAGE",
    "KINDS",
    "MADE_ANEW",
    "MISSING_EXTENSION",
    "MISSING_FILES",
    "MISSING_REQUIREMENT",
    "NO_INTERPRETER",
    "NO_METADATA",
    "NO_RECORD",
    "SHADOWED",
    "SHARED_FILES",
    "WORKS_BADLY",
    "WRONG_PYTHON",
    "WRONG_VERSION",
]

NO_INTERPRETER = Kind(
    code="no-interpreter",
    stage=Stage.FILES,
    cause="The Python of an environment is not there any more, does not start, or is of another version than "
    "its packages were installed for: the one that it was made from was removed, replaced or moved, or the "
    "environment was.",
    remedy="Put that Python back where it was, or make the environment anew.",
)
HALF_REMOVED = Kind(
    code="half-removed",
    stage=Stage.FILES,
    cause="pip renames what it removes or replaces by a ~ before it deletes it, and was interrupted.",
    remedy="Remove what begins with ~; install the package again if nothing else of it is there.",
)
DOUBLED_METADATA = Kind(
    code="doubled-metadata",
    stage=Stage.FILES,
    cause="Two metadata directories of one package lie side by side: an installation was interrupted, or "
    "two installers did not know of each other. Which version Python names depends on their order.",
    remedy="Remove the metadata of the version whose files are not there, or install the package again.",
)
NO_RECORD = Kind(
    code="no-record",
    stage=Stage.FILES,
    cause="The metadata of a package has no RECORD, so that no tool knows which files are its own.",
    remedy="Install it again over what is there, ignoring what is installed.",
)
NO_METADATA = Kind(
    code="no-metadata",
    stage=Stage.FILES,
    cause="The metadata directory of a package has no METADATA, or one that cannot be read: it was removed "
    "by half, never written in full, or damaged. Tools trip over it, and packages that ask for its version "
    "get none.",
    remedy="Install the package again where its files are there; else remove the directory.",
)
MISSING_FILES = Kind(
    code="missing-files",
    stage=Stage.FILES,
    cause="Files that RECORD names are not there: deleted by hand, by a tool that makes images smaller, or "
    "with another package that had files of the same names.",
    remedy="Install the package again in the same version.",
)
ALTERED_FILES = Kind(
    code="altered-files",
    stage=Stage.FILES,
    cause="Files are not those that were installed: they were edited, patched, damaged, or overwritten by "
    "something that keeps no record.",
    remedy="Install the package again in the same version, unless the change was meant.",
)
SHARED_FILES = Kind(
    code="shared-files",
    stage=Stage.FILES,
    cause="Two packages have the same import name or install the same files with other contents; the one "
    "installed last is there, mixed with what is left of the other, and removing either breaks both.",
    remedy="Keep one of the two: remove both, and install that one again.",
)
EDITABLE_GONE = Kind(
    code="editable-gone",
    stage=Stage.FILES,
    cause="A package was installed in editable mode, and the directory of its project is not there any more.",
    remedy="Put the project back where it was, or remove the package and install it anew.",
)
DEAD_PATH = Kind(
    code="dead-path",
    stage=Stage.FILES,
    cause="A .pth file adds a directory to the search path that is not there; nothing that was in it can be "
    "imported.",
    remedy="Remove the .pth file, or put the directory back.",
)
SHADOWED = Kind(
    code="shadowed",
    stage=Stage.FILES,
    cause="A package is found first in the user's own site directory or in PYTHONPATH, and the one that the "
    "environment has is not reached.",
    remedy="Set PYTHONNOUSERSITE=1 or unset PYTHONPATH for this environment, or remove the other one.",
)
HOLLOW_PACKAGE = Kind(
    code="hollow-package",
    stage=Stage.FILES,
    cause="A directory with nothing in it but byte code is left of a package that was removed. "
    "Importing its name succeeds and gives an empty namespace, so that others take it for installed.",
    remedy="Remove the directory.",
)
MISSING_REQUIREMENT = Kind(
    code="missing-requirement",
    stage=Stage.METADATA,
    cause="A package requires another that is not installed.",
    remedy="Install what is required, or remove the package that requires it.",
)
WRONG_VERSION = Kind(
    code="wrong-version",
    stage=Stage.METADATA,
    cause="A package requires another version of a package than the one that is installed.",
    remedy="Install a version that all agree on, or remove the package that requires another.",
)
WRONG_PYTHON = Kind(
    code="wrong-python",
    stage=Stage.METADATA,
    cause="A package says that it does not run on the Python of this environment.",
    remedy="Install a release of it that is made for this Python, or make an environment with another.",
)
BAD_METADATA = Kind(
    code="bad-metadata",
    stage=Stage.METADATA,
    cause="The version or a requirement of a package is not written as the standards demand, so that no "
    "tool can compare it (PEP 440, PEP 508).",
    remedy="Install another release of it, whose metadata is valid.",
)
MISSING_EXTENSION = Kind(
    code="missing-extension",
    stage=Stage.KNOWLEDGE,
    cause="A package was built without the compiled extension that it consists of, as some installers do "
    "where compiling fails. Its metadata says that it is there, so that others use it, and fail.",
    remedy="Remove it: what uses it has another way. Or build it with its extension, for a GPU that it "
    "supports.",
)
CANNOT_WORK = Kind(
    code="cannot-work",
    stage=Stage.KNOWLEDGE,
    cause="A rule of the knowledge says that a package cannot work on this machine, or beside what is "
    "installed with it.",
    remedy="What the rule asks for; envfit why RULE tells what proves it.",
)
WORKS_BADLY = Kind(
    code="works-badly",
    stage=Stage.KNOWLEDGE,
    cause="A rule of the knowledge says that a package works badly or in part on this machine, or beside "
    "what is installed with it.",
    remedy="What the rule asks for, if what it speaks of is used; envfit why RULE tells what proves it.",
)
GPU_UNKNOWN = Kind(
    code="gpu-unknown",
    stage=Stage.KNOWLEDGE,
    cause="Packages with GPU code are installed, and there is no GPU to hold them against, or none that can "
    "be read.",
    remedy="Name the GPU and the driver that the environment is for: --gpu and --driver.",
)
CODE_UNREAD = Kind(
    code="code-unread",
    stage=Stage.KNOWLEDGE,
    cause="What GPU code a package has is neither known nor was it read.",
    remedy="Check without --quick: then its libraries are read.",
)
CHANGED_SINCE_INSTALL = Kind(
    code="changed-since-install",
    stage=Stage.KNOWLEDGE,
    cause="envfit made the environment from a lock, and packages were added, replaced or removed since.",
    remedy="Install the lock again, or lock what was added along with the rest.",
)
MADE_ANEW = Kind(
    code="made-anew",
    stage=Stage.KNOWLEDGE,
    cause="envfit made the environment, and another program emptied it and made it anew: uv sync, uv run and "
    "uv venv do so where they want another Python. The lock and the guard that envfit left there are gone.",
    remedy="Install the lock again, and let uv have an environment of its own: UV_PROJECT_ENVIRONMENT names "
    "it.",
)
CONDITION_REFUTED = Kind(
    code="condition-refuted",
    stage=Stage.KNOWLEDGE,
    cause="The environment was made where there was no GPU, or where a fact was not known. What was left to "
    "be proved does not hold on this machine.",
    remedy="Lock and install for this machine, or use the environment on one of those that it is for.",
)
INSTALLED_BY_FORCE = Kind(
    code="installed-by-force",
    stage=Stage.KNOWLEDGE,
    cause="The environment was installed with --force-incompatible, though something was known to speak "
    "against it.",
    remedy="Lock again for the machine that it is used on, and install that.",
)

#: All of them, in the order in which a check comes to them.
KINDS = (
    NO_INTERPRETER,
    HALF_REMOVED,
    DOUBLED_METADATA,
    NO_RECORD,
    NO_METADATA,
    MISSING_FILES,
    ALTERED_FILES,
    SHARED_FILES,
    EDITABLE_GONE,
    DEAD_PATH,
    SHADOWED,
    HOLLOW_PACKAGE,
    MISSING_REQUIREMENT,
    WRONG_VERSION,
    WRONG_PYTHON,
    BAD_METADATA,
    MISSING_EXTENSION,
    CANNOT_WORK,
    WORKS_BADLY,
    GPU_UNKNOWN,
    CODE_UNREAD,
    CHANGED_SINCE_INSTALL,
    MADE_ANEW,
    CONDITION_REFUTED,
    INSTALLED_BY_FORCE,
)
