"""Reading direct references: addresses, paths and repositories, as pip and uv write them.

Git is the only kind of repository; of hashes in an address, sha256 is the only
one.  The address itself is not asked here, but a path must be there.

Sources: PEP 508, PEP 440 and pip's documentation, "VCS Support".
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from envfit.address import credentials, local_path, public_address
from envfit.reference import DirectReference, ReferenceKind

__all__ = [
    "ARCHIVES",
    "NotAReferenceError",
    "looks_direct",
    "name_of_file",
    "read_reference",
]

#: How the names of archives end.
ARCHIVES = (".whl", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar", ".zip")
_REPOSITORIES = ("git", "hg", "svn", "bzr")
_PATH = re.compile(r"[./~\\]|[A-Za-z]:\\|[^;\s\[]*/")


class NotAReferenceError(Exception):
    """A text is no direct reference that can be used; a phrase that goes after the text says why."""


def looks_direct(text: str) -> bool:
    """Tell whether a text without a name before it is an address or a path, and no requirement."""
    bare = re.sub(r"\[[^\]]*\]$", "", text.partition(";")[0].strip())
    return (
        "://" in bare
        or bool(_PATH.match(bare))
        or bare.lower().endswith(ARCHIVES)
        or bare.startswith("file:")
    )


def read_reference(text: str, *, folder: Path, editable: bool = False) -> tuple[DirectReference, str | None]:
    """Read an address or a path, and return what it refers to with the normalized name that it states.

    Paths are relative to ``folder``.  The name is None where only what is at the
    address tells.  Raises NotAReferenceError.
    """
    try:
        return _read(text, folder, editable=editable)
    except (ValueError, RuntimeError):  # "https://[x", "~nobody/x"
        raise NotAReferenceError("names a place that cannot be") from None


def _read(text: str, folder: Path, *, editable: bool) -> tuple[DirectReference, str | None]:
    kind, plus, _ = text.partition("+")
    if plus and kind.lower() in _REPOSITORIES:
        return _read_repository(text, folder, editable=editable)
    scheme = urlsplit(text).scheme.lower() if re.match(r"[A-Za-z][\w+.-]+:", text) else ""
    if scheme in ("http", "https"):
        if editable:
            raise NotAReferenceError("is no directory, so it cannot be editable")
        return _read_archive(text)
    if scheme == "file":
        return _read_path(local_path(text), text, editable=editable)
    if scheme and "://" in text:
        raise NotAReferenceError(f"begins with {scheme}://, which names no package")
    path, _, fragment = text.partition("#")
    place = folder / Path(path).expanduser()
    return _read_path(place, f"{place}#{fragment}" if fragment else "", editable=editable)


def _read_repository(text: str, folder: Path, *, editable: bool) -> tuple[DirectReference, str | None]:
    kind, _, address = text.partition("+")
    if kind.lower() != "git":
        raise NotAReferenceError(f"is a {kind} repository; git is the only kind that is supported")
    if "://" not in address:
        address = (folder / address).absolute().as_uri()  # git+./checkout
    if editable:
        raise NotAReferenceError(
            "is a repository, so it cannot be editable: clone it, and name the directory"
        )
    parts = urlsplit(address)
    path, at, revision = parts.path.rpartition("@")
    if not at:
        path, revision = parts.path, ""
    plain = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    fragment = _fragment(parts.fragment)
    secure_shell = parts.scheme in ("ssh", "git+ssh")
    reference = DirectReference(
        kind=ReferenceKind.GIT,
        # The user of ssh is part of the address and no secret.
        url=plain if secure_shell else public_address(plain),
        credentials=None if secure_shell else credentials(plain),
        revision=unquote(revision) or None,
        commit=revision.lower() if re.fullmatch(r"[0-9a-fA-F]{40}", revision) else None,
        subdirectory=fragment.get("subdirectory"),
    )
    return reference, _egg(fragment)


def _read_archive(text: str) -> tuple[DirectReference, str | None]:
    parts = urlsplit(text)
    filename = unquote(parts.path.rpartition("/")[2])
    if not filename.lower().endswith(ARCHIVES):
        raise NotAReferenceError("ends like no wheel and no source distribution")
    _require_name_of_wheel(filename)
    fragment = _fragment(parts.fragment)
    reference = DirectReference(
        kind=ReferenceKind.ARCHIVE,
        url=public_address(text),
        credentials=credentials(text),
        subdirectory=fragment.get("subdirectory"),
        sha256=_sha256(fragment),
    )
    return reference, _egg(fragment) or name_of_file(filename)


def _read_path(path: Path, text: str, *, editable: bool) -> tuple[DirectReference, str | None]:
    path = path.absolute()
    fragment = _fragment(urlsplit(text).fragment)
    if path.is_dir():
        inside = path / fragment.get("subdirectory", "")
        if not any((inside / name).is_file() for name in ("pyproject.toml", "setup.py")):
            raise NotAReferenceError("is a directory without pyproject.toml and setup.py")
        reference = DirectReference(
            kind=ReferenceKind.DIRECTORY,
            url=_plain(path).as_uri(),
            subdirectory=fragment.get("subdirectory"),
            editable=editable,
        )
        return reference, _egg(fragment)
    if not path.is_file():
        raise NotAReferenceError("is a path at which there is nothing")
    if editable:
        raise NotAReferenceError("is a file, so it cannot be editable")
    if not path.name.lower().endswith(ARCHIVES):
        raise NotAReferenceError("is a file that is no wheel and no source distribution")
    _require_name_of_wheel(path.name)
    reference = DirectReference(
        kind=ReferenceKind.ARCHIVE,
        url=_plain(path).as_uri(),
        subdirectory=fragment.get("subdirectory"),
        sha256=_sha256(fragment),
    )
    return reference, _egg(fragment) or name_of_file(path.name)


def _require_name_of_wheel(filename: str) -> None:
    if filename.endswith(".whl") and name_of_file(filename) is None:
        raise NotAReferenceError("has no name that a wheel can have")


def _plain(path: Path) -> Path:
    """Return a path without ``..``; links in it stay, they are how the user names the place."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts = parts[:-1] or parts
        else:
            parts.append(part)
    return Path(*parts)


def name_of_file(filename: str) -> str | None:
    """Return the normalized name in the file name of a distribution, or None where there is none."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[0]
        return parse_sdist_filename(filename)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _fragment(text: str) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(text).items()}


def _egg(fragment: dict[str, str]) -> str | None:
    egg = fragment.get("egg", "").partition("[")[0]
    return canonicalize_name(egg) if egg else None


def _sha256(fragment: dict[str, str]) -> str | None:
    for algorithm in ("md5", "sha1", "sha224", "sha384", "sha512"):
        if algorithm in fragment and "sha256" not in fragment:
            raise NotAReferenceError(f"states a hash by {algorithm}; sha256 is the one that is checked")
    digest = fragment.get("sha256")
    if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise NotAReferenceError("states a sha256 that is none")
    return digest.lower() if digest is not None else None
