"""Hold flash-attn against attention written out in float64, on the GPU of this machine, and time it.

Usage: PYTHON scripts/prove_attention.py, where PYTHON is the interpreter of an environment with torch and
flash-attn.  It prints the largest relative errors (2-norm) of output and gradients by precision, over head
sizes of 32 to 256, with and without a causal mask, and the medians of 30 runs beside torch's own attention.
"""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")
flash_attn: Any = importlib.import_module("flash_attn")

_SIZES = (32, 64, 96, 128, 192, 256)  # of a head
_RUNS = 30


def exact(query: Any, key: Any, value: Any, *, causal: bool) -> Any:
    """Return attention as it is defined; all tensors are (batch, sequence, heads, size of a head)."""
    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    shared = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(shared, 1) for each in (key, value))
    score = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if causal:
        later = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device="cuda").triu(1)
        score = score.masked_fill(later, float("-inf"))
    return (score.softmax(-1) @ value).transpose(1, 2)


def off(result: Any, right: Any) -> float:
    """Return how far a result is from the right one, relative to that."""
    return float(((result.double() - right).norm() / right.norm()).item())


def errors(kind: Any, size: int, *, causal: bool) -> tuple[float, float]:
    """Return the errors of the output and, the largest, of the gradients; 8 heads of queries on 2 of keys."""
    query, key, value = (
        torch.randn(2, 513, heads, size, device="cuda", dtype=kind, requires_grad=True) for heads in (8, 2, 2)
    )
    output = flash_attn.flash_attn_func(query, key, value, causal=causal)
    pull = torch.randn_like(output)
    gradients = torch.autograd.grad(output, (query, key, value), pull)
    doubles = tuple(each.detach().double().requires_grad_() for each in (query, key, value))
    right = exact(*doubles, causal=causal)
    right_gradients = torch.autograd.grad(right, doubles, pull.double())
    return off(output, right), max(map(off, gradients, right_gradients))


def median(run: Any) -> float:
    """Return the milliseconds that a computation takes."""
    times = []
    for number in range(_RUNS + 5):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        if number >= 5:  # the first ones load and tune
            times.append(begin.elapsed_time(end))
    return float(sorted(times)[_RUNS // 2])


def main() -> None:
    """Print errors and times."""
    torch.manual_seed(0)
    for kind in (torch.bfloat16, torch.float16):
        found = [errors(kind, size, causal=causal) for size in _SIZES for causal in (False, True)]
        output, gradients = (max(each) for each in zip(*found, strict=True))
        print(f"{kind}: {len(found)} cases, output off by {output:.1e}, gradients by {gradients:.1e} at most")
    data = [torch.randn(4, 4096, 16, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3)]
    turned = [each.transpose(1, 2) for each in data]
    own = torch.nn.functional.scaled_dot_product_attention
    print(f"flash-attn {median(lambda: flash_attn.flash_attn_func(*data)):.3f} ms")
    print(f"torch's own {median(lambda: own(*turned)):.3f} ms")


if __name__ == "__main__":
    main()
