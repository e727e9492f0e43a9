"""GPUs that the user wants left out of a target."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from envfit.errors import TargetError
from envfit.knowledge.hardware import find_gpu
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.other_targets import without_gpus
from envfit.target import Gpu, Target

__all__ = ["ignoring", "ignoring_models", "ignoring_options"]


def ignoring(target: Target, texts: Sequence[str], knowledge: KnowledgeBase) -> Target:
    """Return a target without the GPUs that indexes (NVML's) or names mean.

    GPUs of one model are left out together: what is locked depends on the models.  Raises
    TargetError on what means no GPU of the target, where none is left, and where one of several alike is
    meant.
    """
    left_out: list[Gpu] = []
    for text in texts:
        meant = [gpu for gpu in target.gpus if _is_meant(gpu, text, knowledge)]
        if not meant:
            raise TargetError(
                f"--ignore-gpu {text}: the target has no such GPU",
                hints=[f"it has {', '.join(_shown(gpu) for gpu in target.gpus) or 'none'}"],
            )
        left_out += meant
    return _without(target, left_out)


def ignoring_options(gpus: Sequence[Gpu]) -> tuple[str, ...]:
    """Return the options that leave GPUs out: by their indexes, else by their names."""
    places = [gpu.index for gpu in gpus]
    known = [str(place) for place in places if place is not None]
    words = known if len(known) == len(places) else list(dict.fromkeys(gpu.name for gpu in gpus))
    return tuple(word for text in words for word in ("--ignore-gpu", text))


def ignoring_models(target: Target, models: Collection[Gpu]) -> Target:
    """Return a target without the GPUs of some models, as far as it has them."""
    names = {(gpu.name, gpu.capability) for gpu in models}
    left_out = [gpu for gpu in target.gpus if (gpu.name, gpu.capability) in names]
    return _without(target, left_out) if len(left_out) < len(target.gpus) else target


def _without(target: Target, left_out: Sequence[Gpu]) -> Target:
    if not left_out:
        return target
    if all(gpu in left_out for gpu in target.gpus):
        raise TargetError(
            "--ignore-gpu leaves no GPU",
            hints=["--gpu none makes an environment for a machine without one"],
        )
    for gpu in target.gpus:
        same = next((other for other in left_out if other.name == gpu.name), None)
        if gpu not in left_out and same is not None:
            raise TargetError(
                f"{_shown(same)} cannot be left out alone: {_shown(gpu)} is the same model",
                hints=[
                    f"leave out all of the model: --ignore-gpu {gpu.name!r}",
                    "CUDA_VISIBLE_DEVICES says which of several alike a program sees; envfit follows it",
                ],
            )
    return replace(
        without_gpus(target, left_out), ignored_gpus=(*target.ignored_gpus, *dict.fromkeys(left_out))
    )


def _is_meant(gpu: Gpu, text: str, knowledge: KnowledgeBase) -> bool:
    if text.isdecimal():
        return gpu.index == int(text)
    if text.strip().lower() == gpu.name.lower():
        return True
    try:
        model = find_gpu(knowledge, text)
    except TargetError:
        return False
    if model.name.startswith("capability "):
        return gpu.capability == model.capability
    try:
        return find_gpu(knowledge, gpu.name).name == model.name
    except TargetError:
        return False


def _shown(gpu: Gpu) -> str:
    return f"GPU {gpu.index} ({gpu.name})" if gpu.index is not None else gpu.name
