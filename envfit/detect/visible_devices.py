"""Which GPUs CUDA_VISIBLE_DEVICES leaves to a program.

CUDA reads the list up to its first invalid entry, and a GPU named twice makes
it fail.  An index counts GPUs in the order that CUDA_DEVICE_ORDER says, which
is NVML's order only for PCI_BUS_ID.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping

from envfit.detect.nvml import NvmlGpu, NvmlReading, NvmlStatus
from envfit.frozen import frozen
from envfit.target import Gpu

__all__ = ["VisibleGpus", "visible_gpus"]

_VARIABLE = "CUDA_VISIBLE_DEVICES"
_INDEX = re.compile(r"\d{1,4}", re.ASCII)
_NONE = ("", "-1")  # the usual ways to say "none", or "no more"


@frozen
class VisibleGpus:
    """The GPUs in use, in the order in which programs see them."""

    gpus: tuple[Gpu, ...]
    source: str  # what decided it
    excluded: bool = False  # no GPU is left, and that is certain
    notes: tuple[str, ...] = ()


def visible_gpus(nvml: NvmlReading, environ: Mapping[str, str]) -> VisibleGpus:
    """Return the GPUs that a program with that environment sees."""
    value = environ.get(_VARIABLE)
    if value is None:
        return VisibleGpus(gpus=tuple(known.gpu for known in nvml.gpus), source="NVML")

    source = f"{_VARIABLE}={_without_identifiers(value)}"
    entries = [entry.strip() for entry in value.split(",")]
    if entries[0] in _NONE:
        return VisibleGpus(gpus=(), source=source, excluded=True)
    if nvml.status is not NvmlStatus.OK:
        return VisibleGpus(gpus=(), source=nvml.sentence)

    chosen: dict[str, Gpu] = {}  # by identity: one GPU or one MIG instance
    notes: list[str] = []
    unreadable = {str(failure.index) for failure in nvml.failures}
    stopped_at_unreadable = False
    for entry in entries:
        found = _find(nvml.gpus, entry)
        if found is None:
            stopped_at_unreadable = entry in unreadable
            if entry not in _NONE:
                what = "a GPU that could not be read" if stopped_at_unreadable else "no GPU"
                notes.append(f"{source}: {_without_identifiers(entry)} names {what}; CUDA reads no further")
            break
        identity, gpu = found
        if identity in chosen:
            notes.append(f"{source}: a GPU is named twice, so that CUDA fails and sees none")
            chosen.clear()
            break
        chosen[identity] = dataclasses.replace(gpu, source=f"NVML, {source}")
    return VisibleGpus(
        gpus=tuple(chosen.values()),
        source=source,
        excluded=not chosen and not stopped_at_unreadable,
        notes=(*notes, *_order_notes(nvml, entries, environ)),
    )


def _find(gpus: tuple[NvmlGpu, ...], entry: str) -> tuple[str, Gpu] | None:
    """Return the one device that an entry names, with what tells it apart from others."""
    if _INDEX.fullmatch(entry):
        matches = [(str(known.gpu.index), known.gpu) for known in gpus if known.gpu.index == int(entry)]
    elif entry.upper().startswith("GPU-"):
        wanted = _plain(entry)
        matches = [
            (str(known.gpu.index), known.gpu) for known in gpus if _plain(known.uuid).startswith(wanted)
        ]
    elif entry.upper().startswith("MIG-"):
        matches = [instance for known in gpus for instance in _instances(known, _plain(entry))]
    else:
        matches = []
    return matches[0] if len(matches) == 1 else None


def _instances(known: NvmlGpu, wanted: str) -> Iterator[tuple[str, Gpu]]:
    for position, (uuid, profile) in enumerate(zip(known.instance_uuids, known.gpu.mig, strict=True)):
        if _plain(uuid) == wanted:
            yield f"{known.gpu.index}/{position}", dataclasses.replace(known.gpu, mig=(profile,))


def _plain(uuid: str) -> str:
    return uuid.lower().replace("-", "")


def _without_identifiers(value: str) -> str:
    """Shorten UUIDs: sources of facts are written into locks, which name no device."""
    return re.sub(r"(GPU-|MIG-)[^,\s]+", r"\1...", value, flags=re.IGNORECASE) or "''"


def _order_notes(nvml: NvmlReading, entries: list[str], environ: Mapping[str, str]) -> Iterator[str]:
    if not any(_INDEX.fullmatch(entry) for entry in entries):
        return
    models = {(known.gpu.name, known.gpu.capability, known.gpu.memory) for known in nvml.gpus}
    if len(models) > 1 and environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        yield (
            f"{_VARIABLE} counts GPUs that differ, and CUDA's own order is fastest first: "
            "the indices are read in PCI order here, which CUDA_DEVICE_ORDER=PCI_BUS_ID makes certain"
        )
    if nvml.failures:
        yield f"{_VARIABLE} counts GPUs of which some could not be read: CUDA may count them differently"
