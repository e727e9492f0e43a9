"""torch on every visible GPU: allocation, products, convolution through cuDNN, attention, FFT."""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")


class NotSeenError(Exception):
    """No GPU is visible to torch."""


class WrongResultError(Exception):
    """A result is further from the exact one than its precision explains."""


def main(tell: Any) -> None:
    """Compute on each GPU, and hold the results against those of the CPU in double precision."""
    if not torch.cuda.is_available():
        try:
            torch.zeros(1, device="cuda")  # tells what stands in the way
        except Exception as error:
            raise NotSeenError("torch.cuda.is_available() is False") from error
        raise NotSeenError("torch.cuda.is_available() is False")
    # Results in TensorFloat-32 are meant to be less precise.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    for number in range(torch.cuda.device_count()):
        device = torch.device("cuda", number)
        major, minor = torch.cuda.get_device_capability(number)
        tell(f"GPU {number}: {torch.cuda.get_device_name(number)}, {major}.{minor}")
        _compute(device, tell, bfloat16=(major, minor) >= (8, 0))


def _compute(device: Any, tell: Any, *, bfloat16: bool) -> None:
    functional = torch.nn.functional
    tell("step allocation")
    torch.zeros(1 << 20, device=device).add_(1)
    torch.cuda.synchronize(device)
    left, right = torch.randn(2, 256, 256, dtype=torch.float64)
    types = [(torch.float32, 1e-4), (torch.float16, 2e-2)]
    types += [(torch.bfloat16, 5e-2)] if bfloat16 else []
    for kind, bound in types:
        tell(f"step matrix product in {str(kind).partition('.')[2]}")
        _compare(left.to(device, kind) @ right.to(device, kind), left @ right, bound, tell)
    tell("step convolution")
    cudnn = torch.backends.cudnn
    tell(f"cuDNN {cudnn.version()}" if cudnn.is_available() and cudnn.enabled else "cuDNN is not used")
    image, kernel = (
        torch.randn(4, 8, 32, 32, dtype=torch.float64),
        torch.randn(16, 8, 3, 3, dtype=torch.float64),
    )
    exact = functional.conv2d(image, kernel, padding=1)
    single = functional.conv2d(image.to(device, torch.float32), kernel.to(device, torch.float32), padding=1)
    _compare(single, exact, 1e-4, tell)
    if hasattr(functional, "scaled_dot_product_attention"):
        tell("step attention")
        query, key, value = torch.randn(3, 2, 4, 128, 64, dtype=torch.float64)
        exact = torch.softmax(query @ key.transpose(-1, -2) / 8, -1) @ value
        half = [each.to(device, torch.float16) for each in (query, key, value)]
        _compare(functional.scaled_dot_product_attention(*half), exact, 2e-2, tell)
    tell("step FFT")
    _compare(torch.fft.rfft(left.to(device, torch.float32)).abs(), torch.fft.rfft(left).abs(), 1e-4, tell)


def _compare(result: Any, exact: Any, bound: float, tell: Any) -> None:
    """Tell how far a result is off, relative to the largest element; raise where that is too far."""
    off = ((result.double().cpu() - exact).abs().max() / exact.abs().max()).item()
    tell(f"off by {off:.1e}, at most {bound:g} is right")
    if not off <= bound:  # also where it is not a number
        raise WrongResultError(f"off by {off:.1e} of the largest element, at most {bound:g} is right")


if __name__ == "envfit_program":
    main(globals()["tell"])
