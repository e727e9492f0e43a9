"""One run of a back end that lies in its tree: what it gets, how it ends, what is said of that."""

from __future__ import annotations

import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from envfit.build.isolation import Isolation, Wall, isolation
from envfit.build.run import build_wheel, toolkit_of
from envfit.build.session import run_session
from envfit.build.watchdog import members
from envfit.errors import BuildError

OPEN = Isolation(wall=Wall.NONE)
WHEEL = """\
import os, subprocess, sys, time, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    {body}
    name = "some-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        archive.writestr("some.py", "")
    return name
"""


def run(tmp_path, body="pass", *, walled=OPEN, text=WHEEL, project=None, variables=None, **options):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "backend.py").write_text(text.format(body=body))
    (tree / "pyproject.toml").write_text(
        project or '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    output = tmp_path / "output"
    output.mkdir()
    return build_wheel(
        tree,
        sys.executable,
        name="some 1.0",
        variables={"PATH": os.environ["PATH"], **(variables or {})},
        isolation=walled,
        jobs=1,
        output=output,
        log=tmp_path / "build.log",
        **options,
    )


def test_the_wheel_is_returned_and_what_was_said_is_in_the_log(tmp_path):
    built = run(tmp_path, "print('hello from', os.environ['SETTING'])", variables={"SETTING": "here"})
    assert zipfile.is_zipfile(built.wheel)
    assert built.objects == 0
    assert "hello from here" in (tmp_path / "build.log").read_text()


def test_it_inherits_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "9.0a")
    run(tmp_path, "assert 'TORCH_CUDA_ARCH_LIST' not in os.environ, os.environ")


def test_a_failure_names_its_cause_and_the_log(tmp_path):
    body = "print('a.cu(3): error: no such thing', flush=True); raise RuntimeError('compilation failed')"
    with pytest.raises(
        BuildError, match=r"the build of some 1\.0 failed: a\.cu\(3\): error: no such thing"
    ) as caught:
        run(tmp_path, body)
    assert caught.value.details["log"] == str(tmp_path / "build.log")


def test_a_cause_of_a_former_run_is_not_told_again(tmp_path):
    (tmp_path / "build.log").write_text("old.cu(1): error: of yesterday\n")
    with pytest.raises(BuildError, match="of today"):
        run(tmp_path, "raise ValueError('of today')")


def test_what_was_killed(tmp_path):
    with pytest.raises(BuildError, match="the memory is full") as caught:
        run(tmp_path, "os.kill(os.getpid(), 9)")
    assert "--jobs" in caught.value.hints[0]


def test_a_back_end_that_is_not_there(tmp_path):
    with pytest.raises(BuildError, match=r"the back end of some 1\.0 cannot be used"):
        run(tmp_path, project='[build-system]\nrequires = []\nbuild-backend = "absent_back_end"\n')


def test_a_pyproject_that_is_malformed(tmp_path):
    with pytest.raises(BuildError, match="malformed"):
        run(tmp_path, project="[build-system\n")


def test_a_wheel_that_is_only_said_to_be_there(tmp_path):
    with pytest.raises(BuildError, match="and it is not there"):
        run(tmp_path, "return 'some-1.0-py3-none-any.whl'")


def test_objects_are_counted_and_the_memory_is_looked_at(tmp_path):
    body = "print('[1/2] x -o a.o', flush=True); held = bytearray(60_000_000); time.sleep(1.5); print('[2/2] x -o b.o')"
    told = []
    built = run(tmp_path, body, watch=lambda status: told.append(status()))
    assert (built.objects, built.compiled) == (2, 2)
    assert built.peak_memory > 60_000_000
    assert told == ["some 1.0: preparing, 1 s so far", ""]


def test_nothing_of_a_build_outlives_it(tmp_path):
    body = "print(subprocess.Popen(['sleep', '60'], start_new_session=False).pid, flush=True)"
    run(tmp_path, body)
    pid = int((tmp_path / "build.log").read_text().split()[-1])
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        state = "gone"
    assert state in {"Z", "gone"}


def test_a_build_has_no_network(tmp_path):
    walled = isolation()
    if walled.wall is not Wall.NAMESPACE:
        pytest.skip("no network namespaces are allowed here")
    body = "names = [l.split(':')[0].strip() for l in open('/proc/net/dev').readlines()[2:]]; assert set(names) <= {'lo', 'tunl0', 'sit0', 'ip6tnl0'}, names"
    built = run(tmp_path, body, walled=walled)
    assert built.wall is Wall.NAMESPACE


def test_where_it_is_asked_for_there_is_a_network():
    assert isolation(network=True) == OPEN


def test_an_interrupt_ends_all_of_it(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    log = tmp_path / "log"
    log.touch()
    script = "trap 'echo asked to end; exit 1' INT; sleep 60 & echo $$; wait"
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_session(
            ["sh", "-c", script],
            directory=tmp_path,
            variables={"PATH": os.environ["PATH"]},
            log=log,
            on_text=lambda text: None,
            on_sample=lambda sample: interrupt(sample) if log.read_text() else None,
        )
    assert time.monotonic() - begun < 9
    session, *said = log.read_text().split("\n")
    assert said[0] == "asked to end"
    assert not members(int(session))


def test_the_toolkit_of_an_nvcc_behind_a_wrapper(tmp_path):
    real = tmp_path / "cuda-13.0"
    (real / "bin").mkdir(parents=True)
    (real / "include").mkdir()
    (real / "include" / "cuda.h").touch()
    nvcc = real / "bin" / "nvcc"
    nvcc.write_text(f"#!/bin/sh\necho '#$ TOP={real}/bin/..' >&2\n")
    nvcc.chmod(0o755)
    assert toolkit_of(str(nvcc)) == str(real)
    link = tmp_path / "bin" / "nvcc"
    link.parent.mkdir()
    link.symlink_to(nvcc)
    assert toolkit_of(str(link)) == str(real)
    link.unlink()
    link.write_text(f'#!/bin/sh\nexec {nvcc} "$@"\n')
    link.chmod(0o755)
    assert toolkit_of(str(link)) == str(real)
    link.write_text("#!/bin/sh\nexit 1\n")
    assert toolkit_of(str(link)) is None
