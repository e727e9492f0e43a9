"""Files against what RECORD says of them."""

from __future__ import annotations

import json

from envfit.installed.contents import Contents, read_contents
from envfit.installed.read import read_environment
from tests.installed.prefixes import conda, put, site, venv

PACKAGE = {"demo/__init__.py": b"", "demo/core.py": b"value = 1\n", "demo/data.bin": b"\0" * 100}


def contents(prefix, *, quick=False, **environ) -> Contents:
    return read_contents(read_environment(prefix, environ), quick=quick)


def test_an_untouched_package_has_nothing_missing_and_nothing_altered(tmp_path):
    prefix = venv(tmp_path / "env")
    put(site(prefix), "demo", files=PACKAGE)
    (owned,) = contents(prefix).owned
    assert (owned.missing, owned.altered) == ((), ())
    assert {"demo/core.py", "demo-1.0.dist-info/METADATA"} <= {file.path for file in owned.files}


def test_missing_and_altered_files_by_size_and_by_hash(tmp_path):
    prefix = venv(tmp_path / "env")
    put(site(prefix), "demo", files=PACKAGE)
    (site(prefix) / "demo" / "__init__.py").unlink()
    (site(prefix) / "demo" / "core.py").write_text("value = 2\n")
    (site(prefix) / "demo" / "data.bin").write_bytes(b"\0")
    (owned,) = contents(prefix).owned
    assert owned.missing == ("demo/__init__.py",)
    assert owned.altered == ("demo/core.py", "demo/data.bin")


def test_quick_looks_only_whether_files_are_there(tmp_path):
    prefix = venv(tmp_path / "env")
    put(site(prefix), "demo", files=PACKAGE)
    (site(prefix) / "demo" / "core.py").unlink()
    (site(prefix) / "demo" / "data.bin").write_bytes(b"\0")
    found = contents(prefix, quick=True)
    assert not found.hashed
    assert (found.owned[0].missing, found.owned[0].altered) == (("demo/core.py",), ())


def test_byte_code_and_scripts_outside_of_the_site_directory(tmp_path):
    prefix = venv(tmp_path / "env")
    folder = put(site(prefix), "demo", files=PACKAGE)
    with (folder / "RECORD").open("a") as record:
        record.write("demo/__pycache__/core.cpython-311.pyc,,\n../../../bin/demo,,\n../../../bin/gone,,\n")
    (prefix / "bin" / "demo").touch()
    assert contents(prefix).owned[0].missing == ("../../../bin/gone",)


def test_a_directory_of_nobodys_with_byte_code_alone(tmp_path):
    prefix = venv(tmp_path / "env")
    place = site(prefix)
    put(place, "demo", files=PACKAGE)
    for name in ("old/__pycache__", "old/deep/__pycache__", "by_hand", "demo/__pycache__", "__pycache__"):
        (place / name).mkdir(parents=True)
    (place / "old/__pycache__/x.cpython-311.pyc").touch()
    (place / "by_hand/code.py").touch()
    (place / "not-a-name").mkdir()
    assert contents(prefix).hollow == (place / "old",)


def test_a_module_on_pythonpath_hides_that_of_the_environment(tmp_path):
    prefix = venv(tmp_path / "env")
    put(site(prefix), "demo", files=PACKAGE)
    checkout = tmp_path / "checkout"
    (checkout / "demo").mkdir(parents=True)
    (checkout / "demo" / "__init__.py").touch()
    (shadow,) = contents(prefix, PYTHONPATH=str(checkout)).shadows
    assert (shadow.name, shadow.path, shadow.distribution.name) == (
        "demo",
        checkout / "demo/__init__.py",
        "demo",
    )
    assert contents(prefix).shadows == ()


def test_an_editable_project_that_is_gone(tmp_path):
    prefix = venv(tmp_path / "env")
    for name in ("gone", "there"):
        folder = put(site(prefix), name)
        url = (tmp_path / name).as_uri()
        (folder / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))
    (tmp_path / "there").mkdir()
    assert [item.name for item in contents(prefix).gone] == ["gone"]


def test_what_conda_writes_into_files_and_its_own_scripts_are_no_alteration(tmp_path):
    prefix = conda(tmp_path / "kept")
    folder = put(site(prefix), "demo", files=PACKAGE, installer="conda")
    put(site(prefix), "other", files={"other/__init__.py": b"1"}, installer="pip")
    with (folder / "RECORD").open("a") as record:
        record.write("../../../bin/demo,,\n")
    (site(prefix) / "demo/core.py").write_text(f"prefix = {str(prefix)!r}\n")
    (site(prefix) / "demo/data.bin").unlink()
    (site(prefix) / "other/__init__.py").write_bytes(b"2")
    demo, other = contents(prefix).owned
    assert (demo.missing, demo.altered) == (("demo/data.bin",), ())
    assert other.altered == ("other/__init__.py",)
