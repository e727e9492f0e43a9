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
    ├── RefusalError          it cannot work, and why                  (exit 1)
    │   ├── TargetImpossibleError a GPU and a driver that exclude each other
    │   ├── UnsatisfiableError    proved: no set of packages fits
    │   └── InstallRefusedError   the lock does not run on this machine
    ├── UndecidedError        not decided within the budget            (exit 4)
    └── InstallError          the installation failed                  (exit 1)
        └── VerificationError     it installed, and does not work

An error is a value: a stable ``code``, a message that is complete without
colour, ``details`` as data and ``hints`` that were verified.  Turning it into
text and an exit code is the command line's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
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


class UsageError(InputError):
    """The words of a command line are none that the command takes."""

    code = "usage"

    def __init__(self, message: str, *, usage: str) -> None:
        super().__init__(message)
        self.usage = usage  # how the command is used, in lines


class RequirementError(InputError):
    """A requirement is malformed or asks for something unsupported."""

    code = "bad-requirement"


class ProjectError(InputError):
    """A project file is malformed."""

    code = "bad-project-file"


class TargetError(InputError):
    """A GPU, driver, Python, glibc or platform is unknown or malformed."""

    code = "bad-target"


class UnknownPackageError(InputError):
    """A package asked for directly is on no index in use."""

    code = "unknown-package"


class LockError(InputError):
    """A file is not a lock, or a malformed one."""

    code = "bad-lock"


class KnowledgeError(EnvfitError):
    """Constraint files do not hold up; the message lists every fault with file and path."""

    code = "bad-knowledge"


class OutsideError(EnvfitError):
    """Something outside envfit failed: network, disk, permission."""

    code = "outside-failed"


class SourceError(OutsideError):
    """An index in use failed or answered something that is no index page."""

    code = "index-failed"


class FileError(OutsideError):
    """A file could not be read or written."""

    code = "file-failed"


class RefusalError(EnvfitError):
    """It cannot work, and the message says why."""

    code = "refused"


class TargetImpossibleError(RefusalError):
    """The target excludes itself, such as a GPU that its driver does not drive."""

    code = "target-impossible"


class UnsatisfiableError(RefusalError):
    """Proved: no set of packages fits the requirements and the target."""

    code = "unsatisfiable"


class InstallRefusedError(RefusalError):
    """The lock does not run on this machine."""

    code = "install-refused"


class UndecidedError(EnvfitError):
    """Neither solved nor proved impossible within the budget."""

    code = "undecided"


class InstallError(EnvfitError):
    """The installation failed; what was there before is untouched."""

    code = "install-failed"


class VerificationError(InstallError):
    """Everything was installed, but what was asked for does not work."""

    code = "verification-failed"
