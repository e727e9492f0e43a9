"""Metadata that a source distribution states only when its build back end is asked (PEP 517).

This executes code of the package, in an environment of its own; whoever calls it
has decided that this is wanted, and ``notify`` is told which package before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyproject_hooks
import uv as uv_package
from packaging.version import Version

from envfit.distribution import Metadata, Sdist
from envfit.errors import OutsideError
from envfit.index.cache import Cache, CachedMetadata
from envfit.index.core_metadata import parse_core_metadata
from envfit.index.metadata import NeedsBuild, identity
from envfit.index.source_tree import unpack
from envfit.interpreter import own_interpreter

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["BuildNotPossible", "CannotBuildHereError", "built_metadata"]

# PEP 517: what holds for a source tree that names no back end.
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES = ("setuptools>=40.8.0",)
# setuptools 82 dropped pkg_resources, which many a setup.py imports.
_WITH_PKG_RESOURCES = "setuptools<82"

_REPORTED_LINES = 15

# Since 1.3, pyproject-hooks repeats the warnings of a back end here; they are its author's concern.
_BACKEND_WARNING = getattr(pyproject_hooks, "BuildBackendWarning", None)
if _BACKEND_WARNING is not None:
    warnings.filterwarnings("ignore", category=_BACKEND_WARNING)

# Variables that would lead the build's Python or uv into another environment.
_MISLEADING = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON")


class BuildNotPossible(NeedsBuild):
    """The build that would state the metadata failed, or the user forbade it."""


class CannotBuildHereError(OutsideError):
    """The build that would state the metadata cannot be made on this machine, and might on another.

    It ends the run: what is chosen for a target must not depend on where it is chosen.
    """

    code = "cannot-build-here"

    def __init__(self, sdist: Sdist, why: str, *, hints: Sequence[str] = ()) -> None:
        super().__init__(
            f"only a build of {sdist.filename} states its metadata, and {why}",
            details={"address": sdist.url},
            hints=hints,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _BuildSystem:
    """The [build-system] table of a source tree, with PEP 517's defaults."""

    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]


class _CommandFailedError(Exception):
    """A command ended with an error; the text is its output."""


def built_metadata(
    path: Path,
    sdist: Sdist,
    *,
    python: Version,
    cache: Cache,
    index_urls: Sequence[str],
    environ: Mapping[str, str],
    uv: Path | None = None,
    offline: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> Metadata:
    """Return the metadata that a build of a source distribution with one Python states.

    ``python`` names the minor version to build with; ``index_urls`` are in search
    order, the default index last, and serve the build requirements; ``uv`` is by
    default the one installed beside envfit.  Raises BuildNotPossible, and
    BadMetadata where the build states something unusable.
    """
    minor = f"{python.major}.{python.minor}"
    key = f"{identity(sdist)} built with Python {minor}"
    kept = cache.metadata(key)
    if kept is None:
        notify(f"running the build of {sdist.name} {sdist.version} with Python {minor} to read its metadata")
        with tempfile.TemporaryDirectory(prefix="envfit-build-") as directory:
            build = _Build(
                path=path,
                sdist=sdist,
                directory=Path(directory),
                uv=str(uv or uv_package.find_uv_bin()),
                environ={name: value for name, value in environ.items() if name not in _MISLEADING},
                uv_environ=_uv_environment(index_urls, offline=offline),
            )
            body = build.metadata(minor)
        kept = CachedMetadata(body=body, source=f"a build of {sdist.filename} with Python {minor}")
        metadata = parse_core_metadata(body, sdist, source=kept.source)
        cache.store_metadata(key, kept)
        return metadata
    return parse_core_metadata(kept.body, sdist, source=kept.source)


def _uv_environment(index_urls: Sequence[str], *, offline: bool) -> Mapping[str, str]:
    """Return uv's settings as variables: addresses may carry credentials, which arguments would show.

    Foreign code, the build back end, is not given them.
    """
    variables = {"UV_INDEX": " ".join(index_urls[:-1]), "UV_DEFAULT_INDEX": index_urls[-1]}
    if offline:
        variables["UV_OFFLINE"] = "1"
    return variables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Build:
    """One source distribution being built in a directory that is thrown away."""

    path: Path
    sdist: Sdist
    directory: Path
    uv: str
    environ: Mapping[str, str]
    uv_environ: Mapping[str, str]  # for uv alone, in addition

    def metadata(self, minor: str) -> bytes:
        """Return METADATA as the back end writes it."""
        interpreter = self._interpreter(minor)
        source = self.directory / "source"
        source.mkdir()
        tree = unpack(self.path, self.sdist, source)
        system = self._build_system(tree)
        try:
            return self._attempt(interpreter, tree, system, "first", ())
        except _CommandFailedError as error:
            if "No module named 'pkg_resources'" not in str(error):
                raise self._failure(error) from error
        try:
            return self._attempt(interpreter, tree, system, "second", (_WITH_PKG_RESOURCES,))
        except _CommandFailedError as error:
            raise self._failure(error) from error

    def _interpreter(self, minor: str) -> str:
        own = own_interpreter(minor)
        if own is not None:
            return own
        try:
            return self._run_uv("python", "find", "--no-python-downloads", minor)
        except _CommandFailedError as error:
            raise CannotBuildHereError(
                self.sdist,
                f"no Python {minor} is here to build with",
                hints=[f"uv python install {minor} installs it", "or name an older release of it"],
            ) from error

    def _build_system(self, tree: Path) -> _BuildSystem:
        file = tree / "pyproject.toml"
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except ValueError as error:
            raise self._failure(f"its pyproject.toml is malformed: {error}") from error
        table = document.get("build-system")
        if not isinstance(table, dict):
            return _BuildSystem(requires=_LEGACY_REQUIRES, backend=_LEGACY_BACKEND, backend_path=())
        return _BuildSystem(
            requires=tuple(map(str, table.get("requires", ()))),
            backend=str(table.get("build-backend") or _LEGACY_BACKEND),
            backend_path=tuple(map(str, table.get("backend-path", ()))),
        )

    def _attempt(
        self, interpreter: str, tree: Path, system: _BuildSystem, label: str, more: tuple[str, ...]
    ) -> bytes:
        environment = self.directory / f"{label}-environment"
        python = str(environment / "bin" / "python")
        self._run_uv("venv", "--quiet", "--python", interpreter, str(environment))
        caller = pyproject_hooks.BuildBackendHookCaller(
            str(tree),
            system.backend,
            backend_path=system.backend_path or None,
            runner=self._run_hook,
            python_executable=python,
        )
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

    def _failure(self, reason: object) -> BuildNotPossible:
        lines = [line for line in str(reason).splitlines() if line.strip()][-_REPORTED_LINES:]
        text = "\n".join(f"  {line}" for line in lines)
        return BuildNotPossible(
            self.path,
            self.sdist,
            problem=f"only a build states its metadata, and the build failed. Its last lines:\n{text}",
        )


def _metadata_of_wheel(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            folder, _, filename = name.partition("/")
            if folder.endswith(".dist-info") and filename == "METADATA":
                return archive.read(name)
    raise _CommandFailedError(f"the wheel that it built, {path.name}, has no METADATA")
