"""``envfit diagnose``: files and standard input of any encoding, exit codes, data with a schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import CommandLine

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests" / "diagnosis" / "logs"
STORY = LOGS / "flash-attn+extension-missing--espnet.txt"


def valid(data: object) -> None:
    schema = json.loads((ROOT / "envfit" / "cli" / "schema" / "diagnose.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(data)


def test_the_story(envfit: CommandLine) -> None:
    answer = envfit("diagnose", str(STORY))
    first, *more = answer.out.splitlines()
    assert first.startswith("certain: flash-attn is installed without flash_attn_2_cuda")
    assert first.endswith("[flash-attn/extension-missing]")
    assert "    line 13: ModuleNotFoundError: No module named 'flash_attn_2_cuda'" in more
    assert "    Error: S3PRL is not properly installed." in more
    assert any(line.startswith("harmless: line 1:") for line in more)
    assert answer.err == ""


def test_the_story_as_data(envfit: CommandLine) -> None:
    data = envfit("diagnose", str(STORY), "--json").data
    valid(data)
    assert data["confidence"] == "certain"
    assert data["cause"]["code"] == "flash-attn/extension-missing"
    assert data["cause"]["package"] == "flash-attn"
    assert data["chain"][-1] == "ModuleNotFoundError: No module named 'flash_attn_2_cuda'"


@pytest.mark.parametrize("name", ["unknown--keyerror", "unknown--only-the-wrapper", "unknown--innocent"])
def test_what_is_unknown_is_exit_code_1(envfit: CommandLine, name: str) -> None:
    data = envfit("diagnose", str(LOGS / f"{name}.txt"), "--json", code=1).data
    valid(data)
    assert (data["confidence"], data["cause"]) == ("unknown", None)
    assert envfit("diagnose", str(LOGS / f"{name}.txt"), code=1).out.startswith("unknown: ")


def test_an_unknown_cause_shows_where_to_look(envfit: CommandLine) -> None:
    out = envfit("diagnose", str(LOGS / "unknown--keyerror.txt"), code=1).out
    assert "line 4: KeyError: 'lr'" in out
    assert "raised in /home/me/train.py, line 14, in <module>" in out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_any_encoding_is_read(envfit: CommandLine, tmp_path: Path, encoding: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(("caf\u00e9\r\n" + STORY.read_text()).encode(encoding))
    assert envfit("diagnose", str(log), "--json").data["cause"]["code"] == "flash-attn/extension-missing"


def test_bytes_that_are_no_text_do_no_harm(envfit: CommandLine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(bytes(range(256)) * 40 + b"\nImportError: libfrob.so.3: cannot open shared object file\n")
    assert envfit("diagnose", str(log), "--json").data["cause"]["code"] == "missing-shared-library"


def test_a_file_that_is_not_there_is_exit_code_3(envfit: CommandLine) -> None:
    data = envfit("diagnose", "nothing.log", "--json", code=3).data
    assert data["error"] == "file-failed"


def test_no_log_is_wrong_usage(envfit: CommandLine) -> None:
    envfit("diagnose", code=2)


def test_standard_input_is_read_and_nothing_that_can_send_is_loaded() -> None:
    program = (
        "import sys\n"
        "from envfit.cli.app import main\n"
        "try:\n    main(['diagnose', '-'])\n"
        "except SystemExit as error:\n    code = error.code\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "sending = names & {'socket', 'ssl', 'http', 'urllib3', 'requests', 'pycurl', 'asyncio', 'ftplib', 'smtplib'}\n"
        "print(sorted(sending), code, file=sys.stderr)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], input=STORY.read_bytes(), capture_output=True, cwd=ROOT, check=True
    )
    assert answer.stdout.startswith(b"certain: flash-attn")
    assert answer.stderr.strip() == b"[] 0"
