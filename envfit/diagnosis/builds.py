"""What compilers, linkers and build tools say when an extension is built, and what that comes from."""

from __future__ import annotations

from collections.abc import Mapping

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling

__all__ = ["SIGNS"]

_CUDA_HEADERS = (
    "cuda",
    "cublas",
    "cusparse",
    "cusolver",
    "curand",
    "cufft",
    "nvrtc",
    "nvtx3",
    "nvToolsExt",
    "nvml",
    "thrust",
    "cub",
    "cooperative_groups",
    "crt",
    "device_launch_parameters",
    "driver_types",
    "vector_types",
    "texture_types",
    "nvjpeg",
    "npp",
    "host_config",
    "cupti",
    "nvJitLink",
    "cufile",
    "math_constants",
    "surface_types",
    "builtin_types",
)
_WHERE = {
    "cudnn": "cuDNN (its headers come with nvidia-cudnn-cu12 or -cu13, or the system's libcudnn9-dev)",
    "nccl": "NCCL (its header comes with nvidia-nccl-cu12 or -cu13, or the system's libnccl-dev)",
    "Python":(
        "this Python (python3-dev or python3.X-dev on Debian and Ubuntu, python3-devel on Fedora and RHEL)"
    ),
    "pyconfig": "this Python (python3-dev on Debian and Ubuntu, python3-devel on Fedora and RHEL)",
    "ffi": "libffi (libffi-dev)",
    "openssl": "OpenSSL (libssl-dev)",
    "sndfile": "libsndfile (libsndfile1-dev)",
    "portaudio": "PortAudio (portaudio19-dev)",
    "mpi": "MPI (libopenmpi-dev, or the module of the cluster)",
    "libaio": "libaio (libaio-dev)",
    "numa": "libnuma (libnuma-dev)",
    "yaml": "libyaml (libyaml-dev)",
    "hdf5": "HDF5 (libhdf5-dev)",
    "Eigen": "Eigen (libeigen3-dev)",
    "boost": "Boost (libboost-all-dev)",
    "glog": "glog (libgoogle-glog-dev)",
    "gflags": "gflags (libgflags-dev)",
    "infiniband": "rdma-core (libibverbs-dev)",
    "libpq-fe": "PostgreSQL's client (libpq-dev)",
    "mysql": "MySQL's client (default-libmysqlclient-dev)",
    "zlib": "zlib (zlib1g-dev)",
    "lzma": "liblzma (liblzma-dev)",
    "GL": "OpenGL (libgl1-mesa-dev)",
    "EGL": "EGL (libegl1-mesa-dev)",
    "sox": "SoX (libsox-dev)",
    "libavcodec": "FFmpeg (libavcodec-dev)",
    "libavformat": "FFmpeg (libavformat-dev)",
    "libavutil": "FFmpeg (libavutil-dev)",
    "omp": "OpenMP (libomp-dev for clang, gcc has its own)",
    "pybind11": "pybind11 (python -m pip install pybind11)",
    "numpy": "NumPy (installed in the environment that builds; --no-build-isolation)",
    "torch": "torch (installed in the environment that builds; --no-build-isolation)",
    "ATen": "torch (installed in the environment that builds; --no-build-isolation)",
    "c10": "torch (installed in the environment that builds; --no-build-isolation)",
    "NvInfer": "TensorRT, with its headers",
    "dense_hash_map": "sparsehash (libsparsehash-dev)",
    "sparse_hash_map": "sparsehash (libsparsehash-dev)",
    "glm": "GLM (libglm-dev)",
    "GLFW": "GLFW (libglfw3-dev)",
    "nlohmann": "JSON for C++ (nlohmann-json3-dev)",
    "tbb": "oneTBB (libtbb-dev)",
    "fftw3": "FFTW (libfftw3-dev)",
    "gsl": "GSL (libgsl-dev)",
    "gmp": "GMP (libgmp-dev)",
    "leveldb": "LevelDB (libleveldb-dev)",
    "lmdb": "LMDB (liblmdb-dev)",
    "snappy": "snappy (libsnappy-dev)",
    "bzlib": "bzip2 (libbz2-dev)",
    "zstd": "zstd (libzstd-dev)",
    "lz4": "lz4 (liblz4-dev)",
    "curl": "libcurl (libcurl4-openssl-dev)",
    "alsa": "ALSA (libasound2-dev)",
    "espeak-ng": "eSpeak NG (libespeak-ng-dev)",
    "geos_c": "GEOS (libgeos-dev)",
    "gdal": "GDAL (libgdal-dev)",
    "tiffio": "libtiff (libtiff-dev)",
    "png": "libpng (libpng-dev)",
    "jpeglib": "libjpeg (libjpeg-dev)",
    "ft2build": "FreeType (libfreetype-dev)",
    "cairo": "cairo (libcairo2-dev)",
    "opencv2": "OpenCV (libopencv-dev)",
    "ceres": "Ceres (libceres-dev)",
    "cholmod": "SuiteSparse (libsuitesparse-dev)",
    "metis": "METIS (libmetis-dev)",
    "readline": "readline (libreadline-dev)",
    "libxml": "libxml2 (libxml2-dev)",
    "lber": "OpenLDAP (libldap-dev)",
    "sasl": "SASL (libsasl2-dev)",
    "krb5": "Kerberos (libkrb5-dev)",
    "gssapi": "Kerberos (libkrb5-dev)",
    "X11": "X11 (libx11-dev)",
    "cblas": "a BLAS (libopenblas-dev)",
    "lapacke": "LAPACK (liblapacke-dev)",
    "sqlite3": "SQLite (libsqlite3-dev)",
    "stdio": "the C library (libc6-dev on Debian and Ubuntu, glibc-devel on Fedora and RHEL)",
    "stdlib": "the C library (libc6-dev on Debian and Ubuntu, glibc-devel on Fedora and RHEL)",
    "limits": "the C library (libc6-dev on Debian and Ubuntu, glibc-devel on Fedora and RHEL)",
}  # fmt: skip
_IN_SOURCES = (
    "cutlass",
    "cute",
    "googletest",
    "catch2",
    "third_party",
    "fmt",
    "composable_kernel",
    "ck",
    "ggml",
    "cutlass_extensions",
)


#: Headers that went or moved, with what no longer has them.
_GONE_HEADERS = {
    "THC": "torch 1.11 and newer has no THC headers any more",
    "TH": "torch 1.11 and newer has no TH headers any more",
    "THCUNN": "torch 1.11 and newer has no THC headers any more",
    "longintrepr": (
        "Python 3.11 moved longintrepr.h to its folder cpython: the C files were made by a Cython before 3.11"
    ),
}
_OF_TORCH = ("ATen", "c10", "caffe2", "torch")


def _tell_gone(values: Mapping[str, str], scene: Scene) -> Telling | None:
    """Read a header that a library has in other releases: the library is there, as the command shows."""
    header = values["header"]
    top = header.partition("/")[0].partition(".")[0]
    gone = _GONE_HEADERS.get(top)
    if gone is None and top in _OF_TORCH and "torch/include" in scene.log.text:
        gone = f"the torch that is installed has no {header}, which is of an older or newer release"
    if gone is None:
        return None
    return Telling(
        mechanism=m.SOURCE_MISMATCH,
        cause=(
            f"The sources include {header}, and {gone}: the package is of another time than what it is "
            "built with."
        ),
        remedies=(
            (
                "Take a newer release of the package, or one that has a wheel for this Python; else an "
                "older torch or Python."
            ),
        ),
    )


def _tell_header(values: Mapping[str, str], _: Scene) -> Telling | None:
    header = values["header"]
    stem = header.rpartition("/")[2].partition(".")[0]
    top = header.partition("/")[0].partition(".")[0]
    if stem in ("Python", "pyconfig"):
        return Telling(
            mechanism=m.HEADER_PYTHON,
            cause=(
                "Something is compiled against Python (an extension, or a small program of Triton), and "
                f"{header} is missing: the headers of this Python are not installed."
            ),
            remedies=(
                (
                    "Install them: python3-dev or python3.X-dev on Debian and Ubuntu, python3-devel on "
                    "Fedora and RHEL; a Python of uv or conda has them."
                ),
            ),
        )
    if top in _IN_SOURCES:
        return Telling(
            mechanism=m.SOURCES_INCOMPLETE,
            cause=f"{header} is missing: it belongs to a submodule of the sources, which was not fetched.",
            remedies=("git submodule update --init --recursive, or build from the source distribution.",),
        )
    if (
        top not in _WHERE
        and (top.startswith(_CUDA_HEADERS) or stem.startswith(_CUDA_HEADERS))
        and "cudnn" not in stem
    ):
        return Telling(
            mechanism=m.HEADER_CUDA,
            cause=(
                f"{header} of the CUDA toolkit is missing: no toolkit is found, its headers are not "
                "installed (as with nvcc alone), or CUDA_HOME names another folder."
            ),
            remedies=(
                (
                    "Install the toolkit of torch's CUDA with the headers of its libraries, and set "
                    "CUDA_HOME to it."
                ),
            ),
        )
    of = (
        _WHERE.get(top)
        or _WHERE.get(stem)
        or next((text for name, text in _WHERE.items() if stem.startswith(name)), "")
    )
    return Telling(
        mechanism=m.HEADER_MISSING,
        certain=bool(of),
        cause=f"Something is compiled here, and the header {header} is missing"
        + (
            f": it is of {of}."
            if of
            else ": the library that it belongs to is not installed with its headers."
        ),
        remedies=(
            f"Install {of}."
            if of
            else f"Install the -dev or -devel package that has {header} (apt-file search {header}).",
            "Or take a release that has a wheel for this Python and platform, which needs no compiler.",
        ),
    )


_LINKED = {
    "cuda": (
        "the driver's library libcuda (its stub is in lib64/stubs of the CUDA toolkit: add that to "
        "LIBRARY_PATH)"
    ),
    "cudart": "the CUDA runtime (lib64 of CUDA_HOME)",
    "python": "the library of this Python",
    "stdc++": "GCC's C++ library (g++)",
}


def _tell_link(values: Mapping[str, str], _: Scene) -> Telling:
    library = values["library"]
    of = _LINKED.get(library, f"lib{library}.so")
    return Telling(
        mechanism=m.LINK_LIBRARY,
        cause=(
            f"The linker finds no lib{library}: {of} is not installed for development, or not where it looks."
        ),
        remedies=(f"Install what has lib{library}.so, or put its folder into LIBRARY_PATH.",),
    )


def _tell_architecture(values: Mapping[str, str], _: Scene) -> Telling:
    return Telling(
        mechanism=m.NVCC_ARCHITECTURE,
        cause=(
            f"nvcc or ptxas does not know {values['architecture']}: the CUDA toolkit is too old for a new "
            "GPU, or too new for an old one."
        ),
        remedies=(
            (
                "Use a toolkit that knows it, or set TORCH_CUDA_ARCH_LIST to what this toolkit and the "
                "GPU both know."
            ),
        ),
    )


def _tell_not_found(values: Mapping[str, str], _: Scene) -> Telling:
    name = values["name"]
    if name.upper().startswith("CUDA"):
        return Telling(
            mechanism=m.NVCC_MISSING,
            cause="The build looks for the CUDA toolkit and does not find it.",
            certain=False,
        )
    return Telling(
        mechanism=m.CMAKE_FINDS,
        cause=(
            f"The build looks for {name} and does not find it: it is not installed for development, or not "
            "where the build looks."
        ),
        remedies=(f"Install {name} with its headers (a -dev or -devel package), or a wheel of the package.",),
        certain=False,
    )


_HEADER_MISSING = (
    r"fatal error: (?P<header>[\w./+-]+): No such file or directory",
    r"fatal error: '(?P<header>[\w./+-]+)' file not found",
    r"error: (?P<header>[\w./+-]+\.(?:h|hpp|cuh)): No such file or directory",
    r"[Cc]annot open (?:source|include) file:? ['\"]?(?P<header>[\w./+-]+)",
)

SIGNS = (
    Sign(
        patterns=_HEADER_MISSING,
        tell=_tell_gone,
        overrides=True,
    ),
    Sign(
        patterns=_HEADER_MISSING,
        tell=_tell_header,
    ),
    Sign(
        patterns=(
            r"(?:Unsupported gpu architecture|unsupported GPU architecture) '(?P<architecture>\w+)'",
            r"Value '(?P<architecture>\w+)' is not defined for option",
            r"Unknown CUDA [aA]rch(?:itecture)?[^\n]{0,30}\((?P<architecture>[\w.+]+)\)",
            r"invalid value for --gpu-architecture \(?-?-?(?P<architecture>\w*)",
        ),
        tell=lambda values, scene: _tell_architecture({"architecture": "an architecture", **values}, scene),
    ),
    Sign(
        patterns=(
            r"#error[^\n]*unsupported (?P<compiler>GNU|clang|Microsoft Visual Studio) version",
            r"unsupported (?P<compiler>GNU|clang) version!",
            r"is (?:greater|less) than the (?:maximum|minimum) required version by CUDA",
        ),
        telling=Telling(
            mechanism=m.HOST_COMPILER,
            cause=(
                "nvcc does not take this version of the C++ compiler: it is newer (or older) than this "
                "CUDA toolkit supports."
            ),
            remedies=("Use an older g++ (CC, CXX and nvcc -ccbin), or a newer CUDA toolkit.",),
        ),
    ),
    Sign(
        patterns=(
            r"CUDA_HOME (?:environment variable )?(?:is not set|is undefined|not set|does not exist)",
            r"CUDA_HOME is None",
            r"nvcc[^\n]{0,30}(?:was )?not found",
            r"nvcc: (?:command )?not found",
            (
                r"(?:[Cc]ould not|[Cc]annot|[Uu]nable to|[Ff]ailed to) (?:find|locate|detect) (?:nvcc|"
                r"the nvcc|"
                r"CUDA toolkit|a CUDA compiler|CUDA_HOME|`nvcc`|any CUDA)"
            ),
            r"No CMAKE_CUDA_COMPILER could be found",
            r"CMAKE_CUDA_COMPILER not set",
            r"Failed to detect a default CUDA architecture",
            r"Failed to find nvcc",
            r"CUDA toolkit (?:was )?not found",
            r"(?:no|No) CUDA (?:toolkit|runtime) (?:is )?found",
            r"Unable to find (?:CUDA|nvcc|cuda)",
        ),
        telling=Telling(
            mechanism=m.NVCC_MISSING,
            cause=(
                "GPU code is compiled here, and no CUDA toolkit with nvcc is found: torch brings the "
                "libraries of CUDA, not its compiler."
            ),
            remedies=(
                "Install a wheel of the package that is compiled already, if there is one.",
                "Else install a CUDA toolkit of torch's CUDA major, and set CUDA_HOME to it.",
            ),
            certain=False,
        ),
        unless=("No CUDA runtime is found, using CUDA_HOME", "WARNING"),
    ),
    Sign(
        patterns=(
            r"CUDA version[^\n]{0,40}mismatches the version that was used to compile",
            r"version of [Cc][Uu][Dd][Aa] that does not match the version used to compile",
            (
                r"(?:does not match|doesn't match|differs from|mismatches) the (?:CUDA )?version (?:torch|"
                r"PyTorch|that)[^\n]*"
            ),
            r"CUDA version mismatch[^\n]*",
        ),
        telling=Telling(
            mechanism=m.NVCC_TORCH,
            cause=(
                "The CUDA toolkit (nvcc) is of another CUDA than torch was built for; the message names both."
            ),
            remedies=(
                "Set CUDA_HOME to a toolkit of torch's CUDA major, or install a torch for the toolkit.",
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"#error[^\n]*C\+\+(?P<standard>1[147]|2[03])",
            (
                r"C\+\+(?P<standard>1[147]|2[03]) (?:or later|or newer|standard|"
                r"compiler)[^\n]{0,40}(?:required|needed|compatible compiler is required)"
            ),
            r"(?:requires|needs?) (?:at least )?C\+\+(?P<standard>1[147]|2[03])",
            r"(?:unrecognized|unknown|invalid)[^\n]{0,40}'?-std=(?:c|gnu)\+\+(?P<standard>1[147]|2[0-3ab]+)",
            r"invalid value 'c\+\+(?P<standard>\w+)' in '-std",
            r"Value 'c\+\+(?P<standard>\w+)' is not defined for option 'std'",
        ),
        telling=Telling(
            mechanism=m.CXX_STANDARD,
            cause=(
                "The headers or sources need C++{standard}, and the compiler or the flags of the build "
                "are of an older standard."
            ),
            remedies=(
                (
                    "Use a newer compiler, or a release of the package (or of torch) whose build asks for "
                    "C++{standard}."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"Killed signal terminated program (?P<program>\w+)",
            r"(?:internal compiler error|[Ee]rror)[^\n]{0,60}Killed \(program (?P<program>\w+)\)",
            (
                r"'?(?P<program>cicc|ptxas|cudafe\+\+|cc1plus|nvcc)'? (?:died due to signal|terminated by "
                r"signal) (?:9|15|SIGKILL)"
            ),
            r"virtual memory exhausted: Cannot allocate memory",
            r"cc1plus: out of memory",
            r"ld terminated with signal 9",
            r"(?P<program>cc1plus|cicc|ptxas)[^\n]{0,200}\bKilled$",
            r"FAILED: \[code=137\]",
        ),
        telling=Telling(
            mechanism=m.COMPILER_MEMORY,
            cause=(
                "The machine ran out of memory while it compiled: the compiler was killed, mostly because "
                "too many ran at once."
            ),
            remedies=(
                "MAX_JOBS=1 (and NVCC_THREADS=1) pip install ...; or a wheel, or a machine with more memory.",
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"error: command '[\w./-]*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+)' failed: No such file or "
                r"directory"
            ),
            r"unable to execute '?[\w./-]*(?:gcc|g\+\+|cc|c\+\+|clang)'?: No such file",
            r"(?:gcc|g\+\+|cc|c\+\+|clang)(?:-\d+)?: (?:command )?not found",
            r"No CMAKE_(?:C|CXX)_COMPILER could be found",
            r"(?:Failed|Unable|Could not) to find (?:a )?(?:suitable |working )?C(?:\+\+)? compiler",
            r"Microsoft Visual C\+\+ \d+\.\d+ (?:or greater )?is required",
            r"no acceptable C compiler found in \$PATH",
            r"linker `?'?(?:cc|gcc|clang)'?`? not found",
            r"Unknown compiler\(s\): \[\[",
            r"error: Microsoft Visual C",
            r"[Uu]nable to find a compatible Visual Studio",
            r"Failed to find C compiler",
        ),
        telling=Telling(
            mechanism=m.COMPILER_MISSING,
            cause=(
                "A package (or a kernel of Triton) is compiled here, and no C or C++ compiler is "
                "installed or in PATH."
            ),
            remedies=(
                (
                    "Install one: build-essential on Debian and Ubuntu, gcc-c++ on Fedora and RHEL, "
                    "gxx_linux-64 of conda-forge."
                ),
                "Or take a release that has a wheel for this Python and platform.",
            ),
        ),
    ),
    Sign(
        patterns=(
            r"cannot find -l(?P<library>[\w+.-]+)",
            r"unable to find library -l(?P<library>[\w+.-]+)",
            r"library not found for -l(?P<library>[\w+.-]+)",
        ),
        tell=_tell_link,
    ),
    Sign(
        patterns=(r"undefined reference to [`'](?P<symbol>[^'\n]{1,120})'",),
        telling=Telling(
            mechanism=m.LINK_LIBRARY,
            cause=(
                "The linker finds no {symbol}: the library that has it is not linked, is of another "
                "version, or was built with another compiler or C++ ABI."
            ),
            remedies=(
                (
                    "Install the version of the library that the sources are for, or take a wheel of the "
                    "package."
                ),
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(r"Could not build wheels for [\w.-]+,? since package '(?P<name>wheel)' is not installed",),
        telling=Telling(
            mechanism=m.ISOLATION_MODULE,
            cause="The package {name}, which builds need, is not installed.",
            remedies=("python -m pip install wheel setuptools, and build again.",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"LINK : fatal error LNK1181: cannot open input file '(?P<library>[^'\n]+)'",
            r"LINK : fatal error LNK1104: cannot open file '(?P<library>[^'\n]+)'",
        ),
        tell=_tell_link,
    ),
    Sign(
        patterns=(
            r"Could not find suitable distribution for Requirement\.parse\('(?P<name>[\w.-]+)[^'\n]*'\)",
            r"Couldn't find (?:a setup script in|index page for) '?(?P<name>[\w./-]+)",
        ),
        telling=Telling(
            mechanism=m.ISOLATION_MODULE,
            cause=(
                "The build asks the old way (setup_requires, easy_install) for {name}, and does not find it."
            ),
            remedies=("Install {name} first, and build with --no-build-isolation; or take a newer release.",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"Building (?P<name>llvmlite) requires LLVM (?P<wanted>[\w.]+)",
            r"(?P<name>llvmlite)[^\n]{0,60}(?:LLVM|llvm-config)[^\n]{0,40}(?P<wanted>\d[\w.]*)",
        ),
        telling=Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause=(
                "{name} has no wheel for this Python, and its build from source needs LLVM {wanted}, "
                "which is not here: this release of {name} (and of numba, which asks for it) is older "
                "than this Python."
            ),
            remedies=("Take a newer numba and llvmlite, or an older Python for which they have wheels.",),
            package="llvmlite",
            certain=False,
        ),
    ),
    Sign(
        patterns=(r"KeyError: '__version__'", r"KeyError: '__version__\b"),
        also=(r"(?:Getting requirements to build|get_requires_for_build|setup\.py|build_meta)",),
        telling=Telling(
            mechanism=m.BUILD_BACKEND,
            cause=(
                "setup.py of the package reads its version with exec and locals(), which Python 3.13 no "
                "longer fills: the release is older than this Python."
            ),
            remedies=("Take a newer release of the package, or Python 3.12.",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(r"setuptools-scm was unable to detect version[^\n]*",),
        telling=Telling(
            mechanism=m.SOURCES_INCOMPLETE,
            cause=(
                "The build takes its version from git, and the sources are no checkout with tags: an "
                "archive or a shallow clone."
            ),
            remedies=(
                "Set SETUPTOOLS_SCM_PRETEND_VERSION, clone with tags, or build from the source distribution.",
            ),
        ),
    ),
    Sign(
        patterns=(
            r"can't find Rust compiler",
            (
                r"(?:[Cc]argo|rustc)[^\n]{0,60}(?:is not installed or is not on PATH|not found|is not "
                r"installed)"
            ),
            r"Rust (?:toolchain|compiler)[^\n]{0,60}(?:not found|required|is not installed)",
            r"This package requires Rust(?: and Cargo)?",
            r"requires rustc [\d.]+ or newer",
            r"rustc [\d.]+\d is not supported by the following package",
        ),
        telling=Telling(
            mechanism=m.RUST_MISSING,
            cause=(
                "A package has no wheel for this Python and platform and is built from source, which "
                "needs a Rust compiler (of a recent enough release)."
            ),
            remedies=(
                (
                    "Take a release of the package that has a wheel for this Python (or an older Python), "
                    "or upgrade pip."
                ),
                "Else install Rust.",
            ),
        ),
    ),
    Sign(
        patterns=(r"Compatibility with CMake < [\d.]+ has been removed from CMake",),
        telling=Telling(
            mechanism=m.CMAKE_POLICY,
            cause="The sources are made for a CMake before 3.5, which CMake 4 no longer takes.",
            remedies=(
                (
                    "CMAKE_POLICY_VERSION_MINIMUM=3.5 pip install ..., or a newer release of the package, "
                    "or cmake<4."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            (
                r"CMake (?P<wanted>[\d.]+) or higher is required\.? +You are running version "
                r"(?P<found>[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.CMAKE_OLD,
            cause="The sources need CMake {wanted} or newer, and {found} is found.",
            remedies=("python -m pip install -U cmake",),
        ),
    ),
    Sign(
        patterns=(
            r"CMake must be installed to build",
            r"(?:cmake|CMake)[^\n]{0,40}(?:command )?(?:not found|is not installed|could not be found)",
            r"No such file or directory: '?cmake'?",
            r"Could not find (?:an? )?[Cc][Mm]ake\b",
            r"Failed to find (?:cmake|CMake)",
        ),
        telling=Telling(
            mechanism=m.CMAKE_MISSING,
            cause="A package is built from source here, which needs CMake, and there is none.",
            remedies=(
                "Take a release that has a wheel for this Python, or python -m pip install cmake ninja.",
            ),
        ),
    ),
    Sign(
        patterns=(r"Could NOT find (?P<name>[\w-]+) \(missing: [^)\n]+\)",),
        also=(r"(?:CMake Error|Configuring incomplete)",),
        tell=_tell_not_found,
    ),
    Sign(
        patterns=(
            r"Could not find a package configuration file provided by \"(?P<name>[\w-]+)\"",
            (
                r"Package '?(?P<name>[\w.+-]+)'?,? (?:required by '[^'\n]+', )?(?:was )?not found in the "
                r"pkg-config search path"
            ),
            r"Package (?P<name>[\w.+-]+) was not found in the pkg-config search path",
            r"No package '(?P<name>[\w.+-]+)' found",
            r"Dependency \"?(?P<name>[\w.+-]+)\"? not found, tried pkgconfig",
            r"ERROR: Dependency \"(?P<name>[\w.+-]+)\" not found",
        ),
        tell=_tell_not_found,
    ),
    Sign(
        patterns=(
            r"arch_list\[-1\] \+= '\+PTX'",
            r"IndexError: list index out of range[^\n]*(?:arch|_get_cuda_arch_flags)",
        ),
        telling=Telling(
            mechanism=m.BUILD_NO_GPU,
            cause="The build asks torch for the GPU to compile for, and there is none where it runs.",
            remedies=(
                "Set TORCH_CUDA_ARCH_LIST to the compute capabilities to compile for, such as 8.0;9.0.",
            ),
        ),
    ),
    Sign(
        patterns=(
            r"AttributeError: install_layout",
            r"'build_ext' object has no attribute 'compiler'",
            r"module 'configparser' has no attribute 'SafeConfigParser'",
            r"Cannot import 'setuptools\.build_meta'",
            r"error: invalid command 'bdist_wheel'",
            r"BackendUnavailable: Cannot import '(?P<backend>[\w.]+)'",
            r"AttributeError: (?:module 'setuptools\.\w+'|cython_sources)[^\n]*",
            r"AttributeError: cython_sources",
            r"use_2to3 is invalid",
            r"setup\.py: error: unrecognized arguments: --plat-name",
            r"AttributeError: module 'pkgutil' has no attribute 'ImpImporter'",
            r"ModuleNotFoundError: No module named 'setuptools\.command\.test'",
            r"The license_file parameter is deprecated[^\n]*error",
            r"error: Multiple top-level packages discovered in a flat-layout",
        ),
        telling=Telling(
            mechanism=m.BUILD_BACKEND,
            cause=(
                "The package is built from source, and its build does not work with the setuptools, "
                "wheel, Cython or Python that is here: it is older than these (or one of them is missing)."
            ),
            remedies=(
                "Take a release that has a wheel for this Python, or an older Python for this release.",
                (
                    "Else build with older tools: --no-build-isolation after python -m pip install "
                    "'setuptools<60' wheel 'cython<3'."
                ),
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:submodule|third_party|external)[^\n]{0,80}(?:not found|is missing|does not exist|not "
                r"initialized|is empty)"
            ),
            r"Did you (?:run|forget to run) '?git submodule",
            r"does not contain a CMakeLists\.txt file",
            r"does not appear to contain CMakeLists\.txt",
            r"The source directory[^\n]{0,200}does not (?:exist|contain)",
        ),
        telling=Telling(
            mechanism=m.SOURCES_INCOMPLETE,
            cause="A part of the sources is missing: the repository was cloned without its submodules.",
            remedies=("git submodule update --init --recursive, and build again.",),
        ),
    ),
    Sign(
        patterns=(
            r"Ninja is required to load C\+\+ extensions",
            r"No such file or directory: '?ninja'?",
            r"CMake was unable to find a build program corresponding to \"Ninja\"",
        ),
        telling=Telling(
            mechanism=m.PROGRAM_MISSING,
            cause="An extension is compiled here, and the program ninja is not found.",
            remedies=(
                "python -m pip install ninja, in the environment that builds, whose bin must be in PATH.",
            ),
        ),
    ),
    Sign(
        patterns=(
            r"RuntimeError: Cannot cythonize without Cython installed",
            r"Cython(?:\.\w+)? (?:is )?(?:required|needed|not (?:found|installed))",
            r"Cython\.Compiler\.Errors\.CompileError: (?P<file>\S+)",
        ),
        telling=Telling(
            mechanism=m.BUILD_BACKEND,
            cause=(
                "The package is built from source with Cython, which is missing or of a release that the "
                "sources do not fit."
            ),
            remedies=(
                "Take a release that has a wheel for this Python; else 'cython<3' with --no-build-isolation.",
            ),
            certain=False,
        ),
    ),
)
