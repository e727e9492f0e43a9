"""What went wrong with a request, in one sentence, with what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ReadTimeoutError

from envfit.address import origin, public_address
from envfit.errors import SourceError
from envfit.index.session import BrokenOffError

__all__ = ["UNAUTHORIZED", "broken_off", "failed", "refused"]

#: What an index answers that wants credentials, or other ones.
UNAUTHORIZED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

_PROXY_HINT = (
    "put user and password into the proxy's address, as in HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
)


def refused(address: str, response: requests.Response) -> SourceError:
    """Return what an answer of another status than asked for is, with what can be done about credentials."""
    status = response.status_code
    message = f"{address} answered {status} {response.reason or ''}".rstrip()
    details = {"address": address, "status": str(status)}
    final = public_address(response.url)
    if final != address:
        # Storage services put signatures into the query.
        details["redirected to"] = final.partition("?")[0]
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return SourceError(message, details=details, hints=[_PROXY_HINT])
    if status not in UNAUTHORIZED:
        return SourceError(message, details=details)
    host = origin(final)[1]
    if "Authorization" in response.request.headers:
        return SourceError(
            f"{message}: the credentials for {host} were refused",
            details=details,
            hints=[f"look at what the address, ~/.netrc or keyring has for {host}"],
        )
    name = urlsplit(final).hostname
    return SourceError(
        f"{message}: it was asked without credentials",
        details=details,
        hints=[
            f"put them into ~/.netrc: machine {name} login USER password PASSWORD",
            f"or name the user in the address, https://USER@{host}/..., and keep the password in keyring",
        ],
    )


def broken_off(address: str, error: Exception) -> BrokenOffError:
    """Return what an answer that ended before it was complete is."""
    return BrokenOffError(f"the answer of {address} broke off: {error}", details={"address": address})


def failed(address: str, error: requests.RequestException, *, connect: float, read: float) -> SourceError:
    """Say in one sentence what happened to a request; ``connect`` and ``read`` are its limits in seconds."""
    details = {"address": address, "cause": str(error)}
    if isinstance(error, requests.exceptions.SSLError):
        return SourceError(
            f"no trusted connection to {address}: {_innermost(error)}",
            details=details,
            hints=["set REQUESTS_CA_BUNDLE to the certificates that your network uses"],
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return SourceError(f"the proxy did not lead to {address}: {_innermost(error)}", details=details)
    if _caused_by(error, NameResolutionError):
        return SourceError(
            f"{address} could not be reached: its host name does not resolve (no network?)", details=details
        )
    # urllib3 counts a connection that is refused among those that take too long.
    if _caused_by(error, ConnectTimeoutError) and not _caused_by(error, NewConnectionError):
        return SourceError(f"{address} could not be reached within {connect:g} s", details=details)
    if _caused_by(error, ReadTimeoutError):
        return SourceError(f"{address} did not answer within {read:g} s", details=details)
    if isinstance(error, requests.exceptions.ConnectionError):
        return SourceError(f"{address} could not be reached: {_innermost(error)}", details=details)
    return SourceError(f"the request to {address} failed: {_innermost(error)}", details=details)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors inside it; urllib3 keeps them as arguments and reasons."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(cause, kind) for cause in _causes(error))


def _innermost(error: BaseException) -> str:
    text = str(list(_causes(error))[-1])
    # urllib3 puts the representation of its connection object before the reason.
    return text.rsplit(": ", 1)[-1] if text.startswith("<") or "object at 0x" in text else text
