"""Many GETs side by side on one thread, over connections that are kept: what is fetched ahead.

libcurl does the work.  An answer that is plain (200, 206, 304, 404 and 410 of the
address itself) is taken from here; whatever else comes, a redirect, a refusal, an
answer that breaks off, is left to ``session``, which asks again with patience and
says what is wrong.  So nothing here raises, and nothing here decides.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from io import BytesIO

import pycurl

from envfit.index.headers import Headers
from envfit.index.transfer import Transfer

__all__ = ["Transfers"]

_PLAIN = frozenset({200, 206, 304, 404, 410})
_CONNECT_TIMEOUT = 10_000  # milliseconds
_STALLED = 60  # seconds without a byte
_WAIT = 1.0  # seconds to wait for something to happen, at most


class Transfers:
    """GETs on their way; to be used by one thread."""

    def __init__(
        self,
        *,
        limit: int,
        certificates: str | None,
        proxies: Mapping[str, str],
        user_agent: str,
        on_done: Callable[[Transfer], None],
    ) -> None:
        """Take how many may be on their way at a time, and the file of TLS certificates to trust.

        ``proxies`` are by scheme; where none is named, libcurl reads the environment.
        """
        self._proxies = proxies
        self._limit = limit
        self._certificates = certificates
        self._user_agent = user_agent
        self._on_done = on_done
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, limit)
        self._multi.setopt(pycurl.M_MAXCONNECTS, limit)
        self._idle: list[pycurl.Curl] = []
        self._active: dict[pycurl.Curl, tuple[Transfer, BytesIO, list[bytes]]] = {}
        self._waiting: deque[Transfer] = deque()

    def start(self, transfer: Transfer) -> None:
        """Send a GET, as soon as a connection is free."""
        if len(self._active) < self._limit:
            self._send(transfer)
        else:
            self._waiting.append(transfer)

    def advance(self, *, wait: bool) -> None:
        """Take in what has come; with ``wait``, wait until something has, or a second has passed."""
        self._multi.perform()
        if self._take() or not wait or not self._active:
            return
        self._multi.select(_WAIT)
        self._multi.perform()
        self._take()

    @property
    def under_way(self) -> int:
        """How many have not been answered."""
        return len(self._active) + len(self._waiting)

    def close(self) -> None:
        """Forget what is on its way, and close all connections."""
        for handle in list(self._active):
            self._multi.remove_handle(handle)
            handle.close()
        self._active.clear()
        self._waiting.clear()
        for handle in self._idle:
            handle.close()
        self._idle.clear()
        self._multi.close()

    def _send(self, transfer: Transfer) -> None:
        handle = self._idle.pop() if self._idle else self._new_handle()
        body = BytesIO()
        lines: list[bytes] = []
        handle.setopt(pycurl.URL, transfer.url)
        # Over TLS, what speaks HTTP/2 has many requests on one connection: better than many handshakes.
        handle.setopt(pycurl.PIPEWAIT, int(transfer.url.startswith("https:")))
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in transfer.headers.items()])
        if self._proxies:
            proxy = self._proxies.get(transfer.url.partition(":")[0])
            if proxy is not None:
                handle.setopt(pycurl.PROXY, proxy)
            else:
                handle.unsetopt(pycurl.PROXY)  # handles are used again
        handle.setopt(pycurl.WRITEDATA, body)
        handle.setopt(pycurl.HEADERFUNCTION, lines.append)
        if transfer.credentials is not None:
            handle.setopt(pycurl.USERNAME, transfer.credentials[0])
            handle.setopt(pycurl.PASSWORD, transfer.credentials[1])
        self._active[handle] = (transfer, body, lines)
        self._multi.add_handle(handle)

    def _new_handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.USERAGENT, self._user_agent)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, _CONNECT_TIMEOUT)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, _STALLED)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(pycurl.TCP_NODELAY, 1)
        if self._certificates is not None:
            is_directory = os.path.isdir(self._certificates)  # noqa: PTH112 - as it is given
            handle.setopt(pycurl.CAPATH if is_directory else pycurl.CAINFO, self._certificates)
        handle.setopt(pycurl.NETRC, pycurl.NETRC_OPTIONAL)
        if os.environ.get("NETRC"):
            handle.setopt(pycurl.NETRC_FILE, os.environ["NETRC"])
        return handle

    def _take(self) -> bool:
        """Hand on what is complete, and send what waits for a connection; tell whether anything was."""
        taken = False
        while True:
            left, complete, failed = self._multi.info_read()
            for handle in complete:
                self._finish(handle, int(handle.getinfo(pycurl.RESPONSE_CODE)))
            for handle, _, _ in failed:
                self._finish(handle, 0)
            taken = taken or bool(complete or failed)
            if not left:
                break
        while self._waiting and len(self._active) < self._limit:
            self._send(self._waiting.popleft())
        return taken

    def _finish(self, handle: pycurl.Curl, status: int) -> None:
        self._multi.remove_handle(handle)
        transfer, body, lines = self._active.pop(handle)
        if transfer.credentials is not None:
            handle.close()  # and with it what only this request may send
        else:
            self._idle.append(handle)
        transfer.status = status if status in _PLAIN else 0
        if transfer.status:
            transfer.answer = _headers(lines)
            transfer.body = body.getvalue()
        transfer.done = True
        self._on_done(transfer)


def _headers(lines: list[bytes]) -> Headers:
    found: list[tuple[str, str]] = []
    for line in lines:
        name, separator, value = line.decode("latin-1").partition(":")
        if separator:
            found.append((name.strip(), value.strip()))
        elif line.startswith(b"HTTP/"):
            found.clear()  # an interim answer came before
    return Headers(found)
