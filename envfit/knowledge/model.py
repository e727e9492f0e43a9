"""The shape of knowledge: evidence, rules, axes, hardware and facts read from wheels.

Everything here is frozen data.  It decides nothing (``query`` and
``device_code`` do) and reads nothing (``load`` does).
"""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.frozen import frozen
from envfit.target import Capability, Platform

if TYPE_CHECKING:
    from envfit.knowledge.symptom import Symptom

__all__ = [
    "CAPABILITY",
    "Advice",
    "Alternative",
    "BuildArchitecture",
    "BuildCost",
    "BuiltObject",
    "CapabilityEntry",
    "Choice",
    "Condition",
    "CudaRuntime",
    "CudaToolkit",
    "DeviceCode",
    "DriverBranch",
    "Evidence",
    "EvidenceKind",
    "Example",
    "Extension",
    "GpuModel",
    "IndexBuild",
    "IndexLabel",
    "KnowledgeBase",
    "LibraryFacts",
    "Lookup",
    "NvccRelease",
    "OwnCode",
    "PackageKnowledge",
    "Prebuilt",
    "PythonEntry",
    "RoutedIndex",
    "Rule",
    "Severity",
    "SourceBuild",
    "StaticMetadata",
    "TorchCompiler",
    "TorchExtensions",
]

#: The name by which a rule speaks of the compute capability of every GPU in use.
CAPABILITY = "__capability"


class EvidenceKind(enum.IntEnum):
    """Kinds of evidence; the higher, the better."""

    FORUM = 1
    ISSUE = 2
    DOCS = 3
    RELEASE_NOTES = 4
    ARTIFACT = 5
    MEASURED = 6

    @property
    def label(self) -> str:
        """The kind as it is written in files."""
        return self.name.lower().replace("_", "-")


@frozen
class Evidence:
    """What proves a statement."""

    kind: EvidenceKind
    source: str  # a file name, an address or a document
    locator: str  # where in it
    checked: date
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.kind.label}: {self.source}, {self.locator} (checked {self.checked})"


class Severity(enum.Enum):
    """Whether what a rule forbids cannot work or works badly."""

    BLOCKS = "blocks"
    WARNS = "warns"


@frozen
class Condition:
    """A bound on a fact, a choice, or a package."""

    name: str
    specifier: SpecifierSet

    @property
    def is_fact(self) -> bool:
        """Whether it speaks of the machine or of a choice, not of a package."""
        return self.name.startswith("__")

    def __str__(self) -> str:
        return f"{self.name}{self.specifier}"


@frozen
class Rule:
    """One statement of knowledge about a package.

    ``requires`` fails where a fact is absent and brings a package in;
    ``constrains`` says nothing where the fact or the package is absent;
    ``excludes`` names packages that must not be in the same environment.
    """

    id: str
    packages: tuple[str, ...]  # normalized names, or patterns with *
    versions: SpecifierSet = field(default_factory=SpecifierSet)
    platforms: tuple[Platform, ...] = ()  # empty: every one
    distributions: str = "any"  # "wheel", "sdist" or "any"
    requires: tuple[Condition, ...] = ()
    constrains: tuple[Condition, ...] = ()
    excludes: tuple[str, ...] = ()
    severity: Severity = Severity.BLOCKS
    why: str
    evidence: tuple[Evidence, ...]
    file: str  # relative to the constraints directory


@frozen
class LibraryFacts:
    """What was read in one library of a wheel, in the sections that a driver sees.

    ``sass`` and ``ptx`` say for each architecture how many of the fat binaries have code for it.
    """

    path: str  # in the wheel
    fatbins: int
    sass: Mapping[str, int]
    ptx: Mapping[str, int]
    ptx_isa: Version | None = None  # the newest that PTX is written in
    linked: tuple[str, ...] = ()  # CUDA libraries, as it names them


@frozen
class OwnCode:
    """Which libraries of a package hold its own GPU code, as paths or patterns, and when each is loaded.

    All of them, whatever is done with the package, unless ``needed_for`` or ``chosen_by`` is set.
    """

    versions: SpecifierSet
    libraries: tuple[str, ...]
    needed_for: str | None = None  # what alone fails without them, such as "torch.linalg on the GPU"
    chosen_by: str | None = None  # a choice: the library with its value in place of {} is loaded
    or_nearest: bool = False  # where it is missing: the next older of its major, else the next newer
    only_for: tuple[Capability, ...] = ()  # where they are loaded on some GPUs only
    runtime_from: str | None = None  # a choice: whose CUDA runtime they load, so that its major is theirs
    evidence: tuple[Evidence, ...] = ()


@frozen
class Extension:
    """Compiled modules of a package without which it cannot work, though it may be installed without them."""

    versions: SpecifierSet
    modules: tuple[str, ...]  # as they are imported, such as "flash_attn_2_cuda"
    needed_for: str | None = None  # what alone fails without them; None: all of it
    evidence: tuple[Evidence, ...] = ()


@frozen
class DeviceCode:
    """GPU code read from one wheel, or known of one kind of build."""

    package: str
    version: Version
    platform: Platform
    filename: str
    sha256: str
    cuda: Version | None  # CUDA runtime that it was built with; None for a build without GPU code
    sass: tuple[str, ...] | None = None  # without dots: "70", "90a", "100f"; None where nobody has read it
    ptx: tuple[str, ...] = ()
    libraries: tuple[LibraryFacts, ...] = ()  # where each library was read by itself; sass is None then
    source: str = ""  # what was read, for explanations
    inherited: bool = False


@frozen
class IndexBuild:
    """Builds of a package that an index of variants carries, such as torch +cu126."""

    label: str
    versions: SpecifierSet
    platform: Platform
    cuda: Version
    sass: tuple[str, ...]
    ptx: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@frozen
class StaticMetadata:
    """Metadata of releases whose sdist states none that can be read without a build."""

    versions: SpecifierSet
    requires: tuple[str, ...]
    requires_python: SpecifierSet | None
    evidence: tuple[Evidence, ...] = ()


@frozen
class BuildArchitecture:
    """A GPU architecture that a package's build knows, and the word by which it is asked for.

    Which GPUs run it is not said here: ``device_code.runs_on`` knows.
    """

    word: str  # as the package writes it, such as "80" or "9.0"
    code: str  # of the machine code that comes of it, without a dot: "80", "90a"
    nvcc: SpecifierSet = field(default_factory=SpecifierSet)  # toolkits with which the build compiles it


@frozen
class BuiltObject:
    """One object file of a build, compiled for one architecture."""

    name: str  # of the source file, without its suffix
    seconds: float  # of one core
    memory: float  # GiB, of its largest process at its peak; 0 where nobody measured it


@frozen
class BuildCost:
    """What a build took where it was measured, for one architecture and one nvcc thread."""

    machine: str  # in words
    objects: tuple[BuiltObject, ...]  # in the order in which the build starts them
    around: float  # seconds before the first object and after the last
    evidence: tuple[Evidence, ...] = ()

    @property
    def core_seconds(self) -> float:
        """Seconds that one core would need for all objects."""
        return sum(item.seconds for item in self.objects)

    @property
    def largest(self) -> float:
        """GiB that the most demanding object needs."""
        return max(item.memory for item in self.objects)


@frozen
class SourceBuild:
    """How releases that ship no wheel are built for a GPU.

    ``architectures`` with ``architectures_in``: the build compiles those whose words stand in that
    variable.  Without it: it compiles all of them, and nobody can choose.  Without ``architectures``
    the words are capabilities ("8.0"), in ``architectures_in`` or else in TORCH_CUDA_ARCH_LIST.
    """

    versions: SpecifierSet
    needs: tuple[str, ...]  # requirements that must be installed before the build
    environment: Mapping[str, str]
    architectures: tuple[BuildArchitecture, ...] = ()
    architectures_in: str | None = None
    separator: str = ";"
    jobs_in: str | None = None  # the variable for how many objects are compiled at a time
    threads_in: str | None = None  # the variable for how many architectures of one object are
    local_version_in: str | None = None  # the variable that becomes the local version of the wheel
    clears: tuple[str, ...] = ()  # variables that change the build, and must not be inherited
    job_memory: float | None = None  # GiB for one job
    disk: float | None = None  # GiB while building
    libraries: tuple[str, ...] = ()  # paths or patterns; each has code for each architecture chosen
    cost: BuildCost | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def needs_torch(self) -> bool:
        """Whether the build imports torch, so that the locked one must be there."""
        return any(re.split(r"[^\w.-]", need, maxsplit=1)[0] == "torch" for need in self.needs)


@frozen
class Advice:
    """What somebody should know before a package is built, where it was measured."""

    text: str  # one sentence or two
    versions: SpecifierSet = field(default_factory=SpecifierSet)
    capability: SpecifierSet = field(default_factory=SpecifierSet)
    torch: SpecifierSet = field(default_factory=SpecifierSet)
    evidence: tuple[Evidence, ...] = ()


@frozen
class Prebuilt:
    """Wheels that the maker offers beside the index, one for each build of torch.

    ``url`` has the fields of ``prebuilt.FIELDS`` in braces; the others are the words that
    stand there.  That a file is there is not said: only its server tells.
    """

    versions: SpecifierSet
    url: str
    torch: tuple[str, ...]  # releases, such as "2.8"
    cuda: tuple[str, ...]  # "12", or with the minor version "123"
    abi: tuple[str, ...]  # "TRUE" for the C++ ABI of 2011, else "FALSE"
    pythons: tuple[str, ...]  # "3.12"
    platforms: tuple[Platform, ...]
    requires: tuple[Condition, ...] = ()  # on facts
    evidence: tuple[Evidence, ...] = ()


@frozen
class Alternative:
    """What serves where a package is left out."""

    name: str
    text: str  # one sentence
    package: str | None = None  # normalized, where it must be installed
    capability: SpecifierSet = field(default_factory=SpecifierSet)


@frozen
class PackageKnowledge:
    """Everything known of one package besides its rules."""

    name: str
    imports: tuple[str, ...] = ()  # what to import to know that it works
    gpu_builds: bool = False  # a build without GPU code is no answer on a GPU target
    cuda_choice: str | None = None  # the choice that the CUDA runtime of its build decides
    index_builds: tuple[IndexBuild, ...] = ()
    metadata: tuple[StaticMetadata, ...] = ()
    source_builds: tuple[SourceBuild, ...] = ()
    prebuilt: tuple[Prebuilt, ...] = ()
    advice: tuple[Advice, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    own_code: tuple[OwnCode, ...] = ()
    extensions: tuple[Extension, ...] = ()


@frozen
class Example:
    """A set of installed packages on a machine, and which rules object to it."""

    gpus: tuple[str, ...] = ()  # names or capabilities; none: a machine without a GPU
    driver: str | None = None  # None: the documented default
    platform: str | None = None
    python: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # others, such as __nvcc
    installed: tuple[tuple[str, Version], ...]
    built: frozenset[str] = frozenset()  # those of them that are built from source
    breaks: tuple[str, ...] = ()  # ids of rules that must object; none: nothing may
    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    place: str  # the file, and where in it


@frozen
class CudaToolkit:
    """A CUDA toolkit release and the Linux driver that it came with."""

    version: Version  # such as 12.8
    driver: str
    ptx_isa: Version | None = None  # of the PTX that it writes


@frozen
class NvccRelease:
    """What a release of the CUDA compiler accepts and writes."""

    version: Version  # such as 12.8
    gxx: int  # newest major version of GCC that it works with
    architectures: tuple[str, ...]  # of the machine code that it writes, without dots: "80", "90a"
    wheels: tuple[str, ...] = ()  # requirements that bring all of it from a package index; else none have it
    conda: str | None = None  # the spec that brings it from a conda channel
    evidence: tuple[Evidence, ...] = ()


@frozen
class TorchCompiler:
    """Where torch refuses a GCC that nvcc works with."""

    torch: SpecifierSet
    nvcc: SpecifierSet
    gxx: int  # newest major version of GCC that it accepts
    why: str  # one sentence
    evidence: tuple[Evidence, ...] = ()


@frozen
class TorchExtensions:
    """What torch demands of whoever compiles an extension of it."""

    same_major: str  # a sentence: of its CUDA runtime and the toolkit
    #: Headers of CUDA libraries that its own headers include: the wheel that has each, as of CUDA 13; before
    #: that the name goes on with -cu12 and the like.
    headers: Mapping[str, str]
    evidence: tuple[Evidence, ...] = ()


@frozen
class CudaRuntime:
    """A CUDA major version, and the oldest Linux driver that runs its libraries."""

    major: int
    driver: str
    evidence: tuple[Evidence, ...] = ()


@frozen
class DriverBranch:
    """A branch of the Linux driver; a patch release belongs to the branch of its first number."""

    branch: int
    cuda: Version  # CUDA version that it supports
    first: str  # first public release of the branch
    oldest: Capability  # oldest compute capability that it drives
    supported: bool  # whether NVIDIA still supports it
    evidence: tuple[Evidence, ...] = ()


@frozen
class CapabilityEntry:
    """A compute capability that exists."""

    capability: Capability
    architecture: str
    first_driver: str | None = None  # oldest Linux driver that drives it, where known
    evidence: tuple[Evidence, ...] = ()


@frozen
class PythonEntry:
    """A CPython minor version, and its newest patch release."""

    minor: str
    newest: Version


@frozen
class Choice:
    """Something that the resolver decides and several packages must agree on."""

    name: str
    values: tuple[Version, ...]
    what: str  # in words


@frozen
class IndexLabel:
    """A page of an index of variants, such as cu126."""

    label: str
    cuda: Version | None


@frozen
class RoutedIndex:
    """An index of variants and the names that are routed to it."""

    name: str
    url: str
    labels: tuple[IndexLabel, ...]
    packages: tuple[str, ...]


@frozen
class GpuModel:
    """A GPU model, with every way in which it is written."""

    name: str
    capability: Capability
    aliases: tuple[str, ...] = ()
    memory: tuple[int, ...] = ()  # GiB, each size sold
    platform: Platform | None = None  # implied, for GPUs that are soldered to their CPU
    family: str = ""


@frozen
class Lookup:
    """Where in a knowledge base something is said of a name; rules by their places among all."""

    about: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # rules about a package
    patterns: tuple[tuple[str, int], ...] = ()  # rules about packages whose names match
    against: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # rules that bound or exclude it
    #: By package, the device code that its releases have: version, platform and sha256 of the first of each,
    #: of those read library by library where there are any.
    siblings: Mapping[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Sequence[Rule], device_code: Mapping[str, DeviceCode]) -> Lookup:
        """Return the lookup of rules and device code."""
        about: dict[str, list[int]] = {}
        against: dict[str, list[int]] = {}
        patterns = []
        for place, rule in enumerate(rules):
            for name in rule.packages:
                if any(sign in name for sign in "*?["):
                    patterns.append((name, place))
                else:
                    about.setdefault(name, []).append(place)
            names = [item.name for item in rule.constrains if not item.is_fact]
            for name in dict.fromkeys([*names, *rule.excludes]):
                against.setdefault(name, []).append(place)
        siblings: dict[str, dict[tuple[str, str], str]] = {}
        for sha256, code in device_code.items():
            release = str(code.version), str(code.platform)
            several = siblings.setdefault(code.package, {})
            first = several.setdefault(release, sha256)
            if code.libraries and not device_code[first].libraries:
                several[release] = sha256
        return cls(
            about={name: tuple(places) for name, places in about.items()},
            patterns=tuple(patterns),
            against={name: tuple(places) for name, places in against.items()},
            siblings={
                name: tuple((*release, sha256) for release, sha256 in releases.items())
                for name, releases in siblings.items()
            },
        )

    def rules_about(self, name: str) -> tuple[int, ...]:
        """Return the places of the rules about the package of a normalized name."""
        matching = [place for pattern, place in self.patterns if fnmatch.fnmatchcase(name, pattern)]
        return tuple(sorted({*self.about.get(name, ()), *matching}))


@frozen
class MatrixDefaults:
    """What a matrix shows where nobody says otherwise; names only."""

    packages: tuple[str, ...] = ()  # requirements
    gpus: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()  # branches


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeBase:
    """All knowledge, loaded and checked."""

    version: str  # digest of the files it was loaded from
    rules: Sequence[Rule]
    packages: Mapping[str, PackageKnowledge]
    device_code: Mapping[str, DeviceCode]  # by sha256
    toolkits: tuple[CudaToolkit, ...]  # oldest first
    runtimes: Mapping[int, CudaRuntime]
    branches: tuple[DriverBranch, ...]  # oldest first
    capabilities: Mapping[Capability, CapabilityEntry]
    pythons: tuple[PythonEntry, ...]  # oldest first
    default_python: str
    choices: Mapping[str, Choice]
    indexes: Mapping[str, RoutedIndex]
    gpus: Sequence[GpuModel]
    examples: Sequence[Example] = ()
    symptoms: Sequence[Symptom] = ()
    compilers: tuple[NvccRelease, ...] = ()  # oldest first
    torch_extensions: TorchExtensions | None = None
    torch_compilers: tuple[TorchCompiler, ...] = ()
    matrix: MatrixDefaults = field(default_factory=MatrixDefaults)
    compiled: InitVar[Lookup | None] = None  # the lookup, where it was made before
    lookup: Lookup = field(init=False, compare=False, repr=False)

    def __post_init__(self, compiled: Lookup | None) -> None:
        made = Lookup.of(self.rules, self.device_code) if compiled is None else compiled
        object.__setattr__(self, "lookup", made)

    def models_of(self, capability: Capability) -> tuple[GpuModel, ...]:
        """Return the GPU models of a compute capability."""
        return tuple(model for model in self.gpus if model.capability == capability)

    def with_device_code(self, read: Iterable[DeviceCode]) -> KnowledgeBase:
        """Return this knowledge and what was read in wheels since it was made."""
        more = {code.sha256: code for code in read}
        if not more:
            return self
        siblings = dict(self.lookup.siblings)
        for sha256, code in more.items():
            release = str(code.version), str(code.platform), sha256
            siblings[code.package] = (*siblings.get(code.package, ()), release)
        return replace(
            self,
            device_code=_Both(more, self.device_code),
            compiled=replace(self.lookup, siblings=siblings),
        )


class _Both(Mapping[str, DeviceCode]):
    """Two mappings as one; neither is copied, for one of them makes its values when they are asked for."""

    def __init__(self, first: Mapping[str, DeviceCode], second: Mapping[str, DeviceCode]) -> None:
        self._first = first
        self._second = second

    def __getitem__(self, key: str) -> DeviceCode:
        return self._first[key] if key in self._first else self._second[key]

    def __contains__(self, key: object) -> bool:
        return key in self._first or key in self._second

    def __iter__(self) -> Iterator[str]:
        yield from self._first
        yield from (key for key in self._second if key not in self._first)

    def __len__(self) -> int:
        return sum(1 for _ in self)
