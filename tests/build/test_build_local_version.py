"""A wheel under a local version that names what it was compiled for."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import subprocess
import sys
import zipfile

import pytest
from packaging.version import Version

from envfit.build.local_version import local_version, with_local_version
from envfit.errors import CrippledBuildError
from tests.loopback import make_wheel

LOCAL = "cu130torch211sm90"


@pytest.mark.parametrize(
    ("cuda", "torch", "codes", "text"),
    [
        ("13.0", "2.11.0", ["90"], "cu130torch211sm90"),
        ("12.8", "2.8.0+cu128", ["80", "90a"], "cu128torch28sm80sm90a"),
        ("13.0", None, ["120"], "cu130sm120"),
        (None, None, ["80"], "sm80"),
    ],
)
def test_it_names_cuda_torch_and_architectures(cuda, torch, codes, text):
    found = local_version(
        cuda=Version(cuda) if cuda else None, torch=Version(torch) if torch else None, codes=codes
    )
    assert found == text
    assert Version(f"1+{found}").local == text


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "fast_kernels-1.0.post2-cp312-cp312-linux_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        info = "fast_kernels-1.0.post2.dist-info"
        entry = zipfile.ZipInfo("fast_kernels-1.0.post2.data/scripts/run")
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, "#!python\n")
        archive.writestr("fast/k.so", b"code")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: fast-kernels\nVersion: 1.0.post2\n\nVersion: 9\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp312-cp312-linux_x86_64\n")
        archive.writestr(f"{info}/RECORD.jws", "signature")
        archive.writestr(f"{info}/RECORD", "fast/k.so,sha256=old,4\n")
    return path


def test_file_name_folders_metadata_and_record_say_it(wheel):
    named = with_local_version(wheel, LOCAL)
    assert named.name == f"fast_kernels-1.0.post2+{LOCAL}-cp312-cp312-linux_x86_64.whl"
    with zipfile.ZipFile(named) as archive:
        info = f"fast_kernels-1.0.post2+{LOCAL}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        assert (
            metadata
            == f"Metadata-Version: 2.1\nName: fast-kernels\nVersion: 1.0.post2+{LOCAL}\n\nVersion: 9\n"
        )
        script = archive.getinfo(f"fast_kernels-1.0.post2+{LOCAL}.data/scripts/run")
        assert script.external_attr >> 16 == 0o100755
        rows = list(csv.reader(io.StringIO(archive.read(f"{info}/RECORD").decode())))
        assert {row[0] for row in rows} == set(archive.namelist())
        assert rows[-1] == [f"{info}/RECORD", "", ""]
        for name, digest, size in rows[:-1]:
            body = archive.read(name)
            assert digest == "sha256=" + base64.urlsafe_b64encode(
                hashlib.sha256(body).digest()
            ).decode().rstrip("=")
            assert int(size) == len(body)


def test_the_same_wheel_gives_the_same_bytes(wheel):
    once = with_local_version(wheel, LOCAL).read_bytes()
    assert with_local_version(wheel, LOCAL).read_bytes() == once


def test_what_has_it_already_stays(wheel):
    named = with_local_version(wheel, LOCAL)
    assert with_local_version(named, LOCAL) == named
    assert with_local_version(wheel, "") == wheel


def test_another_local_version_is_replaced(wheel):
    named = with_local_version(with_local_version(wheel, "cu130torch2.11"), LOCAL)
    assert named.name.startswith(f"fast_kernels-1.0.post2+{LOCAL}-")


def test_pip_installs_it(tmp_path):
    made = make_wheel(tmp_path, "fast-kernels", "1.0")
    named = with_local_version(made, "sm90")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-index",
            "--no-deps",
            "--target",
            tmp_path / "there",
            named,
        ],
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "there" / "fast_kernels-1.0+sm90.dist-info").is_dir()


def test_what_is_no_wheel(tmp_path):
    path = tmp_path / "fast_kernels-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nothing", "")
    with pytest.raises(CrippledBuildError, match="cannot be given its local version"):
        with_local_version(path, "sm90")
