"""The worlds of the table of faults: an index that can be cut off, and environments to be replaced."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from envfit.interpreter import own_interpreter
from judges.faults_cell import COPY, Cell
from tests.loopback import Index, make_wheel

__all__ = ["SCENARIOS", "CutIndex", "World", "make_world"]

_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
_WITHOUT = " without exchange"
_PAYLOAD = 300_000  # bytes that do not compress: what a server can stop in the middle of

#: By name: what is at the prefix before, and what envfit is to do.
SCENARIOS: Mapping[str, str] = {
    "replace": "an environment of envfit's is replaced",
    "first": "there is nothing at the prefix yet",
    "adopt": "a directory that uv made is adopted",
    "keep none": "an environment of envfit's is replaced, and --keep 0 keeps no former one",
    "adopt without exchange": "a directory is adopted where the file system cannot exchange two names",
    "back": "a rollback to the former version",
    "back to adopted": "a rollback to a directory that was adopted",
    "back to adopted without exchange": "the same where the file system cannot exchange two names",
}


class CutIndex(Index):
    """An index whose files stop in the middle after somebody asks for ``/cut``, until ``/mend``."""

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> object:  # type: ignore[override]
        """Return what a request is answered."""
        wheels = [f"/files/{wheel.name}" for wheel in self.directory.glob("*.whl")]
        if path == "/cut":
            self.break_off.update(dict.fromkeys(wheels, 1_000))
        elif path == "/mend":
            self.break_off.clear()
        return super().answer(method, path, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Templates of each scenario, at one path, served by one index."""

    folder: Path
    index: Index

    @property
    def root(self) -> Path:
        """Where the file system of a cell is."""
        return self.folder / "root"

    def cell(
        self,
        scenario: str,
        fault: str,
        *,
        at: int = 0,
        after: float = 0,
        log: Path | None = None,
        mounts: bool,
    ) -> Cell:
        """Return a cell of a scenario."""
        prefix = ("--prefix", str(self.root / "env"))
        words: tuple[str, ...] = ("install", "pylock.new.toml", "--gpu", "none", *prefix)
        if scenario.startswith("back"):
            words = ("rollback", *prefix)
        elif scenario.startswith("adopt"):
            words += ("--adopt",)
        elif scenario == "keep none":
            words += ("--keep", "0")
        state = scenario.removesuffix(_WITHOUT)
        return Cell(
            scenario=scenario,
            template=str(self.folder / ("replace" if state == "keep none" else state)),
            root=str(self.root),
            words=words,
            without=("renameat2",) if state != scenario else (),
            fault=fault,
            at=at,
            after=after,
            index=self.index.root,
            log=str(log) if log is not None else "",
            mounts=mounts,
        )


def make_world(folder: Path, index: Index, scenarios: Collection[str] = tuple(SCENARIOS)) -> World:
    """Make the templates of scenarios in a folder, from wheels of an index that is served already."""
    world = World(folder=folder, index=index)
    payload = random.Random(0).randbytes(_PAYLOAD)  # noqa: S311 - a load, not a secret
    for version in ("1.0", "2.0"):
        files = {"app.py": f'__version__ = "{version}"\n'.encode(), "app_data.bin": payload}
        make_wheel(index.directory, "app", version, requires=["lib"], files=files)
    make_wheel(index.directory, "lib", "1.0")
    root = world.root
    root.mkdir(parents=True)
    for name, version in (("old", "1.0"), ("new", "2.0")):
        words = ("lock", f"app=={version}", "--gpu", "none", "--python", _MINOR, "-o", f"pylock.{name}.toml")
        _envfit(world, *words, "--index-url", index.url)
    _keep(world, "first")
    _install(world, "old")
    _keep(world, "replace")
    if "back" in scenarios:
        _install(world, "new")
        _keep(world, "back")
    _clear_environment(root)
    _uv(world, "venv", "--quiet", "--python", own_interpreter(_MINOR) or sys.executable, "env")
    _uv(world, "pip", "sync", "--quiet", "--preview-features", "pylock", "--python", "env", "pylock.old.toml")
    hello = root / "env" / "bin" / "hello"
    hello.write_text(f"#!{root}/env/bin/python\nimport app, lib\nprint(app.__version__)\n", encoding="utf-8")
    hello.chmod(0o755)
    _keep(world, "adopt")
    if "back to adopted" in scenarios:
        _install(world, "new", "--adopt")
        _keep(world, "back to adopted")
    shutil.rmtree(root)
    return world


def _keep(world: World, scenario: str) -> None:
    subprocess.run([COPY, "-a", str(world.root), str(world.folder / scenario)], check=True)


def _clear_environment(root: Path) -> None:
    (root / "env").unlink()
    shutil.rmtree(root / ".env.envfit")
    shutil.rmtree(root / "uv")


def _install(world: World, lock: str, *words: str) -> None:
    _envfit(world, "install", f"pylock.{lock}.toml", "--gpu", "none", "--prefix", "env", *words)


def _envfit(world: World, *words: str) -> None:
    _run(world, [sys.executable, "-m", "envfit", *words])


def _uv(world: World, *words: str) -> None:
    _run(world, [uv.find_uv_bin(), *words])


def _run(world: World, words: list[str]) -> None:
    environ = {
        **os.environ,
        "UV_CACHE_DIR": str(world.root / "uv"),
        "XDG_CACHE_HOME": str(world.root / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    subprocess.run(words, cwd=world.root, env=environ, check=True, capture_output=True)
