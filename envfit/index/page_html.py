"""Project pages in HTML (PEP 503): anchors, and what their attributes say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from envfit.index.page import File, NotAPageError, Page, sha256_of

__all__ = ["parse_html"]

_DISTRIBUTION_SUFFIXES = (".whl", ".tar.gz", ".zip", ".egg", ".exe", ".tar.bz2", ".tgz", ".msi", ".rpm")


def parse_html(body: bytes, url: str) -> Page:
    """Return the links of a page that came from ``url``; raises NotAPageError where it is none."""
    parser = _PageParser(base=url)
    parser.feed(body.decode("utf-8", errors="replace"))
    parser.close()
    if not (parser.announced or any(file.filename.endswith(_DISTRIBUTION_SUFFIXES) for file in parser.files)):
        raise NotAPageError("it links to no distribution and does not call itself an index")
    status = parser.meta.get("pypi:project-status")
    return Page(
        files=tuple(parser.files),
        status=status if status != "active" else None,
        status_reason=parser.meta.get("pypi:project-status-reason"),
    )


@dataclass(eq=False)
class _PageParser(HTMLParser):
    """Collects the anchors of a PEP 503 page."""

    base: str
    files: list[File] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    announced: bool = False  # the page calls itself an index

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self._has_base = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and values.get("href") and not self._has_base:
            self.base = urljoin(self.base, values["href"])
            self._has_base = True
        elif tag == "meta" and "name" in values:
            self.meta[values["name"].lower()] = values.get("content", "")
            self.announced |= values["name"].lower() == "pypi:repository-version"
        elif tag == "a" and values.get("href"):
            self._add(values)

    def handle_data(self, data: str) -> None:
        self.announced |= data.strip().lower().startswith("links for ")

    def _add(self, anchor: Mapping[str, str]) -> None:
        url = urljoin(self.base, anchor["href"].strip())
        parts = urlsplit(url)
        algorithm, _, digest = parts.fragment.partition("=")
        sidecar = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
        self.files.append(
            File(
                filename=unquote(parts.path.rpartition("/")[2]),
                url=url,
                sha256=sha256_of(digest.partition("&")[0]) if algorithm == "sha256" else None,
                requires_python=anchor.get("data-requires-python"),
                yanked=anchor.get("data-yanked"),
                metadata_sha256=_sidecar_of_anchor(sidecar),
            )
        )


def _sidecar_of_anchor(value: str | None) -> str | None:
    if value is None or value.lower() == "false":
        return None
    algorithm, _, digest = value.partition("=")
    return (sha256_of(digest) or "") if algorithm == "sha256" else ""
