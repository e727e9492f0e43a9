"""What differs between two resolutions of nearly the same request."""

from __future__ import annotations

from packaging.version import Version

from envfit.frozen import frozen
from envfit.resolve.resolution import Resolution

__all__ = ["Change", "changes_between"]


@frozen
class Change:
    """One package that is another version, is new or gone."""

    name: str
    before: Version | None  # None: it is new
    after: Version | None  # None: it goes

    @property
    def direction(self) -> str:
        """Whether it goes up, down, is new, gone, or rebuilt: another build of the same release."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        old, new = Version(self.before.public), Version(self.after.public)
        return "up" if new > old else "down" if new < old else "rebuilt"

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name} {self.after} (new)"
        if self.after is None:
            return f"{self.name} {self.before} (gone)"
        return f"{self.name} {self.before} -> {self.after}"


_DIRECTIONS = ("down", "up", "rebuilt", "new", "gone")


def changes_between(before: Resolution, after: Resolution) -> tuple[Change, ...]:
    """Return what differs: what goes down first, then up, what is new, what is gone; each by name."""
    old = {pin.name: pin.version for pin in before.pins}
    new = {pin.name: pin.version for pin in after.pins}
    changes = [
        Change(name=name, before=old.get(name), after=new.get(name))
        for name in old.keys() | new.keys()
        if old.get(name) != new.get(name)
    ]
    return tuple(sorted(changes, key=lambda change: (_DIRECTIONS.index(change.direction), change.name)))
