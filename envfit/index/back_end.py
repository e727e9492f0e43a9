"""A build back end, run on one source tree (PEP 517).

This executes code of the package, in an environment of its own, which is thrown away.
"""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyproject_hooks

from envfit.build_system import BuildSystem, build_system, hooks
from envfit.frozen import frozen
from envfit.interpreter import own_interpreter

__all__ = ["BackEnd", "BackEndFailedError", "NoInterpreterError"]

# setuptools 82 dropped pkg_resources, which many a setup.py imports.
_WITH_PKG_RESOURCES = "setuptools<82"

_REPORTED_LINES = 15


class BackEndFailedError(Exception):
    """The build failed; the text is the end of what it printed, indented."""


class NoInterpreterError(Exception):
    """There is no interpreter of the Python wanted to build with."""


class _CommandFailedError(Exception):
    """A command ended with an error; the text is its output."""


@frozen
class BackEnd:
    """The back end of one source tree."""

    tree: Path
    directory: Path  # for what the build makes; the caller throws it away
    uv: str
    environ: Mapping[str, str]
    uv_environ: Mapping[str, str]  # for uv alone, in addition

    def metadata(self, minor: str) -> bytes:
        """Return METADATA as the back end writes it with CPython of a minor version.

        Raises NoInterpreterError and BackEndFailedError.
        """
        interpreter = self._interpreter(minor)
        system = self._build_system(self.tree)
        try:
            return self._attempt(interpreter, self.tree, system, "first", ())
        except _CommandFailedError as error:
            if "No module named 'pkg_resources'" not in str(error):
                raise self._failure(error) from error
        try:
            return self._attempt(interpreter, self.tree, system, "second", (_WITH_PKG_RESOURCES,))
        except _CommandFailedError as error:
            raise self._failure(error) from error

    def _interpreter(self, minor: str) -> str:
        own = own_interpreter(minor)
        if own is not None:
            return own
        try:
            return self._run_uv("python", "find", "--no-python-downloads", minor)
        except _CommandFailedError as error:
            raise NoInterpreterError(minor) from error

    def _build_system(self, tree: Path) -> BuildSystem:
        try:
            return build_system(tree)
        except ValueError as error:
            raise self._failure(f"its pyproject.toml is malformed: {error}") from error

    def _attempt(
        self, interpreter: str, tree: Path, system: BuildSystem, label: str, more: tuple[str, ...]
    ) -> bytes:
        environment = self.directory / f"{label}-environment"
        python = str(environment / "bin" / "python")
        self._run_uv("venv", "--quiet", "--python", interpreter, str(environment))
        caller = hooks(tree, system, python=python, runner=self._run_hook)
        output = self.directory / f"{label}-output"
        output.mkdir()
        try:
            self._install(python, (*system.requires, *more))
            wanted = tuple(caller.get_requires_for_build_wheel())
            # All at once: a second installation must not undo a bound of the first.
            if wanted:
                self._install(python, (*system.requires, *more, *wanted))
            try:
                folder = caller.prepare_metadata_for_build_wheel(str(output), _allow_fallback=False)
            except pyproject_hooks.HookMissing:
                return _metadata_of_wheel(output / caller.build_wheel(str(output)))
            return (output / folder / "METADATA").read_bytes()
        except pyproject_hooks.BackendUnavailable as error:
            # Its traceback is that of the import in the build's Python.
            raise _CommandFailedError(error.traceback or str(error)) from error
        except (pyproject_hooks.UnsupportedOperation, pyproject_hooks.HookMissing, OSError) as error:
            raise _CommandFailedError(str(error)) from error

    def _install(self, python: str, requirements: tuple[str, ...]) -> None:
        if requirements:
            self._run_uv("pip", "install", "--quiet", "--python", python, *requirements)

    def _run_uv(self, *arguments: str) -> str:
        return self._run([self.uv, *arguments], self.directory, self.uv_environ)

    def _run_hook(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        self._run(cmd, Path(cwd or self.directory), extra_environ)

    def _run(self, command: Sequence[str], directory: Path, more: Mapping[str, str] | None = None) -> str:
        """Run a command; return its standard output without the last line break."""
        # The build's own tools come first, as if its environment were activated.
        path = os.pathsep.join(filter(None, (str(Path(command[0]).parent), self.environ.get("PATH"))))
        ended = subprocess.run(
            list(command),
            cwd=directory,
            env={**self.environ, "PATH": path, **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if ended.returncode != 0:
            raise _CommandFailedError(f"{ended.stdout}\n{ended.stderr}")
        return ended.stdout.strip()

    def _failure(self, reason: object) -> BackEndFailedError:
        lines = [line for line in str(reason).splitlines() if line.strip()][-_REPORTED_LINES:]
        return BackEndFailedError("\n".join(f"  {line}" for line in lines))


def _metadata_of_wheel(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            folder, _, filename = name.partition("/")
            if folder.endswith(".dist-info") and filename == "METADATA":
                return archive.read(name)
    raise _CommandFailedError(f"the wheel that it built, {path.name}, has no METADATA")
