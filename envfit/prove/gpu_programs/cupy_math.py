"""CuPy on the GPU: allocation, a kernel that it compiles (NVRTC), a product (cuBLAS), an FFT (cuFFT)."""

import importlib
from typing import Any

cupy: Any = importlib.import_module("cupy")
numpy: Any = importlib.import_module("numpy")


class NotSeenError(Exception):
    """No GPU is visible to CuPy."""


class WrongResultError(Exception):
    """A result is further from the exact one than its precision explains."""


def main(tell: Any) -> None:
    """Compute on the first GPU, and hold the results against NumPy's in double precision."""
    try:
        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise NotSeenError("the devices cannot be counted") from error
    tell("step allocation")
    capability = cupy.cuda.Device(0).compute_capability
    tell(f"GPU 0: capability {capability[:-1]}.{capability[-1:]}")
    data = numpy.random.default_rng(0).standard_normal((256, 256))
    single = cupy.asarray(data, dtype=cupy.float32)
    tell("step compilation of a kernel")
    _compare(single * 2 + 1, data * 2 + 1, tell)
    tell("step matrix product")
    _compare(single @ single, data @ data, tell)
    tell("step FFT")
    _compare(cupy.abs(cupy.fft.fft(single)), numpy.abs(numpy.fft.fft(data)), tell)


def _compare(result: Any, exact: Any, tell: Any) -> None:
    off = float(numpy.abs(cupy.asnumpy(result) - exact).max() / numpy.abs(exact).max())
    tell(f"off by {off:.1e}, at most 1e-4 is right")
    if not off <= 1e-4:
        raise WrongResultError(f"off by {off:.1e} of the largest element, at most 1e-4 is right")


if __name__ == "envfit_program":
    main(globals()["tell"])
