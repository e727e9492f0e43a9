"""The libraries of an environment as they are read: whose they are, and what they load."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from envfit.installed.libraries import read_libraries
from envfit.installed.loader_cache import read_loader_cache
from envfit.installed.model import PrefixKind
from tests.installed.small_libraries import compiled, distribution, environment, needs_compiler


@needs_compiler
def test_each_library_has_an_owner_a_place_and_what_it_loads(tmp_path: Path) -> None:
    site = tmp_path / "site"
    base = compiled(site / "thing.libs" / "libbase-1234.so.1", soname="libbase-1234.so.1")
    top = compiled(site / "thing" / "_c.so", needs=[base], rpath="$ORIGIN/../thing.libs")
    stray = compiled(site / "stray.so")
    (site / "thing" / "notes.so.txt").write_text("no library")
    thing = distribution(site, "thing", files=[base, top])
    read = read_libraries(environment(tmp_path, [thing]))
    assert [(item.place, item.owner) for item in read.libraries] == [
        ("stray.so", None),
        ("thing.libs/libbase-1234.so.1", "thing"),
        ("thing/_c.so", "thing"),
    ]
    library = read.libraries[2]
    assert library.size == top.stat().st_size
    assert library.loading.links[0].found == str(base)
    assert library.answers_to == {"_c.so"}
    assert stray.exists()
    # The C library is not the environment's, and its size is told for comparisons.
    assert any("libc.so.6" in path and size > 0 for path, size in read.sizes)


@needs_compiler
def test_a_conda_prefix_has_libraries_of_its_own(tmp_path: Path) -> None:
    base = compiled(tmp_path / "lib" / "libbase.so.1.2", soname="libbase.so.1")
    (tmp_path / "lib" / "libbase.so.1").symlink_to(base.name)
    module = compiled(tmp_path / "site" / "module.so", needs=[tmp_path / "lib" / "libbase.so.1"])
    python = compiled(tmp_path / "bin" / "python", rpath="$ORIGIN/../lib")
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "base-1.2-0.json").write_text(
        json.dumps({"name": "base", "version": "1.2", "files": ["lib/libbase.so.1.2", "lib/libbase.so.1"]})
    )
    (tmp_path / "conda-meta" / "broken.json").write_text("{")
    read = read_libraries(environment(tmp_path, [], kind=PrefixKind.CONDA, python=python))
    assert [(item.place, item.owner) for item in read.libraries] == [
        ("lib/libbase.so.1.2", "base"),
        ("module.so", None),
    ]
    # Found by the program's own path: the module has none.
    assert read.libraries[1].path == str(module)
    assert read.libraries[1].loading.missing == ()
    other = environment(tmp_path, [], kind=PrefixKind.VENV, python=tmp_path / "nothing")
    (module_alone,) = read_libraries(other).libraries
    assert [link.name for link in module_alone.loading.missing] == ["libbase.so.1"]


def test_the_loaders_cache_is_read_behind_an_older_table(tmp_path: Path) -> None:
    strings = b"liba.so.1\0/x/liba.so.1\0"
    head, entry = 48, 24
    start = head + entry
    new = struct.pack("<20sII20x", b"glibc-ld.so.cache1.1", 1, len(strings))
    new += struct.pack("<iIIIQ", 0x303, start, start + 10, 0, 0) + strings
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 0)
    path = tmp_path / "ld.so.cache"
    for content in (new, old + new):
        path.write_bytes(content)
        assert read_loader_cache(path) == (("liba.so.1", "/x/liba.so.1"),)
    path.write_bytes(new[:60])
    assert read_loader_cache(path) == ()
    assert read_loader_cache(tmp_path / "nothing") == ()
