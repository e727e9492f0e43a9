"""Whether each sentence of an explanation is true, from a world's own lines and not from the resolver.

Every form that a sentence can take is known here; one that is not known is an error, so that
no new sentence goes unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from packaging.requirements import Requirement as Declared
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.distribution import Sdist, Wheel
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.resolve.reason import Group
from envfit.target import FactState, Target
from judges.device_code import OLDEST_DRIVER
from tests.resolve.worlds import Release

__all__ = ["Leaves"]


class Leaves:
    """A world, and what is said of it."""

    def __init__(
        self,
        releases: Sequence[Release],
        knowledge: KnowledgeBase,
        target: Target,
        *,
        asked: Sequence[str],
        constraints: Sequence[str] = (),
        overrides: Sequence[str] = (),
    ) -> None:
        self._overrides = [Declared(text) for text in overrides]
        self._releases = releases
        self._knowledge = knowledge
        self._target = target
        self._asked = [Declared(text) for text in asked]
        self._constraints = [Declared(text) for text in constraints]
        self._provided = {item.name: item for item in target.provided}

    def check(self, group: Group) -> None:
        """Raise AssertionError where a group says what is not so."""
        sentence, rule = group.reason.sentence, group.reason.rule
        match, holds = None, self._rule
        for pattern, form in self._forms().items():
            match = re.fullmatch(pattern, sentence)
            if match is not None:
                holds = form
                break
        assert match is not None or rule is not None, f"no form of sentence is known for {group}"
        if not group.versions:
            assert holds(group, None, match), group
        for version in group.versions:
            assert holds(group, version, match), f"{version} in {group}"

    def _forms(self) -> dict[str, Callable[..., bool]]:
        return {
            r"it requires Python (.*)": self._python,
            r"it has no file for CPython (\S+) on (\S+)": self._no_file,
            r"it needs glibc (\S+) or newer(?:; (\S+) is assumed, and --glibc states it)?": self._glibc,
            r"it was not uploaded before (\S+) .* UTC": self._uploaded,
            r"it has only a source distribution for this target, and --(?:no-build|only-binary) is given": self._source,
            r"it is excluded by your constraint (\S+) \(.*\)": self._constrained,
            r"it is yanked \(.*\), and only an exact pin takes it": self._yanked,
            r"it is a pre-release, and --pre is not given": self._prerelease,
            r"no index in use has (\S+)": self._no_index,
            r"no release of (\S+) is (\S+); (?:only )?(\S+)(?: to (\S+) are| is) listed": self._no_release,
            r"(\S+) (\S+) is provided, which is not (\S+?)(?:: .*)?": self._not_provided,
            r"it cannot be used: .*": self._broken,
            r"it has no extra '(\S+)'(?:, which newer releases have| that newer releases have: .*)": self._no_extra,
            r"each requires a release of (\S+) that is out \((.*)\)": self._each,
            r"it requires (\S+)(?:: .*)?": self._requires,
            r"It was built with CUDA (\S+?)\.": self._built_with,
            r"It was built with CUDA (\d+), whose libraries need driver (\S+) or newer\.": self._driver,
            r"Its build for .* on this index has no GPU code\.": self._no_code,
            r"It has only a source distribution, and how to build that for a GPU is not known\.": self._no_recipe,
            r"Its GPU code is for (.*?); (.*?)(?: \(that of the newest of them; the others likewise\))?\.": self._code,
        }

    def _all(self, name: str) -> list[Release]:
        return [item for item in self._releases if item.distribution.name == canonicalize_name(name)]

    def _of(self, group: Group, version: Version | None) -> list[Release]:
        return [item for item in self._all(group.name) if item.distribution.version == version]

    # -- files ------------------------------------------------------------------

    def _python(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        stated = SpecifierSet(match[1])
        return not stated.contains(self._target.python) and any(
            stated in (item.metadata.requires_python, item.distribution.requires_python)
            for item in self._of(group, version)
        )

    def _no_file(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        tags = set(self._target.tags())
        return (match[1], match[2]) == (self._target.python_minor, str(self._target.platform)) and all(
            isinstance(item.distribution, Wheel) and tags.isdisjoint(item.distribution.tags)
            for item in self._of(group, version)
        )

    def _glibc(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        own = self._target.fact("__glibc").version
        assert own is not None
        wanted = match[1].replace(".", "_")
        return Version(match[1]) > own and any(
            wanted in item.distribution.filename for item in self._of(group, version)
        )

    def _uploaded(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        return all(
            item.distribution.upload_time is not None
            and f"{item.distribution.upload_time:%Y-%m-%d}" >= match[1]
            for item in self._of(group, version)
        )

    def _source(self, group: Group, version: Version, _: re.Match[str]) -> bool:
        return all(isinstance(item.distribution, Sdist) for item in self._of(group, version))

    def _yanked(self, group: Group, version: Version, _: re.Match[str]) -> bool:
        return all(item.distribution.yanked is not None for item in self._of(group, version))

    def _prerelease(self, group: Group, version: Version, _: re.Match[str]) -> bool:
        return bool(self._of(group, version)) and version.is_prerelease

    def _broken(self, group: Group, version: Version, _: re.Match[str]) -> bool:
        return any(item.broken for item in self._of(group, version))

    # -- what is asked, and what metadata says ------------------------------------

    def _constrained(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        stated = Declared(match[1])
        return any(str(stated) == str(one) for one in self._constraints) and not stated.specifier.contains(
            version
        )

    def _no_index(self, group: Group, _: None, match: re.Match[str]) -> bool:
        return not self._all(match[1])

    def _no_release(self, group: Group, _: None, match: re.Match[str]) -> bool:
        listed = [item.distribution.version for item in self._all(match[1])]
        bounds = {Version(match[3]), Version(match[4] or match[3])}
        return {min(listed), max(listed)} == bounds and not any(
            SpecifierSet(match[2]).contains(version, prereleases=True) for version in listed
        )

    def _not_provided(self, group: Group, _: None, match: re.Match[str]) -> bool:
        given = self._provided[match[1]].version
        return given == Version(match[2]) and not SpecifierSet(match[3]).contains(given)

    def _no_extra(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        assert any(match[1] in one.extras for one in self._asked)
        own = [
            f'"{match[1]}"' in one.marker
            for item in self._of(group, version)
            for one in item.metadata.requires
        ]
        newer = [
            f'"{match[1]}"' in one.marker
            for item in self._all(group.name)
            if item.distribution.version > version
            for one in item.metadata.requires
        ]
        # One that has it may still be older than one that has not.
        return any(newer) and (not any(own) or "older than" in match[0])

    def _requires(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        if group.reason.rule is not None:
            return self._rule(group, version, match)
        wanted = Declared(match[1])
        assert group.reason.leads_to == canonicalize_name(wanted.name)
        given = self._provided.get(group.name)
        declared = (
            [str(one) for one in (given.requires or ())]
            if given is not None and given.version == version
            else []
        )
        declared += [str(one) for item in self._of(group, version) for one in item.metadata.requires]
        stated = [Declared(text) for text in declared]
        # The user's word stands in the place of whatever a package says of that name.
        instead = [one for one in self._overrides for own in stated if one.name == own.name]
        return any(_same(one, wanted) for one in (*stated, *instead))

    def _each(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        assert group.reason.leads_to == match[1]
        named = [Declared(re.sub(r" and \d+ more$", "", text)) for text in re.split(r", (?=\w)", match[2])]
        own = [
            Declared(str(one))
            for item in self._of(group, version)
            for one in item.metadata.requires
            if canonicalize_name(one.name) == match[1]
        ]
        rules = [
            condition
            for rule in self._knowledge.rules
            if group.name in rule.packages and rule.versions.contains(version)
            for condition in (*rule.requires, *rule.constrains)
            if condition.name == match[1]
        ]
        listed = any(_same(one, other) for one in own for other in named)
        return bool(own or rules) and (listed or " more" in match[2] or bool(rules))

    # -- rules and GPU code ---------------------------------------------------------

    def _rule(self, group: Group, version: Version | None, _: object) -> bool:
        """Tell whether a rule speaks of a version, and of a fact that does not fit or of other packages."""
        rule = next(one for one in self._knowledge.rules if one.id == group.reason.rule)
        assert rule.why in group.reason.sentence
        spoken_of = (*rule.excludes, *(one.name for one in rule.constrains))
        if group.name not in rule.packages:
            return group.name in spoken_of
        if version is not None and not rule.versions.contains(version):
            return False
        conditions = (*rule.requires, *rule.constrains)
        facts = [condition for condition in conditions if condition.is_fact]
        broken = [
            condition
            for condition in facts
            if condition.name == CAPABILITY
            and (
                not self._target.gpus
                or any(not condition.specifier.contains(str(gpu.capability)) for gpu in self._target.gpus)
            )
        ]
        broken += [
            condition
            for condition in facts
            if (fact := self._target.fact(condition.name)).state is FactState.ABSENT
            or (fact.version is not None and not condition.specifier.contains(fact.version))
        ]
        choices = [condition for condition in facts if condition.name in self._knowledge.choices]
        others = [condition for condition in conditions if not condition.is_fact]
        return bool(broken or choices or others or rule.excludes)

    def _built_with(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        return any(
            item.device_code is not None and item.device_code.get("cuda") == match[1]
            for item in self._of(group, version)
        )

    def _driver(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        own = self._target.fact("__cuda_driver").version
        assert own is not None
        assert Version(match[2]) >= OLDEST_DRIVER[int(match[1])]
        return own < Version(match[2]) and any(
            item.device_code is not None and item.device_code["cuda"].startswith(f"{match[1]}.")
            for item in self._of(group, version)
        )

    def _no_code(self, group: Group, version: Version, _: re.Match[str]) -> bool:
        return bool(self._target.gpus) and all(
            item.device_code is not None and not item.device_code["sass"]
            for item in self._of(group, version)
            if not item.variant
        )

    def _no_recipe(self, group: Group, version: Version, _: re.Match[str]) -> bool:
        return bool(self._target.gpus) and all(
            isinstance(item.distribution, Sdist) for item in self._of(group, version)
        )

    def _code(self, group: Group, version: Version, match: re.Match[str]) -> bool:
        """Tell whether nothing of a release runs on the GPU that is named, by machine code or by PTX."""
        named = re.search(r"on (\d+)\.(\d)", match[2])
        assert named is not None
        major, minor = int(named[1]), int(named[2])
        driver = self._target.fact("__cuda").version
        for item in self._of(group, version):
            assert item.device_code is not None
            if any(int(code[:-1]) == major and int(code[-1]) <= minor for code in item.device_code["sass"]):
                return False
            ptx = any(int(code) <= major * 10 + minor for code in item.device_code["ptx"])
            if ptx and driver is not None and driver >= Version(item.device_code["cuda"]):
                return False
        return True


def _same(one: Declared, other: Declared) -> bool:
    return canonicalize_name(one.name) == canonicalize_name(other.name) and one.specifier == other.specifier
