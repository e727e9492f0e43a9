"""The names that packages are imported by, from their metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.installed.import_names import import_names
from tests.loopback import make_wheel


def unpacked(tmp_path: Path, name: str, files: dict[str, bytes]) -> Path:
    import zipfile

    with zipfile.ZipFile(make_wheel(tmp_path / "wheels", name, "1.0", files=files)) as wheel:
        wheel.extractall(tmp_path / "site")
    return tmp_path / "site"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"my_thing/__init__.py": b"", "tests/__init__.py": b"", "other.py": b""}, ("my_thing",)),
        ({"thing/__init__.py": b"", "tests/__init__.py": b"", "_c.abi3.so": b""}, ("thing",)),
        ({"_only.cpython-311-x86_64-linux-gnu.so": b""}, ("_only",)),
        ({"my-stubs/__init__.pyi": b""}, ()),
        ({"nvidia/lib/libfoo.so.12": b""}, ()),
        ({"__editable___my_thing_1_0_finder.py": b""}, ()),
        ({"my_thing-1.0.dist-info/top_level.txt": b"gone\nhere\n", "here/__init__.py": b""}, ("here",)),
        ({"my_thing-1.0.dist-info/top_level.txt": b"one\ntwo\n_three\n"}, ("one", "two")),
    ],
)
def test_import_names_are_read_from_the_installed_metadata(
    tmp_path: Path, files: dict[str, bytes], names: tuple[str, ...]
) -> None:
    assert import_names(unpacked(tmp_path, "My_Thing", files), "my-thing") == names


def test_a_package_that_is_not_installed_has_no_import_names(tmp_path: Path) -> None:
    assert import_names(tmp_path, "nothing") == ()
