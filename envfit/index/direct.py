"""Direct references opened: which distribution is at an address, a path or in a repository.

A wheel states what it is.  A source tree states it in ``[project]``, or else only
its build does, which executes code of it; whoever calls decides whether that may be.
What is at a path or an address may change, so it is read each time; a commit never
changes, and a file whose hash the address states does not either.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from envfit.address import is_local, local_path
from envfit.distribution import Distribution, Metadata, Sdist, Wheel
from envfit.errors import RequirementError, SourceError
from envfit.frozen import frozen
from envfit.index.core_metadata import parse_core_metadata, stated_identity
from envfit.index.download import download
from envfit.index.file_hash import hash_of_file
from envfit.index.git import Repositories
from envfit.index.session import Session
from envfit.index.source_tree import read_static_tree, unpack
from envfit.index.wheel_metadata import metadata_in_wheel
from envfit.reference import DirectReference, ReferenceKind

__all__ = ["BuildTree", "DirectSource", "Opened"]

#: METADATA of a source tree by a build of it: the tree, what it is called, and the
#: key under which the answer may be kept for ever, None where it may not.
BuildTree = Callable[[Path, str, str | None], bytes]

_UNKNOWN = Version("0")


@frozen
class Opened:
    """What a direct reference leads to."""

    distribution: Distribution
    metadata: Metadata


class DirectSource:
    """Opens direct references."""

    def __init__(
        self,
        session: Session,
        repositories: Repositories,
        *,
        build: BuildTree,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._repositories = repositories
        self._build = build
        self._notify = notify

    def open(self, reference: DirectReference) -> Opened:
        """Fetch what a reference names, and return it as a distribution with its metadata.

        Raises SourceError where it cannot be fetched or is not the file of its hash,
        BadMetadata where it cannot be used, and what a build raises.
        """
        with tempfile.TemporaryDirectory(prefix="envfit-direct-") as directory:
            scratch = Path(directory)
            if reference.kind is ReferenceKind.GIT:
                return self._open_repository(reference, scratch)
            if reference.kind is ReferenceKind.DIRECTORY:
                return self._open_tree(local_path(reference.url), reference, key=None)
            return self._open_archive(reference, scratch)

    def _open_repository(self, reference: DirectReference, scratch: Path) -> Opened:
        tree = scratch / "tree"
        found = self._repositories.check_out(reference, tree)
        described = self._repositories.describe(found, tree)
        key = f"git {found.url} {found.commit} {described} {found.subdirectory or ''}"
        return self._open_tree(tree, found, key=key)

    def _open_archive(self, reference: DirectReference, scratch: Path) -> Opened:
        path, reference = self._fetch(reference, scratch)
        filename = unquote(urlsplit(reference.url).path.rpartition("/")[2])
        size = path.stat().st_size
        if filename.endswith(".whl"):
            return self._open_wheel(path, filename, size, reference)
        unknown = replace(_stand_in(reference), filename=filename, sha256=reference.sha256, size=size)
        folder = scratch / "unpacked"
        folder.mkdir()
        tree = unpack(path, unknown, folder)
        opened = self._open_tree(
            tree, reference, key=f"sha256:{reference.sha256} {reference.subdirectory or ''}"
        )
        distribution = replace(opened.distribution, filename=filename, sha256=reference.sha256, size=size)
        try:
            name, version = parse_sdist_filename(filename)
        except InvalidSdistFilename:
            return replace(opened, distribution=distribution)  # such as main.zip, which claims nothing
        if (name, version) != (distribution.name, distribution.version) and reference.subdirectory is None:
            raise RequirementError(
                f"{reference} is called {name} {version} and says that it is "
                f"{distribution.name} {distribution.version}"
            )
        return replace(opened, distribution=distribution)

    def _open_wheel(self, path: Path, filename: str, size: int, reference: DirectReference) -> Opened:
        try:
            name, version, build_tag, tags = parse_wheel_filename(filename)
        except InvalidWheelFilename as error:
            raise RequirementError(f"{reference} has no name that a wheel can have: {error}") from None
        wheel = Wheel(
            name=name,
            version=version,
            filename=filename,
            url=reference.url,
            index="",
            build_tag=build_tag,
            tags=tags,
            sha256=reference.sha256,
            size=size,
            reference=reference,
        )
        with path.open("rb") as file:
            body = metadata_in_wheel(file, wheel)
        return Opened(
            distribution=wheel, metadata=parse_core_metadata(body, wheel, source=f"METADATA in {filename}")
        )

    def _open_tree(self, tree: Path, reference: DirectReference, *, key: str | None) -> Opened:
        """Read a source tree, at ``reference.subdirectory`` of it where the reference has one."""
        tree = tree / (reference.subdirectory or "")
        stand_in = _stand_in(reference)
        if not any((tree / name).is_file() for name in ("pyproject.toml", "setup.py")):
            raise RequirementError(f"{reference} has neither pyproject.toml nor setup.py")
        metadata = read_static_tree(tree, stand_in)
        if metadata is None:
            body = self._build(tree, str(reference), key)
            identity = stated_identity(body)
            if identity is None:
                raise SourceError(f"the build of {reference} states no name or no version")
            named = replace(stand_in, name=identity[0], version=identity[1])
            metadata = parse_core_metadata(body, named, source=f"a build of {reference}")
        return Opened(
            distribution=replace(stand_in, name=metadata.name, version=metadata.version), metadata=metadata
        )

    def _fetch(self, reference: DirectReference, scratch: Path) -> tuple[Path, DirectReference]:
        """Return the file at an address, and the reference with its hash."""
        if is_local(reference.url):
            path = local_path(reference.url)
            digest, _ = hash_of_file(path)
            if reference.sha256 not in (None, digest):
                raise SourceError(f"{reference} is not the file of its hash: its sha256 is {digest}")
            return path, replace(reference, sha256=digest)
        path = scratch / "archive"
        if reference.credentials is not None:
            self._session.authorize_origin(reference.url, reference.credentials)
        with path.open("w+b") as file:
            download(self._session, reference.url, file, sha256=reference.sha256, notify=self._notify)
        return path, replace(reference, sha256=hash_of_file(path)[0])


def _stand_in(reference: DirectReference) -> Sdist:
    """Return a source tree of which only the address is known yet."""
    return Sdist(
        name="", version=_UNKNOWN, filename=str(reference), url=reference.url, index="", reference=reference
    )
