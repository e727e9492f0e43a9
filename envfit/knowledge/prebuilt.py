"""Wheels that their maker offers on release pages, one for each build of torch.

What a ``[[prebuilt]]`` table states is what was to be made.  Whether a file is there, only its
server tells, when it is chosen; nothing here assumes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from urllib.parse import unquote

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Wheel, split_wheel, wheel_tags
from envfit.frozen import frozen
from envfit.knowledge.model import PackageKnowledge, Prebuilt
from envfit.target import Target

__all__ = ["ABI_CHOICE", "CUDA_CHOICE", "FIELDS", "PrebuiltWheel", "prebuilt_wheels"]

#: The choices that such a wheel is bound to.
CUDA_CHOICE = "__torch_cuda"
ABI_CHOICE = "__torch_cxx11_abi"

#: What stands between braces in the address of a prebuilt wheel.
FIELDS = ("version", "torch", "cuda", "abi", "python", "platform")


@frozen
class PrebuiltWheel:
    """One wheel that may be on a release page, and the build of torch that it was compiled for."""

    name: str  # normalized name of the package
    version: Version  # with the label that its name has
    filename: str
    url: str
    torch: str  # the release, such as "2.8"
    cuda: int  # major version
    new_abi: bool  # whether it was compiled for the C++ ABI of 2011
    entry: Prebuilt

    @property
    def torch_versions(self) -> SpecifierSet:
        """The releases of torch that it works with."""
        return SpecifierSet(f"=={self.torch}.*")

    @property
    def cuda_versions(self) -> SpecifierSet:
        """The CUDA runtimes of torch that it works with."""
        return SpecifierSet(f">={self.cuda},<{self.cuda + 1}")

    @property
    def abi(self) -> SpecifierSet:
        """The C++ ABI of torch that it works with."""
        return SpecifierSet(f"=={int(self.new_abi)}")

    @property
    def said(self) -> str:
        """What it is and where it comes from, in words."""
        abi = "C++ ABI of 2011" if self.new_abi else "C++ ABI from before 2011"
        return (
            f"it is a prebuilt wheel from {self.url.rpartition('/')[0]}, compiled for torch {self.torch} "
            f"with CUDA {self.cuda} and the {abi}"
        )

    def as_wheel(self) -> Wheel:
        """Return it as a file that can be chosen; it is of no index, and its hash is not known."""
        _, tags = split_wheel(self.filename)
        return Wheel(
            name=self.name,
            version=self.version,
            filename=self.filename,
            url=self.url,
            index="",
            tags=wheel_tags(tags),
        )


def prebuilt_wheels(package: PackageKnowledge, release: Version, target: Target) -> Iterator[PrebuiltWheel]:
    """Yield the wheels of a release, given without a label, that may be there for a target's Python."""
    for entry in package.prebuilt:
        if (
            not entry.versions.contains(release, prereleases=True)
            or target.platform not in entry.platforms
            or target.python_minor not in entry.pythons
        ):
            continue
        for torch, cuda, abi in product(entry.torch, entry.cuda, entry.abi):
            url = entry.url.format(
                version=release,
                torch=torch,
                cuda=cuda,
                abi=abi,
                python=target.python_minor.replace(".", ""),
                platform=f"{target.platform.system}_{target.platform.machine}",
            )
            filename = unquote(url.rpartition("/")[2])
            yield PrebuiltWheel(
                name=package.name,
                version=Version(filename.split("-")[1]),
                filename=filename,
                url=url,
                torch=torch,
                cuda=int(cuda[:2]),
                new_abi=abi.upper() == "TRUE",
                entry=entry,
            )
