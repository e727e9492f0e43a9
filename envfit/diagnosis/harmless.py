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
        "torchvision could not load its image reader. It is needed only by programs that read images with "
        "torchvision.io, and breaks nothing else.",
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
        "The program left semaphores or shared memory to be cleaned up at its end. It is a consequence of "
        "the way it ended, and harmless by itself.",
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
            "The tokenizers were used before the process was forked and therefore run without threads. It "
            "is harmless."
        ),
        r"huggingface/tokenizers: The current process just got forked[^\n]*",
    ),
    _harmless(
        "TensorFlow tells which instructions of the processor its build would use. It is harmless.",
        r"This TensorFlow binary is optimized (?:with|to use)[^\n]*",
    ),
    _harmless(
        "A package warns that something it uses will go or change in a later release. It works as it is, "
        "and the warning is harmless.",
        r"pkg_resources is deprecated as an API[^\n]*",
        r"The pynvml package is deprecated[^\n]*",
        r"`?torch_dtype`? is deprecated[^\n]*",
        r"`?resume_download`? is deprecated[^\n]*",
    ),
    _harmless(
        "This torch has no flash attention of its own compiled in (as on Windows) and computes attention in "
        "another way, which is slower. It is harmless.",
        r"Torch was not compiled with flash attention[^\n]*",
    ),
    _harmless(
        "cuDNN could not use one of its plans and took another. It is harmless where nothing else fails.",
        r"Plan failed with a (?:cudnnException|CuDNNError)[^\n]*",
    ),
    _harmless(
        (
            "The build of TensorFlow does not use all instructions of this processor. It is harmless, only "
            "slower."
        ),
        r"Your CPU supports instructions that this TensorFlow binary was not compiled to use[^\n]*",
    ),
    _harmless(
        (
            "torch first tries an address that is not in use (mostly IPv6) and then another. It is harmless "
            "where the run goes on."
        ),
        r"\[W[^\n]*The client socket has failed to connect to [^\n]*errno: (?:97|99)[^\n]*",
        r"\[W[^\n]*The IPv6 network addresses of [^\n]*cannot be retrieved[^\n]*",
        r"\[W[^\n]*The server socket cannot be initialized on \[::\][^\n]*",
    ),
    _harmless(
        "MPI or InfiniBand looks for special network cards and finds none or no driver for one. It is "
        "harmless where the run goes on.",
        r"libibverbs: Warning: couldn't load driver[^\n]*",
        r"There was an error initializing an OpenFabrics device[^\n]*",
        r"unable to find any relevant network interfaces[^\n]*",
    ),
    _harmless(
        "pip found the remains of an interrupted installation (a folder whose name begins with ~ or -) and "
        "passed them over. It is harmless; delete the folder.",
        r"Ignoring invalid distribution [^\n]*",
        remedy="Delete the folders in site-packages whose names begin with ~.",
    ),
    _harmless(
        (
            "pip only tells of itself: a newer pip, a folder that is not in PATH, or a check that failed. "
            "It is harmless."
        ),
        r"There was an error checking the latest version of pip[^\n]*",
        r"A new release of pip (?:is )?available[^\n]*",
        (
            r"(?:scripts?|executables?) [^\n]{1,120} (?:is|are) installed in '[^'\n]+' which is not on "
            r"PATH[^\n]*"
        ),
    ),
    _harmless(
        "The weights that are named are new in this model and will be trained, as is meant for a new task. "
        "It is harmless in that case.",
        r"Some weights of [^\n]{1,120}(?:were not initialized|were not used)[^\n]*",
    ),
    _harmless(
        "Generation was called without an attention mask or padding token and takes its defaults. It is "
        "harmless for single inputs.",
        r"Setting `?pad_token_id`? to `?eos_token_id`?[^\n]*",
        r"The attention mask (?:and the pad token id were|is) not set[^\n]*",
    ),
    _harmless(
        (
            "torch warns of a setting that is old or of something that it does by itself. It is harmless "
            "and breaks nothing."
        ),
        r"\[W\d[^\n]*Warning: [^\n]*(?:deprecated|is the default now|has no effect)[^\n]*",
        r"UserWarning: Attempting to run cuBLAS, but there was no current CUDA context[^\n]*",
        r"expandable_segments not supported on this platform[^\n]*",
        r"UserWarning: The given NumPy array is not writ\w+[^\n]*",
        r"UserWarning: TypedStorage is deprecated[^\n]*",
    ),
    _harmless(
        (
            "ldconfig tells that a library of the driver is no symbolic link, as is usual in WSL and "
            "containers. It is harmless."
        ),
        r"ldconfig[^\n]*is not a symbolic link",
    ),
    _harmless(
        "uv tells that it copies files in place of linking them, or that another environment is active than "
        "the project's. It is harmless.",
        r"Failed to hardlink files; falling back to full copy[^\n]*",
        r"`?VIRTUAL_ENV=[^\n]* does not match the project environment path[^\n]*",
    ),
    _harmless(
        (
            "DeepSpeed tells which of its optional parts cannot be built here. It is harmless where they "
            "are not used."
        ),
        r"\[WARNING\] +(?:async_io|sparse_attn|using untested triton|please install triton)[^\n]*",
        r"async_io(?: requires the dev libaio|: please install the libaio)[^\n]*",
    ),
)
