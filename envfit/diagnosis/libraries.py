"""What the dynamic loader says, and what that comes from: missing libraries and missing symbols.

The forms are those of glibc's ld.so; names of symbols are read as the Itanium C++ ABI
(section 5.1, mangling) writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene, package_of_file
from envfit.diagnosis.sign import Sign, Telling
from envfit.diagnosis.symbols import library_of_symbol, library_of_version
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS", "read_symbol"]

_CUDA = re.compile(
    r"lib(?:cudart|cublas|cublasLt|nvblas|cufft|cufftw|curand|cusolver|cusolverMg|cusparse|cusparseLt|"
    r"cusparse_lt"
    r"|nvrtc|nvrtc-builtins|nvJitLink|nvjpeg|npp\w+|cupti|nvToolsExt|cudnn\w*|nccl|cutensor\w*|nvinfer\w*|"
    r"nvvm"
    r"|nvshmem\w*|cufile|cudss|nvonnxparser|nvparsers|nvptxcompiler|nvfatbin|cudadevrt|nvcomp)\.so"
)
_DRIVER = re.compile(r"lib(?:cuda|nvidia-\w+|nvcuvid|nvoptix)\.so")
_TORCH_CUDA = re.compile(r"lib(?:c10_cuda|torch_cuda\w*|caffe2_gpu|caffe2_nvrtc|torch_nvshmem)\.so")
_TORCH = re.compile(r"lib(?:torch|torch_cpu|torch_python|c10|caffe2|torch_global_deps|shm)\.so")
_ROCM = re.compile(
    r"lib(?:amdhip64|hip\w+|roc\w+|MIOpen|rccl|torch_hip|c10_hip|hsa-runtime64|amd_comgr|hsakmt)\.so"
)
_PYTHON = re.compile(r"libpython(?P<version>\d\.\d+)\w*\.so")
#: What brings a library where it was tried or is plain from its project: its SONAME's stem -> what it is of.
_OF = {
    "libGL": "OpenGL (of Mesa: libgl1 on Debian and Ubuntu, mesa-libGL on Fedora and RHEL)",
    "libEGL": "EGL (libegl1 on Debian and Ubuntu)",
    "libgthread-2.0": "GLib (libglib2.0-0 on Debian and Ubuntu, glib2 on Fedora and RHEL)",
    "libglib-2.0": "GLib (libglib2.0-0 on Debian and Ubuntu, glib2 on Fedora and RHEL)",
    "libSM": "X11 session management (libsm6 on Debian and Ubuntu)",
    "libXext": "X11 (libxext6 on Debian and Ubuntu)",
    "libXrender": "X11 (libxrender1 on Debian and Ubuntu)",
    "libX11": "X11 (libx11-6 on Debian and Ubuntu)",
    "libgomp": "GCC's OpenMP runtime (libgomp1 on Debian and Ubuntu, libgomp on Fedora and RHEL)",
    "libgfortran": "GCC's Fortran runtime (libgfortran5 on Debian and Ubuntu)",
    "libsndfile": "libsndfile (libsndfile1 on Debian and Ubuntu)",
    "libsox": "SoX (libsox3 on Debian and Ubuntu)",
    "libportaudio": "PortAudio (libportaudio2 on Debian and Ubuntu)",
    "libavcodec": "FFmpeg",
    "libavformat": "FFmpeg",
    "libavutil": "FFmpeg",
    "libavdevice": "FFmpeg",
    "libavfilter": "FFmpeg",
    "libswscale": "FFmpeg",
    "libswresample": "FFmpeg",
    "libmpi": "MPI (Open MPI or MPICH, or the module of the cluster)",
    "libmpi_cxx": "Open MPI before 5",
    "libmkl_rt": "Intel MKL",
    "libmkl_intel_lp64": "Intel MKL",
    "libiomp5": "Intel's OpenMP runtime (the package intel-openmp)",
    "libopenblas": "OpenBLAS",
    "libnuma": "libnuma (libnuma1 on Debian and Ubuntu)",
    "libibverbs": "rdma-core (libibverbs1 on Debian and Ubuntu)",
    "librdmacm": "rdma-core (librdmacm1 on Debian and Ubuntu)",
    "libaio": "libaio (libaio1 on Debian and Ubuntu)",
    "libcrypt": "libxcrypt (libxcrypt-compat on Fedora and RHEL for libcrypt.so.1)",
    "libssl": "OpenSSL",
    "libcrypto": "OpenSSL",
    "libffi": "libffi",
    "libtinfo": "ncurses",
    "libpng16": "libpng",
    "libjpeg": "libjpeg",
    "libtiff": "libtiff",
    "libhdf5": "HDF5",
    "libprotobuf": "protobuf",
    "libtbb": "oneTBB (the package tbb)",
    "libtbb12": "oneTBB (the package tbb)",
    "libatomic": "GCC's libatomic (libatomic1 on Debian and Ubuntu)",
    "libstdc++": "GCC's C++ runtime",
    "libespeak-ng": "eSpeak NG",
    "libpq": "PostgreSQL's client",
    "libmysqlclient": "MySQL's client",
    "libtcmalloc": "gperftools",
    "libjemalloc": "jemalloc",
}  # fmt: skip
_SYMBOL_SUFFIX = re.compile(r"\.so.*$")
_MAJOR = re.compile(r"\.so\.(\d+)")


def _who(values: Mapping[str, str], scene: Scene) -> str:
    """Return whose library or import asked."""
    for text in (values.get("path", ""), *(frame.file for frame in reversed(scene.frames))):
        package = package_of_file(text)
        if package:
            return package
    return ""


def _tell_library(values: Mapping[str, str], scene: Scene) -> Telling | None:
    library = values["library"].rpartition("/")[2]
    asked = _who(values, scene)
    by = f", which {asked} needs" if asked else ""
    stem = _SYMBOL_SUFFIX.sub("", library)
    major = _MAJOR.search(library)
    if _DRIVER.match(library):
        return Telling(
            mechanism=m.LIBRARY_DRIVER,
            cause=(
                f"{library} belongs to the NVIDIA driver and is not found{by}: the machine has no driver, "
                "or the container was started without the GPU."
            ),
            remedies=(
                (
                    "Run it on a machine with the driver; start a container with --gpus all (docker) or "
                    "--nv (apptainer)."
                ),
            ),
        )
    if _TORCH_CUDA.match(library):
        return Telling(
            mechanism=m.LIBRARY_TORCH_CUDA,
            cause=(
                f"{library} is a part of torch with CUDA and is not found{by}: {asked or 'the extension'} "
                "was built for CUDA, and the installed torch is a build without it (or torch was not "
                "imported first)."
            ),
            remedies=(
                (
                    f"Install torch with CUDA, or the build of {asked or 'the extension'} for the torch "
                    "that is here."
                ),
            ),
            package="torch",
        )
    if _TORCH.match(library):
        return Telling(
            mechanism=m.LIBRARY_TORCH,
            cause=(
                f"{library} is a part of torch and is not found{by}: torch is not installed in the "
                "environment that ran, or the extension was imported before torch."
            ),
            package="torch",
        )
    if _ROCM.match(library):
        return Telling(
            mechanism=m.LIBRARY_ROCM,
            cause=(
                f"{library} is a part of ROCm for AMD GPUs and is not found{by}: the build for AMD GPUs is "
                "installed."
            ),
        )
    if python := _PYTHON.match(library):
        version = python["version"]
        return Telling(
            mechanism=m.LIBRARY_PYTHON,
            cause=(
                f"{library} is the library of Python {version} and is not found{by}: that Python was "
                "removed, is a build without a shared library, or its lib folder is not where the loader "
                "looks."
            ),
            remedies=(
                (
                    f"Make the environment again with a Python {version} that has its library, or put its "
                    "lib folder into LD_LIBRARY_PATH."
                ),
            ),
        )
    if _CUDA.match(library):
        cudnn = stem.startswith("libcudnn")
        of = f"{'cuDNN' if cudnn else 'the CUDA libraries'}{f' of major {major[1]}' if major else ''}"
        return Telling(
            mechanism=m.LIBRARY_CUDA,
            cause=f"{library}, one of {of}, is not found{by}: {asked or 'the package'} was built for "
            f"{'that' if major else 'a'} CUDA, and its libraries are not installed here or not where the "
            "loader looks.",
            remedies=(
                (
                    f"Install the build of {asked or 'the package'} for the CUDA of this environment "
                    "(python -c 'import torch; print(torch.version.cuda)'), or the nvidia package that "
                    "brings the library."
                ),
            ),
        )
    known = _OF.get(stem)
    if known:
        return Telling(
            mechanism=m.LIBRARY_SYSTEM,
            cause=(
                f"{library} is not found{by}: it is of {known}, which the system or environment does not "
                "have."
            ),
            remedies=(f"Install {known}, or the package of conda-forge that has it.",),
        )
    if "/" in values["library"] and not major and asked:
        return Telling(
            mechanism=m.LIBRARY_MISSING,
            cause=(
                f"The file {library}{by}, is not there: the package was installed without it, or for "
                "another machine."
            ),
            certain=False,
        )
    return Telling(
        mechanism=m.LIBRARY_MISSING,
        cause=(
            f"The shared library {library} is not found{by}: it is not installed, or not where the loader "
            "looks."
        ),
        remedies=(
            (
                f"Find which package has it (apt-file search {library}, dnf provides '*/{library}'), "
                "install that, or put its folder into LD_LIBRARY_PATH."
            ),
        ),
    )


def _tell_named(values: Mapping[str, str], scene: Scene) -> Telling | None:
    return _tell_library({"library": f"lib{values['library']}.so"}, scene)


def read_symbol(symbol: str) -> str:
    """Return the name in a mangled C++ symbol, such as ``c10::Error::Error``; else the symbol itself."""
    found = re.match(r"_Z(?:T[VISv])?N?[rVK]*[RO]?", symbol)
    if not found:
        return symbol
    rest, names = symbol[found.end() :], []
    standard = {"St": "std", "Sa": "std::allocator", "Ss": "std::string"}
    while rest:
        if rest[:2] in standard:
            names.append(standard[rest[:2]])
            rest = rest[2:]
            continue
        length = re.match(r"\d+", rest)
        if not length:
            break
        size = int(length[0])
        names.append(rest[length.end() : length.end() + size])
        rest = rest[length.end() + size :]
        if not symbol[found.start() :].startswith(("_ZN", "_ZTVN", "_ZTIN", "_ZTSN")):
            break
    if not names:
        return symbol
    if rest[:2] in ("C1", "C2"):
        names.append(names[-1])
    return "::".join(names)


_CUDA_SYMBOL = re.compile(
    r"(?P<family>cublasLt|cublas|cudnn|nccl|__nvJitLink|nvJitLink|cusparse|cusolver|cufft|curand|nvrtc|"
    r"cuda[A-Z]|cudss|nvshmem)"
)
_RUNTIME = {
    "cublasLt": "cuBLAS", "cublas": "cuBLAS", "cudnn": "cuDNN", "nccl": "NCCL", "__nvJitLink": "nvJitLink",
    "nvJitLink": "nvJitLink", "cusparse": "cuSPARSE", "cusolver": "cuSOLVER", "cufft": "cuFFT", "curand":(
        "cuRAND"
    ),
    "nvrtc": "NVRTC", "cudss": "cuDSS", "nvshmem": "NVSHMEM",
}  # fmt: skip


def _tell_symbol(values: Mapping[str, str], scene: Scene) -> Telling | None:
    symbol = values["symbol"]
    path = values.get("library", "")
    library = path.rpartition("/")[2]
    asked = package_of_file(path) or _who({}, scene)
    what = library or "a compiled library"
    if asked and asked.replace("-", "_") not in library:
        what = f"{library} (of {asked})" if library else f"a library of {asked}"
    name = read_symbol(symbol)
    if path.startswith("/") and "-packages" not in path and _CUDA.match(library):
        what = path  # whose directory comes first
    shown = name if name == symbol else f"{name} ({symbol})"
    if len(shown) > 150:
        shown = name[:120]
    if re.match(r"_?Py[A-Z_]", symbol):
        return Telling(
            mechanism=m.SYMBOL_PYTHON,
            cause=f"{what} was built for another Python than the one that runs, which has no {symbol}.",
            remedies=("Reinstall it for this Python, without the cache.",),
        )
    if family := _CUDA_SYMBOL.match(symbol):
        runtime = _RUNTIME.get(family["family"], "the CUDA runtime")
        return Telling(
            mechanism=m.SYMBOL_CUDA,
            cause=(
                f"{what} needs {symbol} of {runtime}, and the {runtime} that was loaded does not have it: "
                "one of another release is found first, through LD_LIBRARY_PATH, from the system or from "
                "another package."
            ),
            remedies=(
                "Unset LD_LIBRARY_PATH and try again.",
                f"Have one release of {runtime} only: the one that torch or the package requires.",
            ),
        )
    if re.search(
        r"(?:^|\d)(?:c10|at\d|torch|caffe2|5torch|aoti_torch)|N2at|N3c10|3c10|2at[1-9]", symbol
    ) or symbol.startswith(("torch_", "aoti_torch", "THP", "TH")):
        hint = (
            " Its name holds the new C++ ABI (__cxx11): a torch built with the old one (before 2.7 on the "
            "package index) does not have it."
            if "__cxx11" in symbol
            else ""
        )
        return Telling(
            mechanism=m.SYMBOL_TORCH,
            cause=(
                f"{what} was built against another torch release, or with the other C++ ABI, than the "
                f"torch that is installed, which has no {shown}.{hint}"
            ),
            remedies=(
                (
                    f"Install the build of {asked or 'the extension'} for this torch (its version, CUDA, "
                    "Python and C++ ABI), or build it against this torch: pip install "
                    "--no-build-isolation --no-cache-dir."
                ),
            ),
        )
    if re.match(r"_Z(?:N|NK|T[ISV]N?)?K?S[tosaid]", symbol):
        return Telling(
            mechanism=m.LIBSTDCXX_OLD,
            cause=(
                f"{what} needs {shown} of the C++ library, which the libstdc++ that was loaded does not "
                "have: an older one is found first, or the file was built with the other C++ ABI."
            ),
            certain=False,
        )
    if library.startswith(("libtorch", "libc10")):
        return Telling(
            mechanism=m.SYMBOL_OTHER,
            cause=(
                f"{library} of torch needs {shown}, which another library that was loaded with it does not "
                "have: a library of another release (MKL, OpenMP, CUDA or the system's) is found first."
            ),
            remedies=(
                "Unset LD_LIBRARY_PATH; reinstall torch with its dependencies into a fresh environment.",
            ),
            certain=False,
        )
    of = library_of_version(values.get("version", "")) or library_of_symbol(symbol, name.partition("::")[0])
    if of is not None:
        return Telling(
            mechanism=m.LIBRARY_VERSION,
            cause=(
                f"{what} needs {shown} of {of}, and the version of {of} that was loaded does not have it: it "
                "is older or newer than the one that the file was built with, mostly one of another place "
                "(the system, conda, LD_LIBRARY_PATH) that is found first."
            ),
            remedies=(
                f"Unset LD_LIBRARY_PATH, or have {of} from one source only; ldd shows which one is found.",
            ),
            certain=False,
        )
    return Telling(
        mechanism=m.SYMBOL_OTHER,
        cause=(
            f"{what} needs {shown}, which the library that should have it does not: it was built against "
            "another version of that library, or one of another place is loaded first."
        ),
        remedies=(
            "Reinstall it and what it is linked with from one source; look at ldd and LD_LIBRARY_PATH.",
        ),
        certain=False,
    )


def _tell_libc(values: Mapping[str, str], _: Scene) -> Telling:
    version = values["version"]
    by = f", which {values['file'].rpartition('/')[2]} needs" if "file" in values else ""
    if version.startswith("GLIBC_"):
        number = version.removeprefix("GLIBC_")
        return Telling(
            mechanism=m.LIBC_OLD,
            cause=(
                f"The system's C library (glibc) is older than {number}{by}: the file was built on a newer "
                "system."
            ),
            remedies=(
                f"Use a build for an older glibc, or a system or container with glibc {number} or newer.",
            ),
        )
    return Telling(
        mechanism=m.LIBSTDCXX_OLD,
        cause=(
            f"The libstdc++ that was loaded has no {version}{by}: an older one, mostly the system's, is "
            "found before a newer one."
        ),
        remedies=(
            (
                "In conda: conda install -c conda-forge 'libstdcxx-ng>=12', and "
                "LD_LIBRARY_PATH=$CONDA_PREFIX/lib."
            ),
            "Else a newer system or container.",
        ),
    )


SIGNS = (
    Sign(
        patterns=(
            r"(?P<library>[\w./+~-]*\blib[\w+.-]+?\.so(?:\.[\w.]*\w)?): cannot open shared object file",
            r"(?P<library>[\w./+~-]+\.so(?:\.[\w.]*\w)?): cannot open shared object file",
            r"error while loading shared libraries: (?P<library>[\w./+~-]+\.so(?:\.[\w.]*\w)?)",
            r"[Cc]ould not load (?:the )?(?:dynamic |shared )?library '?(?P<library>[\w./+-]+\.so[\w.]*)",
            (
                r"[Ff]ailed to (?:load|open) (?:the )?(?:dynamic |shared )?(?:library "
                r")?'?(?P<library>lib[\w./+-]+\.so[\w.]*)"
            ),
            r"Library (?P<library>lib[\w+.-]+\.so[\w.]*) is not found or cannot be loaded",
            r"(?P<library>lib[\w+.-]+\.so[\w.]*) => not found",
            r"(?P<library>lib[\w+.-]+\.so[.\d]*)(?: library)? (?:could not be|was not|not) (?:found|loaded)",
        ),
        tell=_tell_library,
    ),
    Sign(
        patterns=(
            r"[Cc]annot (?:load|find) (?P<library>cu[a-z]+|nccl|nvrtc|cudnn) (?:shared|dynamic) library",
        ),
        tell=_tell_named,
    ),
    Sign(
        patterns=(
            (
                r"symbol:? (?P<symbol>\w+),? version (?P<version>(?:GLIBCXX|CXXABI)_[\d.]+\d) not defined "
                r"in file libstdc"
            ),
            r"undefined symbol: (?P<symbol>\w+),? version (?P<version>(?:GLIBCXX|CXXABI)_[\d.]+\d)",
        ),
        tell=_tell_libc,
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?P<library>[\w./+~@-]+\.so[\w.]*): undefined symbol: (?P<symbol>\w+)"
                r"(?:,? version (?P<version>\w[\w.]*))?"
            ),
            (
                r"symbol lookup error: (?P<library>[\w./+~@-]+): undefined symbol: (?P<symbol>\w+)"
                r"(?:,? version (?P<version>\w[\w.]*))?"
            ),
            (
                r"(?P<library>[\w./+~@-]+\.so[\w.]*): symbol:? (?P<symbol>\w+),? "
                r"version (?P<version>\w\S*) not defined in file"
            ),
            r"undefined symbol: (?P<symbol>\w+)",
            r"undefined symbol '(?P<symbol>\w+)'",
            r"Symbol not found: (?P<symbol>\w+)",
        ),
        tell=_tell_symbol,
    ),
    Sign(
        patterns=(
            (
                r"version `?'?(?P<version>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+\d)'? not found \(required by "
                r"(?P<file>[^)\n]+)\)"
            ),
            r"version `?'?(?P<version>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+\d)'? not found",
        ),
        tell=_tell_libc,
    ),
    Sign(
        patterns=(
            (
                r"(?P<library>[\w./+-]+\.so[\w.]*): (?:invalid ELF header|wrong ELF class: \w+|file too "
                r"short|"
                r"ELF load command[^\n]{0,60})"
            ),
            r"(?P<library>[\w./+-]+\.so[\w.]*): cannot open shared object file: Exec format error",
        ),
        telling=Telling(
            mechanism=m.LIBRARY_FOREIGN,
            cause=(
                "{library} is no library that this machine can load: it is for another kind of processor, "
                "or was damaged or cut off when it was installed."
            ),
            remedies=("Reinstall its package without the cache, on the machine it is for.",),
        ),
    ),
    Sign(
        patterns=(
            r"(?P<library>[\w./+-]+\.so[\w.]*): cannot enable executable stack as shared object requires",
        ),
        telling=Telling(
            mechanism=m.LIBRARY_REFUSED,
            cause=(
                "{library} asks for an executable stack, which this system (glibc 2.41 and newer, or a "
                "hardened kernel) refuses: the build is old."
            ),
            remedies=("Install a newer release of the package; patchelf --clear-execstack mends the file.",),
        ),
    ),
    Sign(
        patterns=(r"(?P<library>[\w./+-]+\.so[\w.]*): cannot allocate memory in static TLS block",),
        telling=Telling(
            mechanism=m.TLS_FULL,
            cause=(
                "The loader has no room left for the static thread-local storage of {library}, because it "
                "is loaded late."
            ),
            remedies=("Import its package first, or start with LD_PRELOAD={library}.",),
        ),
    ),
    Sign(
        patterns=(
            r"OMP: Error #15: Initializing \S+, but found \S+ already initialized",
            r"MKL_THREADING_LAYER=INTEL is incompatible with \S+",
        ),
        telling=Telling(
            mechanism=m.OPENMP_TWICE,
            cause=(
                "Two copies of the OpenMP runtime are loaded into one process: NumPy, MKL or torch were "
                "installed from different sources (pip and conda), each with its own."
            ),
            remedies=(
                "Install NumPy, MKL and torch from one source into a fresh environment.",
                "As a stopgap import numpy before torch, or set MKL_SERVICE_FORCE_INTEL=1.",
            ),
        ),
    ),
    Sign(
        patterns=(
            r"DLL load failed while importing (?P<module>[\w.]+)",
            r"\[WinError (?:126|127|193|1114)\][^\n]{0,120}[Ee]rror loading \"(?P<module>[^\"\n]+)\"",
        ),
        telling=Telling(
            mechanism=m.LIBRARY_MISSING,
            cause=(
                "Windows could not load a library that {module} needs: Microsoft's C++ runtime, a library "
                "of CUDA, or one of another release."
            ),
            remedies=("Install the Visual C++ Redistributable, and reinstall the package.",),
            certain=False,
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            r"(?P<path>[\w./+-]+\.(?:so|o|a)[\w.]*): file not recognized: [Ff]ile format not recognized",
        ),
        telling=Telling(
            mechanism=m.LIBRARY_FOREIGN,
            cause="The linker cannot read {path}: it is for another kind of processor, or damaged.",
            remedies=("Install the library for this machine.",),
        ),
    ),
    Sign(
        patterns=(r"(?P<library>[a-z]\w+) library not found(?: using ctypes)?",),
        telling=Telling(
            mechanism=m.LIBRARY_SYSTEM,
            cause="The system's library {library} is not installed, or not where the loader looks.",
            remedies=("Install it with the system's package manager or from conda-forge (lib{library}).",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(r"ImportError: (?P<path>[^\n:]*): failed to map segment from shared object",),
        telling=Telling(
            mechanism=m.LIBRARY_REFUSED,
            cause=(
                "The system does not let {path} be mapped: its folder is mounted noexec, or memory is "
                "limited."
            ),
            remedies=("Install into a folder that is not mounted noexec.",),
        ),
    ),
    Sign(
        patterns=(r"incompatible architecture \(have '(?P<have>[\w,]+)', need '(?P<need>\w+)'\)",),
        telling=Telling(
            mechanism=m.LIBRARY_FOREIGN,
            cause=(
                "The compiled file is for another architecture of machine ({have}) than the Python that "
                "loads it "
                "({need}): it was installed by a Python of the other architecture."
            ),
            remedies=("Reinstall the package with the Python that runs, without the cache.",),
        ),
    ),
    Sign(
        patterns=(r"Could not find lib (?P<library>\w+) or load any of its variants",),
        telling=Telling(
            mechanism=m.LIBRARY_SYSTEM,
            cause="The system's library lib{library} is not found: it is not installed, or not where it "
            "is sought.",
            remedies=("Install lib{library} (of the system or conda-forge), or a wheel that brings it.",),
        ),
    ),
    Sign(
        patterns=(
            r"no database context specified",
            r"proj_create[^\n]{0,80}(?:cannot find proj\.db|proj\.db contains DATABASE)",
            r"Cannot find proj\.db",
        ),
        telling=Telling(
            mechanism=m.LIBRARY_VERSION,
            cause=(
                "PROJ does not find its database proj.db, or finds one of another version: several "
                "installations of PROJ "
                "(of the system, conda and wheels) are mixed."
            ),
            remedies=(
                ("Unset PROJ_LIB and PROJ_DATA, and install pyproj, gdal and the like from one source."),
            ),
            package="pyproj",
        ),
    ),
    Sign(
        patterns=(r"Could not load the Qt platform plugin \"(?P<plugin>\w+)\"",),
        telling=Telling(
            mechanism=m.NO_DISPLAY,
            cause=(
                "Qt cannot load its plugin {plugin} to open a window: no display is there, a library of X11 "
                "such as libxcb is missing, or the Qt of opencv-python and another Qt are mixed."
            ),
            remedies=(
                ("Use opencv-python-headless, or xvfb-run; else install libxcb-xinerama0 and the like."),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"could not connect to display",
            r"no display name and no \$DISPLAY",
            r"[Cc]annot open display",
        ),
        telling=Telling(
            mechanism=m.NO_DISPLAY,
            cause="A window is to be opened, and there is no display where the program runs.",
            remedies=("Run it without a window (MPLBACKEND=Agg); else ssh -X, or xvfb-run.",),
        ),
    ),
)
