"""A lock as requirements, constraints and environment.yml."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml
from packaging.pylock import Package, PackageDirectory
from packaging.requirements import Requirement
from packaging.version import Version

from envfit.export import constraints, environment_yml, provided_constraints, requirements
from envfit.target import Provided
from tests.install.locks import entry, locked

PYTORCH = "https://variants.invalid/whl/cu126"
TOOL = {
    "contract": "capability 7.0 to 12.0, driver 525.60.13 or newer, linux x86_64",
    "target": {"provided": ["numpy==2.1.0", "mpi4py==4.0.1"]},
    "conda": {
        "name": "asr",
        "channels": ["bioconda", "conda-forge"],
        "dependencies": ["ffmpeg=7", "sox >=14.4"],
    },
}
LOCK = locked(
    entry("torch-2.14.1+cu126-cp311-cp311-manylinux_2_28_x86_64.whl", index=PYTORCH, sha256="a" * 64),
    entry("s3prl-0.4.18.tar.gz", sha256="b" * 64, depends=["torch"]),
    entry("flash_attn-2.8.3.post2.tar.gz", build=True),
    tool=TOOL,
)


def test_requirements_are_pinned_sorted_and_hashed() -> None:
    assert requirements(LOCK) == (
        "# Exported by envfit from a lock.\n"
        "# Runs on: capability 7.0 to 12.0, driver 525.60.13 or newer, linux x86_64\n"
        "# Python: ==3.11.*\n"
        "# must be compiled: flash-attn==2.8.3.post2\n"
        f"--extra-index-url {PYTORCH}\n"
        "s3prl==0.4.18 \\\n"
        f"    --hash=sha256:{'b' * 64}\n"
        "torch==2.14.1+cu126 \\\n"
        f"    --hash=sha256:{'a' * 64}\n"
    )


def test_no_index_is_named_where_no_build_has_a_local_label() -> None:
    text = requirements(locked(entry("a-1.0-py3-none-any.whl")))
    assert "index" not in text


def test_a_lock_without_its_tool_table_is_exported_the_same_but_for_what_it_told() -> None:
    assert pins(requirements(replace(LOCK, tool=None))) == pins(requirements(LOCK))
    assert yaml.safe_load(environment_yml(replace(LOCK, tool=None)))["channels"] == ["conda-forge"]


def pins(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_what_a_module_provides_has_constraints_of_its_own() -> None:
    assert pins(provided_constraints(LOCK)) == ["mpi4py==4.0.1", "numpy==2.1.0"]
    given = [Provided(name="torch", version=Version("2.11.0"))]
    assert pins(provided_constraints(LOCK, given)) == ["torch==2.11.0"]
    assert provided_constraints(replace(LOCK, tool=None)) == ""


def test_constraints_hold_everything_locked_and_provided() -> None:
    assert pins(constraints(LOCK)) == [
        "flash-attn==2.8.3.post2",
        "mpi4py==4.0.1",
        "numpy==2.1.0",
        "s3prl==0.4.18",
        "torch==2.14.1+cu126",
    ]
    assert constraints(LOCK).startswith("# Exported by envfit from a lock.\n# Runs on: capability 7.0")


def test_a_source_tree_has_no_version_to_be_held_to() -> None:
    tree = Package(name="mine", directory=PackageDirectory(path="mine", editable=True))
    text = constraints(locked(tree, entry("a-1.0-py3-none-any.whl")))
    assert "# not held, it has no version: -e ./mine\n" in text
    assert pins(text) == ["a==1.0"]


def test_an_environment_file_holds_condas_half_as_it_came_and_pins_the_other() -> None:
    text = environment_yml(LOCK)
    assert yaml.safe_load(text) == {
        "name": "asr",
        "channels": ["bioconda", "conda-forge"],
        "dependencies": [
            "python=3.11",
            "ffmpeg=7",
            "sox >=14.4",
            "pip",
            {"pip": [f"--extra-index-url {PYTORCH}", "s3prl==0.4.18", "torch==2.14.1+cu126"]},
        ],
    }
    assert "# Runs on: capability 7.0 to 12.0" in text
    assert "not resolved" in text
    assert "# must be compiled: flash-attn==2.8.3.post2" in text


def test_an_environment_file_of_a_lock_that_was_none_before() -> None:
    document = yaml.safe_load(environment_yml(locked(entry("a-1.0-py3-none-any.whl"), python=">=3.10,<3.13")))
    assert document == {
        "name": "envfit",
        "channels": ["conda-forge"],
        "dependencies": ["python<3.13,>=3.10", "pip", {"pip": ["a==1.0"]}],
    }


def test_a_pip_that_is_carried_is_not_added_twice() -> None:
    lock = locked(
        entry("a-1.0-py3-none-any.whl"), tool={"conda": {"dependencies": ["conda-forge::pip=25", "pipx"]}}
    )
    assert yaml.safe_load(environment_yml(lock))["dependencies"][1:3] == ["conda-forge::pip=25", "pipx"]
    assert yaml.safe_load(environment_yml(lock))["dependencies"][3] == {"pip": ["a==1.0"]}


def test_every_pin_parses() -> None:
    for line in requirements(LOCK).splitlines():
        if re.match(r"[a-z]", line):
            Requirement(line.removesuffix(" \\"))
