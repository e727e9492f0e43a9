"""A virtual environment whose packages are made up: modules that answer as torch and the like would."""

from __future__ import annotations

import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind

__all__ = ["made_environment"]


def made_environment(
    prefix: Path,
    packages: Mapping[str, Mapping[str, str]],
    *,
    versions: Mapping[str, str] | None = None,
    requested: Sequence[str] = (),
) -> InstalledEnvironment:
    """Make a virtual environment with packages: by normalized name, their files with the text of each."""
    venv.create(prefix, symlinks=True)
    site = prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    distributions = []
    for name, files in sorted(packages.items()):
        version = (versions or {}).get(name, "1.0")
        metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        for file, text in files.items():
            path = site / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        if name in requested:
            (metadata / "REQUESTED").touch()
        distributions.append(
            InstalledDistribution(
                name=name,
                version=Version(version),
                says=version,
                directory=site,
                metadata=metadata.name,
                installer="uv",
            )
        )
    return InstalledEnvironment(
        prefix=prefix,
        kind=PrefixKind.VENV,
        python=prefix / "bin" / "python",
        python_version=Version(f"{sys.version_info[0]}.{sys.version_info[1]}"),
        site_directories=(site,),
        own_directories=(site,),
        distributions=tuple(distributions),
    )
