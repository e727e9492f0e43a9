"""torch.linalg on the GPU, whose library is opened at its first use."""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")


class WrongResultError(Exception):
    """A result is further from the exact one than its precision explains."""


def main(tell: Any) -> None:
    """Solve linear equations, and hold the solution against that of the CPU in double precision."""
    torch.manual_seed(0)
    matrix = torch.randn(64, 64, dtype=torch.float64) + 64 * torch.eye(64, dtype=torch.float64)
    side = torch.randn(64, 4, dtype=torch.float64)
    tell("step linear equations")
    exact = torch.linalg.solve(matrix, side)
    result = torch.linalg.solve(matrix.to("cuda", torch.float32), side.to("cuda", torch.float32))
    off = ((result.double().cpu() - exact).abs().max() / exact.abs().max()).item()
    tell(f"off by {off:.1e}, at most 1e-4 is right")
    if not off <= 1e-4:
        raise WrongResultError(f"off by {off:.1e} of the largest element, at most 1e-4 is right")


if __name__ == "envfit_program":
    main(globals()["tell"])
