"""Proxies, as the environment names them."""

from __future__ import annotations

import base64
import socket

import pytest

from envfit.errors import SourceError
from envfit.index.session import Session
from tests.loopback import Index

ADDRESS = "http://index.example/page"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy(index: Index) -> Index:
    """A server that answers whatever host is asked for, as a proxy does."""
    index.bodies["/page"] = ("text/plain", b"through the proxy")
    return index


def test_a_proxy_is_used(proxy: Index, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.root)
    response = session.get(ADDRESS)
    assert response is not None
    assert response.body == b"through the proxy"
    assert [request.headers["host"] for request in proxy.log] == ["index.example"]


def test_no_proxy_is_honoured(proxy: Index, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert session.get(f"{proxy.root}/page") is not None
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    with pytest.raises(SourceError, match="the proxy did not lead to"):
        session.get(f"{proxy.root}/page")


def test_a_proxy_is_given_its_own_credentials(
    proxy: Index, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.root.replace("http://", "http://me:secret@"))
    session.authorize("http://you:password@index.example/simple/")
    session.get(ADDRESS)
    (request,) = proxy.log

    def basic(text: str) -> str:
        return f"Basic {base64.b64encode(text.encode()).decode()}"

    assert request.headers["proxy-authorization"] == basic("me:secret")
    assert request.headers["authorization"] == basic("you:password")


def test_a_proxy_that_wants_credentials_is_named_as_such(
    proxy: Index, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.root)
    proxy.statuses["/page"] = 407
    with pytest.raises(SourceError, match="answered 407") as caught:
        session.get(ADDRESS)
    assert "HTTPS_PROXY=http://USER:PASSWORD@" in caught.value.hints[0]


def test_the_password_of_a_proxy_that_fails_is_not_shown(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, address in (("HTTP_PROXY", ADDRESS), ("HTTPS_PROXY", ADDRESS.replace("http:", "https:"))):
        monkeypatch.setenv(name, f"http://me:secret@127.0.0.1:{port}")
        with pytest.raises(
            SourceError, match=r"the proxy did not lead to https?://index\.example/page"
        ) as caught:
            session.get(address)
        assert "secret" not in f"{caught.value}{caught.value.details}{caught.value.hints}"
