"""The builder of an installation: wheels that were compiled before, gates, and the compiling itself."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.pylock import Pylock

from envfit.api.buildable import Buildable, BuildRequest
from envfit.api.building import Watch, build_reports, cached_builds, compile_one
from envfit.api.targets import Notify
from envfit.build.cache import BuiltWheel
from envfit.build.report import BuildReport
from envfit.install.options import Build
from envfit.install.plan import Plan
from envfit.install.refusal import Refused
from envfit.knowledge.model import DeviceCode, KnowledgeBase
from envfit.lock.built import CompiledWheel, with_wheels
from envfit.lock.reading import LockedPackage, locked_packages
from envfit.target import Target

__all__ = ["LockBuilder"]


class LockBuilder:
    """Compiles what a lock marks as builds, for the GPUs of a target, on this machine."""

    def __init__(
        self,
        target: Target,
        base: KnowledgeBase,
        request: BuildRequest,
        *,
        watch: Watch | None = None,
        notify: Notify = lambda _: None,
    ) -> None:
        self._target = target
        self._base = base
        self._request = request
        self._watch = watch
        self._notify = notify
        self._wheels: dict[str, BuiltWheel] = {}
        self._pending: tuple[Buildable, ...] = ()  # what is not among the wheels of before

    def reuse(self, lock: Pylock) -> Pylock:
        """Return a lock with the wheels that were compiled before; without a GPU none is the right one."""
        if not self._wanted(lock) or not self._target.gpus:
            return lock
        found = cached_builds(lock, self._target, self._base, self._request, notify=self._notify)
        self._pending = tuple(one for one, wheel in found if wheel is None)
        return self._with(lock, (wheel for _, wheel in found if wheel is not None))

    def reports(self, planned: Plan) -> tuple[BuildReport, ...]:
        """Return what is still to be compiled of the lock that ``reuse`` was given, with its cost.

        Raises Refused where nothing may be compiled or no GPU says for what, BuildError where it is
        not in the cache and has to be, BuildImpossibleError where a gate is closed.
        """
        if not planned.to_build:
            return ()
        names = ", ".join(map(str, planned.to_build))
        skip = " ".join(f"--skip {package.name}" for package in planned.to_build)
        rest = f"install the rest with {skip}"
        if self._request.mode is Build.NEVER:
            raise Refused(f"{names} must be compiled, and --build never forbids it", [], hints=[rest])
        if not self._target.gpus:
            raise Refused(
                f"{names} must be compiled for a GPU, and this machine has none",
                [],
                hints=["say for which: --gpu NAME", rest],
            )
        return build_reports(self._pending, self._request, hints=[rest])

    def compile(self, lock: Pylock) -> Pylock:
        """Return a lock with all wheels; raises BuildError where one could not be made."""
        built = [
            compile_one(one, lock, self._request, watch=self._watch, notify=self._notify)
            for one in self._pending
        ]
        return self._with(lock, built)

    def knowledge(self, base: KnowledgeBase) -> KnowledgeBase:
        """Return knowledge with what was read in the wheels."""
        return base.with_device_code([self._code(wheel) for wheel in self._wheels.values()])

    def _wanted(self, lock: Pylock) -> tuple[LockedPackage, ...]:
        return tuple(
            package
            for package in locked_packages(lock)
            if package.build and package.name not in self._request.skip
        )

    def _with(self, lock: Pylock, wheels: Iterable[BuiltWheel]) -> Pylock:
        found = {wheel.name: wheel for wheel in wheels}
        self._wheels |= found
        return with_wheels(
            lock,
            {
                name: CompiledWheel(
                    path=wheel.path, version=wheel.version, sha256=wheel.sha256, size=wheel.size
                )
                for name, wheel in found.items()
            },
        )

    def _code(self, wheel: BuiltWheel) -> DeviceCode:
        return DeviceCode(
            package=wheel.name,
            version=wheel.version,
            platform=self._target.platform,
            filename=wheel.path.name,
            sha256=wheel.sha256,
            cuda=wheel.cuda,
            sass=wheel.architectures,
            source=f"read in {wheel.path.name}, which was compiled here",
        )
