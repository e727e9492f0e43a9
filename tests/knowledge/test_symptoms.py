"""The symptoms against their own excerpts and against each other, and what a log may look like."""

from __future__ import annotations

import json
import marshal
import re
import textwrap
import time
from pathlib import Path

import pytest

from envfit.errors import KnowledgeError
from envfit.knowledge.load import load
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.plain import from_plain, to_plain
from envfit.knowledge.symptom import Symptom, SymptomRank
from envfit.knowledge.symptom_match import SymptomMatch, find_symptoms
from envfit.knowledge.symptom_pattern import compile_pattern
from envfit.knowledge.symptom_text import READINGS

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
BASE = load(CONSTRAINTS)
SYMPTOMS = {symptom.id: symptom for symptom in BASE.symptoms}
EXCERPTS = [
    pytest.param(symptom, excerpt, id=f"{symptom.id}-{place}")
    for symptom in BASE.symptoms
    for place, excerpt in enumerate(symptom.excerpts)
]


def found(text: str) -> list[str]:
    return [match.symptom.id for match in find_symptoms(text, BASE.symptoms)]


def one(text: str) -> SymptomMatch:
    return find_symptoms(text, BASE.symptoms)[0]


# -- the symptoms themselves ------------------------------------------------------


def test_there_are_many():
    assert len(BASE.symptoms) >= 150


@pytest.mark.parametrize(("symptom", "excerpt"), EXCERPTS)
def test_an_excerpt_is_first_of_all_its_own(symptom: Symptom, excerpt: str):
    assert found(excerpt)[:1] == [symptom.id]


@pytest.mark.parametrize(("symptom", "excerpt"), EXCERPTS)
def test_an_excerpt_is_no_other_symptom(symptom: Symptom, excerpt: str):
    others = {name for name in found(excerpt) if name != symptom.id}
    declared = {name for name in others if name in symptom.related or symptom.id in SYMPTOMS[name].related}
    assert others == declared


@pytest.mark.parametrize(("symptom", "excerpt"), EXCERPTS)
def test_the_sentences_are_whole(symptom: Symptom, excerpt: str):
    for match in find_symptoms(excerpt, [symptom]):
        for sentence in (match.cause, *match.remedy):
            assert "{" not in sentence
            assert "  " not in sentence
        assert "()" not in match.cause
        assert not re.search(r" [,;]", match.cause)
        assert match.cause[-1] == "."


@pytest.mark.parametrize("symptom", BASE.symptoms, ids=lambda symptom: symptom.id)
def test_a_symptom_is_sound(symptom: Symptom):
    assert len(symptom.cause) < 420
    assert symptom.id not in symptom.related
    assert all(len(excerpt) < 700 for excerpt in symptom.excerpts)
    if symptom.rank is SymptomRank.WRAPPER:
        assert "hidden behind" in symptom.cause


def test_most_patterns_have_an_excerpt():
    patterns = [(symptom, pattern) for symptom in BASE.symptoms for pattern in symptom.patterns]
    covered = [
        pattern
        for symptom, pattern in patterns
        if any(find_symptoms(excerpt, [_alone(symptom, pattern)]) for excerpt in symptom.excerpts)
    ]
    assert len(covered) > len(patterns) * 0.6


def _alone(symptom: Symptom, pattern: str) -> Symptom:
    fields = {name: getattr(symptom, name) for name in Symptom.__slots__}
    return Symptom(**(fields | {"patterns": (pattern,), "cause": "It is.", "remedy": ("Do.",)}))


# -- the cause before the message of a wrapper ---------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        pytest.param(
            "flash-attn/extension-missing",
            "transformers/failed-import",
            """
            RuntimeError: Failed to import transformers.models.mistral.modeling_mistral because of the following error (look up to see its traceback):
            No module named 'flash_attn_2_cuda'
            """,
            id="transformers",
        ),
        pytest.param(
            "torchaudio/removed-backend",
            "espnet/s3prl-not-installed",
            """
            Error: S3PRL is not properly installed.
            Please install S3PRL: cd ${MAIN_ROOT}/tools && make s3prl.done
            Traceback (most recent call last):
              File "/venv/lib/python3.11/site-packages/s3prl/upstream/roberta/roberta_model.py", line 20, in <module>
                torchaudio.set_audio_backend("sox_io")
            AttributeError: module 'torchaudio' has no attribute 'set_audio_backend'
            """,
            id="ESPnet",
        ),
        pytest.param(
            "flash-attn/abi",
            "transformers/could-not-import",
            """
            ImportError: /venv/lib/python3.11/site-packages/flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE

            The above exception was the direct cause of the following exception:

            ModuleNotFoundError: Could not import module 'HubertModel'. Are this object's requirements defined correctly?
            """,
            id="transformers' newer words",
        ),
        pytest.param(
            "cuda/runtime-library-missing",
            "vllm/failed-import-c",
            "Failed to import from vllm._C with ImportError('libcudart.so.12: cannot open shared object file: No such file or directory')",
            id="vLLM",
        ),
        pytest.param(
            "build/gcc-too-new",
            "build/ninja-failed",
            """
            FAILED: kernel.o
            /usr/include/crt/host_config.h:139:2: error: #error -- unsupported GNU version! gcc versions later than 12 are not supported!
            ninja: build stopped: subcommand failed.
            subprocess.CalledProcessError: Command '['ninja', '-v']' returned non-zero exit status 1.
            """,
            id="ninja",
        ),
        pytest.param(
            "cuda/no-kernel-image",
            "espnet/flash-attn-default",
            """
            Failed to import Flash Attention, using ESPnet default: No module named 'flash_attn'
            RuntimeError: CUDA error: no kernel image is available for execution on the device
            """,
            id="harmless last",
        ),
    ],
)
def test_a_cause_comes_before_what_hides_it(first: str, second: str, text: str):
    names = found(textwrap.dedent(text))
    assert names[0] == first
    assert second in names
    assert names.index(second) > names.index(first)


def test_the_order_of_the_log_decides_among_equals():
    warning = (
        "NVIDIA RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."
    )
    error = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
    assert found(f"{warning}\n\n{error}") == ["torch/capability-not-compatible", "cuda/no-kernel-image"]


# -- what a log looks like -------------------------------------------------------------

ABI = (
    "ImportError: /venv/lib/python3.10/site-packages/flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so:"
    " undefined symbol: _ZN3c104cuda9SetDeviceEi"
)
WRAPPED = [
    "The detected CUDA version (11.8) mismatches the version that was used to compile",
    "PyTorch (12.4). Please make sure to use the same CUDA versions.",
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("flash-attn/abi", f"\x1b[31m{ABI}\x1b[0m", id="colours"),
        pytest.param(
            "flash-attn/abi",
            ABI.replace("undefined symbol", "\x1b[1;31mundefined\x1b[0m symbol"),
            id="colours inside",
        ),
        pytest.param("flash-attn/abi", f"start\r\n{ABI}\r\nend\r\n", id="Windows line ends"),
        pytest.param("flash-attn/abi", ABI.upper(), id="case"),
        pytest.param("build/cuda-mismatch", "\n".join(WRAPPED), id="wrapped"),
        pytest.param("build/cuda-mismatch", "\n".join(f"      {line}" for line in WRAPPED), id="indented"),
        pytest.param("build/cuda-mismatch", "\n".join(f"[rank3]: {line}" for line in WRAPPED), id="ranks"),
        pytest.param(
            "build/cuda-mismatch",
            "\n".join(f"2026-11-20T10:12:13.123456Z {line}" for line in WRAPPED),
            id="timestamps",
        ),
        pytest.param(
            "build/cuda-mismatch",
            "\n".join(f"ERROR 01-11 13:09:40 [core.py:708] {line}" for line in WRAPPED),
            id="vLLM's prefix",
        ),
        pytest.param(
            "build/cuda-mismatch",
            "\n".join(
                f"(EngineCore_DP0 pid=2221) ERROR 01-11 13:09:40 [core.py:708] {line}" for line in WRAPPED
            ),
            id="vLLM's prefixes",
        ),
        pytest.param(
            "build/cuda-mismatch", "\n".join(f"#11 24.11       {line}" for line in WRAPPED), id="docker build"
        ),
        pytest.param(
            "build/cuda-mismatch", "\n".join(f"trainer-1  | {line}" for line in WRAPPED), id="docker compose"
        ),
        pytest.param(
            "build/cuda-mismatch", "\n".join(f"[1,3]<stdout>:{line}" for line in WRAPPED), id="mpirun"
        ),
        pytest.param("build/cuda-mismatch", "\n".join(f"E       {line}" for line in WRAPPED), id="pytest"),
        pytest.param(
            "build/cuda-mismatch",
            "\n".join(f"  │   {line:<90}│" for line in WRAPPED),
            id="a box",
        ),
        pytest.param(
            "build/cuda-mismatch",
            "\n".join(f"Nov 20 10:12:13 node17 slurmd[991]: {line}" for line in WRAPPED),
            id="syslog",
        ),
        pytest.param("build/cuda-mismatch", "\n".join(f"> {line}" for line in WRAPPED), id="quoted"),
        pytest.param(
            "build/cuda-mismatch",
            "\n".join(json.dumps({"log": line + "\n", "stream": "stderr"}) for line in WRAPPED),
            id="JSON, a line each",
        ),
        pytest.param(
            "build/cuda-mismatch",
            json.dumps({"level": "error", "msg": "\n".join(WRAPPED)}),
            id="JSON, one line",
        ),
        pytest.param("build/cuda-mismatch", repr("a\n" + "\n".join(WRAPPED) + "\nb"), id="quoted by Python"),
        pytest.param("flash-attn/abi", "x" * 9000 + " " + ABI, id="the end of a long line"),
        pytest.param(
            "build/no-cxx-compiler",
            "gcc: fatal error: cannot execute \u2018cc1plus\u2019: execvp: No such file or directory",
            id="quotes of a compiler",
        ),
        pytest.param("flash-attn/abi", "İİİ\n" + ABI, id="letters that grow in lower case"),
    ],
)
def test_a_log_is_read_through_its_dress(name: str, text: str):
    assert found(text) == [name]


def test_lines_are_those_of_the_text_as_it_was_given():
    text = "\r\n".join(["one", "two", *WRAPPED, "five"])
    match = one(text)
    assert match.lines == (3, 4)
    assert match.values == {"nvcc": "11.8", "torch": "12.4"}
    assert match.cause == (
        "An extension is compiled with nvcc of CUDA 11.8, and torch is built for 12.4: the majors must be the same."
    )


def test_each_library_that_is_missing_is_reported_once():
    lines = [
        "ImportError: libcudart.so.13: cannot open shared object file: No such file or directory",
        "ImportError: libcublas.so.13: cannot open shared object file: No such file or directory",
        "ImportError: libcudart.so.13: cannot open shared object file: No such file or directory",
    ]
    matches = find_symptoms("\n".join(lines), BASE.symptoms)
    assert [match.values["library"] for match in matches] == ["libcudart.so.13", "libcublas.so.13"]


def test_a_message_that_says_less_is_not_reported_again():
    text = "\n".join(SYMPTOMS["jax/ptxas-too-old"].excerpts)
    matches = find_symptoms(text, BASE.symptoms)
    assert [match.values["capability"] for match in matches] == ["9.0"]


@pytest.mark.parametrize(
    ("reading", "text", "read"),
    [
        ("capability", "sm_120", "12.0"),
        ("capability", "sm_121a", "12.1"),
        ("capability", "compute_86", "8.6"),
        ("capability", "(8, 0)", "8.0"),
        ("capability", "9.0", "9.0"),
        ("capability", "compute_native", "compute_native"),
        ("cuda", "12080", "12.8"),
        ("cuda", "13000", "13.0"),
        ("cuda", "1201", "12.1"),
        ("cuda", "129", "12.9"),
        ("cuda", "13", "13"),
        ("cuda", "12.4", "12.4"),
        ("cuda", "None", "None"),
    ],
)
def test_readings(reading: str, text: str, read: str):
    assert READINGS[reading](text) == read


# -- what is no symptom ------------------------------------------------------------------

INNOCENT = {
    "pip": """
        Collecting torch==2.8.0
          Downloading torch-2.8.0-cp312-cp312-manylinux_2_28_x86_64.whl.metadata (30 kB)
        Collecting nvidia-cudnn-cu12==9.10.2.21 (from torch==2.8.0)
          Using cached nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl.metadata (1.8 kB)
        Collecting triton==3.4.0 (from torch==2.8.0)
        Requirement already satisfied: numpy in ./venv/lib/python3.12/site-packages (2.3.2)
        Building wheels for collected packages: flash-attn
          Building wheel for flash-attn (setup.py) ... done
          Created wheel for flash-attn: filename=flash_attn-2.8.3-cp312-cp312-linux_x86_64.whl size=256040057
        Successfully built flash-attn
        Installing collected packages: triton, nvidia-cudnn-cu12, torch, flash-attn
        Successfully installed flash-attn-2.8.3 torch-2.8.0 triton-3.4.0
    """,
    "uv": """
        Resolved 62 packages in 812ms
        Prepared 14 packages in 3m 12s
        Installed 62 packages in 441ms
         + nvidia-cublas-cu12==12.8.4.1
         + nvidia-nccl-cu12==2.27.3
         + torch==2.8.0
         ~ setuptools==80.9.0
    """,
    "conda": """
        Channels:
         - conda-forge
        Platform: linux-64
        Collecting package metadata (repodata.json): done
        Solving environment: done
        The following NEW packages will be INSTALLED:
          __glibc is not shown
          cuda-version       conda-forge/noarch::cuda-version-12.9-h4f385c5_3
          pytorch            conda-forge/linux-64::pytorch-2.8.0-cuda129_mkl_py312_h8f1f7b1_301
        Preparing transaction: done
        Verifying transaction: done
        Executing transaction: done
    """,
    "training": """
        2026-11-20 10:01:02,123 - INFO - Using device cuda:0 (NVIDIA H200, capability 9.0)
        Epoch 1/10 loss: 2.3012 acc: 0.11 lr: 0.001 mem: 34.1 GiB
        Epoch 2/10 loss: 1.9120 acc: 0.33 lr: 0.001 mem: 34.1 GiB
        100%|██████████| 1200/1200 [10:12<00:00,  1.96it/s]
        Saved checkpoint to runs/exp1/checkpoint-2.pt
    """,
    "espnet training": """
        [gpu01:0/2] 2026-11-20 09:11:12,345 (trainer:762) INFO: 1epoch:train:1-100batch: iter_time=0.112, loss_ctc=182.3, loss_att=94.2, acc=0.102, backward_time=0.2, optim0_lr0=2.0e-06
        [gpu01:0/2] 2026-11-20 09:12:12,345 (trainer:357) INFO: 1epoch results: [train] loss=112.2 [valid] loss=98.1
        [gpu01:0/2] 2026-11-20 09:12:13,345 (abs_task:1301) INFO: pytorch.version=2.8.0+cu128, cuda.available=True, cudnn.version=91002
    """,
    "nvidia-smi": """
        +-----------------------------------------------------------------------------------------+
        | NVIDIA-SMI 570.133.20             Driver Version: 570.133.20     CUDA Version: 12.8     |
        |-----------------------------------------+------------------------+----------------------+
        | GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
        |   0  NVIDIA H200                    On  |   00000000:18:00.0 Off |                    0 |
        | N/A   32C    P0             76W /  700W |       1MiB / 143771MiB |      0%      Default |
        |  No running processes found                                                             |
        +-----------------------------------------------------------------------------------------+
    """,
    "a program's own error": """
        Traceback (most recent call last):
          File "train.py", line 88, in <module>
            main()
          File "train.py", line 61, in main
            batch = next(loader)
          File "/venv/lib/python3.12/site-packages/torch/utils/data/dataloader.py", line 733, in __next__
            data = self._next_data()
        KeyError: 'input_ids'
    """,
    "a shape error": """
        RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x768 and 512x10)
    """,
    "a device error": """
        RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!
    """,
    "a missing file": """
        FileNotFoundError: [Errno 2] No such file or directory: 'data/train.jsonl'
        OSError: Unable to open file (unable to open file: name = 'features.h5', errno = 2, error message = 'No such file or directory')
    """,
    "a missing package of one's own": """
        ModuleNotFoundError: No module named 'omegaconf'
        ImportError: cannot import name 'build_model' from 'mymodel.models' (/home/me/mymodel/models/__init__.py)
    """,
    "a network error": """
        WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after connection broken
        requests.exceptions.ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded
        OSError: We couldn't connect to 'https://huggingface.co' to load this file
    """,
    "warnings": """
        /venv/lib/python3.12/site-packages/torch/nn/modules/transformer.py:382: UserWarning: enable_nested_tensor is True, but self.use_nested_tensor is False
        FutureWarning: `torch.cuda.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cuda', args...)` instead.
        The attention mask is not set and cannot be inferred from input because pad token is same as eos token.
    """,
    "a build that works": """
        [1/12] /usr/local/cuda/bin/nvcc --generate-dependencies-with-compile --dependency-output kernel.o.d -I/venv/lib/python3.12/site-packages/torch/include -gencode arch=compute_90,code=sm_90 -std=c++17 -c kernel.cu -o kernel.o
        ptxas info    : 0 bytes gmem
        ptxas info    : Compiling entry function '_Z6kernelPf' for 'sm_90'
        [12/12] c++ main.o kernel.o -shared -L/venv/lib/python3.12/site-packages/torch/lib -lc10 -lc10_cuda -ltorch_cuda -lcudart -o ext.so
        Loading extension module ext...
    """,
    "NCCL that works": """
        gpu01:2211:2211 [0] NCCL INFO Bootstrap : Using eth0:10.0.0.11<0>
        gpu01:2211:2211 [0] NCCL INFO cudaDriverVersion 12080
        gpu01:2211:2291 [0] NCCL INFO NET/Plugin: No plugin found (libnccl-net.so), using internal implementation
        gpu01:2211:2291 [0] NCCL INFO ncclCommInitRank comm 0x55d0 rank 0 nranks 2 cudaDev 0 - Init COMPLETE
    """,
    "vLLM that works": """
        INFO 11-20 10:00:01 [__init__.py:216] Automatically detected platform cuda.
        (EngineCore_DP0 pid=311) INFO 11-20 10:00:22 [cuda.py:366] Using Flash Attention backend on V1 engine.
        (APIServer pid=201) INFO:     Application startup complete.
    """,
    "tensorflow that works": """
        2026-11-20 10:00:00.000000: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to use available CPU instructions in performance-critical operations.
        I0000 00:00:1732096800.000000   11 gpu_device.cc:2020] Created device /job:localhost/replica:0/task:0/device:GPU:0 with 138000 MB memory:  -> device: 0, name: NVIDIA H200, compute capability: 9.0
    """,
    "a lock": """
        [[package]]
        name = "torch"
        version = "2.8.0+cu128"
        wheels = [{ url = "https://download.pytorch.org/whl/cu128/torch-2.8.0%2Bcu128-cp312-cp312-manylinux_2_28_x86_64.whl", hash = "sha256:aa" }]
    """,
    "requirements": """
        torch==2.8.0
        flash-attn==2.8.3 ; platform_machine == "x86_64"
        numpy<2
        bitsandbytes>=0.43
        xformers==0.0.32.post2
    """,
    "prose": """
        We trained on eight H200 GPUs with CUDA 12.8 and flash-attn 2. Ampere GPUs or newer are needed, and the
        NVIDIA driver was 570. Out of memory was never a problem, nor was the C++ ABI of the wheels.
    """,
    "nothing": "",
    "pytest": """
        ============================= test session starts ==============================
        collected 12 items
        tests/test_model.py ..........F.                                         [100%]
        E       assert 3 == 4
        =========================== short test summary info ============================
    """,
}


@pytest.mark.parametrize("name", sorted(INNOCENT))
def test_nothing_is_found_where_nothing_is(name: str):
    assert found(textwrap.dedent(INNOCENT[name])) == []


def test_there_are_enough_innocents():
    assert len(INNOCENT) >= 15


# -- time ----------------------------------------------------------------------------------

ADVERSARIES = {
    "one letter": "a" * 4000,
    "slashes": "/" * 4000,
    "paths": "/usr/lib/python3/site-packages/x.so" * 120,
    "spaces": " " * 4000,
    "digits and dots": "1.2." * 1000,
    "quotes": "'\"" * 2000,
    "underscores": "_ZN3c10" * 500,
    "colours": "\x1b[31m" * 1500,
    "open brackets": "([{" * 1300,
    "prefixes": "[rank0]: " * 400,
    "numbers": "0.123 " * 700,
    "commas": "a, b, " * 700,
}


def _spent(symptoms: list[Symptom], text: str) -> float:
    start = time.process_time()
    find_symptoms(text, symptoms)
    return time.process_time() - start


@pytest.mark.parametrize("symptom", BASE.symptoms, ids=lambda symptom: symptom.id)
def test_a_pattern_takes_its_time_on_no_line(symptom: Symptom):
    """Lines that begin as the symptom does, or hold its words over and over, and never end as it does."""
    texts = []
    for pattern in symptom.patterns:
        word = compile_pattern(pattern).words[0]
        texts += [f"{filling[:1900]}{word}{filling[:1900]}" for filling in ADVERSARIES.values()]
        texts.append(f"{word} " * (3800 // (len(word) + 1)))
        texts.append(f"{word}:'(`/=.{word}_1.2 " * (3800 // (2 * len(word) + 13)))
    for excerpt in symptom.excerpts:
        begin = excerpt.replace("\n", " ")
        texts += [(begin[: len(begin) * part // 4] * 200)[:3900] for part in (1, 2, 3)]
    spent = [_spent([symptom], text) for text in texts]
    assert max(spent) < 0.35
    assert sum(spent) < 2.5


@pytest.mark.parametrize("name", sorted(ADVERSARIES))
def test_all_patterns_together_are_quick(name: str):
    assert _spent(list(BASE.symptoms), "\n".join([ADVERSARIES[name]] * 20)) < 1.5


def test_a_long_log_is_read_quickly():
    lines = [line for text in INNOCENT.values() for line in textwrap.dedent(text).splitlines()]
    text = "\n".join(lines * 150) + "\n" + ABI
    assert len(text) > 900_000
    start = time.process_time()
    assert found(text) == ["flash-attn/abi"]
    assert time.process_time() - start < 6


# -- patterns -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("word (", "no regular expression"),
        ("(a+)+word", "repeats a group"),
        ("word(?:x|xx)*", "repeats a group"),
        ("word(?:a?b+)+", "repeats a group"),
        ("this|that", "chooses with"),
        (".*word.*more.*words.*", "can be anything"),
        ("(?:word)?", "matches everything"),
        ("(?P<a>word)(?P=a)", "refers back"),
        ("word[", "not closed"),
        ("word)", "too many"),
    ],
)
def test_a_pattern_that_is_none_is_refused(pattern: str, why: str):
    with pytest.raises(ValueError, match=re.escape(why)):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        (r"No module named '(?P<m>\w+)'", "module"),
        (r"libcuda\.so\.1: cannot open", "libcuda.so.1:"),
        (r"the words? (?:are|is) her", "word"),
        (r"(?:Only) in groups", "groups"),
        (r"(?P<a>\w+) at (?P<b>\w+)", ""),
    ],
)
def test_a_pattern_is_looked_for_by_its_longest_word(pattern: str, word: str):
    assert compile_pattern(pattern).words[:1] == ((word,) if word else ())


def test_what_repeats_has_an_end():
    expression = compile_pattern(r"word \w+ and .*? more{2,} x*").expression.pattern
    assert (
        expression == r"word\s{1,80}\w{1,200}\s{1,80}and\s{1,80}.{0,200}?\s{1,80}more{2,200}\s{1,80}x{0,200}"
    )


# -- loading ----------------------------------------------------------------------------------

EVIDENCE = '[{ kind = "issue", source = "github.com/a/b, issue 1", locator = "log", checked = 2026-11-27 }]'
SOUND = {
    "id": "'thing/slug'",
    "patterns": "['thing (?P<name>\\w+) failed']",
    "cause": "'{name} failed.'",
    "remedy": "['Mend {name}.']",
    "excerpts": "['thing x failed']",
    "evidence": EVIDENCE,
}


def written(directory: Path, **changed: str) -> Path:
    values = {**SOUND, **changed}
    folder = directory / "symptoms"
    folder.mkdir(exist_ok=True)
    lines = [f"{key} = {value}" for key, value in values.items() if value]
    (folder / "thing.toml").write_text("schema = 1\n[[symptom]]\n" + "\n".join(lines), encoding="utf-8")
    return directory


def test_a_sound_symptom_is_loaded(tmp_path: Path):
    (symptom,) = load(written(tmp_path, rank="'general'", environment="false")).symptoms
    assert symptom.id == "thing/slug"
    assert symptom.rank is SymptomRank.GENERAL
    assert not symptom.environment
    (match,) = find_symptoms("this thing engine failed", [symptom])
    assert (match.cause, match.remedy, match.lines) == ("engine failed.", ("Mend engine.",), (1,))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"id": "'other/slug'"}, "is not thing/"),
        ({"id": "'thing/Slug One'"}, "is not thing/"),
        ({"patterns": "['thing (']"}, "no regular expression"),
        ({"patterns": "[]"}, "patterns: is empty"),
        ({"patterns": "['(?P<name>thing) failed', 'the thing failed']"}, "{name} is a group neither"),
        ({"patterns": "['(?P<name>\\w+) is it']"}, "no word of four letters"),
        ({"cause": "'{other} failed.'"}, "{other} is a group neither"),
        ({"cause": "'{name:colour} failed.'"}, "colour is none of"),
        ({"remedy": "['Mend {other}.']"}, "{other} is a group neither"),
        ({"excerpts": ""}, "excerpts: is missing"),
        ({"evidence": ""}, "evidence: is missing"),
        ({"rank": "'best'"}, "not one of"),
        ({"colour": "'red'"}, "is not a known key"),
        ({"rules": "['thing/none']"}, "thing/none is no rule"),
        ({"related": "['thing/none']"}, "thing/none is no symptom"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, changed: dict[str, str], fault: str):
    with pytest.raises(KnowledgeError, match=re.escape(fault)):
        load(written(tmp_path, **changed))


def test_an_id_is_of_one_symptom(tmp_path: Path):
    path = written(tmp_path) / "symptoms" / "thing.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\n" + text.removeprefix("schema = 1\n"), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="is the id of another symptom"):
        load(tmp_path)


def test_also_and_unless(tmp_path: Path):
    symptoms = load(
        written(
            tmp_path, also="['begun by (?P<who>\\w+)']", unless="['harmless']", cause="'{name} by {who}.'"
        )
    ).symptoms
    assert find_symptoms("thing x failed", symptoms) == ()
    (match,) = find_symptoms("begun by me\nthing x failed, harmless\nthing y failed", symptoms)
    assert (match.cause, match.lines) == ("y by me.", (3,))


def test_words_for_a_group_that_captured_nothing(tmp_path: Path):
    symptoms = load(
        written(
            tmp_path,
            patterns="['thing (?P<name>\\w+) failed', 'the thing is broken']",
            otherwise="{ name = 'something' }",
        )
    ).symptoms
    (match,) = find_symptoms("the thing is broken", symptoms)
    assert match.cause == "something failed."


def test_compiled_knowledge_has_the_same_symptoms():
    plain = marshal.loads(marshal.dumps(to_plain(BASE)))
    again = from_plain(plain)
    assert isinstance(again, KnowledgeBase)
    assert len(again.symptoms) == len(BASE.symptoms)
    assert tuple(again.symptoms) == tuple(BASE.symptoms)
    assert tuple(again.symptoms[:2]) == tuple(BASE.symptoms[:2])
    assert all(isinstance(each, bytes) for each in plain[1]["symptoms"]), "a start would read them"
