"""Metadata that a source tree states only when its build back end is asked (PEP 517).

This executes code of the package, in an environment of its own; whoever calls it
has decided that this is wanted, and ``notify`` is told which package before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from envfit.distribution import Metadata, Sdist
from envfit.errors import OutsideError, RequirementError
from envfit.frozen import frozen
from envfit.index.cache import Cache, CachedMetadata
from envfit.index.core_metadata import parse_core_metadata
from envfit.index.metadata import NeedsBuild, identity

__all__ = [
    "BuildFailedError",
    "BuildNotPossible",
    "Builds",
    "CannotBuildHereError",
    "uv_index_variables",
]

# Variables that would lead the build's Python or uv into another environment.
_MISLEADING = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON")


class BuildNotPossible(NeedsBuild):
    """The build that would state the metadata failed, or the user forbade it."""


class BuildFailedError(OutsideError):
    """The build of a source tree that the user named failed, so nobody knows what it is."""

    code = "build-failed"
    cause = (
        "The build of a directory, an archive or a repository that was named failed, so nobody knows what "
        "it requires."
    )
    remedy = "Read what the build said under the message; it often names a package or a tool that is missing."


class CannotBuildHereError(OutsideError):
    """The build that would state the metadata cannot be made on this machine, and might on another.

    It ends the run, for what is chosen for a target must not depend on where it is chosen.  Of
    several Pythons it rules out the one, and that is said.
    """

    code = "cannot-build-here"
    cause = (
        "Only a build states what a source distribution requires, and it cannot be built on this machine: "
        "another platform, another Python, or no network."
    )
    remedy = "Lock on a machine of the target's kind, or take a release that has a wheel."

    def __init__(self, what: str, why: str, *, address: str, hints: Sequence[str] = ()) -> None:
        super().__init__(
            f"only a build of {what} states its metadata, and {why}",
            details={"address": address},
            hints=hints,
        )


@frozen
class Builds:
    """How source trees are built for their metadata with one Python."""

    python: Version  # of which the minor version counts
    cache: Cache
    variables: Callable[[], Mapping[str, str]]  # uv's settings of where builds get what they require
    environ: Mapping[str, str]
    uv: Path | None = None  # by default the one installed beside envfit
    offline: bool = False
    forbidden: bool = False  # by --no-build
    elsewhere: str = ""  # why a build on this machine says nothing of the target, as a phrase
    is_stopped: Callable[[], bool] = lambda: False  # whether no further one is run, as for a mere hint
    notify: Callable[[str], None] = lambda _: None

    def of_sdist(self, path: Path, sdist: Sdist) -> Metadata:
        """Return the metadata that a build of a packed source distribution states.

        Raises BuildNotPossible, CannotBuildHereError, and BadMetadata where the build
        states something unusable.
        """
        if self.forbidden:
            raise BuildNotPossible(
                path, sdist, problem="only a build states its metadata, and --no-build is given"
            )
        self._require_here(
            sdist.filename, sdist.url, "lock on such a machine, or name an older release of it"
        )
        key = f"{identity(sdist)} built with Python {self._minor}"
        kept = self.cache.metadata(key)
        if kept is not None:
            return parse_core_metadata(kept.body, sdist, source=kept.source)
        what = f"{sdist.name} {sdist.version}"
        self._require_wanted(what, sdist.url)
        import tempfile

        from envfit.index.back_end import BackEndFailedError, NoInterpreterError
        from envfit.index.source_tree import unpack

        self.notify(f"running the build of {what} with Python {self._minor} to read its metadata")
        with tempfile.TemporaryDirectory(prefix="envfit-build-") as directory:
            source = Path(directory) / "source"
            source.mkdir()
            try:
                body = self._run(unpack(path, sdist, source), Path(directory))
            except NoInterpreterError:
                raise self._no_interpreter(
                    sdist.filename, sdist.url, "or name an older release of it"
                ) from None
            except BackEndFailedError as error:
                # Where an older release serves instead, nothing else says so.
                said = _without(directory, error)
                last = said.strip().rpartition("\n")[2].strip()
                self.notify(f"the build of {what} failed: {last}")
                problem = f"only a build states its metadata, and the build failed. Its last lines:\n{said}"
                raise BuildNotPossible(path, sdist, problem=problem) from error
        kept = CachedMetadata(body=body, source=f"a build of {sdist.filename} with Python {self._minor}")
        metadata = parse_core_metadata(body, sdist, source=kept.source)
        self.cache.store_metadata(key, kept)
        return metadata

    def of_tree(self, tree: Path, what: str, key: str | None) -> bytes:
        """Return METADATA as a build of a source tree writes it.

        ``what`` names the tree in messages; it is kept in the cache under ``key``, where
        there is one that says which source it is for ever.  Raises RequirementError,
        BuildFailedError and CannotBuildHereError.
        """
        if self.forbidden:
            raise RequirementError(f"only a build of {what} says what it is, and --no-build is given")
        self._require_here(what, what, "lock on such a machine")
        lasting = f"{key} built with Python {self._minor}"
        kept = self.cache.metadata(lasting) if key is not None else None
        if kept is not None:
            return kept.body
        self._require_wanted(what, what)
        import tempfile

        from envfit.index.back_end import BackEndFailedError, NoInterpreterError

        self.notify(f"running the build of {what} with Python {self._minor} to read its metadata")
        with tempfile.TemporaryDirectory(prefix="envfit-build-") as directory:
            try:
                body = self._run(tree, Path(directory))
            except NoInterpreterError:
                raise self._no_interpreter(what, what) from None
            except BackEndFailedError as error:
                said = _without(directory, error)
                raise BuildFailedError(f"the build of {what} failed. Its last lines:\n{said}") from error
        if key is not None:
            self.cache.store_metadata(lasting, CachedMetadata(body=body, source=f"a build of {what}"))
        return body

    @property
    def _minor(self) -> str:
        return f"{self.python.major}.{self.python.minor}"

    def _run(self, tree: Path, directory: Path) -> bytes:
        from envfit.index.back_end import BackEnd
        from envfit.uv_program import find_uv

        back_end = BackEnd(
            tree=tree,
            directory=directory,
            uv=str(self.uv or find_uv()),
            environ={name: value for name, value in self.environ.items() if name not in _MISLEADING},
            uv_environ={**self.variables(), **({"UV_OFFLINE": "1"} if self.offline else {})},
        )
        return back_end.metadata(self._minor)

    def _require_here(self, what: str, address: str, hint: str) -> None:
        if self.elsewhere:
            raise CannotBuildHereError(what, self.elsewhere, address=address, hints=[hint])

    def _require_wanted(self, what: str, address: str) -> None:
        if self.is_stopped():
            raise CannotBuildHereError(what, "none is run any more", address=address)

    def _no_interpreter(self, what: str, address: str, *hints: str) -> CannotBuildHereError:
        return CannotBuildHereError(
            what,
            f"no Python {self._minor} is here to build with",
            address=address,
            hints=[f"uv python install {self._minor} installs it", *hints],
        )


def _without(directory: str, error: Exception) -> str:
    """Return what a build printed without the directory it ran in, whose name is another each time."""
    return str(error).replace(f"{directory}/", "")


def uv_index_variables(index_urls: Sequence[str], *, find_links: Sequence[str] = ()) -> Mapping[str, str]:
    """Return uv's settings of indexes, in search order with the default last, as variables.

    Addresses may carry credentials, which arguments would show to the whole machine.
    Foreign code, the build back end, is not given them here.
    """
    links = {"UV_FIND_LINKS": ",".join(find_links)} if find_links else {}
    if not index_urls:
        return {"UV_NO_INDEX": "1", **links}
    return {"UV_INDEX": " ".join(index_urls[:-1]), "UV_DEFAULT_INDEX": index_urls[-1], **links}
