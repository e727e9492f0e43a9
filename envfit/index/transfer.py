"""One GET that is sent ahead of being asked for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from envfit.index.cache import decoded
from envfit.index.headers import Headers

__all__ = ["Transfer"]


@dataclass(slots=True, kw_only=True, eq=False)
class Transfer:
    """One GET on its way."""

    url: str
    headers: Mapping[str, str]
    credentials: tuple[str, str] | None = None
    done: bool = False
    status: int = 0  # 0 where the answer is not plain
    answer: Headers = field(default_factory=Headers)  # headers of the answer
    body: bytes = b""  # as it came, encoding and all

    @property
    def plain(self) -> bytes | None:
        """The body without its encoding; None where that is not known here, or the body is damaged."""
        encoding = self.answer.get("Content-Encoding", "")
        try:
            if encoding == "gzip":
                return decoded(self.body, encoding)
        except zlib.error:
            return None
        return self.body if encoding in ("", "identity") else None
