"""JAX on the GPU: a product and a convolution that XLA compiles."""

import importlib
import os
from typing import Any

# Else it takes three quarters of the GPU's memory, which others may be using.
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"

jax: Any = importlib.import_module("jax")
numpy: Any = importlib.import_module("numpy")


class NotSeenError(Exception):
    """JAX computes on the CPU."""


class WrongResultError(Exception):
    """A result is further from the exact one than its precision explains."""


def main(tell: Any) -> None:
    """Compute on the default device, and hold the results against NumPy's in double precision."""
    device = jax.devices()[0]
    tell(f"device: {device.device_kind}")
    if device.platform not in ("gpu", "cuda"):
        try:
            _initialize()
        except Exception as error:
            raise NotSeenError(f"the first device is {device.device_kind}") from error
        raise NotSeenError(f"the first device is {device.device_kind}")
    data = numpy.random.default_rng(0).standard_normal((256, 256))
    single = jax.numpy.asarray(data, dtype="float32")
    tell("step matrix product")
    _compare(jax.numpy.matmul(single, single, precision="highest"), data @ data, tell)
    tell("step convolution")
    image, kernel = single[None, None, :64, :64], single[None, None, :3, :3]
    result = jax.lax.conv(image, kernel, (1, 1), "VALID", precision="highest")
    windows = numpy.lib.stride_tricks.sliding_window_view(data[:64, :64], (3, 3))
    _compare(result[0, 0], (windows * data[:3, :3]).sum((-1, -2)), tell)


def _initialize() -> None:
    """Initialize JAX's plugins for CUDA, which JAX did and logged what they raised."""
    for name in ("jax_plugins.xla_cuda13", "jax_plugins.xla_cuda12"):
        try:
            plugin: Any = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        plugin.initialize()
    jax.devices("cuda")


def _compare(result: Any, exact: Any, tell: Any) -> None:
    off = float(numpy.abs(numpy.asarray(result) - exact).max() / numpy.abs(exact).max())
    tell(f"off by {off:.1e}, at most 1e-4 is right")
    if not off <= 1e-4:
        raise WrongResultError(f"off by {off:.1e} of the largest element, at most 1e-4 is right")


if __name__ == "envfit_program":
    main(globals()["tell"])
