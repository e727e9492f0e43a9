"""Pages of the Simple API as a recording keeps them, and the other forms in which they are served."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

__all__ = ["as_html", "dumped", "recorded", "version_of", "with_addresses", "with_hashes", "without_sidecars"]

_PATH = b'"url": "/'  # as a recording writes addresses
_SIDECAR = ("core-metadata", "data-dist-info-metadata")  # PEP 714: one thing under two names


def recorded(document: Mapping[str, Any], *, date: str) -> dict[str, Any]:
    """Return a page as it was at a date, with paths for addresses and a sidecar for each wheel.

    Raises ValueError where the index does not say when a file was uploaded.
    """
    files = []
    for file in document["files"]:
        if "upload-time" not in file:
            raise ValueError(f"the index does not say when {file['filename']} was uploaded")
        if file["upload-time"] < date:
            wheel = file["filename"].endswith(".whl")
            sidecar = dict.fromkeys(_SIDECAR, True) if wheel else {}
            files.append({**file, "url": urlsplit(file["url"]).path, **sidecar})
    there = {canonicalize_version(version_of(file["filename"]) or "") for file in files}
    versions = [text for text in document.get("versions", ()) if canonicalize_version(text) in there]
    return {**document, "files": files, "versions": versions}


def with_hashes(page: bytes, metadata: Mapping[str, bytes]) -> bytes:
    """Return a page that states the sha256 of each sidecar, as a real index does.

    A sidecar that is not recorded has the hash of its filename, which nobody will check.
    """
    document = json.loads(page)
    for file in document["files"]:
        if file["filename"].endswith(".whl"):
            body = metadata.get(file["filename"], file["filename"].encode())
            sidecar = {"sha256": hashlib.sha256(body).hexdigest()}
            file.update(dict.fromkeys(_SIDECAR, sidecar))
    return dumped(document)


def without_sidecars(page: bytes) -> bytes:
    """Return a page that advertises no metadata."""
    document = json.loads(page)
    for file in document["files"]:
        for key in _SIDECAR:
            file.pop(key, None)
    return dumped(document)


def with_addresses(page: bytes, root: str) -> bytes:
    """Return a page whose addresses are whole: below ``root``, which has no slash at its end."""
    return page.replace(_PATH, _PATH[:-1] + root.encode() + b"/")


def as_html(page: bytes) -> bytes:
    """Return a page in the older form (PEP 503)."""
    document = json.loads(page)
    title = f"Links for {html.escape(document['name'])}"
    lines = ["<!DOCTYPE html>", "<html>", "<head>"]
    lines += ['<meta name="pypi:repository-version" content="1.1">', f"<title>{title}</title>"]
    lines += ["</head>", "<body>", f"<h1>{title}</h1>"]
    lines += [_anchor(file) for file in document["files"]]
    return "\n".join([*lines, "</body>", "</html>", ""]).encode()


def dumped(document: Mapping[str, Any]) -> bytes:
    """Return a page as text."""
    return json.dumps(document).encode()


def version_of(filename: str) -> Version | None:
    """Return the version of a distribution; None where its name tells none."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None


def _anchor(file: Mapping[str, Any]) -> str:
    address = f"{file['url']}#sha256={file['hashes']['sha256']}"
    attributes = [f'href="{html.escape(address)}"']
    if file.get("requires-python"):
        attributes.append(f'data-requires-python="{html.escape(file["requires-python"])}"')
    if file.get("yanked"):
        attributes.append(f'data-yanked="{_reason(file["yanked"])}"')
    sidecar = file.get("core-metadata")
    if sidecar:
        value = f"sha256={sidecar['sha256']}" if isinstance(sidecar, dict) else "true"
        attributes += [f'data-dist-info-metadata="{value}"', f'data-core-metadata="{value}"']
    return f"<a {' '.join(attributes)}>{html.escape(file['filename'])}</a><br />"


def _reason(yanked: object) -> str:
    return html.escape(yanked) if isinstance(yanked, str) else ""
