"""Direct references: where a package is, said by an address instead of a name and an index.

An archive (a wheel or a source distribution at an address or a path), a
directory, or a git repository.  What a repository's revision means is a commit;
a lock names the commit.

Sources: PEP 508 (``name @ url``), PEP 440 (direct references), PEP 610 (their
kinds and the word "editable").
"""

from __future__ import annotations

import enum
from dataclasses import field
from urllib.parse import parse_qs, urlsplit, urlunsplit

from envfit.frozen import frozen

__all__ = ["DirectReference", "ReferenceKind"]


class ReferenceKind(enum.Enum):
    """What is at the address."""

    ARCHIVE = "archive"  # a wheel, or a packed source tree
    DIRECTORY = "directory"  # a source tree on a disk
    GIT = "git"


@frozen
class DirectReference:
    """One address that a requirement names instead of an index."""

    kind: ReferenceKind
    url: str  # absolute, without credentials, fragment and "git+"; file: for what is on this disk
    credentials: tuple[str, str] | None = field(default=None, repr=False)  # for requests only, never recorded
    revision: str | None = None  # branch, tag or commit, as written
    commit: str | None = None  # what the revision means, 40 hex digits; None until it was asked
    subdirectory: str | None = None  # of an archive or repository, where the project lies in one
    sha256: str | None = None
    editable: bool = False  # a directory that is used in place

    def __str__(self) -> str:
        git = "git+" if self.kind is ReferenceKind.GIT else ""
        revision = f"@{self.commit or self.revision}" if self.commit or self.revision else ""
        place = f"#subdirectory={self.subdirectory}" if self.subdirectory else ""
        return f"{git}{self.url}{revision}{place}"

    def is_same_source(self, other: DirectReference) -> bool:
        """Tell whether two references mean the same thing, as far as the addresses tell."""
        return (self.kind, self.url, self.subdirectory) == (other.kind, other.url, other.subdirectory) and (
            self.revision == other.revision or (self.commit is not None and self.commit == other.commit)
        )

    def is_meant_by(self, address: str) -> bool:
        """Tell whether an address in metadata, such as ``git+https://host/x@v1``, means this reference.

        A sha256 in it must be that of the file, where that is known.
        """
        parts = urlsplit(address.removeprefix("git+"))
        netloc = parts.netloc if parts.scheme == "ssh" else parts.netloc.rpartition("@")[2]
        path, revision = parts.path, None
        if self.kind is ReferenceKind.GIT and "@" in parts.path:
            path, _, revision = parts.path.rpartition("@")
        fragment = {key: values[-1] for key, values in parse_qs(parts.fragment).items()}
        sha256 = fragment.get("sha256", self.sha256)
        return (
            urlunsplit((parts.scheme, netloc, path, parts.query, "")) == self.url
            and fragment.get("subdirectory") == self.subdirectory
            and (self.sha256 is None or sha256 is None or sha256.lower() == self.sha256)
            and (self.kind is ReferenceKind.GIT) == address.startswith("git+")
            and revision in (self.revision, self.commit)
        )
