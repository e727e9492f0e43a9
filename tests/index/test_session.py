"""What requests do when the outside fails, and that nothing secret leaks."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from envfit.errors import SourceError
from envfit.index.session import Session
from tests.loopback import Index, make_wheel


def test_absent_is_none_and_other_statuses_are_errors(index: Index, session: Session) -> None:
    assert session.get(f"{index.url}nothing/") is None
    index.statuses["/gone"] = 410
    assert session.get(f"{index.root}/gone") is None
    index.statuses["/forbidden"] = 403
    with pytest.raises(SourceError, match="answered 403"):
        session.get(f"{index.root}/forbidden")
    assert session.get(f"{index.root}/forbidden", absent={403}) is None


def test_a_failing_server_is_asked_again_a_few_times(index: Index, session: Session) -> None:
    index.statuses["/busy"] = 503
    with pytest.raises(SourceError, match="answered 503"):
        session.get(f"{index.root}/busy")
    assert len(index.requests_for("/busy")) == 3


def test_an_answer_that_breaks_off_is_asked_for_again(index: Index, session: Session) -> None:
    index.bodies["/page"] = ("text/plain", b"x" * 1000)
    index.break_off["/page"] = 1
    response = session.get(f"{index.root}/page")
    assert response is not None
    assert response.body == b"x" * 1000
    index.break_off["/page"] = 9
    with pytest.raises(SourceError, match="broke off"):
        session.get(f"{index.root}/page")


def test_counters(index: Index, session: Session) -> None:
    index.bodies["/page"] = ("text/plain", b"x" * 1000)
    session.get(f"{index.root}/page")
    assert (session.requests_made, session.bytes_received) == (1, 1000)


def test_nobody_listens(session: Session) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        SourceError, match=f"http://127.0.0.1:{port}/x could not be reached: .*refused"
    ) as caught:
        session.get(f"http://me:secret@127.0.0.1:{port}/x")
    assert "secret" not in str(caught.value)


def test_a_name_that_does_not_resolve(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceError, match="its host name does not resolve"):
        session.get("https://index.invalid/simple/x/")


def test_no_trusted_connection(index: Index, session: Session) -> None:
    with pytest.raises(SourceError, match="no trusted connection to https://127") as caught:
        session.get(index.url.replace("http:", "https:"))
    assert caught.value.hints


def test_a_server_that_does_not_answer(
    index: Index, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envfit.index.patient_http._READ_TIMEOUT", 0.1)
    index.delays["/slow"] = 1
    with pytest.raises(SourceError, match="/slow did not answer within"):
        session.get(f"{index.root}/slow")


def test_credentials_are_sent_to_their_origin_and_kept_out_of_answers(index: Index) -> None:
    index.credentials = ("me", "p@ss")
    index.bodies["/page"] = ("text/plain", b"x")
    with Session({}) as session:
        with pytest.raises(SourceError, match="answered 401"):
            session.get(f"{index.root}/page")
        public = session.authorize(index.root.replace("http://", "http://me:p%40ss@"))
        assert public == index.root
        response = session.get(f"{index.root}/page")
        assert response is not None
        assert response.url == f"{index.root}/page"


def test_offline_makes_no_request(index: Index) -> None:
    with Session({}, offline=True) as session, pytest.raises(SourceError, match="offline, and"):
        session.get(f"{index.root}/page")
    assert index.log == []


def test_files_of_this_machine(tmp_path: Path, session: Session) -> None:
    wheel = make_wheel(tmp_path, "demo", "1.0")
    response = session.get(wheel.as_uri())
    assert response is not None
    assert response.body == wheel.read_bytes()
    assert session.get((tmp_path / "none").as_uri()) is None
    assert session.requests_made == 0
