"""Project pages in JSON (PEP 691, 700), decoded in one pass: a page may list ten thousand files."""

from __future__ import annotations

import msgspec

from envfit.index.page import sha256_of

__all__ = ["JsonPage", "decode_page"]


class _Hashes(msgspec.Struct, frozen=True, gc=False):
    sha256: str | None = None


class JsonFile(msgspec.Struct, frozen=True, gc=False, rename="kebab"):
    """One file; what is not asked of it is not looked at."""

    filename: str
    url: str
    size: int | None = None
    upload_time: str | None = None
    requires_python: str | None = None
    hashes: _Hashes = _Hashes()
    yanked_: bool | str = msgspec.field(default=False, name="yanked")
    core_metadata: bool | _Hashes | None = None
    dist_info_metadata: bool | _Hashes | None = None

    @property
    def sha256(self) -> str | None:
        """Its hash, where it is stated."""
        return sha256_of(self.hashes.sha256)

    @property
    def yanked(self) -> str | None:
        """Why it was withdrawn: a boolean or a reason that is not empty (PEP 691)."""
        return (self.yanked_ if isinstance(self.yanked_, str) else "") if self.yanked_ else None

    @property
    def metadata_sha256(self) -> str | None:
        """The hash of the metadata beside it; empty where none is stated, None where there is none."""
        beside = self.core_metadata if self.core_metadata is not None else self.dist_info_metadata
        if isinstance(beside, _Hashes):
            return sha256_of(beside.sha256) or ""
        return "" if beside else None


class _Meta(msgspec.Struct, frozen=True, rename="kebab"):
    api_version: str = ""


class _Status(msgspec.Struct, frozen=True):
    status: str | None = None
    reason: str | None = None


class JsonPage(msgspec.Struct, frozen=True, rename="kebab"):
    """One page."""

    files: list[JsonFile]
    meta: _Meta = _Meta()
    project_status: _Status = _Status()


_DECODER = msgspec.json.Decoder(JsonPage)


def decode_page(body: bytes) -> JsonPage | None:
    """Return a page, or None where anything in it has another form than the specifications say."""
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError:
        return None
