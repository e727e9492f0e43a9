"""The steps of the story: what is typed, what it shows, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PYTHON", "STEPS", "WRITTEN", "Step"]

PYTHON = "3.11"

_MESSAGE = "Error: S3PRL is not properly installed."
_EXTENSION = "flash_attn_2_cuda"
_WORKS = "The frontend gives 240 features per frame."
_CRIPPLED = "flash_attn-2.8.3.post2-py3-none-any.whl"
_BAR = "flash-attn==0+cannot.run.on.V100.ask.envfit.guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command and what it is for."""

    tells: str  # the paragraph before it
    command: str
    title: str = ""  # of the section that begins with it
    status: int = 0
    says: tuple[str, ...] = ()  # what must be in the output
    never: tuple[str, ...] = ()  # what must not be
    shows: tuple[str, ...] = ()  # patterns of the lines that the page shows; none: no line at all
    hides: tuple[str, ...] = ()  # patterns of lines that it leaves out nevertheless


#: What the user has written, by file name.
WRITTEN = {
    "requirements.txt": """\
torch==2.8.0
torchaudio==2.8.0
transformers==4.48.3
s3prl==0.4.18
-e src/espnet
# what ESPnet's installers use, and flash-attn's setup.py
pip
wheel
packaging
psutil
ninja
""",
    "frontend.py": """\
import torch

# As on a node with a GPU, which this machine has not.
torch.cuda.is_available = lambda: True
torch.cuda.is_bf16_supported = lambda: False

from espnet2.asr.frontend.s3prl import S3prlFrontend

frontend = S3prlFrontend(frontend_conf={"upstream": "fbank"})
print(f"The frontend gives {frontend.output_size()} features per frame.")
""",
}

_EVERYTHING = (r"",)
_CHATTER = (r"^compar(ed|ing) .* GB", r"^note: not used")

_BY_HAND = (
    Step(
        title="An environment that people make",
        tells="""\
ESPnet 202511 in a checkout, as its users have it: the source distribution, with the folder `tools/`
of 202611, since that of 202511 has none.""",
        command=f"""\
uv venv --quiet --seed --python bin/python{PYTHON} env
env/bin/pip download --no-deps --no-binary :all: --ignore-requires-python espnet==202511
env/bin/pip download --no-deps --no-binary :all: --ignore-requires-python espnet==202611
tar xzf espnet-202511.tar.gz --one-top-level=src && mv src/espnet-202511 src/espnet
tar xzf espnet-202611.tar.gz --one-top-level=src && mv src/espnet-202611/tools src/espnet""",
        says=("Saved ./espnet-202511.tar.gz", "Saved ./espnet-202611.tar.gz"),
        shows=(r"^Saved",),
    ),
    Step(
        tells="""\
Beside it, what a recipe with WavLM or HuBERT needs. torch 2.8.0 has code for the V100, and s3prl
0.4.18 works with torchaudio up to 2.8.""",
        command="""\
uv pip install --python env/bin/python -r requirements.txt""",
        says=("+ torch==2.8.0", "+ s3prl==0.4.18", "+ transformers==4.48.3", "+ espnet==202511"),
        shows=(r"^Installed ", r"^ \+ (torch|torchaudio|transformers|s3prl|espnet)="),
    ),
    Step(
        tells="""\
The frontend works. `frontend.py` makes ESPnet's S3PRL frontend; it lets `torch.cuda.is_available()`
be true, as it is on a node with a GPU, because the machine that ran this has none.""",
        command="env/bin/python frontend.py",
        says=(_WORKS,),
        never=(_MESSAGE,),
        shows=(r"^The frontend",),
    ),
    Step(
        title="What `make` does to it",
        tells="""\
ESPnet's Makefile installs flash-attn by default. Where there is no CUDA toolkit, as on many login
nodes, that cannot be compiled. ESPnet's installer then tries again without building CUDA, and gets
a package of Python files alone. (`make -t` marks what is installed already.)""",
        command="""\
cd src/espnet/tools
echo ". $(realpath ../../../env)/bin/activate" > activate_python.sh
make -t espnet.done > ../../../touched.log
make flash_attn.done""",
        says=(
            "Flash Attention failed to install, trying without building CUDA",
            _CRIPPLED,
            "Successfully installed",
        ),
        shows=(
            r"FileNotFoundError",
            r"^error: metadata-generation-failed",
            r"^Flash Attention failed",
            r"^  Created wheel for flash",
            r"^Successfully installed",
        ),
    ),
    Step(
        tells="`make` is content, and the recipe stops:",
        command="env/bin/python frontend.py > frontend.log 2>&1; status=$?; cat frontend.log; exit $status",
        status=1,
        says=(_MESSAGE, "make s3prl.done", f"No module named '{_EXTENSION}'"),
        shows=(
            r"^Failed to import Flash",
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
        tells="""\
ESPnet's output is read, and nothing else. The two lines that everybody sees are wrong: S3PRL is
installed properly, and installing it again changes nothing.""",
        command="envfit diagnose frontend.log",
        says=("certain: flash-attn is installed without flash_attn_2_cuda", "[flash-attn/extension-missing]"),
        never=("make s3prl.done",),
        shows=_EVERYTHING,
    ),
    Step(
        title="What the environment is",
        tells="""\
The same is found without a log, on the login node, for the GPU that the jobs run on; and that
no other build of flash-attn would do there. (`--quick` runs nothing of the environment.)""",
        command="envfit check env --gpu V100 --quick",
        status=1,
        says=(f"without its compiled extension {_EXTENSION}", "[missing-extension]", "[cannot-work]"),
        shows=_EVERYTHING,
        hides=_CHATTER,
    ),
    Step(
        title="The remedy",
        tells="",
        command="envfit check env --gpu V100 --quick --fix --yes",
        says=("pip uninstall --yes flash-attn", "takes it back"),
        shows=(r"^fix ", r"^- ", r"^  \$", r"^done"),
    ),
    Step(
        tells="""\
pip keeps what it built: without this, the next `pip install flash-attn` would take the same wheel
from its cache, on a machine with a CUDA toolkit, too.""",
        command="env/bin/pip cache list flash_attn && env/bin/pip cache remove flash_attn",
        says=(_CRIPPLED,),
        shows=(r"flash_attn", r"removed"),
    ),
    Step(
        tells="The same command as before:",
        command="env/bin/python frontend.py",
        says=(_WORKS,),
        never=(_MESSAGE,),
        shows=(r"^The frontend",),
    ),
)

_GUARDED = (
    Step(
        title="An environment that envfit makes",
        tells="""\
The next `make` would do it again. What envfit installs is guarded: pip and uv keep what holds GPU
code as it is, and refuse what cannot run. This machine has no GPU; the lock says what it is for.""",
        command="envfit lock -r requirements.txt --gpu V100 --driver 535.161.08 -o pylock.toml",
        says=("wrote pylock.toml",),
        shows=(r"^(torch|torchaudio|transformers|s3prl|espnet) ", r"^runs on:", r"^wrote"),
    ),
    Step(
        tells="",
        command="envfit install pylock.toml --prefix kept",
        says=("import s3prl.nn works", "guarded: a later pip install keeps"),
        shows=(r"^import (torch|torchaudio|transformers|s3prl.nn|espnet) ", r"^installed", r"^guarded"),
    ),
    Step(
        title="What `make` does now",
        tells="""\
Both attempts of ESPnet's installer are refused, the second one too, which builds nothing and would
have succeeded.""",
        command="""\
cd src/espnet/tools
rm flash_attn.done
echo ". $(realpath -s ../../../kept)/bin/activate" > activate_python.sh
make -t espnet.done > ../../../touched.log
make flash_attn.done""",
        says=(f"The user requested (constraint) {_BAR}", "Failed to install flash attention. Skipping..."),
        never=("Successfully installed",),
        shows=(r"The user requested", r"^Flash Attention failed", r"^Failed to install"),
    ),
    Step(
        tells="What pip shows as a version says whom to ask:",
        command="envfit guard kept",
        says=("refused: flash-attn\n", "[flash-attn/ampere-or-newer]", "kept: torch 2.8.0"),
        shows=(
            r"is guarded",
            r"^refused: (flash-attn|espnet-s3prl)$",
            r"(flash-attn/ampere-or-newer|s3prl/espnet-fork)\]",
            r"^kept: (torch|torchaudio|nvidia-cudnn-cu12) ",
        ),
    ),
    Step(
        tells="""\
The remedy that ESPnet's message names would have brought a second package that owns `s3prl`. It is
refused as well. torch stays, and pip takes the torchvision that goes with it.""",
        command="""\
. kept/bin/activate
pip install espnet-s3prl
pip install --upgrade torch torchvision
uv pip install flash-attn""",
        status=1,
        says=(
            "(constraint) espnet-s3prl==0+not.beside.s3prl.ask.envfit.guard",
            "flash-attn==0+cannot.run.on.v100.ask.envfit.guard",
        ),
        never=("Uninstalling torch", "flash-attn==2"),
        shows=(
            r"The user requested",
            r"^error: No solution",
            r"^  cause",
            r"^Successfully",
            r"^Requirement already satisfied: torch in",
        ),
    ),
    Step(
        tells="",
        command="kept/bin/python frontend.py",
        says=(_WORKS,),
        never=(_MESSAGE,),
        shows=(r"^The frontend",),
    ),
    Step(
        title="What goes past the guard",
        tells="""\
Who means it can put the guard aside for one command; and uv reads no file in an environment, so
`uv pip install --python` from outside is not held to it. Then `check` names what has changed.""",
        command="""\
FLASH_ATTENTION_SKIP_CUDA_BUILD=TRUE PIP_CONSTRAINT=/dev/null \\
  kept/bin/pip install --no-deps --no-build-isolation flash-attn
envfit check kept --gpu V100 --quick""",
        status=1,
        says=("Successfully installed flash-attn", "[missing-extension]", "[changed-since-install]"),
        shows=(
            r"^Successfully",
            r"^no: ",
            r"^(breaks|warns|unknown|info)[: ]",
            r"^    (\$|added)",
            r"^  to do",
        ),
        hides=(r"triton",),
    ),
)

STEPS = (*_BY_HAND, *_GUARDED)
