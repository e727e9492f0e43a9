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

from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.knowledge.code_judge import CodeJudge
from envfit.knowledge.facts import fact_of, fact_package
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
from envfit.knowledge.prebuilt import ABI_CHOICE, CUDA_CHOICE, PrebuiltWheel, prebuilt_wheels
from envfit.knowledge.verdict import IMPOSSIBLE, Judgement, Verdict
from envfit.requirement import Requirement
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, LIBCUDA, Fact, FactState, Gpu, Target

__all__ = ["KEEPS", "Query", "is_built_in"]

_AT_RULE = "__rule:"
#: What the package that a rule is about asks of the choice made of the rule.
KEEPS = SpecifierSet("==1")
_BREAKS = SpecifierSet("==2")
RULE_VALUES = (Version("1"), Version("2"))
_NOTHING = PackageKnowledge(name="")
# The last part of the ids of verdicts that no rule file states; beside them, cuda/12-driver and the like.
_BUILT_IN = frozenset(
    {
        "cuda-runtime",
        "device-code",
        "linked-runtime",
        "no-gpu-code",
        "no-recipe",
        "prebuilt",
        "provided",
        "unread",
    }
)


def is_built_in(rule: str) -> bool:
    """Tell whether an id is one that this file gives to what files and axes say themselves."""
    subject, _, what = rule.partition("/")
    return subject == "cuda" or what in _BUILT_IN


class Query:
    """The knowledge base, asked on behalf of one target.

    ``refused`` are wheels, by sha256, that are not taken because their GPU code is not known.
    """

    def __init__(
        self,
        knowledge: KnowledgeBase,
        target: Target,
        *,
        ignored: frozenset[str] = frozenset(),
        refused: frozenset[str] = frozenset(),
    ) -> None:
        self.knowledge = knowledge
        self.target = target
        self.ignored = ignored
        self.refused = refused
        self._about: dict[str, tuple[Rule, ...]] = {}
        self._prebuilt: dict[tuple[str, Version], PrebuiltWheel | None] = {}
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

    def prebuilt(self, name: str, version: Version) -> PrebuiltWheel | None:
        """Return the wheel of a release page that a version is; None where it is of no release page."""
        if version.local is None:
            return None
        if (name, version) not in self._prebuilt:
            wheels = prebuilt_wheels(self.package(name), Version(version.public), self.target)
            found = next((wheel for wheel in wheels if wheel.version == version), None)
            self._prebuilt[name, version] = found
        return self._prebuilt[name, version]

    def prebuilt_of(self, name: str, release: Version) -> tuple[PrebuiltWheel, ...]:
        """Return the wheels of a release, given without a label, that may be on its page; best first.

        The best is the one for the newest torch, then for the newest CUDA, then for the new C++ ABI.
        """
        found = prebuilt_wheels(self.package(name), release, self.target)
        return tuple(
            sorted(found, key=lambda wheel: (Version(wheel.torch), wheel.cuda, wheel.new_abi), reverse=True)
        )

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
                return own if own.libraries else self._with_libraries(own)
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
        sibling = self.sibling(name, distribution.version)
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

    def _with_libraries(self, own: DeviceCode) -> DeviceCode:
        """Add what was read library by library in a sibling: kernels do not differ between Pythons."""
        sibling = self.sibling(own.package, own.version)
        return own if sibling is None or not sibling.libraries else replace(own, libraries=sibling.libraries)

    def sibling(self, name: str, version: Version) -> DeviceCode | None:
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
            not self.refused
            and name not in self.knowledge.packages
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
        verdict = Verdict(name, version)
        for rule in self._rules_about(name):
            if self._applies(rule, version, distribution):
                self._apply(rule, verdict)
        for rule, specifier in self._rules_against(name):
            if specifier is None or not specifier.contains(version, prereleases=True):
                verdict.require(f"{_AT_RULE}{rule.id}", _BREAKS, rule)
        self._judge_prebuilt(name, version, verdict)
        CodeJudge(self, name, verdict).judge(distribution)
        return verdict.judgement()

    def _judge_prebuilt(self, name: str, version: Version, verdict: Verdict) -> None:
        """Demand what a wheel of a release page was compiled for."""
        wheel = self.prebuilt(name, version)
        if wheel is None:
            return
        rule, evidence = f"{name}/prebuilt", tuple(map(str, wheel.entry.evidence))
        for condition in wheel.entry.requires:
            fact = self.effective_fact(condition.name)
            origin = verdict.origin(
                rule, f"It is a prebuilt wheel, which needs {condition}.", evidence, (fact,)
            )
            if fact.state is FactState.UNKNOWN:
                verdict.conditions.append(origin)
            else:
                name_of_fact = IMPOSSIBLE if fact.state is FactState.ABSENT else fact.name
                verdict.requirements.append(
                    Requirement(name=name_of_fact, specifier=condition.specifier, origin=origin)
                )
        if any(package.name == "torch" for package in self.target.provided):
            why = "It is a prebuilt wheel, and the C++ ABI of the torch that is provided is not known."
            verdict.refuse(rule, why, evidence, ())
        # The same words whatever it was compiled for: a refusal of many wheels has one reason.
        for what, needed, specifier in (
            ("the release of torch", "torch", wheel.torch_versions),
            ("the CUDA of torch", CUDA_CHOICE, wheel.cuda_versions),
            ("the C++ ABI of torch", ABI_CHOICE, wheel.abi),
        ):
            why = f"It is a prebuilt wheel, which works with {what} that it was compiled for."
            origin = verdict.origin(rule, why, evidence, ())
            verdict.requirements.append(Requirement(name=needed, specifier=specifier, origin=origin))

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

    def _apply(self, rule: Rule, verdict: Verdict) -> None:
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
            verdict.require(f"{_AT_RULE}{rule.id}", KEEPS, rule)

    def _apply_fact(self, rule: Rule, condition: Condition, verdict: Verdict, *, absent_fails: bool) -> None:
        if condition.name in self.knowledge.choices:
            verdict.require(condition.name, condition.specifier, rule)
            verdict.caution(condition.name, condition.specifier, rule)
            return
        if condition.name == CAPABILITY:
            for gpu in self.gpu_per_capability():
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

    def unmet_fact(self, rule: Rule, name: str) -> str | None:
        """Return what of the target breaks a rule about a package, whatever else is installed, or None.

        A GPU by its name, the driver with its version, another fact with its value.
        """
        verdict = Verdict(name, Version("0"))
        self._apply(rule, verdict)
        for requirement in verdict.requirements:
            fact = fact_of(self.target, requirement.name)
            if requirement.name == IMPOSSIBLE:
                return "this machine"
            if fact is None or fact.state is not FactState.KNOWN or fact.version is None:
                continue
            if not requirement.specifier.contains(fact.version, prereleases=True):
                return _told_plainly(fact)
        return None

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

    def gpu_per_capability(self) -> tuple[Gpu, ...]:
        """Return one GPU of each capability in use."""
        return tuple({gpu.capability: gpu for gpu in reversed(self.target.gpus)}.values())


def _told_plainly(fact: Fact) -> str:
    words = {CUDA: "CUDA", CUDA_DRIVER: "driver", GLIBC: "glibc"}
    gpu = fact.name.removeprefix("compute capability of ")
    return gpu if gpu != fact.name else f"{words.get(fact.name, fact.name)} {fact.value}"
