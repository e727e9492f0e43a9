"""xformers' attention against plain attention in double precision, on random data."""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")


class WrongResultError(Exception):
    """A result is further from the exact one than its precision explains."""


def main(tell: Any) -> None:
    """Compute attention in half precision by the kernel that xformers chooses for this GPU."""
    ops: Any = importlib.import_module("xformers.ops")
    torch.manual_seed(0)
    data = torch.randn(3, 2, 128, 4, 64, dtype=torch.float64)  # batch, sequence, heads, size of a head
    tell("step attention in float16")
    query, key, value = (each.half().double().transpose(1, 2) for each in data)
    exact = (torch.softmax(query @ key.transpose(-1, -2) / 8, -1) @ value).transpose(1, 2)
    result = ops.memory_efficient_attention(*(each.to("cuda", torch.float16) for each in data))
    off = ((result.double().cpu() - exact).abs().max() / exact.abs().max()).item()
    tell(f"off by {off:.1e}, at most 1e-2 is right")
    if not off <= 1e-2:
        raise WrongResultError(f"off by {off:.1e} of the largest element, at most 1e-2 is right")


if __name__ == "envfit_program":
    main(globals()["tell"])
