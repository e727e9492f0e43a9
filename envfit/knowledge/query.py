"""What the rules say of one candidate on one target.

The answer is a set of requirements, each carrying its rule: on facts (one
candidate each), on choices, on packages, and on the impossible where the device
code of a wheel serves no GPU of the target.  Nothing here searches; the
resolver treats these requirements like any other.

Two encodings keep the search free of special cases:

- A condition on ``__capability`` must hold for every GPU in use, so it becomes
  one requirement per distinct capability, on ``__capability@7.0`` and the like.
- "If both are there, then ..." (``constrains`` on a package, ``excludes``)
  becomes a choice of its own, ``__rule:ID``, with two values: the package that
  the rule is about asks for one, each version that would break it for the other.
"""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.frozen import frozen
from envfit.knowledge.device_code import runs_on
from envfit.knowledge.model import (
    CAPABILITY,
    Condition,
    DeviceCode,
    IndexBuild,
    KnowledgeBase,
    PackageKnowledge,
    Rule,
    Severity,
    SourceBuild,
)
from envfit.knowledge.own_code import OwnPart, own_parts
from envfit.requirement import Requirement, RuleOrigin
from envfit.target import CUDA, CUDA_DRIVER, LIBCUDA, Fact, FactState, Gpu, Provided, Target

__all__ = ["IMPOSSIBLE", "Caution", "Judgement", "Query", "fact_of", "fact_package", "is_built_in"]

#: The package that no version of exists: what a candidate requires that cannot run.
IMPOSSIBLE = "__impossible"

_AT_RULE = "__rule:"
_KEEPS = SpecifierSet("==1")
_BREAKS = SpecifierSet("==2")
RULE_VALUES = (Version("1"), Version("2"))
_NOTHING = PackageKnowledge(name="")
# The last part of the ids of verdicts that no rule file states; beside them, cuda/12-driver and the like.
_BUILT_IN = frozenset({"cuda-runtime", "device-code", "no-gpu-code", "no-recipe", "provided"})


@frozen
class Caution:
    """What a rule that only warns says of another package or a choice; judged on the whole set."""

    name: str
    specifier: SpecifierSet | None  # None: no version goes with it
    required: bool  # whether it warns where the name is absent, too
    origin: RuleOrigin


@frozen
class Judgement:
    """What the rules say of one candidate.

    ``conditions`` hold only if a fact that is unknown turns out right;
    ``warnings`` say that it works badly here, ``cautions`` that it does beside others.
    """

    requirements: tuple[Requirement, ...] = ()
    conditions: tuple[RuleOrigin, ...] = ()
    warnings: tuple[RuleOrigin, ...] = ()
    cautions: tuple[Caution, ...] = ()

    @property
    def impossible(self) -> bool:
        """Whether no solution can hold the candidate, whatever else is chosen."""
        return any(requirement.name == IMPOSSIBLE for requirement in self.requirements)


def is_built_in(rule: str) -> bool:
    """Tell whether an id is one that this file gives to what files and axes say themselves."""
    subject, _, what = rule.partition("/")
    return subject == "cuda" or what in _BUILT_IN


def fact_package(name: str, gpu: Gpu | None = None) -> str:
    """Return the package name under which a fact enters the resolver."""
    return f"{CAPABILITY}@{gpu.capability}" if gpu is not None else name


def fact_of(target: Target, package: str) -> Fact | None:
    """Return the fact behind a package name of the resolver, or None where it is none."""
    if package.startswith(f"{CAPABILITY}@"):
        for gpu in target.gpus:
            if fact_package(CAPABILITY, gpu) == package:
                return Fact(
                    name=f"compute capability of {gpu.name}",
                    state=FactState.KNOWN,
                    value=str(gpu.capability),
                    source=gpu.source,
                )
        return None
    if package.startswith("__"):
        for fact in target.facts:
            if fact.name == package:
                return fact
    return None


class Query:
    """The knowledge base, asked on behalf of one target."""

    def __init__(
        self, knowledge: KnowledgeBase, target: Target, *, ignored: frozenset[str] = frozenset()
    ) -> None:
        self.knowledge = knowledge
        self.target = target
        self.ignored = ignored
        self._about: dict[str, tuple[Rule, ...]] = {}
        self._against: dict[str, tuple[tuple[Rule, SpecifierSet | None], ...]] = {}
        self._labels = {
            (package, label.label): label.cuda
            for index in knowledge.indexes.values()
            for package in index.packages
            for label in index.labels
        }
        self._labelled = {package for package, _ in self._labels}

    def package(self, name: str) -> PackageKnowledge:
        """Return what is known of a package besides its rules; empty where nothing is."""
        return self.knowledge.packages.get(name, _NOTHING)

    def values(self, name: str) -> tuple[Version, ...] | None:
        """Return the values of a choice, newest first, or None where the name is no choice."""
        if name.startswith(_AT_RULE):
            return RULE_VALUES
        choice = self.knowledge.choices.get(name)
        if choice is None:
            return None
        # A module's torch may be built with a CUDA runtime that no wheel has.
        provided = {
            package.cuda
            for package in self.target.provided
            if package.cuda is not None and self.package(package.name).cuda_choice == name
        }
        return tuple(sorted({*choice.values, *provided}, reverse=True))

    def source_build(self, name: str, distribution: Distribution | None) -> SourceBuild | None:
        """Return how a candidate is built for a GPU, or None where it is installed like any other."""
        if not isinstance(distribution, Sdist):
            return None
        for build in self.package(name).source_builds:
            if build.versions.contains(distribution.version, prereleases=True):
                return build
        return None

    def index_build(self, name: str, version: Version) -> IndexBuild | None:
        """Return the known build of a version with a local label, such as 2.14.1+cu126."""
        for build in self.package(name).index_builds:
            if (
                build.label == version.local
                and build.platform == self.target.platform
                and build.versions.contains(Version(version.public), prereleases=True)
            ):
                return build
        return None

    def device_code(self, name: str, distribution: Distribution | None) -> DeviceCode | None:
        """Return the GPU code of a wheel: its own, a sibling's, or that of its kind of build.

        A sibling is a wheel of the same release and platform with another Python
        tag; its facts are marked as inherited.  None where nothing is known.
        """
        if not isinstance(distribution, Wheel):
            return None
        if distribution.sha256 is not None:
            own = self.knowledge.device_code.get(distribution.sha256)
            if own is not None:
                return own
        build = self.index_build(name, distribution.version)
        if build is not None:
            return DeviceCode(
                package=name,
                version=distribution.version,
                platform=build.platform,
                filename=distribution.filename,
                sha256=distribution.sha256 or "",
                cuda=build.cuda,
                sass=build.sass,
                ptx=build.ptx,
                source=f"known of {build.label} builds of {name}{build.versions}",
                inherited=True,
            )
        label = distribution.version.local or ""
        if (name, label) in self._labels:
            return DeviceCode(
                package=name,
                version=distribution.version,
                platform=self.target.platform,
                filename=distribution.filename,
                sha256=distribution.sha256 or "",
                cuda=self._labels[name, label],
                source=f"the label +{label} of {distribution.filename}",
                inherited=True,
            )
        sibling = self._sibling(name, distribution.version)
        if sibling is None:
            return None
        return DeviceCode(
            package=sibling.package,
            version=sibling.version,
            platform=sibling.platform,
            filename=distribution.filename,
            sha256=distribution.sha256 or "",
            cuda=sibling.cuda,
            sass=sibling.sass,
            ptx=sibling.ptx,
            libraries=sibling.libraries,
            source=f"{sibling.source}, the same release for another Python",
            inherited=True,
        )

    def _sibling(self, name: str, version: Version) -> DeviceCode | None:
        """Return the device code of a wheel of the same release and platform, where one was read."""
        platform = str(self.target.platform)
        for text, other, sha256 in self.knowledge.lookup.siblings.get(name, ()):
            if other == platform and (text == str(version) or Version(text) == version):
                return self.knowledge.device_code[sha256]
        return None

    def is_silent_on(self, name: str) -> bool:
        """Tell whether nothing is known of a package that could make a difference to any release of it."""
        lookup = self.knowledge.lookup
        return (
            name not in self.knowledge.packages
            and name not in lookup.siblings
            and name not in self._labelled
            and not self._rules_about(name)
            and not self._rules_against(name)
        )

    def judge(self, name: str, version: Version, distribution: Distribution | None) -> Judgement:
        """Say what the rules demand of one candidate.

        ``distribution`` is None for a package that a module provides: then only
        what name and version tell can be judged.
        """
        verdict = _Verdict(name, version)
        for rule in self._rules_about(name):
            if self._applies(rule, version, distribution):
                self._apply(rule, verdict)
        for rule, specifier in self._rules_against(name):
            if specifier is None or not specifier.contains(version, prereleases=True):
                verdict.require(f"{_AT_RULE}{rule.id}", _BREAKS, rule)
        self._judge_device_code(name, distribution, verdict)
        return verdict.judgement()

    def _rules_about(self, name: str) -> tuple[Rule, ...]:
        rules = self._about.get(name)
        if rules is None:
            places = self.knowledge.lookup.rules_about(name)
            found = (self.knowledge.rules[place] for place in places)
            rules = self._about[name] = tuple(rule for rule in found if rule.id not in self.ignored)
        return rules

    def _rules_against(self, name: str) -> tuple[tuple[Rule, SpecifierSet | None], ...]:
        """Return the rules about other packages that bound this one, or exclude it: None."""
        against = self._against.get(name)
        if against is None:
            found: list[tuple[Rule, SpecifierSet | None]] = []
            for place in self.knowledge.lookup.against.get(name, ()):
                rule = self.knowledge.rules[place]
                if rule.id in self.ignored or rule.severity is Severity.WARNS:
                    continue
                found += [(rule, item.specifier) for item in rule.constrains if item.name == name]
                found += [(rule, None)] * (name in rule.excludes)
            against = self._against[name] = tuple(found)
        return against

    def _applies(self, rule: Rule, version: Version, distribution: Distribution | None) -> bool:
        if not rule.versions.contains(version, prereleases=True):
            return False
        if rule.platforms and self.target.platform not in rule.platforms:
            return False
        if rule.distributions == "any":
            return True
        return isinstance(distribution, Wheel if rule.distributions == "wheel" else Sdist)

    def _apply(self, rule: Rule, verdict: _Verdict) -> None:
        for condition in rule.requires:
            if condition.is_fact:
                self._apply_fact(rule, condition, verdict, absent_fails=True)
            else:
                verdict.require(condition.name, condition.specifier, rule)
                verdict.caution(condition.name, condition.specifier, rule, required=True)
        on_packages = bool(rule.excludes)
        for name in rule.excludes:
            verdict.caution(name, None, rule)
        for condition in rule.constrains:
            if condition.is_fact:
                self._apply_fact(rule, condition, verdict, absent_fails=False)
            else:
                on_packages = True
                verdict.caution(condition.name, condition.specifier, rule)
        if on_packages:
            verdict.require(f"{_AT_RULE}{rule.id}", _KEEPS, rule)

    def _apply_fact(self, rule: Rule, condition: Condition, verdict: _Verdict, *, absent_fails: bool) -> None:
        if condition.name in self.knowledge.choices:
            verdict.require(condition.name, condition.specifier, rule)
            verdict.caution(condition.name, condition.specifier, rule)
            return
        if condition.name == CAPABILITY:
            for gpu in self._gpu_per_capability():
                package = fact_package(CAPABILITY, gpu)
                fact = fact_of(self.target, package)
                verdict.require(package, condition.specifier, rule, *([fact] if fact else []))
            if not self.target.gpus and absent_fails:
                verdict.require(
                    IMPOSSIBLE,
                    SpecifierSet(),
                    rule,
                    Fact(name="GPU", state=FactState.ABSENT, source="the target has none"),
                )
            return
        fact = self.effective_fact(condition.name)
        if fact.state is FactState.KNOWN:
            verdict.require(fact.name, condition.specifier, rule, fact)
        elif fact.state is FactState.UNKNOWN:
            verdict.depend(rule, fact)
        elif absent_fails:
            verdict.require(IMPOSSIBLE, SpecifierSet(), rule, fact)

    def effective_fact(self, name: str) -> Fact:
        """Return the fact that a condition of that name is held against.

        Driver floors bind the user-mode driver, which is another one than the
        kernel driver where a cuda-compat library is loaded.
        """
        if name == CUDA_DRIVER:
            library = self.target.fact(LIBCUDA)
            if library.state is FactState.KNOWN:
                return library
        return self.target.fact(name)

    def _gpu_per_capability(self) -> tuple[Gpu, ...]:
        return tuple({gpu.capability: gpu for gpu in reversed(self.target.gpus)}.values())

    def _judge_device_code(self, name: str, distribution: Distribution | None, verdict: _Verdict) -> None:
        package = self.package(name)
        if distribution is None:
            self._judge_provided(name, verdict)
            return
        if (
            isinstance(distribution, Sdist)
            and package.gpu_builds
            and self.target.gpus
            and self.source_build(name, distribution) is None
        ):
            verdict.refuse(
                f"{name}/no-recipe",
                "It has only a source distribution, and how to build that for a GPU is not known.",
                (),
                (),
            )
            return
        code = self.device_code(name, distribution)
        if code is not None and code.libraries:
            self._judge_libraries(package, code, verdict)
            return
        if code is None:
            if package.gpu_builds and self.target.gpus and isinstance(distribution, Wheel):
                verdict.leave_unread(name, distribution.filename)
            return
        if package.cuda_choice is not None:
            value = code.cuda if code.cuda is not None else Version("0")
            verdict.requirements.append(
                Requirement(
                    name=package.cuda_choice,
                    specifier=SpecifierSet(f"=={value}"),
                    origin=verdict.origin(
                        f"{name}/cuda-runtime",
                        f"It was built with CUDA {code.cuda}."
                        if code.cuda is not None
                        else "It was built without CUDA.",
                        (code.source,),
                        (),
                    ),
                )
            )
        if not self.target.gpus:
            return
        if code.cuda is None:
            self._judge_without_code(package, code, verdict)
            return
        self._judge_driver(code.cuda, verdict)
        if code.sass is None:
            verdict.leave_unread(name, code.filename)
            return
        part = OwnPart(library="", sass=code.sass, ptx=code.ptx, toolkit=code.cuda, runtime=code.cuda.major)
        self._judge_gpus(name, part, code.source, verdict)

    def _judge_without_code(self, package: PackageKnowledge, code: DeviceCode, verdict: _Verdict) -> None:
        if package.gpu_builds:
            verdict.refuse(
                f"{package.name}/no-gpu-code",
                f"Its build for {self.target.platform} on this index has no GPU code.",
                (code.source,),
                (),
            )

    def _judge_libraries(self, package: PackageKnowledge, code: DeviceCode, verdict: _Verdict) -> None:
        """Judge library by library: each that the package loads must have code for every GPU."""
        if not self.target.gpus:
            return
        parts = own_parts(code, package, self.knowledge.toolkits)
        if parts is None:
            if package.gpu_builds:
                verdict.leave_unread(package.name, code.filename)
            return
        if not parts:
            self._judge_without_code(package, code, verdict)
            return
        for runtime in sorted({part.runtime for part in parts if part.runtime is not None}):
            self._judge_driver(Version(f"{runtime}.0"), verdict)
        for part in parts:
            self._judge_gpus(package.name, part, code.source, verdict)

    def _judge_gpus(self, name: str, part: OwnPart, source: str, verdict: _Verdict) -> None:
        supported = self.target.fact(CUDA)
        what = f"The GPU code of its {part.library}" if part.library else "Its GPU code"
        for gpu in self._gpu_per_capability():
            if runs_on(
                part.sass, part.ptx, gpu.capability, built_with=part.toolkit, supported_cuda=supported.version
            ):
                continue
            fact = fact_of(self.target, fact_package(CAPABILITY, gpu))
            if supported.state is FactState.UNKNOWN and runs_on(
                part.sass, part.ptx, gpu.capability, built_with=part.toolkit, supported_cuda=part.toolkit
            ):
                verdict.conditions.append(
                    verdict.origin(
                        f"{name}/device-code",
                        f"{what} for {gpu.capability} is PTX, which needs a driver that supports CUDA "
                        f"{part.toolkit}.",
                        (source,),
                        (supported,),
                    )
                )
            else:
                verdict.refuse(
                    f"{name}/device-code",
                    f"{what} is for capability {_dotted(part.sass)}; none runs on {gpu.capability}.",
                    (source,),
                    (fact,) if fact else (),
                )

    def _judge_provided(self, name: str, verdict: _Verdict) -> None:
        """Name what a module's build must turn out to be: the module may have been built for this GPU."""
        package = self.package(name)
        if package.cuda_choice is None and not package.gpu_builds:
            return
        provided = next((item for item in self.target.provided if item.name == name), None)
        if package.cuda_choice is not None and provided is not None and provided.cuda is not None:
            self._judge_provided_cuda(provided, provided.cuda, package.cuda_choice, verdict)
            return
        code = self._sibling(name, verdict.version)
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

    def _judge_provided_cuda(self, provided: Provided, cuda: Version, choice: str, verdict: _Verdict) -> None:
        """Judge a module's build whose CUDA runtime was read from its files."""
        name = provided.name
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
        if not self.target.gpus:
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
        self._judge_driver(cuda, verdict)
        verdict.conditions.append(
            verdict.origin(
                f"{name}/provided", f"{origin.why[:-1]}; its GPU code has not been read.", origin.evidence, ()
            )
        )

    def _judge_driver(self, cuda: Version, verdict: _Verdict) -> None:
        runtime = self.knowledge.runtimes.get(cuda.major)
        fact = self.effective_fact(CUDA_DRIVER)
        if runtime is None or fact.state is FactState.ABSENT:
            return
        origin = verdict.origin(
            f"cuda/{runtime.major}-driver",
            f"It was built with CUDA {runtime.major}, whose libraries need driver {runtime.driver} or newer.",
            tuple(map(str, runtime.evidence)),
            (fact,),
        )
        if fact.state is FactState.UNKNOWN:
            verdict.conditions.append(origin)
        else:
            verdict.requirements.append(
                Requirement(name=fact.name, specifier=SpecifierSet(f">={runtime.driver}"), origin=origin)
            )


def _dotted(sass: tuple[str, ...]) -> str:
    # The suffixed extras prove single kernels, not support; a reader wants the plain list.
    plain = [code for code in sass if code.isdigit()] or list(sass)
    return ", ".join(f"{code[:-1]}.{code[-1]}" if code.isdigit() else code for code in plain)


class _Verdict:
    """A judgement being made."""

    def __init__(self, name: str, version: Version) -> None:
        self._name = name
        self.version = version
        self.requirements: list[Requirement] = []
        self.conditions: list[RuleOrigin] = []
        self.warnings: list[RuleOrigin] = []
        self.cautions: list[Caution] = []

    def origin(self, rule: str, why: str, evidence: tuple[str, ...], facts: tuple[Fact, ...]) -> RuleOrigin:
        return RuleOrigin(
            rule=rule,
            package=self._name,
            version=str(self.version),
            why=why,
            evidence=evidence,
            facts=facts,
        )

    def require(self, name: str, specifier: SpecifierSet, rule: Rule, *facts: Fact) -> None:
        origin = self._of_rule(rule, facts)
        if rule.severity is Severity.BLOCKS:
            self.requirements.append(Requirement(name=name, specifier=specifier, origin=origin))
        elif any(
            fact.version is None or not specifier.contains(fact.version, prereleases=True) for fact in facts
        ):
            self.warnings.append(origin)

    def caution(
        self, name: str, specifier: SpecifierSet | None, rule: Rule, *, required: bool = False
    ) -> None:
        """Keep what a warning says of other names, for whoever sees the whole set."""
        if rule.severity is Severity.WARNS:
            self.cautions.append(
                Caution(name=name, specifier=specifier, required=required, origin=self._of_rule(rule, ()))
            )

    def leave_unread(self, name: str, filename: str) -> None:
        self.conditions.append(
            self.origin(f"{name}/device-code", f"The GPU code in {filename} has not been read.", (), ())
        )

    def depend(self, rule: Rule, fact: Fact) -> None:
        (self.conditions if rule.severity is Severity.BLOCKS else self.warnings).append(
            self._of_rule(rule, (fact,))
        )

    def refuse(self, rule: str, why: str, evidence: tuple[str, ...], facts: tuple[Fact, ...]) -> None:
        self.requirements.append(Requirement(name=IMPOSSIBLE, origin=self.origin(rule, why, evidence, facts)))

    def judgement(self) -> Judgement:
        return Judgement(
            requirements=tuple(self.requirements),
            conditions=tuple(self.conditions),
            warnings=tuple(self.warnings),
            cautions=tuple(self.cautions),
        )

    def _of_rule(self, rule: Rule, facts: tuple[Fact, ...]) -> RuleOrigin:
        return self.origin(rule.id, rule.why, tuple(map(str, rule.evidence)), facts)
