"""Proxies, certificates and credentials as pip and uv read them: each through a server on this machine."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_install import run
from tests.cli.wheel_world import HERE
from tests.index.keyring import make_keyring
from tests.loopback import Index, make_wheel

NONE = ("--gpu", "none")
FAR = "http://index.example/simple/"  # that only a proxy leads to


@pytest.fixture
def proxy(own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Index:
    """A stand-in: it answers for whatever host it is asked for."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    make_wheel(own_index.directory, "plain", "2.0", requires=["lib"])
    make_wheel(own_index.directory, "lib", "1.1")
    monkeypatch.setenv("PIP_INDEX_URL", FAR)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return own_index


def everything(envfit: CommandLine) -> str:
    """Lock, fill a wheelhouse and install; return all that was said."""
    said = [
        envfit("lock", "plain", *NONE, "--python", HERE),
        envfit("wheelhouse", "pylock.toml", "house"),
        envfit("install", *NONE, "--prefix", "env"),
    ]
    assert run(envfit.cwd / "env", "import plain, lib; print(plain.__version__)") == "2.0"
    return "".join(answer.out + answer.err for answer in said)


def everything_came_through(proxy: Index) -> None:
    files = [address for address in proxy.proxied if "/files/" in address and address.endswith(".whl")]
    assert all(address.startswith("http://index.example/") for address in proxy.proxied)
    assert len(proxy.proxied) == len(proxy.log)
    assert len(files) >= 4  # each by the wheelhouse and by uv


@pytest.mark.parametrize(
    "where", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "PIP_PROXY", "pip.conf", "uv.toml"]
)
def test_a_proxy(
    bare_envfit: CommandLine, proxy: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    config = tmp_path / "home" / ".config"
    if where == "pip.conf":
        (config / "pip").mkdir(parents=True)
        monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
        (config / "pip" / "pip.conf").write_text(f"[global]\nproxy = {proxy.root.removeprefix('http://')}\n")
    elif where == "uv.toml":
        (config / "uv").mkdir(parents=True)
        monkeypatch.delenv("UV_NO_CONFIG", raising=False)
        (config / "uv" / "uv.toml").write_text(f'http-proxy = "{proxy.root}"\n')
    else:
        monkeypatch.setenv(where, proxy.root)
    everything(bare_envfit)
    everything_came_through(proxy)


def test_a_proxy_of_pips_wants_a_password_and_shows_none(
    bare_envfit: CommandLine, proxy: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_PROXY", proxy.root.replace("//", "//me:s3cret@"))
    said = everything(bare_envfit)
    everything_came_through(proxy)
    assert {request.headers.get("proxy-authorization") for request in proxy.log} == {"Basic bWU6czNjcmV0"}
    assert "s3cret" not in said
    assert "s3cret" not in (bare_envfit.cwd / "env" / "pylock.toml").read_text()


def test_no_proxy(bare_envfit: CommandLine, proxy: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_INDEX_URL", proxy.url)
    everything(bare_envfit)
    assert proxy.proxied == []


@pytest.mark.parametrize(
    "where", ["pip.conf", "PIP_INDEX_URL", "uv.toml", "UV_DEFAULT_INDEX", "NETRC", "keyring", "uv's keyring"]
)
def test_credentials(
    bare_envfit: CommandLine, proxy: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    proxy.credentials = ("me", "s3cret")
    secret = proxy.url.replace("//", "//me:s3cret@")
    config = tmp_path / "home" / ".config"
    monkeypatch.delenv("PIP_INDEX_URL")
    if where == "pip.conf":
        (config / "pip").mkdir(parents=True)
        monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
        (config / "pip" / "pip.conf").write_text(f"[global]\nindex-url = {secret}\n")
    elif where == "uv.toml":
        (config / "uv").mkdir(parents=True)
        monkeypatch.delenv("UV_NO_CONFIG", raising=False)
        (config / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{secret}"\ndefault = true\n')
    elif where in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(where, secret)
    elif where == "NETRC":
        netrc = tmp_path / "elsewhere.netrc"
        netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("PIP_INDEX_URL", proxy.url)
    else:
        keyring = make_keyring(tmp_path / "bin", proxy.url, "me", "s3cret")
        monkeypatch.setenv("PATH", str(keyring.directory), prepend=":")
        if where == "keyring":
            monkeypatch.setenv("PIP_INDEX_URL", proxy.url.replace("//", "//me@"))
        else:
            monkeypatch.setenv("UV_KEYRING_PROVIDER", "subprocess")
            monkeypatch.setenv("PIP_INDEX_URL", proxy.url)
    said = everything(bare_envfit)
    assert "s3cret" not in said
    for name in ("env/pylock.toml", "house/pylock.toml", "pylock.toml"):
        assert "s3cret" not in (bare_envfit.cwd / name).read_text()


@pytest.fixture
def secure(proxy: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Index, Path]:
    """The index behind TLS, with a certificate that nobody trusts by himself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = proxy._server
    assert server is not None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", proxy.url.replace("http:", "https:"))
    return proxy, certificate


@pytest.mark.parametrize("where", ["REQUESTS_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "pip.conf"])
def test_certificates(
    bare_envfit: CommandLine,
    secure: tuple[Index, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    where: str,
) -> None:
    _, certificate = secure
    if where == "pip.conf":
        (tmp_path / "home" / ".config" / "pip").mkdir(parents=True)
        monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
        path = tmp_path / "home" / ".config" / "pip" / "pip.conf"
        path.write_text(f"[global]\ncert = {certificate}\n")
    else:
        monkeypatch.setenv(where, str(certificate))
    everything(bare_envfit)


def test_a_certificate_that_nobody_trusts_is_the_outside_failing(
    bare_envfit: CommandLine, secure: tuple[Index, Path]
) -> None:
    answer = bare_envfit("lock", "plain", *NONE, "--python", HERE, code=3)
    assert "no trusted connection to" in answer.err
