"""The list of packages and machines, and the page that is written of them."""

from judges.inputs import Corpus, GpuTarget, Input
from judges.outcome import Explained
from judges.top import asides, read_top
from judges.top_page import page

MACHINE = GpuTarget(
    name="V100 535", gpu="V100", driver="535.161.08", capability="7.0", cuda="12.2", python="3.12"
)


def test_sixty_packages_in_the_order_of_their_ranks_and_twelve_machines():
    corpus = read_top()
    ranks = [item.rank for item in corpus.inputs]
    assert len(ranks) == len({item.name for item in corpus.inputs}) == 60
    assert ranks == sorted(ranks)
    assert len(corpus.targets) == 12
    assert {target.machine for target in corpus.targets} == {"x86_64", "aarch64"}
    assert all(target.python for target in corpus.targets)


def test_a_package_is_asked_for_by_its_name_unless_stated():
    stated = {item.name: item.requirements for item in read_top().inputs}
    assert stated["torchvision"] == ("torchvision",)
    assert stated["transformers"] == ("torch", "transformers")


def test_what_decides_nothing_says_why():
    assert all(asides().values())


def test_the_page_has_the_share_the_disagreements_and_what_is_older():
    corpus = Corpus(
        inputs=(
            Input(name="torch", requirements=("torch",), rank=330),
            Input(name="timm", requirements=("timm",), rank=1227),
            Input(name="vllm", requirements=("vllm",), rank=1740),
        ),
        targets=(MACHINE,),
    )
    run = {"outcome": "runs", "versions": {"torch": "2.10.0"}, "why": "torch 2.11.0: CUDA 13"}
    entries = {
        "torch / V100 535": {
            "uv": {"outcome": "cannot run", "cannot": ["torch 2.15.0: no code for 7.0"]},
            "envfit": run,
            "fate": "envfit's alone",
        },
        "timm / V100 535": {
            "uv": {"outcome": "runs", "versions": {"torch": "2.15.0"}},
            "envfit": run,
            "fate": "both run",
        },
        "vllm / V100 535": {"uv": {"outcome": "runs"}, "envfit": {}, "fate": "disagreement"},
    }
    explained = [Explained(packages=("vllm",), targets=(), reason="No wheel.", right="judge")]
    image = {"sm_75": 1, "compute_75 (8.0)": 1}
    agreement = {
        "a-1-py3-none-any.whl: lib.so": {
            "cuobjdump": image,
            "envfit": image,
            "architectures": ["compute_75", "sm_75"],
            "fatbins": 1,
            "fatbins-of-the-whole": 1,
            "payloads": {"zstd": 1},
        }
    }
    text = page(corpus, entries, explained, agreement, {"x": "why"})
    assert "| V100, 535.161.08 | 3.12 | 1 | 1 | 1 | 33% |" in text
    assert "- V100 535: torch 2.15.0: no code for 7.0 (1)" in text
    assert "- vllm on V100 535 (judge is right): No wheel." in text
    assert "older than uv's in 1 of 1." in text
    assert "- torch 2.11.0: CUDA 13: timm on V100 535" in text
    assert "| `a-1-py3-none-any.whl` | 1 | 1 | 2 | zstd | compute_75 sm_75 |" in text
