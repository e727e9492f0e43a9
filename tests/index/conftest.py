"""An index on this machine, an empty cache, and a session, for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from envfit.index.cache import Cache
from envfit.index.session import Session
from tests.loopback import Index


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index") as served:
        yield served


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def session() -> Iterator[Session]:
    with Session({}) as opened:
        yield opened
