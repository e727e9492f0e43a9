"""Small shared libraries, compiled, and environments of them: what the loader does with them is known."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.binary.linkage import Linkage, read_linkage
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def compiled(
    path: Path,
    *,
    soname: str | None = None,
    needs: Sequence[Path] = (),
    rpath: str | None = None,
    runpath: str | None = None,
    versions: Sequence[str] = (),
    uses: Sequence[str] = (),
    padding: int = 0,
) -> Path:
    """Compile a library that is linked with others, whether it uses them or not.

    ``versions`` are versions of its own symbols, one function ``f_VERSION`` of each; ``uses``
    are functions of others that it calls; ``padding`` makes its file larger.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    calls = "".join(f"void {name}(void);\nvoid use_{name}(void) {{ {name}(); }}\n" for name in uses)
    functions = "".join(f"void f_{version}(void) {{}}\n" for version in versions)
    source = path.with_name(f"{path.name}.c")
    source.write_text(f"{calls}{functions}const char padding[{padding + 1}] = {{1}};\n")
    command = ["cc", "-shared", "-fPIC", "-nostartfiles", "-Wl,--no-as-needed", "-o", str(path), str(source)]
    if soname is not None:
        command.append(f"-Wl,-soname,{soname}")
    if rpath is not None:
        command += ["-Wl,--disable-new-dtags", f"-Wl,-rpath,{rpath}"]
    if runpath is not None:
        command += ["-Wl,--enable-new-dtags", f"-Wl,-rpath,{runpath}"]
    if versions:
        script = path.with_name(f"{path.name}.map")
        script.write_text("".join(f"{version} {{ global: f_{version}; }};\n" for version in versions))
        command.append(f"-Wl,--version-script={script}")
    command += [str(library) for library in needs]
    command += ["-Wl,--allow-shlib-undefined"]
    subprocess.run(command, check=True, capture_output=True)
    for left in (source, path.with_name(f"{path.name}.map")):
        left.unlink(missing_ok=True)
    return path


def distribution(
    site: Path, name: str, version: str = "1.0", *, files: Sequence[Path] = (), requires: Sequence[str] = ()
) -> InstalledDistribution:
    """Record files as those of a distribution."""
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    lines = [f"{path.relative_to(site)},," for path in files]
    (metadata / "RECORD").write_text("".join(f"{line}\n" for line in lines))
    return InstalledDistribution(
        name=name,
        version=Version(version),
        says=version,
        directory=site,
        metadata=metadata.name,
        requires=tuple(requires),
        installer="uv",
    )


def environment(
    prefix: Path,
    distributions: Sequence[InstalledDistribution],
    *,
    kind: PrefixKind = PrefixKind.VENV,
    python: Path | None = None,
) -> InstalledEnvironment:
    """Return an environment with ``site`` as its only site directory."""
    return InstalledEnvironment(
        prefix=prefix,
        kind=kind,
        python=python if python is not None else prefix / "bin" / "python",
        python_version=Version("3.12"),
        site_directories=(prefix / "site",),
        own_directories=(prefix / "site",),
        distributions=tuple(sorted(distributions, key=lambda item: item.name)),
    )


class Disk:
    """Libraries of the disk, for the loader."""

    def linkage(self, path: str) -> Linkage | None:
        """Read a library; None where there is none."""
        if not Path(path).is_file():
            return None
        with Path(path).open("rb") as file:
            return read_linkage(file)

    def real(self, path: str) -> str:
        """Return a path without links."""
        return str(Path(path).resolve())
