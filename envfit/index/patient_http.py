"""Requests sent with patience: retries, time limits, redirects, proxies and ``.netrc``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from envfit.address import public_address
from envfit.index.failure import broken_off, failed

__all__ = ["PatientHttp"]

_CONNECT_TIMEOUT = 10.0  # seconds
_READ_TIMEOUT = 60.0  # seconds between two pieces of an answer
_LONGEST_PAUSE = 30.0  # seconds; a server may ask for an hour
_CHUNK = 1 << 16


class _Retry(Retry):
    """Retries that never sleep longer than a user would wait."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        pause = super().get_retry_after(response)
        return None if pause is None else min(pause, _LONGEST_PAUSE)


class PatientHttp:
    """One set of connections; safe to use from several threads."""

    def __init__(
        self, *, certificates: str | None, proxies: Mapping[str, str], user_agent: str, connections: int
    ) -> None:
        self._proxies = dict(proxies)
        self._verify: str | bool = certificates or True
        self._session = requests.Session()
        self._session.headers["User-Agent"] = user_agent
        # Cookies would make answers depend on the order of requests.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        retry = _Retry(
            total=3,
            connect=2,
            read=2,
            status=2,
            backoff_factor=0.2,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=("GET", "HEAD"),
            raise_on_status=False,
        )
        adapter = HTTPAdapter(max_retries=retry, pool_connections=connections, pool_maxsize=connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None, auth: tuple[str, str] | None
    ) -> requests.Response:
        """Return an answer whose body is still to be read; raises SourceError."""
        try:
            return self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                auth=auth,
                timeout=(_CONNECT_TIMEOUT, _READ_TIMEOUT),
                verify=self._verify,
                proxies=self._proxies or None,
                stream=True,
                allow_redirects=True,
            )
        except requests.RequestException as error:
            raise failed(public_address(url), error, connect=_CONNECT_TIMEOUT, read=_READ_TIMEOUT) from error

    def chunks(
        self, address: str, response: requests.Response, received: Callable[[int], None]
    ) -> Iterator[bytes]:
        """Yield the body of an answer, decoded; ``received`` is told how many bytes came.

        Raises BrokenOffError.
        """
        told = 0
        try:
            for chunk in response.iter_content(_CHUNK):
                received(response.raw.tell() - told)
                told = response.raw.tell()
                yield chunk
        except (requests.RequestException, HTTPError, OSError) as error:
            raise broken_off(address, error) from error
        finally:
            received(response.raw.tell() - told)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
