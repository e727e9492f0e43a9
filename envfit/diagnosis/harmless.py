"""Messages that frighten and break nothing, in any program."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]


def _harmless(cause: str, *patterns: str, remedy: str = "") -> Sign:
    return sign_of(
        m.LEFT_ALONE,
        *patterns,
        cause=cause,
        remedies=(remedy,) if remedy else (),
        rank=SymptomRank.HARMLESS,
    )


SIGNS: tuple[Sign, ...] = (
    _harmless(
        "torchvision could not load its image reader. It is needed only by programs that read images "
        "with torchvision.io, and "
        "breaks nothing else.",
        r"Failed to load image Python extension[^\n]*",
        remedy=(
            "Nothing, unless the program uses torchvision.io; else install torchvision and torch of the "
            "same release."
        ),
    ),
    _harmless(
        "A large piece of memory was asked for, which the allocator (tcmalloc) tells of. It is harmless.",
        r"tcmalloc: large alloc[^\n]*",
    ),
    _harmless(
        "Linux does not tell which memory node a GPU is near to, as in virtual machines. It is harmless.",
        r"NUMA node read from SysFS had negative value[^\n]*",
        r"could not open file to read NUMA node[^\n]*",
    ),
    _harmless(
        "NCCL finds no plugin for special networks and uses what it has of its own. It is harmless.",
        r"NET/Plugin[^\n]*(?:No plugin found|Plugin load[^\n]*libnccl-net\.so|Could not find: libnccl)[^\n]*",
        r"(?:TUNER|PROFILER)/Plugin[^\n]*(?:Could not find|No plugin)[^\n]*",
    ),
    _harmless(
        "torchrun sets OMP_NUM_THREADS to 1 where nobody set it. It is harmless.",
        r"Setting OMP_NUM_THREADS environment variable for each process to be 1[^\n]*",
    ),
    _harmless(
        "pip warns of being run as root. It is harmless in a container.",
        r"Running pip as the 'root' user can result in broken permissions[^\n]*",
    ),
    _harmless(
        "The program left semaphores or shared memory to be cleaned up at its end. It is a consequence "
        "of the way it ended, and "
        "harmless by itself.",
        r"resource_tracker: There appear to be \d+ leaked [^\n]*",
    ),
    _harmless(
        "torch tells that the process group was not closed before the end. It is harmless by itself.",
        r"destroy_process_group\(\) was not called before program exit[^\n]*",
    ),
    _harmless(
        "xformers finds no Triton that fits and leaves some optimizations out. It works without.",
        r"A matching Triton is not available, some optimizations will not be enabled[^\n]*",
    ),
    _harmless(
        (
            "The tokenizers were used before the process was forked and therefore run without threads. "
            "It is harmless."
        ),
        r"huggingface/tokenizers: The current process just got forked[^\n]*",
    ),
    _harmless(
        "TensorFlow tells which instructions of the processor its build would use. It is harmless.",
        r"This TensorFlow binary is optimized (?:with|to use)[^\n]*",
    ),
)
