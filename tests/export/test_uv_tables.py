"""What locks become for uv: which package goes where, and what uv cannot be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageVcs, Pylock
from packaging.version import Version

from envfit.errors import InputError
from envfit.export import Named, UvTables, uv_fragment, uv_tables
from envfit.export.uv_tables import UvIndex, UvSource
from envfit.toml_text import parse_toml
from tests.install.locks import entry, knowledge, locked

HOME = "https://index.invalid/simple/"
CU126 = "https://variants.invalid/whl/cu126"
KNOWLEDGE = knowledge()


def wheel(name: str, version: str, *depends: str, index: str = HOME) -> Package:
    return entry(f"{name}-{version}-py3-none-any.whl", depends=depends, index=index)


def asked(*packages: Package, requirements: tuple[str, ...] = ("app",), **tool: object) -> Pylock:
    return locked(*packages, tool={"requirements": list(requirements), **tool})


def tables(*locks: Pylock, declared: frozenset[str] = frozenset(), default: str = HOME) -> UvTables:
    named = [Named(name=f"t{number}", lock=lock) for number, lock in enumerate(locks, start=1)]
    return uv_tables(named, KNOWLEDGE, default_index=default, declared=declared)


def extra(found: UvTables, number: int = 1) -> list[str]:
    return list(found.extras[number - 1].requirements)


def test_the_gpu_stack_and_what_was_asked_for_is_in_the_extra_and_the_rest_is_held() -> None:
    found = tables(
        asked(
            wheel("app", "1", "nvidia_cublas_cu12", "plain"),
            wheel("nvidia_cublas_cu12", "12.8", "plain"),
            wheel("plain", "3"),
        )
    )
    assert extra(found) == ["app==1", "nvidia-cublas-cu12==12.8"]
    assert found.constraints == ("plain==3",)
    assert found.environments == (
        "sys_platform == 'linux' and platform_machine == 'x86_64' and python_full_version == '3.11.*'",
    )
    assert found.indexes == found.sources == found.excluded == ()


def test_what_the_project_asks_for_itself_needs_no_pin_in_the_extra() -> None:
    lock = asked(wheel("app", "1", "plain"), wheel("plain", "3"))
    found = tables(lock, declared=frozenset({"app"}))
    assert extra(found) == []
    assert found.constraints == ("app==1", "plain==3")
    gpu = asked(wheel("nvidia_cublas_cu12", "12.8"), requirements=("nvidia-cublas-cu12",))
    assert extra(tables(gpu, declared=frozenset({"nvidia-cublas-cu12"}))) == ["nvidia-cublas-cu12==12.8"]


def test_what_differs_between_targets_is_in_both_extras() -> None:
    found = tables(
        asked(wheel("app", "1", "plain", "same"), wheel("plain", "3"), wheel("same", "1")),
        asked(wheel("app", "1", "plain", "same"), wheel("plain", "4"), wheel("same", "1")),
    )
    assert extra(found, 1) == ["app==1", "plain==3"]
    assert extra(found, 2) == ["app==1", "plain==4"]
    assert found.constraints == ("same==1",)


def test_a_pre_release_is_in_the_extra_where_uv_takes_it() -> None:
    assert extra(tables(asked(wheel("app", "1", "plain"), wheel("plain", "3rc1")))) == [
        "app==1",
        "plain==3rc1",
    ]


def test_extras_that_were_asked_for_are_kept() -> None:
    lock = asked(wheel("app", "1", "plain"), wheel("plain", "3"), requirements=("App[fast,big]>=1",))
    assert extra(tables(lock)) == ["app[big,fast]==1"]


@pytest.mark.parametrize("tool", [None, {"requirements": ["-e ./near[gpu]"]}])
def test_a_lock_that_does_not_tell_what_was_asked_for_by_name_is_held_as_a_whole(tool: object) -> None:
    lock = replace(
        locked(wheel("app", "1", "plain"), wheel("plain", "3")), tool={"envfit": tool} if tool else None
    )
    assert extra(tables(lock)) == ["app==1", "plain==3"]
    assert tables(lock).constraints == ()


def test_a_circle_that_nobody_asked_for_is_brought_by_one_of_it() -> None:
    lock = asked(wheel("a", "1", "b"), wheel("b", "1", "a"), requirements=("c",))
    assert extra(tables(lock)) == ["a==1"]


def test_another_index_serves_what_was_locked_from_it_and_nothing_else() -> None:
    found = tables(
        asked(wheel("app", "1+cu126", "plain", index=CU126), wheel("plain", "3")),
        asked(wheel("app", "2", "plain"), wheel("plain", "3")),
    )
    assert extra(found, 1) == ["app==1+cu126"]
    assert found.indexes == (UvIndex(name="pytorch-cu126", url=CU126),)
    assert found.sources == (UvSource(package="app", extra="t1", index="pytorch-cu126"),)


def test_without_the_configured_index_the_one_that_serves_most_is_the_default() -> None:
    lock = asked(
        *(wheel(name, "1+cu126", index=CU126) for name in ("app", "b", "c")),
        *(wheel(name, "3") for name in ("plain", "simple")),
        wheel("mine", "1", index="https://corp.invalid/pypi/simple/"),
    )
    found = tables(lock, default="https://elsewhere.invalid/simple/")
    assert {item.name: item.url for item in found.indexes} == {
        "corp-invalid-pypi": "https://corp.invalid/pypi/simple",
        "pytorch-cu126": CU126,
    }
    assert {item.package for item in found.sources} == {"app", "b", "c", "mine"}
    alone = tables(asked(wheel("app", "1+cu126", index=CU126)), default="")
    assert [item.url for item in alone.indexes] == [CU126]


def test_two_indexes_that_would_have_one_name_have_two() -> None:
    found = tables(
        asked(wheel("app", "1+cu126", index=CU126)),
        asked(wheel("app", "2+cu126", index="https://mirror.invalid/whl/cu126/")),
    )
    assert [index.name for index in found.indexes] == ["pytorch-cu126", "pytorch-cu126-2"]


def test_direct_references_are_in_the_extra_or_its_sources() -> None:
    packages = (
        Package(name="near", directory=PackageDirectory(path="../near", editable=True, subdirectory="lib")),
        Package(
            name="git",
            vcs=PackageVcs(type="git", url="https://git.invalid/x", commit_id="a" * 40, subdirectory="sub"),
        ),
        Package(
            name="far",
            version=Version("1"),
            archive=PackageArchive(
                url="https://far.invalid/far-1-py3-none-any.whl", hashes={"sha256": "b" * 64}
            ),
        ),
    )
    lock = asked(*packages, requirements=("near", "git", "far"))
    found = tables(lock)
    assert extra(found) == [
        "far @ https://far.invalid/far-1-py3-none-any.whl",
        f"git @ git+https://git.invalid/x@{'a' * 40}#subdirectory=sub",
        "near",
    ]
    assert found.sources == (UvSource(package="near", extra="t1", path="../near/lib", editable=True),)
    assert parse_toml(uv_fragment(found))["tool"]["uv"]["sources"] == {
        "near": [{"path": "../near/lib", "editable": True, "extra": "t1"}]
    }
    # A project that asks for it says from where itself.
    assert extra(tables(lock, declared=frozenset({"near", "git", "far"}))) == []


def test_a_file_that_no_index_has_is_named_by_its_address_or_its_path() -> None:
    prebuilt = entry("flash_attn-2.8.3-py3-none-any.whl", url="https://releases.invalid/v2/fa.whl", index="")
    here = entry("mine-1-py3-none-any.whl", index="")
    here = replace(
        here, wheels=[replace(file, url=None, path="wheels/mine.whl") for file in here.wheels or ()]
    )
    found = tables(asked(prebuilt, replace(here, index=None), wheel("app", "1")))
    assert extra(found) == ["app==1", "flash-attn @ https://releases.invalid/v2/fa.whl", "mine"]
    assert found.sources == (UvSource(package="mine", extra="t1", path="wheels/mine.whl"),)
    assert found.indexes == ()
    assert found.constraints == ()


def test_what_must_be_compiled_is_excluded_and_named() -> None:
    lock = asked(
        wheel("app", "1"), entry("flash_attn-2.8.3.tar.gz", build=True), requirements=("app", "flash-attn")
    )
    found = tables(lock, asked(wheel("app", "1")))
    assert found.excluded == ("flash-attn",)
    assert found.extras[0].compiled == ("flash-attn==2.8.3",)
    text = uv_fragment(found)
    assert text.count("Must be compiled") == 1
    assert parse_toml(text)["tool"]["uv"]["exclude-dependencies"] == ["flash-attn"]


def test_what_the_locks_were_asked_for_besides_is_said_to_uv() -> None:
    besides = {"overrides": ["numpy<2"], "excluded": ["big"]}
    found = tables(asked(wheel("app", "1"), **besides), asked(wheel("app", "1"), **besides))
    assert (found.overrides, found.excluded) == (("numpy<2",), ("big",))


def test_platforms_are_environments_of_one_project() -> None:
    arm = replace(asked(wheel("app", "1")), environments=[Marker("platform_machine == 'aarch64'")])
    environments = tables(asked(wheel("app", "1")), arm, asked(wheel("app", "1"))).environments
    assert len(environments) == 2
    assert environments[1] == "platform_machine == 'aarch64' and python_full_version == '3.11.*'"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (locked(wheel("app", "1")), locked(wheel("app", "1"), python="==3.12.*"), "different Pythons"),
        (asked(wheel("app", "1"), overrides=["a<2"]), asked(wheel("app", "1")), "different overrides"),
        (asked(wheel("app", "1"), excluded=["a"]), asked(wheel("app", "1")), "different excluded"),
        (
            asked(entry("fa-1.tar.gz", build=True)),
            asked(wheel("fa", "1")),
            "fa must be compiled for t1 and not for t2",
        ),
        (
            asked(wheel("app", "1")),
            asked(wheel("app", "1"), target={"provided": ["torch==2.8.0", "numpy==2.1.0"]}),
            "the lock for t2 counts on torch==2.8.0 from a module and 1 more packages",
        ),
    ],
)
def test_what_uv_cannot_be_told_is_an_error(first: Pylock, second: Pylock, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        tables(first, second)
    assert caught.value.hints


def test_two_locks_of_one_name_are_an_error() -> None:
    one = Named(name="v100", lock=asked(wheel("app", "1")))
    with pytest.raises(InputError, match="of the name v100"):
        uv_tables([one, one], KNOWLEDGE)
