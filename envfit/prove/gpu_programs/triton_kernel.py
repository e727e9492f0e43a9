"""A Triton kernel, compiled by the environment's Triton for the GPU: what torch.compile rests on."""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")
triton: Any = importlib.import_module("triton")
tl: Any = importlib.import_module("triton.language")


class WrongResultError(Exception):
    """A sum that is exact in single precision is not."""


@triton.jit  # type: ignore[untyped-decorator]
def _add(left, right, result, count, block: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    place = tl.program_id(0) * block + tl.arange(0, block)
    inside = place < count
    total = tl.load(left + place, mask=inside) + tl.load(right + place, mask=inside)
    tl.store(result + place, total, mask=inside)


def main(tell: Any) -> None:
    """Add whole numbers, whose sums are exact."""
    tell("step compilation of a kernel")
    count = 1000
    left = torch.arange(count, device="cuda", dtype=torch.float32)
    right = 2 * left
    result = torch.zeros_like(left)
    _add[(triton.cdiv(count, 256),)](left, right, result, count, block=256)
    torch.cuda.synchronize()
    if not torch.equal(result, 3 * left):
        raise WrongResultError("the sum of two vectors is not their sum")


if __name__ == "envfit_program":
    main(globals()["tell"])
