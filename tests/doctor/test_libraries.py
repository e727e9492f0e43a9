"""What is said of the libraries of an environment, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.doctor.finding import Finding, Severity
from envfit.doctor.libraries import judge_libraries
from envfit.doctor.nvidia_wheels import cuda_major, wheels_with
from envfit.installed.libraries import read_libraries
from envfit.installed.model import InstalledDistribution
from envfit.knowledge.model import KnowledgeBase, OwnCode, PackageKnowledge
from tests.installed.small_libraries import compiled, distribution, environment, needs_compiler

pytestmark = needs_compiler


def knowing(*packages: PackageKnowledge) -> KnowledgeBase:
    return KnowledgeBase(
        version="test",
        rules=(),
        packages={item.name: item for item in packages},
        device_code={},
        toolkits=(),
        runtimes={},
        branches=(),
        capabilities={},
        pythons=(),
        default_python="3.12",
        choices={},
        indexes={},
        gpus=(),
    )


def judged(
    tmp_path: Path,
    distributions: Sequence[InstalledDistribution],
    *,
    knowledge: KnowledgeBase | None = None,
    library_path: Sequence[Path] = (),
    gpu: bool = True,
    driver: bool = False,
    glibc: str | None = None,
) -> list[Finding]:
    own = environment(tmp_path, distributions)
    read = read_libraries(own, library_path=[str(item) for item in library_path])
    return list(
        judge_libraries(
            own,
            read,
            knowledge or knowing(),
            gpu=gpu,
            driver=driver,
            glibc=Version(glibc) if glibc else None,
        )
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Where libraries are to be linked with, and are not found when it runs."""
    return tmp_path / "outside"


def test_a_library_that_is_nowhere_is_named_with_the_wheel_that_has_it(
    tmp_path: Path, site: Path, outside: Path
) -> None:
    blas = compiled(outside / "libcublas.so.12", soname="libcublas.so.12")
    dnn = compiled(outside / "libcudnn.so.9", soname="libcudnn.so.9")
    module = compiled(site / "thing" / "_c.abi3.so", needs=[blas, dnn])
    (finding,) = judged(tmp_path, [distribution(site, "thing", "2.1", files=[module])])
    assert (finding.kind.code, finding.severity) == ("library-missing", Severity.WARNS)
    assert finding.subject == ("thing 2.1",)
    assert finding.text == (
        "thing 2.1 is linked with libcublas.so.12 and libcudnn.so.9, which are nowhere to be found: what uses "
        "them fails."
    )
    assert finding.measured == (
        "thing/_c.abi3.so is linked with libcublas.so.12",
        "thing/_c.abi3.so is linked with libcudnn.so.9",
    )
    (remedy,) = finding.remedies
    python = str(tmp_path / "bin" / "python")
    wheels = ("nvidia-cublas-cu12", "nvidia-cudnn-cu12")
    assert remedy.commands == (("uv", "pip", "install", "--python", python, *wheels),)
    assert remedy.is_reversible


def test_a_missing_library_of_ones_own_gpu_code_breaks_on_a_gpu_only(
    tmp_path: Path, site: Path, outside: Path
) -> None:
    blas = compiled(outside / "libcublas.so.13", soname="libcublas.so.13")
    plugin = compiled(site / "ort" / "libort_cuda.so", needs=[blas])
    ort = [distribution(site, "ort", files=[plugin])]
    own = PackageKnowledge(
        name="ort", own_code=(OwnCode(versions=SpecifierSet(), libraries=("ort/libort_*.so",)),)
    )
    assert judged(tmp_path, ort) == []  # a plugin that nothing is known of
    (finding,) = judged(tmp_path, ort, knowledge=knowing(own))
    assert finding.severity is Severity.BREAKS
    (finding,) = judged(tmp_path, ort, knowledge=knowing(own), gpu=False)
    assert finding.severity is Severity.WARNS


def test_what_a_required_package_has_is_loaded_before(tmp_path: Path, site: Path) -> None:
    base = compiled(site / "torch" / "lib" / "libc10.so", soname="libc10.so")
    module = compiled(site / "vision" / "_C.so", needs=[base])
    torch = distribution(site, "torch", files=[base])
    assert judged(tmp_path, [torch, distribution(site, "vision", files=[module], requires=["torch"])]) == []


def test_what_an_extra_names_is_looked_for_by_modules_and_not_by_plugins(tmp_path: Path, site: Path) -> None:
    blas = compiled(site / "nvidia" / "lib" / "libcublas.so.13", soname="libcublas.so.13")
    plugin = compiled(site / "onnxruntime" / "libort_cuda.so", needs=[blas])
    module = compiled(site / "cupy" / "blas.so", needs=[blas])
    extra = ['nvidia-cublas; extra == "cuda"']
    distributions = [
        distribution(site, "nvidia-cublas", "13.0", files=[blas]),
        distribution(site, "onnxruntime-gpu", files=[plugin], requires=extra),
        distribution(site, "cupy", files=[module], requires=extra),
    ]
    own = PackageKnowledge(
        name="onnxruntime-gpu", own_code=(OwnCode(versions=SpecifierSet(), libraries=("onnxruntime/*.so",)),)
    )
    (finding,) = judged(tmp_path, distributions, knowledge=knowing(own))
    assert (finding.kind.code, finding.severity) == ("library-not-on-path", Severity.WARNS)
    assert finding.subject == ("onnxruntime-gpu 1.0", "nvidia-cublas 13.0")
    assert "does not look in nvidia/lib, where it is installed" in finding.text
    assert "preload_dlls" in finding.remedies[0].text


def test_a_library_of_a_stranger_must_have_been_loaded_before(tmp_path: Path, site: Path) -> None:
    base = compiled(site / "torch" / "lib" / "libc10.so", soname="libc10.so")
    module = compiled(site / "vision" / "_C.so", needs=[base])
    distributions = [distribution(site, "torch", files=[base]), distribution(site, "vision", files=[module])]
    (finding,) = judged(tmp_path, distributions)
    assert finding.kind.code == "library-not-on-path"
    assert finding.subject == ("vision 1.0", "torch 1.0")


def test_of_alternatives_one_is_enough(tmp_path: Path, site: Path, outside: Path) -> None:
    four = compiled(outside / "libav.so.4", soname="libav.so.4")
    five = compiled(outside / "libav.so.5", soname="libav.so.5")
    builds = [
        compiled(site / "audio" / "_ffmpeg4.so", needs=[four]),
        compiled(site / "audio" / "_ffmpeg5.so", needs=[five]),
    ]
    audio = distribution(site, "audio", files=builds)
    (finding,) = judged(tmp_path, [audio])
    assert finding.text == (
        "No build of a part of audio 1.0 finds what it is linked with: libav.so.4 and libav.so.5."
    )
    assert judged(tmp_path, [audio], library_path=[outside]) == []
    five.unlink()
    assert judged(tmp_path, [audio], library_path=[outside]) == []


def test_alternatives_of_a_module_have_its_name(tmp_path: Path, site: Path, outside: Path) -> None:
    mpich = compiled(outside / "libmpi.so.12", soname="libmpi.so.12")
    openmpi = compiled(outside / "libmpi.so.40", soname="libmpi.so.40")
    builds = [
        compiled(site / "mpi4py" / "MPI.mpich.abi3.so", needs=[mpich]),
        compiled(site / "mpi4py" / "MPI.openmpi.abi3.so", needs=[openmpi]),
    ]
    mpi4py = distribution(site, "mpi4py", files=builds)
    (finding,) = judged(tmp_path, [mpi4py])
    assert finding.text.startswith("No build of a part of mpi4py 1.0")
    openmpi.unlink()
    assert judged(tmp_path, [mpi4py], library_path=[outside]) == []


@pytest.mark.parametrize("requires", [[], ["torch"]])
def test_a_part_for_a_framework_that_is_not_there_counts_where_it_is_required(
    tmp_path: Path, site: Path, outside: Path, requires: list[str]
) -> None:
    base = compiled(outside / "libc10.so", soname="libc10.so")
    module = compiled(site / "open3d" / "torch_ops.so", needs=[base])
    found = judged(tmp_path, [distribution(site, "open3d", files=[module], requires=requires)])
    assert [item.kind.code for item in found] == (["library-missing"] if requires else [])


def test_the_drivers_library_is_open_here_and_breaks_where_it_should_be(
    tmp_path: Path, site: Path, outside: Path
) -> None:
    cuda = compiled(outside / "libcuda.so.1", soname="libcuda.so.1")
    thing = [distribution(site, "thing", "2.1", files=[compiled(site / "thing.so", needs=[cuda])])]
    (finding,) = judged(tmp_path, thing)
    assert (finding.kind.code, finding.severity) == ("driver-not-here", Severity.OPEN)
    assert finding.text == "thing 2.1 needs libcuda.so.1 of NVIDIA's driver, which is not here."
    (finding,) = judged(tmp_path, thing, driver=True)
    assert finding.severity is Severity.BREAKS


def test_versions_of_symbols_that_a_library_lacks_break(tmp_path: Path, site: Path, outside: Path) -> None:
    new = compiled(outside / "libstdc++.so.6", soname="libstdc++.so.6", versions=["CXX_1", "CXX_2"])
    module = compiled(site / "thing.so", needs=[new], runpath="$ORIGIN/../old", uses=["f_CXX_1", "f_CXX_2"])
    old = compiled(tmp_path / "old" / "libstdc++.so.6", soname="libstdc++.so.6", versions=["CXX_1"])
    (finding,) = judged(tmp_path, [distribution(site, "thing", "2.1", files=[module])])
    assert (finding.kind.code, finding.severity) == ("library-too-old", Severity.BREAKS)
    assert finding.text == f"thing 2.1 cannot be loaded: {old} lacks CXX_2."
    assert finding.measured == ("thing 2.1 asks for CXX_2",)
    assert "libstdcxx-ng" in finding.remedies[0].text


def test_a_target_with_an_older_glibc_is_told(tmp_path: Path, site: Path) -> None:
    module = compiled(site / "thing.so", uses=["puts"])
    thing = [distribution(site, "thing", "2.1", files=[module])]
    assert judged(tmp_path, thing, glibc="2.28") == []
    (finding,) = judged(tmp_path, thing, glibc="2.1")
    assert (finding.kind.code, finding.severity) == ("library-too-old", Severity.BREAKS)
    assert finding.text.startswith(
        "thing 2.1 cannot be loaded: the target has glibc 2.1, which lacks GLIBC_2."
    )


def cuda(site: Path, major: int) -> tuple[Path, InstalledDistribution]:
    library = compiled(
        site / "nvidia" / f"cu{major}" / f"libcudart.so.{major}",
        soname=f"libcudart.so.{major}",
        padding=major,
    )
    return library, distribution(site, f"nvidia-cuda-runtime-cu{major}", files=[library])


@pytest.mark.parametrize("loads", [True, False])
def test_two_cuda_majors_are_told_where_one_package_loads_the_other(
    tmp_path: Path, site: Path, loads: bool
) -> None:
    twelve, with_twelve = cuda(site, 12)
    thirteen, with_thirteen = cuda(site, 13)
    torch = compiled(site / "torch" / "_C.so", needs=[thirteen], rpath="$ORIGIN/../nvidia/cu13")
    module = compiled(site / "xformers" / "_C.so", needs=[twelve], rpath="$ORIGIN/../nvidia/cu12")
    found = judged(
        tmp_path,
        [
            with_twelve,
            with_thirteen,
            distribution(site, "torch", "2.15.0", files=[torch], requires=["nvidia-cuda-runtime-cu13"]),
            distribution(site, "xformers", "0.0.32", files=[module], requires=["torch"] if loads else []),
        ],
    )
    assert [item.kind.code for item in found] == (["cuda-majors-mixed"] if loads else [])
    if loads:
        assert found[0].text == (
            "xformers 0.0.32 is made for CUDA 12, and torch 2.15.0, which it loads, is made for CUDA 13."
        )


@pytest.mark.parametrize("newer", [True, False])
def test_a_newer_major_is_taken_by_who_looks_for_libraries_without_a_version(
    tmp_path: Path, site: Path, newer: bool
) -> None:
    twelve, with_twelve = cuda(site, 12)
    module = compiled(site / "cupy" / "cuda.so", needs=[twelve])
    requires = ["cuda-pathfinder", 'nvidia-cuda-runtime-cu12; extra == "ctk"']
    distributions = [
        with_twelve,
        distribution(site, "cuda-pathfinder"),
        distribution(site, "cupy-cuda12x", "14.2.0", files=[module], requires=requires),
    ]
    if newer:
        distributions.append(cuda(site, 13)[1])
    found = judged(tmp_path, distributions)
    assert [item.kind.code for item in found] == (["cuda-majors-mixed"] if newer else [])
    if newer:
        assert found[0].subject == ("cupy-cuda12x 14.2.0", "nvidia-cuda-runtime-cu13 1.0")
        assert "which takes libcudart.so.13 of nvidia-cuda-runtime-cu13 1.0" in found[0].text


@pytest.mark.parametrize("requires", [[], ["torch"]])
def test_a_library_that_is_there_twice_is_told_where_both_are_loaded_first(
    tmp_path: Path, site: Path, requires: list[str]
) -> None:
    one = compiled(site / "nvidia" / "libcudnn.so.9", soname="libcudnn.so.9")
    two = compiled(site / "other" / "libcudnn.so.9", soname="libcudnn.so.9", padding=9000)
    torch = compiled(site / "torch" / "_C.so", needs=[one], rpath="$ORIGIN/../nvidia")
    module = compiled(site / "thing" / "_C.so", needs=[two], rpath="$ORIGIN/../other")
    found = judged(
        tmp_path,
        [
            distribution(site, "torch", files=[torch, one]),
            distribution(site, "thing", files=[module, two], requires=requires),
        ],
    )
    assert [item.kind.code for item in found] == ([] if requires else ["library-twice"])
    if found:
        assert sorted(found[0].subject) == ["thing 1.0", "torch 1.0"]
        assert f"({two.stat().st_size} bytes)" in "".join(found[0].measured)


def test_a_directory_of_ld_library_path_that_hides_the_environments_own_is_told(
    tmp_path: Path, site: Path, outside: Path
) -> None:
    own = compiled(site / "nvidia" / "libcudnn.so.9", soname="libcudnn.so.9")
    compiled(outside / "libcudnn.so.9", soname="libcudnn.so.9", padding=9000)
    torch = compiled(site / "torch" / "_C.so", needs=[own], runpath="$ORIGIN/../nvidia")
    distributions = [distribution(site, "torch", "2.8.0", files=[torch, own])]
    assert judged(tmp_path, distributions) == []
    (finding,) = judged(tmp_path, distributions, library_path=[outside])
    assert finding.kind.code == "library-shadowed"
    assert finding.text == (
        f"LD_LIBRARY_PATH names {outside}, so torch 2.8.0 would load its libcudnn.so.9 instead of the "
        "environment's own."
    )
    (outside / "libcudnn.so.9").write_bytes(own.read_bytes())
    assert judged(tmp_path, distributions, library_path=[outside]) == []


@pytest.mark.parametrize(
    ("library", "major"),
    [
        ("libcudart.so.12", 12),
        ("libcudart.so.11.0", 11),
        ("libnvrtc.so.11.2", 11),
        ("libcublasLt.so.13", 13),
        ("libcudart.so.10.2", None),
        ("libcudnn.so.9", None),
        ("libcufft.so.11", None),
    ],
)
def test_the_cuda_major_is_read_from_names_that_tell(library: str, major: int | None) -> None:
    assert cuda_major(library) == major


@pytest.mark.parametrize(
    ("libraries", "wheels"),
    [
        (["libcudart.so.13", "libcudnn.so.9"], ("nvidia-cuda-runtime", "nvidia-cudnn-cu13")),
        (["libcufft.so.11"], ("nvidia-cufft-cu12",)),
        (["libcudnn.so.9"], ()),
        (["libcudart.so.11.0"], ()),
        (["libcudart.so.12", "libcublas.so.13"], ()),
        (["libGL.so.1"], ()),
    ],
)
def test_wheels_are_named_where_the_major_is_known(libraries: list[str], wheels: tuple[str, ...]) -> None:
    assert wheels_with(libraries) == wheels
