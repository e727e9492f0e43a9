"""What packages are used for together, as far as it goes without a download: each a program.

That the parts import one by one says little here: transformers looks whether a GPU is visible
before it imports flash-attn, and ESPnet imports S3PRL when a frontend is made.
"""

from __future__ import annotations

from collections.abc import Iterable

from envfit.frozen import frozen
from envfit.prove.program import Program

__all__ = ["SCENARIOS", "Scenario", "scenarios_for"]

#: Makes torch say that a GPU is visible, so that what is imported only then is imported here too.
_VISIBLE = """\
import torch
if not torch.cuda.is_available():
    torch.cuda.is_available = lambda: True
    # ESPnet's trainer asks this one when it is imported.
    torch.cuda.is_bf16_supported = lambda *_, **__: False
"""


@frozen
class Scenario:
    """One use of several packages, and what must be installed for it to mean anything."""

    id: str
    what: str  # "ESPnet's S3PRL frontend": the subject of a sentence
    packages: tuple[tuple[str, ...], ...]  # normalized names; of each tuple, one must be there
    source: str

    def installed(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the packages of it that are there; none where one is missing."""
        there = frozenset(names)
        found = [next((name for name in each if name in there), None) for each in self.packages]
        return tuple(name for name in found if name is not None) if None not in found else ()

    def program(self, *, gpu: bool) -> Program:
        """Return its program; ``gpu``: as on a machine where a GPU is visible."""
        return Program(name=self.id, source=(_VISIBLE if gpu else "") + self.source)


SCENARIOS = (
    Scenario(
        id="transformers/attention",
        what="transformers' choice of attention",
        packages=(("transformers",), ("flash-attn",), ("torch",)),
        # One model of each family that imports flash-attn at a different release of transformers
        # (espnet-202611's recipes use Hubert, WavLM and Whisper).
        source="""\
import transformers
from transformers import utils
available = getattr(utils, "is_flash_attn_2_available", None) or (lambda: False)
taken = "usable" if available() else "not usable"
tell("transformers takes flash-attn for " + taken)
for name in ("BertModel", "HubertModel", "LlamaModel", "WhisperModel"):
    try:
        getattr(transformers, name)
    except AttributeError:
        continue  # older than the model
    tell(name + " can be imported")
""",
    ),
    Scenario(
        id="espnet/s3prl-frontend",
        what="ESPnet's S3PRL frontend",
        packages=(("espnet",), ("s3prl", "espnet-s3prl")),
        # It imports S3PRL, and then refuses an upstream that does not exist before it loads one.
        source="""\
from espnet2.asr.frontend.s3prl import S3prlFrontend
try:
    S3prlFrontend(frontend_conf={"upstream": "no such upstream"})
except AssertionError:
    tell("the frontend comes as far as to load its upstream")
""",
    ),
)


def scenarios_for(names: Iterable[str]) -> tuple[Scenario, ...]:
    """Return the scenarios whose packages are installed, by normalized names."""
    there = frozenset(names)
    return tuple(scenario for scenario in SCENARIOS if scenario.installed(there))
