"""What an import in a fresh process proves, and what it says when it fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envfit.prove.imports import Outcome, verify

Modules = Callable[..., Path]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import venv

    directory = tmp_path_factory.mktemp("venv")
    venv.create(directory, symlinks=True)
    return directory / "bin" / "python"


@pytest.fixture
def write(python: Path) -> Callable[[str, str], None]:
    site = (
        python.parent.parent / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    )

    def write(name: str, text: str) -> None:
        path = site / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return write


def test_what_imports_works_and_may_print(python: Path, write: Callable[[str, str], None]) -> None:
    write("chatty.py", "import os, sys\nprint('hello', flush=True)\nos.write(2, b'noise')\n")
    told: list[str] = []
    results = verify(python, ["chatty", "json", "chatty"], gpu=True, notify=told.append)
    assert [(result.name, result.outcome) for result in results] == [
        ("chatty", Outcome.WORKS),
        ("json", Outcome.WORKS),
    ]
    assert sorted(told) == ["chatty works", "json works"]


def test_the_root_of_the_chain_is_reported_with_its_place(
    python: Path, write: Callable[[str, str], None]
) -> None:
    write("deep/__init__.py", "")
    write("deep/inner.py", "x = 1\nraise OSError('libfoo.so.3: cannot open shared object file')\n")
    write(
        "wrapper.py",
        "try:\n    import deep.inner\nexcept OSError as error:\n    raise RuntimeError('see above') from error\n",
    )
    (result,) = verify(python, ["wrapper"], gpu=True)
    assert result.outcome is Outcome.FAILED
    assert result.error == "OSError: libfoo.so.3: cannot open shared object file"
    assert result.place == "deep/inner.py:2"
    assert result.raised_as == "RuntimeError: see above"
    assert result.failure is not None
    assert result.failure.chain == ("RuntimeError: see above", result.error)
    assert [file.rpartition("/site-packages/")[2] for file in result.failure.files] == [
        "wrapper.py",
        "deep/inner.py",
    ]


def test_an_exception_while_handling_another_is_followed_to_the_first(
    python: Path, write: Callable[[str, str], None]
) -> None:
    write("handling.py", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ImportError('no')\n")
    (result,) = verify(python, ["handling"], gpu=True)
    assert (result.error, result.place) == ("ZeroDivisionError: division by zero", "handling.py:2")


def test_what_was_raised_from_none_is_its_own_root(python: Path, write: Callable[[str, str], None]) -> None:
    write("alone.py", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ImportError('no') from None\n")
    (result,) = verify(python, ["alone"], gpu=True)
    assert (result.error, result.raised_as) == ("ImportError: no", "")


def test_a_missing_module_and_a_syntax_error_say_where(
    python: Path, write: Callable[[str, str], None]
) -> None:
    write("wants.py", "import nowhere_to_be_found\n")
    write("broken.py", "x = 1\ndef\n")
    wants, broken = verify(python, ["wants", "broken"], gpu=True)
    assert (wants.error, wants.place) == (
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        "wants.py:1",
    )
    assert broken.error.startswith("SyntaxError")
    assert broken.place == "broken.py:2"


@pytest.mark.parametrize("library", ["libcuda.so.1", "libnvidia-ml.so.1"])
def test_a_missing_driver_library_is_not_provable_without_a_gpu_only(
    python: Path, write: Callable[[str, str], None], library: str
) -> None:
    write(
        "driver.py",
        f"try:\n    raise OSError('{library}: cannot open shared object file: No such file')\n"
        "except OSError as error:\n    raise ImportError('no GPU support') from error\n",
    )
    assert verify(python, ["driver"], gpu=False)[0].outcome is Outcome.UNPROVABLE
    assert verify(python, ["driver"], gpu=True)[0].outcome is Outcome.FAILED


def test_a_missing_library_of_the_toolkit_is_a_failure_without_a_gpu_too(
    python: Path, write: Callable[[str, str], None]
) -> None:
    write("toolkit.py", "raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    assert verify(python, ["toolkit"], gpu=False)[0].outcome is Outcome.FAILED


def test_a_crash_an_exit_and_a_hang_are_failures(python: Path, write: Callable[[str, str], None]) -> None:
    write("crash.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    write("leave.py", "import os\nos.write(2, b'so long')\nos._exit(3)\n")
    write("quit.py", "raise SystemExit(4)\n")
    write("hang.py", "import time\ntime.sleep(60)\n")
    began = time.monotonic()
    crash, leave, exits, hang = verify(python, ["crash", "leave", "quit", "hang"], gpu=True, seconds=1.5)
    assert time.monotonic() - began < 30
    assert {item.outcome for item in (crash, leave, exits, hang)} == {Outcome.FAILED}
    assert (crash.error, crash.place.rpartition("/")[2]) == ("Crash: SIGSEGV", "crash.py:2")
    assert crash.failure is not None
    assert crash.failure.files[-1].endswith("crash.py")
    assert leave.error == "Exit: the process ended with status 3 so long"
    assert exits.error == "SystemExit: 4"
    assert hang.error == "Timeout: not done after 1.5 s"


def test_a_long_message_and_a_long_chain_do_not_block(
    python: Path, write: Callable[[str, str], None]
) -> None:
    write(
        "long.py",
        "def fail(n):\n    try:\n        if n: fail(n - 1)\n        raise ValueError('root')\n"
        "    except Exception as error:\n        raise RuntimeError('\\u2620' * 100000) from error\nfail(30)\n",
    )
    (result,) = verify(python, ["long"], gpu=True)
    assert result.error == "ValueError: root"


def test_the_users_python_variables_do_not_reach_the_import(
    python: Path, write: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert verify(python, ["elsewhere"], gpu=True)[0].outcome is Outcome.FAILED


def test_an_interrupt_ends_the_imports_under_way(python: Path, write: Callable[[str, str], None]) -> None:
    write("slow.py", "import time\ntime.sleep(60)\n")

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        verify(python, ["json", "slow"], gpu=True, notify=interrupt)
    assert time.monotonic() - began < 30
