"""The rooms and the direction of imports, as CONTRIBUTING.md draws them, held against the code."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "envfit"

# Imports go downward only, and rooms of one row do not import each other.
ROWS = [
    ["__main__"],
    ["cli"],
    ["api"],
    ["diagnosis"],
    ["doctor", "export", "install", "matrix"],
    ["lock"],
    ["build", "detect", "index", "installed", "project", "prove", "resolve"],
    ["binary", "knowledge", "selection"],
    ["distribution", "requirement"],
    ["build_system", "reference", "target", "uv_program"],
    [
        "address",
        "digest",
        "errors",
        "export_marks",
        "frozen",
        "header_fields",
        "interpreter",
        "toml_text",
        "version",
    ],
]
RANK = {room: rank for rank, row in enumerate(ROWS) for room in row}

# No network, no processes, no NVML, no environment, no clock.
PURE = [
    "address",
    "binary",
    "build/advice.py",
    "build/case.py",
    "build/gate.py",
    "build/headers.py",
    "build/jobs.py",
    "build/reason.py",
    "build/recipe.py",
    "build/remedy.py",
    "build/report.py",
    "diagnosis",
    "distribution",
    "doctor",
    "errors",
    "export",
    "export_marks",
    "header_fields",
    "install/guard.py",
    "install/module.py",
    "install/plan.py",
    "install/refusal.py",
    "knowledge",
    "lock",
    "matrix",
    "reference",
    "requirement",
    "resolve",
    "selection",
    "target",
    "toml_text",
]
IMPURE_MODULES = {
    "requests",
    "urllib3",
    "socket",
    "subprocess",
    "pynvml",
    "ctypes",
    "time",
    "http",
    "uv",
    "pycurl",
}
IMPURE_NAMES = {("os", "environ"), ("os", "getenv"), ("sys", "argv"), ("platform", "machine")}

# Each of these is imported by one room alone.
ONLY = {
    "argparse": "cli/",
    "elftools": "binary/library.py",
    "msgspec": "index/page_json.py",
    "pycurl": "index/transfers.py",
    "requests": "index/",
    "pynvml": "detect/nvml.py",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    return place(path).split("/")[0].removesuffix(".py")


@cache
def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            if node.module == "envfit":
                found |= {f"envfit.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{place(path)} imports relatively")
    return found


def is_pure(path: Path) -> bool:
    return any(
        place(path) == name or place(path) == f"{name}.py" or place(path).startswith(f"{name}/")
        for name in PURE
    )


def test_every_room_has_a_row():
    rooms = {room(path) for path in FILES} - {"__init__"}
    assert rooms == set(RANK)


@pytest.mark.parametrize("path", FILES, ids=place)
def test_imports_go_downward(path):
    here = room(path)
    if here == "__init__":
        assert imports(path) <= {"envfit.version"}
        return
    for name in imports(path):
        if not name.startswith("envfit."):
            continue
        there = name.split(".")[1]
        assert there == here or RANK[there] > RANK[here], f"{place(path)} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if is_pure(path)], ids=place)
def test_pure_rooms_do_not_reach_outside(path):
    tree = ast.parse(path.read_text())
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE_MODULES
    used = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not used & IMPURE_NAMES


@pytest.mark.parametrize(("library", "owner"), sorted(ONLY.items()))
def test_libraries_have_one_room(library, owner):
    users = {place(path) for path in FILES if library in {name.split(".")[0] for name in imports(path)}}
    assert users, f"nothing imports {library}"
    assert {user for user in users if not user.startswith(owner)} == set()


@pytest.mark.parametrize("path", FILES, ids=place)
def test_nothing_is_called_by_a_drawer_name(path):
    assert path.stem not in {"utils", "helpers", "manager", "common", "misc", "base"}


def test_pure_rooms_import_without_the_libraries_of_the_others():
    blocked = ["requests", "pycurl", "msgspec", "pynvml", "uv", "distlib"]
    modules = [
        "envfit." + place(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in FILES
        if is_pure(path)
    ]
    # install/plan.py lives in a package whose other files run programs.
    modules = [name for name in modules if not name.startswith("envfit.install")]
    program = (
        "import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PACKAGE.parent)
