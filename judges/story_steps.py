"""The steps of the story: what is typed, what it shows, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PYTHON", "STEPS", "WRITTEN", "Step"]

PYTHON = "3.11"  # ESPnet 202511 wants 3.9 or newer

ESPNETS_MESSAGE = "Error: S3PRL is not properly installed."
EXTENSION = "flash_attn_2_cuda"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command and what it is for."""

    tells: str  # the paragraph before it
    command: str
    title: str = ""  # of the section that begins with it
    status: int = 0
    says: tuple[str, ...] = ()  # what must be in the output
    never: tuple[str, ...] = ()  # what must not be
    shows: tuple[str, ...] = ()  # patterns of the lines that the page shows


#: What the user has written, by file name.
WRITTEN = {
    "requirements.txt": """\
torch==2.8.0
torchaudio==2.8.0
transformers==4.48.3
s3prl==0.4.18
# of ESPnet 202511, what its S3PRL frontend imports
typeguard
humanfriendly
torch_complex
librosa>=0.10.2
setuptools<74
# what ESPnet's installers use
pip
wheel
packaging
# what flash-attn's setup.py and package need beside torch
psutil
ninja
einops
""",
    "frontend.py": """\
import torch

torch.cuda.is_available = lambda: True  # as on a node with a GPU: this machine has none

from espnet2.asr.frontend.s3prl import S3prlFrontend

frontend = S3prlFrontend(frontend_conf={"upstream": "fbank"})
print(f"The frontend gives {frontend.output_size()} features per frame.")
""",
}

_NOTHING = (r"^(?!)",)

_BY_HAND = (
    Step(
        title="An environment that people make",
        tells="The packages that a recipe with WavLM or HuBERT needs, and ESPnet 202511 from a checkout.\n"
        "torch 2.8.0 has code for the V100, and s3prl 0.4.18 works with torchaudio up to 2.8.",
        command=f"uv venv --quiet --python bin/python{PYTHON} env\n"
        "uv pip install --python env/bin/python -r requirements.txt",
        says=("+ torch==2.8.0", "+ s3prl==0.4.18", "+ transformers==4.48.3"),
        shows=(r"^Installed ", r"^ \+ (torch|torchaudio|transformers|s3prl)="),
    ),
    Step(
        tells="The source distribution of 202511 is the checkout; tools/, which it lacks, is that of 202611.",
        command="env/bin/pip download --no-deps --no-binary :all: --ignore-requires-python espnet==202511\n"
        "env/bin/pip download --no-deps --no-binary :all: --ignore-requires-python espnet==202611\n"
        "tar xzf espnet-202511.tar.gz --one-top-level=src && mv src/espnet-202511 src/espnet\n"
        "tar xzf espnet-202611.tar.gz --one-top-level=src && mv src/espnet-202611/tools src/espnet\n"
        "env/bin/pip install --no-build-isolation --no-deps --editable src/espnet",
        says=("Successfully installed espnet-202511",),
        shows=(r"^Successfully installed",),
    ),
    Step(
        tells="The frontend works. (frontend.py lets torch.cuda.is_available() be true, as on a node with a\n"
        "GPU.)",
        command="env/bin/python frontend.py",
        says=("The frontend gives 240 features per frame.",),
        never=(ESPNETS_MESSAGE,),
        shows=(r"^The frontend",),
    ),
    Step(
        title="What `make` does to it",
        tells="ESPnet's Makefile installs flash-attn by default. The machine has no CUDA toolkit, as login\n"
        "nodes have none, so its build fails, and ESPnet's installer tries again without building CUDA.\n"
        "(`make -t` marks as done what is installed already.)",
        command="cd src/espnet/tools\n"
        'echo ". $(realpath ../../../env)/bin/activate" > activate_python.sh\n'
        "make -t espnet.done > ../../../touched.log\n"
        "make flash_attn.done",
        says=(
            "Flash Attention failed to install, trying without building CUDA",
            "py3-none-any.whl",
            "Successfully installed flash-attn-2.8.3.post2",
        ),
        shows=(
            r"FileNotFoundError",
            r"^error: metadata-generation-failed",
            r"^Flash Attention failed",
            r"^  Created wheel",
            r"^Successfully installed",
        ),
    ),
    Step(
        tells="make is content. And now the recipe stops:",
        command="env/bin/python frontend.py > frontend.log 2>&1; status=$?; cat frontend.log; exit $status",
        status=1,
        says=(ESPNETS_MESSAGE, "make s3prl.done", f"No module named '{EXTENSION}'"),
        shows=(
            r"^Error: S3PRL",
            r"^Please install",
            r"^Traceback",
            r"^ModuleNotFoundError",
            r"^The above exception",
            r"^RuntimeError",
            r"^No module named",
        ),
    ),
    Step(
        title="What the log means",
        tells="ESPnet's own output, and nothing else, is read.",
        command="envfit diagnose frontend.log",
        status=1,
        says=(EXTENSION, "flash-attn"),
        never=("make s3prl.done",),
        shows=(r"",),
    ),
    Step(
        title="What the environment is",
        tells="The same, found without a log; on the login node, for the GPU that the jobs run on.",
        command="envfit check env --gpu V100",
        status=1,
        says=("flash-attn", EXTENSION),
        shows=(r"",),
    ),
    Step(
        title="The remedy",
        tells="",
        command="envfit check env --gpu V100 --fix --yes",
        says=("flash-attn",),
        shows=(r"",),
    ),
    Step(
        tells="pip keeps what it built, so the next `pip install flash-attn` would take the same wheel from\n"
        "its cache, on a machine with a CUDA toolkit too, unless the cache forgets it.",
        command="env/bin/pip cache list flash_attn && env/bin/pip cache remove flash_attn",
        says=("flash_attn-2.8.3.post2-py3-none-any.whl",),
        shows=(r"flash_attn", r"removed"),
    ),
    Step(
        tells="The same command as before:",
        command="env/bin/python frontend.py",
        says=("The frontend gives 240 features per frame.",),
        never=(ESPNETS_MESSAGE,),
        shows=(r"^The frontend",),
    ),
)

_GUARDED = (
    Step(
        title="An environment that envfit makes",
        tells="The next `make` would do it again. An environment of envfit's is guarded against that.",
        command="envfit lock -r requirements.txt --gpu V100 --driver 535.161.08 -o pylock.toml",
        says=("V100",),
        shows=(r"",),
    ),
    Step(
        tells="",
        command="envfit install pylock.toml --prefix kept --gpu V100 --driver 535.161.08\n"
        "kept/bin/python -m pip install --no-build-isolation --no-deps --editable src/espnet",
        says=("Successfully installed espnet-202511",),
        shows=(r"",),
    ),
    Step(
        tells="`make` again, for the new environment: the first attempt of its installer is refused, and\n"
        "so is the one without building CUDA.",
        command="cd src/espnet/tools\n"
        "rm flash_attn.done\n"
        'echo ". $(realpath -s ../../../kept)/bin/activate" > activate_python.sh\n'
        "make -t espnet.done > ../../../touched.log\n"
        "make flash_attn.done",
        says=(
            "The user requested (constraint) flash-attn==0+",
            "Failed to install flash attention. Skipping...",
        ),
        never=("Successfully installed",),
        shows=(
            r"The user requested",
            r"^ERROR: Resolution",
            r"^Flash Attention failed",
            r"^Failed to install",
        ),
    ),
    Step(
        tells="",
        command="kept/bin/python frontend.py",
        says=("The frontend gives 240 features per frame.",),
        never=(ESPNETS_MESSAGE,),
        shows=(r"^The frontend",),
    ),
)

STEPS = (*_BY_HAND, *_GUARDED)
