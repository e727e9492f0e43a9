"""The search of the dynamic loader, held against what the real one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envfit.binary.loader import Loader, expanded
from tests.installed.small_libraries import Disk, compiled, needs_compiler

pytestmark = needs_compiler
SYSTEM = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64"]


def loader(library_path: list[Path] | None = None) -> Loader:
    return Loader(Disk(), library_path=[str(item) for item in library_path or []], directories=SYSTEM)


def really_loaded(path: Path, library_path: list[Path] | None = None) -> list[str] | str:
    """Return what the real loader has mapped of the directory after opening a library, or its complaint."""
    program = (
        "import ctypes, sys\n"
        "try: ctypes.CDLL(sys.argv[1])\n"
        "except OSError as error: print(error)\n"
        "else:\n"
        "    with open('/proc/self/maps') as file:\n"
        "        found = {line.split()[-1] for line in file if len(line.split()) > 5}\n"
        "    print(*sorted(name for name in found if name.startswith(sys.argv[2])), sep='\\n')\n"
    )
    environ = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    if library_path:
        environ["LD_LIBRARY_PATH"] = ":".join(str(item) for item in library_path)
    root = str(path.parents[1])
    answer = subprocess.run(
        [sys.executable, "-I", "-c", program, str(path), root],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = answer.stdout.split("\n")[:-1]
    return lines[0] if lines and lines[0].startswith(("lib", "/")) and ": " in lines[0] else lines


def played(path: Path, library_path: list[Path] | None = None) -> list[str]:
    loading = loader(library_path).load(str(path))
    assert loading.missing == ()
    return sorted(os.path.realpath(item) for item in loading.loaded if item.startswith(str(path.parents[1])))


@pytest.mark.parametrize("kind", ["rpath", "runpath"])
def test_a_library_beside_is_found_by_origin(tmp_path: Path, kind: str) -> None:
    base = compiled(tmp_path / "lib" / "libbase.so.1", soname="libbase.so.1")
    top = compiled(tmp_path / "site" / "top.so", needs=[base], **{kind: "$ORIGIN/../lib"})  # type: ignore[arg-type]
    assert played(top) == really_loaded(top) == sorted([str(base), str(top)])


def test_an_old_path_is_handed_down_and_a_new_one_is_not(tmp_path: Path) -> None:
    deep = compiled(tmp_path / "lib" / "libdeep.so.1", soname="libdeep.so.1")
    middle = compiled(tmp_path / "lib" / "libmiddle.so.1", soname="libmiddle.so.1", needs=[deep])
    old = compiled(tmp_path / "site" / "old.so", needs=[middle], rpath="$ORIGIN/../lib")
    new = compiled(tmp_path / "site" / "new.so", needs=[middle], runpath="$ORIGIN/../lib")
    assert played(old) == really_loaded(old)
    (missing,) = loader().load(str(new)).missing
    assert (missing.name, missing.asked_by) == ("libdeep.so.1", str(middle))
    assert "libdeep.so.1: cannot open shared object file" in really_loaded(new)


def test_a_new_path_of_the_asking_library_shuts_out_what_is_handed_down(tmp_path: Path) -> None:
    deep = compiled(tmp_path / "lib" / "libdeep.so.1", soname="libdeep.so.1")
    middle = compiled(
        tmp_path / "lib" / "libmiddle.so.1", soname="libmiddle.so.1", needs=[deep], runpath="/nowhere"
    )
    top = compiled(tmp_path / "site" / "top.so", needs=[middle], rpath="$ORIGIN/../lib")
    assert [item.name for item in loader().load(str(top)).missing] == ["libdeep.so.1"]
    assert "libdeep.so.1" in really_loaded(top)


def test_the_environment_variable_comes_between_old_and_new(tmp_path: Path) -> None:
    own = compiled(tmp_path / "lib" / "libbase.so.1", soname="libbase.so.1")
    other = compiled(tmp_path / "other" / "libbase.so.1", soname="libbase.so.1", padding=9000)
    old = compiled(tmp_path / "site" / "old.so", needs=[own], rpath="$ORIGIN/../lib")
    new = compiled(tmp_path / "site" / "new.so", needs=[own], runpath="$ORIGIN/../lib")
    path = [tmp_path / "other"]
    assert played(old, path) == really_loaded(old, path) == sorted([str(own), str(old)])
    assert played(new, path) == really_loaded(new, path) == sorted([str(other), str(new)])
    link = loader(path).load(str(new)).links[0]
    assert (link.found, link.hidden) == (str(other), str(own))


def test_what_is_loaded_under_a_name_is_not_looked_for(tmp_path: Path) -> None:
    base = compiled(tmp_path / "hidden" / "libbase.so.1", soname="libbase.so.1")
    user = compiled(tmp_path / "lib" / "libuser.so.1", soname="libuser.so.1", needs=[base])
    top = compiled(
        tmp_path / "site" / "top.so", needs=[base, user], runpath="$ORIGIN/../lib:$ORIGIN/../hidden"
    )
    assert played(top) == really_loaded(top) == sorted([str(base), str(user), str(top)])


def test_a_link_is_opened_where_it_stands(tmp_path: Path) -> None:
    base = compiled(tmp_path / "lib" / "libbase.so.1", soname="libbase.so.1")
    top = compiled(tmp_path / "store" / "top.so", needs=[base], runpath="$ORIGIN/../../lib")
    link = tmp_path / "site" / "package" / "top.so"
    link.parent.mkdir(parents=True)
    link.symlink_to(top)
    assert loader().load(str(link)).missing == ()
    assert loader().load(str(top)).missing != ()
    assert "cannot open" not in str(really_loaded(link))
    assert "cannot open" in str(really_loaded(top))


def test_versions_that_the_loaded_library_lacks_are_told(tmp_path: Path) -> None:
    new = compiled(tmp_path / "new" / "libbase.so.1", soname="libbase.so.1", versions=["BASE_1", "BASE_2"])
    old = compiled(tmp_path / "lib" / "libbase.so.1", soname="libbase.so.1", versions=["BASE_1"])
    top = compiled(
        tmp_path / "site" / "top.so", needs=[new], runpath="$ORIGIN/../lib", uses=["f_BASE_1", "f_BASE_2"]
    )
    (gap,) = loader().load(str(top)).gaps
    assert (gap.asked_by, gap.library, gap.versions) == (str(top), str(old), ("BASE_2",))
    assert "version `BASE_2' not found" in really_loaded(top)


def test_a_library_for_another_machine_is_passed_over(tmp_path: Path) -> None:
    base = compiled(tmp_path / "lib" / "libbase.so.1", soname="libbase.so.1")
    top = compiled(tmp_path / "site" / "top.so", needs=[base], runpath="$ORIGIN/../first:$ORIGIN/../lib")
    content = bytearray(base.read_bytes())
    content[18] = 183 if content[18] == 62 else 62
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "libbase.so.1").write_bytes(content)
    assert loader().load(str(top)).links[0].found == str(base)


def test_the_programs_own_path_and_the_cache_count(tmp_path: Path) -> None:
    base = compiled(tmp_path / "lib" / "libbase.so.1", soname="libbase.so.1")
    top = compiled(tmp_path / "site" / "top.so", needs=[base])
    by_program = Loader(Disk(), program_rpath=[str(base.parent)], directories=SYSTEM)
    by_cache = Loader(Disk(), cache=[("libbase.so.1", str(base))], directories=SYSTEM)
    for each in (by_program, by_cache):
        assert each.load(str(top)).links[0].found == str(base)


def test_words_of_the_loader_that_are_not_known_are_left_out() -> None:
    directories = ["$ORIGIN/../a", "${ORIGIN}", "$LIB/x", "relative", "/b/$PLATFORM", "/c", "/c"]
    assert expanded(directories, "/env/p/x.so") == ("/env/a", "/env/p", "/c")
