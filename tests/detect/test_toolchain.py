"""nvcc and the host compiler, played by shell scripts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from envfit.detect import toolchain
from envfit.detect.toolchain import read_toolchain_facts
from envfit.target import Fact, FactState

NVCC_ANSWER = """\
nvcc: NVIDIA (R) Cuda compiler driver
Cuda compilation tools, release 12.8, V12.8.93
Build cuda_12.8.r12.8/compiler.35583870_0
"""


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def nvcc(path: Path, answer: str = NVCC_ANSWER) -> Path:
    return script(path, f"/bin/cat <<'END'\n{answer}END")


def compiler(path: Path, version: str, banner: str = "g++ (GCC)") -> Path:
    return script(path, f'case "$*" in *--version) echo "{banner} {version}";; *) echo {version};; esac')


def facts(root: Path, **environ: str) -> dict[str, Fact]:
    return {fact.name: fact for fact in read_toolchain_facts(root, environ)}


@pytest.mark.parametrize("variable", ["CUDA_HOME", "CUDA_PATH"])
def test_nvcc_of_the_toolkit_that_a_variable_names(variable: str, tmp_path: Path) -> None:
    nvcc(tmp_path / "toolkit/bin/nvcc")
    nvcc(tmp_path / "path/nvcc", "release 11.8, V11.8.89\n")
    fact = facts(tmp_path, PATH=str(tmp_path / "path"), **{variable: str(tmp_path / "toolkit")})["__nvcc"]
    assert (fact.value, fact.source) == ("12.8.93", str(tmp_path / "toolkit/bin/nvcc"))


def test_nvcc_on_path_before_the_default_place(tmp_path: Path) -> None:
    nvcc(tmp_path / "usr/local/cuda/bin/nvcc", "release 11.8, V11.8.89\n")
    assert facts(tmp_path)["__nvcc"].value == "11.8.89"
    nvcc(tmp_path / "path/nvcc")
    assert facts(tmp_path, PATH=str(tmp_path / "path"))["__nvcc"].value == "12.8.93"


def test_nothing_is_absent_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    for name, place in (("__nvcc", "/usr/local/cuda/bin"), ("__gxx", "g++ or gcc on PATH")):
        fact = facts(tmp_path)[name]
        assert fact.state is FactState.ABSENT
        assert place in fact.source


@pytest.mark.parametrize("body", ["exit 1", "echo hello", "kill -9 $$"])
def test_nvcc_that_does_not_say_is_unknown(body: str, tmp_path: Path) -> None:
    script(tmp_path / "nvcc", body)
    fact = facts(tmp_path, PATH=str(tmp_path))["__nvcc"]
    assert fact.state is FactState.UNKNOWN
    assert "nvcc --version" in fact.source


def test_a_file_that_is_no_program_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "nvcc").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "nvcc").chmod(0o755)
    fact = facts(tmp_path, PATH=str(tmp_path))["__nvcc"]
    assert fact.state is FactState.UNKNOWN
    assert "cannot be run" in fact.source


def test_a_tool_that_hangs_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "_TIME_LIMIT", 0.5)
    # A child of the tool's own keeps the pipe open, as a compiler behind a wrapper does.
    script(tmp_path / "nvcc", f"/bin/sleep 60 & echo $! > {tmp_path}/child; wait")
    begin = time.monotonic()
    fact = facts(tmp_path, PATH=str(tmp_path))["__nvcc"]
    assert time.monotonic() - begin < 10
    assert fact.state is FactState.UNKNOWN
    assert "did not answer within 0.5 s" in fact.source
    assert has_ended(int((tmp_path / "child").read_text(encoding="utf-8")))


def has_ended(process: int) -> bool:
    """Tell whether a process is gone, or dead and not yet collected, within a second."""
    for _ in range(100):
        try:
            status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            return True
        if "\nState:\tZ" in status:
            return True
        time.sleep(0.01)
    return False


def test_host_compiler_order(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    for name, version in (("gcc", "9.5.0"), ("g++", "10.1.0")):
        compiler(tmp_path / name, version)
        assert facts(tmp_path, **environ)["__gxx"].value == version
    for variable, version in (("CC", "11.4.0"), ("CXX", "12.2.0"), ("CUDAHOSTCXX", "13.3.0")):
        environ[variable] = str(compiler(tmp_path / "opt" / variable, version))
        fact = facts(tmp_path, **environ)["__gxx"]
        assert fact.value == version
        assert f"${variable}" in fact.source


def test_a_compiler_behind_a_launcher(tmp_path: Path) -> None:
    compiler(tmp_path / "g++", "13.3.0")
    script(tmp_path / "ccache", 'exec "$@"')
    fact = facts(tmp_path, PATH=str(tmp_path), CXX="ccache g++ -m64")["__gxx"]
    assert (fact.value, fact.source) == ("13.3.0", "ccache g++ -m64 ($CXX)")


@pytest.mark.parametrize(
    ("value", "reason"),
    [("/no/such/g++", "is not there"), ("g++ 'unbalanced", "No closing quotation"), ("clang++", "is clang")],
)
def test_a_named_compiler_that_does_not_serve_is_unknown(value: str, reason: str, tmp_path: Path) -> None:
    compiler(tmp_path / "g++", "13.3.0")
    compiler(tmp_path / "clang++", "18.1.3", banner="Ubuntu clang version")
    fact = facts(tmp_path, PATH=str(tmp_path), CXX=value)["__gxx"]
    assert fact.state is FactState.UNKNOWN
    assert reason in fact.source
