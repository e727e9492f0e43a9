"""What the GPU code of one candidate decides: read in its wheel, known of its build, or left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.facts import fact_of, fact_package
from envfit.knowledge.model import CAPABILITY, Choice, DeviceCode
from envfit.knowledge.own_code import OwnPart, own_parts, toolkit_of
from envfit.knowledge.verdict import Verdict
from envfit.requirement import Requirement
from envfit.target import CUDA, CUDA_DRIVER, Fact, FactState, Gpu, Provided

if TYPE_CHECKING:
    from envfit.knowledge.query import Query

__all__ = ["CodeJudge"]

#: The value of a choice that means: without CUDA.
_WITHOUT = Version("0")


class CodeJudge:
    """Judges the GPU code of one candidate, into a verdict."""

    def __init__(self, query: Query, name: str, verdict: Verdict) -> None:
        self._query = query
        self._target = query.target
        self._knowledge = query.knowledge
        self._name = name
        self._package = query.package(name)
        self._verdict = verdict

    def judge(self, distribution: Distribution | None) -> None:
        """Judge a distribution; None is one that a module provides."""
        package, verdict = self._package, self._verdict
        if distribution is None:
            self._judge_provided()
            return
        if isinstance(distribution, Sdist):
            if (
                package.gpu_builds
                and self._target.gpus
                and not self._query.source_build(self._name, distribution)
            ):
                verdict.refuse(
                    f"{self._name}/no-recipe",
                    "It has only a source distribution, and how to build that for a GPU is not known.",
                    (),
                    (),
                )
            return
        code = self._query.device_code(self._name, distribution)
        if code is None:
            self._leave_unread(distribution)
            return
        if package.cuda_choice is not None and (code.cuda is not None or code.sass is not None):
            self._decide_runtime(package.cuda_choice, code)
        stated = _as_stated(code)
        parts = own_parts(code, package, self._knowledge.toolkits) if code.libraries else None
        self._judge_linked(parts or ())
        if not self._target.gpus:
            return
        if stated is None and parts is None and (code.libraries or code.cuda is not None):
            self._doubt(code)
            self._leave_unread(distribution)
        elif stated is None and not any(part.has_code or part.runtime for part in parts or ()):
            self._judge_without_code(code)
        if code.cuda is not None:
            self._judge_driver(code.cuda)
        self._judge_parts(([stated] if stated is not None else []) + list(parts or ()), code.source)

    def _leave_unread(self, distribution: Wheel) -> None:
        if not self._target.gpus:
            return
        if distribution.sha256 in self._query.refused:
            self._verdict.refuse(
                f"{self._name}/unread",
                f"The GPU code in {distribution.filename} is not known, and only what is known may be used.",
                (),
                (),
            )
        elif self._package.gpu_builds or self._package.own_code:
            self._verdict.leave_unread(self._name, distribution.filename)

    def _doubt(self, code: DeviceCode) -> None:
        """Warn where nothing in a wheel serves a GPU; which of its libraries count, nobody said."""
        with_code = [library for library in code.libraries if library.sass or library.ptx]
        for gpu in self._query.gpu_per_capability() if with_code else ():
            if not any(
                runs_on(
                    library.sass,
                    library.ptx,
                    gpu.capability,
                    built_with=toolkit_of(library, self._knowledge.toolkits),
                    supported_cuda=self._target.fact(CUDA).version,
                )
                for library in with_code
            ):
                fact = fact_of(self._target, fact_package(CAPABILITY, gpu))
                self._verdict.warnings.append(
                    self._verdict.origin(
                        f"{self._name}/device-code",
                        f"No library in its wheel has GPU code that runs on {gpu.capability}; whether it "
                        "needs any of them is not known.",
                        (code.source,),
                        (fact,) if fact else (),
                    )
                )

    def _decide_runtime(self, choice: str, code: DeviceCode) -> None:
        """Say which CUDA runtime a build brings, to all that must agree with it."""
        value = code.cuda if code.cuda is not None else _WITHOUT
        origin = self._verdict.origin(
            f"{self._name}/cuda-runtime",
            f"It was built with CUDA {code.cuda}." if code.cuda is not None else "It was built without CUDA.",
            (code.source,),
            (),
        )
        self._verdict.requirements.append(
            Requirement(name=choice, specifier=SpecifierSet(f"=={value}"), origin=origin)
        )

    def _judge_linked(self, parts: Sequence[OwnPart]) -> None:
        """Demand the CUDA runtime that the first of the libraries is linked with, of whoever brings it."""
        for part in parts:
            own = part.own
            if own is None or own.runtime_from is None or own.needed_for or part.runtime is None:
                continue
            origin = self._verdict.origin(
                f"{self._name}/linked-runtime",
                f"Its {part.library} is linked with the CUDA {part.runtime} runtime, so that must be "
                f"{self._what(own.runtime_from)}.",
                (f"what {part.library} is linked with", *map(str, own.evidence)),
                (),
            )
            specifier = SpecifierSet(f">={part.runtime},<{part.runtime + 1}")
            self._verdict.requirements.append(
                Requirement(name=own.runtime_from, specifier=specifier, origin=origin)
            )
            return

    def _judge_without_code(self, code: DeviceCode) -> None:
        if self._package.gpu_builds:
            self._verdict.refuse(
                f"{self._name}/no-gpu-code",
                f"Its build for {self._target.platform} on this index has no GPU code.",
                (code.source,),
                (),
            )

    def _judge_parts(self, parts: Sequence[OwnPart], source: str) -> None:
        """Judge library by library: each that the package loads must have code for every GPU."""
        chosen: dict[str, list[OwnPart]] = {}
        always = []
        for part in parts:
            if part.own is not None and part.own.chosen_by is not None:
                chosen.setdefault(part.own.chosen_by, []).append(part)
            elif part.own is not None and part.own.needed_for is not None:
                self._warn(part, part.own.needed_for, source)
            else:
                always.append(part)
        for runtime in sorted({part.runtime for part in always if part.runtime is not None}):
            self._judge_driver(Version(f"{runtime}.0"))
        for part in always:
            self._judge_gpus(part, source)
        for name, several in chosen.items():
            choice = self._knowledge.choices.get(name)
            if choice is not None:
                self._judge_chosen(choice, several, source)

    def _judge_chosen(self, choice: Choice, parts: Sequence[OwnPart], source: str) -> None:
        """Rule out the values of a choice whose library serves not every GPU, or is not there."""
        serving = {part.value for part in parts if not self._unserved(part)}
        libraries = {Version(_dotted_value(part.value)): part for part in parts}
        loaded = {value: _loaded(value, libraries) for value in choice.values if value != _WITHOUT}
        out = [value for value, part in loaded.items() if part is None or part.value not in serving]
        there = sorted(version for version, part in libraries.items() if part.value in serving)
        if not there:
            gpus = ", ".join(str(gpu.capability) for gpu in self._query.gpu_per_capability())
            codes = sorted({code for part in parts for code in part.sass}, key=_by_number)
            self._verdict.refuse(
                f"{self._name}/device-code",
                f"Its libraries have GPU code for capability {_dotted(tuple(codes))}; none runs on {gpus}.",
                (source,),
                self._facts(),
                f"no code for {gpus}",
            )
            return
        origin = self._verdict.origin(
            f"{self._name}/device-code",
            f"Of its libraries, one for each CUDA version, those for {', '.join(map(str, there))} run on "
            f"this target, so one of these must be {choice.what}.",
            (source,),
            self._facts(),
        )
        if out:
            specifier = SpecifierSet(",".join(f"!={value}" for value in out))
            self._verdict.requirements.append(
                Requirement(name=choice.name, specifier=specifier, origin=origin)
            )

    def _facts(self) -> tuple[Fact, ...]:
        packages = [fact_package(CAPABILITY, gpu) for gpu in self._query.gpu_per_capability()]
        return tuple(fact for name in packages if (fact := fact_of(self._target, name)) is not None)

    def _warn(self, part: OwnPart, what: str, source: str) -> None:
        if not part.has_code:
            return
        for gpu in self._unserved(part):
            fact = fact_of(self._target, fact_package(CAPABILITY, gpu))
            self._verdict.warnings.append(
                self._verdict.origin(
                    f"{self._name}/device-code",
                    f"The GPU code of its {part.library} is for {_has(part)}; none runs on "
                    f"{gpu.capability}, so {what} does not work.",
                    (source,),
                    (fact,) if fact else (),
                )
            )

    def _unserved(self, part: OwnPart) -> tuple[Gpu, ...]:
        """Return the GPUs that no code of a library runs on."""
        supported = self._target.fact(CUDA)
        only = part.own.only_for if part.own is not None else ()
        return tuple(
            gpu
            for gpu in self._query.gpu_per_capability()
            if (not only or gpu.capability in only)
            and not runs_on(
                part.sass,
                part.ptx,
                gpu.capability,
                built_with=part.toolkit,
                supported_cuda=part.toolkit if supported.state is FactState.UNKNOWN else supported.version,
            )
        )

    def _judge_gpus(self, part: OwnPart, source: str) -> None:
        if not part.has_code and part.library:
            return
        supported = self._target.fact(CUDA)
        what = f"The GPU code of its {part.library}" if part.library else "Its GPU code"
        unserved = self._unserved(part)
        for gpu in self._query.gpu_per_capability():
            fact = fact_of(self._target, fact_package(CAPABILITY, gpu))
            if gpu in unserved:
                why, read = self._why_unserved(part, gpu)
                self._verdict.refuse(
                    f"{self._name}/device-code",
                    f"{what} is for {_has(part)}; {why}.",
                    (source,),
                    (*([fact] if fact else []), *read),
                    why,
                )
            elif supported.state is FactState.UNKNOWN and not runs_on(
                part.sass, (), gpu.capability, built_with=None, supported_cuda=None
            ):
                self._verdict.conditions.append(
                    self._verdict.origin(
                        f"{self._name}/device-code",
                        f"{what} runs on {gpu.capability} only with a driver that supports CUDA "
                        f"{part.toolkit}.",
                        (source,),
                        (supported,),
                    )
                )

    def _why_unserved(self, part: OwnPart, gpu: Gpu) -> tuple[str, tuple[Fact, ...]]:
        """Say why no code of a library runs on a GPU, and which fact that depends on beside the GPU."""
        if runs_on(part.sass, part.ptx, gpu.capability, built_with=part.toolkit, supported_cuda=part.toolkit):
            why = f"on {gpu.capability} it takes a driver that supports CUDA {part.toolkit}"
            return why, (self._target.fact(CUDA),)
        return f"none runs on {gpu.capability}", ()

    def _what(self, choice: str) -> str:
        found = self._knowledge.choices.get(choice)
        return found.what if found is not None else choice

    def _judge_provided(self) -> None:
        """Name what a module's build must turn out to be: the module may have been built for this GPU."""
        package, verdict, name = self._package, self._verdict, self._name
        if package.cuda_choice is None and not package.gpu_builds:
            return
        provided = next((item for item in self._target.provided if item.name == name), None)
        if package.cuda_choice is not None and provided is not None and provided.cuda is not None:
            self._judge_provided_cuda(provided, provided.cuda, package.cuda_choice)
            return
        code = self._query.sibling(name, verdict.version)
        said = f"; the wheel of that release is for CUDA {code.cuda}" if code and code.cuda else ""
        verdict.conditions.append(
            verdict.origin(
                f"{name}/provided",
                f"A module provides {name} {verdict.version}, whose GPU code and CUDA runtime are not known"
                f"{said}.",
                (code.source,) if code else (),
                (),
            )
        )

    def _judge_provided_cuda(self, provided: Provided, cuda: Version, choice: str) -> None:
        """Judge a module's build whose CUDA runtime was read from its files."""
        name, verdict = provided.name, self._verdict
        built = f"was built with CUDA {cuda}" if cuda.major else "was built without CUDA"
        origin = verdict.origin(
            f"{name}/cuda-runtime",
            f"The {name} {provided.version} that is provided {built}.",
            (f"{name}/version.py of the module",),
            (),
        )
        verdict.requirements.append(
            Requirement(name=choice, specifier=SpecifierSet(f"=={cuda}"), origin=origin)
        )
        if not self._target.gpus:
            return
        if not cuda.major:
            verdict.warnings.append(
                verdict.origin(
                    f"{name}/no-gpu-code",
                    f"{origin.why[:-1]}, so it does not use the GPU.",
                    origin.evidence,
                    (),
                )
            )
            return
        self._judge_driver(cuda)
        verdict.conditions.append(
            verdict.origin(
                f"{name}/provided", f"{origin.why[:-1]}; its GPU code has not been read.", origin.evidence, ()
            )
        )

    def _judge_driver(self, cuda: Version) -> None:
        runtime = self._knowledge.runtimes.get(cuda.major)
        fact = self._query.effective_fact(CUDA_DRIVER)
        if runtime is None or fact.state is FactState.ABSENT:
            return
        origin = self._verdict.origin(
            f"cuda/{runtime.major}-driver",
            f"It was built with CUDA {runtime.major}, whose libraries need driver {runtime.driver} or newer.",
            tuple(map(str, runtime.evidence)),
            (fact,),
        )
        if fact.state is FactState.UNKNOWN:
            if origin not in self._verdict.conditions:
                self._verdict.conditions.append(origin)
            return
        requirement = Requirement(
            name=fact.name, specifier=SpecifierSet(f">={runtime.driver}"), origin=origin
        )
        if requirement not in self._verdict.requirements:
            self._verdict.requirements.append(requirement)


def _loaded(value: Version, libraries: Mapping[Version, OwnPart]) -> OwnPart | None:
    """Return the library that is loaded for a value of a choice; None where there is none."""
    own = libraries.get(value)
    if own is not None:
        return own
    related = sorted(version for version in libraries if version.major == value.major)
    if not related or not _takes_nearest(libraries[related[0]]):
        return None
    older = [version for version in related if version < value]
    return libraries[older[-1] if older else related[0]]


def _takes_nearest(part: OwnPart) -> bool:
    return part.own is not None and part.own.or_nearest


def _as_stated(code: DeviceCode) -> OwnPart | None:
    """Return what a package says of its build as a whole; None where it says nothing, or has no CUDA."""
    if code.sass is None or code.cuda is None:
        return None
    return OwnPart(library="", sass=code.sass, ptx=code.ptx, toolkit=code.cuda, runtime=code.cuda.major)


def _by_number(code: str) -> tuple[int, str]:
    return int(code.rstrip("af")), code


def _dotted_value(value: str) -> str:
    """Return a CUDA version that is written without its dot: 126 is 12.6."""
    return f"{value[:-1]}.{value[-1]}"


def _has(part: OwnPart) -> str:
    """Say what a library has code for."""
    sass = f"capability {_dotted(part.sass)}" if part.sass else ""
    ptx = f"PTX for {_dotted(part.ptx)} of CUDA {part.toolkit}" if part.ptx and part.toolkit else ""
    return " and ".join(filter(None, (sass, ptx))) or "no GPU"


def _dotted(sass: tuple[str, ...]) -> str:
    # The suffixed extras prove single kernels, not support; a reader wants the plain list.
    plain = [code for code in sass if code.isdigit()] or list(sass)
    return ", ".join(f"{code[:-1]}.{code[-1]}" if code.isdigit() else code for code in plain)
