"""What opens the gates that are closed: each way is judged like the case itself before it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from math import ceil
from shlex import quote

from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from packaging.version import Version

from envfit.build.advice import seconds_of
from envfit.build.case import Case, torch_cuda
from envfit.build.gate import Gate, Judged, Outcome, Remedy, judge
from envfit.build.jobs import ASSUMED_JOB_MEMORY
from envfit.build.recipe import nvcc_release
from envfit.distribution import Sdist
from envfit.knowledge.model import Evidence, KnowledgeBase, NvccRelease
from envfit.knowledge.objections import object_to
from envfit.knowledge.prebuilt import prebuilt_wheels
from envfit.knowledge.query import Query
from envfit.target import CUDA_HEADERS, GXX, MEMORY_FREE, NVCC, PYTHON_HEADERS, FactState

__all__ = ["known_releases", "with_remedies"]

_TORCH = "torch"
_WORTH_TELLING = 1.5  # times as fast
#: Gates that a wheel which is compiled already opens none of: the GPU's, and those of the place.
_OF_THE_PLACE = frozenset({"GPU", "disk", "build tools"})
_OLDER = 3  # major versions of GCC that are tried, from the newest that nvcc works with


def known_releases(package: str, knowledge: KnowledgeBase) -> tuple[Version, ...]:
    """Return the releases of a package whose source distributions knowledge has read, newest first."""
    known = knowledge.packages.get(package)
    evidence: list[Evidence] = []
    if known is not None:
        evidence += [item for build in known.source_builds for item in build.evidence]
        evidence += [item for metadata in known.metadata for item in metadata.evidence]
    for place in knowledge.lookup.rules_about(package):
        evidence += knowledge.rules[place].evidence
    found = set()
    for item in evidence:
        try:
            name, version = parse_sdist_filename(item.source)
        except InvalidSdistFilename:
            continue
        if name == package:
            found.add(version)
    return tuple(sorted(found, reverse=True))


def with_remedies(judged: Judged) -> Judged:
    """Return the same judgement, with what opens each closed gate."""
    finder = _Finder(judged)
    return replace(judged, gates=tuple(map(finder.helped, judged.gates)))


class _Finder:
    """Ways out of one judged case."""

    def __init__(self, judged: Judged) -> None:
        self._case = judged.case
        self._jobs = judged.jobs
        self._failed = judged.failed
        self._serving = self._first("GPU", self._other_releases()) if "GPU" in self._failed else None
        # Where no release serves the GPU, what opens other gates helps nobody.
        self._hopeless = "GPU" in self._failed and self._serving is None
        self._prebuilt = self._compiled_already() if self._failed and "GPU" not in self._failed else None
        self._ways: dict[str, Callable[[], Iterator[Remedy]]] = {
            "GPU": self._for_gpu,
            "torch": partial(self._torches, "torch"),
            "nvcc": partial(self._toolkits, "nvcc"),
            "nvcc for the package": partial(self._for_nvcc, "nvcc for the package"),
            "nvcc for the GPU": partial(self._for_nvcc, "nvcc for the GPU"),
            "nvcc and torch": partial(self._for_majors, "nvcc and torch"),
            "host compiler": partial(self._for_compiler, "host compiler"),
            "memory": partial(self._for_memory, "memory"),
            "disk": self._for_disk,
            "headers": self._for_headers,
            "build tools": self._for_tools,
        }

    def helped(self, gate: Gate) -> Gate:
        """Return a gate with its remedies; an open one has none."""
        if gate.name == "memory" and gate.outcome is Outcome.PASSED:
            return replace(gate, remedies=tuple(self._for_more_jobs()))
        if gate.outcome is not Outcome.FAILED or (gate.name != "GPU" and self._hopeless):
            return gate
        found = list(self._ways[gate.name]())
        # What closes another gate in turn is told where there is nothing better.
        if any(remedy.tried and not remedy.closes for remedy in found):
            found = [remedy for remedy in found if not remedy.closes]
        if gate.name not in _OF_THE_PLACE and self._prebuilt is not None:
            found.append(self._prebuilt)
        return replace(gate, remedies=tuple(found))

    def _first(self, gate: str, cases: Iterable[Case]) -> Judged | None:
        """Return the first case in which a gate is open and no other one is closed by it, else the best."""
        best: Judged | None = None
        for case in cases:
            tried = judge(case)
            if gate in tried.failed:
                continue
            if tried.failed < self._failed:
                return tried
            if best is None or len(tried.failed) < len(best.failed):
                best = tried
        return best

    def _closes(self, tried: Judged) -> tuple[str, ...]:
        """Return the gates that a way closes, which were open before."""
        return tuple(sorted(tried.failed - self._failed))

    # -- the GPU ------------------------------------------------------------

    def _for_gpu(self) -> Iterator[Remedy]:
        tried = self._serving
        if tried is None:
            yield Remedy(text=f"No release of {self._case.package} that envfit knows serves it.")
        else:
            served = "; ".join(map(str, tried.recipe.served))
            yield Remedy(
                text=f"{tried.case.release} could serve, by the rules: {served}.",
                command=_lock(tried.case, tried.case.torch),
                tried=True,
                closes=self._closes(tried),
            )
        known = self._case.knowledge.packages.get(self._case.package)
        for other in known.alternatives if known is not None else ():
            if all(other.capability.contains(str(each)) for each in self._case.target.capabilities):
                yield Remedy(text=other.text)

    def _other_releases(self) -> Iterator[Case]:
        query = Query(self._case.knowledge, self._case.target)
        for version in known_releases(self._case.package, self._case.knowledge):
            source = Sdist(name=self._case.package, version=version, filename="", url="", index="")
            build = query.source_build(self._case.package, source)
            if build is not None and version != self._case.version:
                yield replace(self._case, version=version, build=build)

    def _compiled_already(self) -> Remedy | None:
        """Return a wheel of a release page that nothing objects to, for this torch before all others."""
        case, known = self._case, self._case.knowledge.packages.get(self._case.package)
        if known is None or not known.prebuilt:
            return None
        query = Query(case.knowledge, case.target, ignored=case.ignored_rules)
        wheels = tuple(prebuilt_wheels(known, case.version, case.target))
        for torch, cuda in self._all_torches():
            for wheel in wheels:
                if not wheel.torch_versions.contains(torch) or cuda.major != wheel.cuda:
                    continue
                files = {case.package: wheel.as_wheel()}
                found = object_to(query, {case.package: wheel.version, _TORCH: torch}, files=files)
                if not any(objection.blocks for objection in found):
                    return Remedy(
                        text=f"Compile nothing: {wheel.filename} may be on its release page, and envfit lock "
                        f"takes it where it is, beside torch {torch}.",
                        command=_lock(case, torch),
                    )
        return None

    # -- torch --------------------------------------------------------------

    def _torches(self, gate: str) -> Iterator[Remedy]:
        tried = self._first(gate, self._other_torches())
        if tried is None or tried.case.torch is None:
            return
        torch = tried.case.torch
        where = ", from the PyTorch index (--pytorch-index)" if torch.local else ""
        yield Remedy(
            text=f"Build it beside torch {torch} (CUDA {tried.case.torch_cuda}){where}.",
            command=_lock(self._case, torch),
            tried=True,
            closes=self._closes(tried),
        )

    def _all_torches(self) -> Iterator[tuple[Version, Version]]:
        """Yield builds of torch with their CUDA runtimes: that of the case, then others."""
        for case in (self._case, *self._other_torches()):
            if case.torch is not None and case.torch_cuda is not None:
                yield case.torch, case.torch_cuda

    def _other_torches(self) -> Iterator[Case]:
        """Yield the case with other builds of torch, newest first; the index's own before those of others."""
        knowledge, query = self._case.knowledge, Query(self._case.knowledge, self._case.target)
        platform = str(self._case.target.platform)
        plain = {
            Version(text)
            for text, other, _ in knowledge.lookup.siblings.get(_TORCH, ())
            if other == platform and Version(text).local is None
        }
        known = knowledge.packages.get(_TORCH)
        for version in sorted(plain, reverse=True):
            labelled = [
                Version(f"{version}+{build.label}")
                for build in (known.index_builds if known is not None else ())
                if str(build.platform) == platform and build.versions.contains(version)
            ]
            for torch in (version, *sorted(labelled, reverse=True)):
                cuda = torch_cuda(query, torch)
                if cuda is not None and cuda.major and torch != self._case.torch:
                    yield replace(self._case, torch=torch, torch_cuda=cuda)

    # -- compilers ----------------------------------------------------------

    def _for_nvcc(self, gate: str) -> Iterator[Remedy]:
        tried = self._first(gate, self._other_releases())
        if tried is not None and tried.failed < self._failed:
            yield Remedy(
                text=f"{tried.case.release} can be compiled with this nvcc.",
                command=_lock(tried.case, tried.case.torch),
                tried=True,
                closes=self._closes(tried),
            )
        yield from self._toolkits(gate)

    def _for_majors(self, gate: str) -> Iterator[Remedy]:
        yield from self._toolkits(gate)
        yield from self._torches(gate)

    def _toolkits(self, gate: str) -> Iterator[Remedy]:
        known = {str(item.version): item for item in self._case.knowledge.compilers}
        tried = self._first(
            gate, (self._case.with_fact(NVCC, text, "tried") for text in self._by_nearness(known.values()))
        )
        if tried is None:
            return
        release = known[tried.case.target.fact(NVCC).value]
        if release.wheels:
            packages = " ".join(f"'{wheel}'" for wheel in release.wheels)
            yield Remedy(
                text=f"Compile with nvcc {release.version}: wheels have it, and CUDA_HOME is then their "
                f"nvidia/cu{release.version.major}.",
                command=f"uv pip install {packages}",
                tried=True,
                closes=self._closes(tried),
            )
        if release.conda is not None:
            yield Remedy(
                text=f"Compile with nvcc {release.version} of a conda channel.",
                command=f"conda install {release.conda}",
                tried=True,
                closes=self._closes(tried),
            )
        if not release.wheels and release.conda is None:
            yield Remedy(text=f"Compile with nvcc {release.version}.", tried=True, closes=self._closes(tried))

    def _by_nearness(self, releases: Iterable[NvccRelease]) -> list[str]:
        """Return releases: that of torch's CUDA runtime before all others, then the newest first."""
        cuda = self._case.torch_cuda
        ordered = sorted(releases, key=lambda item: (item.version == cuda, item.version), reverse=True)
        return [str(item.version) for item in ordered]

    def _for_compiler(self, gate: str) -> Iterator[Remedy]:
        nvcc = self._case.target.fact(NVCC).version
        release = None if nvcc is None else nvcc_release(nvcc, self._case.knowledge.compilers)
        if release is not None:
            older = (str(major) for major in range(release.gxx, release.gxx - _OLDER, -1))
            tried = self._first(gate, (self._case.with_fact(GXX, major, "tried") for major in older))
            if tried is not None:
                limit = tried.case.target.fact(GXX).value
                yield Remedy(
                    text=f"Compile with GCC {limit} or older.",
                    command=f"CC=gcc-{limit} CXX=g++-{limit} envfit build ...",
                    tried=True,
                    closes=self._closes(tried),
                )
        yield from self._toolkits(gate)

    # -- the machine --------------------------------------------------------

    def _for_memory(self, gate: str) -> Iterator[Remedy]:
        cost, build = self._case.build.cost, self._case.build
        needed = cost.largest if cost is not None else build.job_memory or ASSUMED_JOB_MEMORY
        tried = self._first(gate, [self._case.with_fact(MEMORY_FREE, f"{needed:g}", "tried")])
        if tried is not None:
            yield Remedy(
                text=f"Compile where {needed:g} GiB are free, such as in a Slurm job with "
                f"--mem={ceil(needed)}G: compiling needs no GPU, and the wheel can be carried over.",
                tried=True,
                closes=self._closes(tried),
            )

    def _for_more_jobs(self) -> Iterator[Remedy]:
        """Say what more memory would save, where it is memory that leaves cores idle."""
        cost, jobs = self._case.build.cost, self._jobs
        if cost is None or jobs is None or jobs.bound != "memory":
            return
        now, then = (seconds_of(cost, 1, count) for count in (jobs.count, min(jobs.cores, len(cost.objects))))
        if now > _WORTH_TELLING * then:
            yield Remedy(
                text=f"With {jobs.job_memory * jobs.cores:g} GiB all {jobs.cores} cores could compile, about "
                f"{now / then:.0f} times as fast; compiling needs no GPU, and the wheel can be carried over.",
            )

    def _for_disk(self) -> Iterator[Remedy]:
        needed = self._case.build.disk or 0
        yield Remedy(text=f"Make room, or build in a directory where {needed:g} GiB are free.")

    def _for_headers(self) -> Iterator[Remedy]:
        stated = self._case.knowledge.torch_extensions
        if self._case.target.fact(PYTHON_HEADERS).state is FactState.ABSENT:
            yield Remedy(text="Install the development files of this Python, such as python3-dev.")
        if stated is not None and self._case.target.fact(CUDA_HEADERS).state is FactState.ABSENT:
            wheels = " ".join(dict.fromkeys(stated.headers.values()))
            yield Remedy(text=f"Install the whole CUDA toolkit, or lock beside torch, of its CUDA: {wheels}.")

    def _for_tools(self) -> Iterator[Remedy]:
        yield Remedy(text="Build in an environment of its own, which is the default.")


def _lock(case: Case, torch: Version | None) -> str:
    """Return the command that locks a release beside a torch, for the GPUs that are meant."""
    words = ["envfit", "lock", f"{case.package}=={case.version}"]
    words += [f"'torch=={torch}'"] if torch is not None else []
    for name in dict.fromkeys(gpu.name.removeprefix("capability ") for gpu in case.target.gpus):
        words += ["--gpu", quote(name)]
    words += ["--pytorch-index"] if torch is not None and torch.local else []
    return " ".join(words)
