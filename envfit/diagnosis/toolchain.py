"""What builds say of compilers and build tools that are missing or do not fit, beyond C and nvcc."""

from __future__ import annotations

from collections.abc import Mapping

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling

__all__ = ["SIGNS"]

_FORTRAN = r"(?:gfortran|flang|ifort|ifx|f77|f90)"


def _tell_backend(values: Mapping[str, str], _: Scene) -> Telling:
    backend = values["backend"]
    top = backend.partition(".")[0]
    package = {
        "pdm": "pdm-backend",
        "poetry": "poetry-core",
        "flit_core": "flit-core",
        "mesonpy": "meson-python",
    }.get(top, top.replace("_", "-"))
    return Telling(
        mechanism=m.ISOLATION_MODULE,
        cause=(
            f"The package is built with the build backend {backend}, which is missing in the "
            f"environment that "
            "builds it (as --no-build-isolation leaves it to you), or is older than the package needs."
        ),
        remedies=(
            f"python -m pip install -U {package}, or build without --no-build-isolation, or take a wheel.",
        ),
    )


SIGNS = (
    Sign(
        patterns=(
            r"Unknown compiler\(s\): \[\['" + _FORTRAN,
            r"(?:No|no) (?:working )?Fortran compiler (?:was )?(?:found|could be found)",
            r"No CMAKE_Fortran_COMPILER could be found",
            r"(?:error: )?library \w+ has Fortran sources but no Fortran compiler found",
            r"(?:sh|bash|FileNotFoundError|error)[^\n]{0,80}" + _FORTRAN + r"'?: (?:command )?not found",
            r"No such file or directory: '?" + _FORTRAN,
        ),
        telling=Telling(
            mechanism=m.FORTRAN_MISSING,
            cause=(
                "The package has no wheel for this Python and platform and is built from source, which "
                "needs a Fortran "
                "compiler (gfortran), and none is found."
            ),
            remedies=(
                "Take a release that has a wheel for this Python, or an older or newer Python.",
                "Else install gfortran and OpenBLAS with its headers.",
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"Microsoft Visual C\+\+ \d+\.\d+ (?:or (?:greater|newer) )?is required",
            r"error: Microsoft Visual C",
            r"Error checking compiler version for cl: \[WinError 2\]",
            r"'(?:where', 'cl|cl\.exe)'",
            r"'cl\.exe' is not recognized",
            r"Cannot find compiler '?cl\.exe'? in PATH",
            r"[Cc]ould not find (?:any )?(?:instance of )?Visual Studio",
            r"Unable to find vcvarsall\.bat",
        ),
        telling=Telling(
            mechanism=m.COMPILER_MISSING,
            cause=(
                "A package is compiled here, and the C++ compiler of Windows (MSVC, cl.exe) of the "
                "Microsoft Visual C++ "
                "Build Tools is not installed or not in PATH."
            ),
            remedies=(
                "Take a release that has a wheel for this Python on Windows.",
                (
                    "Else install the Visual Studio Build Tools with C++, and build in its x64 Native Tools "
                    "prompt."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"Cannot open include file: '?(?P<header>io\.h|corecrt\.h|stdio\.h|stdlib\.h|basetsd\.h|"
                r"ctype\.h|crtdbg\.h|"
                r"windows\.h|winsock2?\.h|float\.h|math\.h|string\.h|assert\.h|errno\.h|inttypes\.h|"
                r"stddef\.h|vcruntime\.h)"
            ),
            r"LNK1104: cannot open file '?(?P<header>kernel32\.lib|ucrt\.lib|msvcprt\.lib|LIBCMT\.lib)",
            r"LNK1158: cannot run '?(?P<header>rc\.exe)",
        ),
        telling=Telling(
            mechanism=m.COMPILER_MISSING,
            cause=(
                "{header} belongs to the Windows SDK or to Visual C++ itself, and is not found: Visual "
                "Studio is installed "
                "without the Windows SDK, or its environment was not set up before the build."
            ),
            remedies=(
                (
                    "Add the Windows SDK in the Visual Studio Installer, and build in the x64 Native Tools "
                    "prompt."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"BackendUnavailable: Cannot import '(?P<backend>(?!setuptools)[\w.]+)'",
            r"Cannot import '(?P<backend>(?!setuptools)[\w.]+)'$",
        ),
        tell=_tell_backend,
        overrides=True,
    ),
    Sign(
        patterns=(
            r"module 'sipbuild\.api' has no attribute '\w+'",
            r"has a 'pyproject\.toml' and its build backend is missing the '(?P<hook>build_editable)' hook",
            r"has no attribute 'prepare_metadata_for_build_(?:wheel|editable)'",
            r"has no attribute '(?:get_requires_for_)?build_editable'",
        ),
        telling=Telling(
            mechanism=m.BUILD_BACKEND,
            cause=(
                "The build backend (setuptools, sip of PyQt5 or another) that builds the package is "
                "older than pip "
                "and the package need, or pip falls back to a source build where there is no wheel."
            ),
            remedies=(
                (
                    "python -m pip install -U pip setuptools wheel; take a release that has a wheel for "
                    "this Python "
                    "and platform."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"InvalidConfigError: Invalid dash-separated key '(?P<what>[\w-]+)'",
            r"configuration error: `(?P<what>project[\w.]*)` must",
            r"invalid pyproject\.toml config: `(?P<what>[\w.]+)`",
            r"SetuptoolsDeprecationWarning: (?P<what>License classifiers)[^\n]*error",
            r"error in (?P<what>[\w.-]+) setup command: ",
            r"InvalidVersion: Invalid version: '(?P<what>[^'\n]+)'",
            r"(?P<what>use_2to3) is invalid",
        ),
        also=(r"(?:setuptools|setup\.py|setup command|egg_info|build_meta|metadata|dist_info|pyproject)",),
        telling=Telling(
            mechanism=m.BUILD_BACKEND,
            cause=(
                "The configuration of the package ({what}) is not taken by the setuptools that builds "
                "it: the package "
                "is older than this setuptools, or (with new keys of pyproject.toml) newer."
            ),
            remedies=(
                "Take a release of the package that has a wheel, or a newer one.",
                (
                    "Else build with another setuptools: PIP_CONSTRAINT with 'setuptools<78' (or a newer "
                    "one for new "
                    "keys), or --no-build-isolation with that installed."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"feature `(?P<what>edition20\d\d)` is required",
            r"(?P<what>edition20\d\d)[^\n]{0,60}is not stabilized in this version of Cargo",
            r"this version of Cargo is older than the `(?P<what>20\d\d)` edition",
            r"(?P<what>lock file version `?\d`?) (?:requires|was found, but this version of Cargo)",
            r"requires rustc (?P<what>[\d.]+\d) or newer",
            r"rustc (?P<what>[\d.]+\d) is not supported by the following package",
        ),
        telling=Telling(
            mechanism=m.TOOLCHAIN_OLD,
            cause="The installed Rust (cargo, rustc) is too old for the sources, which need a newer one "
            "({what}).",
            remedies=(
                (
                    "rustup update stable (the Rust of a distribution is mostly old), or take a release "
                    "with a wheel."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"casting `&T` to `&mut T` is undefined behavior",
            r"error: could not compile `(?P<what>[\w-]+)` \((?:lib|bin|build script)\)",
        ),
        also=(r"(?:[Mm]aturin|setuptools.rust|\bpip\b|wheel|pyo3|site-packages|pyproject|tokenizers)",),
        telling=Telling(
            mechanism=m.TOOLCHAIN_OLD,
            cause=(
                "A part of the package that is written in Rust has no wheel for this Python and is "
                "built from "
                "source, and does not compile with the installed Rust: the release is older than this "
                "compiler "
                "(or needs a newer one)."
            ),
            remedies=(
                (
                    "Take a newer release of the package, which has a wheel for this Python, or use an "
                    "older Python."
                ),
                "Else build with an older Rust, or RUSTFLAGS='-A invalid_reference_casting'.",
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"exception specification is incompatible with that of previous function \\?\"(?P<what>\w+)",
            r"identifier \"(?P<what>_Float(?:32|64|128)x?)\" is undefined",
            r"identifier \"(?P<what>__builtin_ia32_\w+)\" is undefined",
            r"identifier \"(?P<what>__(?:builtin|Int|SVE?|Bfloat16|bf16|float128)\w*)\" is undefined",
        ),
        telling=Telling(
            mechanism=m.HOST_COMPILER,
            cause=(
                "nvcc of this CUDA toolkit cannot read the headers of the C++ compiler or of the C "
                "library (glibc) that are "
                "installed ({what}): gcc or glibc is newer than this CUDA supports."
            ),
            remedies=(
                (
                    "Use a newer CUDA toolkit, or an older compiler (CC and CXX; in conda gxx_linux-64 with "
                    "sysroot_linux-64) "
                    "or an older system."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"CMAKE_CUDA_ARCHITECTURES must be (?:non-empty|valid)",
            r"Failed to detect a default CUDA architecture",
            r"CUDA_ARCHITECTURES is empty for target",
        ),
        telling=Telling(
            mechanism=m.BUILD_NO_GPU,
            cause=(
                "CMake does not know for which GPU architecture to compile CUDA code: no GPU is seen "
                "where it builds, "
                "nvcc cannot be run, or this CMake and CUDA do not know each other."
            ),
            remedies=(
                (
                    "Say it: CMAKE_ARGS=-DCMAKE_CUDA_ARCHITECTURES=86, and CUDACXX with the path of nvcc; "
                    "else a newer "
                    "CMake."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"ERROR: Python dependency not found",
            r"Could NOT find Python3? \(missing: [^)\n]*Development",
        ),
        telling=Telling(
            mechanism=m.HEADER_PYTHON,
            cause=(
                "The build does not find what is needed to compile against this Python: its headers "
                "(the dev or devel "
                "package of Python) are not installed."
            ),
            remedies=(
                (
                    "Install python3-dev (python3.X-dev) on Debian and Ubuntu, python3-devel on Fedora; "
                    "a Python of uv or conda has them."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?:No package '|Package |Dependency \")lib(?P<part>av(?:format|codec|device|util|filter)|"
                r"swscale|swresample)"
            ),
            r"pkg-config could not find libraries \['?(?P<part>av\w+)",
        ),
        telling=Telling(
            mechanism=m.CMAKE_FINDS,
            cause=(
                "The build needs the libraries of FFmpeg with their headers (lib{part}), and they are "
                "not installed "
                "for development, or are of another version."
            ),
            remedies=(
                "Take a release that has a wheel for this Python (newer releases of av bring FFmpeg).",
                (
                    "Else install libavformat-dev, libavcodec-dev, libavdevice-dev, libavfilter-dev and "
                    "pkg-config."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"since this system does not have Windows Long Path support enabled",
            r"\[WinError 206\]",
            r"error: [^\n]{0,80}Filename too long",
        ),
        telling=Telling(
            mechanism=m.PATH_TOO_LONG,
            cause="A path of the package is longer than this Windows takes: support for long paths is off.",
            remedies=(
                (
                    "Turn on long paths (LongPathsEnabled in the registry), or make the environment in a "
                    "folder with a "
                    "short path, such as C:\\v; git config --system core.longpaths true for git."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"(?P<name>[A-Za-z][\w-]+) does not support Windows",
            r"(?P<name>[A-Za-z][\w-]+) is not supported on Windows",
            r"(?P<name>[A-Za-z][\w-]+) (?:only (?:supports|works on)|requires) Linux",
        ),
        telling=Telling(
            mechanism=m.MODULE_OF_SYSTEM,
            cause="{name} is not made for Windows.",
            remedies=("Use Linux or WSL, or leave {name} out where it is optional.",),
            package="{name}",
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"Specify (?P<name>[A-Z]\w+?)_CFLAGS and \w+_LDFLAGS env vars",
            r"\b(?P<name>(?!pg_)[a-z]\w+)_config executable not found",
            r"(?P<name>\w+)-config(?: executable)? (?:was )?not found",
        ),
        telling=Telling(
            mechanism=m.CMAKE_FINDS,
            cause=(
                "The build asks for the library {name} with its headers, and does not find it: it is "
                "not installed for "
                "development."
            ),
            remedies=(
                ("Install its -dev or -devel package (and pkg-config), or take a release that has a wheel."),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"unsupported option '-fopenmp'",
            r"[Cc]ould (?:not|NOT) find OpenMP",
            (
                r"no OpenM"
                r"P support"
            ),
        ),
        telling=Telling(
            mechanism=m.COMPILER_MISSING,
            cause="The C++ compiler that is found has no OpenMP (as the clang of macOS), which the "
            "build needs.",
            remedies=("brew install libomp, or a gcc; in conda: conda install compilers llvm-openmp.",),
        ),
    ),
    Sign(
        patterns=(r"pg_config executable not found", r"libpq-fe\.h: No such file"),
        telling=Telling(
            mechanism=m.CMAKE_FINDS,
            cause=(
                "psycopg2 is built from source, which needs PostgreSQL's client library libpq with its "
                "headers and its "
                "program pg_config, and they are not installed."
            ),
            remedies=("python -m pip install psycopg2-binary; else install libpq-dev.",),
            package="psycopg2",
        ),
    ),
    Sign(
        patterns=(r"(?P<what>/usr/(?:include/c\+\+|lib/gcc)[\w./+-]{1,80})\(\d+\): error",),
        telling=Telling(
            mechanism=m.HOST_COMPILER,
            cause=(
                "nvcc stumbles over a header of the installed C++ compiler ({what}): gcc is newer than "
                "this CUDA toolkit "
                "supports, as it mostly is."
            ),
            remedies=("Use a newer CUDA toolkit, or an older compiler: CC=gcc-11 CXX=g++-11.",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(r"Unknown CUDA arch \((?P<architecture>[\d.]+\w*)\) or GPU not supported",),
        telling=Telling(
            mechanism=m.NVCC_ARCHITECTURE,
            cause=(
                "The build tools of the installed torch do not know the compute capability "
                "{architecture} to compile "
                "for: torch is older than this architecture of GPU (or it is written wrongly in "
                "TORCH_CUDA_ARCH_LIST)."
            ),
            remedies=(
                ("Install a newer torch, or set TORCH_CUDA_ARCH_LIST to what torch, nvcc and the GPU know."),
            ),
            package="torch",
        ),
        overrides=True,
    ),
    Sign(
        patterns=(r"relocation R_\w+ against [^\n]{0,120}recompile with -fPIC",),
        telling=Telling(
            mechanism=m.LINK_LIBRARY,
            cause=(
                "A static library that is linked into the extension was compiled without -fPIC, which a "
                "shared "
                "library needs."
            ),
            remedies=(
                (
                    "Build that library again with -fPIC (CMAKE_POSITION_INDEPENDENT_CODE=ON), or use "
                    "a shared one."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(r"error: '(?P<what>[\w:]+)' is unavailable: introduced in macOS (?P<version>[\d.]+\d)",),
        telling=Telling(
            mechanism=m.CXX_STANDARD,
            cause=(
                "The extension is compiled for a macOS older than {version}, which has no {what} of the "
                "C++ library."
            ),
            remedies=("MACOSX_DEPLOYMENT_TARGET={version} pip install ...",),
        ),
    ),
)
