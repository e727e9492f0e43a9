"""Reading a TOML file that the user named."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from envfit.errors import ProjectError
from envfit.export_marks import without_export
from envfit.project.text_file import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_toml"]


def read_toml(path: Path) -> dict[str, object]:
    """Return what a TOML file holds, without what an export to uv wrote there.

    Raises ProjectError with the line where it is not TOML, FileError where it cannot be read.
    """
    text = without_export(read_text(path), keep_lines=True)
    try:
        return tomllib.loads(text)
    except RecursionError:
        place, reason = str(path), "it is nested too deeply"
    except ValueError as error:
        # The parser says the place in its message only: "(at line 2, column 3)", "(at end of document)".
        reason, _, position = str(error).partition(" (at ")
        found = re.match(r"line (\d+)", position)
        place = f"{path} line {found[1] if found else text.count(chr(10)) + 1}"
        reason = reason[:1].lower() + reason[1:]
    raise ProjectError(f"{place}: this is not TOML: {reason}", details={"file": str(path)})
