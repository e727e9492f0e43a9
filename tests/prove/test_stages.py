"""Imports, scenarios and computations from end to end, in environments of made-up packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.api.proving import compute_on_gpu, prove_imports, prove_scenarios
from envfit.doctor.finding import Finding, Severity
from envfit.knowledge.load import load
from envfit.knowledge.model import KnowledgeBase
from tests.prove.stand_in import made_environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def base() -> KnowledgeBase:
    return load(ROOT / "constraints")


FLASH_ATTN = {
    "flash_attn/__init__.py": "from flash_attn.flash_attn_interface import flash_attn_func\n",
    "flash_attn/flash_attn_interface.py": "import flash_attn_2_cuda\nflash_attn_func = None\n",
}
#: torch, as far as it is asked whether there is a GPU.
TORCH_ON_CPU = {
    "torch/__init__.py": "from torch import cuda\n",
    "torch/cuda.py": "def is_available():\n    return False\n",
}
#: transformers' way: looks whether there is a GPU, then imports, and wraps what goes wrong.
TRANSFORMERS = {
    "transformers/__init__.py": """\
import importlib, torch
from transformers import utils
def __getattr__(name):
    if name not in ("BertModel", "HubertModel"):
        raise AttributeError(name)
    try:
        importlib.import_module("transformers.models")
    except ImportError as error:
        raise RuntimeError("Failed to import transformers.models, look up") from error
    return object
""",
    "transformers/utils.py": """\
import torch
def is_flash_attn_2_available():
    return torch.cuda.is_available()
""",
    "transformers/models.py": """\
from transformers.utils import is_flash_attn_2_available
if is_flash_attn_2_available():
    import flash_attn
""",
}
S3PRL = {
    "s3prl/__init__.py": "",
    "s3prl/nn.py": "from transformers import HubertModel\n",
}
ESPNET = {
    "espnet2/asr/frontend/s3prl.py": """\
class S3prlFrontend:
    def __init__(self, frontend_conf):
        try:
            import s3prl.nn
        except Exception as error:
            print("Error: S3PRL is not properly installed.")
            raise error
        assert frontend_conf["upstream"] in ("hubert",)
""",
}
STORY = {
    "torch": TORCH_ON_CPU,
    "transformers": TRANSFORMERS,
    "flash-attn": FLASH_ATTN,
    "s3prl": S3PRL,
    "espnet": ESPNET,
}
VERSIONS = {"flash-attn": "2.8.3", "transformers": "4.48.3", "torch": "2.8.0"}


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.kind.code for finding in findings]


def test_the_story_breaks_where_a_gpu_is_visible_and_is_told_once(
    tmp_path: Path, base: KnowledgeBase
) -> None:
    environment = made_environment(tmp_path / "env", STORY, versions=VERSIONS)
    told: list[str] = []
    findings = prove_scenarios(environment, base, gpu=True, driver=False, notify=told.append)
    assert codes(findings) == ["attention-breaks-models"]
    (finding,) = findings
    assert finding.severity is Severity.BREAKS
    assert finding.subject == (
        "flash-attn 2.8.3",
        "transformers 4.48.3",
        "torch 2.8.0",
        "espnet 1.0",
        "s3prl 1.0",
    )
    assert finding.text == (
        "transformers 4.48.3 takes flash-attn 2.8.3 for usable where a GPU is visible, and then its models "
        "cannot be imported: ModuleNotFoundError: No module named 'flash_attn_2_cuda'. With it fails ESPnet's "
        "S3PRL frontend."
    )
    assert finding.measured[:2] == (
        "torch was made to say that a GPU is visible",
        "transformers takes flash-attn for usable",
    )
    assert finding.measured[-1].startswith("it ends with RuntimeError: Failed to import")
    assert finding.because is not None
    assert finding.because.rule == "flash-attn/extension-missing"
    assert finding.remedies[0].is_reversible
    # Both were played, and both fail by the same root.
    assert {text.split()[0] for text in told} == {"transformers/attention", "espnet/s3prl-frontend"}


def test_the_story_works_where_no_gpu_is_in_question(tmp_path: Path, base: KnowledgeBase) -> None:
    environment = made_environment(tmp_path / "env", STORY, versions=VERSIONS)
    assert prove_scenarios(environment, base, gpu=False, driver=False) == ()


def test_a_scenario_whose_packages_are_not_there_is_not_played(tmp_path: Path, base: KnowledgeBase) -> None:
    environment = made_environment(tmp_path / "env", {"torch": TORCH_ON_CPU, "transformers": TRANSFORMERS})
    told: list[str] = []
    assert prove_scenarios(environment, base, gpu=True, driver=False, notify=told.append) == ()
    assert told == []


def test_a_scenario_that_needs_a_real_gpu_is_open(tmp_path: Path, base: KnowledgeBase) -> None:
    asking = {
        "transformers/__init__.py": "from transformers import utils\n"
        "raise RuntimeError('Found no NVIDIA driver on your system.')\n",
        "transformers/utils.py": "",
    }
    environment = made_environment(
        tmp_path / "env", {"torch": TORCH_ON_CPU, "transformers": asking, "flash-attn": FLASH_ATTN}
    )
    (finding,) = prove_scenarios(environment, base, gpu=True, driver=False)
    assert (finding.kind.code, finding.severity) == ("scenario-not-provable", Severity.OPEN)
    (finding,) = prove_scenarios(environment, base, gpu=True, driver=True)
    assert (finding.kind.code, finding.severity) == ("scenario-fails", Severity.BREAKS)


def test_imports_are_grouped_by_their_root_and_health_checks_come_first(
    tmp_path: Path, base: KnowledgeBase
) -> None:
    environment = made_environment(
        tmp_path / "env",
        {
            "flash-attn": FLASH_ATTN,
            "s3prl": {"s3prl/__init__.py": "", "s3prl/nn.py": "import flash_attn\n"},
            "other": {"other/__init__.py": "import flash_attn\n"},
            "fine": {"fine.py": ""},
        },
        versions=VERSIONS,
        requested=["other"],
    )
    told: list[str] = []
    (finding,) = prove_imports(environment, base, driver=False, notify=told.append)
    assert finding.severity is Severity.BREAKS
    assert finding.subject == ("flash-attn 2.8.3", "other 1.0", "s3prl 1.0")
    assert told == ["importing 4 packages, each in a process of its own"]
    # "import s3prl" works, and says nothing.
    assert "import s3prl.nn fails" in finding.measured
    only = prove_imports(environment, base, driver=False, only=["fine"])
    assert only == ()
    (finding,) = prove_imports(environment, base, driver=False, only=["s3prl"])
    assert finding.severity is Severity.WARNS  # nobody asked for it


def test_a_compiled_module_that_does_not_load_is_its_own_packages_fault(
    tmp_path: Path, base: KnowledgeBase
) -> None:
    environment = made_environment(
        tmp_path / "env",
        {
            "low": {"low/__init__.py": "from low import _c\n", "low/_c.abi3.so": "no library"},
            "high": {"high.py": "import low\n"},
        },
    )
    (finding,) = prove_imports(environment, base, driver=False)
    assert finding.subject == ("low 1.0", "high 1.0")
    assert "invalid ELF header" in finding.text or "file too short" in finding.text


GPU_CASES = {
    "not-seen": (
        "def is_available(): return False",
        "gpu-not-seen",
        Severity.BREAKS,
        "torch 2.8.0 does not see the GPU of this machine: The NVIDIA driver on your system is too old",
    ),
    "fails": (
        """\
def is_available(): return True
def device_count(): return 1
def get_device_capability(_): return (7, 0)
def get_device_name(_): return "Tesla V100"
def synchronize(_):
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
""",
        "gpu-program-fails",
        Severity.BREAKS,
        "torch 2.8.0 fails on the GPU in the allocation: RuntimeError: CUDA error: no kernel image",
    ),
}


@pytest.mark.parametrize("case", sorted(GPU_CASES))
def test_what_torch_says_of_the_gpu_is_told_with_its_step(
    tmp_path: Path, base: KnowledgeBase, case: str
) -> None:
    cuda, code, severity, text = GPU_CASES[case]
    torch = {
        "torch/__init__.py": """\
import types
from torch import cuda
backends = types.SimpleNamespace(
    cuda=types.SimpleNamespace(matmul=types.SimpleNamespace()), cudnn=types.SimpleNamespace()
)
nn = types.SimpleNamespace(functional=None)
def manual_seed(_): pass
def device(kind, number): return (kind, number)
def zeros(*_, device=None):
    if not cuda.is_available():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")
    return types.SimpleNamespace(add_=lambda _: None)
class linalg:
    @staticmethod
    def solve(*_): raise RuntimeError("the same root as before")
""",
        "torch/cuda.py": cuda,
    }
    environment = made_environment(tmp_path / "env", {"torch": torch}, versions=VERSIONS)
    ran, findings = compute_on_gpu(environment, base)
    assert [each.name for each in ran] == ["torch_math", "torch_linalg"]
    assert findings[0].kind.code == code
    assert findings[0].severity is severity
    assert findings[0].text.startswith(text)
    assert findings[0].because is not None
    # torch.linalg is a part of it, and its failure leaves the rest usable.
    assert {finding.severity for finding in findings[1:]} <= {Severity.WARNS}


def test_nothing_is_computed_where_nothing_computes(tmp_path: Path, base: KnowledgeBase) -> None:
    environment = made_environment(tmp_path / "env", {"fine": {"fine.py": ""}})
    assert compute_on_gpu(environment, base) == ((), ())
