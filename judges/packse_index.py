"""The packages of scenarios as indexes on this machine: one Simple API for each scenario.

Wheels and source distributions are stubs whose metadata is what the scenario
states.  ``write_index`` makes a tree of files, ``Server`` serves the trees below
a folder on loopback: ``Server.url("NAME")`` is the index in ``folder/NAME``.
Pages are JSON (PEP 691).  Wheels have their metadata beside them (PEP 658) or,
``sidecars=False``, inside them only, which the server lets clients read in ranges.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import sys
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename

from judges.packse_scenarios import Release, Scenario

__all__ = ["Server", "write_index"]

_PAGE = "application/vnd.pypi.simple.v1+json"
_EPOCH = (2026, 1, 1, 0, 0, 0)  # of every member, so that files are the same bytes at every run


def write_index(
    scenario: Scenario,
    folder: Path,
    *,
    build_wheels: Mapping[str, bytes] | None = None,
    sidecars: bool = True,
) -> None:
    """Write the index of a scenario into ``folder``.

    ``build_wheels``, by filename, are on it too, for resolvers that build source distributions.
    """
    files: dict[str, list[dict[str, object]]] = {}
    for release in scenario.releases:
        project = canonicalize_name(release.project)
        place = folder / project
        place.mkdir(parents=True, exist_ok=True)
        entries = files.setdefault(project, [])
        metadata = _core_metadata(release)
        for tags in release.wheel_tags:
            filename, body = _wheel(release, tags, metadata)
            (place / filename).write_bytes(body)
            entry = _entry(filename, body, release)
            if sidecars:
                (place / f"{filename}.metadata").write_bytes(metadata)
                entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
            entries.append(entry)
        if release.sdist:
            filename, body = _sdist(release, metadata)
            (place / filename).write_bytes(body)
            entries.append(_entry(filename, body, release))
    for filename, body in (build_wheels or {}).items():
        project = parse_wheel_filename(filename)[0]
        (folder / project).mkdir(parents=True, exist_ok=True)
        (folder / project / filename).write_bytes(body)
        files.setdefault(project, []).append(_entry(filename, body))
    for name, entries in files.items():
        page = {"meta": {"api-version": "1.0"}, "name": name, "files": entries}
        (folder / name / "index.json").write_text(json.dumps(page, indent=1), encoding="utf-8")


def _entry(filename: str, body: bytes, release: Release | None = None) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": filename,
        "url": quote(filename),
        "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
        "size": len(body),
        "yanked": release is not None and release.yanked,
    }
    if release is not None and release.requires_python is not None:
        entry["requires-python"] = release.requires_python
    return entry


def _core_metadata(release: Release) -> bytes:
    lines = ["Metadata-Version: 2.3", f"Name: {release.project}", f"Version: {release.version}"]
    if release.requires_python is not None:
        lines.append(f"Requires-Python: {release.requires_python}")
    lines.extend(f"Requires-Dist: {requirement}" for requirement in release.requires)
    for name, requires in release.extras:
        extra = canonicalize_name(name)
        lines.append(f"Provides-Extra: {extra}")
        lines.extend(f"Requires-Dist: {_of_extra(requirement, extra)}" for requirement in requires)
    return "\n".join([*lines, ""]).encode()


def _of_extra(text: str, extra: str) -> Requirement:
    bare, _, marker = text.partition(";")
    condition = f"({marker.strip()}) and " if marker else ""
    return Requirement(f'{bare.strip()} ; {condition}extra == "{extra}"')


def _module(release: Release) -> str:
    return canonicalize_name(release.project).replace("-", "_")


def _wheel(release: Release, tags: str, metadata: bytes) -> tuple[str, bytes]:
    """Return filename and content of a wheel."""
    module = _module(release)
    info = f"{module}-{release.version}.dist-info"
    lines = ["Wheel-Version: 1.0", "Generator: judges", "Root-Is-Purelib: true"]
    lines.extend(f"Tag: {tag}" for tag in sorted(map(str, parse_tag(tags))))
    contents = {
        f"{module}.py": b"",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "\n".join([*lines, ""]).encode(),
    }
    record = "".join(f"{path},{_record_hash(body)},{len(body)}\n" for path, body in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, body in contents.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), body)
    return f"{module}-{release.version}-{tags}.whl", file.getvalue()


def _record_hash(body: bytes) -> str:
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b'=').decode()}"


def _sdist(release: Release, metadata: bytes) -> tuple[str, bytes]:
    """Return filename and content of a source distribution that states its metadata and can be built."""
    module = _module(release)
    top = f"{module}-{release.version}"
    contents = {"PKG-INFO": metadata, "pyproject.toml": _pyproject(release).encode(), f"{module}.py": b""}
    file = io.BytesIO()
    # The time in the header of gzip would change the bytes at every run.
    with (
        gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path, body in contents.items():
            member = tarfile.TarInfo(f"{top}/{path}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return f"{top}.tar.gz", file.getvalue()


def _pyproject(release: Release) -> str:
    """Return a project file from which flit_core builds the same metadata; JSON's strings are TOML's."""
    lines = [
        "[build-system]",
        'requires = ["flit_core>=3.9,<4"]',
        'build-backend = "flit_core.buildapi"',
        "[project]",
        f"name = {json.dumps(release.project)}",
        f"version = {json.dumps(release.version)}",
        'description = "a stub"',
        f"dependencies = {json.dumps(release.requires)}",
    ]
    if release.requires_python is not None:
        lines.append(f"requires-python = {json.dumps(release.requires_python)}")
    lines.append("[project.optional-dependencies]")
    lines.extend(f"{canonicalize_name(name)} = {json.dumps(requires)}" for name, requires in release.extras)
    return "\n".join([*lines, ""])


class Server:
    """Serves the indexes below a folder on 127.0.0.1 while it is entered."""

    def __init__(self, folder: Path) -> None:
        self._server = _Files(folder.resolve())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def url(self, name: str) -> str:
        """Return the address of the index in ``folder/name``."""
        return f"http://127.0.0.1:{self._server.server_port}/{quote(name)}/"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Files(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that leave in the middle of an answer, as resolvers do that have seen enough."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of pages and files, ranges of files included."""

    protocol_version = "HTTP/1.1"
    server: _Files

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Say nothing: what resolvers ask for is not the answer."""

    def _answer(self) -> None:
        place = urlsplit(self.path).path
        path = (self.server.folder / unquote(place).lstrip("/")).resolve()
        if place.endswith("/"):
            path /= "index.json"
        if not path.is_file() or self.server.folder not in path.parents:
            self._send(HTTPStatus.NOT_FOUND, b"there is no such file\n", {"Content-Type": "text/plain"})
            return
        body = path.read_bytes()
        if place.endswith("/"):
            self._send(HTTPStatus.OK, body, {"Content-Type": _PAGE})
            return
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        part = _range(self.headers.get("Range", ""), len(body))
        if part is None:
            self._send(HTTPStatus.OK, body, headers)
        elif not part:
            headers["Content-Range"] = f"bytes */{len(body)}"
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", headers)
        else:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(body)}"
            self._send(HTTPStatus.PARTIAL_CONTENT, body[part.start : part.stop], headers)

    def _send(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _range(header: str, length: int) -> range | None:
    """Return the bytes that a Range header asks for (RFC 9110): none of them where it asks for bytes beyond.

    None where the whole file is to be sent.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        return range(max(0, length - int(match[2])), length)
    last = int(match[2]) if match[2] else length - 1
    return range(int(match[1]), min(last + 1, length))
