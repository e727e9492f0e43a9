"""What the system says at one of its limits, or where a process goes down inside of a library."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_GENERAL = SymptomRank.GENERAL

SIGNS: tuple[Sign, ...] = (
    sign_of(
        m.TOO_MANY_PROCESSES,
        r"pthread_create(?:\(\))?[^\n]{0,40}(?:failed|Resource temporarily unavailable|not permitted)[^\n]*",
        r"can't start new thread",
        r"fork: (?:retry: )?(?:Resource temporarily unavailable|Cannot allocate memory)[^\n]*",
        r"Thread creation failed: Resource temporarily unavailable",
        r"unable to create (?:new )?(?:native )?thread[^\n]*",
        r"BlockingIOError: \[Errno 11\] Resource temporarily unavailable",
        cause=(
            "The process could not start another thread or process: the user, job or container has reached "
            "its limit of processes and threads (or an old container engine forbids the call)."
        ),
        remedies=(
            "Use fewer threads (OMP_NUM_THREADS=1, OPENBLAS_NUM_THREADS=1) and workers.",
            (
                "Raise the limit: ulimit -u, docker run --pids-limit; update Docker where it says that it "
                "is not permitted."
            ),
        ),
        overrides=True,
    ),
    sign_of(
        m.OPEN_FILES,
        r"shared memory object [^\n]*Too many open files[^\n]*",
        r"received 0 items of ancdata",
        r"\[Errno 24\][^\n]*",
        cause=(
            "The process holds as many open files as the system allows it: torch hands tensors from worker "
            "to worker as open files."
        ),
        remedies=(
            (
                "Raise the limit (ulimit -n 65536), use fewer workers, or "
                "torch.multiprocessing.set_sharing_strategy('file_system')."
            ),
        ),
        overrides=True,
    ),
    sign_of(
        m.FILE_SYSTEM,
        r"Stale (?:NFS )?file handle",
        r"Transport endpoint is not connected",
        r"\[Errno 5\] Input/output error[^\n]*",
        r"Input/output error: '[^'\n]+'",
        r"(?:database is locked|disk I/O error|locking protocol)",
        r"\[Errno 37\] No locks available",
        r"unable to lock file, errno = \d+[^\n]*",
        rank=_GENERAL,
        certain=False,
    ),
    sign_of(
        m.SEGFAULT,
        r"double free or corruption[^\n]*",
        (
            r"(?:free|malloc|munmap_chunk|realloc)\(\): (?:invalid|corrupted|unaligned|unsorted|"
            r"mismatching)[^\n]*"
        ),
        r"corrupted (?:size vs\. prev_size|double-linked list)[^\n]*",
        r"stack smashing detected[^\n]*",
        r"\b(?:3221225477|-1073741819|3221226505|-1073740791|3221225725)\b",
        r"0x[Cc]0000(?:005|409|0fd|0FD)",
        cause=(
            "A compiled library crashed (its memory was damaged); the text does not say which, nor why. "
            "Often two libraries that do not fit are loaded together."
        ),
        remedies=(
            "Run with python -X faulthandler: the last lines of its output name the module that was called.",
            "A fresh environment with releases that fit tells whether the mixture is at fault.",
        ),
        rank=SymptomRank.WRAPPER,
        certain=False,
    ),
    sign_of(
        m.LINE_ENDS,
        r"env: '?(?:bash|sh|python3?)\\r'?: No such file[^\n]*",
        r"(?:/bin/\w+\^M|\$?'\\r'|\\r)[^\n]{0,20}(?:bad interpreter|command not found)[^\n]*",
        overrides=True,
    ),
    sign_of(
        m.INTERPRETER_GONE,
        r"(?P<script>[\w./-]*): (?P<path>/[^\s:]+): bad interpreter: No such file or directory",
        r"bad interpreter: (?P<path>/[^\s:]+): no such file or directory",
        r"Fatal error in launcher: Unable to create process using[^\n]*(?P<path>)",
        r"did not find executable at '(?P<path>[^'\n]+)'",
        overrides=True,
    ),
    sign_of(
        m.RESTART,
        r"You must restart the runtime in order to use newly installed versions",
        (
            r"(?:RESTART (?:RUNTIME|SESSION)|restart (?:your|the) (?:kernel|runtime|session)) (?:to|in "
            r"order to|before)[^\n]*"
        ),
        certain=False,
    ),
    sign_of(
        m.SYSTEM_PACKAGES,
        r"The following packages have unmet dependencies",
        r"you have held broken packages",
        r"E: Unable to locate package [^\n]*",
        r"E: Package '[^'\n]+' has no installation candidate",
        r"E: Version '[^'\n]+' for '[^'\n]+' was not found",
        r"dpkg: error processing (?:package|archive) [^\n]*",
        r"E: Failed to fetch [^\n]*",
        r"dpkg was interrupted[^\n]*",
        r"Could not get lock /var/lib/(?:dpkg|apt)[^\n]*",
        r"NO_PUBKEY[^\n]*",
        r"E: The repository '[^'\n]+' (?:is not signed|does not have a Release file)[^\n]*",
        cause=(
            "The package manager of the system (apt) cannot install what was asked for: packages depend on "
            "or exclude others (as two driver branches do), a package or source is not there, or the key of "
            "its signature is missing or old."
        ),
        certain=False,
    ),
    sign_of(
        m.WINDOWS_FILE,
        r"\[WinError (?:5|32|206)\][^\n]*",
        r"does not have Windows Long Path support enabled[^\n]*",
        cause=(
            "Windows refused to write or remove a file: a running program uses it, the user may not, or the "
            "path is too long."
        ),
        remedies=(
            (
                "End the programs that use the environment (Python, notebooks), run as administrator or in "
                "an environment of your own, and enable long paths."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.PYTHON_INCOMPLETE,
        r"ensurepip is not\s+available",
        cause=(
            "This Python has no ensurepip, so that no virtual environment can be made: on Debian and Ubuntu "
            "it is a package of its own."
        ),
        remedies=("apt-get install python3-venv, or make the environment with uv venv.",),
    ),
    sign_of(
        m.CUDA_MEMORY,
        r"[Tt]ried to allocate [\d.]+ ?[KMG]i?B[^\n]*",
        r"ResourceExhaustedError(?![^\n]*(?:No space|CPU))[^\n]*",
        r"Allocator \(\w*GPU_\d\w*\) ran out of memory[^\n]*",
        r"MPS backend out of memory[^\n]*",
        cause=(
            "The memory of the GPU does not suffice for what the program asked for: the model or batch is "
            "too large for what is free. Another environment does not change that."
        ),
        remedies=(
            "See with nvidia-smi who else uses the GPU; use smaller batches, sequences or data types.",
        ),
        unless=("DefaultCPUAllocator", "not enough memory: you", "device:CPU"),
    ),
    sign_of(
        m.HOST_MEMORY,
        r"session crashed after using all available RAM[^\n]*",
        r"(?:ran|run|running) out of (?:host |CPU |system )(?:memory|RAM)[^\n]*",
        r"(?:failed to|could not|cannot|unable to) allocate (?:host |CPU |pinned |system )?memory[^\n]*",
        r"TerminatedWorkerError[^\n]*",
        r"unexpectedly terminated\. This could be caused by a segmentation fault[^\n]*",
        cause=(
            "The machine's memory (not the GPU's) did not suffice, as far as the message tells: a process "
            "asked for more than there is, or was ended because of it."
        ),
        remedies=("Ask for more memory, or use less: fewer workers, smaller parts.",),
        certain=False,
        unless=("GPU", "CUDA", "static TLS"),
    ),
)
