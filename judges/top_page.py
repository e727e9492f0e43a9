"""Write the page on what the top packages come to: ``python -m judges.top_page``."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version

from judges.agreement import AGREEMENT, agrees
from judges.inputs import Corpus
from judges.outcome import Explained, Fate, read_explained, unused
from judges.results import read
from judges.top import TOP_RESULTS, asides, read_top
from judges.without_hardware import summary

__all__ = ["main", "page"]

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "outcome.md"

_HEAD = """\
# What runs: sixty packages on twelve machines

Written by `python -m judges.top_page` from `judges/results/`; not to be edited.

    python -m judges.top          # locks, downloads, reads and judges; 1: an unexplained disagreement
    python -m judges.agreement    # envfit's reader of GPU code against cuobjdump, of the same wheels

For each of the sixty packages of `judges/top.toml` uv resolves for a machine's Python and platform, and
takes the newest; envfit locks for its GPU and driver as well. Every wheel of both that may hold GPU code
(built for a platform, 1 MB or more) is downloaded and read: ELF headers, and NVIDIA's `cuobjdump` on each
library with a `.nv_fatbin` section. envfit's `constraints/` play no part in the judgement. What is judged
is the whole environment:

- it **cannot run** where a wheel in it has libraries that are about GPUs and none of them can run: no image
  in it runs on the GPU by NVIDIA's rules for machine code and PTX, or it is, or is linked with, a library
  of a newer CUDA major version than the driver serves, or has only PTX of a newer CUDA;
- it **does not use the GPU** where no wheel in it has such a library: a build for the CPU;
- otherwise it **runs**. One image that runs is taken for the whole library and one library for the whole
  wheel, so both sides are accused late. What is compiled on the machine (from source, or by Triton, NVRTC
  and the like when a program runs) is not judged.

{asides}

uv is given no second chance with `--torch-backend`: it takes builds from PyTorch's own index, which the
machine of this run could not reach.

## By machine

The share is that of the packages of which uv's newest pick cannot run and envfit's lock can.

"""

_REFUSED = """
*Rightly refused*: envfit says that nothing fits, uv's pick cannot run (or uv has no answer either), and
envfit's reasons are about a wheel of it that cannot. *envfit alone has an answer*: uv could not resolve at
all, mostly because it would have to compile a package for its metadata.
"""

_LETTERS = {
    Fate.BOTH: "both",
    Fate.ENVFIT: "**envfit**",
    Fate.GPU: "**envfit** (uv: CPU)",
    Fate.ANSWER: "**envfit** (uv: no answer)",
    Fate.RIGHTLY_REFUSED: "refused",
    Fate.NEITHER: "neither",
    Fate.UNREAD: "not read",
    Fate.DISAGREE: "disagreement",
}


def page(
    corpus: Corpus,
    entries: Mapping[str, Any],
    explained: Sequence[Explained],
    agreement: Mapping[str, Any],
    aside: Mapping[str, str],
) -> str:
    """Return the page."""
    fates = {
        f"{item.name} / {target.name}": Fate(entries[f"{item.name} / {target.name}"]["fate"])
        for item, target in corpus.pairs()
        if "fate" in entries.get(f"{item.name} / {target.name}", {})
    }
    told = "; ".join(f"{name} ({why})" for name, why in aside.items())
    lines = [_HEAD.format(asides=f"These decide nothing: {told}.")]
    lines += _by_target(corpus, fates)
    lines += [_REFUSED, "What most often cannot run of uv's picks, and of how many packages:", ""]
    lines += _faults(corpus, entries)
    lines += ["", "## By package", ""]
    lines += _by_package(corpus, fates)
    lines += ["", "## Disagreements", "", *_disagreements(fates, explained)]
    lines += ["", "## Older than need be?", "", *_held(entries, fates)]
    lines += ["", "## envfit's reader against cuobjdump", "", *_agreement(agreement)]
    return "\n".join(lines).rstrip() + "\n"


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _by_target(corpus: Corpus, fates: Mapping[str, Fate]) -> Iterable[str]:
    shown = [fate for fate in Fate if fate in {Fate.BOTH, Fate.ENVFIT} or fate in set(fates.values())]
    yield _row("machine", "Python", *(fate.value for fate in shown), "share")
    yield _row(*["---"] * (len(shown) + 3))
    total: Counter[Fate] = Counter()
    for target in corpus.targets:
        counts = Counter(fate for key, fate in fates.items() if key.endswith(f" / {target.name}"))
        total += counts
        name = f"{target.gpu}, {target.driver}{' (aarch64)' if target.machine == 'aarch64' else ''}"
        yield _row(name, target.python, *(counts[fate] for fate in shown), _share(counts))
    yield _row("all", "", *(total[fate] for fate in shown), _share(total))


def _share(counts: Counter[Fate]) -> str:
    return f"{counts[Fate.ENVFIT] / counts.total():.0%}" if counts else "-"


def _faults(corpus: Corpus, entries: Mapping[str, Any]) -> Iterable[str]:
    """Yield for each target what is at fault first, NVIDIA's own libraries last."""
    for target in corpus.targets:
        found = Counter(
            summary({"cannot": cannot[:]}, ()).partition("; ")[0].partition(" and ")[0]
            for key, entry in entries.items()
            if key.endswith(f" / {target.name}") and (cannot := entry["uv"].get("cannot"))
        )
        if found:
            listed = ", ".join(f"{text} ({count})" for text, count in found.most_common(3))
            yield f"- {target.name}: {listed}"


def _by_package(corpus: Corpus, fates: Mapping[str, Fate]) -> Iterable[str]:
    yield _row("package", "rank", *(target.name for target in corpus.targets))
    yield _row(*["---"] * (len(corpus.targets) + 2))
    for item in corpus.inputs:
        cells = [fates.get(f"{item.name} / {target.name}") for target in corpus.targets]
        asked = " ".join(item.requirements)
        yield _row(f"`{asked}`", item.rank, *(_LETTERS[cell] if cell else "not run" for cell in cells))


def _disagreements(fates: Mapping[str, Fate], explained: Sequence[Explained]) -> Iterable[str]:
    left = [key for key, fate in fates.items() if fate is Fate.DISAGREE]
    if not left:
        yield "None."
    stale = unused(fates, explained)
    for one in explained:
        if one in stale:
            continue
        keys = [key for key in left if one.covers(key)]
        left = [key for key in left if key not in keys]
        if keys:
            right = "neither is right" if one.right == "neither" else f"{one.right} is right"
            yield f"- {_listed(keys)} ({right}): {one.reason}"
    if left:
        yield f"- not explained: {_listed(left)}"


def _listed(keys: Sequence[str]) -> str:
    targets: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        package, _, target = key.partition(" / ")
        targets[package].append(target)
    return "; ".join(f"{package} on {', '.join(names)}" for package, names in targets.items())


def _held(entries: Mapping[str, Any], fates: Mapping[str, Fate]) -> Iterable[str]:
    """Yield where both run and envfit's is older, with the first reason that envfit gives."""
    reasons: dict[str, list[str]] = defaultdict(list)
    both = [key for key, fate in fates.items() if fate is Fate.BOTH]
    for key in both:
        newer, ours = entries[key]["uv"]["versions"], entries[key]["envfit"]["versions"]
        if any(name in ours and Version(ours[name]) < Version(newer[name]) for name in newer):
            reasons[str(entries[key]["envfit"].get("why") or "no reason given")].append(key)
    count = sum(map(len, reasons.values()))
    yield (
        f"Where both run, by the judge, envfit's choice of what was asked for, or of torch, is older than "
        f"uv's in {count} of {len(both)}. Its first reason in each:"
    )
    yield ""
    for reason, keys in sorted(reasons.items(), key=lambda entry: -len(entry[1])):
        yield f"- {reason}: {_listed(keys)}"


def _agreement(agreement: Mapping[str, Any]) -> Iterable[str]:
    wheels: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for key, entry in agreement.items():
        wheels[key.partition(": ")[0]].append(entry)
    agreed = sum(map(agrees, agreement.values()))
    yield (
        f"{len(agreement)} libraries of {len(wheels)} wheels, compared image by image in `.nv_fatbin`, by "
        f"architecture, and PTX by its version: {agreed} are equal. `judges/results/agreement.json` has "
        "the counts."
    )
    yield ""
    yield _row("wheel", "libraries", "equal", "images", "packed", "architectures")
    yield _row(*["---"] * 6)
    for name, found in sorted(wheels.items()):
        images = sum(sum(entry["cuobjdump"].values()) for entry in found)
        packed = sorted({kind for entry in found for kind in entry["payloads"]})
        names = sorted({text.partition(" ")[0] for entry in found for text in entry["cuobjdump"]}, key=_order)
        yield _row(
            *(f"`{name}`", len(found), sum(map(agrees, found)), images, ", ".join(packed), " ".join(names))
        )


def _order(architecture: str) -> tuple[str, int, str]:
    kind, _, name = architecture.rpartition("_")
    digits = name.rstrip("af")
    return (kind, int(digits), name)


def main() -> int:
    """Write the page."""
    text = page(read_top(), read(TOP_RESULTS), read_explained(), read(AGREEMENT), asides())
    _PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
