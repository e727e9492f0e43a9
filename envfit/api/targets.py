"""From what the user says of a target, by options, project or an existing lock, to the target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envfit.errors import ProjectError, TargetError
from envfit.frozen import frozen
from envfit.knowledge.hardware import check_target, named_target, python_entry
from envfit.knowledge.ignored_gpus import ignoring
from envfit.knowledge.model import KnowledgeBase
from envfit.project import Settings, TargetSettings
from envfit.target import CUDA, CUDA_DRIVER, FactState, Target

__all__ = [
    "Notify",
    "TargetRequest",
    "describe_target",
    "python_for",
    "pythons_of",
    "refuse_facts_of_nobody",
    "target_of",
    "target_request",
    "target_settings",
    "target_words",
    "this_machine",
    "with_python",
]

#: Takes what is worth saying on the way, one sentence at a time.
Notify = Callable[[str], None]


@frozen
class TargetRequest:
    """What the user says of the target; what is None or empty was not said."""

    gpus: tuple[str, ...] = ()  # "auto", "none", or names
    driver: str | None = None
    python: str | None = None
    glibc: str | None = None
    platform: str | None = None
    ignored_gpus: tuple[str, ...] = ()  # indexes or names


def target_of(
    request: TargetRequest,
    base: KnowledgeBase,
    *,
    previous: Target | None = None,
    notify: Notify,
) -> Target:
    """Return the target that a request means.

    GPUs by name, else the previous lock's target, else this machine; without those that are to be
    ignored.  Raises
    TargetError on what is unknown or malformed, and TargetImpossibleError where
    a GPU and a driver exclude each other.
    """
    names = tuple(name for name in request.gpus if name.lower() != "none")
    if len(names) < len(request.gpus) and names:
        raise TargetError("--gpu none cannot be combined with another GPU")
    auto = [name for name in names if name.lower() == "auto"]
    if auto and len(names) > 1:
        raise TargetError("--gpu auto cannot be combined with another GPU")
    if request.gpus and not auto:
        named = named_target(
            base,
            names,
            driver=request.driver,
            python=request.python,
            glibc=request.glibc,
            platform=request.platform,
        )
        return ignoring(named, request.ignored_gpus, base)
    refuse_facts_of_nobody(request)
    python = python_entry(base, base.default_python if request.python is None else request.python)
    said = frozenset() if request.python is not None else frozenset({"python"})
    if previous is not None and not auto:
        if request.python is not None:
            previous = replace(previous, python=python, assumed=previous.assumed - {"python"})
        previous = ignoring(previous, request.ignored_gpus, base)
        notify(f"for the target of the existing lock: {describe_target(previous)}")
        return previous
    from envfit.detect import detect as detect_machine

    machine = detect_machine()
    target = replace(machine.target, python=python, assumed=said)
    cuda = target.fact(CUDA)
    if not target.gpus and cuda.state is FactState.UNKNOWN:
        raise TargetError(
            f"this machine may have a GPU that cannot be read: {cuda.source}",
            hints=["say which: --gpu NAME, or --gpu none for an environment without one"],
        )
    target = ignoring(target, request.ignored_gpus, base)
    check_target(base, target)
    if target.gpus:
        notify(f"for this machine: {describe_target(target)}")
    else:
        notify("for a machine without a GPU, as this one is; --gpu NAME names another")
    return target


def refuse_facts_of_nobody(request: TargetRequest) -> None:
    """Raise TargetError where a driver or the like is stated, and no target is named that has it."""
    for option, value in (
        ("--driver", request.driver),
        ("--glibc", request.glibc),
        ("--platform", request.platform),
    ):
        if value is not None:
            raise TargetError(
                f"{option} describes a named target, and none is named",
                hints=["name its GPUs too, such as --gpu V100, or --gpu none"],
            )


def describe_target(target: Target) -> str:
    """Say a target in a few words."""
    models = Counter(
        gpu.name if gpu.name.startswith("capability ") else f"{gpu.name} (capability {gpu.capability})"
        for gpu in target.gpus
    )
    gpus = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in models.items()) or "no GPU"
    driver = target.fact(CUDA_DRIVER)
    version = f", driver {driver.value}" if driver.state is FactState.KNOWN else ""
    without = ", ".join(dict.fromkeys(gpu.name for gpu in target.ignored_gpus))
    left_out = f" without the {without}" if without else ""
    return f"{gpus}{left_out}{version}, {target.platform}, Python {target.python_minor}"


def this_machine(request: TargetRequest, base: KnowledgeBase, *, notify: Notify) -> Target:
    """Return this machine with the GPUs that a request names, or with its own.

    An environment is made here whatever GPU it is for: platform, glibc and tools
    are this machine's, and an image for a GPU is built where none is.
    """
    if not request.gpus or request.gpus == ("auto",):
        return target_of(request, base, notify=notify)
    from envfit.detect import detect as detect_machine

    machine = detect_machine().target
    named = target_of(replace(request, platform=str(machine.platform)), base, notify=notify)
    own = tuple(fact for fact in named.facts if fact.name.startswith("__cuda"))
    others = tuple(fact for fact in machine.facts if not fact.name.startswith(("__cuda", "__libcuda")))
    return replace(named, facts=(*own, *others))


def target_words(request: TargetRequest) -> tuple[str, ...]:
    """Return the words of a command line that ask for a target."""
    stated = (
        ("--driver", request.driver),
        ("--python", request.python),
        ("--glibc", request.glibc),
        ("--platform", request.platform),
    )
    words = [word for name in request.gpus for word in ("--gpu", name)]
    words += [word for option, value in stated if value is not None for word in (option, value)]
    words += [word for text in request.ignored_gpus for word in ("--ignore-gpu", text)]
    return tuple(words)


def target_settings(settings: Settings, name: str | None) -> TargetSettings:
    """Return what the project says of a named target, over what it says of every target.

    Raises ProjectError where it names targets, and not this one.
    """
    common = settings.target
    for named in settings.targets:
        if named.name == name:
            own = {field.name: value for field in fields(named) if (value := getattr(named, field.name))}
            # A driver is that of its GPUs: the common one goes with the common GPUs.
            return replace(replace(common, driver=None) if named.gpus else common, **own)
    if name is not None and settings.targets:
        known = ", ".join(str(target.name) for target in settings.targets)
        raise ProjectError(f"the project names no target {name!r}", hints=[f"it names {known}"])
    return common


def target_request(
    said: TargetRequest,
    stated: TargetSettings,
    required: SpecifierSet | None,
    former: Target | None,
    base: KnowledgeBase,
) -> TargetRequest:
    """Fill what the command line leaves open from the project, and a Python that it admits."""
    gpus = said.gpus or stated.gpus
    # The driver of the file belongs to the GPUs of the file.
    same = not said.gpus or not stated.gpus
    python = said.python if said.python is not None else _text(stated.python)
    kept = former.python if former is not None and not gpus else None
    if python is None and required is not None and not (kept and required.contains(kept)):
        nearest = python_for(required, base)
        python = nearest if kept is not None or nearest != base.default_python else None
    return TargetRequest(
        gpus=gpus,
        driver=said.driver if said.driver is not None or not same else stated.driver,
        python=python,
        glibc=said.glibc if said.glibc is not None or not same else _text(stated.glibc),
        platform=said.platform if said.platform is not None or not same else _text(stated.platform),
        ignored_gpus=said.ignored_gpus,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def python_for(required: SpecifierSet, base: KnowledgeBase) -> str:
    """Return the default Python where it is admitted, else the next newer one, else the next older.

    Wheels with GPU code lag behind Python, so the newest one is seldom served best.
    Raises ProjectError where none is admitted.
    """
    admitted = [entry.minor for entry in base.pythons if required.contains(entry.newest, prereleases=True)]
    if not admitted:
        raise ProjectError(
            f"requires-python {required} admits the newest release of no known Python",
            hints=["name a release with --python, such as --python 3.11.4"],
        )
    default = Version(base.default_python)
    return min(
        admitted, key=lambda minor: (Version(minor) < default, abs(Version(minor).minor - default.minor))
    )


def pythons_of(said: str | None, required: SpecifierSet | None, base: KnowledgeBase) -> tuple[str, ...]:
    """Return the minor versions that a range such as ``>=3.10`` admits, newest first; none if it is no range.

    A Python counts by its newest release, and only where the project admits it too.
    Raises TargetError where none is admitted or the range is malformed.
    """
    if said is None or re.fullmatch(r"[\w.]+", said):
        return ()
    try:
        wanted = SpecifierSet(said)
    except InvalidSpecifier:
        raise TargetError(f"{said!r} is not a Python such as 3.12, nor a range such as >=3.10") from None
    admitted = [
        entry.minor
        for entry in base.pythons
        if wanted.contains(entry.newest, prereleases=True)
        and (required is None or required.contains(entry.newest, prereleases=True))
    ]
    if not admitted:
        known = ", ".join(entry.minor for entry in base.pythons)
        also = f" and by requires-python {required}" if required is not None else ""
        raise TargetError(f"no known Python is admitted by {said}{also}", hints=[f"known: {known}"])
    return tuple(sorted(admitted, key=Version, reverse=True))


def with_python(target: Target, python: str, base: KnowledgeBase) -> Target:
    """Return a target with the newest release of another Python."""
    return replace(target, python=python_entry(base, python), assumed=target.assumed - {"python"})
