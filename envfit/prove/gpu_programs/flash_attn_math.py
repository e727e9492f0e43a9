"""flash-attn against plain attention in double precision, on random data."""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")


class WrongResultError(Exception):
    """A result is further from the exact one than its precision explains."""


def main(tell: Any) -> None:
    """Compute attention in half precision, and in bfloat16 too, with and without a causal mask."""
    flash_attn: Any = importlib.import_module("flash_attn")
    torch.manual_seed(0)
    data = torch.randn(3, 2, 128, 4, 64, dtype=torch.float64)  # batch, sequence, heads, size of a head
    later = torch.ones(128, 128, dtype=torch.bool).triu(1)
    for kind, bound in ((torch.float16, 1e-2), (torch.bfloat16, 5e-2)):
        for causal in (False, True):
            tell(f"step attention in {str(kind).partition('.')[2]}{', causal' if causal else ''}")
            query, key, value = (each.to(kind).double().transpose(1, 2) for each in data)
            score = query @ key.transpose(-1, -2) / 8
            score = score.masked_fill(later, float("-inf")) if causal else score
            exact = (torch.softmax(score, -1) @ value).transpose(1, 2)
            result = flash_attn.flash_attn_func(*(each.to("cuda", kind) for each in data), causal=causal)
            off = ((result.double().cpu() - exact).abs().max() / exact.abs().max()).item()
            tell(f"off by {off:.1e}, at most {bound:g} is right")
            if not off <= bound:
                raise WrongResultError(f"off by {off:.1e} of the largest element, at most {bound:g} is right")


if __name__ == "envfit_program":
    main(globals()["tell"])
