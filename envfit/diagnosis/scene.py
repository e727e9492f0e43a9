"""Where in a log something was said: the exception it belongs to, its frames, the Python that ran."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from packaging.utils import canonicalize_name

from envfit.diagnosis.tracebacks import Chain, Frame, Raised, read_chains
from envfit.frozen import frozen
from envfit.knowledge.log_text import LogText

__all__ = ["Scene", "package_of_file", "python_of_file"]

_PYTHON = re.compile(r"[/\\](?:python|Python)(3)\.?(\d{1,2})[/\\]")
_SITE = re.compile(r"(?P<site>.*?[/\\](?:site|dist)-packages)[/\\](?P<package>[\w-]+)")
_PIP_PYTHON = re.compile(r"cp(3)(\d{1,2})-|Python (3)\.(\d{1,2})(?:\.\d+)?\b|\.cpython-(3)(\d{1,2})\b")


@frozen
class Scene:
    """A log with its exceptions, seen from one place of it."""

    log: LogText
    chains: tuple[Chain, ...]
    distributions: Mapping[str, str]  # import name -> name of the distribution
    messages: Mapping[int, tuple[Raised, tuple[Raised, ...]]]  # place of a line -> exception, outer ones
    raised: Raised | None = None  # the exception whose message is at the place
    outer: tuple[Raised, ...] = ()  # those that it led to
    place: int = 0

    @classmethod
    def of(cls, log: LogText, distributions: Mapping[str, str]) -> Scene:
        """Return a log with its exceptions read."""
        chains = read_chains(log)
        messages = {
            place: (raised, chain.raised[index + 1 :])
            for chain in chains
            for index, raised in enumerate(chain.raised)
            for place in range(raised.first, raised.last + 1)
        }
        return cls(log=log, chains=chains, distributions=distributions, messages=messages)

    def at(self, place: int) -> Scene:
        """Return the same log seen from a place in its lines."""
        raised, outer = self.messages.get(place, (None, ()))
        return replace(self, raised=raised, outer=outer, place=place)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Return the frames of the exception here, the innermost last."""
        return self.raised.frames if self.raised is not None else ()

    @property
    def asking(self) -> Frame | None:
        """Return the innermost frame in a file, which is the line that asked for what is missing."""
        return next((frame for frame in reversed(self.frames) if not frame.file.startswith("<")), None)

    @property
    def importer(self) -> str | None:
        """Return the package whose file asked, where it is an installed one."""
        return package_of_file(self.asking.file) if self.asking is not None else None

    def caller(self, called: str | None) -> str | None:
        """Return the installed package that asked another one for something, where frames show it."""
        for frame in reversed(self.frames):
            owner = self.of_file(frame.file)
            if owner and canonicalize_name(owner) != called:
                return owner
            if owner is None and not frame.file.startswith("<"):
                return None  # the user's own code
        return None

    def of_file(self, path: str) -> str | None:
        """Return the distribution that an installed file belongs to."""
        name = package_of_file(path)
        return self.distributions.get(name, name) if name else None

    @property
    def python(self) -> tuple[int, int] | None:
        """Return the version of the Python that ran, as far as paths tell it."""
        for frame in reversed(self.frames):
            if (version := python_of_file(frame.file)) is not None:
                return version
        return _python_of(self.log.text)


def package_of_file(path: str) -> str | None:
    """Return the top-level name, in a site directory, that a file belongs to."""
    found = _SITE.match(path)
    return found["package"] if found and not found["package"].startswith("_") else None


def python_of_file(path: str) -> tuple[int, int] | None:
    """Return the version of the Python whose directory a file is in."""
    found = _PYTHON.search(path)
    return (int(found[1]), int(found[2])) if found else None


@cache
def _python_of(text: str) -> tuple[int, int] | None:
    versions = {(int(found[1]), int(found[2])) for found in _PYTHON.finditer(text)}
    if not versions:
        versions = {
            (int(major), int(minor))
            for found in _PIP_PYTHON.findall(text)
            for major, minor in zip(found[::2], found[1::2], strict=True)
            if major
        }
    return versions.pop() if len(versions) == 1 else None
