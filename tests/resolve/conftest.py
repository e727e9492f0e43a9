"""Both engines, for tests that must hold with either."""

from __future__ import annotations

from functools import partial

import pytest

from envfit.resolve import decide, explain
from envfit.resolve.solver import solve


@pytest.fixture(params=["first engine", "complete search"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test twice: as envfit does, and with the complete search alone."""
    if request.param == "complete search":
        for module in (decide, explain):
            monkeypatch.setattr(module, "solve", partial(solve, engine_rounds=0))
    return str(request.param)
