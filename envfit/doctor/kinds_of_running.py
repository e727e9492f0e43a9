"""The kinds of finding about what an environment links, imports and computes."""

from __future__ import annotations

from envfit.doctor.finding import Kind, Stage

__all__ = [
    "ATTENTION_BREAKS_MODELS",
    "CUDA_MAJORS_MIXED",
    "DRIVER_NOT_HERE",
    "GPU_NOT_SEEN",
    "GPU_NOT_USED",
    "GPU_PROGRAM_FAILS",
    "GPU_PROGRAM_HANGS",
    "GPU_RESULT_WRONG",
    "IMPORT_CRASHES",
    "IMPORT_FAILS",
    "IMPORT_HANGS",
    "IMPORT_NOT_PROVABLE",
    "KINDS",
    "LIBRARY_MISSING",
    "LIBRARY_NOT_ON_PATH",
    "LIBRARY_SHADOWED",
    "LIBRARY_TOO_OLD",
    "LIBRARY_TWICE",
    "SCENARIO_FAILS",
    "SCENARIO_NOT_PROVABLE",
]

LIBRARY_MISSING = Kind(
    code="library-missing",
    stage=Stage.LIBRARIES,
    cause="A compiled part of a package is linked with a shared library that is neither in the environment "
    "nor where the system's loader looks.",
    remedy="Install what holds the library: the NVIDIA wheels of the right CUDA major, a package of the "
    "system, or a release of the package that brings it along.",
)
LIBRARY_NOT_ON_PATH = Kind(
    code="library-not-on-path",
    stage=Stage.LIBRARIES,
    cause="A shared library is in the environment, but not where the package that is linked with it is "
    "told to look: it is found only where something else has loaded it before.",
    remedy="Load it before, by the package's own means or by importing torch first.",
)
LIBRARY_TOO_OLD = Kind(
    code="library-too-old",
    stage=Stage.LIBRARIES,
    cause="A compiled part of a package asks for versions of symbols (GLIBC, GLIBCXX, CXXABI and the like) "
    "that the library which is loaded for it does not have: it was built on a newer system.",
    remedy="Use a release of the package that was built for an older system, or bring a newer library: "
    "libstdc++ comes with conda's libstdcxx-ng, glibc only with the system or a container.",
)
CUDA_MAJORS_MIXED = Kind(
    code="cuda-majors-mixed",
    stage=Stage.LIBRARIES,
    cause="Packages that are loaded together are linked with the libraries of different CUDA major versions, "
    "or the libraries of two majors are there where one is looked for without its version.",
    remedy="Use builds for one CUDA major version throughout.",
)
LIBRARY_TWICE = Kind(
    code="library-twice",
    stage=Stage.LIBRARIES,
    cause="Two different files answer to the same name of a shared library, and different packages load "
    "different ones: in one process, whichever is loaded first serves both.",
    remedy="Keep one of them: remove the other, or use packages that are made for the same one.",
)
LIBRARY_SHADOWED = Kind(
    code="library-shadowed",
    stage=Stage.LIBRARIES,
    cause="LD_LIBRARY_PATH names a directory with a library of the same name as one in the environment, "
    "and the loader looks there first.",
    remedy="Unset LD_LIBRARY_PATH, or take the directory out of it, while the environment is in use.",
)
DRIVER_NOT_HERE = Kind(
    code="driver-not-here",
    stage=Stage.LIBRARIES,
    cause="A package is linked with a library of NVIDIA's driver, which this machine does not have.",
    remedy="Check the environment again on a machine with the GPU.",
)
IMPORT_FAILS = Kind(
    code="import-fails",
    stage=Stage.IMPORTS,
    cause="A package cannot be imported; the finding tells the exception at the root, and whose file "
    "raised it, not the last message.",
    remedy="Mend the package at the root; those that import it come right by themselves.",
)
IMPORT_CRASHES = Kind(
    code="import-crashes",
    stage=Stage.IMPORTS,
    cause="The process ends while a package is imported, mostly in a compiled library that does not fit "
    "another one or this processor.",
    remedy="Install builds of the packages that were made for each other.",
)
IMPORT_HANGS = Kind(
    code="import-hangs",
    stage=Stage.IMPORTS,
    cause="A package is not imported within the limit of time: a slow file system, a network that is "
    "waited for, or a deadlock.",
    remedy="Import it by hand and see where it waits; on a slow file system once more, when it is read.",
)
IMPORT_NOT_PROVABLE = Kind(
    code="import-not-provable",
    stage=Stage.IMPORTS,
    cause="A package cannot be imported without NVIDIA's driver, which is not there.",
    remedy="Check the environment again on a machine with the GPU.",
)
SCENARIO_FAILS = Kind(
    code="scenario-fails",
    stage=Stage.SCENARIOS,
    cause="The packages can be imported one by one, and what they are used for together fails.",
    remedy="Mend what the root of the exception names.",
)
SCENARIO_NOT_PROVABLE = Kind(
    code="scenario-not-provable",
    stage=Stage.SCENARIOS,
    cause="What packages are used for together needs a GPU, and there is none here.",
    remedy="Check the environment again on a machine with the GPU.",
)
ATTENTION_BREAKS_MODELS = Kind(
    code="attention-breaks-models",
    stage=Stage.SCENARIOS,
    cause="Where flash-attn is installed and a GPU is visible, transformers takes it for usable without "
    "trying, and imports it with its models; its compiled part does not import.",
    remedy="Uninstall flash-attn, so that transformers uses torch's own attention, or install a build of it "
    "that has its compiled part.",
)
GPU_NOT_SEEN = Kind(
    code="gpu-not-seen",
    stage=Stage.GPU,
    cause="The machine has a GPU, and the package does not see it: a build without CUDA, a driver that is "
    "too old for its CUDA runtime, or CUDA_VISIBLE_DEVICES.",
    remedy="Install a build with GPU code that the driver accepts.",
)
GPU_NOT_USED = Kind(
    code="gpu-not-used",
    stage=Stage.GPU,
    cause="A package works without a part that makes the GPU fast, such as cuDNN.",
    remedy="Install the part that is missing.",
)
GPU_PROGRAM_FAILS = Kind(
    code="gpu-program-fails",
    stage=Stage.GPU,
    cause="A small computation on the GPU fails; the finding tells the exception at the root.",
    remedy="Install builds with machine code for the GPU and libraries that its driver accepts.",
)
GPU_PROGRAM_HANGS = Kind(
    code="gpu-program-hangs",
    stage=Stage.GPU,
    cause="A small computation on the GPU does not end within the limit of time: PTX that is compiled for "
    "minutes, a GPU that others hold, or a driver that does not answer.",
    remedy="Look at nvidia-smi; where the code is compiled at first use, once more, when it is cached.",
)
GPU_RESULT_WRONG = Kind(
    code="gpu-result-wrong",
    stage=Stage.GPU,
    cause="A computation on the GPU ends and its result is further from the exact one than its precision "
    "explains.",
    remedy="Do not use the package on this GPU; install another release of it.",
)

KINDS = (
    LIBRARY_MISSING,
    LIBRARY_NOT_ON_PATH,
    LIBRARY_TOO_OLD,
    CUDA_MAJORS_MIXED,
    LIBRARY_TWICE,
    LIBRARY_SHADOWED,
    DRIVER_NOT_HERE,
    IMPORT_FAILS,
    IMPORT_CRASHES,
    IMPORT_HANGS,
    IMPORT_NOT_PROVABLE,
    SCENARIO_FAILS,
    SCENARIO_NOT_PROVABLE,
    ATTENTION_BREAKS_MODELS,
    GPU_NOT_SEEN,
    GPU_NOT_USED,
    GPU_PROGRAM_FAILS,
    GPU_PROGRAM_HANGS,
    GPU_RESULT_WRONG,
)
