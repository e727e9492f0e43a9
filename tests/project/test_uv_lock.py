"""``uv.lock``, read as what it locks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from envfit.distribution import Sdist, Wheel
from envfit.errors import InputError, LockError, ProjectError
from envfit.project.locked import LockedEntry, LockedFile
from envfit.project.toml_file import read_toml
from envfit.project.uv_lock import read_uv_lock
from envfit.reference import ReferenceKind

LOCKS = Path(__file__).parent / "locks"
HEAD = 'version = 1\nrequires-python = ">=3.10"\n'


def entry(found: LockedFile, name: str) -> LockedEntry:
    (one,) = [item for item in found.entries if item.name == name]
    return one


def read(folder: Path, text: str) -> LockedFile:
    path = folder / "uv.lock"
    path.write_text(HEAD + text, encoding="utf-8")
    return read_uv_lock(path)


def test_a_lock_that_uv_wrote() -> None:
    found = read_uv_lock(LOCKS / "torch-2.9.uv.lock")
    assert found.form == "uv.lock"
    assert str(found.requires_python) == "<3.13,>=3.10"
    assert found.project == "torch-29"
    assert [need.name for need in found.roots or ()] == ["torch-29"]
    torch = entry(found, "torch")
    assert torch.version == Version("2.9.1")
    (wheel,) = [
        file for file in torch.files if file.filename == "torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl"
    ]
    assert isinstance(wheel, Wheel)
    assert wheel.sha256 is not None
    assert len(wheel.sha256) == 64
    assert wheel.url == "https://files.example/torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert wheel.index == "https://index.example/simple"
    assert wheel.size is not None
    assert wheel.size > 100_000_000
    (cublas,) = [need for need in torch.needs if need.name == "nvidia-cublas-cu12"]
    assert str(cublas.marker) == 'platform_machine == "x86_64" and sys_platform == "linux"'
    assert isinstance(entry(found, "mpmath").files[-1], Sdist)


def test_extras_groups_and_several_versions_of_a_name() -> None:
    found = read_uv_lock(LOCKS / "extras.uv.lock")
    assert sorted(found.extras) == ["new", "old"]
    assert sorted(found.groups) == ["bench", "dev"]
    assert found.default_groups == {"dev"}
    assert [(need.name, need.version) for need in found.extras["old"]] == [("torch", Version("2.6.0"))]
    assert sorted(str(item.version) for item in found.entries if item.name == "torch") == ["2.10.0", "2.6.0"]
    old = next(item for item in found.entries if item.name == "torch" and str(item.version) == "2.6.0")
    (networkx,) = [need for need in old.needs if str(need.version) == "3.6.1"]
    # How uv says that an extra was asked for, as a set of them can be asked for.
    assert '"extra-6-extras-old" in extras' in str(networkx.marker)


@pytest.mark.parametrize(
    ("source", "kind", "url", "commit"),
    [
        (
            'git = "https://git.example/lib?rev=v1#0123456789012345678901234567890123456789"',
            ReferenceKind.GIT,
            "https://git.example/lib",
            "0123456789012345678901234567890123456789",
        ),
        ('editable = "libs/lib"', ReferenceKind.DIRECTORY, "libs/lib", None),
        ('directory = "libs/lib"', ReferenceKind.DIRECTORY, "libs/lib", None),
        ('path = "dist/lib-1.0.tar.gz"', ReferenceKind.ARCHIVE, "dist/lib-1.0.tar.gz", None),
    ],
)
def test_sources_besides_an_index(
    tmp_path: Path, source: str, kind: ReferenceKind, url: str, commit: str | None
) -> None:
    found = read(tmp_path, f'[[package]]\nname = "lib"\nversion = "1.0"\nsource = {{ {source} }}\n')
    reference = entry(found, "lib").reference
    assert reference is not None
    assert (reference.kind, reference.url, reference.commit) == (kind, url, commit)
    assert len(entry(found, "lib").files) == 1


def test_a_wheel_at_an_address_is_known_by_its_name(tmp_path: Path) -> None:
    url = "https://files.example/torch-2.6.0%2Bcu118-cp311-cp311-linux_x86_64.whl"
    found = read(
        tmp_path,
        f'[[package]]\nname = "torch"\nversion = "2.6.0+cu118"\nsource = {{ url = "{url}" }}\n'
        f'wheels = [{{ url = "{url}", hash = "sha256:{"a" * 64}" }}]\n',
    )
    (wheel,) = entry(found, "torch").files
    assert isinstance(wheel, Wheel)
    assert (str(wheel.version), wheel.sha256) == ("2.6.0+cu118", "a" * 64)


def test_the_groups_that_uv_installs_of_itself_are_the_projects(tmp_path: Path) -> None:
    text = (
        '[[package]]\nname = "own"\nversion = "1"\nsource = { virtual = "." }\n[package.dev-dependencies]\n'
        'dev = [{ name = "own" }]\ndocs = [{ name = "own" }]\n'
    )
    assert read(tmp_path, text).default_groups == {"dev"}
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\ndefault-groups = ["docs"]\n')
    found = read(tmp_path, text)
    assert found.default_groups == {"docs"}
    assert found.relock == ("-r", str(tmp_path / "pyproject.toml"))


def test_members_of_a_workspace_without_a_root_are_the_roots(tmp_path: Path) -> None:
    text = '[manifest]\nmembers = ["a", "b"]\n' + "".join(
        f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ editable = "{name}" }}\n' for name in "abc"
    )
    assert [need.name for need in read(tmp_path, text).roots or ()] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[package]]\nversion = "1"\n', "uv.lock package[0].name is missing"),
        ('[[package]]\nname = "a b"\n', "is 'a b', which is not the name of a package"),
        ('[[package]]\nname = "a"\nversion = "one"\n', "package[0].version is 'one', which is no version"),
        (
            '[[package]]\nname = "a"\ndependencies = [{ name = "b", marker = "os" }]\n',
            "package[0].dependencies[0].marker is 'os', which is no marker",
        ),
        (
            '[[package]]\nname = "a"\ndependencies = ["b"]\n',
            "package[0].dependencies[0] is a text, not a table",
        ),
        ('[[package]]\nname = "a"\nwheels = [{ url = "https://files.example/a.whl" }]\n', "a.whl"),
    ],
)
def test_what_is_malformed_is_named_by_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert said in raised.value.message


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as raised:
        read(tmp_path, '[[package]]\nname = "a"\nversion = "x"\n[[package]]\nversion = "1"\n')
    assert "2 faults" in raised.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 2\npackage = []\n", "is of version 2 of uv's format, and only 1 is known"),
        ("version = 1\n", "is no lock of uv"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "uv.lock"
    path.write_text(text)
    with pytest.raises(LockError, match=said):
        read_uv_lock(path)


_DOCUMENT = read_toml(LOCKS / "torch-2.15.uv.lock")
_VALUES = st.one_of(
    st.integers(), st.booleans(), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2), st.just({})
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _places(item, (*path, key))
    return found


_PLACES = _places(_DOCUMENT)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(_PLACES), value=_VALUES)
def test_whatever_is_changed_in_a_lock_is_read_or_refused(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    document: Any = copy.deepcopy(_DOCUMENT)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "uv.lock"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    try:
        found = read_uv_lock(path)
    except InputError as error:
        assert str(path) in error.message
    else:
        assert len(found.entries) <= len(_DOCUMENT["package"])  # type: ignore[arg-type]
