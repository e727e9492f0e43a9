"""Remedies as commands of the tool that made an environment."""

from __future__ import annotations

from collections.abc import Sequence

from envfit.doctor.finding import Remedy
from envfit.installed.model import InstalledEnvironment

__all__ = ["installing", "uninstalling"]


def installing(environment: InstalledEnvironment, packages: Sequence[str], text: str) -> Remedy:
    """Return the remedy of installing packages that are not there; it is taken back by uninstalling them."""
    install = _command(environment, "install", packages)
    undo = _command(environment, "uninstall", packages)
    return Remedy(text=text, commands=(install,) if install else (), undo=(undo,) if undo else ())


def uninstalling(environment: InstalledEnvironment, names: Sequence[str], text: str) -> Remedy:
    """Return the remedy of uninstalling packages; it is taken back by installing the same versions."""
    versions = {item.name: item.says for item in environment.distributions}
    exact = [f"{name}=={versions[name]}" if name in versions else name for name in names]
    remove = _command(environment, "uninstall", names)
    undo = _command(environment, "install", ["--no-deps", *exact])
    return Remedy(text=text, commands=(remove,) if remove else (), undo=(undo,) if undo else ())


def _command(environment: InstalledEnvironment, action: str, words: Sequence[str]) -> tuple[str, ...]:
    if environment.python is None:
        return ()
    python = str(environment.python)
    installers = {item.installer for item in environment.distributions}
    if "uv" in installers:
        return ("uv", "pip", action, "--python", python, *words)
    return (python, "-m", "pip", action, *(["--yes"] if action == "uninstall" else []), *words)
