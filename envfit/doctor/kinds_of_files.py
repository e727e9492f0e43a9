"""The kinds of findings about a file that locks packages."""

from __future__ import annotations

from envfit.doctor.finding import Kind, Stage
from envfit.lock.refusal import Cause

__all__ = [
    "BUILT_THERE",
    "CODE_UNKNOWN",
    "COMPILED_THERE",
    "DRIVER_DRIVES_NOT",
    "FACT_UNKNOWN",
    "FILES_NOT_NAMED",
    "GPU_ABSENT",
    "KINDS",
    "NEEDS_DISAGREE",
    "NEED_NOT_LOCKED",
    "NOT_PINNED",
    "NOT_WHOLE",
    "OF_CAUSE",
    "PLATFORM",
    "PYTHON",
    "TREE_UNKNOWN",
    "WORKS_BADLY",
]

_RELOCK = "Lock again for that target; envfit lock takes the releases that serve it."

PLATFORM = Kind(
    code="locked-for-another-platform",
    stage=Stage.METADATA,
    cause="The file says for which machines it was locked, and the target is none of them.",
    remedy="Lock for the target's platform, or add it to the environments that the file is for.",
)
PYTHON = Kind(
    code="locked-for-another-python",
    stage=Stage.METADATA,
    cause="The file, or a package in it, requires a Python that the target does not have.",
    remedy="Use a Python that the file is for, or lock again for the target's.",
)
TAGS = Kind(
    code="locked-files-do-not-fit",
    stage=Stage.METADATA,
    cause="None of the files that are locked for a package is made for the Python and the platform of the "
    "target, so an installer stops.",
    remedy="Use a Python that the package has wheels for, or lock another release of it.",
)
GLIBC = Kind(
    code="locked-glibc-too-old",
    stage=Stage.METADATA,
    cause="The wheels of a package are made for a newer glibc than the target has, so no installer takes "
    "them there.",
    remedy="Use a newer distribution of Linux or a container, or lock an older release of the package.",
)
CODE = Kind(
    code="locked-no-code-for-gpu",
    stage=Stage.KNOWLEDGE,
    cause="The GPU code in the wheel is compiled for other architectures than that of a GPU of the target. "
    "It installs and imports, and fails with the first kernel.",
    remedy="Lock a release or a build that has code for the GPU.",
)
NO_CODE = Kind(
    code="locked-without-gpu-code",
    stage=Stage.KNOWLEDGE,
    cause="The build that is locked has no GPU code at all, though the package has builds that do.",
    remedy="Take the build for CUDA, from the index that has it.",
)
SOURCE = Kind(
    code="locked-as-source",
    stage=Stage.KNOWLEDGE,
    cause="A package with GPU code is locked as a source distribution only, and how it is built for a GPU "
    "is not known.",
    remedy="Lock a release or a build that has a wheel.",
)
GPU = Kind(
    code="locked-for-another-gpu",
    stage=Stage.KNOWLEDGE,
    cause="A package, or the libraries of CUDA that it brings, work with other GPUs than those of the "
    "target only.",
    remedy=_RELOCK,
)
DRIVER = Kind(
    code="locked-driver-too-old",
    stage=Stage.KNOWLEDGE,
    cause="What is locked needs a newer driver than the target has.",
    remedy="Install that driver, or lock again for the driver that is there.",
)
FACT = Kind(
    code="locked-machine-lacks",
    stage=Stage.KNOWLEDGE,
    cause="A package needs something of the machine that the target does not have.",
    remedy=_RELOCK,
)
MISSING = Kind(
    code="locked-needs-more",
    stage=Stage.KNOWLEDGE,
    cause="A package works only together with another one that its metadata does not name, and that one is "
    "not in the file.",
    remedy="Add the missing package to what is asked for, and lock again.",
)
PACKAGES = Kind(
    code="locked-packages-disagree",
    stage=Stage.KNOWLEDGE,
    cause="Packages are locked in releases or builds that do not work together, though their metadata "
    "allows it.",
    remedy="Lock again with releases that go together.",
)
PROVIDED = Kind(
    code="locked-provided-differs",
    stage=Stage.METADATA,
    cause="The file counts on packages that a module provides, and the module has others.",
    remedy="Load that module, or lock again with --provided-from.",
)
DRIVER_DRIVES_NOT = Kind(
    code="driver-does-not-drive-gpu",
    stage=Stage.KNOWLEDGE,
    cause="The driver of the target supports its GPU no longer, or not yet. Nothing runs there, whatever is "
    "installed.",
    remedy="Keep a driver branch that drives the GPU.",
)
NEED_NOT_LOCKED = Kind(
    code="locked-need-missing",
    stage=Stage.METADATA,
    cause="A package of the file needs another on the target, and the file has none that fits: it was edited "
    "by hand, or locked without that platform in mind.",
    remedy="Lock again with the tool that wrote the file.",
)
NEEDS_DISAGREE = Kind(
    code="locked-needs-disagree",
    stage=Stage.METADATA,
    cause="A package requires another in versions that the locked one is not among. pip and uv refuse to "
    "resolve that; where it is installed without looking, it fails at the first use.",
    remedy="Lock again with the tool that wrote the file.",
)
WORKS_BADLY = Kind(
    code="locked-works-badly",
    stage=Stage.KNOWLEDGE,
    cause="It runs on the target, and part of it is slow, degraded or fails when it is used.",
    remedy="Follow the rule that is named, or live without that part.",
)
CODE_UNKNOWN = Kind(
    code="locked-gpu-code-unknown",
    stage=Stage.KNOWLEDGE,
    cause="Nobody has read which GPU code is in a wheel, so nobody knows whether it serves the GPU.",
    remedy="Read it: --online, or envfit knowledge scan on the wheel.",
)
FACT_UNKNOWN = Kind(
    code="locked-fact-unknown",
    stage=Stage.KNOWLEDGE,
    cause="Whether a package works depends on something of the machine that is not known.",
    remedy="Say it on the command line, or check on the machine itself.",
)
GPU_ABSENT = Kind(
    code="locked-needs-gpu",
    stage=Stage.KNOWLEDGE,
    cause="A package works only with a GPU, and the target has none.",
    remedy="Name the GPU that it is meant for: --gpu NAME.",
)
NOT_PINNED = Kind(
    code="locked-not-pinned",
    stage=Stage.METADATA,
    cause="The file leaves open which release of a package is installed, so it is no lock: what is installed "
    "tomorrow may be another.",
    remedy="Lock it, with envfit lock -r, uv pip compile or pip-compile.",
)
NOT_WHOLE = Kind(
    code="locked-not-whole",
    stage=Stage.METADATA,
    cause="Nothing says that the file names all packages: what it names may bring in others, in releases "
    "that are chosen when it is installed.",
    remedy="Let a tool write it (envfit lock, uv pip compile, pip-compile), or ask the index with --online.",
)
FILES_NOT_NAMED = Kind(
    code="locked-files-not-named",
    stage=Stage.METADATA,
    cause="The file pins versions and does not name their files, so it does not tell whether there is one "
    "for the Python and the platform of the target.",
    remedy="Ask the index: --online.",
)
COMPILED_THERE = Kind(
    code="locked-compiled-there",
    stage=Stage.KNOWLEDGE,
    cause="A package with GPU code is compiled where it is installed: what it will run on is decided there, "
    "by the compiler and its settings.",
    remedy="Build it for the GPU of the target, with the CUDA toolkit that torch was built with.",
)
BUILT_THERE = Kind(
    code="locked-built-there",
    stage=Stage.METADATA,
    cause="None of the wheels that are locked for a package fits the target, so an installer builds it from "
    "its source distribution, which takes time, compilers and what else its build needs.",
    remedy="Lock a release that has a wheel for the target, or see that it can be built there.",
)
TREE_UNKNOWN = Kind(
    code="locked-source-unknown",
    stage=Stage.KNOWLEDGE,
    cause="A package with GPU code comes from a repository, a directory or an address, and what is there is "
    "not known.",
    remedy="Install it on the target and check the environment.",
)

#: What kind of finding a refusal is.
OF_CAUSE = {
    Cause.PLATFORM: PLATFORM,
    Cause.PYTHON: PYTHON,
    Cause.TAGS: TAGS,
    Cause.GLIBC: GLIBC,
    Cause.CODE: CODE,
    Cause.NO_CODE: NO_CODE,
    Cause.SOURCE: SOURCE,
    Cause.GPU: GPU,
    Cause.DRIVER: DRIVER,
    Cause.FACT: FACT,
    Cause.MISSING: MISSING,
    Cause.PACKAGES: PACKAGES,
    Cause.PROVIDED: PROVIDED,
}

#: All kinds of this module, in the order of the error reference.
KINDS = (
    *OF_CAUSE.values(),
    NEED_NOT_LOCKED,
    NEEDS_DISAGREE,
    DRIVER_DRIVES_NOT,
    WORKS_BADLY,
    CODE_UNKNOWN,
    FACT_UNKNOWN,
    GPU_ABSENT,
    NOT_PINNED,
    NOT_WHOLE,
    FILES_NOT_NAMED,
    COMPILED_THERE,
    BUILT_THERE,
    TREE_UNKNOWN,
)
