"""Small knowledge for tests: the real axes and GPUs, a torch of two releases, and a package named demo."""

from __future__ import annotations

from pathlib import Path

from envfit.knowledge.files import Files
from envfit.knowledge.load import load_files
from envfit.knowledge.model import KnowledgeBase

CONSTRAINTS = Path(__file__).parents[2] / "constraints"

AXES = {
    path.relative_to(CONSTRAINTS).as_posix(): path.read_bytes()
    for folder in ("axes", "hardware")
    for path in (CONSTRAINTS / folder).glob("*.toml")
}
EVIDENCE = 'evidence = [{ kind = "artifact", source = "demo.whl", locator = "demo/__init__.py", checked = 2026-11-27 }]'
TORCH = """
schema = 1
package = "torch"
gpu_builds = true
cuda_choice = "__torch_cuda"
"""
READ_TORCH = """
schema = 1
generator = "a test"
package = "torch"
[[wheel]]
filename = "torch-2.10.0-cp312-cp312-manylinux_2_28_x86_64.whl"
sha256 = "{}"
version = "2.10.0"
platform = "linux-x86_64"
cuda = "12.8"
sass = "70 75 80 86 90 100 120"
[[wheel]]
filename = "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl"
sha256 = "{}"
version = "2.11.0"
platform = "linux-x86_64"
cuda = "13.0"
sass = "75 80 86 90 100 120"
""".format("1" * 64, "2" * 64)
READ = """
schema = 1
generator = "a test"
package = "demo"
[[wheel]]
filename = "demo-1.0-py3-none-manylinux_2_28_x86_64.whl"
sha256 = "{}"
version = "1.0"
platform = "linux-x86_64"
library = [
  {{ path = "demo/libdemo_cuda128.so", linked = "libcudart.so.12", section = [{{ name = ".nv_fatbin", fatbins = 4, sass = "70:4 80:4 120:1" }}] }},
  {{ path = "demo/libdemo_cuda130.so", linked = "libcudart.so.13", section = [{{ name = ".nv_fatbin", fatbins = 4, sass = "75:4 80:4" }}] }},
  {{ path = "demo/_extra.so", linked = "libcudart.so.12", section = [{{ name = ".nv_fatbin", fatbins = 2, sass = "80:2", ptx = "80:2", ptx_isa = "8.7" }}] }},
]
""".format("3" * 64)


def base(package: str, derived: str = READ) -> KnowledgeBase:
    contents = {
        **AXES,
        "packages/torch.toml": TORCH.encode(),
        "packages/demo.toml": f'schema = 1\npackage = "demo"\n{package}'.encode(),
        "derived/torch.toml": READ_TORCH.encode(),
        "derived/demo.toml": derived.encode(),
    }
    return load_files(Files(contents=contents, digest="test"))
