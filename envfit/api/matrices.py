"""A matrix: one resolution for each package on each machine that differs, and one session for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from envfit.api.ignored import ignored_rules
from envfit.api.indexes import open_indexes
from envfit.api.reading import READ_LIMIT, WheelReader
from envfit.api.request import LockRequest, index_request
from envfit.api.until_known import resolve_known
from envfit.errors import EnvfitError, RefusalError, RequirementError, TargetError, UndecidedError
from envfit.frozen import frozen
from envfit.index.build_metadata import BuildFailedError, CannotBuildHereError
from envfit.knowledge.hardware import branch_of, find_gpu, named_target
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.matrix.answer import Answer, answer_of, refusal_of
from envfit.matrix.build import build_matrix
from envfit.matrix.model import Matrix, MatrixDriver, MatrixGpu
from envfit.project import (
    Declared,
    Project,
    Settings,
    combine,
    for_target,
    parse_requirement,
    project_settings,
    read_command_line,
)
from envfit.resolve.decide import resolve
from envfit.resolve.resolution import Resolution
from envfit.resolve.solver import BUDGET
from envfit.selection.preferences import Preferences
from envfit.target import CUDA, CUDA_DRIVER, GLIBC, Platform, Target

if TYPE_CHECKING:
    from envfit.api.indexes import OpenIndexes
    from envfit.api.targets import Notify

__all__ = ["MatrixRequest", "matrix_of"]

_NO_BUILDS = "a matrix builds none unless --build-metadata is given"

Watch = Callable[[Callable[[], str]], None]


@frozen
class MatrixRequest:
    """What a matrix is asked for; what is empty takes the defaults of the knowledge base."""

    packages: tuple[str, ...] = ()  # requirements
    gpus: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    python: str | None = None
    glibc: str | None = None
    platform: str | None = None  # of GPUs that exist on several
    build_metadata: bool = False  # whether source distributions are built that state it only then
    how: LockRequest = field(default_factory=LockRequest)  # indexes, builds, budget and the like


@frozen
class _Machine:
    """A GPU with a driver: the target, or why there is none."""

    gpu: MatrixGpu
    driver: MatrixDriver
    target: Target | None
    impossible: EnvfitError | None = None

    @property
    def essence(self) -> tuple[object, ...]:
        """All of the target that an answer depends on."""
        if self.target is None:
            return ()
        facts = tuple(self.target.fact(name).value for name in (CUDA, CUDA_DRIVER, GLIBC))
        return (self.target.platform, self.target.python, self.target.capabilities, facts)


def matrix_of(
    request: MatrixRequest,
    base: KnowledgeBase,
    *,
    environ: Mapping[str, str],
    notify: Notify,
    watch: Watch,
) -> Matrix:
    """Answer every cell with the resolution that ``envfit lock PACKAGE`` makes for its machine.

    Raises TargetError and RequirementError on what is malformed or unknown, UnknownPackageError for a
    name that no index has, and SourceError where an index fails.
    """
    declared = _declared(request.packages or base.matrix.packages)
    machines = _machines(request, base)
    settings = combine(
        [
            Project(settings=project_settings(request.how.directory)),
            read_command_line(find_links=request.how.find_links),
        ]
    ).settings
    job = _Job(
        how=request.how,
        builds=request.build_metadata,
        settings=settings,
        base=base,
        ignored=ignored_rules((*request.how.ignore_rules, *settings.ignore_rules), base),
        environ=environ,
        notify=notify,
        total=len(declared) * len({machine.essence for machine in machines if machine.target is not None}),
    )
    watch(job.status)
    answers: dict[tuple[str, str, str], Answer] = {}
    for machine in machines:
        if machine.impossible is not None:
            refusal = refusal_of(machine.impossible)
            answers.update(((one.text, machine.gpu.name, machine.driver.name), refusal) for one in declared)
    for alike in _in_one_session(machines, by_driver=_has_variants(request.how, settings)):
        answers.update(job.answers(declared, alike))
    return build_matrix(
        [(one.text, one.name) for one in declared],
        list(dict.fromkeys(machine.gpu for machine in machines)),
        list(dict.fromkeys(machine.driver for machine in machines)),
        answers,
        python=next(str(machine.target.python) for machine in machines if machine.target is not None),
        glibc=next(machine.target.fact(GLIBC).value for machine in machines if machine.target is not None),
        day=datetime.now(timezone.utc).date().isoformat(),
        knowledge_version=base.version,
        solved=job.solved,
        requests=job.requests,
        received=job.received,
    )


@frozen
class _Asked:
    """One package, as it was written and as it is asked for."""

    text: str
    name: str
    declared: Declared


def _declared(texts: Sequence[str]) -> list[_Asked]:
    """Parse what is asked for; raises RequirementError on what is no name with or without bounds."""
    asked = []
    for text in dict.fromkeys(texts):
        declared = parse_requirement(text, "the command line")
        if declared.name is None or declared.direct is not None:
            raise RequirementError(
                f"{text!r}: a matrix is of releases of packages, not of a file or a repository"
            )
        if declared.marker is not None:
            raise RequirementError(f"{text!r}: a matrix has no place for a marker")
        asked.append(_Asked(text=text, name=declared.name, declared=declared))
    return asked


def _machines(request: MatrixRequest, base: KnowledgeBase) -> list[_Machine]:
    """Return every GPU with every driver, GPU by GPU."""
    for text in request.gpus:
        if text.lower() in ("none", "auto"):
            raise TargetError(
                f"--gpu {text}: a matrix is of GPUs by name",
                hints=["name them: --gpu V100 --gpu 'RTX 4090'; without --gpu it has one of each kind"],
            )
    drivers = {}
    for text in request.drivers or base.matrix.drivers:
        branch = branch_of(base, text)
        version = text if "." in text else branch.first
        drivers[text] = MatrixDriver(
            name=text, version=version, cuda=str(branch.cuda), supported=branch.supported
        )
    machines = []
    for name, text in {find_gpu(base, text).name: text for text in request.gpus or base.matrix.gpus}.items():
        model = find_gpu(base, text)
        entry = base.capabilities.get(model.capability)
        platform = str(model.platform) if model.platform is not None else request.platform
        for driver in drivers.values():
            target, impossible = None, None
            try:
                target = named_target(
                    base,
                    [text],
                    driver=driver.version,
                    python=request.python,
                    glibc=request.glibc,
                    platform=platform,
                )
            except RefusalError as error:
                impossible = error
            machines.append(
                _Machine(
                    gpu=MatrixGpu(
                        name=name,
                        capability=str(model.capability),
                        architecture=entry.architecture if entry is not None else "",
                        platform=platform or str(Platform()),
                        own_platform=model.platform is not None,
                    ),
                    driver=driver,
                    target=target,
                    impossible=impossible,
                )
            )
    if all(machine.target is None for machine in machines):
        raise next(machine.impossible for machine in machines if machine.impossible is not None)
    return machines


def _has_variants(how: LockRequest, settings: Settings) -> bool:
    return index_request(how, settings).pytorch_index is not None


def _in_one_session(machines: Iterable[_Machine], *, by_driver: bool) -> list[list[_Machine]]:
    """Return the machines that are, by platform: builds are for one; and pages of variants for one driver."""
    groups: dict[tuple[str, str], list[_Machine]] = {}
    for machine in machines:
        if machine.target is not None:
            driver = machine.driver.version if by_driver else ""
            groups.setdefault((str(machine.target.platform), driver), []).append(machine)
    return list(groups.values())


@dataclass(slots=True, kw_only=True)
class _Job:
    """All resolutions of one matrix, and how far they have come."""

    how: LockRequest
    builds: bool
    settings: Settings
    base: KnowledgeBase  # with what was read in wheels on the way
    ignored: frozenset[str]
    environ: Mapping[str, str]
    notify: Notify
    total: int
    solved: int = 0
    requests: int = 0
    received: int = 0
    left: int | None = None  # bytes of wheels that may still be read
    now: str = ""  # what is being resolved
    open: OpenIndexes | None = None
    said: set[str] = field(default_factory=set)

    def status(self) -> str:
        """Say how far it has come."""
        requests = self.requests + (self.open.session.requests_made if self.open is not None else 0)
        return f"{self.solved} of {self.total}: {self.now}, {requests} requests"

    def answers(
        self, asked: Sequence[_Asked], machines: Sequence[_Machine]
    ) -> dict[tuple[str, str, str], Answer]:
        """Return the answers on machines that share a session."""
        first = machines[0].target
        if first is None:
            return {}
        found: dict[tuple[str, str, str], Answer] = {}
        request = replace(
            index_request(self.how, self.settings),
            no_builds_here="" if self.builds else _NO_BUILDS,
            prebuilt=False,  # hundreds of answers would ask for files of which none is taken
        )
        query = Query(self.base, first, ignored=self.ignored)
        with open_indexes(request, query, self.environ, self._say) as indexes:
            self.open = indexes
            limit = READ_LIMIT if self.how.read_limit is None else self.how.read_limit
            reader = WheelReader(
                indexes.session,
                indexes.cache,
                limit=limit if self.left is None else self.left,
                offline=self.how.offline,
                notify=self._say,
            )
            for one in asked:
                known: dict[tuple[object, ...], Answer] = {}
                for machine in machines:
                    if machine.target is None:
                        continue
                    self.now = f"{one.name} on {machine.gpu.name}, driver {machine.driver.name}"
                    answer = known.get(machine.essence)
                    if answer is None:
                        answer = known[machine.essence] = self._answer(one, machine.target, indexes, reader)
                        self.solved += 1
                    found[one.text, machine.gpu.name, machine.driver.name] = answer
            self.left = reader.left
            self.requests += indexes.session.requests_made
            self.received += indexes.session.bytes_received
            self.open = None
        return found

    def _answer(self, asked: _Asked, target: Target, indexes: OpenIndexes, reader: WheelReader) -> Answer:
        requirements = for_target([asked.declared], target.marker_environment())
        how = self.how
        preferences = Preferences(
            prereleases=how.prereleases,
            newest_upload=how.newest_upload or self.settings.exclude_newer,
            build=how.build,
        )

        def once(query: Query) -> Resolution:
            return resolve(
                indexes.packages,
                query,
                requirements,
                preferences=preferences,
                variant_indexes=indexes.variants,
                budget=how.budget or BUDGET,
            )

        try:
            resolution, self.base = resolve_known(once, self.base, target, reader, ignored=self.ignored)
        except (RefusalError, UndecidedError, CannotBuildHereError, BuildFailedError) as error:
            return refusal_of(error)
        return answer_of(asked.name, resolution)

    def _say(self, sentence: str) -> None:
        """Say each sentence once: the resolutions have much in common."""
        if sentence not in self.said:
            self.said.add(sentence)
            self.notify(sentence)
