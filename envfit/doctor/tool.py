"""Commands in the words of the tool that an environment is kept with: by who installed what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envfit.doctor.finding import Change, Remedy
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind

__all__ = ["Tool"]


class Tool:
    """Writes remedies for one environment.

    A package that conda brought is changed by conda, one that uv brought by uv, any other by the
    pip of the environment, or by uv where it has none.  Where a system's package manager owns the
    environment (PEP 668) there are no commands: a person has to decide.
    """

    def __init__(self, environment: InstalledEnvironment) -> None:
        self._environment = environment
        self._seen: Mapping[str, InstalledDistribution] = environment.seen()
        self._python = str(environment.python or environment.prefix / "bin" / "python")

    def install(
        self,
        text: str,
        wanted: Sequence[tuple[str, str]],
        *,
        anew: bool = False,
        over: bool = False,
        extras: str = "",
    ) -> Remedy:
        """Return the remedy that installs packages: name and bounds (``numpy``, ``<2``).

        ``anew``: although that version is there.  ``over``: without removing what is there, where
        its metadata is damaged: pip removes nothing without a RECORD and a METADATA that it can read.
        """
        names = [name for name, _ in wanted]
        changes = tuple(
            Change(name=name, before=self._version(name), after=bounds.removeprefix("==") or "any")
            for name, bounds in wanted
        )
        specs = [f"{name}{extras}{bounds}" for name, bounds in wanted]
        if self._is_closed(names):
            return Remedy(text=text)
        if self._is_of_conda(names):
            again = ["--force-reinstall"] if anew else []
            plain = [f"{name}{bounds.replace('==', '=')}" for name, bounds in wanted]
            return self._conda(text, ["install", *again], plain)
        if self._is_of_uv(names):
            again = [word for name in names for word in ("--reinstall-package", name)] if anew else []
            command = ("uv", "pip", "install", "--python", self._python, *again, *specs)
        else:
            # Its dependencies are there and stay as they are.
            again = ["--ignore-installed" if over else "--force-reinstall", "--no-deps"] if anew else []
            command = (self._python, "-m", "pip", "install", *again, *specs)
        return Remedy(text=text, commands=(command,), changes=changes)

    def remove(self, text: str, names: Sequence[str]) -> Remedy:
        """Return the remedy that removes packages."""
        if self._is_closed(names):
            return Remedy(text=text)
        if self._is_of_conda(names):
            return self._conda(text, ["remove"], names)
        changes = tuple(Change(name=name, before=self._version(name), after=None) for name in names)
        if self._is_of_uv(names):
            command = ("uv", "pip", "uninstall", "--python", self._python, *names)
        else:
            command = (self._python, "-m", "pip", "uninstall", "--yes", *names)
        return Remedy(text=text, commands=(command,), changes=changes)

    def keep_one(self, text: str, keep: str, drop: str) -> Remedy:
        """Return the remedy that removes two packages and installs one of them again."""
        removal = self.remove(text, [keep, drop])
        version = self._version(keep)
        again = self.install(text, [(keep, f"=={version}" if version else "")])
        if not removal.commands or not again.commands:
            return Remedy(text=text)
        return Remedy(
            text=text,
            commands=(*removal.commands, *again.commands),
            undo=removal.undo,
            changes=(Change(name=drop, before=self._version(drop), after=None), *again.changes)
            if removal.changes
            else (),
        )

    def take_away(self, text: str, paths: Sequence[str]) -> Remedy:
        """Return the remedy that takes files or directories away."""
        if self._environment.managed_outside:
            return Remedy(text=text)
        return Remedy(text=text, commands=tuple(("rm", "-r", path) for path in paths), moves=tuple(paths))

    def _version(self, name: str) -> str | None:
        found = self._seen.get(name)
        return found.says if found is not None else None

    def _is_closed(self, names: Sequence[str]) -> bool:
        """Tell whether a person has to decide: a system's Python, or packages outside of the prefix."""
        there = [found for name in names if (found := self._seen.get(name))]
        return bool(self._environment.managed_outside) or not all(map(self._environment.is_own, there))

    def _is_of_conda(self, names: Sequence[str]) -> bool:
        if self._environment.kind is not PrefixKind.CONDA:
            return False
        there = [found.installer for name in names if (found := self._seen.get(name))]
        return bool(there) and all(installer == "conda" for installer in there)

    def _is_of_uv(self, names: Sequence[str]) -> bool:
        if "pip" not in self._seen:
            return True
        there = [found.installer for name in names if (found := self._seen.get(name))]
        # What is new comes by the tool that most of the others came by.
        all_of_them = there or [item.installer for item in self._seen.values()]
        return all_of_them.count("uv") * 2 > len(all_of_them)

    def _conda(self, text: str, command: Sequence[str], names: Sequence[str]) -> Remedy:
        there = ("--prefix", str(self._environment.prefix), "--yes")
        first, *rest = command
        revision = self._environment.conda_revision
        undo = (("conda", "install", *there, "--revision", str(revision)),) if revision is not None else ()
        return Remedy(text=text, commands=(("conda", first, *there, *rest, *names),), undo=undo)
