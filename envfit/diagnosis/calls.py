"""Calls and attributes that the installed release of the package that is called does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.parties import asker, called_in_line, caller_before, named
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

#: Names that are called or asked in packages of others, with the package that has them.
_OWNERS = {
    "LRScheduler": "torch",
    "_LRScheduler": "torch",
    "DataLoader": "torch",
    "GradScaler": "torch",
    "scaled_dot_product_attention": "torch",
    "FullyShardedDataParallel": "torch",
    "Accelerator": "accelerate", "MessageFactory": "protobuf", "FieldDescriptor": "protobuf",(
        "canonicalize_version"
    ):(
        "packaging"
    ),
    "Version": "packaging", "LegacyVersion": "packaging", "InvalidVersion": "packaging", "Trainer":(
        "transformers"
    ),
    "TrainingArguments": "transformers", "PreTrainedModel": "transformers", "DynamicCache": "transformers",
    "GenerationMixin": "transformers", "hf_hub_download": "huggingface-hub", "HfApi": "huggingface-hub",
    "cached_download": "huggingface-hub", "HfFolder": "huggingface-hub", "Client": "httpx", "AsyncClient":(
        "httpx"
    ),
    "load_dataset": "datasets", "LoraConfig": "peft", "PeftModel": "peft", "SFTTrainer": "trl", "SFTConfig":(
        "trl"
    ),
    "ForwardRef": "the typing module of this Python", "DataFrame": "pandas", "Series": "pandas", "mel":(
        "librosa"
    ),
    "resample": "librosa", "FigureCanvasAgg": "matplotlib", "EntryPoints": "importlib-metadata",(
        "FreeTypeFont"
    ):(
        "pillow"
    ),
    "ImageDraw": "pillow", "InferenceSession": "onnxruntime", "Dispatcher": "numba", "UNet2DConditionModel":(
        "diffusers"
    ),
    "StableDiffusionPipeline": "diffusers", "TemplateResponse": "starlette", "Router": "starlette", "LLM":(
        "vllm"
    ),
    "EngineArgs": "vllm", "SparkSession": "pyspark",
}  # fmt: skip

#: Classes whose attributes are also those of the program: the names that they lost.
_MANY: Mapping[str, frozenset[str]] = {
    "DataFrame": frozenset({"append", "iteritems", "ix", "lookup", "mad", "as_matrix", "swaplevels"}),
    "Series": frozenset({"append", "iteritems", "ix", "mad", "as_matrix", "iteritem"}),
    "Client": frozenset({"proxies"}),
    "Version": frozenset({"major", "minor", "release"}),
    "Router": frozenset(),
    "Trainer": frozenset({"tokenizer", "dispatch_batches"}),
}

_OWNED = (
    (re.compile(r"(?:Attention|Model|ForCausalLM|DecoderLayer|Tokenizer\w*|Cache|Config)$"), "transformers"),
    (re.compile(r"Pipeline$"), "diffusers"),
)


def _owner_of(name: str, scene: Scene, asked: str = "") -> str | None:
    """Return the package that has a class or function, as far as it is known."""
    first = name.partition(".")[0]
    if first in _MANY and scene.importer is None and asked not in _MANY[first]:
        return None
    if first in _OWNERS:
        return _OWNERS[first]
    caller = scene.importer
    if "." in name and first not in ("torch", "numpy", "builtins") and first.islower():
        return scene.distributions.get(first, first.removesuffix("_bindings"))
    if caller is None and scene.frames:
        return None  # a class of the program may be named like one of a package
    return next((owner for ending, owner in _OWNED if ending.search(first) and caller != owner), None)


def _tell_call(values: Mapping[str, str], scene: Scene) -> Telling | None:
    caller = scene.importer
    called = values.get("callee") or values.get("kind", "")
    owner = _owner_of(called, scene, values["name"]) or called_in_line(scene, values.get("callee", ""))
    if owner == caller or (owner and caller and canonicalize_name(owner) == canonicalize_name(caller)):
        owner = None
    if caller is None and scene.frames and owner is None:
        return None  # the program's own call may be wrong by itself
    who = caller or "the code"
    what = (
        f"calls {called} with {values['name']}"
        if "callee" in values
        else f"asks {called} for {values['name']}"
    )
    where = f" of {owner}" if owner else ""
    before = caller_before(scene) if owner is None else None
    party = owner or before
    other = named(scene, party) if party else "the package that it calls"
    lacks = "which the installed version does not have" if owner else "which it does not have"
    return Telling(
        mechanism=m.CALL_MISMATCH,
        cause=(
            f"{who[0].upper()}{who[1:]} {what}{where}{asker(scene)}, {lacks}: {other} is older or "
            f"newer than "
            f"the version that {named(scene, who)} was made for."
        ),
        remedies=(
            f"Bring {who} and {other} to versions of the same time: upgrade the older, or pin the newer.",
        ),
        package=canonicalize_name(owner or caller or "") or None,
        rank=SymptomRank.GENERAL,
    )


SIGNS = (
    Sign(
        patterns=(
            r"TypeError: (?P<callee>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'",
            (
                r"TypeError: (?P<callee>[\w.<>]+)\(\) (?:missing|takes)[^\n]{0,60}(?:argument|"
                r"arguments)(?P<name>:? ?[^\n]{0,40})"
            ),
            (
                r"AttributeError: '(?P<kind>(?!NoneType'|dict'|list'|str'|tuple'|int'|float'|bytes'|"
                r"function'|"
                r"module'|set'|bool')[\w.]+)' "
                r"object has no attribute '(?P<name>\w+)'"
            ),
            r"AttributeError: type object '(?P<kind>\w+)' has no attribute '(?P<name>\w+)'",
        ),
        tell=_tell_call,
    ),
)
