"""What to do about a lock that does not run here: ways that were tried before they are told.

Tried by judging again, with nothing fetched; locking anew is tried with what is in the cache.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from envfit.api.choosing import Judged, Judging, locks_in
from envfit.api.targets import target_words
from envfit.errors import EnvfitError, TargetError
from envfit.install import Refused
from envfit.install.transaction import can_be_forced
from envfit.knowledge.hardware import find_gpu
from envfit.knowledge.ignored_gpus import ignoring_models, ignoring_options
from envfit.lock.file import placed_lock

if TYPE_CHECKING:
    from envfit.api.installing import InstallRequest

__all__ = ["with_ways_out"]

_BUDGET = 20_000  # decisions of a trial; a lock of the usual kind needs a few hundred


def with_ways_out(error: Refused, judged: Judged, request: InstallRequest, judging: Judging) -> Refused:
    """Return a refusal with what can be done about it, the gentlest first."""
    hints = [*error.hints]
    if error.reasons:
        hints += _other_locks(judged, request, judging)
        hints += _without_gpus(judged, request, judging)
        hints += _skips(judged, request, judging)
        hints += _locked_anew(judged, request, judging)
        if not request.force and can_be_forced(error.reasons):
            hints.append("install it all the same, though it will not work: --force-incompatible")
    return Refused(error.message, error.reasons, hints=hints)


def _other_locks(judged: Judged, request: InstallRequest, judging: Judging) -> Iterator[str]:
    for path in locks_in(judged.path.parent):
        if path.name == judged.path.name:
            continue
        try:
            other = judging.judge(path, placed_lock(path), request.skip)
        except EnvfitError:
            continue
        if other.runs:
            yield f"{other}, beside it, runs here: envfit install {shlex.quote(str(path))}"


def _without_gpus(judged: Judged, request: InstallRequest, judging: Judging) -> Iterator[str]:
    """Yield the GPUs of one model without which nothing speaks against the lock."""
    models = {(gpu.name, gpu.capability): gpu for gpu in judging.target.gpus}
    for gpu in models.values() if len(models) > 1 else ():
        left = ignoring_models(judging.target, [gpu])
        if replace(judging, target=left).judge(judged.path, judged.lock, request.skip).runs:
            alike = [item for item in judging.target.gpus if item.name == gpu.name]
            yield f"it runs here without the {gpu.name}: {shlex.join(ignoring_options(alike))}"


def _skips(judged: Judged, request: InstallRequest, judging: Judging) -> Iterator[str]:
    """Yield the packages that nothing else needs, where nothing speaks against the rest."""
    refused = _refused(judged)
    packages = judged.plan.to_install
    needed = {name for item in packages if item.name not in refused for name in item.dependencies}
    asked = {item.name for item in packages}.difference(*(item.dependencies for item in packages))
    if not refused or refused & needed or asked <= refused:
        return  # without it, nothing that was asked for is left
    if judging.judge(judged.path, judged.lock, [*request.skip, *refused]).runs:
        options = " ".join(f"--skip {name}" for name in sorted(refused))
        yield f"nothing else in the lock needs what does not run: {options}"


def _locked_anew(judged: Judged, request: InstallRequest, judging: Judging) -> Iterator[str]:
    """Yield the command that locks the same for this machine, and what came of it where it could be tried."""
    from envfit.api.locking import lock_request
    from envfit.api.request import LockRequest

    target = replace(request.target, gpus=request.target.gpus or ("auto",))
    words = [*target_words(target)]
    words += ["--provided-from", request.provided_from] if request.provided_from is not None else []
    slug = _slug(judging)
    command = shlex.join(["envfit", "lock", "-r", str(judged.path), *words, "--target", slug])
    try:
        result = lock_request(
            LockRequest(
                files=(judged.path,),
                target=target,
                target_name=slug,
                provided_from=request.provided_from,
                ignore_rules=request.ignore_rules,
                budget=_BUDGET,
                offline=True,
                build=False,
                check=True,
                directory=judged.path.parent,
            ),
            judging.base,
            environ=judging.environ,
            notify=lambda _: None,
            watch=lambda _: None,
        )
    except EnvfitError:
        yield f"lock it for this machine, which was not tried: {command}"
        return
    locked, refused = judged.versions, _refused(judged)
    asked = {requirement.name for requirement in result.resolution.requirements}
    pins = ", ".join(
        f"{pin.name} {pin.version}"
        for pin in result.resolution.pins
        if pin.version != locked.get(pin.name) and (pin.name in asked or pin.name in refused)
    )
    yield f"lock it for this machine{f', with {pins}' if pins else ''}: {command}"


def _slug(judging: Judging) -> str:
    """Return a name for a target of this machine's GPU."""
    if not judging.target.gpus:
        return "cpu"
    name = judging.target.gpus[0].name
    with contextlib.suppress(TargetError):  # a GPU that is not known has a name all the same
        name = find_gpu(judging.base, name).name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _refused(judged: Judged) -> frozenset[str]:
    """Return the names that are refused."""
    return frozenset(package.partition(" ")[0] for item in judged.plan.refusals for package in item.packages)
