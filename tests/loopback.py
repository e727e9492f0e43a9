"""A package index on this machine, made of small real distributions.

``make_wheel`` and ``make_sdist`` write files that pip and uv install without any
network; ``Index`` serves a directory of them by HTTP on 127.0.0.1, well or
badly, as its options say::

    with Index(directory) as index:
        make_wheel(index.directory, "demo", "1.0", requires=["other>=2"])
        ... index.url ...

Files may be added and options changed while it serves.  ``index.log`` has every
request.  Files are the same bytes at every run.
"""

from __future__ import annotations

import base64
import email.parser
import gzip
import hashlib
import html
import io
import json
import random
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

__all__ = ["Index", "Request", "make_sdist", "make_wheel"]

_EPOCH = (2026, 1, 1, 0, 0, 0)
_JSON = "application/vnd.pypi.simple.v1+json"


def _core_metadata(
    name: str,
    version: str,
    *,
    metadata_version: str,
    requires: Iterable[str],
    extras: Mapping[str, Iterable[str]],
    requires_python: str | None,
    dynamic: Iterable[str] = (),
) -> bytes:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines.extend(f"Dynamic: {field_name}" for field_name in dynamic)
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines.extend(f"Requires-Dist: {requirement}" for requirement in requires)
    for extra, requirements in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines.extend(f'Requires-Dist: {requirement} ; extra == "{extra}"' for requirement in requirements)
    return ("\n".join(lines) + "\n").encode()


def make_wheel(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    tags: str = "py3-none-any",
    build: str | None = None,
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    files: Mapping[str, bytes] | None = None,
    metadata: bytes | None = None,
) -> Path:
    """Write a wheel that can be installed, and return its path.

    Without ``files`` it holds one module of the project's name with
    ``__version__``.  ``metadata`` replaces METADATA, to make it wrong.
    """
    directory.mkdir(parents=True, exist_ok=True)
    module = canonicalize_name(name).replace("-", "_")
    folder = f"{module}-{version}.dist-info"
    contents = dict(files) if files is not None else {f"{module}.py": f'__version__ = "{version}"\n'.encode()}
    pure = "true" if tags.endswith("-none-any") else "false"
    interpreters, abis, platforms = (part.split(".") for part in tags.split("-"))
    wheel_lines = ["Wheel-Version: 1.0", "Generator: loopback", f"Root-Is-Purelib: {pure}"]
    wheel_lines.extend(
        f"Tag: {interpreter}-{abi}-{platform}"
        for interpreter in interpreters
        for abi in abis
        for platform in platforms
    )
    if build is not None:
        wheel_lines.append(f"Build: {build}")
    contents[f"{folder}/METADATA"] = metadata or _core_metadata(
        name,
        version,
        metadata_version="2.1",
        requires=requires,
        extras=extras or {},
        requires_python=requires_python,
    )
    contents[f"{folder}/WHEEL"] = ("\n".join(wheel_lines) + "\n").encode()
    record = [f"{path},{_record_hash(data)},{len(data)}" for path, data in contents.items()]
    contents[f"{folder}/RECORD"] = "\n".join([*record, f"{folder}/RECORD,,", ""]).encode()
    parts = [module, version, *([build] if build is not None else []), tags]
    path = directory / f"{'-'.join(parts)}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in contents.items():
            archive.writestr(zipfile.ZipInfo(member, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return path


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


_PYPROJECT = """\
[build-system]
requires = []
build-backend = "in_tree_backend"
backend-path = ["."]
"""

# A build back end that needs nothing but Python: it packs what lies in the folder "content"
# with the METADATA of the file "metadata.txt".
_BACKEND = """\
import base64, hashlib, pathlib, zipfile

NAME, VERSION = {name!r}, {version!r}
FOLDER = f"{{NAME}}-{{VERSION}}.dist-info"


def _metadata():
    return pathlib.Path("metadata.txt").read_bytes()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    content = pathlib.Path("content")
    files = {{str(path.relative_to(content)): path.read_bytes() for path in sorted(content.rglob("*.py"))}}
    files[f"{{FOLDER}}/METADATA"] = _metadata()
    files[f"{{FOLDER}}/WHEEL"] = (
        b"Wheel-Version: 1.0\\nGenerator: in-tree\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    lines = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{{path}},sha256={{digest}},{{len(data)}}")
    files[f"{{FOLDER}}/RECORD"] = "\\n".join([*lines, f"{{FOLDER}}/RECORD,,", ""]).encode()
    filename = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, filename), "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return filename
"""

_PREPARE_HOOK = """

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory, FOLDER)
    folder.mkdir()
    (folder / "METADATA").write_bytes(_metadata())
    return FOLDER
"""


def make_sdist(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    metadata_version: str = "2.2",
    dynamic: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    pyproject: str | None = _PYPROJECT,
    setup_py: str | None = None,
    prepare_hook: bool = True,
    files: Mapping[str, bytes] | None = None,
    suffix: str = ".tar.gz",
) -> Path:
    """Write a source distribution that builds without network, and return its path.

    Its metadata is static unless ``metadata_version`` is older than 2.2 or
    ``dynamic`` names ``Requires-Dist``; a build states it in any case.
    ``pyproject=None`` leaves pyproject.toml out, ``files`` adds files or
    replaces them (paths below the top folder).
    """
    directory.mkdir(parents=True, exist_ok=True)
    module = canonicalize_name(name).replace("-", "_")
    extras, requires, dynamic = extras or {}, tuple(requires), tuple(dynamic)
    stated = () if "Requires-Dist" in dynamic else requires
    built = {"requires": requires, "extras": extras, "requires_python": requires_python}
    contents = {
        "PKG-INFO": _core_metadata(
            name,
            version,
            metadata_version=metadata_version,
            requires=stated,
            extras=extras,
            requires_python=requires_python,
            dynamic=dynamic,
        ),
        "metadata.txt": _core_metadata(name, version, metadata_version="2.1", **built),  # type: ignore[arg-type]
        "in_tree_backend.py": (
            _BACKEND.format(name=module, version=version) + (_PREPARE_HOOK if prepare_hook else "")
        ).encode(),
        f"content/{module}.py": f'__version__ = "{version}"\n'.encode(),
    }
    if pyproject is not None:
        contents["pyproject.toml"] = pyproject.encode()
    if setup_py is not None:
        contents["setup.py"] = setup_py.encode()
    contents.update(files or {})
    path = directory / f"{module}-{version}{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in contents.items():
                archive.writestr(zipfile.ZipInfo(f"{module}-{version}/{member}", _EPOCH), data)
        return path
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for member, data in contents.items():
            info = tarfile.TarInfo(f"{module}-{version}/{member}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    return path


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request that was answered."""

    method: str
    path: str
    status: int
    sent: int  # bytes of the body
    headers: Mapping[str, str]  # names in lower case

    @property
    def range(self) -> str | None:
        """The Range header."""
        return self.headers.get("range")


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What is sent."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(eq=False)
class Index:
    """A package index serving ``directory`` while its context lasts.

    ``/simple/NAME/`` lists the files, ``/files/FILENAME`` has them.  ``pages``
    adds indexes of other directories under other paths (``{"whl/cu126": folder}``
    gives ``/whl/cu126/torch/``).
    """

    directory: Path
    pages: dict[str, Path] = field(default_factory=dict)
    trees: dict[str, Path] = field(default_factory=dict)  # by beginning of a path: a directory as it is
    json: bool = True  # answers JSON to whoever asks for it
    html: bool = True  # answers HTML to the others; 406 where neither serves
    core_metadata: bool = True  # advertises and serves FILENAME.metadata
    hashes: bool = True
    sizes: bool = True  # states size and upload time in JSON; HTML has no words for them
    sidecars: bool = True  # else 404 for each FILENAME.metadata, advertised or not
    ranges: bool = True
    suffix_ranges: bool = True  # else 416, as some servers do
    head: bool = True  # else 405
    etag: bool = False
    cache_control: str | None = None
    garbage: bytes | None = None  # what every page says instead, as text/html
    credentials: tuple[str, str] | None = None  # asked for by HTTP basic authentication
    statuses: dict[str, int] = field(default_factory=dict)  # by path: answered instead
    bodies: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # by path: content type and body
    order: random.Random | None = None  # puts the files of a page into any order
    delays: dict[str, float] = field(default_factory=dict)  # by path: seconds before the answer
    delay: float = 0  # seconds before any other answer
    redirects: dict[str, str] = field(
        default_factory=dict
    )  # by beginning of a path: what stands there instead
    break_off: dict[str, int] = field(default_factory=dict)  # by path: how many answers end halfway
    piece: int = 0  # bytes of an answer that are sent at a time; 0: all
    pause: float = 0  # seconds between two of them
    file_headers: dict[str, str] = field(default_factory=dict)  # of every answer that is a file
    proxied: list[str] = field(default_factory=list)  # addresses that a client asked for whole, as of a proxy
    yanked: dict[str, str] = field(default_factory=dict)  # by filename: the reason
    upload_times: dict[str, str] = field(default_factory=dict)  # by filename
    project_status: dict[str, tuple[str, str]] = field(default_factory=dict)  # by name: status, reason
    log: list[Request] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)

    def __enter__(self) -> Index:
        """Begin to serve on a free port."""
        index = self

        class Handler(_Handler):
            served = index

        self.directory.mkdir(parents=True, exist_ok=True)
        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def root(self) -> str:
        """The address of the server, without a slash at the end."""
        assert self._server is not None, "the index serves only inside its context"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address of the index."""
        return f"{self.root}/simple/"

    def page(self, path: str) -> str:
        """Return the address of one of ``pages``."""
        return f"{self.root}/{path.strip('/')}/"

    def requests_for(self, part: str) -> list[Request]:
        """Return the requests whose path contains ``part``."""
        return [request for request in self.log if part in request.path]

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> _Answer:
        """Return what a request is answered."""
        if self.credentials is not None:
            token = base64.b64encode(":".join(self.credentials).encode()).decode()
            if headers.get("authorization") != f"Basic {token}":
                return _Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="index"'})
        for beginning, instead in self.redirects.items():
            if path.startswith(beginning):
                return _Answer(status=302, headers={"Location": instead + quote(path[len(beginning) :])})
        if path in self.statuses:
            return _Answer(status=self.statuses[path], body=b"as the test wants\n")
        if path in self.bodies:
            content_type, body = self.bodies[path]
            return _Answer(headers={"Content-Type": content_type}, body=body)
        for prefix, directory in {"simple": self.directory, **self.pages}.items():
            base = f"/{prefix.strip('/')}/"
            if path.startswith(base):
                return self._page(directory, path[len(base) :].strip("/"), headers)
        for prefix, directory in self.trees.items():
            if path.startswith(f"/{prefix.strip('/')}/"):
                file = directory / path.removeprefix(f"/{prefix.strip('/')}/")
                if method == "HEAD" and not self.head:
                    return _Answer(status=405)
                return self._bytes(file.read_bytes(), headers) if file.is_file() else _Answer(status=404)
        if path.startswith("/files/"):
            if method == "HEAD" and not self.head:
                return _Answer(status=405)
            return self._file(path.removeprefix("/files/"), headers)
        return _Answer(status=404)

    def _page(self, directory: Path, name: str, headers: Mapping[str, str]) -> _Answer:
        if self.garbage is not None:
            return _Answer(headers={"Content-Type": "text/html"}, body=self.garbage)
        projects: dict[str, list[Path]] = {}
        paths = sorted(directory.iterdir())
        if self.order is not None:
            self.order.shuffle(paths)
        for path in paths:
            project = _project(path.name)
            if project is not None:
                projects.setdefault(project, []).append(path)
        if name and name not in projects and name not in self.project_status:
            return _Answer(status=404)
        accept = headers.get("accept", "")
        if self.json and _JSON in accept:
            content_type = _JSON
            document: dict[str, object] = {"meta": {"api-version": "1.4"}}
            if name:
                document |= {"name": name, "files": [self._as_json(path) for path in projects.get(name, [])]}
                document["versions"] = sorted({str(_version(path.name)) for path in projects.get(name, [])})
                if name in self.project_status:
                    status, reason = self.project_status[name]
                    document["project-status"] = {"status": status, "reason": reason}
            else:
                document["projects"] = [{"name": project} for project in projects]
            body = json.dumps(document).encode()
        elif self.html:
            content_type = "text/html; charset=utf-8"
            anchors = (
                [self._as_html(path) for path in projects.get(name, [])]
                if name
                else [f'<a href="{project}/">{project}</a>' for project in projects]
            )
            body = (
                f"<!DOCTYPE html><html><head><title>Links for {name}</title></head><body>\n"
                + "<br/>\n".join(anchors)
                + "</body></html>"
            ).encode()
        else:
            return _Answer(status=406)
        sent = {"Content-Type": content_type}
        if self.cache_control is not None:
            sent["Cache-Control"] = self.cache_control
        if self.etag:
            sent["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if headers.get("if-none-match") == sent["ETag"]:
                return _Answer(status=304, headers=sent)
        return _Answer(headers=sent, body=body)

    def _as_json(self, path: Path) -> dict[str, object]:
        data = path.read_bytes()
        metadata = _metadata_of(path) if path.suffix == ".whl" else None
        bound = _requires_python(metadata)
        entry: dict[str, object] = {
            "filename": path.name,
            "url": f"../../{self._depth(path)}files/{quote(path.name)}",
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()} if self.hashes else {},
            "yanked": self.yanked.get(path.name) or path.name in self.yanked,
        }
        if self.sizes:
            entry["size"] = len(data)
            entry["upload-time"] = self.upload_times.get(path.name, "2026-01-01T00:00:00.000000Z")
        if bound is not None:
            entry["requires-python"] = bound
        if self.core_metadata and metadata is not None:
            entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
        return entry

    def _as_html(self, path: Path) -> str:
        href = f"../../{self._depth(path)}files/{quote(path.name)}"
        if self.hashes:
            href += f"#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"
        metadata = _metadata_of(path) if path.suffix == ".whl" else None
        attributes = f'href="{href}"'
        bound = _requires_python(metadata)
        if bound is not None:
            attributes += f' data-requires-python="{html.escape(bound)}"'
        if path.name in self.yanked:
            attributes += f' data-yanked="{html.escape(self.yanked[path.name])}"'
        if self.core_metadata and metadata is not None:
            attributes += f' data-core-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
        return f"<a {attributes}>{html.escape(path.name)}</a>"

    def _depth(self, path: Path) -> str:
        """Return the way up from a page to /simple/'s level: pages may lie deeper."""
        for prefix, directory in self.pages.items():
            if path.parent == directory:
                return "../" * prefix.strip("/").count("/")
        return ""

    def _file(self, filename: str, headers: Mapping[str, str]) -> _Answer:
        for directory in (self.directory, *self.pages.values()):
            path = directory / filename
            if path.is_file():
                answer = self._bytes(path.read_bytes(), headers)
                return replace(answer, headers={**answer.headers, **self.file_headers})
            wheel = directory / filename.removesuffix(".metadata")
            if self.core_metadata and self.sidecars and wheel.suffix == ".whl" and wheel.is_file():
                return _Answer(body=_metadata_of(wheel) or b"")
        return _Answer(status=404)

    def _bytes(self, data: bytes, headers: Mapping[str, str]) -> _Answer:
        unit, _, span = headers.get("range", "").partition("=")
        if unit != "bytes" or not self.ranges:
            return _Answer(body=data)
        first, _, last = span.partition("-")
        if not first and not self.suffix_ranges:
            return _Answer(status=416)
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last), len(data) - 1) if first and last else len(data) - 1
        if start > end:
            return _Answer(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
        return _Answer(
            status=206,
            headers={"Content-Range": f"bytes {start}-{end}/{len(data)}"},
            body=data[start : end + 1],
        )


class _Server(ThreadingHTTPServer):
    """A server that does not mind clients that hang up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what is no broken connection."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Hands requests to the index and writes its answers."""

    served: Index
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for the client's acknowledgement

    def do_GET(self) -> None:
        """Answer with a body."""
        self._serve(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._serve(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; ``Index.log`` has it all."""

    def _serve(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if "://" in self.path:
            self.served.proxied.append(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        time.sleep(self.served.delays.get(path, self.served.delay))
        answer = self.served.answer(self.command, path, headers)
        body = answer.body if with_body else b""
        broken = with_body and self.served.break_off.get(path, 0) > 0
        if broken:
            self.served.break_off[path] -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        # Logged before it is sent: who has the answer finds the request in the log.
        self.served.log.append(
            Request(method=self.command, path=path, status=answer.status, sent=len(body), headers=headers)
        )
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        size = self.served.piece or max(len(body), 1)
        for at in range(0, len(body), size):
            self.wfile.write(body[at : at + size])
            time.sleep(self.served.pause)


def _project(filename: str) -> str | None:
    """Return the normalized project that a file belongs to; None for files that are not listed."""
    if filename.endswith((".whl", ".tar.gz", ".zip")):
        stem = filename.removesuffix(".whl").removesuffix(".tar.gz").removesuffix(".zip")
        return canonicalize_name(stem.split("-")[0])
    if filename.endswith((".egg", ".exe")):
        return canonicalize_name(filename.split("-", maxsplit=1)[0])
    return None


def _version(filename: str) -> object:
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except ValueError:
        return "0"


def _metadata_of(wheel: Path) -> bytes | None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith(".dist-info/METADATA"):
                    return archive.read(member)
    except zipfile.BadZipFile:
        pass
    return None


def _requires_python(metadata: bytes | None) -> str | None:
    if metadata is None:
        return None
    return email.parser.BytesHeaderParser().parsebytes(metadata)["Requires-Python"]
