"""Programs in fresh processes: what they tell, also before they end badly."""

from __future__ import annotations

import sys
from pathlib import Path

from envfit.prove.program import Program, run_programs

PYTHON = Path(sys.executable)


def test_what_is_told_before_a_crash_a_hang_and_an_exception_is_kept() -> None:
    programs = [
        Program(name="crash", source="tell('one')\nimport os\nos.abort()\n"),
        Program(name="hang", source="tell('two')\nimport time\ntime.sleep(60)\n"),
        Program(name="raise", source="tell('three')\nprint('noise')\n1 / 0\n"),
        Program(name="work", source="tell('four')\ntell(4)\n"),
    ]
    crash, hang, error, work = run_programs(PYTHON, programs, seconds=3)
    assert crash.told == ("one",)
    assert crash.failure is not None
    assert crash.failure.error.startswith("Crash: SIGABRT")
    assert hang.told == ("two",)
    assert hang.failure is not None
    assert hang.failure.error == "Timeout: not done after 3 s"
    assert error.told == ("three",)
    assert error.failure is not None
    # The program's own text is no place in the environment.
    assert (error.failure.error, error.failure.place) == ("ZeroDivisionError: division by zero", "")
    assert (work.told, work.failure) == (("four", "4"), None)


def test_a_program_in_a_file_can_read_its_own_source(tmp_path: Path) -> None:
    path = tmp_path / "kernel.py"
    path.write_text(
        "import inspect\ndef kernel(): return 7\ntell(inspect.getsource(kernel).strip())\n1 / 0\n"
    )
    (ran,) = run_programs(
        PYTHON, [Program(name="kernel", source=path.read_text(), path=str(path))], seconds=30
    )
    assert ran.told == ("def kernel(): return 7",)
    assert ran.failure is not None
    assert ran.failure.place == ""


def test_programs_that_share_a_machine_can_be_run_one_by_one(tmp_path: Path) -> None:
    source = f"""\
import pathlib, time
place = pathlib.Path({str(tmp_path)!r}) / "busy"
assert not place.exists()
place.touch()
time.sleep(0.2)
place.unlink()
"""
    ran = run_programs(
        PYTHON, [Program(name=str(number), source=source) for number in range(3)], seconds=30, parallel=1
    )
    assert [each.failure for each in ran] == [None, None, None]
