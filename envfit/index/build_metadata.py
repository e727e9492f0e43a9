"""Metadata that a source tree states only when its build back end is asked (PEP 517).

This executes code of the package, in an environment of its own; whoever calls it
has decided that this is wanted, and ``notify`` is told which package before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uv as uv_package
from packaging.version import Version

from envfit.distribution import Metadata, Sdist
from envfit.errors import OutsideError
from envfit.index.back_end import BackEnd, BackEndFailedError, NoInterpreterError
from envfit.index.cache import Cache, CachedMetadata
from envfit.index.core_metadata import parse_core_metadata
from envfit.index.metadata import NeedsBuild, identity
from envfit.index.source_tree import unpack

__all__ = [
    "BuildFailedError",
    "BuildNotPossible",
    "CannotBuildHereError",
    "built_metadata",
    "built_tree_metadata",
    "uv_index_variables",
]

# Variables that would lead the build's Python or uv into another environment.
_MISLEADING = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON")


class BuildNotPossible(NeedsBuild):
    """The build that would state the metadata failed, or the user forbade it."""


class BuildFailedError(OutsideError):
    """The build of a source tree that the user named failed, so nobody knows what it is."""

    code = "build-failed"


class CannotBuildHereError(OutsideError):
    """The build that would state the metadata cannot be made on this machine, and might on another.

    It ends the run: what is chosen for a target must not depend on where it is chosen.
    """

    code = "cannot-build-here"

    def __init__(self, what: str, why: str, *, address: str, hints: Sequence[str] = ()) -> None:
        super().__init__(
            f"only a build of {what} states its metadata, and {why}",
            details={"address": address},
            hints=hints,
        )


def built_metadata(
    path: Path,
    sdist: Sdist,
    *,
    python: Version,
    cache: Cache,
    index_urls: Sequence[str],
    find_links: Sequence[str] = (),
    environ: Mapping[str, str],
    uv: Path | None = None,
    offline: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> Metadata:
    """Return the metadata that a build of a packed source distribution with one Python states.

    ``python`` names the minor version to build with; ``index_urls`` are in search
    order, the default index last, and serve the build requirements; ``uv`` is by
    default the one installed beside envfit.  Raises BuildNotPossible, and
    BadMetadata where the build states something unusable.
    """
    minor = f"{python.major}.{python.minor}"
    key = f"{identity(sdist)} built with Python {minor}"
    kept = cache.metadata(key)
    if kept is not None:
        return parse_core_metadata(kept.body, sdist, source=kept.source)
    notify(f"running the build of {sdist.name} {sdist.version} with Python {minor} to read its metadata")
    with tempfile.TemporaryDirectory(prefix="envfit-build-") as directory:
        source = Path(directory) / "source"
        source.mkdir()
        back_end = _back_end(
            unpack(path, sdist, source),
            Path(directory),
            environ=environ,
            uv=uv,
            index_urls=index_urls,
            find_links=find_links,
            offline=offline,
        )
        try:
            body = back_end.metadata(minor)
        except NoInterpreterError:
            raise _no_interpreter(
                sdist.filename, sdist.url, minor, "or name an older release of it"
            ) from None
        except BackEndFailedError as error:
            # Where an older release serves instead, nothing else says so.
            last = str(error).strip().rpartition("\n")[2].strip()
            notify(f"the build of {sdist.name} {sdist.version} failed: {last}")
            problem = f"only a build states its metadata, and the build failed. Its last lines:\n{error}"
            raise BuildNotPossible(path, sdist, problem=problem) from error
    kept = CachedMetadata(body=body, source=f"a build of {sdist.filename} with Python {minor}")
    metadata = parse_core_metadata(body, sdist, source=kept.source)
    cache.store_metadata(key, kept)
    return metadata


def built_tree_metadata(
    tree: Path,
    what: str,
    *,
    key: str | None,
    python: Version,
    cache: Cache,
    index_urls: Sequence[str],
    find_links: Sequence[str] = (),
    environ: Mapping[str, str],
    uv: Path | None = None,
    offline: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> bytes:
    """Return METADATA as a build of a source tree with one Python writes it.

    ``what`` names the tree in messages; it is kept in the cache under ``key``, where
    there is one that says which source it is for ever.  The rest is as for
    ``built_metadata``.  Raises BuildFailedError and CannotBuildHereError.
    """
    minor = f"{python.major}.{python.minor}"
    kept = cache.metadata(f"{key} built with Python {minor}") if key is not None else None
    if kept is not None:
        return kept.body
    notify(f"running the build of {what} with Python {minor} to read its metadata")
    with tempfile.TemporaryDirectory(prefix="envfit-build-") as directory:
        back_end = _back_end(
            tree,
            Path(directory),
            environ=environ,
            uv=uv,
            index_urls=index_urls,
            find_links=find_links,
            offline=offline,
        )
        try:
            body = back_end.metadata(minor)
        except NoInterpreterError:
            raise _no_interpreter(what, what, minor) from None
        except BackEndFailedError as error:
            raise BuildFailedError(f"the build of {what} failed. Its last lines:\n{error}") from error
    if key is not None:
        cache.store_metadata(
            f"{key} built with Python {minor}", CachedMetadata(body=body, source=f"a build of {what}")
        )
    return body


def _no_interpreter(what: str, address: str, minor: str, *hints: str) -> CannotBuildHereError:
    return CannotBuildHereError(
        what,
        f"no Python {minor} is here to build with",
        address=address,
        hints=[f"uv python install {minor} installs it", *hints],
    )


def _back_end(
    tree: Path,
    directory: Path,
    *,
    environ: Mapping[str, str],
    uv: Path | None,
    index_urls: Sequence[str],
    find_links: Sequence[str],
    offline: bool,
) -> BackEnd:
    return BackEnd(
        tree=tree,
        directory=directory,
        uv=str(uv or uv_package.find_uv_bin()),
        environ={name: value for name, value in environ.items() if name not in _MISLEADING},
        uv_environ={
            **uv_index_variables(index_urls, find_links=find_links),
            **({"UV_OFFLINE": "1"} if offline else {}),
        },
    )


def uv_index_variables(index_urls: Sequence[str], *, find_links: Sequence[str] = ()) -> Mapping[str, str]:
    """Return uv's settings of indexes, in search order with the default last, as variables.

    Addresses may carry credentials, which arguments would show to the whole machine.
    Foreign code, the build back end, is not given them here.
    """
    links = {"UV_FIND_LINKS": ",".join(find_links)} if find_links else {}
    if not index_urls:
        return {"UV_NO_INDEX": "1", **links}
    return {"UV_INDEX": " ".join(index_urls[:-1]), "UV_DEFAULT_INDEX": index_urls[-1], **links}
