"""Which libraries of an environment count, and what is loaded before one that does not find its own.

Only libraries that are surely used count: extension modules, what they are linked with, and
what knowledge names as a package's own GPU code.  The plugins of a library (NVSHMEM has one
for each kind of network) are opened one by one, and those that do not open are passed over.

A library that a package does not find is no fault where the package itself, or what it requires,
has it: it is loaded before, as torch does for NVIDIA's wheels and every module of torchvision
counts on torch.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envfit.binary.loader import Link
from envfit.installed.libraries import Libraries, SharedLibrary
from envfit.installed.model import InstalledDistribution, InstalledEnvironment
from envfit.knowledge.model import KnowledgeBase

__all__ = ["Linked", "is_of_driver", "required_by"]

#: What comes with NVIDIA's driver and with nothing else.
_DRIVER = re.compile(r"lib(?:cuda|nvidia-[\w-]+|nvcuvid|nvoptix)\.so\.1")

#: Frameworks that others have parts for, which are used where the framework is there.
_FRAMEWORKS = (
    ("torch", re.compile(r"lib(?:c10|torch)(?:_\w+)?\.so")),
    ("tensorflow", re.compile(r"libtensorflow_(?:framework|cc)\.so")),
)


def is_of_driver(name: str) -> bool:
    """Tell whether a library comes with NVIDIA's driver and with nothing else."""
    return _DRIVER.fullmatch(name) is not None


class Linked:
    """The libraries that count, and how their packages hang together."""

    def __init__(
        self, environment: InstalledEnvironment, libraries: Libraries, knowledge: KnowledgeBase
    ) -> None:
        self._libraries = {item.path: item for item in libraries.libraries}
        self._sizes = dict(libraries.sizes)
        seen = environment.seen()
        self._titles = {item.name: f"{item.name} {item.says}" for item in seen.values()}
        self._requires = {
            item.name: (*required_by(item), *_known_to_require(item, knowledge)) for item in seen.values()
        }
        answering: dict[str, list[SharedLibrary]] = defaultdict(list)
        for item in libraries.libraries:
            for name in item.answers_to:
                answering[name].append(item)
        self._answering = dict(answering)
        own = _own_code(environment, knowledge)
        self._own = frozenset(
            item.path
            for item in libraries.libraries
            if any(fnmatch.fnmatchcase(item.place, pattern) for pattern in own.get(item.owner or "", ()))
        )
        used = [
            item
            for item in libraries.libraries
            if (item.path in self._own or _is_module(item)) and not self._is_for_another(item, seen.keys())
        ]
        families = Counter(map(_family, used))
        whole = {_family(item) for item in used if not any(self.faults(item))}
        #: Builds of one part for several versions of something, of which one is chosen at run time.
        self.alternatives = frozenset(item.path for item in used if families[_family(item)] > 1)
        #: The libraries that count; an alternative is passed over where another one of it is whole.
        self.roots = tuple(item for item in used if not (any(self.faults(item)) and _family(item) in whole))

    def _is_for_another(self, root: SharedLibrary, there: AbstractSet[str]) -> bool:
        """Tell whether a library serves those who have a framework that its package does not require."""
        missing = {
            name for name, pattern in _FRAMEWORKS for link in root.loading.missing if pattern.match(link.name)
        }
        return bool(missing - there - self.closure(root.owner))

    def faults(self, root: SharedLibrary) -> Iterator[Link]:
        """Yield the libraries that one needs, that it does not find, and that nothing loads before it."""
        return (link for link in root.loading.missing if self._is_fault(root, link))

    def _is_fault(self, root: SharedLibrary, link: Link) -> bool:
        if is_of_driver(link.name):
            return False
        asking = self.asking(root, link)
        before = self.closure(root.owner) | self.closure(asking.owner)
        if not self.is_own_code(root):
            # Who names it in an extra knows where it comes from, and looks for it there.
            before |= self._named_in_extras(root.owner)
        return not any(item.owner in before for item in self.answering(link.name))

    def asking(self, root: SharedLibrary, link: Link) -> SharedLibrary:
        """Return the library of the environment that asks for another one."""
        return self._libraries.get(link.asked_by, root)

    def answering(self, name: str) -> Sequence[SharedLibrary]:
        """Return the libraries of the environment that answer to a name once they are loaded."""
        return self._answering.get(name, ())

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a library of the environment answers to."""
        return tuple(sorted(self._answering))

    def library(self, path: str) -> SharedLibrary | None:
        """Return a library of the environment by its path."""
        return self._libraries.get(path)

    def is_own_code(self, library: SharedLibrary) -> bool:
        """Tell whether knowledge names a library as its package's own GPU code."""
        return library.path in self._own

    def size(self, path: str) -> int | None:
        """Return the bytes of a library, in the environment or not."""
        there = self._libraries.get(path)
        return there.size if there is not None else self._sizes.get(path)

    def loaded(self) -> Iterator[SharedLibrary]:
        """Yield the libraries of the environment that count or are loaded with one that does."""
        paths = {path for root in self.roots for path in root.loading.loaded}
        return (self._libraries[path] for path in sorted(paths & self._libraries.keys()))

    def title(self, owner: str) -> str:
        """Return the name and version of a distribution; as it is what is none."""
        return self._titles.get(owner, owner)

    @functools.cache  # noqa: B019 - lives as long as one judgement
    def closure(self, owner: str | None) -> frozenset[str | None]:
        """Return a distribution, what it requires, and what that requires."""
        found, waiting = {owner}, [owner]
        while waiting:
            for name, in_extra in self._requires.get(waiting.pop() or "", ()):
                if not in_extra and name not in found:
                    found.add(name)
                    waiting.append(name)
        return frozenset(found)

    def _named_in_extras(self, owner: str | None) -> frozenset[str]:
        named = {name for name, in_extra in self._requires.get(owner or "", ()) if in_extra}
        # An extra may name a package that has nothing but requirements, such as cuda-toolkit.
        return frozenset(named | {name for each in named for name, _ in self._requires.get(each, ())})


def required_by(distribution: InstalledDistribution) -> tuple[tuple[str, bool], ...]:
    """Return the names that a distribution requires, and whether each is required by an extra alone."""
    found = []
    for text in distribution.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        found.append((canonicalize_name(requirement.name), "extra" in str(requirement.marker or "")))
    return tuple(found)


def _known_to_require(
    distribution: InstalledDistribution, knowledge: KnowledgeBase
) -> Iterator[tuple[str, bool]]:
    """Yield what rules say that one requires, where its metadata is silent, as that of torchaudio 2.11 is."""
    for place in knowledge.lookup.rules_about(distribution.name):
        rule = knowledge.rules[place]
        if distribution.version and rule.versions.contains(distribution.version, prereleases=True):
            yield from ((item.name, False) for item in rule.requires if not item.is_fact)


def _own_code(environment: InstalledEnvironment, knowledge: KnowledgeBase) -> Mapping[str, Sequence[str]]:
    """Return by distribution the patterns of its own GPU code that is loaded whatever it is used for."""
    found: dict[str, list[str]] = defaultdict(list)
    for distribution in environment.distributions:
        known = knowledge.packages.get(distribution.name)
        for own in known.own_code if known is not None and distribution.version is not None else ():
            always = not (own.needed_for or own.chosen_by or own.only_for)
            if always and own.versions.contains(distribution.version or "", prereleases=True):
                found[distribution.name] += own.libraries
    return found


def _is_module(library: SharedLibrary) -> bool:
    """Tell whether a library can be imported by its name: _C.so can; libc10.so is linked or opened."""
    stem = library.name.partition(".")[0]
    return library.name.endswith(".so") and stem.isidentifier() and not stem.startswith("lib")


def _family(library: SharedLibrary) -> str:
    """Return what builds of one part for several versions of something share: _ffmpeg4.so, MPI.mpich.so."""
    directory, _, name = library.path.rpartition("/")
    return re.sub(r"\d+", "#", f"{directory}/{name.partition('.')[0]}")
