"""Who called whom: the packages on both sides of a call, as far as a log shows them."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from envfit.diagnosis.scene import Scene

__all__ = ["asker", "called_in_line", "caller_before", "distribution", "named"]

_ALIASES = {
    "np": "numpy",
    "pd": "pandas",
    "tf": "tensorflow",
    "jnp": "jax",
    "jax": "jax",
    "plt": "matplotlib",
    "pa": "pyarrow",
    "hf_hub": "huggingface-hub",
    "ort": "onnxruntime",
    "trt": "tensorrt",
    "pl": "pytorch-lightning",
    "xr": "xarray",
    "nx": "networkx",
    "sp": "scipy",
}


def called_in_line(scene: Scene, callee: str) -> str | None:
    """Return the package whose function or class the line of code calls that raised the exception here."""
    name = callee.partition(".")[0]
    if scene.raised is None or not name or name.startswith("_"):
        return None
    call = re.compile(rf"(?<![\w.'\"])([A-Za-z_]\w*)(?:\.\w+)*\.{re.escape(name)}\(")
    for place in range(scene.raised.first - 1, max(scene.raised.begin, scene.raised.first - 5) - 1, -1):
        found = call.search(scene.log.lines[place].text)
        if found is not None:
            return _ALIASES.get(found[1]) or scene.distributions.get(found[1])
    return None


def caller_before(scene: Scene) -> str | None:
    """Return the installed package that called the one in which the exception here was raised."""
    last = None
    for frame in reversed(scene.frames):
        owner = scene.of_file(frame.file)
        if owner is None and not frame.file.startswith("<"):
            return None  # the user's own code
        if owner is not None and last is not None and owner != last:
            return owner
        last = owner or last
    return None


def named(scene: Scene, package: str) -> str:
    """Return a package with its version, where the log names exactly one."""
    name = re.sub(r"[-_.]+", "[-_.]", re.escape(canonicalize_name(package)).replace("\\-", "-"))
    pattern = rf"(?<![\w.-]){name}(?:==|-| version:? ?|: | )v?(\d+\.\d+(?:\.\d+)*)(?![\w-])"
    found = set(re.findall(pattern, scene.log.text, re.IGNORECASE))
    return f"{package} ({found.pop()})" if len(found) == 1 else package


def asker(scene: Scene) -> str:
    """Say who asked, such as " (asked for by s3prl, in hub.py line 7)"."""
    frame = scene.asking
    if frame is None:
        return ""
    name = frame.file.replace("\\", "/").rpartition("/")[2]
    line = f" line {frame.line}" if frame.line else ""
    owner = scene.importer
    return f", asked for by {owner} ({name}{line})" if owner else f", asked for in {name}{line}"


def distribution(scene: Scene, module: str) -> str:
    """Return the distribution that brings a module, as far as it is known; else the module's own name."""
    top = module.partition(".")[0]
    return scene.distributions.get(top, top.replace("_", "-"))
