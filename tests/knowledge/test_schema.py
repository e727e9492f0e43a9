"""Every constraint file against the JSON Schema of its kind."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints"
SCHEMAS = ROOT / "envfit" / "knowledge" / "schema"

#: Which file uses which schema: its path in constraints/, or its folder.
SCHEMA_OF = {
    "axes/compilers.toml": "axes-compilers",
    "axes/cuda.toml": "axes-cuda",
    "axes/drivers.toml": "axes-drivers",
    "axes/capabilities.toml": "axes-capabilities",
    "axes/pythons.toml": "axes-pythons",
    "axes/choices.toml": "axes-choices",
    "axes/indexes.toml": "axes-indexes",
    "axes/matrix.toml": "axes-matrix",
    "hardware": "hardware",
    "packages": "packages",
    "derived": "derived",
    "known-good": "known-good",
    "symptoms": "symptoms",
}

FILES = sorted(path.relative_to(CONSTRAINTS).as_posix() for path in CONSTRAINTS.rglob("*.toml"))


def schema_named(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def as_json(value: object) -> object:
    """Return TOML data with dates as JSON has them."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def faults(schema: str, data: object) -> list[str]:
    validator = Draft202012Validator(schema_named(schema), format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(as_json(data))]


@pytest.mark.parametrize("file", FILES)
def test_file_is_valid(file: str) -> None:
    schema = SCHEMA_OF.get(file) or SCHEMA_OF.get(file.partition("/")[0])
    assert schema is not None, f"no schema for {file}"
    data = tomllib.loads((CONSTRAINTS / file).read_text(encoding="utf-8"))
    assert faults(schema, data) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in SCHEMAS.glob("*.json")))
def test_schema_is_strict_and_described(name: str) -> None:
    schema = schema_named(name)
    Draft202012Validator.check_schema(schema)
    assert name in SCHEMA_OF.values()

    def look_at(node: object, path: str) -> None:
        if isinstance(node, list):
            for position, item in enumerate(node):
                look_at(item, f"{path}[{position}]")
        if not isinstance(node, dict):
            return
        if node.get("type") == "object":
            assert "additionalProperties" in node, f"{path} lets anything in"
            for key, item in node.get("properties", {}).items():
                assert item.get("description", "").endswith("."), f"{path}.{key} has no description"
        for key, item in node.items():
            look_at(item, f"{path}.{key}")

    look_at(schema, name)


EVIDENCE = {"kind": "docs", "source": "a page", "locator": "a row", "checked": date(2026, 11, 22)}
RULE = {
    "id": "thing/slug",
    "requires": ["__capability>=8.0"],
    "severity": "blocks",
    "why": "Because.",
    "evidence": [EVIDENCE],
}


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        pytest.param("packages", {"schema": 2, "package": "thing"}, id="another version of the format"),
        pytest.param("packages", {"schema": 1}, id="no package"),
        pytest.param("packages", {"schema": 1, "package": "thing", "colour": "red"}, id="an unknown key"),
        pytest.param(
            "packages",
            {
                "schema": 1,
                "package": "thing",
                "rule": [{**RULE, "evidence": [{**EVIDENCE, "kind": "forum"}]}],
            },
            id="a rule that blocks on hearsay",
        ),
        pytest.param(
            "packages",
            {"schema": 1, "package": "thing", "rule": [{k: v for k, v in RULE.items() if k != "requires"}]},
            id="a rule that states nothing",
        ),
        pytest.param(
            "axes-capabilities",
            {"schema": 1, "capability": [{"version": "9.9", "architecture": "X", "first_driver": "700.1"}]},
            id="a first driver without evidence",
        ),
        pytest.param(
            "hardware",
            {
                "schema": 1,
                "family": "X",
                "evidence": [EVIDENCE],
                "gpu": [{"name": "X1", "capability": "sm_70"}],
            },
            id="a capability in other words",
        ),
    ],
)
def test_refuses(schema: str, data: dict[str, object]) -> None:
    assert faults(schema, data)


def test_accepts_a_rule() -> None:
    assert faults("packages", {"schema": 1, "package": "thing", "rule": [RULE]}) == []
