"""Every code that envfit prints, with its cause and its remedy: the error reference.

Codes of errors are those of their classes; codes of findings and of diagnoses are in the
registries of those rooms.
"""

from __future__ import annotations

import enum
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator

import envfit.doctor
from envfit.errors import EnvfitError
from envfit.frozen import frozen

__all__ = ["ERROR_MODULES", "CodeEntry", "CodeOf", "code_entries", "code_entry"]

#: The modules that define errors with codes of their own; a test holds it against all of them.
ERROR_MODULES = (
    "envfit.errors",
    "envfit.index.build_metadata",
    "envfit.index.core_metadata",
    "envfit.index.metadata",
)


class CodeOf(enum.Enum):
    """What has a code."""

    ERROR = "error"
    FINDING = "finding"
    DIAGNOSIS = "diagnosis"


@frozen
class CodeEntry:
    """What one code means."""

    code: str
    of: CodeOf
    says: str  # of an error, in a sentence what it is
    cause: str
    remedy: str
    error: type[EnvfitError] | None = None
    stage: str | None = None  # of a check, in which a finding is made


def code_entries() -> tuple[CodeEntry, ...]:
    """Return the entry of every code: errors, findings and diagnoses, each by code."""
    found = (*_errors(), *_findings(), *_diagnoses())
    order = list(CodeOf)
    return tuple(sorted(found, key=lambda entry: (order.index(entry.of), entry.code)))


def code_entry(code: str) -> CodeEntry | None:
    """Return the entry of a code, of an error before a finding; None where there is no such code."""
    return next((entry for entry in code_entries() if entry.code == code), None)


def _errors() -> Iterator[CodeEntry]:
    for name in ERROR_MODULES:
        for value in vars(importlib.import_module(name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, EnvfitError)
                and value.__module__ == name
                and "code" in vars(value)
            ):
                says = (value.__doc__ or "").partition("\n")[0]
                yield CodeEntry(
                    code=value.code,
                    of=CodeOf.ERROR,
                    says=says,
                    cause=value.cause,
                    remedy=value.remedy,
                    error=value,
                )


def _findings() -> Iterator[CodeEntry]:
    """Yield the kinds in every module of the doctor's room whose name begins with "kinds"."""
    for module in pkgutil.iter_modules(envfit.doctor.__path__):
        if module.name.startswith("kinds"):
            for kind in importlib.import_module(f"envfit.doctor.{module.name}").KINDS:
                yield CodeEntry(
                    code=kind.code,
                    of=CodeOf.FINDING,
                    says="",
                    cause=kind.cause,
                    remedy=kind.remedy,
                    stage=kind.stage.value,
                )


def _diagnoses() -> Iterator[CodeEntry]:
    """Yield the mechanisms that a failure text can tell of."""
    if importlib.util.find_spec("envfit.diagnosis") is None:
        return
    for mechanism in importlib.import_module("envfit.diagnosis.mechanisms").MECHANISMS:
        yield CodeEntry(
            code=mechanism.code,
            of=CodeOf.DIAGNOSIS,
            says="",
            cause=mechanism.cause,
            remedy=mechanism.remedy,
        )
