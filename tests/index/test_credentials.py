"""Where user names and passwords come from, where they go, and where they do not."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.configuration import IndexConfiguration, configured_indexes
from envfit.index.credentials import Credentials, KeyringUse
from envfit.index.metadata import MetadataReader
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex
from envfit.index.source import PackageIndex
from tests.index.keyring import Keyring, make_keyring
from tests.loopback import Index, make_wheel

USER, PASSWORD = "me", "pass:w@rd"

WriteNetrc = Callable[[str, str], None]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteNetrc:
    """A function that writes a .netrc for 127.0.0.1."""
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))

    def write(user: str, password: str) -> None:
        path.write_text(f"machine 127.0.0.1 login {user} password {password}\n")
        path.chmod(0o600)

    return write


@pytest.fixture(autouse=True)
def _no_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "no-home"))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def private(index: Index) -> Index:
    """An index that wants credentials, with one wheel."""
    make_wheel(index.directory, "demo", "1.0", requires=["other"])
    index.credentials = (USER, PASSWORD)
    return index


def read(session: Session, cache: Cache, url: str) -> str:
    """Read a listing and the metadata of its file, and return all that is known."""
    listing = SimpleIndex(url, session=session, cache=cache).listing("demo")
    assert listing is not None
    return f"{listing}{MetadataReader(session, cache).read(listing.distributions[0])}"


def with_user(url: str, userinfo: str) -> str:
    return url.replace("http://", f"http://{userinfo}@")


# -- netrc --------------------------------------------------------------------


def test_netrc_is_read(private: Index, cache: Cache, netrc: WriteNetrc) -> None:
    netrc(USER, PASSWORD)
    with Session({}) as session:
        assert "other" in read(session, cache, private.url)


def test_without_credentials_the_error_says_where_they_go(private: Index, cache: Cache) -> None:
    with (
        Session({}) as session,
        pytest.raises(SourceError, match="it was asked without credentials") as caught,
    ):
        read(session, cache, private.url)
    assert "answered 401" in caught.value.message
    assert "~/.netrc: machine 127.0.0.1 login USER" in caught.value.hints[0]
    assert "keyring" in caught.value.hints[1]


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_are_not_shown(
    private: Index, cache: Cache, netrc: WriteNetrc, status: int
) -> None:
    netrc(USER, "wr0ng")
    if status == 403:
        private.credentials = (USER, "wr0ng")
        private.statuses["/simple/demo/"] = 403
    with Session({}) as session, pytest.raises(SourceError, match="were refused") as caught:
        read(session, cache, private.url)
    error = caught.value
    assert f"answered {status}" in error.message
    assert "wr0ng" not in f"{error}{error.details}{error.hints}"


def test_credentials_in_the_address_hold_before_netrc(
    private: Index, cache: Cache, netrc: WriteNetrc
) -> None:
    netrc(USER, "wr0ng")
    with Session({}) as session:
        assert "other" in read(session, cache, with_user(private.url, "me:pass%3Aw%40rd"))
    assert {request.status for request in private.log} == {200}


def test_a_user_in_the_address_finds_its_password_in_netrc(
    private: Index, cache: Cache, netrc: WriteNetrc
) -> None:
    netrc(USER, PASSWORD)
    with Session({}) as session:
        assert "other" in read(session, cache, with_user(private.url, USER))
    private.log.clear()
    with Session({}) as session, pytest.raises(SourceError, match="were refused"):
        read(session, Cache(cache.directory / "another"), with_user(private.url, "somebody"))


# -- keyring ------------------------------------------------------------------


@pytest.mark.parametrize("whole_address", [True, False])
def test_keyring_has_the_password_of_a_user_that_the_address_names(
    private: Index, cache: Cache, tmp_path: Path, whole_address: bool
) -> None:
    service = private.url if whole_address else private.root.removeprefix("http://")
    keyring = make_keyring(tmp_path / "bin", service, USER, PASSWORD)
    with Session(keyring.environ) as session:
        assert "other" in read(session, cache, with_user(private.url, USER))
        assert "other" in read(session, Cache(tmp_path / "another"), private.url)
    asked = [f"get {private.url} {USER}", f"get {private.root.removeprefix('http://')} {USER}"]
    assert keyring.questions == (asked[:1] if whole_address else asked)


def test_keyring_is_asked_once_by_however_many_threads(private: Index, tmp_path: Path) -> None:
    keyring = make_keyring(tmp_path / "bin", private.url, USER, PASSWORD)
    known = Credentials(keyring.environ)
    known.add(with_user(private.url, USER))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(known.of(f"{private.root}/files/x"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(USER, PASSWORD)] * 8
    assert len(keyring.questions) == 1


def test_keyring_is_not_asked_where_nothing_says_so(private: Index, cache: Cache, tmp_path: Path) -> None:
    keyring = make_keyring(tmp_path / "bin", private.url, USER, PASSWORD)
    with Session(keyring.environ) as session:
        with pytest.raises(SourceError, match="without credentials"):
            read(session, cache, private.url)
        assert "other" in read(session, cache, with_user(private.url, "me:pass%3Aw%40rd"))
    with (
        Session(keyring.environ, keyring=KeyringUse.NEVER) as session,
        pytest.raises(SourceError, match="were refused"),
    ):
        read(session, Cache(tmp_path / "another"), with_user(private.url, USER))
    assert keyring.questions == []


def test_where_pip_or_uv_always_uses_keyring_it_is_asked_after_a_refusal(
    private: Index, cache: Cache, tmp_path: Path
) -> None:
    keyring = make_keyring(tmp_path / "bin", private.url, USER, PASSWORD)
    with Session(keyring.environ, keyring=KeyringUse.ALWAYS) as session:
        assert "other" in read(session, cache, private.url)
        assert session.for_another_program(private.url) == with_user(private.url, "me:pass%3Aw%40rd")
    assert keyring.questions == [f"get {private.url} --mode creds"]
    assert [request.status for request in private.log][:2] == [401, 200]
    assert [request.status for request in private.log].count(401) == 1


def test_an_open_index_makes_nobody_ask_keyring(index: Index, cache: Cache, tmp_path: Path) -> None:
    make_wheel(index.directory, "demo", "1.0")
    keyring = make_keyring(tmp_path / "bin", index.url, USER, PASSWORD)
    with Session(keyring.environ, keyring=KeyringUse.ALWAYS) as session:
        read(session, cache, index.url)
    assert keyring.questions == []


def test_without_a_keyring_command_the_user_alone_is_sent(index: Index, cache: Cache, tmp_path: Path) -> None:
    make_wheel(index.directory, "demo", "1.0")
    index.credentials = ("token", "")
    with Session({"PATH": str(tmp_path)}) as session:
        assert "demo" in read(session, cache, with_user(index.url, "token"))


@pytest.mark.parametrize(
    ("environ", "use"),
    [
        ({}, KeyringUse.FOR_USERS),
        ({"PIP_KEYRING_PROVIDER": "subprocess"}, KeyringUse.ALWAYS),
        ({"PIP_KEYRING_PROVIDER": "import"}, KeyringUse.ALWAYS),
        ({"PIP_KEYRING_PROVIDER": "auto"}, KeyringUse.FOR_USERS),
        ({"UV_KEYRING_PROVIDER": "disabled", "PIP_KEYRING_PROVIDER": "subprocess"}, KeyringUse.NEVER),
        ({"UV_KEYRING_PROVIDER": "subprocess"}, KeyringUse.ALWAYS),
    ],
)
def test_what_pip_and_uv_say_of_keyring(environ: dict[str, str], use: KeyringUse, tmp_path: Path) -> None:
    assert configured(environ, tmp_path).keyring is use


def test_what_the_files_of_pip_and_uv_say_of_keyring(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nkeyring-provider = subprocess\n")
    assert configured({}, tmp_path).keyring is KeyringUse.ALWAYS
    (tmp_path / "uv.toml").write_text('keyring-provider = "disabled"\n')
    assert configured({}, tmp_path).keyring is KeyringUse.NEVER


def configured(environ: dict[str, str], directory: Path) -> IndexConfiguration:
    return configured_indexes(environ, home=directory / "home", cwd=directory, system=directory)


# -- where they go ------------------------------------------------------------


def test_of_two_indexes_on_one_host_each_has_its_own() -> None:
    known = Credentials({})
    known.add("https://a:1@host.example/one/simple/")
    known.add("https://b:2@host.example/two/simple/")
    known.add("https://host.example/three/simple/")
    assert known.of("https://host.example/one/simple/demo/") == ("a", "1")
    assert known.of("https://HOST.example/two/files/demo.whl") == ("b", "2")
    assert known.of("http://host.example/one/simple/demo/") is None
    assert known.of("https://host.example:8443/one/simple/demo/") is None


def test_credentials_do_not_follow_a_redirect_to_another_origin(
    private: Index, cache: Cache, tmp_path: Path
) -> None:
    with Index(tmp_path / "store", pages={}) as store, Session({}) as session:
        make_wheel(store.directory, "demo", "1.0", requires=["other"])
        private.redirects["/files/"] = f"{store.root}/files/"
        private.redirects["/simple/demo/"] = "/pages/demo/"
        private.pages["pages"] = private.directory
        assert "other" in read(session, cache, with_user(private.url, "me:pass%3Aw%40rd"))
        assert store.log
        assert not any("authorization" in request.headers for request in store.log)
    assert all("authorization" in request.headers for request in private.log)


def test_keyring_is_not_asked_for_a_server_that_a_redirect_led_to(
    index: Index, cache: Cache, tmp_path: Path
) -> None:
    keyring = make_keyring(tmp_path / "bin", index.url, USER, PASSWORD)
    with Index(tmp_path / "store", credentials=("a", "b")) as store:
        index.redirects["/simple/"] = f"{store.root}/login?signature=abc#"
        with (
            Session(keyring.environ, keyring=KeyringUse.ALWAYS) as session,
            pytest.raises(SourceError, match="answered 401") as caught,
        ):
            read(session, cache, index.url)
        assert caught.value.details["redirected to"] == f"{store.root}/login"
    assert keyring.questions == []


def test_no_password_is_kept_in_the_cache_or_in_what_is_read(
    private: Index, tmp_path: Path, netrc: WriteNetrc
) -> None:
    netrc(USER, PASSWORD)
    keyring: Keyring = make_keyring(tmp_path / "bin", private.url, USER, PASSWORD)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for number, url in enumerate(
        (private.url, with_user(private.url, USER), with_user(private.url, "me:pass%3Aw%40rd"))
    ):
        directory = tmp_path / f"cache-{number}"
        with PackageIndex(
            session=Session(keyring.environ),
            cache=Cache(directory),
            configuration=IndexConfiguration(default=url),
        ) as packages:
            (listing,) = packages.listing("demo")
            known = f"{listing}{packages.metadata(listing.distributions[0])}{packages.allowed('demo')}"
        files = [path for path in directory.rglob("*") if path.is_file()]
        assert len(files) == 3
        for secret in (PASSWORD, "pass%3Aw%40rd", token):
            assert secret not in known
            assert not any(secret.encode() in path.read_bytes() for path in files)
