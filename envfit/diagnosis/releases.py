"""Statements of programs that a release does not fit: what is installed, what is wanted, and who says so."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import canonicalize_name

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

#: Programs that load models, by the name that their logs hold.
_SERVERS = ("sglang", "vllm", "lmdeploy", "text_generation", "llama_cpp", "tensorrt_llm", "transformers")


def _by(scene: Scene) -> str:
    return scene.importer or "the program"


def _tell_model(values: Mapping[str, str], scene: Scene) -> Telling:
    said = next((name for name in _SERVERS if name in scene.log.text.lower()), "")
    owner = values.get("program") or scene.importer or said or "the program"
    return Telling(
        mechanism=m.MODEL_UNKNOWN,
        cause=(
            f"{owner[0].upper()}{owner[1:]} does not know models of the kind {values['model']}: the "
            f"installed "
            "version is older than the model, or such models are not supported by it."
        ),
        remedies=(f"Upgrade {owner} as far as the driver and the other packages allow it.",),
        package=canonicalize_name(scene.importer) if scene.importer else None,
    )


def _tell_registered(values: Mapping[str, str], scene: Scene) -> Telling:
    callers = [
        name for frame in scene.frames if (name := scene.of_file(frame.file)) not in (None, "transformers")
    ]
    who = callers[-1] if callers else "the package in the traceback"
    return Telling(
        mechanism=m.CALL_MISMATCH,
        cause=(
            f"{who} registers a kind of model, {values['name']}, that the installed transformers has by "
            f"itself: "
            f"transformers is newer than the version that this {who} was made for."
        ),
        remedies=(f"Upgrade {who}, or install an older transformers, as {who} was released with.",),
        package="transformers",
    )


SIGNS = (
    Sign(
        patterns=(
            r"(?P<program>)Model architectures \['?(?P<model>\w+)[^\n]{0,80} are not supported",
            r"Model architectures \['?(?P<model>\w+)[^\n]{0,80} failed to be inspected",
            r"(?P<program>llama)_model_load: [^\n]{0,80}unknown model architecture: '(?P<model>[\w.-]+)'",
            r"unknown model architecture: '(?P<model>[\w.-]+)'",
            r"Unsupported model (?:type|architecture):? '?`?(?P<model>[A-Za-z][\w.-]+)",
            r"[Mm]odel type '?`?(?P<model>[\w-]+)'?`? (?:is )?not supported",
        ),
        tell=_tell_model,
    ),
    Sign(
        patterns=(r"'(?P<name>[\w.-]+)' is already used by a Transformers config",),
        tell=_tell_registered,
        overrides=True,
    ),
    Sign(
        patterns=(
            (
                r"(?P<name>[A-Za-z][\w.-]*) was (?:built|compiled) (?:using|with|for|against) "
                r"(?P<built>(?:CUDA|"
                r"[Pp]y[Tt]orch|torch|Python|NumPy|cuDNN)\s*(?:version )?[\d.]+\d)\S*[\s.,;]+(?:But|but|"
                r"while|and)"
                r"[^\n]{0,40}?(?:using|with|is|running|have|installed|found)[^\n\d]{0,30}(?P<found>[\d.]+\d)"
            ),
            (
                r"compiled (?:with|for|against) (?P<built>(?:CUDA|[Pp]y[Tt]orch|torch|Python) [\d.]+\d)"
                r"[^\n]{0,60}?but"
                r" [^\n\d]{0,60}(?P<found>[\d.]+\d)(?P<name>)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "{name} was built for {built}, and here is {found}: the build of {name} and what it "
                "runs with "
                "are of different versions."
            ),
            remedies=("Install the build of {name} that is made for the torch and CUDA that are here.",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?P<name>[A-Za-z][\w.-]+)(?: plugin)? version (?P<found>[\w.+]+) is installed, but it "
                r"is not "
                r"compatible with the installed (?P<other>[\w.-]+)(?: version)? (?P<here>[\d.]+\d)"
            ),
            (
                r"(?P<name>[A-Za-z][\w.-]+) (?:version )?v?(?P<found>\d[\w.+]*) (?:is|are) (?:not compatible|"
                r"incompatible) with (?:the installed )?(?P<other>[A-Za-z][\w.-]+) (?:version )"
                r"?v?(?P<here>\d[\d.]*)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "{name} {found} does not fit {other} {here}, which is installed with it: the two are of "
                "different versions. Without {name}, its part of {other} (such as the GPU) is not used."
            ),
            remedies=("Install {name} and {other} in the same version.",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?P<name>[A-Za-z][\w-]+)(?: v?[\d.]+)? only (?:supports|works with) "
                r"(?P<wanted>[A-Z]\w+ [\d.]+\+?)"
                r"[^\n]{0,80}?(?:compiled|built|installed|running|using)[^\n\d]{0,40}(?P<found>\d[\w.]*)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause="{name} takes only {wanted}, and here is {found}: {name} is newer than the rest.",
            remedies=("Use an older {name}, or a Python and libraries that are newer.",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            r"[Mm]ultiple (?P<name>[A-Za-z]\w+) packages are installed",
            (
                r"[Mm]ultiple (?:versions|distributions|copies) of (?P<name>[A-Za-z][\w-]+)[^\n]{0,30} "
                r"(?:are )?installed"
            ),
        ),
        telling=Telling(
            mechanism=m.INCONSISTENT,
            cause=(
                "Several packages that bring {name} are installed in this environment and overwrite each "
                "other's files; only one of them may be."
            ),
            remedies=("Uninstall all of them, then install the one for this CUDA and Python.",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:Error|error|ERROR|Exception): (?P<name>(?!Python)[A-Za-z][\w. -]{0,30}? )"
                r"?(?:requires? |needs? |only "
                r"supports )?[Pp]ython (?:version )?(?P<wanted>(?:>=|<=|>|<|==|~=) ?3\.[\d.]+(?:,? "
                r"?[<>=]+ ?3\.\d+)?"
                r"|3\.\d+ (?:or (?:newer|later|higher|above|greater)|and (?:above|newer|later)))"
            ),
            r"[Pp]ython (?:version )?(?P<wanted>(?:>=|<=|>|<) ?3\.\d+)[\d.]* (?:is )?required(?P<name>)",
        ),
        telling=Telling(
            mechanism=m.NOT_FOR_PYTHON,
            cause="The Python that runs is of another version than is taken here: Python {wanted} is needed.",
            remedies=("Use a Python in that range, or another release of what asks for it.",),
        ),
    ),
    Sign(
        patterns=(
            r"Could not deserialize ATN with version",
            r"ANTLR runtime and generated code versions disagree: (?P<found>[\d.]+\d)!=(?P<wanted>[\d.]+\d)",
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "The installed antlr4-python3-runtime is of another version than the one with which the "
                "parser "
                "of a package (hydra-core or omegaconf, mostly) was generated: it is newer or older."
            ),
            remedies=(
                (
                    "pip install --force-reinstall omegaconf hydra-core, which bring what they need "
                    "(antlr4-python3-runtime 4.9 for omegaconf 2.1 and newer, 4.8 for 2.0)."
                ),
            ),
            package="antlr4-python3-runtime",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?:Error|ERROR|Exception): (?P<name>[A-Za-z][\w-]+(?: [A-Z]\w{0,20})?(?: [A-Z]\w{0,20})?) "
                r"(?:is |was |has )?not (?:been )?installed(?! in)"
            ),
            r"(?:Error|ERROR|Exception): (?P<name>[A-Za-z][\w-]+) library (?:was |is )?not found",
            (
                r"(?:Error|ERROR|Exception): (?:Cannot|Could not|Unable to|cannot|could not) find (?:the )"
                r"?(?P<name>[A-Za-z][\w-]+) (?:library|executable|binary|program)"
            ),
        ),
        telling=Telling(
            mechanism=m.ATTENTION_CHOICE,
            cause=(
                "{name} is needed here and is not installed, or not where the program looks: lib{name} "
                "or the "
                "program {name} of the system, or the package of that name."
            ),
            remedies=(
                (
                    "Install {name}: from the system (apt-get install, conda-forge) where it is a library "
                    "or a program, "
                    "with pip where it is a Python package."
                ),
            ),
            rank=SymptomRank.GENERAL,
        ),
        unless=(r"the package [\w.-]+ seems", "metadata"),
    ),
    Sign(
        patterns=(
            r"unable to find backend library for backend '(?P<backend>[\w.-]+)'",
            r"unable to find '?(?P<backend>libtriton_\w+\.so|\w+)'? for model",
        ),
        telling=Telling(
            mechanism=m.BACKEND_MISSING,
            cause=(
                "The Triton server has no backend {backend}: it is not in this image or not in its "
                "folder of backends."
            ),
            remedies=(
                "Use the image of the server that has the backend {backend}, or install that backend.",
            ),
        ),
    ),
    Sign(
        patterns=(r"Triton backend API version does not support this backend",),
        telling=Telling(
            mechanism=m.BACKEND_MISSING,
            cause=(
                "A backend of the Triton server was built for another release of the server than the "
                "one that "
                "runs: the backend is newer or older."
            ),
            remedies=("Use the backend of the same release as the server.",),
        ),
    ),
    Sign(
        patterns=(
            r"Cannot find plugin: (?P<name>\w+)",
            r"getPluginCreator could not find plugin:? (?P<name>\w+)",
        ),
        telling=Telling(
            mechanism=m.BACKEND_MISSING,
            cause=(
                "TensorRT does not find the plugin {name} that the engine needs: the library of plugins "
                "is not "
                "loaded, or is of another version than the one with which the engine was built."
            ),
            remedies=("Load the plugins of the release that built the engine, or build the engine again.",),
            package="tensorrt",
        ),
    ),
    Sign(
        patterns=(
            (
                r"engine plan file is generated on an incompatible device, expecting compute "
                r"(?P<here>[\d.]+\d) got "
                r"compute (?P<built>[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.GPU_CAPABILITY,
            cause=(
                "The TensorRT engine was built on a GPU of compute capability {built}, and this GPU has "
                "{here}: an "
                "engine works only on the kind of GPU that it was built on."
            ),
            remedies=("Build the engine again on this machine.",),
            package="tensorrt",
        ),
    ),
    Sign(
        patterns=(r"Keras 3 only supports V3 `?\.keras`? files",),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "Keras 3 is installed and no longer loads the older SavedModel format of Keras 2 in "
                "which the model "
                "was saved."
            ),
            remedies=(
                "pip install tf-keras and set TF_USE_LEGACY_KERAS=1, or load it with keras.layers.TFSMLayer.",
            ),
            package="keras",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?P<asker>[A-Za-z]\w+) requires at least version (?P<wanted>[\d.]+\d) of "
                r"(?P<name>[A-Za-z][\w-]*\w)"
                r"\.?\s+Installed version is (?P<found>[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause="{asker} needs {name} {wanted} or newer, and the older {name} {found} is installed.",
            remedies=("pip install -U {name}, in the version that {asker} requires.",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(
            r"`?(?P<what>[\w.]+)`? is not supported in Keras 3",
            r"(?P<what>\w+) is deprecated in the new Keras optimizer",
            r"Could not locate class '(?P<what>Functional|Sequential|Adam|Model|\w+Layer)'",
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "The installed Keras is of another version than the code or the model file was made "
                "for: it has no {what} "
                "in that form any more (or not yet); Keras 3 is mostly newer than what was written for "
                "Keras 2."
            ),
            remedies=(
                "pip install tf-keras and set TF_USE_LEGACY_KERAS=1, or write the code as Keras 3 has it.",
            ),
            package="keras",
        ),
    ),
    Sign(
        patterns=(
            r"Opset (?P<opset>\d+) is under development and support for this is limited",
            r"ONNX opset version (?P<opset>\d+) is not supported",
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "The ONNX model uses opset {opset}, which the installed onnxruntime does not know yet: "
                "onnxruntime is "
                "older than what wrote the model."
            ),
            remedies=("pip install -U onnxruntime (or -gpu), or export the model with an older opset.",),
            package="onnxruntime",
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?P<what>[\w.]+),? [^\n]{0,30}(?:is|are) no longer supported in (?P<name>[A-Za-z][\w-]+) ?"
                r"(?P<wanted>[<>=]{1,2} ?[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause="{name}{wanted} is installed and no longer has {what}: the code is older.",
            remedies=("Change the code as {name} says, or install an older {name}, outside of {wanted}.",),
            package="{name}",
        ),
    ),
    Sign(
        patterns=(r"Unable to avoid copy while creating an array as requested",),
        telling=Telling(
            mechanism=m.NUMPY_ABI,
            cause=(
                "numpy 2 is installed, which reads np.array(..., copy=False) more strictly than numpy "
                "1, for which "
                "the code in the traceback was written: it is older."
            ),
            remedies=("Upgrade the package in the traceback, or pip install 'numpy<2'.",),
            package="numpy",
        ),
    ),
)
