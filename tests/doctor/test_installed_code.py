"""GPU code of what is really installed: read in its libraries, kept, and held against the target."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envfit.api import TargetRequest, check_prefix
from envfit.api import installed_code as reading
from envfit.doctor.finding import Stage
from envfit.doctor.report import Report
from tests.binary.fat_binaries import entry, fatbin, library
from tests.installed.prefixes import put, site, venv

NAME = "causal_conv1d_cuda.cpython-311-x86_64-linux-gnu.so"


def compiled(architecture: str, size: int = 200_000) -> bytes:
    code = fatbin(entry(2, architecture, b"\1" * size))
    return library([(".nv_fatbin", code)])


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    path = venv(tmp_path / "env")
    files = {"causal_conv1d/__init__.py": b"", NAME: compiled("90")}
    put(site(path), "causal-conv1d", "1.6.1", files=files, tags="cp311-cp311-linux_x86_64")
    return path


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """Return a prefix with an extension of a site's own, which nobody described."""
    path = venv(tmp_path / "unknown")
    files = {"site_kernels/__init__.py": b"", "site_kernels_cuda.so": compiled("80", 2_000)}
    put(site(path), "site-kernels", "1.0", requires=["torch"], files=files, tags="cp311-cp311-linux_x86_64")
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "ENVFIT_CACHE_DIR": str(tmp_path / "cache"), "PATH": "/usr/bin"}


def check(prefix: Path, environ: dict[str, str], gpu: str, *, quick: bool = False) -> Report:
    stages = frozenset({Stage.FILES, Stage.KNOWLEDGE})
    return check_prefix(
        prefix, target=TargetRequest(gpus=(gpu,)), environ=environ, quick=quick, stages=stages
    )


def found(report: Report, name: str = "causal-conv1d") -> list[tuple[str, str | None]]:
    return [
        (finding.kind.code, finding.because.rule if finding.because else None)
        for finding in report.findings
        if name in " ".join(finding.subject)
    ]


def test_a_library_that_was_compiled_for_another_gpu(prefix, environ):
    assert found(check(prefix, environ, "H100")) == []
    report = check(prefix, environ, "A100")
    assert found(report) == [("cannot-work", "causal-conv1d/device-code")]
    assert f"The GPU code of its {NAME} is for capability 9.0; none runs on 8.0." in report.findings[0].text


def test_a_quick_check_reads_nothing_and_knows_what_was_read_before(prefix, environ):
    assert found(check(prefix, environ, "A100", quick=True)) == [("code-unread", None)]
    check(prefix, environ, "A100")
    assert found(check(prefix, environ, "A100", quick=True)) == [("cannot-work", "causal-conv1d/device-code")]


def test_a_library_that_changed_is_read_anew(prefix, environ):
    check(prefix, environ, "A100")
    place = site(prefix) / NAME
    place.write_bytes(compiled("80"))
    os.utime(place, (1, 1))
    rules = found(check(prefix, environ, "A100"))
    assert ("cannot-work", "causal-conv1d/device-code") not in rules
    assert rules == [("altered-files", None)]


def test_beyond_the_limit_it_stays_open(prefix, environ, monkeypatch):
    monkeypatch.setattr(reading, "READ_LIMIT", 1000)
    assert found(check(prefix, environ, "A100")) == [("code-unread", None)]


def of_unknown(report: Report, name: str = "site-kernels") -> list[tuple[str, str | None]]:
    return [each for each in found(report, name) if each[1] and each[1].endswith("/device-code")]


def test_an_unknown_package_that_requires_torch_is_read_and_doubted(unknown, environ):
    assert of_unknown(check(unknown, environ, "A100")) == []
    report = check(unknown, environ, "H200")
    assert of_unknown(report) == [("works-badly", "site-kernels/device-code")]
    text = next(finding.text for finding in report.findings if finding.kind.code == "works-badly")
    assert "No library in its wheel has GPU code that runs on 9.0" in text


def test_an_unknown_package_by_its_local_version(tmp_path, environ):
    path = venv(tmp_path / "env")
    for name, version in {"torch-cuda": "1.0+cu130torch211sm80", "plain": "1.0+sm80"}.items():
        files = {f"{name.replace('-', '_')}.so": compiled("80")}
        put(site(path), name, version, files=files, tags="cp311-cp311-linux_x86_64")
    report = check(path, environ, "H200")
    assert of_unknown(report, "torch-cuda") == [("works-badly", "torch-cuda/device-code")]
    assert of_unknown(report, "plain") == []


def test_an_extra_that_brings_torch_makes_no_extension(tmp_path, environ):
    path = venv(tmp_path / "env")
    put(site(path), "plain", extras={"torch": ["torch"]}, files={"plain.so": compiled("80")})
    assert of_unknown(check(path, environ, "H200"), "plain") == []


def test_a_quick_check_reads_nothing_of_unknown_packages(unknown, environ):
    quick = found(check(unknown, environ, "H200", quick=True), "site-kernels")
    assert ("code-unread", None) not in quick
    assert not any(rule and rule.endswith("/device-code") for _, rule in quick)
