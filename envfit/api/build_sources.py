"""The source distributions of builds: beside us, at the path of the lock, or fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envfit.address import is_local, local_path
from envfit.distribution import Sdist
from envfit.errors import FileError
from envfit.frozen import frozen

if TYPE_CHECKING:
    from envfit.api.indexes import IndexRequest
    from envfit.api.targets import Notify

__all__ = ["Sources"]


@frozen
class Sources:
    """Where source distributions come from."""

    find_links: Sequence[Path]
    indexes: IndexRequest
    environ: Mapping[str, str]
    notify: Notify

    def unpack(self, sdist: Sdist, folder: Path) -> Path:
        """Unpack a source distribution, its hash checked, and return its top folder."""
        from envfit.index.source_tree import unpack

        archive = folder.with_name(sdist.filename)
        self._copy(sdist, archive)
        try:
            return unpack(archive, sdist, folder)
        finally:
            archive.unlink(missing_ok=True)

    def _copy(self, sdist: Sdist, archive: Path) -> None:
        from envfit.index.file_hash import hash_of_file

        for path in self._local(sdist):
            if path.is_file():
                digest, _ = hash_of_file(path)
                if digest == sdist.sha256:
                    shutil.copyfile(path, archive)
                    return
                self.notify(f"{path} is not the file that is locked: its sha256 is {digest}")
        if not sdist.url.startswith(("http:", "https:")):
            raise FileError(
                f"{sdist.filename} is not at {sdist.url}",
                hints=["name the directory that has it: --find-links DIR"],
            )
        self._download(sdist, archive)

    def _local(self, sdist: Sdist) -> Iterator[Path]:
        for directory in self.find_links:
            yield directory / sdist.filename
        if is_local(sdist.url):
            yield local_path(sdist.url)
        elif "://" not in sdist.url:
            yield self.indexes.directory / sdist.url

    def _download(self, sdist: Sdist, archive: Path) -> None:
        from envfit.api.indexes import open_packages
        from envfit.index.download import download

        self.notify(f"fetching {sdist.filename}")
        with (
            open_packages(self.indexes, self.environ, self.notify) as (_, session),
            archive.open("w+b") as file,
        ):
            download(session, sdist.url, file, sha256=sdist.sha256, notify=self.notify)
