"""A recording made of wheels: what is served of it can be installed."""

from __future__ import annotations

import json
import urllib.request
import zipfile
from pathlib import Path

from benchmarks.served import Served
from benchmarks.wheelhouse import recorded_wheels
from tests.loopback import make_wheel


def test_wheels_are_served_whole_with_their_metadata(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", "demo", "1.0", requires=["other>=2"], requires_python=">=3.8")
    make_wheel(tmp_path / "wheels", "other", "2.0")
    recording = recorded_wheels("demo", tmp_path / "wheels")
    recording.save(tmp_path / "recording")
    assert sorted(recording.pages) == ["demo", "other"]
    with Served(str(tmp_path / "recording"), "--bandwidth", "400") as server:
        request = urllib.request.Request(
            f"{server.index}demo/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        )
        page = json.load(urllib.request.urlopen(request))
        (file,) = page["files"]
        assert file["requires-python"] == ">=3.8"
        assert urllib.request.urlopen(file["url"]).read() == wheel.read_bytes()
        with zipfile.ZipFile(wheel) as archive:
            metadata = archive.read("demo-1.0.dist-info/METADATA")
        assert urllib.request.urlopen(file["url"] + ".metadata").read() == metadata
        assert server.traffic().missed == ()
