"""What can go wrong, as types.

The tree::

    EnvfitError
    ├── InputError            what the user wrote cannot be used        (exit 2)
    │   ├── UsageError            words of the command line that no command takes
    │   ├── RequirementError      a malformed or unsupported requirement
    │   ├── ProjectError          a malformed pyproject, requirements or environment file
    │   ├── TargetError           an unknown GPU, a malformed driver, Python or platform
    │   ├── UnknownPackageError   a name asked for directly that no index has
    │   └── LockError             a file that is not a lock, or a malformed one
    ├── KnowledgeError        constraint files that do not hold up     (exit 2)
    ├── OutsideError          network, disk, permission                (exit 3)
    │   ├── SourceError           an index failed or answered garbage
    │   └── FileError             a file could not be read or written
    │       └── SpaceError            the disk surely has no room for it
    ├── RefusalError          it cannot work, and why                  (exit 1)
    │   ├── TargetImpossibleError a GPU and a driver that exclude each other
    │   ├── UnsatisfiableError    proved: no set of packages fits
    │   ├── InstallRefusedError   the lock does not run on this machine
    │   └── BuildImpossibleError  a package cannot be compiled for the GPUs, or not here
    ├── UndecidedError        not decided within the budget            (exit 4)
    └── InstallError          the installation failed                  (exit 1)
        ├── BuildError            a source distribution was not compiled
        │   └── CrippledBuildError    it was, and its wheel lacks what it was built for
        └── VerificationError     it installed, and does not work

An error is a value: a stable ``code``, a message that is complete without
colour, ``details`` as data and ``hints`` that were verified.  Turning it into
text and an exit code is the command line's alone.  ``cause`` and ``remedy`` say what
holds for every error of a code, for the error reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
    "BuildError",
    "BuildImpossibleError",
    "CrippledBuildError",
    "EnvfitError",
    "FileError",
    "InputError",
    "InstallError",
    "InstallRefusedError",
    "KnowledgeError",
    "LockError",
    "OutsideError",
    "ProjectError",
    "RefusalError",
    "RequirementError",
    "SourceError",
    "SpaceError",
    "TargetError",
    "TargetImpossibleError",
    "UndecidedError",
    "UnknownPackageError",
    "UnsatisfiableError",
    "UsageError",
    "VerificationError",
]


class EnvfitError(Exception):
    """Base of every error that envfit raises on purpose; anything else is a bug."""

    code = "error"
    cause = "Something that envfit was asked for could not be done; no more special kind of error fits."
    remedy = "Read the message and its hints; each says what is in the way."

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        hints: Sequence[str] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, str] = dict(details or {})
        self.hints = tuple(hints)
        if code is not None:
            self.code = code


class InputError(EnvfitError):
    """What the user wrote cannot be used."""

    code = "bad-input"
    cause = "What was written on the command line or in a file cannot be used."
    remedy = "Correct what the message names; the hints say what is meant to stand there."


class UsageError(InputError):
    """The words of a command line are none that the command takes."""

    code = "usage"
    cause = "The command line has words or options that the command does not take."
    remedy = "Look at the usage under the message, or at --help of the command."

    def __init__(self, message: str, *, usage: str) -> None:
        super().__init__(message)
        self.usage = usage  # how the command is used, in lines


class RequirementError(InputError):
    """A requirement is malformed or asks for something unsupported."""

    code = "bad-requirement"
    cause = "A requirement is malformed (PEP 508), or asks for something that envfit does not support."
    remedy = (
        "Write it as NAME, NAME[EXTRA], NAME==VERSION or NAME @ ADDRESS; the message names the text and its "
        "place."
    )


class ProjectError(InputError):
    """A project file is malformed."""

    code = "bad-project-file"
    cause = (
        "A pyproject.toml, requirements file or environment.yml is missing or malformed, or says two things "
        "of which only one can hold."
    )
    remedy = "Correct the place that the message names; nothing was written."


class TargetError(InputError):
    """A GPU, driver, Python, glibc or platform is unknown or malformed."""

    code = "bad-target"
    cause = (
        "A GPU, a driver, a Python, a glibc or a platform is unknown, malformed, or cannot be read on this "
        "machine."
    )
    remedy = (
        "Use one of the names in the hints; --gpu also takes a compute capability such as 7.0, and --gpu "
        "none an environment without a GPU."
    )


class UnknownPackageError(InputError):
    """A package asked for directly is on no index in use."""

    code = "unknown-package"
    cause = "No index in use has a package that was asked for by name."
    remedy = "Check the spelling, or add the index that has it with --extra-index-url."


class LockError(InputError):
    """A file is not a lock, or a malformed one."""

    code = "bad-lock"
    cause = (
        "A file is not a lock of PEP 751, or is malformed, or leaves open which file of a package is meant."
    )
    remedy = "Lock again with envfit lock; a file that is no lock is left alone, so name another one with -o."


class KnowledgeError(EnvfitError):
    """Constraint files do not hold up; the message lists every fault with file and path."""

    code = "bad-knowledge"
    cause = (
        "Constraint files, envfit's own or a project's, do not hold up: a field is missing, malformed or "
        "names something that does not exist."
    )
    remedy = "Correct the places that the message names; envfit knowledge lint lists them all."


class OutsideError(EnvfitError):
    """Something outside envfit failed: network, disk, permission."""

    code = "outside-failed"
    cause = "Something outside envfit failed: the network, the disk, a permission, another program."
    remedy = "Mend what the message names and try again; what was there before is untouched."


class SourceError(OutsideError):
    """An index in use failed or answered something that is no index page."""

    code = "index-failed"
    cause = "An index in use did not answer, refused, or answered something that is no index page."
    remedy = (
        "Try again, check address and credentials, or name another index with --index-url; --offline uses "
        "what is in the cache."
    )


class FileError(OutsideError):
    """A file could not be read or written."""

    code = "file-failed"
    cause = "A file could not be read or written."
    remedy = "Check the path that the message names, its permissions, and the space on the disk."


class SpaceError(FileError):
    """What would be installed surely does not fit on the disk."""

    code = "no-space"
    cause = (
        "What would be installed surely does not fit on the disk: it is larger than what is free where the "
        "environment or uv's cache lies. Nothing was made."
    )
    remedy = (
        "Make room (uv cache prune; envfit install --keep 0 keeps no former version), or name another place "
        "with --prefix or UV_CACHE_DIR."
    )


class RefusalError(EnvfitError):
    """It cannot work, and the message says why."""

    code = "refused"
    cause = "It cannot work, and the message says why."
    remedy = "Change what the reasons name; the hints were tried before they were printed."


class TargetImpossibleError(RefusalError):
    """The target excludes itself, such as a GPU that its driver does not drive."""

    code = "target-impossible"
    cause = (
        "The target excludes itself: a GPU that its driver does not drive, or GPUs that exist on different "
        "platforms."
    )
    remedy = "Name a driver that drives the GPU, or leave --driver out."


class UnsatisfiableError(RefusalError):
    """Proved: no set of packages fits the requirements and the target."""

    code = "unsatisfiable"
    cause = (
        "It is proved that no set of packages meets the requirements on the target: the reasons below the "
        "message say which of them conflict."
    )
    remedy = (
        "Loosen or drop one of the requirements that the message names, or follow one of the hints; envfit "
        "why RULE tells what a rule rests on."
    )


class InstallRefusedError(RefusalError):
    """The lock does not run on this machine."""

    code = "install-refused"
    cause = (
        "The lock does not run on this machine: a GPU, the driver or the C library does not fit, or "
        "packages that it counts on are not provided."
    )
    remedy = "Lock for this machine (envfit lock --gpu auto), or install where the lock runs."


class BuildImpossibleError(RefusalError):
    """A package cannot be compiled for the GPUs of a target, or not on this machine."""

    code = "build-impossible"
    cause = (
        "Something that a build needs is missing or does not fit: code for the GPU, an nvcc or a host "
        "compiler that fits the rest, another torch, memory. Nothing was compiled."
    )
    remedy = (
        "Take one of the hints; each was judged in the same way. envfit build --dry-run shows every gate, "
        "those that are open too."
    )


class UndecidedError(EnvfitError):
    """Neither solved nor proved impossible within the budget."""

    code = "undecided"
    cause = "Neither a solution nor a proof that there is none was found within the budget of decisions."
    remedy = "Give more with --budget, or bound the versions of the packages that have many."


class InstallError(EnvfitError):
    """The installation failed; what was there before is untouched."""

    code = "install-failed"
    cause = "The installation failed; the environment that was there before is untouched."
    remedy = "Read the message: it names the program and what it said. Then install again."


class VerificationError(InstallError):
    """Everything was installed, but what was asked for does not work."""

    code = "verification-failed"
    cause = (
        "Everything was installed, but something that was asked for does not import or run; the environment "
        "was not put in place."
    )
    remedy = (
        "Look at the exception in the message: its root is the cause. envfit diagnose tells what it means."
    )


class BuildError(InstallError):
    """A source distribution could not be compiled; what was finished of it is kept."""

    code = "compilation-failed"
    cause = "A source distribution could not be compiled: its build stopped with an error or was ended."
    remedy = (
        "Read the cause in the message and the log that it names, then run the same command again: it goes "
        "on from what was finished."
    )


class CrippledBuildError(BuildError):
    """A build said that all is well, and its wheel lacks the extension or the code that it was built for."""

    code = "crippled-build"
    cause = (
        "A build ended without an error, and its wheel lacks the compiled extension or code for a GPU that "
        "it was built for, or holds code that nobody asked for. Some packages fall back so when a setting "
        "does not suit them."
    )
    remedy = (
        "Read the log that the message names for what the build left out; no such wheel is ever installed."
    )
