"""A small torch extension that is built as flash-attn is: no pyproject.toml, torch imported on top."""

import os

from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CUDAExtension

WORDS = ("80", "90", "120")
VERSION = "1.0"


def flags():
    words = os.environ.get("TORCH_CUDA_SMALL_ARCHS", ";".join(WORDS)).split(";")
    known = [word for word in WORDS if word in words]
    return [part for word in known for part in ("-gencode", f"arch=compute_{word},code=sm_{word}")]


local = os.environ.get("TORCH_CUDA_SMALL_LOCAL_VERSION")
extension = CUDAExtension(
    name="torch_cuda_small",
    sources=["csrc/scale.cpp", "csrc/scale_float.cu", "csrc/scale_double.cu"],
    extra_compile_args={
        "cxx": ["-O1", "-std=c++17"],
        "nvcc": ["-O1", "-std=c++17", *flags(), "--threads", os.environ.get("NVCC_THREADS", "4")],
    },
)
setup(
    name="torch-cuda",
    version=VERSION + (f"+{local}" if local else ""),
    packages=["torch_cuda"],
    install_requires=["torch"],
    ext_modules=[] if os.environ.get("TORCH_CUDA_SMALL_SKIP") == "TRUE" else [extension],
    cmdclass={"build_ext": BuildExtension},
)
