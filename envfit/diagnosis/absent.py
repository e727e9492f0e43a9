"""What pip says when it finds no version of a package, read with the versions that it lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Telling
from envfit.frozen import frozen
from envfit.knowledge.symptom import SymptomRank

__all__ = ["tell_absent"]

_IGNORED = re.compile(r"Ignored the following versions that require a different python version: ([^\n]+)")
_NO_TLS = re.compile(
    r"certificate verify failed|SSLCertVerificationError|SSLError|SSL module is not available", re.IGNORECASE
)
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Connection "
    r"refused"
    r"|Network is unreachable|ProtocolError"
)


@frozen
class _Absent:
    """What was asked for, and what there was."""

    name: str
    wanted: str  # the specifier as written
    version: Version | None  # where exactly one is wanted
    offered: tuple[Version, ...]  # what pip lists; none also where nothing was reached
    here: str  # " (Python 3.12)", as far as it is known
    scene: Scene

    @property
    def package(self) -> str:
        return canonicalize_name(self.name)


def tell_absent(values: Mapping[str, str], scene: Scene) -> Telling | None:
    """Return what it comes from; None where another line of the log says more."""
    name, wanted = values["name"], values.get("wanted", "").strip()
    said = rf"Could not find a version that satisfies the requirement {re.escape(name)}\b"
    if "versions" not in values and re.search(said, scene.log.text):
        return None
    exact = re.fullmatch(r"===?\s*([\w.+!]+)", wanted)
    there = scene.log.lines[scene.place].text.partition("(from versions:")[2].rstrip(") ")
    absent = _Absent(
        name=name,
        wanted=wanted,
        version=_version(exact[1]) if exact else None,
        offered=tuple(found for text in there.split(",") if (found := _version(text.strip()))),
        here=f" (Python {scene.python[0]}.{scene.python[1]})" if scene.python else "",
        scene=scene,
    )
    return next((told for reader in _READERS if (told := reader(absent)) is not None), None)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _local(absent: _Absent) -> Telling | None:
    version = absent.version
    if version is None or not version.local or version in absent.offered:
        return None
    return Telling(
        mechanism=m.LOCAL_VERSION,
        cause=(
            f"{absent.name}{absent.wanted} is not on the index that pip asks: builds with a label such as "
            f"+{version.local} are only on the index of those who made it (download.pytorch.org/whl/LABEL "
            "for torch), or there is none for this Python and platform."
        ),
        remedies=(f"Name that index: --extra-index-url, or ask for {absent.name} without +{version.local}.",),
        package=absent.package,
    )


def _malformed(absent: _Absent) -> Telling | None:
    name = re.escape(absent.name)
    said = (
        rf"(?:Error parsing dependencies of|Ignoring version \S+ of) {name}\b[^\n]*(?:suffix|metadata|"
        rf"[Ii]nvalid)"
    )
    if not re.search(said, absent.scene.log.text):
        return None
    return Telling(
        mechanism=m.METADATA_INVALID,
        cause=(
            f"The metadata of the releases of {absent.name} that were asked for is not written as the "
            "standard asks, and pip 24.1 and newer refuses it."
        ),
        remedies=(f"python -m pip install 'pip<24.1' first, or take a newer {absent.name}.",),
        package=absent.package,
    )


def _ignored(absent: _Absent) -> Telling | None:
    """Read what pip left out because of its Requires-Python."""
    found = _IGNORED.search(absent.scene.log.text)
    for text in found[1].split(";") if found and absent.version is not None else ():
        pair = re.match(r"\s*(\S+) Requires-Python ([^;]+)", text)
        if pair and _version(pair[1]) == absent.version:
            return Telling(
                mechanism=m.NOT_FOR_PYTHON,
                cause=(
                    f"{absent.name}{absent.wanted} asks for another Python ({pair[2].strip()}) than the "
                    f"one that runs{absent.here}."
                ),
                remedies=(f"Use a Python in that range, or another release of {absent.name}.",),
                package=absent.package,
            )
    return None


def _older(absent: _Absent) -> Telling | None:
    if absent.version is None or not absent.offered or absent.version >= min(absent.offered):
        return None
    name, oldest = absent.name, min(absent.offered)
    return Telling(
        mechanism=m.NOT_FOR_PYTHON,
        cause=(
            f"{name} {absent.version} has no file that this Python, platform or C library can "
            f"install{absent.here}; the oldest that has is {oldest}: mostly this Python is newer than the "
            "release."
        ),
        remedies=(f"Use {name} {oldest} or newer, or an older Python.",),
        package=absent.package,
    )


def _newer(absent: _Absent) -> Telling | None:
    if absent.version is None or not absent.offered or absent.version <= max(absent.offered):
        return None
    name, newest = absent.name, max(absent.offered)
    return Telling(
        mechanism=m.NO_SUCH_VERSION,
        cause=(
            f"{name} {absent.version} is not there for this Python and platform{absent.here}; the newest "
            f"that is, is {newest}: the release does not exist, or needs another (mostly newer) Python, or "
            "the index is a mirror that lags behind."
        ),
        remedies=(f"Use {name} {newest}, or a newer Python if the release needs one.",),
        package=absent.package,
        certain=False,
    )


def _between(absent: _Absent) -> Telling | None:
    if not absent.offered:
        return None
    name, oldest, newest = absent.name, min(absent.offered), max(absent.offered)
    return Telling(
        mechanism=m.NO_SUCH_VERSION,
        cause=f"No release of {name} that this Python and platform can install{absent.here} satisfies "
        f"{absent.wanted or 'what was asked for'}; there are {oldest} to {newest}: it does not exist, was "
        "withdrawn, or has no file for this machine.",
        remedies=(f"Use one of the releases that the message lists; the newest is {newest}.",),
        package=absent.package,
        certain=False,
    )


def _unreachable(absent: _Absent) -> Telling | None:
    """Read why an index said nothing at all."""
    text = absent.scene.log.text
    mechanism = (
        m.INDEX_TLS if _NO_TLS.search(text) else m.INDEX_UNREACHABLE if _NO_NETWORK.search(text) else None
    )
    if mechanism is None:
        return None
    return Telling(mechanism=mechanism, cause=f"{mechanism.cause} So {absent.name} was not found.")


def _nothing(absent: _Absent) -> Telling:
    name = absent.name
    told = Telling(
        mechanism=m.NO_SUCH_PACKAGE,
        cause=(
            f"The index has no release of {name} that this Python, platform or C library can "
            f"install{absent.here}: the name is wrong, the package is on another index, or none of its "
            "releases is for this Python or machine."
        ),
        remedies=(
            (
                f"Look at the page of {name} on the index: is the name right, and for which Pythons are "
                "its files?"
            ),
        ),
        package=absent.package,
        rank=SymptomRank.GENERAL,
    )
    if absent.package not in absent.scene.distributions.values():
        return told
    return replace(
        told,
        mechanism=m.NOT_FOR_PYTHON,
        cause=(
            f"The index has no release of {name} that this Python, platform or C library can "
            f"install{absent.here}: Python is newer or older than all of its releases, or the machine is "
            "one it is not made for."
        ),
    )


_READERS: tuple[Callable[[_Absent], Telling | None], ...] = (
    _local,
    _malformed,
    _ignored,
    _older,
    _newer,
    _between,
    _unreachable,
    _nothing,
)
