"""Standard modules and their names: which Python has them, and which system.

Which modules came and went with which Python was measured: ``sys.stdlib_module_names`` of
CPython 3.10 to 3.13, and imports in 3.6 to 3.9.
"""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.parties import asker
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Telling
from envfit.knowledge.symptom import SymptomRank

__all__ = ["STANDARD", "TRIED_AFTER", "python_named", "tell_of_python", "tell_standard"]

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

#: What is tried where a standard module is gone.
TRIED_AFTER = {"pyaudioop": "audioop", "distutils2": "distutils"}

#: A path of Windows.
_DRIVE = re.compile(r"(?<![A-Za-z])[A-Za-z]:\\(?:\\)?\w")

_PYTHON_2 = {
    "ConfigParser", "Queue", "StringIO", "Tkinter", "__builtin__", "cPickle", "commands", "cookielib",(
        "httplib"
    ),
    "urllib2", "urlparse", "HTMLParser", "SocketServer", "cStringIO", "copy_reg",
}  # fmt: skip


def python_named(found: tuple[int, int]) -> str:
    """Return a version of Python in words."""
    return f"Python {found[0]}.{found[1]}"


def tell_of_python(module: str, top: str, scene: Scene) -> Telling | None:
    """Read a module that other Pythons have, or other builds of this one."""
    windows = bool(_DRIVE.search(scene.log.text))
    if (top in _UNIX and windows) or (top in _WINDOWS and not windows):
        here, there = ("Windows", "Unix (Linux and macOS)") if windows else ("this system", "Windows")
        return Telling(
            mechanism=m.MODULE_OF_SYSTEM,
            cause=(
                f"The module {top} is there only on {there}, and this runs on {here}{asker(scene)}: the "
                f"package that imports it is not made for {here}."
            ),
            package=canonicalize_name(scene.importer) if scene.importer else None,
        )
    if module in _REMOVED or top in _REMOVED:
        since = _REMOVED[module if module in _REMOVED else top]
        return Telling(
            mechanism=m.STDLIB_REMOVED,
            cause=(
                f"{python_named(since)} and newer no longer has the standard module {top}{asker(scene)}: the "
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
                f"Python before {since[0]}.{since[1]} has no module {module}{asker(scene)}: the code "
                "needs a newer Python."
            ),
            remedies=(
                (
                    f"Use {python_named(since)} or newer, or an older release of the package that imports "
                    f"{module}."
                ),
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
            cause=f"The code imports {module}, which only Python 2 has{asker(scene)}.",
        )
    return None


#: Standard modules, and names that went with a Python (measured on 3.6 to 3.13).
STANDARD = {
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


def tell_standard(module: str, name: str, scene: Scene) -> Telling:
    """Read a name that a standard module of this Python does not have."""
    python = f" ({python_named(scene.python)})" if scene.python else ""
    if (module, name) in _GONE:
        return Telling(
            mechanism=m.STDLIB_REMOVED,
            cause=(
                f"The standard module {module} of this Python{python} no longer has {name}{asker(scene)}: "
                "the code is older than this Python."
            ),
        )
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"The standard module {module} that was imported{python} has no {name}{asker(scene)}: the "
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
