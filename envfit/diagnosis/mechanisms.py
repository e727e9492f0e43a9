"""Every mechanism by which a program fails that is told apart without knowing the program: the registry."""

from __future__ import annotations

from envfit.frozen import frozen

__all__ = ["MECHANISMS", "Mechanism"]


@frozen
class Mechanism:
    """One way to fail: the code that names it, and what holds wherever it happens."""

    code: str  # never reused
    cause: str  # one or two sentences, as the error reference prints them
    remedy: str  # likewise
    environment: bool = True  # False: another environment would not help


_MADE: list[Mechanism] = []


def _mechanism(code: str, cause: str, remedy: str, *, environment: bool = True) -> Mechanism:
    made = Mechanism(code=code, cause=cause, remedy=remedy, environment=environment)
    _MADE.append(made)
    return made


# -- imports ---------------------------------------------------------------------

MODULE_MISSING = _mechanism(
    "module-not-installed",
    "The Python that ran finds no module of this name: its package is not installed in this environment, or "
    "it is a file of the project and its folder is not on the path.",
    "Install the package that has the module into the environment that ran, or start the program where its "
    "own modules are found.",
)
PROJECT_MODULE = _mechanism(
    "project-module-not-found",
    "A module of the project itself is not found or not complete: the program was started from another "
    "folder, or its files are not of one state.",
    "Start the program from the project's folder, or install the project.",
    environment=False,
)
EXTENSION_MISSING = _mechanism(
    "extension-missing",
    "The Python files of a package are there and its compiled part is not: it was installed without being "
    "compiled, or its compiled part is for another Python.",
    "Reinstall the package from a wheel for this Python and platform, or build it with what its build needs.",
)
SUBMODULE_MISSING = _mechanism(
    "submodule-missing",
    "A package is installed, and the release that is installed has no module of the name that is imported: "
    "the code was written for another release.",
    "Install the release of the package that the code was written for, or a newer release of the code.",
)
MODULE_SHADOWED = _mechanism(
    "module-shadowed",
    "A file or folder of the user has the name of an installed package and is found before it.",
    "Give the file or folder another name, and remove its __pycache__.",
)
CIRCULAR_IMPORT = _mechanism(
    "circular-import",
    "Modules of a package import each other in a circle, which happens where releases do not fit together, "
    "an installation is half done, or a file shadows a package.",
    "Reinstall the package, and upgrade those that it imports on the way.",
)
NAME_MISSING = _mechanism(
    "name-missing",
    "A package is installed, and the release that is installed does not have the name that is asked of it: "
    "the code was written for another release.",
    "Install the release of the package that the code was written for, or a newer release of the code.",
)
STDLIB_REMOVED = _mechanism(
    "standard-module-removed",
    "The code imports a module that this Python no longer has.",
    "Use a release of the package for this Python, or an older Python.",
)
STDLIB_NEWER = _mechanism(
    "standard-module-newer",
    "The code imports a module that only a newer Python has.",
    "Use a newer Python, or an older release of the package.",
)
PYTHON_INCOMPLETE = _mechanism(
    "python-built-incomplete",
    "This Python was built without one of its own compiled modules, because a library was missing then.",
    "Use another build of Python (of uv, conda or the system), or install the library with its headers and "
    "build Python again.",
)
SYNTAX_NEWER = _mechanism(
    "syntax-of-newer-python",
    "A package contains syntax that this Python does not know: it was written for a newer Python.",
    "Use a newer Python, or an older release of the package.",
)
PYTHON_2_CODE = _mechanism(
    "python-2-code",
    "The code is written for Python 2.",
    "Use a release of the package for Python 3.",
)
PACKAGE_REFUSES = _mechanism(
    "package-says-so",
    "A package stopped by itself and says why: a version, a build, a GPU or another package that it needs. "
    "Nothing else that is known speaks for or against it.",
    "Do what its message asks for, as far as the other packages allow it.",
)
CALL_MISMATCH = _mechanism(
    "call-does-not-fit",
    "A package calls another one in a way that the installed release of that one does not take: they are "
    "not of the same time.",
    "Bring the two packages to releases that fit together.",
)
METADATA_MISSING = _mechanism(
    "package-metadata-missing",
    "A program looks for the metadata of a package, and it is not installed in this environment or its "
    "metadata was removed.",
    "Install the package.",
)
VERSION_REFUSED = _mechanism(
    "version-refused",
    "A program checks the versions of packages when it starts, and one is outside of the range that it "
    "takes.",
    "Install a version in the range.",
)
METACLASS_OR_TYPE = _mechanism(
    "typing-incompatible",
    "A package fails while its classes are made, because this Python or a typing package handles "
    "annotations in another way than it expects.",
    "Install releases of the packages that are made for this Python.",
)
MODULE_OF_SYSTEM = _mechanism(
    "module-of-another-system",
    "A standard module or package is only there on another operating system than the one that runs.",
    "Use Linux (on Windows: WSL), or a release of the package for this system.",
)
MODEL_UNKNOWN = _mechanism(
    "model-unknown-to-release",
    "A program is asked to load a model of a kind that its installed release does not know.",
    "Upgrade the program, as far as the other packages allow it, or take another model.",
)

# -- libraries --------------------------------------------------------------------

SYMBOL_TORCH = _mechanism(
    "built-for-other-torch",
    "A compiled extension asks torch's libraries for a function that they do not have: it was built against "
    "another torch release, or with the other C++ ABI.",
    "Install the build of the extension for this torch, or build it against this torch.",
)
SYMBOL_PYTHON = _mechanism(
    "built-for-other-python",
    "A compiled extension asks the interpreter for a function that it does not have: it was built for "
    "another Python.",
    "Reinstall it for the Python that runs.",
)
SYMBOL_CUDA = _mechanism(
    "cuda-library-mismatch",
    "A library asks a library of CUDA for a function that the one that was loaded does not have: one of "
    "another release comes first, mostly through LD_LIBRARY_PATH or from the system.",
    "Unset LD_LIBRARY_PATH; have the CUDA libraries of one release only.",
)
SYMBOL_OTHER = _mechanism(
    "undefined-symbol",
    "A compiled library asks another library for a function that it does not have: it was built against "
    "another version of it.",
    "Reinstall both so that they are of the same time and source.",
)
LIBRARY_CUDA = _mechanism(
    "missing-cuda-library",
    "A compiled library is linked with a library of CUDA that the loader does not find: its CUDA major is "
    "not installed, or not where the loader looks.",
    "Install the build for the CUDA of this environment, or the CUDA libraries of that major.",
)
LIBRARY_DRIVER = _mechanism(
    "missing-driver-library",
    "A library of the NVIDIA driver is not found: the machine or container has no driver.",
    "Run it where the driver is, or start the container with the GPU.",
)
LIBRARY_TORCH_CUDA = _mechanism(
    "torch-without-cuda-library",
    "An extension was built for a torch with CUDA, and the torch that is installed is a build without.",
    "Install a torch with CUDA, or the extension for the CPU.",
)
LIBRARY_TORCH = _mechanism(
    "missing-torch-library",
    "An extension needs a library of torch and does not find it: torch is not installed where it is looked "
    "for, or the extension was loaded before torch.",
    "Install torch in the same environment, and import torch first.",
)
LIBRARY_ROCM = _mechanism(
    "missing-rocm-library",
    "A build for AMD GPUs (ROCm) is installed, and its libraries are not there.",
    "Install the build for NVIDIA GPUs.",
)
LIBRARY_PYTHON = _mechanism(
    "missing-python-library",
    "A program is linked with the shared library of a Python that is not found: that Python was removed, or "
    "its lib directory is not where the loader looks.",
    "Make the environment again with a Python that is there.",
)
LIBRARY_SYSTEM = _mechanism(
    "missing-system-library",
    "A shared library of the system is not installed on the machine or in the container image.",
    "Install the system's package that has it.",
)
LIBRARY_MISSING = _mechanism(
    "missing-shared-library",
    "A compiled library needs another one that the loader does not find.",
    "Install what has it, or say where it is.",
)
LIBC_OLD = _mechanism(
    "c-library-too-old",
    "A compiled library needs a newer C library (glibc) than the system has.",
    "Use a build for an older glibc, or a newer system or container image.",
)
LIBSTDCXX_OLD = _mechanism(
    "cxx-library-too-old",
    "A compiled library needs a newer libstdc++ than the one that was loaded.",
    "Have a newer libstdc++ found first: that of conda, or of a newer system.",
)
LIBRARY_FOREIGN = _mechanism(
    "library-for-other-machine",
    "A file is no library for this machine: it is for another kind of processor, or damaged.",
    "Reinstall the package for this machine.",
)
LIBRARY_REFUSED = _mechanism(
    "library-refused-by-system",
    "The system refuses to load a library as it is made, such as one that asks for an executable stack.",
    "Install a newer build of the package.",
)
NUMPY_ABI = _mechanism(
    "built-for-other-numpy",
    "A compiled extension was built against another NumPy than the one that is installed.",
    "Install a release of the extension for this NumPy, or the NumPy that it was built for.",
)
OPENMP_TWICE = _mechanism(
    "openmp-loaded-twice",
    "Two copies of the OpenMP runtime are loaded into one process: packages of different sources each bring "
    "their own.",
    "Take NumPy, torch and MKL from one source.",
)
LIBRARY_VERSION = _mechanism(
    "library-of-another-version",
    "A compiled file needs a function that the loaded version of a common library does not have.",
    "Have the library once, in the version that the file was built with.",
)
TLS_FULL = _mechanism(
    "static-tls-full",
    "The loader has no room left for a library that needs static thread-local storage.",
    "Load that library first.",
)

# -- CUDA -------------------------------------------------------------------------

CUDA_NO_KERNEL = _mechanism(
    "cuda-no-kernel-image",
    "A GPU program has no code for this GPU: it was compiled for other compute capabilities.",
    "Install a build with code for this GPU.",
)
CUDA_DRIVER_OLD = _mechanism(
    "cuda-driver-insufficient",
    "The NVIDIA driver is older than the CUDA runtime of the program needs, or the driver's library is not "
    "seen at all.",
    "Install a newer driver, or packages for an older CUDA.",
)
CUDA_NO_DEVICE = _mechanism(
    "cuda-no-device",
    "CUDA sees no GPU: there is none, it is hidden from this process, or the driver cannot use it.",
    "Look at nvidia-smi and CUDA_VISIBLE_DEVICES; ask for a GPU in the job or container.",
    environment=False,
)
CUDA_INVALID_DEVICE = _mechanism(
    "cuda-invalid-device",
    "The program asks for a GPU by a number that this process does not have.",
    "Use as many processes or device numbers as GPUs are visible.",
    environment=False,
)
CUDA_MEMORY = _mechanism(
    "cuda-out-of-memory",
    "The memory of the GPU does not suffice for what the program asked for; another environment does not "
    "change that.",
    "Smaller batches or models, or a GPU that nobody else uses.",
    environment=False,
)
CUDA_KERNEL_FAULT = _mechanism(
    "cuda-kernel-fault",
    "A kernel read or wrote outside of its memory or failed while it ran: a fault of the kernel or of what "
    "it was given, seldom of the environment.",
    "Run with CUDA_LAUNCH_BLOCKING=1, so that the traceback names the operation.",
    environment=False,
)
CUDA_ASSERT = _mechanism(
    "cuda-device-assert",
    "A kernel checked its input and stopped: mostly an index outside of a table.",
    "Run on the CPU or with CUDA_LAUNCH_BLOCKING=1 to see which operation it is.",
    environment=False,
)
CUDA_NOT_READY = _mechanism(
    "cuda-fabric-not-ready",
    "The GPUs of a machine with NVSwitch wait for the fabric manager, which does not run or is of another "
    "version than the driver.",
    "Have the fabric manager of the driver's version started.",
)
CUDA_DRIVER_MIXED = _mechanism(
    "cuda-driver-mixed",
    "The CUDA library of the driver and the kernel module of the driver are of different releases.",
    "Restart the machine after a driver upgrade; remove another libcuda.so.1 or cuda-compat from the path.",
)
CUDA_FORWARD_COMPAT = _mechanism(
    "cuda-forward-compatibility",
    "A forward-compatibility library (cuda-compat) is found first on a GPU that does not support it, or "
    "driver and library are mixed.",
    "Take the compat directory out of LD_LIBRARY_PATH.",
)
CUDA_UNKNOWN = _mechanism(
    "cuda-unknown-error",
    "CUDA failed without a reason that it can name: mostly the driver's state (after sleep, an upgrade, or "
    "a lost device file), seldom the environment.",
    "Load the nvidia_uvm module again or restart the machine; look at dmesg.",
)
CUDA_OS = _mechanism(
    "cuda-operating-system",
    "A call of the CUDA driver to the operating system failed: device files or permissions are missing.",
    "Give the process or container the /dev/nvidia* files.",
)
CUDA_HARDWARE = _mechanism(
    "cuda-hardware-fault",
    "The GPU reports a fault of its hardware or its links.",
    "Have the machine's owner look at it.",
    environment=False,
)
CUDA_STUB = _mechanism(
    "cuda-stub-library",
    "The stub of libcuda, which is there only to link with, is loaded in place of the driver's library.",
    "Take the stubs directory out of LD_LIBRARY_PATH.",
)
CUDA_PTX = _mechanism(
    "cuda-ptx-too-new",
    "The program holds PTX of a newer CUDA toolkit than the driver understands.",
    "Install a newer driver, or packages for an older CUDA.",
)
CUDA_JIT = _mechanism(
    "cuda-jit-compiler-missing",
    "The driver's library that compiles PTX is not found.",
    "Install the driver whole, or give the container its compute and utility parts.",
)
CUDA_BUSY = _mechanism(
    "cuda-device-busy",
    "The GPU is there and refuses the process: another one holds it exclusively, or MPS is in the way.",
    "Wait for the other process, or have the compute mode changed.",
    environment=False,
)
CUDA_INITIALIZATION = _mechanism(
    "cuda-initialization",
    "CUDA could not be started in this process: it was forked after CUDA had been used, or the driver is "
    "not ready.",
    "Start worker processes with spawn; look whether nvidia-smi works.",
    environment=False,
)
CUDA_RESOURCES = _mechanism(
    "cuda-launch-resources",
    "A kernel asks for more registers, threads or shared memory than this GPU has: it was written for "
    "another.",
    "Use a release or a setting that knows this GPU.",
)
CUDA_MPS = _mechanism(
    "cuda-mps",
    "The server or daemon by which processes share a GPU (MPS) refused or ended the process.",
    "Restart MPS, or run without it.",
    environment=False,
)
CUDA_USAGE = _mechanism(
    "cuda-wrong-use",
    "A call of CUDA was refused as wrong: a fault of the program or library that made it.",
    "Look at the operation in the traceback, with CUDA_LAUNCH_BLOCKING=1.",
    environment=False,
)
CUDA_UNSUPPORTED = _mechanism(
    "cuda-not-supported",
    "This GPU or driver does not support an operation that the program asked for.",
    "Use a setting without it.",
)
TORCH_CPU = _mechanism(
    "torch-without-cuda",
    "The installed torch is a build without CUDA.",
    "Install a torch with CUDA.",
)
WITHOUT_CUDA = _mechanism(
    "package-without-cuda",
    "A package was asked to work on the GPU, and the build of it that is installed has no code for CUDA.",
    "Install the build of the package with CUDA, or build it with nvcc there.",
)
NCCL_FAILED = _mechanism(
    "nccl-failed",
    "Communication between GPUs failed; NCCL's own lines say where.",
    "Run with NCCL_DEBUG=INFO and read the first line with WARN.",
)
CUDA_LIBRARY_FAILED = _mechanism(
    "cuda-library-failed",
    "A library of CUDA (cuBLAS, cuDNN, cuSOLVER, cuFFT, NVRTC) failed and gives only a status.",
    "Look at free GPU memory first, then which copy of the library is loaded.",
)
GPU_CAPABILITY = _mechanism(
    "gpu-lacks-capability",
    "A program needs a newer GPU than this one.",
    "Use a setting or release that supports this GPU.",
)
GPU_XID = _mechanism(
    "gpu-xid",
    "The driver reported an error of the GPU to the kernel log; its Xid number says of what kind.",
    "Look the number up in NVIDIA's list of Xid errors.",
    environment=False,
)
CUDA_FORK = _mechanism(
    "cuda-after-fork",
    "A process was forked after CUDA had been used in its parent, which CUDA does not allow.",
    "Start worker processes with spawn.",
    environment=False,
)

# -- the machine and the system ----------------------------------------------------

KILLED_MEMORY = _mechanism(
    "killed-out-of-memory",
    "The system killed the process because the machine, container or job had no memory left.",
    "Give it more memory, or have it use less: fewer workers, smaller batches.",
    environment=False,
)
KILLED = _mechanism(
    "killed",
    "The process was killed from outside (signal 9): mostly for memory, else by a job's limit or a person.",
    "Look at dmesg or the job's accounting for an out-of-memory kill.",
    environment=False,
)
SEGFAULT = _mechanism(
    "segmentation-fault",
    "A compiled library crashed; the text does not say which.",
    "Run with python -X faulthandler, which prints where Python was.",
)
BUS_ERROR = _mechanism(
    "shared-memory-too-small",
    "The shared memory (/dev/shm) is full or too small, as in containers that were not given more.",
    "Start the container with --shm-size=8g or --ipc=host.",
    environment=False,
)
ILLEGAL_INSTRUCTION = _mechanism(
    "processor-too-old",
    "A compiled library uses instructions that this processor does not have.",
    "Install a build for this processor.",
)
DISK_FULL = _mechanism(
    "disk-full",
    "The disk, a quota or the place for temporary files is full.",
    "Make room, or point TMPDIR and the caches to another disk.",
    environment=False,
)
OPEN_FILES = _mechanism(
    "too-many-open-files",
    "The process holds as many open files as the system allows it.",
    "Raise the limit (ulimit -n), or use fewer workers.",
    environment=False,
)
PERMISSION = _mechanism(
    "permission-denied",
    "The user may not write to or read from a file or folder.",
    "Use a folder that belongs to the user.",
    environment=False,
)
HOST_MEMORY = _mechanism(
    "out-of-memory",
    "The machine's memory (not the GPU's) does not suffice for what the program asked for.",
    "Give it more memory, or have it use less.",
    environment=False,
)
PORT_IN_USE = _mechanism(
    "port-in-use",
    "Another process listens on the port that the program wants.",
    "Choose another port, or end the process that holds it.",
    environment=False,
)
HUB_ACCESS = _mechanism(
    "hub-access-refused",
    "A server of models refused access: the model is gated or private, or the token is missing or wrong.",
    "Accept the model's conditions and log in.",
    environment=False,
)
FILE_MISSING = _mechanism(
    "file-missing",
    "The program opens a file that is not there.",
    "Look at the path, and whether the step that makes the file ran.",
    environment=False,
)
FILE_DAMAGED = _mechanism(
    "file-damaged",
    "A file is not what its name says: it was cut off, is a placeholder of Git LFS, or an error page in "
    "place of the file.",
    "Fetch the file again, whole.",
    environment=False,
)
JOB_ENDED = _mechanism(
    "job-ended-by-scheduler",
    "The scheduler of the cluster ended the job: its time was over, or somebody cancelled it.",
    "Ask for more time, or save and resume.",
    environment=False,
)
PROGRAM_MISSING = _mechanism(
    "program-missing",
    "A program that is called is not installed or not in PATH.",
    "Install it, or put its folder into PATH.",
)
RENDEZVOUS = _mechanism(
    "processes-did-not-meet",
    "The processes of a distributed run did not all reach each other: one failed first, or the network is "
    "in the way.",
    "Look for the first error of the other processes.",
    environment=False,
)
TENSOR_USE = _mechanism(
    "tensor-mismatch",
    "Tensors of different shape, type or device meet in one operation: a fault of the program or of the "
    "files that it reads, not of the environment.",
    "Look at the operation in the traceback.",
    environment=False,
)
CONTAINER_GPU = _mechanism(
    "container-cannot-use-gpu",
    "The container tools of the host could not give the GPU to the container: NVIDIA's toolkit, its device "
    "list (CDI) or the driver is missing or does not fit.",
    "Install or configure the NVIDIA Container Toolkit on the host (nvidia-ctk), and restart the container "
    "service.",
)
CONTAINER_IMAGE = _mechanism(
    "container-image-not-found",
    "The registry has no such image or tag, or does not give it to this user.",
    "Look at the name and tag of the image, and log in to the registry.",
    environment=False,
)
CONTAINER_SERVICE = _mechanism(
    "container-service-unreachable",
    "The container service does not run, or the user may not use it.",
    "Start it, or give the user the right to it.",
    environment=False,
)
MODEL_UNSUPPORTED = _mechanism(
    "model-not-supported",
    "The installed release of the program does not know this kind of model, quantization or file format: "
    "the model is newer than the release, or for another program.",
    "Upgrade the program, or take the model in a form that it knows.",
)
TOO_FEW_GPUS = _mechanism(
    "too-few-gpus",
    "The program was told to use more GPUs than there are, or a number by which the model cannot be divided.",
    "Set the number of GPUs (such as the tensor parallel size) to what is there and divides the model.",
    environment=False,
)
DATA_MISSING = _mechanism(
    "data-not-downloaded",
    "A program needs data or a model that is fetched separately, and it is not there.",
    "Fetch it with the command that the message names.",
    environment=False,
)
RUNTIME_ENVIRONMENT = _mechanism(
    "runtime-environment-failed",
    "An environment that a program makes for its workers could not be made: installing what it asks for "
    "failed.",
    "Look into the log of that installation, and install it once by hand to see its error.",
)
ATTENTION_CHOICE = _mechanism(
    "optional-package-missing",
    "A program was told to use an optional package that is not installed here.",
    "Install it, or choose another setting.",
)
BACKEND_MISSING = _mechanism(
    "server-backend-missing",
    "An inference server has no backend of the kind that a model asks for, or one of another release.",
    "Use the image or the release of the server that has the backend.",
)

# -- builds -----------------------------------------------------------------------

NVCC_MISSING = _mechanism(
    "nvcc-missing",
    "GPU code is compiled here, and no CUDA toolkit with nvcc is found.",
    "Install a CUDA toolkit and set CUDA_HOME, or install a wheel that is compiled already.",
)
NVCC_TORCH = _mechanism(
    "nvcc-differs-from-torch",
    "The CUDA toolkit (nvcc) is of another CUDA major than torch was built for.",
    "Use the toolkit of torch's CUDA, or a torch for the toolkit.",
)
NVCC_ARCHITECTURE = _mechanism(
    "nvcc-architecture",
    "A compute capability that is compiled for is not known to nvcc: the toolkit is too old for a new GPU "
    "or too new for an old one.",
    "Use a toolkit that knows it, or leave the architecture out.",
)
HOST_COMPILER = _mechanism(
    "host-compiler-unsupported",
    "The C++ compiler is of a version that nvcc does not take.",
    "Use an older compiler, or a newer CUDA toolkit.",
)
COMPILER_MISSING = _mechanism(
    "compiler-missing",
    "A package is compiled here, and there is no C or C++ compiler.",
    "Install the compiler, or a release that has a wheel.",
)
FORTRAN_MISSING = _mechanism(
    "fortran-missing",
    "A package is built from source, which needs a Fortran compiler.",
    "Take a release that has a wheel, or install gfortran.",
)
TOOLCHAIN_OLD = _mechanism(
    "rust-does-not-fit",
    "The installed Rust is older or newer than the sources take.",
    "Take a release that has a wheel, or another Rust.",
)
PATH_TOO_LONG = _mechanism(
    "path-too-long",
    "A path is longer than Windows takes without its setting for long paths.",
    "Turn on long paths, or install into a folder with a short path.",
)
HEADER_PYTHON = _mechanism(
    "python-headers-missing",
    "Something is compiled against Python, and the headers of this Python are not installed.",
    "Install the headers of this Python.",
)
HEADER_CUDA = _mechanism(
    "cuda-header-missing",
    "A header of the CUDA toolkit is missing: the toolkit is incomplete, or another one is found.",
    "Install the toolkit whole, with the headers of its libraries, and set CUDA_HOME.",
)
HEADER_MISSING = _mechanism(
    "header-missing",
    "Something is compiled here, and the header of a library that it needs is not installed.",
    "Install the library with its headers, or a release that has a wheel.",
)
CXX_STANDARD = _mechanism(
    "cxx-standard",
    "The headers need a newer C++ standard than the code is compiled for.",
    "Use a compiler and a release of the package for that standard, or an older library.",
)
COMPILER_MEMORY = _mechanism(
    "compiler-out-of-memory",
    "The machine ran out of memory while it compiled.",
    "Let fewer compilers run at once: MAX_JOBS=1.",
)
SOURCE_MISMATCH = _mechanism(
    "source-does-not-fit",
    "A source file does not compile against the installed version of a library or with this compiler.",
    "Use releases of the same time, or a wheel.",
)
ISOLATION_TORCH = _mechanism(
    "build-without-torch",
    "The build of a package imports torch and runs in an environment of its own that has none.",
    "Build it with --no-build-isolation, with torch and what the build needs installed before.",
)
ISOLATION_MODULE = _mechanism(
    "build-requirement-missing",
    "The build of a package imports a module that its build environment does not have.",
    "Install it and build with --no-build-isolation, or take a newer release or a wheel.",
)
BUILD_BACKEND = _mechanism(
    "build-tool-incompatible",
    "The build of a package fails in setuptools or Python itself: the package is older than these.",
    "Take a newer release or a wheel, or an older Python.",
)
LINK_LIBRARY = _mechanism(
    "link-library-missing",
    "The linker does not find a library.",
    "Install it for development, or say where it is with LIBRARY_PATH.",
)
RUST_MISSING = _mechanism(
    "rust-missing",
    "A package without a wheel for this Python and platform is built from source, which needs Rust.",
    "Take a release that has a wheel, or install Rust.",
)
CMAKE_MISSING = _mechanism(
    "cmake-missing",
    "A package is built from source, which needs CMake.",
    "Install cmake, or take a release that has a wheel.",
)
CMAKE_POLICY = _mechanism(
    "cmake-too-new",
    "CMake 4 no longer takes projects that are made for CMake before 3.5.",
    "Set CMAKE_POLICY_VERSION_MINIMUM=3.5, use an older CMake, or a newer release of the package.",
)
CMAKE_OLD = _mechanism(
    "cmake-too-old",
    "The project needs a newer CMake than the one that is found.",
    "Install a newer cmake.",
)
CMAKE_FINDS = _mechanism(
    "cmake-does-not-find",
    "CMake does not find a package or program that the project needs.",
    "Install it for development, or say where it is.",
)
BUILD_NO_GPU = _mechanism(
    "build-asks-for-gpu",
    "The build asks for the GPU to compile for, and there is none.",
    "Say what to compile for: TORCH_CUDA_ARCH_LIST.",
)
SOURCES_INCOMPLETE = _mechanism(
    "sources-incomplete",
    "A file of the sources is missing: the repository was cloned without its submodules, or the archive "
    "lacks it.",
    "Fetch them with git submodule update --init --recursive, or take a wheel.",
)
GIT_FAILED = _mechanism(
    "git-failed",
    "A repository could not be fetched with git.",
    "Look at the address, the revision and the rights.",
    environment=False,
)

# -- resolvers and installers ---------------------------------------------------------

CONFLICT = _mechanism(
    "requirements-conflict",
    "What was asked for excludes itself: packages need versions of another one that have nothing in common.",
    "Loosen one of the requirements that are named.",
)
INCONSISTENT = _mechanism(
    "environment-inconsistent",
    "What is installed does not satisfy what an installed package requires.",
    "Install versions that fit together.",
)
NOT_FOR_PYTHON = _mechanism(
    "no-release-for-this-python",
    "A package has no release for this Python: Python is newer or older than all that were asked for.",
    "Use a Python that the package supports, or another release.",
)
NOT_FOR_PLATFORM = _mechanism(
    "no-wheel-for-this-platform",
    "A release has no file for this platform, C library or Python, and no source to build.",
    "Use another release, another Python or another machine.",
)
NO_SUCH_VERSION = _mechanism(
    "no-such-version",
    "The index has the package, and not the version that was asked for.",
    "Ask for a version that is there.",
)
NO_SUCH_PACKAGE = _mechanism(
    "no-such-package",
    "The index has no package of this name.",
    "Look at the spelling, or add the index that has it.",
)
LOCAL_VERSION = _mechanism(
    "local-version-elsewhere",
    "A version with a label such as +cu121 is only on the index of those who made it.",
    "Name that index, or ask for the version without the label.",
)
NO_BUILD_ALLOWED = _mechanism(
    "no-wheel-and-no-build",
    "Only wheels were allowed, and the release has none that fits.",
    "Allow the build, or take a release with a wheel.",
)
INDEX_UNREACHABLE = _mechanism(
    "server-unreachable",
    "A server could not be reached: no network, a proxy, a wrong name, or it did not answer in time.",
    "Look at the network and the proxy, and try again.",
    environment=False,
)
INDEX_TLS = _mechanism(
    "certificate-refused",
    "The certificate of a server was not accepted: a proxy that opens connections, an old set of "
    "certificates, or a wrong clock.",
    "Give the tool the certificate of the proxy.",
    environment=False,
)
INDEX_FORBIDDEN = _mechanism(
    "server-refused-access",
    "A server wants a name and password or refuses them.",
    "Set the credentials of the index.",
    environment=False,
)
INDEX_NOT_FOUND = _mechanism(
    "address-not-found",
    "The server has nothing at the address.",
    "Look at the address and the name.",
    environment=False,
)
SERVER_BUSY = _mechanism(
    "server-failed",
    "A server answered that it fails or has too many requests.",
    "Try again later.",
    environment=False,
)
HASHES = _mechanism(
    "hashes-differ",
    "What was downloaded is not the file that the lock or the index names.",
    "Empty the cache and try again; make the lock again if the index has a new file.",
    environment=False,
)
MANAGED = _mechanism(
    "python-externally-managed",
    "The Python of the system is kept by its own package manager.",
    "Make a virtual environment and install there.",
    environment=False,
)
WHEEL_UNSUPPORTED = _mechanism(
    "wheel-for-other-python-or-platform",
    "A wheel is for another Python or platform than this one.",
    "Take the wheel whose tags are those of this Python and platform.",
)
REQUIREMENT_INVALID = _mechanism(
    "requirement-malformed",
    "A requirement, version or project file is not written as the standard asks.",
    "Correct what the message names.",
    environment=False,
)
METADATA_INVALID = _mechanism(
    "metadata-malformed",
    "The metadata of a release is not valid, and newer installers refuse it.",
    "Take another release of the package, or an older installer.",
)
LOCK_STALE = _mechanism(
    "lock-out-of-date",
    "The lock was made for another state of the project file.",
    "Make the lock again.",
    environment=False,
)
UNINSTALL_FAILED = _mechanism(
    "cannot-uninstall",
    "An installed package cannot be removed by this tool: another one installed it, or its record is lost.",
    "Use a fresh environment, or remove it with what installed it.",
)
CONDA_CHANNEL = _mechanism(
    "conda-package-not-found",
    "The channels that conda asks have no such package for this platform.",
    "Add the channel that has it, or use another name or version.",
)
CONDA_BROKEN = _mechanism(
    "conda-package-damaged",
    "A package in conda's cache is damaged or incomplete.",
    "Run conda clean --packages --tarballs, and try again.",
    environment=False,
)

# -- runs of several processes -------------------------------------------------------------

NCCL_SHARED_MEMORY = _mechanism(
    "nccl-shared-memory",
    "NCCL could not make or open its shared memory in /dev/shm, over which the processes of one machine "
    "speak: it is full, too small, or not to be written.",
    "Start the container with --shm-size=8g or --ipc=host, or as a pod with a volume in memory on /dev/shm.",
    environment=False,
)
RUN_NETWORK = _mechanism(
    "run-network",
    "The processes of a run cannot reach each other over the network interface that was chosen.",
    "Name the interface that joins the machines: NCCL_SOCKET_IFNAME, GLOO_SOCKET_IFNAME; look at firewalls.",
    environment=False,
)
LOCKED_MEMORY = _mechanism(
    "locked-memory-limit",
    "InfiniBand or RoCE could not register memory: mostly the limit of locked memory (ulimit -l, memlock) "
    "is too low.",
    "Set it to unlimited: docker run --ulimit memlock=-1, limits.conf, LimitMEMLOCK of slurmd.",
    environment=False,
)
RUN_INFINIBAND = _mechanism(
    "run-infiniband",
    "Communication over InfiniBand or RoCE failed: a link, its settings or its driver.",
    "Look at ibstat on each machine; NCCL_IB_DISABLE=1 runs over the ordinary network in the meantime.",
    environment=False,
)
RUN_DIFFERS = _mechanism(
    "processes-differ",
    "The processes of a run do not do the same: they call other operations, in another order or with other "
    "sizes, or have other releases or settings of NCCL.",
    (
        "Use the same environment and NCCL settings on every machine, and the same order of calls in each "
        "process."
    ),
)
NCCL_TOPOLOGY = _mechanism(
    "nccl-topology",
    "NCCL failed over what it sees of the machine: its topology, NVLink or NVSwitch.",
    (
        "Look at nvidia-smi topo -m and the fabric manager; NCCL_NVLS_ENABLE=0 and NCCL_P2P_DISABLE=1 leave "
        "them out."
    ),
    environment=False,
)
MPI_LAUNCH = _mechanism(
    "mpi-launch",
    "MPI could not start the processes: it does not fit the launcher or the machine that it was given.",
    "Start them with the launcher that this MPI was built for (mpirun, srun --mpi=pmix).",
)
SSH_FAILED = _mechanism(
    "ssh-failed",
    "Another machine could not be reached over ssh without a password, which the launcher needs.",
    "Set up keys (ssh-copy-id) for all machines, or start the processes with srun or torchrun.",
    environment=False,
)
RUN_VERSIONS = _mechanism(
    "run-versions-differ",
    "The machines of a run have different releases of the same package or of Python.",
    "Use the same environment on every machine.",
)
TOO_MANY_PROCESSES = _mechanism(
    "too-many-processes",
    "The user or container may not start more processes or threads.",
    "Raise the limit (ulimit -u, docker --pids-limit), or use fewer: OMP_NUM_THREADS=1, fewer workers.",
    environment=False,
)

# -- containers and clusters ---------------------------------------------------------------

CONTAINER_CDI = _mechanism(
    "container-devices",
    (
        "The container engine finds no description (CDI) of the GPU: it was never made, or is older than "
        "the driver."
    ),
    "Make it anew: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml; nvidia-ctk cdi list shows it.",
    environment=False,
)
CONTAINER_START = _mechanism(
    "container-start",
    (
        "The container was made, and its first program could not be started: it is not in the image or not "
        "executable."
    ),
    "Look at the entrypoint: its path, its first line, its line ends (LF), chmod +x.",
    environment=False,
)
CONTAINER_NAMESPACE = _mechanism(
    "container-not-allowed",
    "The system does not let this user start containers this way.",
    "Ask the owner of the machine for user namespaces or fakeroot.",
    environment=False,
)
NO_RESOURCES = _mechanism(
    "no-such-resources",
    (
        "The scheduler has no machine with what was asked for: it is taken, does not exist, or is not this "
        "user's."
    ),
    "Look at what there is (sinfo, kubectl describe nodes), and ask for that.",
    environment=False,
)
MODULE_UNKNOWN = _mechanism(
    "environment-module",
    "The cluster has no such environment module, or others must be loaded before it.",
    "module spider NAME shows the versions that are there and what they need.",
    environment=False,
)

# -- the driver ------------------------------------------------------------------------------

DRIVER_UNSIGNED = _mechanism(
    "driver-not-signed",
    "Secure Boot refuses the kernel module of the NVIDIA driver: it is not signed by a key that is enrolled.",
    "Enroll the key (mokutil --import, then restart), or switch Secure Boot off.",
    environment=False,
)
DRIVER_NO_MODULE = _mechanism(
    "driver-without-module",
    "The running kernel has no module of the NVIDIA driver: it was not built for this kernel.",
    (
        "Install the headers of the kernel and build it: dkms autoinstall; or start the kernel that it was "
        "built for."
    ),
    environment=False,
)
DRIVER_NOT_BUILT = _mechanism(
    "driver-build-failed",
    "The kernel module of the NVIDIA driver could not be built or loaded for this kernel.",
    (
        "Look at make.log of dkms; install the kernel's headers and compiler, or a driver that knows this "
        "kernel."
    ),
    environment=False,
)
DRIVER_OTHER = _mechanism(
    "driver-gpu-taken",
    "Another driver (nouveau, vfio) has the GPU, so that NVIDIA's cannot take it.",
    "Blacklist nouveau, rebuild the initramfs and restart.",
    environment=False,
)
DRIVER_GPU_UNKNOWN = _mechanism(
    "driver-does-not-know-gpu",
    "The driver does not support this GPU: it needs an older, a newer or the open kernel module.",
    "Install the driver branch for the GPU; Blackwell and newer need the open kernel modules.",
    environment=False,
)
NVML_PERMISSION = _mechanism(
    "gpu-not-permitted",
    "The process may not open the GPU's device files (/dev/nvidia*): their permissions, SELinux or the "
    "cgroup of a container forbid it.",
    "Look at ls -l /dev/nvidia*; in a container use --gpus all, with SELinux --security-opt label=disable.",
    environment=False,
)
NVML_WSL = _mechanism(
    "gpu-blocked-by-windows",
    (
        "Windows does not give the GPU to WSL: its driver is too old, or a Linux driver was installed "
        "inside WSL."
    ),
    "Update the driver in Windows and WSL (wsl --update), and remove NVIDIA drivers inside of WSL.",
    environment=False,
)
FABRIC_MANAGER = _mechanism(
    "fabric-manager",
    "The fabric manager, which machines with NVSwitch need, does not run or is not of the driver's version.",
    "Install nvidia-fabricmanager in exactly the version of the driver, and start it.",
    environment=False,
)
MIG = _mechanism(
    "gpu-partition",
    "The GPU is divided (MIG), and the program was not given one of its parts as it expects.",
    "nvidia-smi -L shows the parts; set CUDA_VISIBLE_DEVICES to one of them by its UUID.",
    environment=False,
)

# -- downloads ---------------------------------------------------------------------------------

HUB_UNREACHABLE = _mechanism(
    "hub-unreachable",
    "A model or data set is not on this machine, and the server that has it could not be reached.",
    (
        "Look at the network and HTTPS_PROXY; download it where there is one, and set HF_HUB_OFFLINE=1 and "
        "HF_HOME."
    ),
    environment=False,
)
RATE_LIMIT = _mechanism(
    "too-many-requests",
    "A server limits how many requests it answers, and they were too many (429).",
    "Wait, log in with a token, and keep what was downloaded.",
    environment=False,
)
PROXY = _mechanism(
    "proxy-refused",
    "The proxy that is set does not let the connection through, or is not one.",
    "Look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY.",
    environment=False,
)
MODEL_FILES = _mechanism(
    "model-files-missing",
    "A folder or repository of a model does not have a file that is read from it: the path is wrong, or it "
    "was not fetched whole.",
    "Look at what is in the folder, and at the name.",
    environment=False,
)
LEFT_ALONE = _mechanism(
    "harmless",
    "A message that frightens and breaks nothing.",
    "Nothing is to be done; look for another message.",
    environment=False,
)

# -- limits and files ---------------------------------------------------------------------------

FILE_SYSTEM = _mechanism(
    "file-system-fails",
    "The file system itself failed or refuses a lock: a network disk that went away, or one without locks.",
    "Try on a local disk (TMPDIR, HF_HOME, caches), and tell the owner of the machine.",
    environment=False,
)
LINE_ENDS = _mechanism(
    "windows-line-ends",
    (
        "A script has the line ends of Windows (CRLF), so that Linux looks for an interpreter whose name "
        "ends in them."
    ),
    "Convert it: dos2unix, or git config core.autocrlf input and check it out again.",
    environment=False,
)
INTERPRETER_GONE = _mechanism(
    "interpreter-gone",
    "A script of the environment names a Python that is not there any more: the environment was moved or "
    "copied, or its Python removed.",
    "Make the environment anew at the place where it is used.",
)
KERNEL_COMPILER = _mechanism(
    "kernel-compiler-and-gpu",
    "The compiler that makes kernels at run time (Triton, LLVM, ptxas) has no code for this GPU: it is "
    "older than the GPU, or the kernel uses what this GPU does not have.",
    "Use a torch and Triton made for this GPU, or a setting without compiled kernels.",
)
CONDA_USE = _mechanism(
    "conda-wrong-use",
    "conda was called for what is not there: an environment, file or shell that it does not know.",
    "Look at conda env list and conda init.",
    environment=False,
)
PACKAGE_RENAMED = _mechanism(
    "package-renamed",
    "The package of this name is only a placeholder: the real one has another name.",
    "Ask for the name that the message gives.",
)
PYTHON_NOT_FOUND = _mechanism(
    "python-not-found",
    "The Python or environment that was asked for is not on this machine.",
    "Install it (uv python install), or name one that is there.",
    environment=False,
)
ARGUMENTS = _mechanism(
    "wrong-arguments",
    "The program was started with arguments that it does not know, or without those that it needs.",
    "Look at its --help.",
    environment=False,
)

DATA_CHANGED = _mechanism(
    "data-changed",
    (
        "A data set is not what its description says: it changed at its source, or its download or cache is "
        "incomplete."
    ),
    "Fetch it again (download_mode='force_redownload'), or take a newer datasets.",
    environment=False,
)
DATA_SCRIPT = _mechanism(
    "data-script-refused",
    "The installed datasets no longer runs the script that comes with a data set, which older releases did.",
    "Use a copy of the data set without a script (Parquet), or an older datasets.",
)
RESTART = _mechanism(
    "restart-needed",
    "Packages were installed in a session that had already loaded other versions of them.",
    "Restart the session (runtime, kernel) before the packages are used.",
    environment=False,
)
SYSTEM_PACKAGES = _mechanism(
    "system-packages",
    "The package manager of the system (apt, dnf) cannot install what was asked for.",
    "Look at the sources and at what it names; remove half-installed drivers first.",
    environment=False,
)
POD_EVICTED = _mechanism(
    "pod-evicted",
    "Kubernetes ended the pod because its node ran short of disk or memory, or the pod went over its limit.",
    "Ask for more (ephemeral-storage, memory), or write less to the container's own disk.",
    environment=False,
)
WINDOWS_FILE = _mechanism(
    "windows-file-refused",
    (
        "Windows refused to write or remove a file: a program uses it, the path is too long, or the user "
        "may not."
    ),
    "End the programs that use the environment, allow long paths, or use a shorter folder.",
    environment=False,
)

NO_DISPLAY = _mechanism(
    "no-display",
    (
        "A program draws (OpenGL, EGL, Qt), and there is no display or no graphics driver for it here, as "
        "on a server."
    ),
    (
        "Draw without a display: MUJOCO_GL=egl or osmesa, QT_QPA_PLATFORM=offscreen, xvfb-run; install "
        "libegl1, libgl1."
    ),
)

# -- mixed environments ------------------------------------------------------------------

USER_SITE = _mechanism(
    "user-packages-shadow",
    "Packages in the user's own folder (~/.local) are found before those of the environment.",
    "Set PYTHONNOUSERSITE=1, or remove them.",
)
TWO_ENVIRONMENTS = _mechanism(
    "two-environments-mixed",
    "Modules of two environments or two Pythons are loaded into one process.",
    "Clear PYTHONPATH, and start the Python of one environment.",
)

# -- what hides a cause --------------------------------------------------------------------

HIDDEN = _mechanism(
    "cause-hidden",
    "Another error is hidden behind the message: it says only that something else failed.",
    "Look for the first error above it, or make the program print it.",
)

#: Sorted by code.
MECHANISMS: tuple[Mechanism, ...] = tuple(sorted(_MADE, key=lambda each: each.code))
