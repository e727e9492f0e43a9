"""What pip, uv, conda and Poetry say when they find no set of packages or cannot fetch one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.absent import tell_absent
from envfit.diagnosis.because import listed, tell_because
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]


# -- pip ----------------------------------------------------------------------------


_CAUSED_BY = "The conflict is caused by:"


def _tell_conflict(_: Mapping[str, str], scene: Scene) -> Telling | None:
    """Read pip's list of who depends on what."""
    if _CAUSED_BY in scene.log.text and _CAUSED_BY not in scene.log.lines[scene.place].text:
        return None
    start = max(0, scene.place - 4)
    lines = [line.text.strip() for line in scene.log.lines[start : scene.place + 40]]
    said = [
        line
        for line in lines
        if re.search(r" depends on |The user requested|^\S+ \S+ requires ", line) and len(line) < 200
    ]
    said = list(dict.fromkeys(said))
    names = {
        canonicalize_name(found[1])
        for line in said
        if (found := re.search(r"(?:depends on|requested(?: \(constraint\))?) ([A-Za-z][\w.-]*)", line))
    }
    about = f" about {names.pop()}" if len(names) == 1 else ""
    return Telling(
        mechanism=m.CONFLICT,
        cause=f"What was asked for excludes itself{about}: {listed(said)}."
        if said
        else (
            "What was asked for excludes itself: packages need versions of another one that have nothing in "
            "common."
        ),
        remedies=(
            "Loosen one of the requirements that are named, or take other releases of what makes them.",
        ),
        certain=bool(said),
        rank=SymptomRank.CAUSE if said else SymptomRank.GENERAL,
    )


def _tell_incompatible(values: Mapping[str, str], _: Scene) -> Telling:
    name, found = values["name"], values["found"].strip()
    here = "it is not installed" if found == "not installed" else f"{found} is installed"
    return Telling(
        mechanism=m.INCONSISTENT,
        cause=(
            f"{name} {values['version']} requires {values['wanted'].rstrip(',')}, and {here}: something "
            "that was installed later changed it."
        ),
        remedies=("Install both in one command, so that they are resolved together.",),
        package=canonicalize_name(name),
    )


# -- uv and Poetry --------------------------------------------------------------------


def _tell_statement(_: Mapping[str, str], scene: Scene) -> Telling | None:
    lines: list[str] = []
    for line in scene.log.lines[scene.place : scene.place + 60]:
        if lines and re.match(r"\s*(?:help|error|warning):", line.text):
            break
        lines.append(line.text.strip())
    text = " ".join(" ".join(lines).split())
    unusable = _UNUSABLE.search(text)
    return _tell_unusable(unusable) if unusable else tell_because(text)


#: As uv says it before 0.5: "torch==2.2.0 is unusable because no wheels are available with a matching ...".
_UNUSABLE = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)(?P<wanted>\S*) (?:is unusable|cannot be used) because no wheels are "
    r"available with a matching (?P<what>Python implementation|Python version|Python ABI|platform|ABI)"
)


def _tell_unusable(found: re.Match[str]) -> Telling:
    python = found["what"] != "platform"
    return Telling(
        mechanism=m.NOT_FOR_PYTHON if python else m.NOT_FOR_PLATFORM,
        cause=(
            f"{found['name']}{found['wanted']} has no wheel for this {'Python' if python else 'platform'} "
            f"on the index "
            "that was asked, and no source that may be built in its place."
        ),
        remedies=(
            "Use an older or newer Python (uv --python), or another release."
            if python
            else "Use another release or another machine.",
        ),
        package=canonicalize_name(found["name"]),
    )


# -- conda ------------------------------------------------------------------------------


def _classic(scene: Scene) -> list[str]:
    """Return what the classic solver of conda lists under "Package ... conflicts for"."""
    lines = [line.text.strip() for line in scene.log.lines[scene.place : scene.place + 200]]
    found = []
    for number, line in enumerate(lines):
        name = re.match(r"Package (\S+) conflicts for:", line)
        if name and not name[1].startswith("_"):
            asked = [
                each for each in lines[number + 1 : number + 4] if each and not each.startswith("Package ")
            ]
            found.append(
                f"{name[1]} in different versions is required by "
                f"{' and '.join(each[:80] for each in asked[:2])}"
            )
    return found


def _tell_conda(_: Mapping[str, str], scene: Scene) -> Telling:
    lines = [line.text for line in scene.log.lines[scene.place : scene.place + 80]]
    told = [re.sub(r"^[\s│├└─╰╭>*-]+", "", line).strip() for line in lines]
    absent = [
        found[1]
        for line in told
        if (
            found := re.match(
                r"(?:nothing provides (?:requested )?)?(\S+(?: [^\s,]+){0,3}?) ?,? (?:does not exist|needed "
                r"by|which does not exist)",
                line,
            )
        )
        or (found := re.search(r"nothing provides (?:requested )?(\S+)", line))
    ]
    conflicts = [
        re.sub(r"[,;]?\s*$", "", line)
        for line in told
        if re.search(
            r"is (?:not )?installable|would require|conflicts with|requires|conflicting requests", line
        )
        and len(line) < 160
    ]
    if classic := _classic(scene):
        return Telling(
            mechanism=m.CONFLICT,
            cause=f"The packages that were asked for exclude one another: {listed(classic)}.",
            remedies=("Loosen one of the versions that are named, or solve in a new environment.",),
            certain=False,
        )
    if (facts := _tell_classic(scene)) is not None:
        return facts
    virtual = next(
        (
            name
            for line in told
            for name in re.findall(r"__(?:cuda|glibc|archspec|linux|osx|win)\b[^,\n]{0,20}", line)
        ),
        None,
    )
    if virtual:
        return Telling(
            mechanism=m.NOT_FOR_PLATFORM,
            cause=(
                "The builds that were asked for need a machine that conda does not see here "
                f"({virtual.strip()}): its virtual packages say what driver, C library or system it finds."
            ),
            remedies=(
                (
                    "conda info shows the virtual packages; CONDA_OVERRIDE_CUDA=12.8 and the like name "
                    "another machine."
                ),
            ),
        )
    if absent and not conflicts:
        return Telling(
            mechanism=m.CONDA_CHANNEL,
            cause=f"The channels that conda asks have no {absent[0]} for this platform.",
            certain=False,
        )
    return Telling(
        mechanism=m.CONFLICT,
        cause=f"conda finds no set of packages: {listed(conflicts)}."
        if conflicts
        else "conda finds no set of packages that fit together.",
        remedies=(
            "Loosen one of the versions that are named (often python), or solve in a new environment.",
        ),
        certain=False,
        rank=SymptomRank.CAUSE if conflicts else SymptomRank.GENERAL,
    )


_FACT = re.compile(r"feature:\S*::(?P<name>__\w+)==(?P<version>[\d.]*\d)")
_WANTED = re.compile(r"(?P<name>__\w+)(?:\[version='|\s*)(?P<wanted>[<>=!][^'\]\s]*)")


def _tell_classic(scene: Scene) -> Telling | None:
    """Read conda's classic solver: it lists facts of the machine even where nothing asks for others."""
    text = scene.log.text
    facts = {found["name"]: found["version"] for found in _FACT.finditer(text)}
    if not facts:
        return None
    for found in _WANTED.finditer(text):
        if found["name"] in facts and not _satisfies(facts[found["name"]], found["wanted"]):
            return None  # a fact of the machine is in the way indeed
    names = list(dict.fromkeys(re.findall(r"Package ([\w.-]+) conflicts for:", text)))
    about = f" about {', '.join(names[:3])}" if names else ""
    return Telling(
        mechanism=m.CONFLICT,
        cause=(
            f"conda finds no set of packages: what was asked for excludes itself{about}, as the packages "
            f"need versions that have "
            "nothing in common. The lines about the system only list its facts, which nothing contradicts."
        ),
        remedies=(
            (
                "Loosen one of the versions that are named (often python or pytorch), solve in a new "
                "environment, or use the solver libmamba, which says more."
            ),
        ),
        certain=False,
    )


def _satisfies(version: str, wanted: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(wanted.rstrip("|")).contains(version)
    except InvalidSpecifier:
        return True


def _tell_installed(values: Mapping[str, str], _: Scene) -> Telling:
    return Telling(
        mechanism=m.INCONSISTENT,
        cause=f"{values['asker']} requires {values['wanted']}, and {values['found']} is installed.",
        remedies=(
            f"Install {values['wanted']}, or a release of {values['asker']} that takes {values['found']}.",
        ),
        package=canonicalize_name(values["asker"]),
    )


def _tell_conda_absent(_: Mapping[str, str], scene: Scene) -> Telling:
    names = [
        found[1]
        for line in scene.log.lines[scene.place : scene.place + 20]
        if (found := re.match(r"\s*- +(\S+)\s*$", line.text)) and "://" not in found[1]
    ]
    return Telling(
        mechanism=m.CONDA_CHANNEL,
        cause=(
            f"The channels that conda asks have no {', '.join(names[:3]) or 'such package'} for this "
            "platform: it is on another channel (conda-forge, nvidia), only on the package index, or the "
            "version does not exist."
        ),
        remedies=(
            (
                "Look at the name and version; add the channel that has it (-c conda-forge), or install it "
                "with pip."
            ),
        ),
        certain=False,
    )


def _tell_pipenv(values: Mapping[str, str], _: Scene) -> Telling:
    """Read what pipenv says of a package: all demands on it, joined."""
    name, wanted = values["name"], values.get("wanted", "").rstrip(".,")
    local = "+" in wanted
    return Telling(
        mechanism=m.LOCAL_VERSION if local else m.NO_SUCH_VERSION,
        cause=(
            f"{name}{wanted} is not on the index that is asked: builds with a label after + are only on the "
            f"index of "
            "those who made them."
            if local
            else f"No release of {name} satisfies all that is asked of it ({wanted or 'any version'}): the "
            "demands exclude one another, or this Python and platform have no file of those that would."
        ),
        remedies=(
            f"Name the index that has {name} with that label."
            if local
            else f"Loosen what is asked of {name}, or use another Python.",
        ),
        package=canonicalize_name(name),
        certain=False,
    )


def _tell_hash(values: Mapping[str, str], scene: Scene) -> Telling:
    after = (
        re.match(r"\s*([\w.-]+==[\w.+!]+)\b", line.text)
        for line in scene.log.lines[scene.place + 1 : scene.place + 4]
    )
    name = values.get("name") or next((found[1] for found in after if found), "a package")
    return Telling(
        mechanism=m.HASHES,
        cause=(
            f"The file of {name} that was downloaded is not the one that the lock or requirements name: "
            "the download was cut off, a cache or mirror has another file, or the release has got new files."
        ),
    )


SIGNS = (
    Sign(
        patterns=(
            r"The conflict is caused by:",
            r"because these package versions have conflicting dependencies",
            r"ResolutionImpossible",
        ),
        tell=_tell_conflict,
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?P<name>[A-Za-z][\w.-]*) (?P<version>[\d][\w.+]*) requires (?P<wanted>[^\n]{2,80}?), but "
                r"you(?:'ll)? have (?P<found>[\w.-]+ [\w.+]+) which is incompatible"
            ),
            (
                r"(?P<name>[A-Za-z][\w.-]*) (?P<version>[\d][\w.+]*) requires (?P<wanted>[^\n]{2,80}?), "
                r"(?:but you have|which is)(?P<found> ?not installed)"
            ),
            (
                r"(?P<name>[A-Za-z][\w.-]*) (?P<version>[\d][\w.+]*) has requirement "
                r"(?P<wanted>[^\n]{2,80}?), but you(?:'ll)? have (?P<found>[\w.-]+ [\w.+]+)"
            ),
        ),
        tell=_tell_incompatible,
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"Could not find a version that satisfies the requirement "
                r"(?P<name>[A-Za-z][\w.-]*)(?:\[[\w,-]*\])?(?P<wanted>[<>=!~][^(\n]*?)?(?: \(from "
                r"(?!versions)[^\n]*\))? \(from versions: (?P<versions>[^)\n]*)"
            ),
            (
                r"No matching distribution found for (?P<name>[A-Za-z][\w.-]*)(?:\[[\w,-]*\])?(?P<wanted"
                r">[<>=!~"
                r"][^\s(]*)?"
            ),
        ),
        tell=tell_absent,
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?P<found>[\w.-]+ [\w.+]+) is installed but (?P<wanted>[\w.-]+[<>=!~][^\s]*) is required "
                r"by \{?'?(?P<asker>[\w.-]+\w)"
            ),
        ),
        tell=_tell_installed,
    ),
    Sign(patterns=(r"\bBecause [^\n]+",), tell=_tell_statement, overrides=True),
    Sign(
        patterns=(r"Could not find a version that matches (?P<name>[A-Za-z][\w.-]*)(?P<wanted>[^\s(]*)",),
        tell=_tell_pipenv,
        overrides=True,
    ),
    Sign(
        patterns=(r"PythonRequirement\(name='python'[^\n]{0,80}<PySpecSet (?P<wanted>[^\s,]+)>",),
        telling=Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause=(
                "The project allows Pythons (requires-python) that a package it needs does not take: PDM "
                "looks for a set that fits all of them."
            ),
            remedies=("Narrow requires-python in pyproject.toml to the Pythons that are used.",),
            certain=False,
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?:LibMambaUnsatisfiableError|UnsatisfiableError|The following packages are "
                r"incompatible|Could not solve for environment specs|nothing provides (?:requested "
                r")?\S+|Encountered problems while solving)"
            ),
            r"The following specifications were found to be incompatible with",
            r"Found conflicts! Looking for incompatible packages",
        ),
        tell=_tell_conda,
        overrides=True,
        unless=("resolution-too-deep",),
    ),
    Sign(
        patterns=(
            r"PackagesNotFoundError",
            r"ResolvePackageNotFound",
            r"The following packages? (?:are|is) (?:not available|missing)",
        ),
        tell=_tell_conda_absent,
    ),
    Sign(
        patterns=(
            r"CondaVerificationError[^\n]*",
            r"appears to be corrupted",
            r"ChecksumMismatchError",
            r"InvalidArchiveError",
        ),
        telling=Telling(mechanism=m.CONDA_BROKEN, cause=m.CONDA_BROKEN.cause),
    ),
    Sign(
        patterns=(
            (
                r"(?:Package|ERROR: Package) '?(?P<name>[\w.-]+)'? requires a different Python: "
                r"(?P<found>[\d.]+\d) not in '(?P<wanted>[^'\n]+)'"
            ),
            (
                r"(?P<name>[\w.-]+) requires Python '(?P<wanted>[^'\n]+)' but the running Python is "
                r"(?P<found>[\d.]+\d)"
            ),
            (
                r"(?P<name>[\w.-]+) requires Python (?P<wanted>[<>=~!][\w.,<>=~!*]*)[^\n]{0,60}(?:current|"
                r"running|is|have)[^\n\d]{0,30}(?P<found>3\.[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause="{name} asks for Python {wanted}, and the Python that runs is {found}.",
            remedies=("Use a Python in that range, or another release of {name}.",),
            package="{name}",
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?:Sorry, |RuntimeError: |ERROR: )?Python (?:version )?(?P<wanted>(?:>=?|==|<=?)? "
                r"?3\.\d+(?: or (?:later|newer|higher|above))?)[^\n]{0,20} is (?:required|needed)"
            ),
            (
                r"(?:only |is not |not )support(?:s|ed)?[^\n]{0,60}\b[Pp]ython (?:versions? "
                r")?(?P<wanted>[<>=]*3\.\d+[^\n]{0,40})"
            ),
            r"Cannot install on Python version (?P<wanted>3\.[\d.]+\d[^\n]{0,60})",
        ),
        telling=Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause="The package does not take the Python that runs ({wanted}).",
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            r"(?P<wheel>[\w.+-]+\.whl) is not a supported wheel on this platform",
            r"incompatible with the current platform: \S*/(?P<wheel>[\w.+-]+\.whl)",
            (
                r"`?(?P<wheel>[\w.+-]+\.whl)`?[^\n]{0,100}(?:is not compatible with the current|not "
                r"compatible with this)"
            ),
        ),
        telling=Telling(
            mechanism=m.WHEEL_UNSUPPORTED,
            cause=(
                "The name of the wheel {wheel} says for which Python and platform it is, and this is another."
            ),
            remedies=(
                (
                    "Take the wheel whose cp3xx is this Python's and whose end is this machine's (python "
                    "-VV; uname -m)."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"Hash mismatch for `?(?P<name>[\w.+=-]+)",
            r"THESE PACKAGES DO NOT MATCH THE HASHES",
            r"Hashes for (?P<name>[\w.-]+) [^\n]{0,60}(?:don't match|do not match)",
            r"Retrieved digest for link (?P<name>[\w.+-]+)",
        ),
        tell=_tell_hash,
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"resolved to Python (?P<found>[\d.]+\d), which is incompatible with the project's Python "
                r"requirement: `(?P<wanted>[^`\n]+)`"
            ),
        ),
        telling=Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause="The project asks for Python {wanted}, and the Python in use is {found}.",
            remedies=(
                "Use a Python in that range (uv venv --python), or change requires-python of the project.",
            ),
        ),
    ),
    Sign(
        patterns=(r"externally-managed-environment", r"externally managed"),
        telling=Telling(
            mechanism=m.MANAGED,
            cause=(
                "The Python of the system is kept by its own package manager, so that pip and uv refuse to "
                "install into it."
            ),
            remedies=("Make a virtual environment (python3 -m venv DIR, uv venv DIR) and install there.",),
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:certificate verify failed|CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|"
                r"self.signed certificate|unable to get local issuer certificate|invalid peer "
                r"certificate|UnknownIssuer|CondaSSLError)"
            ),
            r"SSL module is not available",
            r"ssl module in Python is not available",
        ),
        telling=Telling(
            mechanism=m.INDEX_TLS,
            cause=(
                "The certificate of a server was not accepted: a proxy that opens connections, an old set "
                "of certificates, or a Python without SSL. The packages are not at fault."
            ),
            remedies=(
                (
                    "Give the tool the certificates: SSL_CERT_FILE, pip --cert, uv --system-certs, conda "
                    "ssl_verify."
                ),
            ),
        ),
        overrides=True,
    ),
    Sign(
        patterns=(
            r"(?:401|403) (?:Client )?(?:Error|Unauthorized|Forbidden)[^\n]*",
            r"HTTP(?:Error)?:? (?:error )?(?:status )?\(?(?:401|403)[^\n]*",
            r"status (?:code|client error):? \(?(?:401|403)[^\n]*",
            r"407 Proxy Authentication Required",
        ),
        telling=Telling(
            mechanism=m.INDEX_FORBIDDEN,
            cause=(
                "A server refused access (401, 403 or 407): it wants a name and password or token, or does "
                "not allow this file."
            ),
            certain=False,
        ),
        unless=("huggingface", r"HTTP/\d"),
    ),
    Sign(
        patterns=(
            r"404 Client Error[^\n]*",
            r"HTTP(?: ?Error| status)?:? (?:client error )?\(?404[^\n]*",
            r"status (?:code|client error):? \(?404[^\n]*",
            r"UnavailableInvalidChannel[^\n]*",
        ),
        telling=Telling(
            mechanism=m.INDEX_NOT_FOUND,
            cause=(
                "The server has nothing at the address that was asked: the name, version or address is wrong."
            ),
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:502 Bad Gateway|503 Service Unavailable|504 Gateway|429 Too Many Requests|500 Internal "
                r"Server Error|(?:HTTP|status code|Client Error|Server "
                r"Error)[^\n]{0,12}\b(?:429|50[0234])\b)"
            ),
        ),
        telling=Telling(mechanism=m.SERVER_BUSY, cause=m.SERVER_BUSY.cause, rank=SymptomRank.GENERAL),
    ),
    Sign(
        patterns=(
            (
                r"(?:Temporary failure in name resolution|Name or service not known|getaddrinfo "
                r"failed|nodename nor servname|failed to lookup address "
                r"information|NameResolutionError|Could not resolve host)"
            ),
            (
                r"(?:ReadTimeoutError|ConnectTimeoutError|Read timed out|ConnectTimeout|operation timed "
                r"out|Connection timed out|Connection to \S+ timed out)"
            ),
            (
                r"(?:Network is unreachable|No route to host|Failed to establish a new "
                r"connection|NewConnectionError|CondaHTTPError|ProxyError|Cannot connect to proxy|tunnel "
                r"error|error sending request for url)"
            ),
            r"Could not connect to server",
            r"(?:We couldn't connect to|Cannot reach) 'https?://[^'\n]+'",
            r"outgoing traffic has been disabled",
            (
                r"(?:ConnectionError|IncompleteRead|ChunkedEncodingError|RemoteDisconnected|"
                r"ConnectionResetError)\b"
            ),
            r"Failed to fetch: `[^`\n]+`",
        ),
        telling=Telling(
            mechanism=m.INDEX_UNREACHABLE,
            cause=(
                "A server could not be reached, or did not answer in time: no network (as on a compute "
                "node), a proxy, a wrong name, or a connection that broke. The packages are not at fault."
            ),
            remedies=(
                (
                    "Look at the network and at HTTPS_PROXY, and try again; fetch beforehand where a node "
                    "has no network."
                ),
            ),
            rank=SymptomRank.GENERAL,
        ),
        unless=("status code", "HTTP status", "40[134] ", "certificate", "SSL"),
    ),
    Sign(
        patterns=(
            r"(?:Building source distributions|Building) (?:`?(?P<name>[\w.=-]+)`? )?is disabled",
            r"(?P<name>[\w.=-]+) has no usable wheels",
            r"only-binary[^\n]{0,60}(?:no|not)[^\n]{0,40}(?:wheel|binary|distribution)",
        ),
        telling=Telling(
            mechanism=m.NO_BUILD_ALLOWED,
            cause=(
                "Only wheels were allowed (--only-binary, --no-build), and the release has none that fits "
                "this Python and platform."
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"doesn't have a source distribution or wheel for the current platform",
            (
                r"(?P<name>[\w.-]+==[\w.+]+) @ [^\n]{0,80} can't be installed because it doesn't have a "
                r"(?:source distribution or )?wheel for the current (?:platform|Python)"
            ),
        ),
        telling=Telling(
            mechanism=m.NOT_FOR_PLATFORM,
            cause=(
                "A release that is locked has no wheel for this platform or Python, and no source to build."
            ),
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:Invalid requirement|InvalidRequirement|Expected end or semicolon|Expected (?:package "
                r"name|matching)[^\n]{0,60}|Couldn't parse requirement|Invalid version: "
                r"'[^'\n]+'|InvalidVersion)[^\n]*"
            ),
            r"error in [\w.-]+ setup command: '[\w_]+' must be a string",
            r"Please use pip<24\.1",
            r"has invalid metadata[^\n]*",
            r"\.\* suffix can only be used with",
        ),
        telling=Telling(
            mechanism=m.METADATA_INVALID,
            cause=(
                "A requirement or version is not written as the standard (PEP 440, PEP 508) asks: in a "
                "requirements file, or in the metadata of an old release, which newer pip and setuptools "
                "refuse."
            ),
            remedies=(
                (
                    "Correct it if it is yours; else take another release of the package, or an older pip "
                    "('pip<24.1')."
                ),
            ),
            rank=SymptomRank.CAUSE,
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"pyproject\.toml changed significantly since poetry\.lock was last generated",
            r"[Tt]he lockfile at `?[\w./]+`? needs to be updated",
            r"(?:lock file|poetry\.lock) is not up to date",
        ),
        telling=Telling(
            mechanism=m.LOCK_STALE,
            cause="The lock was made for another state of pyproject.toml.",
            remedies=("Make it again: poetry lock, uv lock.",),
        ),
    ),
    Sign(
        patterns=(
            r"Cannot uninstall '?(?P<name>[\w.-]+)'?[^\n]{0,20}\. It is a distutils installed project",
            (
                r"[Cc]annot uninstall '?(?P<name>[\w.-]+)'?[^\n]{0,40},? (?:RECORD file not found|no RECORD "
                r"file was found)"
            ),
            r"[Cc]annot uninstall (?P<name>[\w.-]+)",
        ),
        telling=Telling(
            mechanism=m.UNINSTALL_FAILED,
            cause=(
                "{name} was installed by something else (conda, the system, distutils) and has no record of "
                "its files, so that pip cannot remove it."
            ),
            remedies=(
                "Use a fresh environment, or remove it with what installed it (conda remove {name}, apt).",
            ),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            r"git (?:clone|fetch|submodule)[^\n]{0,200}(?:did not run successfully|failed|exited|error)",
            (
                r"fatal: (?:could not read Username|repository '[^'\n]+' not found|Authentication "
                r"failed|unable to access|Remote branch \S+ not found|couldn't find remote ref)[^\n]*"
            ),
            r"ERROR: Cannot find command 'git'",
            r"Git operation failed",
        ),
        telling=Telling(
            mechanism=m.GIT_FAILED,
            cause=(
                "git could not fetch a repository: git is missing, or its address, revision, rights or the "
                "network are wrong."
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"resolution-too-deep",
            r"exceeded (?:maximum|max) (?:resolution )?(?:depth|rounds)",
        ),
        telling=Telling(
            mechanism=m.CONFLICT,
            cause=(
                "pip gave up its search: the requirements are so loose that it tried too many versions, or "
                "they exclude each other."
            ),
            remedies=("Give lower bounds for the packages that it tries, or use a lock or uv.",),
            rank=SymptomRank.GENERAL,
        ),
    ),
    sign_of(
        m.PACKAGE_RENAMED,
        r"The '(?P<old>[\w.-]+)' (?:PyPI )?package is deprecated, use '(?P<new>[\w.-]+)'",
        cause=(
            "The package {old} is only a placeholder that refuses to be installed: the real one is named "
            "{new}."
        ),
        remedies=("Ask for {new}; where another package asks for {old}, take a newer release of that one.",),
        overrides=True,
    ),
    sign_of(
        m.FILE_MISSING,
        r"Could not open requirements file: [^\n]*No such file or directory: '(?P<path>[^'\n]+)'",
        (
            r"Could not install packages due to an (?:OSError|EnvironmentError): \[Errno 2\] No such file "
            r"or directory: '(?P<path>[^'\n]+\.(?:whl|zip|tar\.gz))'"
        ),
        r"(?P<path>\S+) does not appear to be a Python project: neither",
        r"Directory '(?P<path>[^'\n]+)' is not installable\. Neither",
        r"(?:EnvironmentFileNotFound|File not found): '?(?P<path>[^'\n]+\.(?:txt|ya?ml|toml))'?[^\n]*",
        cause=(
            "{path} is not there or is not what it should be: the command runs in another folder than the "
            "project's."
        ),
        remedies=("Go to the folder of the project, or give the right path.",),
        overrides=True,
    ),
    sign_of(
        m.CONDA_USE,
        r"Your shell has not been properly configured to use 'conda activate'",
        r"Run 'conda init' before 'conda activate'",
        cause=(
            "The shell does not know conda activate: conda init was not run for it, as in scripts and jobs."
        ),
        remedies=("source $(conda info --base)/etc/profile.d/conda.sh first, or use conda run -n NAME.",),
        overrides=True,
    ),
    sign_of(
        m.CONDA_USE,
        r"EnvironmentNameNotFound[^\n]*",
        r"EnvironmentLocationNotFound[^\n]*",
        r"DirectoryNotACondaEnvironmentError[^\n]*",
        r"PackageNotInstalledError[^\n]*",
        cause=(
            "conda has no environment or package of that name here: the name is wrong, or it was made "
            "elsewhere."
        ),
        remedies=("conda env list shows the environments that are there.",),
    ),
    sign_of(
        m.CONDA_USE,
        r"CondaToSNonInteractiveError[^\n]*",
        r"Terms of Service have not been accepted[^\n]*",
        cause=(
            "The terms of service of conda's default channels were not accepted, so that conda refuses to "
            "use them."
        ),
        remedies=("conda tos accept, or use conda-forge alone: -c conda-forge --override-channels.",),
    ),
    sign_of(
        m.REQUIREMENT_INVALID,
        r"TOML parse error[^\n]*",
        r"(?:InvalidVersionSpec|InvalidMatchSpec|CondaValueError)[^\n]*",
        (
            r"(?:Failed to parse|could not parse)[^\n]{0,20}`?(?:pyproject\.toml|uv\.lock|"
            r"environment\.ya?ml|requirements[\w.-]*)`?[^\n]*"
        ),
        cause=(
            "A requirement, project or environment file is not written as it should be, as the message says."
        ),
        certain=False,
    ),
    sign_of(
        m.PYTHON_NOT_FOUND,
        r"No (?:interpreter|virtual environment) found[^\n]*",
        r"(?:Python|python)(?: version)? ?3[.\d]* (?:was )?not found[^\n]*",
        r"Could not find an activated virtualenv[^\n]*",
        r"Poetry was unable to find a compatible version[^\n]*",
        r"The currently activated Python version \S+ is not supported by the project[^\n]*",
        certain=False,
    ),
    sign_of(
        m.NOT_FOR_PLATFORM,
        r"Unable to find installation candidates for (?P<name>[\w.-]+)(?: \((?P<version>[^)\n]+)\))?",
        cause=(
            "Poetry's lock names {name} in a release that has no file for this platform or Python on the "
            "source that it was locked from."
        ),
        remedies=(
            "Lock again for this platform (poetry lock), and look at the source that is set for {name}.",
        ),
        certain=False,
    ),
    sign_of(
        m.HASHES,
        r"not found in known hashes[^\n]*",
        cause=(
            "The file that was downloaded has none of the hashes in the lock: it changed at its source, or "
            "a cache has a damaged one."
        ),
        remedies=("poetry cache clear --all, then lock again.",),
        overrides=True,
    ),
    sign_of(
        m.FILE_MISSING,
        r"Poetry could not find a pyproject\.toml file in [^\n]*",
        r"No `pyproject\.toml` found in[^\n]*",
        r"is not a valid editable requirement[^\n]*",
        cause=(
            "The command finds no pyproject.toml or project here: it runs in another folder than the "
            "project's, or the path is wrong."
        ),
        remedies=("Go to the folder of the project, or give the right path.",),
    ),
    sign_of(
        m.CONFLICT,
        r"Double requirement given: (?P<first>[^\n(]+?) \([^\n]*already in (?P<second>[^\s,(]+)",
        cause="The requirements ask for one package twice: {first} and {second}.",
        remedies=("Leave one of the two lines.",),
    ),
    sign_of(
        m.CONFLICT,
        r"Some build dependencies for [^\n]* conflict with[^\n]*: (?P<what>[^\n]+)",
        cause="What the build of a package requires does not fit what is installed: {what}",
        remedies=(
            "Install what the build asks for (see build-system.requires), or build it with isolation.",
        ),
    ),
    sign_of(
        m.REQUIREMENT_INVALID,
        r"Can not perform a '--user' install[^\n]*",
        r"Will not install to the user site because[^\n]*",
        cause=(
            "pip was told to install for the user (--user, PIP_USER), which it does not do inside of a "
            "virtual environment."
        ),
        remedies=("Leave out --user, and unset PIP_USER (pip config list shows it).",),
    ),
    sign_of(
        m.CONFLICT,
        r"Cannot solve the request because of: (?P<what>[^\n]+)",
        cause=(
            "What was asked for excludes itself, or needs what this machine or channel does not have: {what}"
        ),
        remedies=("Loosen what is named; for __cuda set system-requirements (pixi) or CONDA_OVERRIDE_CUDA.",),
        certain=False,
    ),
)
