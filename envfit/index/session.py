"""HTTP, as envfit uses it: mirrors, credentials, counters, and two ways to ask.

What is fetched ahead goes through ``transfers``, many at a time; whatever that does
not bring is asked for with patience, through ``patient_http``.  Neither is loaded
before the first request, so that what the cache answers costs neither.

Addresses passed in are public ones; credentials are registered with ``authorize``
and added to requests only, so that none can end in a cache, a message or a lock.
They go to their own origin and follow no redirect to another.  Addresses that a
mirror has are fetched from it.  ``file:`` addresses are read from disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from envfit.address import is_local, local_path, origin, public_address, with_credentials
from envfit.errors import SourceError
from envfit.frozen import frozen
from envfit.index.connection import Connection
from envfit.index.credentials import Credentials, KeyringUse
from envfit.index.headers import Headers
from envfit.index.mirrors import Mirrors
from envfit.index.transfer import Transfer
from envfit.version import __version__

if TYPE_CHECKING:
    import requests

    from envfit.index.patient_http import PatientHttp
    from envfit.index.transfers import Transfers

__all__ = ["ABSENT", "BrokenOffError", "Response", "Session", "Stream", "until_complete"]

T = TypeVar("T")

#: Statuses that mean "there is no such thing".
ABSENT = frozenset({404, 410})

_OK, _NOT_MODIFIED = 200, 304
_UNAUTHORIZED = (401, 403)
_SIDE_BY_SIDE = 48  # requests on their way ahead at a time
_ATTEMPTS = 3  # for an answer that breaks off
_USER_AGENT = f"envfit/{__version__}"

# What a server answers that knows no HEAD, or forbids it.
_NO_HEAD = (400, 401, 403, 405, 501)


@frozen
class Response:
    """A complete answer."""

    url: str  # where it finally came from, public
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes


@frozen
class Stream:
    """An answer whose body is still to be read."""

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """The announced length of the body in bytes."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdigit() else None


class BrokenOffError(SourceError):
    """An answer ended before it was complete."""


def until_complete(read: Callable[[], T]) -> T:
    """Return what ``read`` returns, repeating it where the answer that it reads breaks off."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(BrokenOffError):
            return read()
    return read()


class Session:
    """Requests to package indexes; safe to use from several threads.

    ``environ`` names the TLS certificates to trust, and is what ``keyring`` is run in;
    proxies that ``connection`` does not name are read from the environment of the process
    by the libraries themselves.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        workers: int = 16,
        offline: bool = False,
        mirrors: Mirrors | None = None,
        keyring: KeyringUse = KeyringUse.FOR_USERS,
        connection: Connection | None = None,
    ) -> None:
        self.offline = offline
        self._lock = threading.Lock()
        self._requests = 0
        self._received = 0
        self._mirrors = mirrors or Mirrors()
        self._credentials = Credentials(environ, keyring=keyring)
        for address in self._mirrors.addresses:
            self._credentials.add(address)
        self._connection = connection or Connection()
        self._certificates = self._connection.trusted(environ)
        self._workers = workers
        self._patient: PatientHttp | None = None
        self._transfers: Transfers | None = None
        self._on_done: Callable[[Transfer], None] = lambda _: None

    @property
    def requests_made(self) -> int:
        """How many requests were made; a retried or redirected one counts once."""
        with self._lock:
            return self._requests

    @property
    def requests_answered(self) -> int:
        """How many of them were answered: what is still on its way has told nobody anything."""
        return self.requests_made - (self._transfers.under_way if self._transfers is not None else 0)

    @property
    def bytes_received(self) -> int:
        """How many bytes of bodies came over the wire."""
        with self._lock:
            return self._received

    def authorize(self, url: str) -> str:
        """Register an address of an index with the credentials in it, and return the public address."""
        self._credentials.add(url)
        return public_address(url)

    def authorize_origin(self, url: str, user_and_password: tuple[str, str]) -> None:
        """Register credentials for the origin of an address."""
        self._credentials.add(with_credentials(public_address(url), *user_and_password))

    def address(self, url: str) -> str:
        """Return where a request for an address goes: to a mirror, or as it is."""
        return self._mirrors.mirrored(url) or url

    def canonical(self, url: str) -> str:
        """Return the address by which a lock names one that a mirror states; others as they are."""
        return self._mirrors.canonical(url)

    @property
    def mapping(self) -> str:
        """What tells how ``canonical`` maps addresses here from how it does elsewhere."""
        return self._mirrors.identity

    def learn_credentials(self, url: str) -> None:
        """Ask keyring for credentials, where it is always used and the server of an address wants some."""
        if self._credentials.may_learn(self.address(url)) and not is_local(self.address(url)):
            with suppress(SourceError):  # whoever needs the address will see
                self.has(url, size=None)

    def for_another_program(self, url: str) -> str:
        """Return where to fetch an address from, with the credentials that it takes: a secret.

        Those of ``.netrc`` are not in it; other programs read that too.
        """
        address = self.address(url)
        found = None if is_local(address) else self._credentials.of(address)
        return address if found is None else with_credentials(public_address(address), *found)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = ABSENT,
        accepted: Collection[int] = (),
    ) -> Response | None:
        """Return an answer of status 2xx, 304 or one of ``accepted``; None for one of ``absent``.

        An answer that breaks off is asked for again.  Raises SourceError.
        """

        def complete() -> Response | None:
            with self.stream(url, headers=headers, absent=absent, accepted=accepted) as answer:
                if answer is None:
                    return None
                body = b"".join(answer.chunks)
                return Response(url=answer.url, status=answer.status, headers=answer.headers, body=body)

        return until_complete(complete)

    def length(self, url: str) -> int | None:
        """Return the length in bytes that a HEAD request announces; None where there is none."""
        with self.stream(url, method="HEAD", accepted=(405, 501)) as answer:
            return answer.length if answer is not None and answer.status == _OK else None

    def has(self, url: str, *, size: int | None) -> bool:
        """Tell whether a file is there, of that size where one is given and the server states one."""
        address = self.address(url)
        if is_local(address):
            return local_path(address).is_file()
        identity = {"Accept-Encoding": "identity"}
        with self.stream(url, method="HEAD", headers=identity, accepted=_NO_HEAD) as answer:
            if answer is None:
                return False
            if answer.status not in _NO_HEAD:
                return not size or not answer.length or answer.length == size
        with self.stream(url, headers={**identity, "Range": "bytes=0-0"}, absent=ABSENT | {403}) as answer:
            return answer is not None

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = ABSENT,
        accepted: Collection[int] = (),
        method: str = "GET",
    ) -> Iterator[Stream | None]:
        """Open an answer for reading piece by piece; statuses are as in ``get``."""
        url = self.address(url)
        if is_local(url):
            yield _read_from_disk(url)
            return
        address = public_address(url)
        if self.offline:
            raise SourceError(
                f"offline, and {address} is not in the cache",
                hints=["run once without --offline to fill the cache"],
            )
        tried = self._credentials.of(url)
        response = self._send(method, url, headers, tried)
        # Where a redirect led elsewhere, it is not this server that refuses.
        own = origin(response.url) == origin(url)
        if own and response.status_code in _UNAUTHORIZED and response.status_code not in absent:
            other = self._credentials.after_refusal(url, tried)
            if other is not None:
                response.close()
                response = self._send(method, url, headers, other)
        with response:
            status = response.status_code
            if status in absent:
                yield None
            elif 200 <= status < 300 or status == _NOT_MODIFIED or status in accepted:
                yield Stream(
                    url=public_address(response.url),
                    status=status,
                    headers=response.headers,
                    chunks=self._http().chunks(address, response, self._count_received),
                )
            else:
                from envfit.index.failure import refused

                raise refused(address, response)

    def start(self, url: str, headers: Mapping[str, str]) -> Transfer | None:
        """Begin to fetch an address ahead; None where only ``get`` will do.

        What comes is handed to ``when_done`` within ``advance``.  Like that, it is for the
        one thread that resolves.
        """
        url = self.address(url)
        proxies = self._connection.proxies
        if self.offline or is_local(url):
            return None
        if url.startswith("http:") and os.environ.get("HTTP_PROXY") and "http" not in proxies:
            return None  # libcurl reads that variable in lower case only
        from envfit.index.transfers import Transfers

        if self._transfers is None:
            self._transfers = Transfers(
                limit=_SIDE_BY_SIDE,
                certificates=self._certificates or _default_certificates(),
                proxies=proxies,
                user_agent=_USER_AGENT,
                on_done=self._done,
            )
        transfer = Transfer(url=public_address(url), headers=headers, credentials=self._credentials.of(url))
        with self._lock:
            self._requests += 1
        self._transfers.start(transfer)
        return transfer

    def when_done(self, act: Callable[[Transfer], None]) -> None:
        """Set what is done with each fetch ahead that is complete."""
        self._on_done = act

    def advance(self, *, wait: bool) -> None:
        """Take in what has come of what is fetched ahead; with ``wait``, wait until something has."""
        if self._transfers is not None:
            self._transfers.advance(wait=wait)

    def _done(self, transfer: Transfer) -> None:
        self._count_received(len(transfer.body))
        self._on_done(transfer)

    def _http(self) -> PatientHttp:
        with self._lock:
            if self._patient is None:
                from envfit.index.patient_http import PatientHttp

                self._patient = PatientHttp(
                    certificates=self._certificates,
                    proxies=self._connection.proxies,
                    user_agent=_USER_AGENT,
                    connections=self._workers,
                )
            return self._patient

    def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, auth: tuple[str, str] | None
    ) -> requests.Response:
        with self._lock:
            self._requests += 1
        return self._http().send(method, url, headers, auth)

    def _count_received(self, size: int) -> None:
        with self._lock:
            self._received += size

    def close(self) -> None:
        """Close all connections."""
        if self._transfers is not None:
            self._transfers.close()
        if self._patient is not None:
            self._patient.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_CONTENT_TYPES = {".html": "text/html", ".json": "application/vnd.pypi.simple.v1+json"}


def _read_from_disk(url: str) -> Stream | None:
    path = local_path(url)
    if path.is_dir():
        path = next((path / name for name in ("index.html", "index.json") if (path / name).is_file()), path)
    try:
        body = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as error:
        raise SourceError(f"{public_address(url)} cannot be read: {error.strerror}") from error
    headers = Headers(
        [
            ("Content-Length", str(len(body))),
            ("Content-Type", _CONTENT_TYPES.get(path.suffix, "application/octet-stream")),
        ]
    )
    return Stream(url=path.absolute().as_uri(), status=200, headers=headers, chunks=iter((body,)))


def _default_certificates() -> str | None:
    """Return the TLS certificates that requests would trust."""
    import certifi

    return certifi.where()
