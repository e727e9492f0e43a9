"""``--verify`` and ``--force-incompatible``: what an installation proves, keeps of it, and what ``check`` makes of that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from envfit.install.record import RECORD, read_record
from envfit.install.verification import VERIFIED
from tests.cli.conftest import CommandLine
from tests.cli.test_cli_choosing import H100, NONE, V100, stand_on
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_wheel

SCHEMAS = Path(__file__).parents[2] / "envfit" / "cli" / "schema"
REPORT = json.loads((SCHEMAS / "check.json").read_text(encoding="utf-8"))

on_311 = pytest.mark.skipif(HERE != "3.11", reason="the torch of the world is for Python 3.11")


@pytest.fixture
def own(bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line with an index of one test."""
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    return bare_envfit


def report_of(prefix: Path) -> dict[str, object]:
    report = json.loads((prefix / VERIFIED).read_text(encoding="utf-8"))
    schema = {**REPORT["$defs"]["report"], "$defs": REPORT["$defs"]}
    Draft202012Validator(schema).validate(report)
    return dict(report)


# -- what is proved ------------------------------------------------------------


def test_what_was_asked_for_is_proved_and_the_report_stays_in_the_environment(
    own: CommandLine, own_index: Index
) -> None:
    make_wheel(own_index.directory, "app", "1.0", requires=["lib"])
    make_wheel(
        own_index.directory, "lib", "1.0", files={"lib.py": b"raise RuntimeError('never asked for')\n"}
    )
    own("lock", "app", *NONE, "--python", HERE)
    data = own("install", *NONE, "--json").data
    Draft202012Validator(json.loads((SCHEMAS / "install.json").read_text(encoding="utf-8"))).validate(data)
    assert [(item["name"], item["outcome"]) for item in data["imports"]] == [("app", "works")]
    report = report_of(own.cwd / ".venv")
    assert report == data["verification"]
    assert report["stages"] == ["metadata", "imports", "scenarios"]
    assert report["skipped"] == [{"stage": "gpu", "why": "this machine has no GPU"}]
    told = own("check", ".venv", "--quick", *NONE).out
    assert (
        "proved when it was installed: metadata, imports, scenarios; not gpu, for this machine has no GPU"
        in told
    )


def test_all_is_what_check_looks_at(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0", requires=["lib"])
    make_wheel(own_index.directory, "lib", "1.0", files={"lib.py": b"raise RuntimeError('not asked for')\n"})
    own("lock", "app", *NONE, "--python", HERE)
    answer = own("install", *NONE, "--verify", "all", code=1)
    assert "lib 1.0 cannot be imported: RuntimeError: not asked for" in answer.err
    assert own.files() == {"pylock.toml"}
    own("lock", "app", *NONE, "--python", HERE, "--exclude", "lib")
    own("install", *NONE, "--verify", "all")
    stages = ["files", "metadata", "knowledge", "libraries", "imports", "scenarios"]
    assert report_of(own.cwd / ".venv")["stages"] == stages


def test_none_imports_nothing(own: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "app", "1.0", files={"app.py": b"import no_such_module\n"})
    own("lock", "app", *NONE, "--python", HERE)
    own("install", *NONE, code=1)
    answer = own("install", *NONE, "--verify", "none", "--json")
    assert answer.data["imports"] == []
    assert answer.data["verification"] is None
    assert not (own.cwd / ".venv" / VERIFIED).exists()
    assert own("install", *NONE, "--verify", "some", code=2).err


def test_the_message_names_the_root_and_not_the_last_wrapper(own: CommandLine, own_index: Index) -> None:
    code = b"try:\n    import _native\nexcept ImportError:\n    raise RuntimeError('failed to import, see above')\n"
    make_wheel(own_index.directory, "app", "1.0", files={"app.py": code})
    make_wheel(own_index.directory, "other", "1.0")
    own("lock", "app", "other", *NONE, "--python", HERE)
    answer = own("install", *NONE, code=1)
    message = "everything was installed, and does not work, so it was not put in place: app 1.0 cannot be imported: "
    assert f"error: {message}ModuleNotFoundError: No module named '_native'." in answer.err
    assert "import app ends with RuntimeError: failed to import, see above" in answer.err
    assert "hint: leave app out: --skip app\n" in answer.err
    assert "import other works" in own("install", *NONE, "--skip", "app").out


def test_an_import_that_wants_the_driver_alone_is_not_provable_here(
    own: CommandLine, own_index: Index
) -> None:
    code = b"raise ImportError('libcuda.so.1: cannot open shared object file: No such file or directory')\n"
    make_wheel(own_index.directory, "app", "1.0", files={"app.py": code})
    own("lock", "app", *NONE, "--python", HERE)
    answer = own("install", "--gpu", "V100")  # an image, where none is
    assert "import app not provable here: ImportError: libcuda.so.1" in answer.out
    report = report_of(own.cwd / ".venv")
    assert report["answer"] == "unknown"
    assert report["skipped"] == [{"stage": "gpu", "why": "the GPU was named"}]


def test_what_fails_on_the_gpu_of_this_machine_is_not_put_in_place(
    own: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A torch that has no CUDA in it, on a machine that has a GPU, as far as it tells.
    make_wheel(
        own_index.directory,
        "torch",
        "2.8.0",
        files={"torch.py": b"class cuda:\n    is_available = lambda: False\n"},
    )
    own("lock", "torch", *NONE, "--python", HERE)
    stand_on("v100", monkeypatch)
    answer = own("install", code=1)
    assert "not put in place: torch 2.8.0" in answer.err
    assert "torch 2.8.0 does not see the GPU of this machine" in answer.err
    assert own.files() == {"pylock.toml"}
    report = own("install", "--force-incompatible", "--json").data["verification"]
    assert "gpu" in report["stages"]
    assert report["answer"] == "no"


# -- overridden ----------------------------------------------------------------


@on_311
def test_what_is_overridden_is_printed_and_kept_and_check_tells(envfit: CommandLine) -> None:
    envfit("lock", "torch", *H100)
    data = envfit("install", *V100, "--force-incompatible", "--dry-run", "--json").data
    Draft202012Validator(json.loads((SCHEMAS / "install.json").read_text(encoding="utf-8"))).validate(data)
    assert len(data["overridden"]) == 2
    answer = envfit("install", *V100, "--force-incompatible", "--dry-run")
    assert "would override torch 2.15.0: Its GPU code is for capability 7.5" in answer.out
    assert envfit.files() == {"pylock.toml"}
    answer = envfit("install", *V100, "--force-incompatible")
    assert "overridden: torch 2.15.0: Its GPU code is for capability 7.5" in answer.err
    record = read_record(envfit.cwd / ".venv")
    assert record is not None
    assert [item.rule for item in record.overridden] == ["cuda-13-runtime/capability", "torch/device-code"]
    assert record.words == (*V100, "--force-incompatible")
    told = envfit("check", ".venv", "--quick", "-v", *V100, code=1).out
    assert "It was installed with --force-incompatible, over what speaks against" in told
    # On a GPU for which it is, nothing is wrong any more; that it was forced stays to be known.
    told = envfit("check", ".venv", "--quick", *H100).out
    assert "[installed-by-force]" in told


def test_what_no_installer_takes_cannot_be_forced(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "GH200", "--driver", "580.95.05")
    answer = envfit("install", "--gpu", "H100", "--force-incompatible", code=1)
    assert "--force-incompatible does not help" in answer.err
    assert "--force-incompatible" not in envfit("install", "--gpu", "H100", code=1).err


# -- proved later --------------------------------------------------------------


@on_311
@pytest.mark.parametrize(
    ("machine", "code", "says"),
    [
        (
            "h200",
            0,
            "proved here, and open when it was installed (GPU absent): capability 7.5 to 12.0, driver ",
        ),
        (
            "v100",
            1,
            "refuted here, and open when it was installed (GPU absent): capability 7.5 to 12.0, driver ",
        ),
        ("no-device", 0, "still to be proved, as when it was installed (GPU absent): capability 7.5 to 12.0"),
    ],
)
def test_what_stays_open_in_an_image_is_proved_or_refuted_by_a_quick_check(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, machine: str, code: int, says: str
) -> None:
    envfit("lock", "torch", *H100)
    stand_on("no-device", monkeypatch)
    assert "a GPU is absent here: capability 7.5" in envfit("install").err
    record = read_record(envfit.cwd / ".venv")
    assert record is not None
    assert [(item.fact, item.state.value) for item in record.conditions] == [("GPU", "absent")]
    stand_on(machine, monkeypatch)
    told = envfit("check", ".venv", "--quick", code=code).out
    assert says in told
    if machine == "v100":
        assert "[torch/device-code]" in told


def test_a_record_that_is_torn_is_none(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE, "--python", HERE)
    envfit("install", *NONE)
    path = envfit.cwd / ".venv" / RECORD
    assert read_record(path.parent) is not None
    path.write_text("{")
    assert read_record(path.parent) is None
    envfit("check", ".venv", "--quick", *NONE)
