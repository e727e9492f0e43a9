"""A small torch extension: ``scale(tensor, factor)`` on the GPU."""

import torch  # noqa: F401 - its libraries come first
from torch_cuda_small import scale

__all__ = ["scale"]
