"""What packages find when they look at the versions of others as they start."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.parties import asker
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]


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
            f"The compiled part {values['module']} of {owner} could not start{asker(scene)}: it does not "
            "take the NumPy (or the Python) that is installed, which is mostly newer than it supports."
        ),
        remedies=(f"Upgrade {owner}, or install the NumPy that its release was made for.",),
        package=canonicalize_name(owner) if scene.importer else None,
        certain=False,
    )


def _tell_removed(values: Mapping[str, str], scene: Scene) -> Telling:
    name, release = values["name"], values["release"]
    return Telling(
        mechanism=m.NAME_MISSING,
        cause=(
            f"{name} was removed in {release}, which is older than the installed release{asker(scene)}: "
            "the code is older."
        ),
    )


SIGNS = (
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
    Sign(
        patterns=(r"unsupported pickle protocol: (?P<protocol>\d)",),
        telling=Telling(
            mechanism=m.STDLIB_NEWER,
            cause=(
                "The file was pickled by a newer Python (protocol {protocol}; 5 came with Python 3.8) "
                "than the one "
                "that reads it."
            ),
            remedies=("Use Python 3.8 or newer, or write the file again with an older protocol.",),
        ),
    ),
    Sign(
        patterns=(
            r"`(?P<name>[\w.]+)` was removed in the (?P<release>\w+ \d[\w.]*) release",
            (
                r"Error: `?(?P<name>[\w.]+)`? (?:was|has been) removed (?:in|from|since) (?:the )?"
                r"(?P<release>[A-Za-z]\w+ v?\d[\w.]*\w)"
            ),
        ),
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
