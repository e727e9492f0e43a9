"""Knowledge against what indexes have by now: what is newer, read and held against the rules, as a patch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from envfit.api.deriving import derive_wheel, kept_wheels, representative_wheels
from envfit.distribution import Wheel
from envfit.errors import EnvfitError, InputError
from envfit.frozen import frozen
from envfit.knowledge.derived import GENERATOR, DerivedWheel, derived_text, device_code
from envfit.knowledge.freshness import (
    Answer,
    Confirmation,
    confirm,
    last_release,
    newest_known,
    open_rules,
    provisional_rules,
)
from envfit.knowledge.model import DeviceCode, KnowledgeBase, Rule
from envfit.knowledge.rule_text import with_newer_end
from envfit.target import Platform

if TYPE_CHECKING:
    from envfit.index.session import Session
    from envfit.index.source import PackageIndex

__all__ = ["Freshened", "freshen"]

#: Bytes of wheels of one package that are read where nobody says how many.
FRESHEN_LIMIT = 2_000_000_000


@frozen
class Freshened:
    """What became of one package since its knowledge was made."""

    name: str
    newest: Version | None  # on the index; None where it has no final release
    known: Version | None  # the newest whose wheels were read
    newer: tuple[Version, ...] = ()  # releases with wheels that nobody has read, newest first
    read: tuple[str, ...] = ()  # file names of the wheels that were read now
    unread: tuple[str, ...] = ()  # why others were not: one sentence each
    confirmations: tuple[Confirmation, ...] = ()
    patch: str = ""  # a unified diff, with paths from the checkout's root


def freshen(
    names: Sequence[str],
    knowledge: KnowledgeBase,
    directory: Path,
    packages: PackageIndex,
    session: Session,
    *,
    today: date,
    limit: int = FRESHEN_LIMIT,
    notify: Callable[[str], None],
) -> Iterator[Freshened]:
    """Yield what is newer than the knowledge, package after package, and what it says to the rules.

    Without names, of every package that wheels were read of or whose rules end at a release.
    ``limit`` is the number of bytes of a package's wheels that are read.  Raises InputError on a
    name that nothing is known of.
    """
    known = _names(knowledge)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            raise InputError(
                f"no release of {name} was read, and no rule about it ends at one",
                hints=[f"did you mean {' or '.join(near)}?"] if near else [],
            )
    for name in names or known:
        try:
            package = _Package(
                name=name,
                knowledge=knowledge,
                directory=directory,
                session=session,
                today=today,
                notify=notify,
            )
            yield package.freshen(packages, limit)
        except EnvfitError as error:
            notify(f"note: {name} cannot be looked at: {error.message}")


def _names(knowledge: KnowledgeBase) -> list[str]:
    bounded = {
        name
        for rule in knowledge.rules
        if last_release(rule.versions) is not None
        for name in rule.packages
        if "*" not in name
    }
    return sorted(bounded | set(knowledge.lookup.siblings))


class _Package:
    """One package on its way."""

    def __init__(
        self,
        *,
        name: str,
        knowledge: KnowledgeBase,
        directory: Path,
        session: Session,
        today: date,
        notify: Callable[[str], None],
    ) -> None:
        self._name = name
        self._knowledge = knowledge
        self._directory = directory
        self._session = session
        self._today = today
        self._notify = notify

    def freshen(self, packages: PackageIndex, limit: int) -> Freshened:
        listed = representative_wheels(self._name, packages)
        finals = [
            file.version
            for listing in packages.listing(self._name)
            for file in listing.distributions
            if not file.version.is_prerelease and file.yanked is None
        ]
        known = newest_known(self._knowledge, self._name)
        newer = [] if known is None else [(where, wheel) for where, wheel in listed if wheel.version > known]
        read, unread = self._read(newer, limit)
        newest = max(finals, default=None)
        codes = [device_code(self._name, wheel, GENERATOR) for wheel in read]
        confirmations = tuple(self._confirm(codes, newest)) if newest is not None else ()
        return Freshened(
            name=self._name,
            newest=newest,
            known=known,
            newer=tuple(dict.fromkeys(wheel.version for _, wheel in newer)),
            read=tuple(wheel.filename for wheel in read),
            unread=tuple(unread),
            confirmations=confirmations,
            patch=self._patch(read, confirmations),
        )

    def _read(
        self, wheels: Sequence[tuple[Platform, Wheel]], limit: int
    ) -> tuple[list[DerivedWheel], list[str]]:
        read, unread, left = [], [], limit
        for platform, wheel in wheels:
            size = wheel.size or 0
            if size > left:
                unread.append(f"{wheel.filename} is {size / 1e6:.0f} MB, beyond the limit")
                continue
            self._notify(f"reading {wheel.filename} ({size / 1e6:.0f} MB)")
            left -= size
            try:
                read.append(derive_wheel(wheel, platform, self._session))
            except EnvfitError as error:
                unread.append(f"{wheel.filename} could not be read: {error.message}")
        return read, unread

    def _confirm(self, codes: Sequence[DeviceCode], newest: Version) -> Iterator[Confirmation]:
        """Yield what the newest release says to each rule that ends before it, and against open ones."""
        for rule in provisional_rules(self._knowledge, self._name):
            end = last_release(rule.versions)
            if end is None or newest <= end:
                continue
            spoken = self._spoken(rule, codes, newest)
            failing = [one for one in spoken if one.answer is Answer.FAILS]
            yield (failing or spoken or [_unheard(rule, newest)])[0]
        for rule in open_rules(self._knowledge, self._name):
            yield from (one for one in self._spoken(rule, codes, newest) if one.answer is Answer.FAILS)

    def _spoken(self, rule: Rule, codes: Sequence[DeviceCode], newest: Version) -> list[Confirmation]:
        return [
            confirm(rule, code, self._knowledge)
            for code in codes
            if code.version == newest and (not rule.platforms or code.platform in rule.platforms)
        ]

    def _patch(self, read: Sequence[DerivedWheel], confirmations: Sequence[Confirmation]) -> str:
        return self._derived_patch(read) + "".join(self._rule_patches(confirmations, read))

    def _derived_patch(self, read: Sequence[DerivedWheel]) -> str:
        if not read:
            return ""
        path = self._directory / "derived" / f"{self._name}.toml"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = derived_text(self._name, GENERATOR, [*kept_wheels(path), *read])
        return _diff(f"derived/{self._name}.toml", before, after)

    def _rule_patches(
        self, confirmations: Sequence[Confirmation], read: Sequence[DerivedWheel]
    ) -> Iterator[str]:
        """Yield the bounds that move, with the wheels that moved them as evidence."""
        moved: dict[str, list[Confirmation]] = {}
        for one in confirmations:
            if one.answer is Answer.HOLDS:
                moved.setdefault(one.rule.file, []).append(one)
        for file, several in moved.items():
            before = (self._directory / file).read_text(encoding="utf-8")
            after = before
            for one in several:
                after = self._moved(after, one, read) or after
            if after != before:
                yield _diff(file, before, after)

    def _moved(self, text: str, one: Confirmation, read: Sequence[DerivedWheel]) -> str | None:
        """Return a file's text with one rule's end moved; None where a person has to do it."""
        end = last_release(one.rule.versions)
        wheel = next((wheel for wheel in read if wheel.version == one.version), None)
        if end is None or wheel is None:
            return None
        return with_newer_end(
            text,
            one.rule.id,
            before=f"<={end}",
            after=f"<={one.version}",
            source=wheel.filename,
            sha256=wheel.sha256,
            locator=one.why,
            checked=self._today,
        )


def _unheard(rule: Rule, newest: Version) -> Confirmation:
    why = "no wheel of that release was read for the rule's platforms"
    return Confirmation(rule=rule, version=newest, answer=Answer.OPEN, why=why)


def _diff(file: str, before: str, after: str) -> str:
    place = f"constraints/{file}"
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        fromfile=f"a/{place}" if before else "/dev/null",
        tofile=f"b/{place}",
    )
    return "".join(lines)
