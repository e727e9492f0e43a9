"""How one release is compiled for the GPUs of a target: architectures in its own words, and variables.

A package that does not know a word says nothing and compiles something else; so what no word
serves is refused here, before nvcc runs.  Which code runs on which GPU is ``device_code``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from envfit.build.reason import NoWord, Reason, WordNeedsNvcc, gpu_words
from envfit.frozen import frozen
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.model import BuildArchitecture, NvccRelease, SourceBuild
from envfit.target import CUDA, NVCC, Capability, Gpu, Target

__all__ = ["ALWAYS_CLEARED", "Recipe", "Served", "nvcc_release", "recipe_for"]

#: Variables that torch and nvcc read whatever the package is.  nvcc adds its two to every command: seen
#: with nvcc 13.0.88, which refuses NVCC_APPEND_FLAGS=-arch=sm_11 and NVCC_PREPEND_FLAGS alike.
ALWAYS_CLEARED = ("TORCH_CUDA_ARCH_LIST", "NVCC_APPEND_FLAGS", "NVCC_PREPEND_FLAGS")

_TORCH_WORDS = "TORCH_CUDA_ARCH_LIST"


@frozen
class Served:
    """A GPU, and the architecture whose machine code it runs."""

    gpu: Gpu
    architecture: BuildArchitecture

    def __str__(self) -> str:
        return f"{gpu_words(self.gpu.name, str(self.gpu.capability))} runs sm_{self.architecture.code}"


@frozen
class Recipe:
    """What is compiled, and by which settings."""

    package: str
    version: Version
    build: SourceBuild
    architectures: tuple[BuildArchitecture, ...]  # that are compiled, oldest first
    served: tuple[Served, ...]
    unserved: tuple[Reason, ...]  # GPUs that nothing of it would run on, one reason each

    @property
    def codes(self) -> tuple[str, ...]:
        """The architectures of the machine code: "80", "90a"."""
        return tuple(item.code for item in self.architectures)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that decide what is compiled."""
        chosen: dict[str, str] = {}
        variable = _words_in(self.build)
        if variable is not None:
            chosen[variable] = self.build.separator.join(item.word for item in self.architectures)
        return {**self.build.environment, **chosen}

    @property
    def clears(self) -> tuple[str, ...]:
        """The variables that the build must not inherit."""
        own = (self.build.jobs_in, self.build.threads_in, self.build.local_version_in)
        names = dict.fromkeys([*ALWAYS_CLEARED, *self.build.clears, *(name for name in own if name)])
        return tuple(name for name in names if name not in self.variables)

    def effort(self, jobs: int, threads: int = 1) -> Mapping[str, str]:
        """Return the variables that decide how fast it is compiled."""
        pairs = ((self.build.jobs_in, jobs), (self.build.threads_in, threads))
        return {name: str(number) for name, number in pairs if name is not None}

    def overridden(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Return what an environment sets and the build does not get, for the user to know."""
        decided = {**self.variables, **self.effort(0)}
        names = [*self.clears, *self.variables, *self.effort(0)]
        return {
            name: environ[name]
            for name in dict.fromkeys(names)
            if name in environ and environ[name] != decided.get(name)
        }


def nvcc_release(nvcc: Version, known: Sequence[NvccRelease]) -> NvccRelease | None:
    """Return what is known of the release that a version of nvcc belongs to."""
    return next((item for item in known if item.version == _release(nvcc)), None)


def recipe_for(
    package: str, version: Version, build: SourceBuild, target: Target, compilers: Sequence[NvccRelease]
) -> Recipe:
    """Return how a release is compiled for every GPU of a target, by its nvcc where that is known."""
    choose = _Choice(package, version, build, target, compilers)
    served, unserved = [], []
    for gpu in {gpu.capability: gpu for gpu in reversed(target.gpus)}.values():
        found = choose.serving(gpu)
        if isinstance(found, BuildArchitecture):
            served.append(Served(gpu=gpu, architecture=found))
        else:
            unserved.append(found)
    chosen = {item.architecture for item in served}
    if build.architectures and build.architectures_in is None:
        chosen = set(choose.admitted)  # all of them, and nobody can choose
    return Recipe(
        package=package,
        version=version,
        build=build,
        architectures=tuple(sorted(chosen, key=lambda item: _compiled_for(item.code))),
        served=tuple(sorted(served, key=lambda item: item.gpu.capability)),
        unserved=tuple(unserved),
    )


class _Choice:
    """The architectures that a build can compile, and which of them serves a GPU."""

    def __init__(
        self,
        package: str,
        version: Version,
        build: SourceBuild,
        target: Target,
        compilers: Sequence[NvccRelease],
    ) -> None:
        self._release = f"{package} {version}"
        self._nvcc = target.fact(NVCC).version
        self._supported = target.fact(CUDA).version
        self._written = None if self._nvcc is None else nvcc_release(self._nvcc, compilers)
        self._known = build.architectures or tuple(
            BuildArchitecture(word=str(_compiled_for(code)), code=code)
            for code in sorted({code for item in compilers for code in item.architectures})
            if code.isdigit()
        )
        self._free = not build.architectures
        self.admitted = tuple(item for item in self._known if self._admits(item))

    def serving(self, gpu: Gpu) -> BuildArchitecture | Reason:
        """Return the newest architecture whose code the GPU runs, or why there is none."""
        fitting = [item for item in self._known if self._runs(item, gpu.capability)]
        ready = [item for item in fitting if self._admits(item) and self._is_written(item)]
        if ready:
            return max(ready, key=lambda item: _compiled_for(item.code))
        if not fitting:
            words = () if self._free else tuple(item.word for item in self._known)
            return NoWord(release=self._release, gpu=gpu, words=words)
        nearest = max(fitting, key=lambda item: _compiled_for(item.code))
        return WordNeedsNvcc(
            release=self._release,
            gpu=gpu,
            word=nearest.word,
            code=nearest.code,
            demanded=None if self._admits(nearest) else nearest.nvcc,
            nvcc=self._nvcc,
        )

    def _runs(self, item: BuildArchitecture, capability: Capability) -> bool:
        return runs_on(
            [item.code], [], capability, built_with=self._nvcc, supported_cuda=self._supported or self._nvcc
        )

    def _admits(self, item: BuildArchitecture) -> bool:
        return self._nvcc is None or item.nvcc.contains(_release(self._nvcc))

    def _is_written(self, item: BuildArchitecture) -> bool:
        return self._written is None or item.code in self._written.architectures


def _words_in(build: SourceBuild) -> str | None:
    if build.architectures_in is not None:
        return build.architectures_in
    return _TORCH_WORDS if not build.architectures and build.needs_torch else None


def _release(version: Version) -> Version:
    return Version(f"{version.major}.{version.minor}")


def _compiled_for(code: str) -> Capability:
    digits = code.rstrip("af")
    return Capability(int(digits[:-1]), int(digits[-1]))
