"""A lock as a conda environment file: Python and conda's half as it came, the pip half pinned."""

from __future__ import annotations

import re

import yaml
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet

from envfit.export.header import comment_header, told
from envfit.export.pin import pin_line
from envfit.export.requirements import extra_indexes
from envfit.lock.reading import locked_packages

__all__ = ["environment_yml"]

_DEFAULT_CHANNELS = ["conda-forge"]
_PIP = re.compile(r"(?:[^\s:]+::)?pip(?:[\s=<>!~\[].*)?", re.IGNORECASE)


def environment_yml(lock: Pylock, *, name: str = "envfit") -> str:
    """Return the text of an environment.yml.

    Name, channels and conda packages are those of the environment.yml that was
    locked, where the lock tells of one; ``name`` is used where it names none.
    Raises LockError on a lock that envfit did not write.
    """
    conda = told(lock).get("conda", {})
    packages = sorted(locked_packages(lock), key=lambda package: package.name)
    carried = [str(item) for item in conda.get("dependencies", ())]
    dependencies: list[object] = [_python(lock.requires_python), *carried]
    if not any(_PIP.fullmatch(item) for item in carried):
        dependencies.append("pip")
    pins = [f"--extra-index-url {index}" for index in extra_indexes(packages)]
    pins += [pin_line(package) for package in packages if not package.build]
    if pins:
        dependencies.append({"pip": pins})
    document = {
        "name": conda.get("name") or name,
        "channels": list(conda.get("channels") or _DEFAULT_CHANNELS),
        "dependencies": dependencies,
    }
    header = [
        *comment_header(lock),
        "# The pip section was resolved by envfit; conda's packages are as they were written, not resolved.",
        *(f"# must be compiled: {pin_line(item)}" for item in packages if item.build),
    ]
    body: str = yaml.safe_dump(document, sort_keys=False, default_flow_style=False, width=1000)
    return "".join(f"{line}\n" for line in header) + body


def _python(required: SpecifierSet | None) -> str:
    """Return the match specification of the lock's Python; ``=3.11`` is conda's word for any 3.11."""
    text = "" if required is None else str(required)
    minor = re.fullmatch(r"==(\d+\.\d+)\.\*", text)
    return f"python={minor[1]}" if minor else f"python{text}"
