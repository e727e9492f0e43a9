"""Which indexes are configured, in the words that uv and pip already understand.

The default index, first match wins: the command line, ``UV_DEFAULT_INDEX``,
``UV_INDEX_URL``, uv's files (project, user, system), ``PIP_INDEX_URL``, pip's
files, and at last the constant that ``distlib`` knows.

Extra indexes come *before* the default, and the first index that has a name is
the only one asked for it, as in uv.  pip would merge all of them by version,
which lets a public upload replace a private package; so pip's extra indexes are
taken over in uv's meaning, and those on a disk are not taken at all.  A name may
be routed to one index (``[tool.envfit.index]``, uv's ``sources``), and is then
taken from that one alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

from envfit.address import address_of, credentials, is_local, public_address, with_credentials
from envfit.errors import FileError, ProjectError
from envfit.export_marks import without_export
from envfit.frozen import frozen
from envfit.index.connection import Connection
from envfit.index.credentials import KeyringUse
from envfit.index.mirrors import Mirrors
from envfit.index.routing import Route, route_of
from envfit.toml_text import parse_toml

if TYPE_CHECKING:
    import configparser

__all__ = ["IndexConfiguration", "configured_indexes", "library_default"]

_LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
_COMMAND_LINE = "the command line"
_NO_MIRRORS = Mirrors()
_NO_CONNECTION = Connection()
_NOT_USED = (
    "not used: {}; a lock must not point into one machine's disk. "
    "Name it with --extra-index-url or --find-links to use it all the same."
)


@frozen
class IndexConfiguration:
    """The indexes in use, with where each was configured.

    Addresses may carry credentials: for requests only, never for a lock or a message.
    """

    default: str
    extra: tuple[str, ...] = ()  # searched before the default, in this order
    default_source: str = _COMMAND_LINE
    extra_sources: tuple[str, ...] = ()  # one for each extra index
    no_index: bool = False  # no index is asked for any name
    find_links: tuple[str, ...] = ()  # directories and pages, beside the first index that has a name
    routes: tuple[Route, ...] = ()  # names that one index alone serves
    mirrors: Mirrors = _NO_MIRRORS
    keyring: KeyringUse = KeyringUse.FOR_USERS
    connection: Connection = _NO_CONNECTION
    notes: tuple[str, ...] = ()  # sentences about what was left out

    @property
    def search_order(self) -> tuple[str, ...]:
        """Every index once, in the order in which they are asked for a name."""
        return () if self.no_index else tuple(dict.fromkeys((*self.extra, self.default)))

    def indexes_for(self, name: str) -> tuple[str, ...]:
        """Return the indexes that are asked for a name, in order."""
        route = route_of(name, self.routes)
        return self.search_order if route is None or self.no_index else (route.url,)

    def find_links_for(self, name: str) -> tuple[str, ...]:
        """Return the find-links that may serve a name: none where it is routed to an index."""
        return self.find_links if route_of(name, self.routes) is None or self.no_index else ()

    @property
    def has_local_files(self) -> bool:
        """Whether anything is taken from the disk of this machine."""
        addresses = (*self.search_order, *(route.url for route in self.routes), *self.mirrors.addresses)
        return bool(self.find_links) or any(map(is_local, addresses))

    def public(self) -> tuple[tuple[str, str], ...]:
        """Return (address without credentials, source) in search order."""
        sources = {
            **dict(zip(self.extra, self.extra_sources, strict=True)),
            self.default: self.default_source,
        }
        return tuple((self.recorded(url), sources[url]) for url in self.search_order)

    def recorded(self, url: str) -> str:
        """Return the address by which a lock or a message names an index: no mirror's, no credentials."""
        return self.mirrors.canonical(public_address(url))


@frozen
class _Setting:
    """One index as one source states it."""

    url: str
    source: str


@frozen
class _Stated:
    """What one tool's configuration states, most important first."""

    default: tuple[_Setting, ...] = ()
    extra: tuple[_Setting, ...] = ()
    routes: tuple[Route, ...] = ()
    keyring: str = ""
    connection: Connection = _NO_CONNECTION
    notes: tuple[str, ...] = ()


def library_default() -> str:
    """Return the address of the Simple API of the index that ``distlib`` knows as default."""
    return f"{_distlib_default().rstrip('/').removesuffix('/pypi')}/simple/"


def _distlib_default() -> str:
    # The module takes 50 ms to load, as long as all the rest of a small resolution.
    found = PathFinder.find_spec("distlib")
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        with suppress(OSError):
            source = Path(place, "index.py").read_text(encoding="utf-8")
            stated = re.search(r"^DEFAULT_INDEX = '([^'\\]+)'$", source, re.MULTILINE)
            if stated is not None:
                return stated[1]
    from distlib.index import DEFAULT_INDEX  # type: ignore[import-untyped]

    return str(DEFAULT_INDEX)


def configured_indexes(
    environ: Mapping[str, str],
    *,
    home: Path,
    cwd: Path,
    index_url: str | None = None,
    extra_index_urls: Sequence[str] = (),
    find_links: Sequence[str] = (),
    no_index: bool = False,
    routes: Sequence[Route] = (),
    mirrors: Mirrors | None = None,
    system: Path = Path("/etc"),
) -> IndexConfiguration:
    """Return the indexes in use; ``routes`` hold before those of uv's files.

    Depends on the arguments and the files they lead to, on nothing else.
    Raises FileError where a configuration file is there and cannot be read, and
    ProjectError where uv's routes name an index that is not there.
    """
    uv = _stated_for_uv(environ, home=home, cwd=cwd, system=system)
    pip = _stated_for_pip(environ, home=home, system=system)
    given = [_Setting(url=address_of(url, cwd), source=_COMMAND_LINE) for url in (index_url,) if url]
    stated = (*given, *uv.default, *pip.default)
    default = (
        stated[0] if stated else _Setting(url=library_default(), source="the default of the distlib library")
    )
    extra: dict[str, str] = {}
    for setting in (
        *(_Setting(url=address_of(url, cwd), source=_COMMAND_LINE) for url in extra_index_urls),
        *uv.extra,
        *pip.extra,
    ):
        if setting.url != default.url:
            extra.setdefault(setting.url, setting.source)
    return IndexConfiguration(
        default=default.url,
        extra=tuple(extra),
        default_source=default.source,
        extra_sources=tuple(extra.values()),
        no_index=no_index,
        find_links=tuple(dict.fromkeys(address_of(url, cwd) for url in find_links)),
        routes=(*routes, *uv.routes),
        mirrors=mirrors or _NO_MIRRORS,
        keyring=_keyring_use(uv.keyring or pip.keyring),
        connection=Connection(
            http_proxy=uv.connection.http_proxy or pip.connection.http_proxy,
            https_proxy=uv.connection.https_proxy or pip.connection.https_proxy,
            certificates=pip.connection.certificates,
        ),
        notes=(*uv.notes, *pip.notes),
    )


def _stated_for_uv(environ: Mapping[str, str], *, home: Path, cwd: Path, system: Path) -> _Stated:
    default = [
        _Setting(url=_named_address(environ[variable], cwd, environ)[1], source=variable)
        for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
        if environ.get(variable)
    ]
    extra: list[_Setting] = []
    named: dict[str, str] = {}  # the environment's hold before those of files
    for variable in ("UV_INDEX", "UV_EXTRA_INDEX_URL"):
        for text in environ.get(variable, "").split():
            name, address = _named_address(text, cwd, environ)
            named.setdefault(name, address)
            extra.append(_Setting(url=address, source=variable))
    sources: list[tuple[Path, Mapping[str, object]]] = []
    keyring = [environ.get("UV_KEYRING_PROVIDER", "")]
    http_proxies, https_proxies = [""], [""]
    links = ["UV_FIND_LINKS"] if environ.get("UV_FIND_LINKS") else []
    for path, table in _uv_tables(environ, home=home, cwd=cwd, system=system):
        base, source = path.parent, str(path)
        keyring.append(str(table.get("keyring-provider") or ""))
        http_proxies.append(str(table.get("http-proxy") or ""))
        https_proxies.append(str(table.get("https-proxy") or ""))
        # What a project says of find-links is told with the project.
        links.extend([source] if table.get("find-links") and path.name == "uv.toml" else [])
        routed = table.get("sources")
        if isinstance(routed, dict):
            sources.append((path, routed))
        for entry in _tables(table.get("index")):
            url = entry.get("url")
            if not isinstance(url, str):
                continue
            name = str(entry.get("name", ""))
            address = _with_credentials(address_of(url, base), name, environ)
            named.setdefault(name, address)
            if entry.get("default") is True:
                default.append(_Setting(url=address, source=source))
            elif entry.get("explicit") is not True:
                extra.append(_Setting(url=address, source=source))
        single = table.get("index-url")
        if isinstance(single, str):
            default.append(_Setting(url=address_of(single, base), source=source))
        several = table.get("extra-index-url")
        urls = several if isinstance(several, list) else []
        extra.extend(_Setting(url=address_of(str(url), base), source=source) for url in urls)
    return _Stated(
        default=tuple(default),
        extra=tuple(extra),
        routes=_uv_routes(sources, named),
        keyring=next(filter(None, keyring), ""),
        connection=Connection(
            http_proxy=next(filter(None, http_proxies), None),
            https_proxy=next(filter(None, https_proxies), None),
        ),
        notes=tuple([_NOT_USED.format(f"uv's find-links ({', '.join(links)})")] if links else []),
    )


def _uv_routes(
    sources: Sequence[tuple[Path, Mapping[str, object]]], named: Mapping[str, str]
) -> tuple[Route, ...]:
    """Return the routes that uv's ``sources`` state; of several indexes of one name, that for Linux.

    Sources of other kinds (git, path, url) say nothing of indexes.  Raises ProjectError
    where it stays open which index is meant: from another, a stranger's package of the
    same name could be taken.
    """
    routes = []
    for path, table in sources:
        for name, value in table.items():
            entries = list(_tables(value if isinstance(value, list) else [value]))
            meant = {str(entry["index"]) for entry in entries if "index" in entry and _is_for_linux(entry)}
            if not meant:
                continue
            place = f"{path} tool.uv.sources.{name}"
            if len(meant) > 1:
                raise ProjectError(
                    f"{place} names several indexes: {', '.join(sorted(meant))}",
                    hints=[f"[tool.envfit.index] {name} = ADDRESS names one"],
                )
            (index,) = meant
            if index not in named:
                raise ProjectError(f"{place}: there is no index {index!r} in [[tool.uv.index]]")
            routes.append(Route(pattern=name, url=named[index], source=place))
    return tuple(routes)


def _is_for_linux(entry: Mapping[str, object]) -> bool:
    """Tell whether the marker of a source may hold on Linux; what is not of the system is not judged."""
    text = str(entry.get("marker") or "")
    if not text or re.search(r"python|implementation|machine|release|extra|group", text):
        return True
    try:
        return Marker(text).evaluate(dict(_LINUX))
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _proxy(text: str) -> str | None:
    """Return the address of a proxy, which pip lets be written without a scheme."""
    return (text if "://" in text else f"http://{text}") if text else None


def _keyring_use(text: str) -> KeyringUse:
    """Return what pip's and uv's words for it mean; pip's ``import`` is the same keyring."""
    if text in {"subprocess", "import"}:
        return KeyringUse.ALWAYS
    return KeyringUse.NEVER if text == "disabled" else KeyringUse.FOR_USERS


def _uv_tables(
    environ: Mapping[str, str], *, home: Path, cwd: Path, system: Path
) -> Iterator[tuple[Path, Mapping[str, object]]]:
    """Yield uv's settings, the project's first."""
    if environ.get("UV_CONFIG_FILE"):
        path = cwd / environ["UV_CONFIG_FILE"]
        yield path, _toml(path) or {}
        return
    if environ.get("UV_NO_CONFIG", "").lower() in {"1", "true", "yes", "on"}:
        return
    for directory in (cwd, *cwd.parents):
        # A uv.toml beside a pyproject.toml silences the latter's [tool.uv].
        table = _toml(directory / "uv.toml")
        if table is not None:
            yield directory / "uv.toml", table
            break
        tool = (_toml(directory / "pyproject.toml") or {}).get("tool")
        table = tool.get("uv") if isinstance(tool, dict) else None
        if isinstance(table, dict):
            yield directory / "pyproject.toml", table
            break
    for path in (_config_home(environ, home) / "uv/uv.toml", system / "uv/uv.toml"):
        table = _toml(path)
        if table is not None:
            yield path, table


def _stated_for_pip(environ: Mapping[str, str], *, home: Path, system: Path) -> _Stated:
    files = [
        (path, parser)
        for path in _pip_files(environ, home=home, system=system)
        if (parser := _ini(path)) is not None
    ]

    def stated(key: str) -> tuple[str, str]:
        """Return value and source: the environment, then [install], then [global]."""
        variable = f"PIP_{key.upper().replace('-', '_')}"
        if environ.get(variable):
            return environ[variable], variable
        for section in ("install", "global"):
            for path, parser in files:
                value = parser.get(section, key, fallback="").strip()
                if value:
                    return value, str(path)
        return "", ""

    default, default_source = stated("index-url")
    extra, extra_source = stated("extra-index-url")
    links, links_source = stated("find-links")
    urls = extra.split()
    remote = [url for url in urls if urlsplit(url).scheme in {"http", "https"}]
    ignored = [f"extra-index-url {public_address(url)} ({extra_source})" for url in urls if url not in remote]
    if links:
        ignored.append(f"find-links ({links_source})")
    return _Stated(
        default=(_Setting(url=default.split()[0], source=default_source),) if default else (),
        extra=tuple(_Setting(url=url, source=extra_source) for url in remote),
        keyring=stated("keyring-provider")[0],
        connection=Connection(
            http_proxy=_proxy(stated("proxy")[0]),
            https_proxy=_proxy(stated("proxy")[0]),
            certificates=stated("cert")[0] or None,
        ),
        notes=(_NOT_USED.format(f"pip's {', '.join(ignored)}"),) if ignored else (),
    )


def _pip_files(environ: Mapping[str, str], *, home: Path, system: Path) -> Iterator[Path]:
    """Yield pip's configuration files, the most important first."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:  # pip's documented way to read no file at all
        return
    if named:
        yield Path(named)
    if environ.get("VIRTUAL_ENV"):
        yield Path(environ["VIRTUAL_ENV"]) / "pip.conf"
    yield _config_home(environ, home) / "pip/pip.conf"
    yield home / ".pip/pip.conf"
    yield system / "pip.conf"
    yield system / "xdg/pip/pip.conf"


def _config_home(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


def _toml(path: Path) -> Mapping[str, object] | None:
    """Return a TOML file, or None where there is none."""
    try:
        return parse_toml(without_export(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as TOML: {error}") from error


def _ini(path: Path) -> configparser.RawConfigParser | None:
    """Return a file of pip's configuration, or None where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as pip's configuration: {error}") from error
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise FileError(f"{path} cannot be read as pip's configuration: {error}") from error
    return parser


def _tables(value: object) -> Iterator[Mapping[str, object]]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            yield entry


def _named_address(entry: str, base: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name, possibly empty, and the address of an entry that may be written ``name=url``."""
    name, separator, url = entry.partition("=")
    if separator and name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return name, _with_credentials(address_of(url, base), name, environ)
    return "", address_of(entry, base)


def _with_credentials(url: str, name: str, environ: Mapping[str, str]) -> str:
    """Add the user name and password that uv reads from the environment for a named index."""
    key = "".join(character if character.isalnum() else "_" for character in name).upper()
    user = environ.get(f"UV_INDEX_{key}_USERNAME", "")
    password = environ.get(f"UV_INDEX_{key}_PASSWORD", "")
    if not name or not (user or password) or credentials(url) is not None:
        return url
    return with_credentials(url, user, password)
