"""What Python says when an import fails or a package lacks a name, and what that comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.parties import asker, distribution, named
from envfit.diagnosis.scene import Scene, package_of_file
from envfit.diagnosis.sign import Sign, Telling
from envfit.diagnosis.standard import STANDARD, TRIED_AFTER, python_named, tell_of_python, tell_standard
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

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


def _tell_module(values: Mapping[str, str], scene: Scene) -> Telling | None:
    module = TRIED_AFTER.get(values["module"], values["module"])
    top = module.partition(".")[0]
    package = distribution(scene, module)
    if (standard := tell_of_python(module, top, scene)) is not None:
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
                f"another Python or release{asker(scene)}."
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
                f"numpy.distutils is gone with Python 3.12{asker(scene)}: the code or build is older than "
                "this Python."
            ),
            remedies=("Use a newer release of the package, or Python 3.11.",),
            package="numpy",
        )
    if "." in module:
        return Telling(
            mechanism=m.SUBMODULE_MISSING,
            cause=(
                f"{package} is installed, and the installed release has no module {module}{asker(scene)}: "
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
    package = distribution(scene, module)
    if top in scene.distributions:
        return Telling(
            mechanism=m.MODULE_MISSING,
            cause=(
                f"The Python that ran finds no module {module}{asker(scene)}: {package} is not installed "
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
                f"{module} is a part of the project itself by its name{asker(scene)}, and Python does not "
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
            f"The Python that ran finds no module {module}{asker(scene)}: the package that has it is not "
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
    package = distribution(scene, module)
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
            f"{what} is used while {distribution(scene, top)} is still being imported: a file of the "
            f"user has its name, its "
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
                f"pyOpenSSL asks cryptography for {name} of OpenSSL{asker(scene)}, which the installed "
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
                f"it{asker(scene)}: its installation is damaged or half removed, or a folder of this name "
                "is found first."
            ),
            remedies=(
                (
                    f"Reinstall {distribution(scene, module)}, and look for a folder {top} where the "
                    "program starts."
                ),
            ),
            package=canonicalize_name(distribution(scene, module)),
            certain=False,
        )
    if top in STANDARD:
        return tell_standard(module, name, scene)
    if path and not _SITE.search(path) and top not in scene.distributions:
        return Telling(
            mechanism=m.PROJECT_MODULE,
            cause=(
                f"The file {path} of the project has no {name}{asker(scene)}: the parts of the project "
                "are not of one state, or another file of this name is found first."
            ),
            certain=False,
            rank=SymptomRank.GENERAL,
        )
    package = distribution(scene, module)
    installed = top in scene.distributions or package_of_file(path) is not None or scene.importer is not None
    attribute = "has no attribute" in scene.log.lines[scene.place].text
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"The installed {named(scene, package)} has no {name} in {module}{asker(scene)}: the code "
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
            cause=f"The code is written for Python 2 ({message}){asker(scene)}.",
        )
    if frame is None or not _SITE.search(frame.file):
        return None
    package = scene.importer or frame.file
    python = f" ({python_named(scene.python)})" if scene.python else ""
    return Telling(
        mechanism=m.SYNTAX_NEWER,
        cause=(
            f"A file of {package} holds syntax that this Python{python} does not know "
            f"({message}){asker(scene)}: the release was made for a newer Python, or its file is damaged."
        ),
        remedies=(f"Use a newer Python, or an older release of {package} that supports this one.",),
        package=canonicalize_name(scene.importer) if scene.importer else None,
        certain=False,
    )


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
    Sign(patterns=(r"SyntaxError: (?P<message>[^\n]+)",), tell=_tell_syntax),
    Sign(patterns=(r"KeyError: '(?P<name>[\w.-]+)'",), tell=_tell_model),
)
