"""What Python says when an import fails or a package lacks a name, and what that comes from.

Which modules came and went with which Python was measured: ``sys.stdlib_module_names`` of
CPython 3.10 to 3.13, and imports in 3.6 to 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.parties import called_in_line, caller_before, named
from envfit.diagnosis.scene import Scene, package_of_file
from envfit.diagnosis.sign import Sign, Telling
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_REMOVED = {
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), (3, 12)),
    **dict.fromkeys(
        (
            "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib",(
                "nis"
            ),
            "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
        ),
        (3, 13),
    ),
    "binhex": (3, 11),
    **dict.fromkeys(("formatter", "parser", "symbol"), (3, 10)),
}  # fmt: skip
_ADDED = {
    "tomllib": (3, 11),
    "zoneinfo": (3, 9),
    "graphlib": (3, 9),
    "importlib.metadata": (3, 8),
    "dataclasses": (3, 7),
    "contextvars": (3, 7),
    "importlib.resources": (3, 7),
}
_BUILT_WITH = {
    "_ctypes": "libffi",
    "_lzma": "liblzma",
    "_bz2": "libbz2",
    "_sqlite3": "SQLite",
    "_ssl": "OpenSSL",
    "_tkinter": "Tcl/Tk",
    "_curses": "ncurses",
    "readline": "readline",
    "_dbm": "a dbm library",
    "_uuid": "libuuid",
    "_zstd": "libzstd",
}
_UNIX = {
    "fcntl",
    "resource",
    "pwd",
    "grp",
    "termios",
    "pty",
    "tty",
    "posix",
    "syslog",
    "_posixsubprocess",
    "spwd",
}
_WINDOWS = {
    "msvcrt",
    "winreg",
    "_winreg",
    "winsound",
    "_winapi",
    "win32api",
    "win32con",
    "win32gui",
    "pywintypes",
}
#: A path of Windows.
_DRIVE = re.compile(r"(?<![A-Za-z])[A-Za-z]:\\(?:\\)?\w")
_PYTHON_2 = {
    "ConfigParser", "Queue", "StringIO", "Tkinter", "__builtin__", "cPickle", "commands", "cookielib",(
        "httplib"
    ),
    "urllib2", "urlparse", "HTMLParser", "SocketServer", "cStringIO", "copy_reg",
}  # fmt: skip
#: Compiled parts by the way they are named.
_COMPILED = re.compile(
    r"(?:^|\.)(?:_C\w*|_?\w*_(?:cuda|cpp|kernels?|C)|\w*cuda_kernel\w*|_ext|_?\w+_(?:cuda|cpp|c)_ext|"
    r"core_cc"
    r"|fused_\w+_(?:cuda|lib)|_multiarray_umath|_imaging|_cext|_kernels?|_C_\w+|lib\w+_python|\w*_pybind\w*"
    r"|_native|_backend_C)$"
)
_IN_BUILD = re.compile(
    r"Getting requirements to build|get_requires_for_build|Preparing (?:editable )?metadata|build_editable"
    r"|prepare_metadata_for_build|build_wheel|metadata-generation-failed|pip-build-env|builds-v\d|setup\.py"
    r" egg_info|python setup\.py|build_meta|Building wheel|setup_requires|Failed to build",
    re.IGNORECASE,
)
_SITE = re.compile(r"(?:site|dist)-packages|/lib/python\d|/Lib/|<frozen|\\lib\\", re.IGNORECASE)


def _version(found: tuple[int, int]) -> str:
    return f"Python {found[0]}.{found[1]}"


def _asker(scene: Scene) -> str:
    """Say who asked, such as " (asked for by s3prl, in hub.py line 7)"."""
    frame = scene.asking
    if frame is None:
        return ""
    name = frame.file.replace("\\", "/").rpartition("/")[2]
    line = f" line {frame.line}" if frame.line else ""
    owner = scene.importer
    return f", asked for by {owner} ({name}{line})" if owner else f", asked for in {name}{line}"


def _distribution(scene: Scene, module: str) -> str:
    top = module.partition(".")[0]
    return scene.distributions.get(top, top.replace("_", "-"))


def _is_built(scene: Scene) -> bool:
    """Tell whether a package is being built where the message stands, and not a program run."""
    around = scene.log.lines[max(0, scene.place - 60) : scene.place + 40]
    return any(_IN_BUILD.search(line.text) for line in around)


def _own_file(scene: Scene, name: str) -> str | None:
    """Return a file of the user that has the name of a package, where the log shows one."""
    text = re.escape(name)
    shadow = re.compile(rf"(?P<path>(?:[A-Za-z]:)?[\w./~\\-]*[/\\]{text}(?:\.py|[/\\]__init__\.py))\b")
    for frame in scene.frames:
        found = shadow.search(frame.file)
        if found and not _SITE.search(frame.file):
            return frame.file
    return None


def _tell_of_python(module: str, top: str, scene: Scene) -> Telling | None:
    """Read a module that other Pythons have, or other builds of this one."""
    windows = bool(_DRIVE.search(scene.log.text))
    if (top in _UNIX and windows) or (top in _WINDOWS and not windows):
        here, there = ("Windows", "Unix (Linux and macOS)") if windows else ("this system", "Windows")
        return Telling(
            mechanism=m.MODULE_OF_SYSTEM,
            cause=(
                f"The module {top} is there only on {there}, and this runs on {here}{_asker(scene)}: the "
                f"package that imports it is not made for {here}."
            ),
            package=canonicalize_name(scene.importer) if scene.importer else None,
        )
    if module in _REMOVED or top in _REMOVED:
        since = _REMOVED[module if module in _REMOVED else top]
        return Telling(
            mechanism=m.STDLIB_REMOVED,
            cause=(
                f"{_version(since)} and newer no longer has the standard module {top}{_asker(scene)}: the "
                "code is older than this Python."
            ),
            remedies=(
                (
                    f"Use a newer release of the package that imports {top}, or a Python before "
                    f"{since[0]}.{since[1]}."
                ),
            ),
        )
    if module in _ADDED:
        since = _ADDED[module]
        return Telling(
            mechanism=m.STDLIB_NEWER,
            cause=(
                f"Python before {since[0]}.{since[1]} has no module {module}{_asker(scene)}: the code "
                "needs a newer Python."
            ),
            remedies=(
                f"Use {_version(since)} or newer, or an older release of the package that imports {module}.",
            ),
        )
    if top in _BUILT_WITH:
        return Telling(
            mechanism=m.PYTHON_INCOMPLETE,
            cause=(
                f"This Python was built without its module {top}, because {_BUILT_WITH[top]} with its "
                "headers was not there when it was compiled."
            ),
            remedies=(
                (
                    "Use a Python that is whole (of uv, conda or the system), or install "
                    f"{_BUILT_WITH[top]} with its headers and build this Python again."
                ),
            ),
        )
    if top in _PYTHON_2:
        return Telling(
            mechanism=m.PYTHON_2_CODE,
            cause=f"The code imports {module}, which only Python 2 has{_asker(scene)}.",
        )
    return None


def _tell_module(values: Mapping[str, str], scene: Scene) -> Telling | None:
    module = values["module"]
    top = module.partition(".")[0]
    package = _distribution(scene, module)
    if (standard := _tell_of_python(module, top, scene)) is not None:
        return standard
    shadow = _own_file(scene, top)
    if shadow and "." in module:
        return _shadow(top, shadow)
    if _is_built(scene):
        return _tell_build(module, scene)
    if _COMPILED.search(module):
        owner = package if "." in module else scene.importer or package
        owner = canonicalize_name(owner)
        return Telling(
            mechanism=m.EXTENSION_MISSING,
            cause=(
                f"{owner} is installed without its compiled part {module}: it was built where the compiled "
                "code was skipped or failed, only its Python files are there, or the compiled file is for "
                f"another Python or release{_asker(scene)}."
            ),
            remedies=(
                (
                    f"Reinstall {owner}: a wheel that is compiled for this Python, torch and CUDA, or a "
                    "build with nvcc and a compiler there."
                ),
                f"Where {owner} is only used if it is there, uninstalling it is enough.",
            ),
            package=owner,
        )
    if "." in module and top.lower() in _PROJECT:
        return _tell_plain(module, scene)
    if module.startswith("numpy.distutils"):
        return Telling(
            mechanism=m.STDLIB_REMOVED,
            cause=(
                f"numpy.distutils is gone with Python 3.12{_asker(scene)}: the code or build is older than "
                "this Python."
            ),
            remedies=("Use a newer release of the package, or Python 3.11.",),
            package="numpy",
        )
    if "." in module:
        return Telling(
            mechanism=m.SUBMODULE_MISSING,
            cause=(
                f"{package} is installed, and the installed release has no module {module}{_asker(scene)}: "
                f"the code was written for an older or newer release of {package}, or another package of "
                "this name is installed."
            ),
            remedies=(
                (
                    f"Install the release of {package} that the code was written for, or a release of the "
                    f"code for the {package} that is installed."
                ),
            ),
            commands=(("python", "-m", "pip", "show", package),),
            package=canonicalize_name(package),
            certain=False,
        )
    return _tell_plain(module, scene)


#: How parts of a project are called, and packages of an index are not.
_PROJECT = frozenset(
    {
        "app", "args", "backend", "common", "config", "configs", "core", "data", "dataloader", "dataset",(
            "dataset_utils"
        ),
        "eval", "evaluation", "helpers", "inference", "layers", "lib", "libs", "loss", "losses", "main",(
            "metrics"
        ),(
            "misc"
        ),
        "model", "models", "modules", "network", "networks", "nodes", "ops", "options", "params", "pipeline",(
            "scripts"
        ),
        "settings", "src", "test", "tests", "tools", "train", "trainer", "training", "util", "utils",
    }
)  # fmt: skip


def _tell_plain(module: str, scene: Scene) -> Telling:
    top = module.partition(".")[0]
    package = _distribution(scene, module)
    if top in scene.distributions:
        return Telling(
            mechanism=m.MODULE_MISSING,
            cause=(
                f"The Python that ran finds no module {module}{_asker(scene)}: {package} is not installed "
                "in its environment."
            ),
            remedies=(
                f"Install {package} into the environment whose Python ran: python -m pip install {package}",
            ),
            package=canonicalize_name(package),
        )
    if top.lower() in _PROJECT and scene.importer is None:
        return Telling(
            mechanism=m.PROJECT_MODULE,
            cause=(
                f"{module} is a part of the project itself by its name{_asker(scene)}, and Python does not "
                "look where it is: the program was started from another folder, or the part is missing."
            ),
            remedies=(
                (
                    "Start the program from the project's folder, put that into PYTHONPATH, or install "
                    "the project (pip install -e .)."
                ),
            ),
            certain=False,
        )
    return Telling(
        mechanism=m.MODULE_MISSING,
        cause=(
            f"The Python that ran finds no module {module}{_asker(scene)}: the package that has it is not "
            "installed there"
        )
        + (
            "."
            if scene.importer
            else ", or it is a part of the project that is looked for in another folder."
        ),
        remedies=(
            (
                f"Install the package that has {module} into the environment whose Python ran; if {module} "
                "is a part of the project, start the program from its folder or put that into PYTHONPATH."
            ),
        ),
        certain=scene.importer is not None,
    )


def _tell_build(module: str, scene: Scene) -> Telling:
    top = module.partition(".")[0]
    if top == "torch":
        return Telling(
            mechanism=m.ISOLATION_TORCH,
            cause=(
                "The build of a package imports torch, and it runs in a build environment of its own that "
                "has none: the package does not declare it."
            ),
            remedies=(
                (
                    "Install torch first, then build with --no-build-isolation (with what the build needs "
                    "besides: setuptools, wheel, ninja, packaging)."
                ),
            ),
            package="torch",
        )
    package = _distribution(scene, module)
    return Telling(
        mechanism=m.ISOLATION_MODULE,
        cause=(
            f"The build of a package imports {module}, and its build environment does not have it: the "
            "package does not declare what its build needs."
        ),
        remedies=(
            f"Install {package} and what else the build needs, then build with --no-build-isolation.",
            "Or take a release of the package that has a wheel.",
        ),
    )


def _shadow(name: str, path: str) -> Telling:
    return Telling(
        mechanism=m.MODULE_SHADOWED,
        cause=f"The file {path} is found in place of the package {name}: it has its name.",
        remedies=(f"Give {path} another name, and remove its __pycache__.",),
    )


def _tell_circle(values: Mapping[str, str], scene: Scene) -> Telling | None:
    module = values["module"]
    top = module.partition(".")[0]
    if _COMPILED.search(values.get("name", "")):
        return _tell_module({"module": f"{module}.{values['name']}"}, scene)
    path = values.get("path", "")
    shadow = path if path and not _SITE.search(path) else _own_file(scene, top)
    file = (shadow or "").replace("\\", "/")
    if shadow and (file.endswith((f"/{top}.py", f"/{top}/__init__.py")) or file == f"{top}.py"):
        return _shadow(top, shadow)
    what = f"{values['name']} of {module}" if "name" in values else module
    return Telling(
        mechanism=m.CIRCULAR_IMPORT,
        cause=(
            f"{what} is used while {top} is still being imported: a file of the user has its name, its "
            "installation is incomplete or of mixed releases, or a package that it imports on the way "
            "failed and was imported again."
        ),
        remedies=(
            (
                f"python -c 'import {top}; print({top}.__file__)' from another folder shows whether a file "
                "of yours shadows it."
            ),
            f"Reinstall {top}, and bring what it imports to releases of the same time.",
        ),
        package=canonicalize_name(top),
        certain=False,
        rank=SymptomRank.GENERAL,
    )


_NO_MODULES = {"builtins", "str", "NoneType"}


def _tell_name(values: Mapping[str, str], scene: Scene) -> Telling | None:
    module, name = values["module"], values["name"]
    top = module.partition(".")[0]
    if top in _NO_MODULES:
        return None
    path = values.get("path", "")
    if module == "lib" and re.match(r"X509|OpenSSL|SSL|_?Crypto|EVP|GEN_", name):
        return Telling(
            mechanism=m.NAME_MISSING,
            cause=(
                f"pyOpenSSL asks cryptography for {name} of OpenSSL{_asker(scene)}, which the installed "
                f"cryptography "
                "no longer has: pyOpenSSL is older than cryptography."
            ),
            remedies=("python -m pip install -U pyopenssl cryptography, together.",),
            package="pyopenssl",
        )
    if re.search(r"^_C\b|_cuda$|_ext$", name) and "has no attribute" not in scene.log.lines[scene.place].text:
        return _tell_module({"module": f"{module}.{name}"}, scene)
    shadow = path if path and not _SITE.search(path) and path != "unknown location" else _own_file(scene, top)
    file = (shadow or "").replace("\\", "/")
    if shadow and top in scene.distributions and file.endswith((f"/{top}.py", f"/{top}/__init__.py")):
        return _shadow(top, shadow)
    if path == "unknown location":
        return Telling(
            mechanism=m.NAME_MISSING,
            cause=(
                f"{module} is only a folder without code (a namespace package), so that {name} is not in "
                f"it{_asker(scene)}: its installation is damaged or half removed, or a folder of this name "
                "is found first."
            ),
            remedies=(
                (
                    f"Reinstall {_distribution(scene, module)}, and look for a folder {top} where the "
                    "program starts."
                ),
            ),
            package=canonicalize_name(_distribution(scene, module)),
            certain=False,
        )
    if top in _STANDARD:
        return _tell_standard(module, name, scene)
    if path and not _SITE.search(path) and top not in scene.distributions:
        return Telling(
            mechanism=m.PROJECT_MODULE,
            cause=(
                f"The file {path} of the project has no {name}{_asker(scene)}: the parts of the project "
                "are not of one state, or another file of this name is found first."
            ),
            certain=False,
            rank=SymptomRank.GENERAL,
        )
    package = _distribution(scene, module)
    installed = top in scene.distributions or package_of_file(path) is not None or scene.importer is not None
    attribute = "has no attribute" in scene.log.lines[scene.place].text
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"The installed {named(scene, package)} has no {name} in {module}{_asker(scene)}: the code "
            f"was written for "
            f"another release of {package}, older or newer than the one that is installed"
        )
        + (", or for another build of it." if attribute else "."),
        remedies=(
            (
                f"Install the release of {package} that the code was written for, or a release of the code "
                f"for the {package} that is installed."
            ),
        ),
        package=canonicalize_name(package),
        certain=installed and not attribute,
        rank=SymptomRank.CAUSE if installed else SymptomRank.GENERAL,
    )


def _tell_standard(module: str, name: str, scene: Scene) -> Telling:
    python = f" ({_version(scene.python)})" if scene.python else ""
    if (module, name) in _GONE:
        return Telling(
            mechanism=m.STDLIB_REMOVED,
            cause=(
                f"The standard module {module} of this Python{python} no longer has {name}{_asker(scene)}: "
                "the code is older than this Python."
            ),
        )
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"The standard module {module} that was imported{python} has no {name}{_asker(scene)}: the "
            f"code is made for a newer Python, or a file {module.partition('.')[0]}.py of yours is found "
            "before the standard one."
        ),
        remedies=(
            (
                f"python -c 'import {module}; print({module})' in the same folder shows which file it is; "
                "else use a newer Python."
            ),
        ),
        certain=False,
        rank=SymptomRank.GENERAL,
    )


#: Standard modules, and names that went with a Python (measured on 3.6 to 3.13).
_STANDARD = {
    "collections", "typing", "inspect", "asyncio", "importlib", "ssl", "fractions", "math", "time", "base64",
    "configparser", "unittest", "xml", "html", "threading", "pkgutil", "ast", "types", "enum", "dataclasses",(
        "functools"
    ),
    "itertools", "contextlib", "logging", "os", "sys", "re", "string", "random", "email", "http", "urllib",(
        "locale"
    ),
    "platform", "shutil", "subprocess", "zipimport", "gettext", "array", "abc", "warnings", "ctypes",(
        "sysconfig"
    ),
}  # fmt: skip
_GONE = {
    *(("collections", name) for name in ("Mapping", "MutableMapping", "Iterable", "Sequence", "Callable",(
        "Hashable"
    ),
                                         "MutableSequence", "Set", "MutableSet", "Sized", "Iterator",(
                                             "Container"
                                         ),
                                         "Awaitable", "Coroutine", "Generator")),
    ("fractions", "gcd"), ("inspect", "getargspec"), ("inspect", "formatargspec"), ("asyncio", "coroutine"),
    ("pkgutil", "ImpImporter"), ("configparser", "SafeConfigParser"), ("unittest", "makeSuite"), ("time",(
        "clock"
    )),
    ("base64", "decodestring"), ("base64", "encodestring"), ("ssl", "wrap_socket"), ("importlib",(
        "find_loader"
    )),
    ("pkgutil", "find_loader"), ("ast", "Str"), ("ast", "Num"), ("typing", "io"), ("typing", "re"),
    ("xml.etree", "cElementTree"), ("threading", "_shutdown_locks"), ("locale", "format"),
}  # fmt: skip


#: Names that are called or asked in packages of others, with the package that has them.
_OWNERS = {
    "Accelerator": "accelerate", "MessageFactory": "protobuf", "FieldDescriptor": "protobuf",(
        "canonicalize_version"
    ):(
        "packaging"
    ),
    "Version": "packaging", "LegacyVersion": "packaging", "InvalidVersion": "packaging", "Trainer":(
        "transformers"
    ),
    "TrainingArguments": "transformers", "PreTrainedModel": "transformers", "DynamicCache": "transformers",
    "GenerationMixin": "transformers", "hf_hub_download": "huggingface-hub", "HfApi": "huggingface-hub",
    "cached_download": "huggingface-hub", "HfFolder": "huggingface-hub", "Client": "httpx", "AsyncClient":(
        "httpx"
    ),
    "load_dataset": "datasets", "LoraConfig": "peft", "PeftModel": "peft", "SFTTrainer": "trl", "SFTConfig":(
        "trl"
    ),
    "ForwardRef": "the typing module of this Python", "DataFrame": "pandas", "Series": "pandas", "mel":(
        "librosa"
    ),
    "resample": "librosa", "FigureCanvasAgg": "matplotlib", "EntryPoints": "importlib-metadata",(
        "FreeTypeFont"
    ):(
        "pillow"
    ),
    "ImageDraw": "pillow", "InferenceSession": "onnxruntime", "Dispatcher": "numba", "UNet2DConditionModel":(
        "diffusers"
    ),
    "StableDiffusionPipeline": "diffusers", "TemplateResponse": "starlette", "Router": "starlette", "LLM":(
        "vllm"
    ),
    "EngineArgs": "vllm", "SparkSession": "pyspark",
}  # fmt: skip
_OWNED = (
    (re.compile(r"(?:Attention|Model|ForCausalLM|DecoderLayer|Tokenizer\w*|Cache|Config)$"), "transformers"),
    (re.compile(r"Pipeline$"), "diffusers"),
)


def _owner_of(name: str, scene: Scene) -> str | None:
    """Return the package that has a class or function, as far as it is known."""
    first = name.partition(".")[0]
    if first in _OWNERS:
        return _OWNERS[first]
    caller = scene.importer
    if caller is None and scene.frames:
        return None  # a class of the program may be named like one of a package
    return next((owner for ending, owner in _OWNED if ending.search(first) and caller != owner), None)


def _tell_call(values: Mapping[str, str], scene: Scene) -> Telling | None:
    caller = scene.importer
    called = values.get("callee") or values.get("kind", "")
    owner = _owner_of(called, scene) or called_in_line(scene, values.get("callee", ""))
    if owner == caller or (owner and caller and canonicalize_name(owner) == canonicalize_name(caller)):
        owner = None
    if caller is None and scene.frames and owner is None:
        return None  # the program's own call may be wrong by itself
    who = caller or "the code"
    what = (
        f"calls {called} with {values['name']}"
        if "callee" in values
        else f"asks {called} for {values['name']}"
    )
    where = f" of {owner}" if owner else ""
    before = caller_before(scene) if owner is None else None
    party = owner or before
    other = named(scene, party) if party else "the package that it calls"
    lacks = "which the installed version does not have" if owner else "which it does not have"
    return Telling(
        mechanism=m.CALL_MISMATCH,
        cause=(
            f"{who[0].upper()}{who[1:]} {what}{where}{_asker(scene)}, {lacks}: {other} is older or "
            f"newer than "
            f"the version that {named(scene, who)} was made for."
        ),
        remedies=(
            f"Bring {who} and {other} to versions of the same time: upgrade the older, or pin the newer.",
        ),
        package=canonicalize_name(owner or caller or "") or None,
        rank=SymptomRank.GENERAL,
    )


def _tell_asker(values: Mapping[str, str], _: Scene) -> Telling:
    asker, name, wanted = values["asker"], values["name"], values["wanted"]
    found = f"{name} {values['found']}" if "found" in values else "another"
    return Telling(
        mechanism=m.VERSION_REFUSED,
        cause=f"{asker} takes {name} {wanted}, and {found} is installed.",
        remedies=(
            f"Install a {name} that {asker} takes, or a release of {asker} for the {name} that is there.",
        ),
        package=canonicalize_name(asker),
    )


def _tell_initialization(values: Mapping[str, str], scene: Scene) -> Telling:
    owner = scene.importer or "a package"
    return Telling(
        mechanism=m.NUMPY_ABI,
        cause=(
            f"The compiled part {values['module']} of {owner} could not start{_asker(scene)}: it does not "
            "take the NumPy (or the Python) that is installed, which is mostly newer than it supports."
        ),
        remedies=(f"Upgrade {owner}, or install the NumPy that its release was made for.",),
        package=canonicalize_name(owner) if scene.importer else None,
        certain=False,
    )


def _tell_model(values: Mapping[str, str], scene: Scene) -> Telling | None:
    frame = scene.asking
    if frame is None or "transformers/models/auto/" not in frame.file.replace("\\", "/"):
        return None
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"The installed transformers knows no models of the kind {values['name']}: it is older than "
            "the model."
        ),
        remedies=("Upgrade transformers as far as torch and the other packages allow it.",),
        package="transformers",
    )


def _tell_syntax(values: Mapping[str, str], scene: Scene) -> Telling | None:
    frame = scene.asking
    message = values["message"]
    if re.match(
        r"Missing parentheses in call to|multiple exception types must be parenthesized|leading zeros in",
        message,
    ):
        return Telling(
            mechanism=m.PYTHON_2_CODE,
            cause=f"The code is written for Python 2 ({message}){_asker(scene)}.",
        )
    if frame is None or not _SITE.search(frame.file):
        return None
    package = scene.importer or frame.file
    python = f" ({_version(scene.python)})" if scene.python else ""
    return Telling(
        mechanism=m.SYNTAX_NEWER,
        cause=(
            f"A file of {package} holds syntax that this Python{python} does not know "
            f"({message}){_asker(scene)}: the release was made for a newer Python, or its file is damaged."
        ),
        remedies=(f"Use a newer Python, or an older release of {package} that supports this one.",),
        package=canonicalize_name(scene.importer) if scene.importer else None,
        certain=False,
    )


def _tell_removed(values: Mapping[str, str], scene: Scene) -> Telling:
    name, release = values["name"], values["release"]
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"{name} was removed in {release}, which is older than the installed release{_asker(scene)}: "
            "the code is older."
        ),
    )


_METADATA = r"(?:PackageNotFoundError|DistributionNotFound)"

SIGNS = (
    Sign(
        patterns=(
            r"No module named '?(?P<module>[A-Za-z_][\w.]*\w|_)'?(?!\S*; )(?!'?;)",
            r"No module named \"(?P<module>[A-Za-z_][\w.]*\w)\"",
        ),
        tell=_tell_module,
        unless=("is not a package",),
    ),
    Sign(
        patterns=(
            (
                r"cannot import name '(?P<name>\w+)' from partially initialized module '(?P<module>[\w.]+)'"
                r"(?: \(most likely due to a circular import\) \((?P<path>[^)\n]+)\))?"
            ),
            (
                r"partially initialized module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'"
                r"(?: \(most likely due to a circular import\))?(?: from '(?P<path>[^'\n]+)')?"
            ),
            r"consider renaming '(?P<path>[^'\n]+/(?P<module>\w+)\.py)' (?:since|if) it has the same name",
            (
                r"cannot access submodule '(?P<name>\w+)' of module '(?P<module>[\w.]+)' \(most likely "
                r"due to "
                r"a circular import\)"
            ),
        ),
        tell=_tell_circle,
        overrides=True,
    ),
    Sign(
        patterns=(
            r"cannot import name '?\"?(?P<name>\w+)'?\"? from '(?P<module>[\w.]+)' \((?P<path>[^)\n]+)\)",
            r"cannot import name '?\"?(?P<name>\w+)'?\"? from '?(?P<module>[\w.]+\w)'?",
            r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'",
            r"module '?(?P<module>[\w.]+)'? does not have (?:an )?attribute '?(?P<name>\w+)",
        ),
        tell=_tell_name,
        unless=("partially initialized",),
    ),
    Sign(
        patterns=(r"'(?P<module>[\w.]+)'; '(?P<package>\w+)' is not a package",),
        telling=Telling(
            mechanism=m.MODULE_SHADOWED,
            cause=(
                "A file {package}.py is found before the package {package}, so that {module} does not "
                "exist in it."
            ),
            remedies=(
                (
                    "python -c 'import {package}; print({package}.__file__)' shows the file: give it "
                    "another name, and remove its __pycache__."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"TypeError: (?P<callee>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'",
            (
                r"TypeError: (?P<callee>[\w.<>]+)\(\) (?:missing|takes)[^\n]{0,60}(?:argument|"
                r"arguments)(?P<name>:? ?[^\n]{0,40})"
            ),
            (
                r"AttributeError: '(?P<kind>(?!NoneType'|dict'|list'|str'|tuple'|int'|float'|bytes'|"
                r"function'|"
                r"module'|set'|bool')[\w.]+)' "
                r"object has no attribute '(?P<name>\w+)'"
            ),
            r"AttributeError: type object '(?P<kind>\w+)' has no attribute '(?P<name>\w+)'",
        ),
        tell=_tell_call,
    ),
    Sign(patterns=(r"SyntaxError: (?P<message>[^\n]+)",), tell=_tell_syntax),
    Sign(
        patterns=(
            r"PackageNotFoundError: No package metadata was found for (?P<name>[\w.-]+\w)",
            r"importlib\.metadata\.PackageNotFoundError: (?P<name>[\w.-]+\w)",
            r"The '(?P<name>[\w.-]+)[^'\n]*' distribution was not found and is required by",
        ),
        telling=Telling(
            mechanism=m.METADATA_MISSING,
            cause=(
                "The metadata of {name} is not found in the environment that ran: it is not installed "
                "there, or was copied or removed without its metadata."
            ),
            remedies=("Install it: python -m pip install {name}",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?P<name>[A-Za-z][\w-]+)==(?P<found>[\w.+]+) is used but incompatible\. Please "
                r"install [\w-]+(?P<wanted>[<>=!~][^\n]{0,60}\d)"
            ),
            (
                r"ImportError: (?P<name>[\w-]+)(?P<wanted>(?:>=|==|<=|!=|>|<|~=)[^ \n]+) is "
                r"required[^\n]{0,60}but found [\w-]+==(?P<found>[\w.+]+)"
            ),
            (
                r"VersionConflict: \((?P<name>[\w-]+) (?P<found>[\w.+]+) \([^)\n]+\), "
                r"Requirement\.parse\('[\w-]+(?P<wanted>[^'\n]+)'\)"
            ),
            (
                r"(?P<name>[\w-]+)[ ]?(?P<wanted>(?:>=|==|<=|>|<)[ ]?[\d.]+\d) is "
                r"required[^\n]{0,40}(?:found|"
                r"installed|have)[^\n\d]{0,30}(?P<found>[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause="{name} {found} is installed, and the program takes only {name}{wanted}.",
            remedies=("Install {name} in that range: python -m pip install '{name}{wanted}'",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:Error|Exception): [^\n]{0,200}'(?P<name>[\w-]+)' package is not available in your "
                r"environment"
            ),
            (
                r"(?:Error|Exception): [^\n]{0,200}`?pip3? install (?:-U |--upgrade "
                r")?['\"]?(?P<name>[A-Za-z][\w.-]*\w)"
            ),
            r"(?:Error|Exception): [^\n]{0,120}requires either '?(?P<name>[\w-]+)'? or",
            (
                r"(?:Error|Exception): [^\n]{0,120}[Pp]lease (?:first )?install (?:the "
                r")?['`\"](?P<name>[A-Za-z][\w.-]*\w)['`\"]"
            ),
            r"'(?P<name>[\w.-]+)' must be installed to use",
            r"(?P<name>[\w.-]+) with minimum required version [\d.]+\d is not installed",
            (
                r"ImportError: (?P<what>[^\n]{0,80}?) requires the (?P<name>[\w.-]+) (?:library|"
                r"package)[^\n]{0,40} but it was not found"
            ),
            r"requires the following packages that were not found in your environment: (?P<name>[\w.-]+\w)",
            r"the package (?P<name>[\w.-]+) seems to be not installed",
            (
                r"(?:ImportError|ModuleNotFoundError|RuntimeError): (?:Please|You need to|You must) "
                r"(?:first "
                r")?install (?:the )?`?(?P<name>[A-Za-z][\w.-]+\w)`?"
            ),
            (
                r"(?:ImportError|ModuleNotFoundError): `?(?P<name>[\w.-]+\w)`? (?:is not installed|is "
                r"required|"
                r"must be installed|not installed|not found)"
            ),
            (
                r"(?:ImportError|ModuleNotFoundError): Using [^\n]{0,80} requires (?:the "
                r")?`?(?P<name>[A-Za-z][\w.-]+\w)`?"
            ),
        ),
        telling=Telling(
            mechanism=m.ATTENTION_CHOICE,
            cause=(
                "The program needs {name} for what it was asked to do, and finds it neither installed nor "
                "usable."
            ),
            remedies=(
                (
                    "Install {name} into the environment that ran; if it is installed, import it alone to "
                    "see why it fails: python -c 'import ...'."
                ),
            ),
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:Error|Exception): [^\n]{0,120}requires? (?:a )?(?:the )?`?(?P<name>[A-Za-z][\w-]+)`? "
                r"?(?:version )?(?P<wanted>(?:>=|<=|==|>|<) ?[\d.]+\d)"
            ),
            (
                r"(?:Error|Exception): [^\n]{0,80}(?:[Pp]lease|[Nn]eed to|[Yy]ou should) (?:upgrade|update|"
                r"downgrade)[^\n]{0,20} `?(?P<name>[A-Za-z][\w-]+)`?[^\n]{0,30}?(?P<wanted>(?:>=|<=|==|to|"
                r"version) ?v?[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "The program needs another release of {name} than the one that is installed: {name} {wanted}."
            ),
            remedies=("Install that release of {name}, as far as the other packages allow it.",),
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            (
                r"is incompatible with (?P<name>[A-Za-z]\w+) ?(?P<wanted>[<>=]+ "
                r"?[\d.]+\d)[^\n]{0,60}?(?:is|"
                r"have|version|installed)[^\n\d]{0,20}(?P<found>[\d.]+\d)"
            ),
            (
                r"Detected incompatible (?P<name>Protobuf) Gencode/Runtime versions[^\n]{0,80}: gencode "
                r"(?P<wanted>[\d.]+\d) runtime (?P<found>[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause="{name} {found} is installed, and a package that uses it does not take that ({wanted}).",
            remedies=(
                "Install a {name} that the package takes, or a release of the package for {name} {found}.",
            ),
        ),
    ),
    Sign(
        patterns=(
            (
                r"SystemError: initialization of (?P<module>\w+) (?:failed without raising|raised "
                r"unreported) an? exception"
            ),
            r"SystemError: initialization of (?P<module>\w+) (?:failed|raised)",
        ),
        tell=_tell_initialization,
    ),
    Sign(
        patterns=(
            (
                r"(?P<asker>\w+) needs (?P<name>[A-Za-z]\w+) (?P<wanted>[\d.]+ or (?:less|greater|newer|"
                r"older))(?:[.,]? Got \w+ (?P<found>[\d.]+\d))?"
            ),
        ),
        tell=_tell_asker,
    ),
    Sign(patterns=(r"KeyError: '(?P<name>[\w.-]+)'",), tell=_tell_model),
    Sign(
        patterns=(r"`(?P<name>[\w.]+)` was removed in the (?P<release>\w+ \d[\w.]*) release",),
        tell=_tell_removed,
    ),
    Sign(
        patterns=(
            r"(?:numpy\.)?\w+ size changed, may indicate binary incompatibility",
            (
                r"compiled (?:against|using) (?:API|ABI|NumPy)[^\n]{0,60}(?:but this version of numpy|"
                r"cannot "
                r"be run in)"
            ),
            r"numpy\.core\.multiarray failed to import",
            r"Importing the numpy C-extensions failed",
            r"RuntimeError: Numpy is not available",
        ),
        telling=Telling(
            mechanism=m.NUMPY_ABI,
            cause=(
                "A compiled extension was built against another NumPy than the one that is installed: "
                "mostly one made for NumPy 1 beside NumPy 2, or the other way round."
            ),
            remedies=(
                (
                    "Install a release of the extension for the installed NumPy, else python -m pip "
                    "install 'numpy<2'; reinstall without the cache what was compiled here."
                ),
            ),
            package="numpy",
        ),
    ),
    Sign(
        patterns=(r"TypeError: Descriptors cannot (?:not )?be created directly",),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause="The installed protobuf is newer than the generated code of a package can work with.",
            remedies=("python -m pip install 'protobuf<=3.20.3', or a newer release of the package.",),
            package="protobuf",
        ),
    ),
    Sign(
        patterns=(
            r"metaclass conflict: the metaclass of a derived class must be",
            r"TypeError: (?:Too few|Too many) (?:arguments|parameters) for <?class",
            (
                r"TypeError: unsupported operand type\(s\) for \|: '(?:type|_GenericAlias|ABCMeta|NoneType|"
                r"\w+)' and '(?:type|NoneType|_GenericAlias|\w+)'"
            ),
            r"TypeError: '(?:type|ABCMeta|_SpecialForm)' object is not subscriptable",
        ),
        telling=Telling(
            mechanism=m.METACLASS_OR_TYPE,
            cause=(
                "Annotations of a package cannot be made by this Python: it was written for a newer one "
                "(X | Y needs Python 3.10, list[int] needs 3.9), or a typing package does not fit."
            ),
            remedies=("Use a newer Python, or a release of the package for this one.",),
            rank=SymptomRank.GENERAL,
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:mutable default <class '[^'\n]+'>|mutable default) for field (?P<field>\w+) is not "
                r"allowed: use default_factory"
            ),
        ),
        telling=Telling(
            mechanism=m.METACLASS_OR_TYPE,
            cause=(
                "Python 3.11 and newer refuses a dataclass whose default value (field {field}) can be "
                "changed: the package that defines it is older than this Python."
            ),
            remedies=("Use a newer release of the package, or Python 3.10.",),
        ),
    ),
)
