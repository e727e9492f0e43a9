"""Locking: from a request to a written lock, one resolution for each Python that is admitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock
from packaging.utils import canonicalize_name

from envfit.api.provided import check_module
from envfit.api.request import LockRequest
from envfit.api.solving import Job, Watch, begin
from envfit.api.targets import Notify
from envfit.errors import UnknownPackageError
from envfit.frozen import frozen
from envfit.knowledge.model import KnowledgeBase
from envfit.lock.contract import Contract, contract_of
from envfit.lock.document import to_pylock
from envfit.lock.file import differences, lock_text, write_lock
from envfit.project import Project, add_to_project
from envfit.resolve.resolution import Resolution

if TYPE_CHECKING:
    from envfit.api.prices import GpuPrice
    from envfit.detect.interpreter import Interpreter

__all__ = ["LockResult", "lock_request"]


@frozen
class LockResult:
    """A lock, what it rests on, and whether the file changed."""

    lock: Pylock
    path: Path
    resolution: Resolution
    contract: Contract
    interpreter: Interpreter | None  # whose packages are provided, where one was named
    changed: bool  # with ``check``: it is stale
    stale: tuple[str, ...] = ()  # how the former lock differs, a phrase for each
    gpu_prices: tuple[GpuPrice, ...] = ()  # what single GPUs hold back
    edited: Path | None = None  # the project file that something was added to
    requests: int  # made to indexes
    received: int  # bytes
    #: Until when the same request would give the same, in seconds since the epoch, as long as no
    #: file changes that was read; None where that cannot be told.
    repeatable_until: float | None = None


def lock_request(
    request: LockRequest,
    base: KnowledgeBase,
    *,
    environ: Mapping[str, str],
    notify: Notify,
    watch: Watch,
) -> LockResult:
    """Lock what is asked for, and write the lock unless ``check`` is set.

    Raises the errors of every room on the way; nothing is written then.
    """
    job = begin(request, base, environ=environ, notify=notify, watch=watch)
    project, path, previous, interpreter = job.project, job.path, job.previous, job.interpreter
    try:
        resolution = job.resolve()
    except UnknownPackageError as error:
        raise _with_former_indexes(error, previous) from None
    prices: tuple[GpuPrice, ...] = ()
    if len(resolution.target.capabilities) > 1:
        from envfit.api.prices import gpu_prices

        prices = gpu_prices(job, resolution)
    check_module(resolution, interpreter, notify)
    for name in _in_both_halves(project, resolution):
        notify(f"note: {name} is in the conda half too; installed by pip as well, it replaces conda's")
    contract = contract_of(
        [(pin.name, pin.version, pin.candidate.distribution) for pin in resolution.pins],
        resolution.target,
        job.base,
        ignored=job.ignored,
    )
    document = to_pylock(resolution, contract, folder=path.parent.absolute(), carried=_carried(project))
    for moved in _moved(previous, document) if previous is not None else ():
        notify(f"note: {moved}")
    stale = differences(previous, document) if previous is not None else (f"there is no {path}",)
    changed = bool(stale) if request.check else previous is None or lock_text(previous) != lock_text(document)
    edited = None
    if not request.check:
        if request.added:
            edited = add_to_project(request.directory, request.added)
        if changed:
            write_lock(document, path)
    return LockResult(
        lock=document,
        path=path,
        resolution=resolution,
        contract=contract,
        interpreter=interpreter,
        changed=changed,
        stale=stale,
        gpu_prices=prices,
        edited=edited,
        requests=job.requests,
        received=job.received,
        repeatable_until=_repeatable_until(job, was_there=previous is not None, changed=changed),
    )


def _repeatable_until(job: Job, *, was_there: bool, changed: bool) -> float | None:
    """Return until when pages of indexes alone give this answer; None where anything else plays a part."""
    request = job.request
    # A folder of rules may get a file more, which nobody has read.
    others = (
        request.added or request.check or request.offline or job.interpreter or job.project.settings.rules
    )
    others = others or request.provided
    if job.answered or job.local or others or Path("-") in request.files or (was_there and changed):
        return None
    return job.fresh_until


def _with_former_indexes(error: UnknownPackageError, former: Pylock | None) -> UnknownPackageError:
    """Return an error with the index that the existing lock has a package from: its option may be missing."""
    had = {package.name: package.index for package in former.packages} if former is not None else {}
    hints = [
        f"the existing lock has {name} from {had[canonicalize_name(name)]}: --extra-index-url adds it"
        for name in error.details
        if had.get(canonicalize_name(name))
    ]
    return UnknownPackageError(error.message, details=error.details, hints=[*error.hints, *hints])


def _moved(former: Pylock, now: Pylock) -> list[str]:
    """Return which packages come from another index than in the existing lock: an option may be missing."""
    before = {package.name: package.index for package in former.packages if package.index}
    return [
        f"{package.name} comes from {package.index}, and from {before[package.name]} in the existing lock"
        for package in now.packages
        if package.index and before.get(package.name, package.index).rstrip("/") != package.index.rstrip("/")
    ]


def _in_both_halves(project: Project, resolution: Resolution) -> list[str]:
    """Return the packages of the conda half that the lock has as well."""
    conda = project.conda.dependencies if project.conda is not None else ()
    named = {canonicalize_name(re.split(r"[\s=<>!~\[]", text.rpartition("::")[2])[0]) for text in conda}
    return [pin.name for pin in resolution.pins if pin.name in named]


def _carried(project: Project) -> dict[str, object]:
    """Return the conda half of the project, as the lock keeps it."""
    conda = project.conda
    if conda is None:
        return {}
    return {
        **({"name": conda.name} if conda.name is not None else {}),
        "channels": list(conda.channels),
        "dependencies": list(conda.dependencies),
    }
