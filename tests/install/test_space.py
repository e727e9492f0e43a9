"""The room that an installation takes, weighed before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envfit.errors import SpaceError
from envfit.install import space as module
from envfit.install.space import RATIO, Space, require_room, size_text, space_for
from envfit.lock.reading import locked_packages
from tests.install.locks import entry, locked

GB = 10**9
LOCK = locked(
    entry("big-1.0-py3-none-any.whl", size=2 * GB),
    entry("small-1.0-py3-none-any.whl", size=400_000),
    entry("src-1.0.tar.gz", size=3 * GB),
)


def weigh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, free: int, cache: Path | None, **environ
) -> Space:
    found = os.statvfs_result((1, 1, free, free, free, 1, 1, 1, 0, 255))
    monkeypatch.setattr(module.os, "statvfs", lambda _: found)
    monkeypatch.setattr(module, "_cache_directory", lambda _: cache)
    return space_for(locked_packages(LOCK), tmp_path / "not" / "yet" / "env", environ)


def test_files_are_weighed_by_the_lock_and_unpacked_by_what_was_measured(tmp_path, monkeypatch) -> None:
    space = weigh(tmp_path, monkeypatch, free=100 * GB, cache=tmp_path / "uv")
    assert (space.files, space.unstated, space.download) == (3, 0, 5 * GB + 400_000)
    assert space.unpacked == round(space.download * RATIO)
    assert space.is_cold
    (room,) = space.rooms  # one file system, and uv links what is in its cache
    assert (room.path, room.about, room.at_least, room.free) == (tmp_path, space.unpacked, 2 * GB, 100 * GB)
    assert list(space.sentences()) == [
        "to download: 3 files, 5.0 GB",
        "unpacked: about 11.0 GB (2.2 times the wheels, as measured over 400)",
        f"the environment and uv's cache ({tmp_path}): about 11.0 GB needed, 100.0 GB free",
    ]
    require_room(space)


def test_what_surely_does_not_fit_is_refused(tmp_path, monkeypatch) -> None:
    with pytest.raises(SpaceError) as caught:
        require_room(weigh(tmp_path, monkeypatch, free=GB, cache=tmp_path / "uv"))
    assert caught.value.message == (
        f"there is no room for the environment and uv's cache: 2.0 GB at least, about 11.0 GB, "
        f"and {tmp_path} has 1.0 GB free"
    )


def test_what_may_not_fit_is_said_and_tried(tmp_path, monkeypatch) -> None:
    space = weigh(tmp_path, monkeypatch, free=3 * GB, cache=tmp_path / "uv")
    require_room(space)
    (warning,) = [sentence for sentence in space.sentences() if sentence.startswith("warning: ")]
    assert warning == (
        f"warning: the environment and uv's cache may not fit: the environment and uv's cache ({tmp_path}): "
        "about 11.0 GB needed, 3.0 GB free"
    )


def test_what_uvs_cache_may_have_already_is_not_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "uv" / "archive-v0" / "abc").mkdir(parents=True)
    space = weigh(tmp_path, monkeypatch, free=GB, cache=tmp_path / "uv")
    require_room(space)
    assert next(space.sentences()) == "to download: 3 files, 5.0 GB, where uv's cache has none of them"


def test_copies_need_their_room_whatever_is_cached(tmp_path, monkeypatch) -> None:
    (tmp_path / "uv" / "archive-v0" / "abc").mkdir(parents=True)
    space = weigh(tmp_path, monkeypatch, free=GB, cache=tmp_path / "uv", UV_LINK_MODE="copy")
    assert space.rooms[0].about == 2 * space.unpacked
    with pytest.raises(SpaceError):
        require_room(space)


def test_two_file_systems_are_two_rooms(tmp_path, monkeypatch) -> None:
    elsewhere = Path("/proc")
    space = weigh(tmp_path, monkeypatch, free=GB, cache=elsewhere)
    assert [(room.path, room.holds, room.at_least) for room in space.rooms] == [
        (tmp_path, "the environment", 2 * GB),
        (elsewhere, "uv's cache", 2 * GB),
    ]
    with pytest.raises(SpaceError, match="no room for the environment:"):
        require_room(space)


@pytest.mark.parametrize(
    ("size", "text"), [(900, "1 kB"), (1_500_000, "2 MB"), (999_000_000, "999 MB"), (2_340_000_000, "2.3 GB")]
)
def test_sizes_are_written_as_people_read_them(size: int, text: str) -> None:
    assert size_text(size) == text
