"""How servers are reached: proxies and certificates that pip's and uv's settings name.

What the environment says of proxies (``HTTPS_PROXY``, ``NO_PROXY``) needs no setting: every
program that envfit runs reads it by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envfit.frozen import frozen

__all__ = ["CERTIFICATES", "Connection"]

#: The first variable that is set names the TLS certificates to trust.
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE")


@frozen
class Connection:
    """Settings of pip and uv about connections; a proxy's address may hold credentials."""

    http_proxy: str | None = None  # for http: addresses, before what the environment names
    https_proxy: str | None = None
    certificates: str | None = None  # a file, or a directory of them; where no variable names one

    @property
    def proxies(self) -> Mapping[str, str]:
        """The proxies that settings name, by scheme."""
        stated = {"http": self.http_proxy, "https": self.https_proxy}
        return {scheme: proxy for scheme, proxy in stated.items() if proxy}

    def trusted(self, environ: Mapping[str, str]) -> str | None:
        """Return the certificates to trust, or None for those that come with the libraries."""
        return next((environ[name] for name in CERTIFICATES if environ.get(name)), self.certificates)

    def for_uv(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Return variables that tell uv the same: it reads neither pip's settings nor those of requests."""
        variables = {}
        for scheme, proxy in self.proxies.items():
            # Of both spellings either may count.
            variables[f"{scheme}_proxy"] = variables[f"{scheme}_proxy".upper()] = proxy
        trusted = self.trusted(environ)
        if trusted is not None and not environ.get("SSL_CERT_FILE") and not environ.get("SSL_CERT_DIR"):
            variables["SSL_CERT_DIR" if Path(trusted).is_dir() else "SSL_CERT_FILE"] = trusted
        return variables
