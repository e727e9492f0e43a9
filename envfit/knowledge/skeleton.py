"""The beginning of a file about a package, for a person who knows GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from envfit.frozen import frozen

__all__ = ["BLANK", "ReleasedFile", "skeleton"]


@frozen
class ReleasedFile:
    """A file of a release, by its name and hash."""

    filename: str
    sha256: str


_HEAD = """\
schema = 1
# What envfit knows of {name}.  Take away the "# " before the lines that you need, fill them in, and delete
# the rest; then run `envfit knowledge lint{folder}`.
package = "{name}"
"""

#: What stands where something is to be filled in.
BLANK = "FILL-IN"

_CITED = (
    '#   {{ kind = "artifact", source = "{source}", sha256 = "{sha256}", '
    'locator = "FILL-IN: which file in it, and what it says", checked = {today} }},'
)

_BODY = """
# What to import to know that it works, where that is not the package's name.
# imports = ["{module}"]

# Does it have builds with GPU code, so that one without is no answer on a machine with a GPU?
# gpu_builds = true

# --- A rule: what cannot work, or works badly -----------------------------------------------------------
#
# What a rule may ask for:
#   __capability>=8.0          the compute capability of every GPU in use
#   __cuda_driver>=580.65.06   the driver
#   __torch_cuda>=12,<13       the CUDA runtime of torch, for libraries linked with libcudart.so.12
#   __glibc>=2.29  __nvcc>=12.4  __gxx>=9  __memory>=32
#   torch<2.14                 another package
# Do not say again what the package's own metadata says.
#
# [[rule]]
# id = "{name}/ampere-or-newer"         # {name}/ and a few words; never used for another rule
# applies = {{ versions = "{versions}" }}      # the releases that you know it of
# requires = ["__capability>=8.0"]      # `constrains` instead: only where there is a GPU, or that package
# severity = "blocks"                   # cannot work; "warns": works badly
# status = "active"
# why = "FILL-IN: one sentence that a user reads, with a capital and a full stop."
# evidence = [
#   # kind: measured, artifact (the file itself), release-notes, docs; issue and forum only for warnings.
#   # locator: where in it you read it.  checked: the day you did.
{cited}
# ]

# --- Its example, which is its test: a machine and what is installed there -------------------------------
#
# [[example]]
# gpu = ["V100"]                        # names as people write them, or capabilities such as "7.0"
# driver = "580.95.05"                  # left out: what NVIDIA still supports for that GPU
# installed = ["{name}=={version}"]     # and what it needs beside it, such as "torch==2.10.0"
# breaks = ["{name}/ampere-or-newer"]   # the rules that must object
#
# One on the good side, where nothing may object:
#
# [[example]]
# gpu = ["A100"]
# installed = ["{name}=={version}"]

# --- Its own GPU code: instead of rules about capabilities, where a program can read them in the wheel ----
#
# `envfit knowledge scan {name}` shows what is in a wheel.  Name the libraries that the package loads, and
# not what it only carries (NVIDIA's own libraries, one of several of which one is chosen).
#
# [[own_code]]
# libraries = ["{module}/_C*.so"]       # paths in the wheel, or patterns
# evidence = [
{cited}
# ]
"""


def skeleton(
    name: str, *, version: str | None, files: Sequence[ReleasedFile], today: date, folder: str
) -> str:
    """Return the text of a file that loads, and that lints find empty until it is filled in.

    ``files`` are those of the newest release; ``folder`` is what comes after ``envfit knowledge lint``.
    """
    first = files[0] if files else ReleasedFile(filename=BLANK, sha256=BLANK)
    lines = [_HEAD.format(name=name, folder=f" {folder}" if folder else "")]
    if version is not None:
        lines.append(f"\n# The newest release is {version}.  Its files, to be cited by name and hash:\n")
        lines += [f"#   {file.filename}\n#     sha256 {file.sha256}\n" for file in files]
    lines.append(
        _BODY.format(
            name=name,
            module=name.replace("-", "_"),
            version=version or "1.0",
            versions=f"=={version}" if version else ">=1.0",
            cited=_CITED.format(source=first.filename, sha256=first.sha256, today=today.isoformat()),
        )
    )
    return "".join(lines)
