"""Why a build is possible, impossible or undecided: values that write their own sentences."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.frozen import frozen
from envfit.requirement import RuleOrigin
from envfit.target import Gpu

__all__ = [
    "CannotWrite",
    "CompilerMissing",
    "CompilerTooNew",
    "Fits",
    "HeadersMissing",
    "MajorsDiffer",
    "NeedsMissing",
    "NoWord",
    "NotSaid",
    "NvccMissing",
    "Reason",
    "RuleBroken",
    "TooLittleDisk",
    "TooLittleMemory",
    "TorchRefusesCompiler",
    "WordNeedsNvcc",
    "gpu_words",
]


def gpu_words(name: str, capability: str) -> str:
    """Return a GPU in words; one that was named by its capability has no other name."""
    return name if name == f"capability {capability}" else f"{name} (compute capability {capability})"


@frozen
class Fits:
    """Nothing is in the way."""

    text: str

    def __str__(self) -> str:
        return self.text


@frozen
class NotSaid:
    """It could not be decided, for nobody said what it depends on."""

    text: str

    def __str__(self) -> str:
        return self.text


@frozen
class RuleBroken:
    """A rule of the knowledge base objects."""

    origin: RuleOrigin
    about: str = ""  # what of the target it objects to

    def __str__(self) -> str:
        return f"{self.about}: {self.origin.why}" if self.about else self.origin.why


@frozen
class NoWord:
    """A package has no architecture whose code a GPU runs."""

    release: str
    gpu: Gpu
    words: tuple[str, ...]  # those that it has; none where any capability would do

    def __str__(self) -> str:
        gpu = gpu_words(self.gpu.name, str(self.gpu.capability))
        if not self.words:
            return f"No CUDA toolkit known writes machine code for {gpu}."
        known = ", ".join(self.words)
        return f"{self.release} compiles for {known} only, and none of that runs on {gpu}."


@frozen
class WordNeedsNvcc:
    """The architecture that would serve a GPU is not compiled by this nvcc."""

    release: str
    gpu: Gpu
    word: str
    code: str
    demanded: SpecifierSet | None  # by the package, which leaves it out otherwise; None: nvcc knows it not
    nvcc: Version | None

    def __str__(self) -> str:
        gpu = gpu_words(self.gpu.name, str(self.gpu.capability))
        if self.demanded is None:
            return f"{gpu} needs code for sm_{self.code}, which nvcc {self.nvcc} cannot write."
        return (
            f"{gpu} needs the architecture {self.word}, which {self.release} silently leaves out "
            f"unless nvcc is {self.demanded}; here it is {self.nvcc}."
        )


@frozen
class CannotWrite:
    """A package always compiles for architectures that this nvcc does not know."""

    release: str
    codes: tuple[str, ...]
    nvcc: Version

    def __str__(self) -> str:
        codes = ", ".join(f"sm_{code}" for code in self.codes)
        return f"{self.release} always compiles for {codes} too, which nvcc {self.nvcc} cannot write."


@frozen
class NvccMissing:
    """There is no CUDA compiler."""

    release: str
    source: str  # where it was looked for

    def __str__(self) -> str:
        return f"{self.release} is compiled by nvcc, and there is none ({self.source})."


@frozen
class MajorsDiffer:
    """The CUDA toolkit is of another major version than torch's CUDA runtime."""

    nvcc: Version
    torch: Version
    torch_cuda: Version
    why: str

    def __str__(self) -> str:
        return f"nvcc is {self.nvcc}, and torch {self.torch} has CUDA {self.torch_cuda}: {self.why}"


@frozen
class CompilerTooNew:
    """nvcc does not work with a GCC as new as this."""

    gxx: str
    source: str
    nvcc: Version
    limit: int

    def __str__(self) -> str:
        return (
            f"nvcc {self.nvcc} works with GCC up to {self.limit}, and here it is {self.gxx} ({self.source})."
        )


@frozen
class TorchRefusesCompiler:
    """torch does not work with a GCC as new as this, though nvcc does."""

    gxx: str
    source: str
    limit: int
    why: str

    def __str__(self) -> str:
        here = f"here it is {self.gxx} ({self.source})"
        return f"Beside this torch GCC {self.limit} is the newest, and {here}: {self.why}"


@frozen
class CompilerMissing:
    """There is no host compiler."""

    source: str

    def __str__(self) -> str:
        return f"nvcc needs a C++ compiler, and there is none ({self.source})."


@frozen
class TooLittleMemory:
    """Not even one object can be compiled."""

    free: float  # GiB
    needed: float  # GiB
    source: str

    def __str__(self) -> str:
        return (
            f"One object takes up to {self.needed:g} GiB while it is compiled, and {self.free:g} GiB are "
            f"there ({self.source})."
        )


@frozen
class TooLittleDisk:
    """The files of the build do not fit."""

    free: float  # GiB
    needed: float  # GiB
    source: str

    def __str__(self) -> str:
        return (
            f"The build takes about {self.needed:g} GiB of disk, and {self.free:g} GiB are free "
            f"({self.source})."
        )


@frozen
class HeadersMissing:
    """Header files that the sources include are nowhere."""

    what: str
    source: str

    def __str__(self) -> str:
        return f"{self.what} cannot be found ({self.source})."


@frozen
class NeedsMissing:
    """What the build imports or calls is not installed, and no environment is made for it."""

    release: str
    missing: tuple[str, ...]

    def __str__(self) -> str:
        missing = ", ".join(self.missing)
        return f"{self.release} needs {missing} to be built, which this environment does not have."


Reason = (
    CannotWrite
    | CompilerMissing
    | CompilerTooNew
    | Fits
    | HeadersMissing
    | MajorsDiffer
    | NeedsMissing
    | NoWord
    | NotSaid
    | NvccMissing
    | RuleBroken
    | TooLittleDisk
    | TooLittleMemory
    | TorchRefusesCompiler
    | WordNeedsNvcc
)
