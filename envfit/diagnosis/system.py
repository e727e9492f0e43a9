"""What the system says when it ends a process or refuses it something: signals, memory, disk, files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


def _tell_signal(values: Mapping[str, str], _: Scene) -> Telling | None:
    if "number" in values:
        number = abs(int(values["number"]))
        signal = _SIGNALS.get(number - 128 if number > 128 else number, "")
    else:
        signal = values["signal"].upper()
    if signal == "SIGKILL":
        return Telling(
            mechanism=m.KILLED,
            cause=(
                "The process was killed from outside (signal 9): mostly because the machine, container or "
                "job ran out of memory, else by a time limit or a person."
            ),
            remedies=(
                (
                    "dmesg, or the job's accounting, says whether memory was the reason; if so, use less or "
                    "ask for more."
                ),
            ),
            certain=False,
            rank=SymptomRank.GENERAL,
        )
    if signal == "SIGSEGV":
        return _CRASH
    if signal == "SIGBUS":
        return _SHARED_MEMORY
    if signal == "SIGILL":
        return _INSTRUCTION
    return None


_CRASH = Telling(
    mechanism=m.SEGFAULT,
    cause="A compiled library crashed (SIGSEGV); the text does not say which, nor why.",
    remedies=(
        "Run with python -X faulthandler: the last lines of its output name the module that was called.",
        "Mixed libraries are a frequent reason: a fresh environment with releases that fit tells.",
    ),
    rank=SymptomRank.WRAPPER,
)
_SHARED_MEMORY = Telling(
    mechanism=m.BUS_ERROR,
    cause=(
        "A process got SIGBUS, which mostly means that the shared memory (/dev/shm) is full: a container "
        "has 64 MB of it unless it is told otherwise."
    ),
    remedies=("Start the container with --shm-size=8g or --ipc=host; else use fewer workers.",),
    rank=SymptomRank.GENERAL,
)
_INSTRUCTION = Telling(
    mechanism=m.ILLEGAL_INSTRUCTION,
    cause=(
        "A compiled library uses instructions that this processor, or the virtual machine it runs in, does "
        "not have."
    ),
    remedies=("Install a build for this processor; lscpu shows what it has (AVX, AVX2).",),
)


#: A name without a folder, a drive or an ending: only such may be looked for in PATH.
_PROGRAM = re.compile(r"[A-Za-z][\w+-]*")
_STARTING = frozenset({"_execute_child", "Popen", "check_output", "check_call", "create_subprocess_exec"})


def _tell_missing_file(values: Mapping[str, str], scene: Scene) -> Telling | None:
    path = values["path"]
    name = path.rpartition("/")[2]
    if re.search(r"/?bin/nvcc$|^nvcc$", path):
        return Telling(
            mechanism=m.NVCC_MISSING,
            cause=(
                f"GPU code is compiled here, and there is no nvcc at {path}: no CUDA toolkit is installed, "
                "or CUDA_HOME names another folder."
            ),
        )
    started = any("subprocess" in frame.file or frame.function in _STARTING for frame in scene.frames)
    if _PROGRAM.fullmatch(path) and (started or not scene.frames):
        return Telling(
            mechanism=m.PROGRAM_MISSING,
            cause=f"The program {name} is not installed, or its folder is not in PATH.",
            remedies=(f"Install {name}, or put its folder into PATH.",),
            certain=started,
        )
    if scene.raised is None or not scene.frames:
        return None
    return Telling(
        mechanism=m.FILE_MISSING,
        cause=f"The program opens {path}, and there is no such file or folder.",
        remedies=("Look at the path, and whether the step that makes the file ran.",),
        rank=SymptomRank.GENERAL,
    )


SIGNS = (
    Sign(
        patterns=(r"audioread\.exceptions\.NoBackendError", r"Format not recognised"),
        telling=Telling(
            mechanism=m.PROGRAM_MISSING,
            cause=(
                "The audio file cannot be read: its format needs a reader that is not here, mostly ffmpeg, "
                "or the file is no audio."
            ),
            remedies=("Install ffmpeg, or give the file in a format such as WAV.",),
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            r"Model architectures? \[?'?(?P<what>[\w', ]+)'?\]? (?:are|is) not supported",
            r"unknown model architecture: ?'(?P<what>[^'\n]+)'",
            r"[Uu]nknown quantization method: ?'?(?P<what>[\w-]+)",
            r"[Uu]nsupported model IR version: (?P<what>\d+)",
            r"has model type `?'?(?P<what>[\w-]+)`?'? but Transformers does not recognize",
            r"Unrecognized configuration class (?P<what>[^\n]{0,80})",
            r"(?P<what>[\w.-]+) (?:model|architecture)s? (?:is|are) not (?:yet )?supported",
            r"[Uu]nsupported (?:model|architecture|quantization)(?: type| method)?:? '?(?P<what>[\w.-]+)",
            r"invalid magic (?:characters|number)[^\n]{0,20}(?P<what>[^\n]{0,40})",
            r"[Nn]o (?:Op registered for|schema registered for|implementation for) (?P<what>\w+)",
        ),
        telling=Telling(
            mechanism=m.MODEL_UNSUPPORTED,
            cause=(
                "The installed release of the program does not know the model, its quantization or its file "
                "format ({what}): the model is newer than this version, or is made for another program."
            ),
            remedies=(
                (
                    "Upgrade the program to a version that supports the model, or take the model in another "
                    "form."
                ),
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"must be divisible by (?:the )?tensor parallel size",
            (
                r"[Tt]ensor parallel size \(?\d+\)? (?:is )?(?:larger|greater|bigger|exceeds|cannot be "
                r"larger)[^\n]*"
            ),
            r"number of required GPUs exceeds the total number of available GPUs",
            r"[Cc]annot (?:schedule|be scheduled)[^\n]{0,80}GPU",
            (
                r"(?:world_size|WORLD_SIZE|nproc_per_node)[^\n]{0,60}(?:larger|greater|exceeds|more "
                r"than)[^\n]{0,60}(?:GPU|device)"
            ),
            r"You requested gpu: \[[^\]\n]*\][^\n]{0,20}But your machine only has",
        ),
        telling=Telling(mechanism=m.TOO_FEW_GPUS, cause=m.TOO_FEW_GPUS.cause),
    ),
    Sign(
        patterns=(
            r"Can't find model '(?P<what>[\w.-]+)'",
            (
                r"Unable to find (?:the )?(?P<what>[\w.-]+) (?:model|data|corpus|dictionary|"
                r"voice)[^\n]{0,40}download"
            ),
        ),
        telling=Telling(
            mechanism=m.DATA_MISSING,
            cause=(
                "The program needs data or a model that is fetched separately ({what}), and it is neither "
                "there nor could be fetched."
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            (
                r"(?P<name>espeak(?:-ng)?|ffmpeg|ffprobe|sox|git-lfs|graphviz|tesseract|java|perl|swig|"
                r"mecab|gfortran|aria2c|wget|curl|unzip|patchelf|nvidia-smi|mpirun|mpicc|pdftoppm|node|"
                r"npm)(?: is| was| executable)? not (?:installed|found|available|in)\b[^\n]*"
            ),
            (
                r"(?:Couldn't|Could not|Cannot|cannot|Unable to) find (?:the "
                r")?(?P<name>espeak(?:-ng)?|ffmpeg|ffprobe|sox|git-lfs|tesseract|java|swig|mecab|gfortran|"
                r"mpirun|mpicc|pg_config|mysql_config|llvm-config|nvidia-smi)\b"
            ),
            (
                r"(?P<name>pg_config|mysql_config|llvm-config|krb5-config|gdal-config|cups-config|"
                r"curl-config|xml2-config|node|swig) (?:executable |command )?(?:is required|not "
                r"found|failed)[^\n]*"
            ),
            (
                r"(?:failed to (?:run|execute|find)|is) (?:the )?['`\"]?(?P<name>ffmpeg|sox|espeak|java|"
                r"dot)['`\"]?[^\n]{0,30}(?:on your system|installed|in PATH|on your PATH|systems? PATH)"
            ),
            (
                r"error: command '(?:[\w./-]*/)?(?P<name>(?!x86_64|gcc|g\+\+|cc|c\+\+|clang)[\w.+-]+)' "
                r"failed: No such file or directory"
            ),
            r"failed to find tool[^\n]{0,20}[`'\"](?P<name>[\w+.-]+)",
        ),
        telling=Telling(
            mechanism=m.PROGRAM_MISSING,
            cause="The program {name} is not installed on the system, or its folder is not in PATH.",
            remedies=(
                (
                    "Install {name} (with the system's package manager, or from conda-forge), or put its "
                    "folder into PATH."
                ),
            ),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"HeaderTooLarge",
            r"Consistency check failed: file should be of size",
            r"invalid hash value \(expected",
            r"MetadataIncompleteBuffer",
            r"InvalidHeaderDeserialization",
            r"invalid load key, '",
            r"PytorchStreamReader failed (?:reading|locating|finding)",
            r"BadZipFile: File is not a zip file",
            r"(?:unexpected|Unexpected) EOF(?:, expected)?",
            r"EOFError: Ran out of input",
            r"(?:corrupted|truncated)[^\n]{0,30}(?:file|archive|checkpoint|download|wheel)",
        ),
        telling=Telling(mechanism=m.FILE_DAMAGED, cause=m.FILE_DAMAGED.cause, certain=False),
    ),
    Sign(
        patterns=(
            r"CANCELLED AT \S+ DUE TO (?P<why>TIME LIMIT|PREEMPTION|NODE FAILURE)",
            r"job killed: (?P<why>walltime) \d+ exceeded limit",
            r"DUE TO (?P<why>TIME LIMIT)",
        ),
        telling=Telling(
            mechanism=m.JOB_ENDED,
            cause=(
                "The scheduler of the cluster ended the job ({why}). Neither the program nor its "
                "environment failed."
            ),
        ),
    ),
    Sign(
        patterns=(
            r"[Oo]ut of memory: Kill(?:ed)? process \d+ \((?P<program>[^)\n]+)\)",
            (
                r"(?:oom-kill|OOMKilled|oom_kill|Memory cgroup out of memory|killed by the cgroup "
                r"out-of-memory handler|OUT_OF_MEMORY\b|oom-killer)"
            ),
            r"Exceeded (?:job|step) memory limit",
            r"exit code 137[^\n]{0,80}(?:memory|OOM)",
            r"(?:worker|process|task)[^\n]{0,60}killed[^\n]{0,30}(?:out of memory|\bOOM\b|memory pressure)",
        ),
        telling=Telling(
            mechanism=m.KILLED_MEMORY,
            cause=(
                "The system killed the process because the machine, container or job had no memory left "
                "(not the GPU's)."
            ),
            remedies=(
                "Ask for more memory, or use less: fewer workers, smaller batches, MAX_JOBS=1 for a build.",
            ),
        ),
        unless=("cudaErrorMemory", "CUDA_ERROR"),
    ),
    Sign(
        patterns=(r"[kMG]B/s (?:eta )?(?:-:--:--|\d+:\d\d:\d\d)\s{0,9}Killed",),
        telling=Telling(
            mechanism=m.KILLED_MEMORY,
            cause=(
                "pip was killed at the end of a large download, mostly because the machine or container has "
                "too little memory: pip holds the whole file in memory to keep it in its cache."
            ),
            remedies=("pip install --no-cache-dir needs less; else give the machine more memory.",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"^\s*(?:[\w./-]+: )?(?:line \d+:)?[^\n]{0,60}\bKilled\b(?:\s+[^\n]{0,120})?$",
            (
                r"(?:exit(?:ed)?(?: with)?(?: code| status)?|exitcode|returncode|exit_code)[ "
                r":=(]+(?P<number>-9|137)\b"
            ),
            (
                r"(?:died|killed|terminated|exited)[^\n]{0,40}(?:with|by|due to|on) "
                r"(?:signal|<Signals\.)\W*(?P<signal>SIGKILL)"
            ),
            r"(?P<signal>SIGKILL)\b",
            r"(?:died with|killed by|terminated by|got|exited on)(?: signal)?[: ]+signal[: ]+(?P<number>9)\b",
            (
                r"(?:died with|killed by|terminated by|got|exited on|KILLED BY) (?:signal|SIGNAL)[: "
                r"]+(?P<number>9)\b"
            ),
        ),
        tell=lambda values, scene: _tell_signal(values or {"signal": "SIGKILL"}, scene),
        unless=(r"OOMKilled", r"Killed process", r"oom", "cc1plus", "cicc", "ptxas", "Killed signal"),
    ),
    Sign(
        patterns=(
            r"(?P<signal>SIGSEGV|SIGBUS|SIGILL)\b",
            (
                r"(?:exit(?:ed)?(?: with)?(?: code| status)?|exitcode|returncode)[ "
                r":=(]+(?P<number>-11|139|-7|135|-4|132)\b"
            ),
            r"(?:died with|killed by|terminated by|got) signal[: ]+(?P<number>11|7|4)\b",
        ),
        tell=_tell_signal,
    ),
    Sign(patterns=(r"Segmentation fault(?: \(core dumped\))?",), telling=_CRASH),
    Sign(patterns=(r"\bBus error(?: \(core dumped\))?",), telling=_SHARED_MEMORY),
    Sign(
        patterns=(
            r"Illegal instruction(?: \(core dumped\))?",
            (
                r"(?:requires|compiled to use|built with)[^\n]{0,60}\bAVX\w*[^\n]{0,60}(?:not "
                r"(?:available|supported)|aren't available|does not support)"
            ),
        ),
        telling=_INSTRUCTION,
    ),
    Sign(
        patterns=(
            (
                r"(?:unable to (?:open|allocate|mmap|write)|shm_open|/dev/shm)[^\n]{0,100}(?:No space "
                r"left|shared memory|insufficient|Bus error)[^\n]*"
            ),
            r"unable to write to file </torch_",
            r"DataLoader[^\n]{0,120}insufficient shared memory",
            r"insufficient shared memory \(shm\)",
            r"might be caused by insufficient shared memory",
            r"worker\w{0,12} (?:is|are) (?:likely )?out of shared memory",
        ),
        telling=Telling(
            mechanism=m.BUS_ERROR,
            cause=(
                "The shared memory (/dev/shm) is full or too small: a container has 64 MB of it unless it "
                "is told otherwise."
            ),
            remedies=("Start the container with --shm-size=8g or --ipc=host; else use fewer workers.",),
        ),
        overrides=True,
        unless=("Too many open files",),
    ),
    sign_of(
        m.BUS_ERROR,
        r"insufficient shared memory",
        r"out of shared memory",
        certain=False,
        unless=("Too many open files", "worker", "caused by", "shm"),
    ),
    Sign(
        patterns=(r"No space left on device", r"Disk quota exceeded", r"NoSpaceLeftError", r"\bENOSPC\b"),
        telling=Telling(
            mechanism=m.DISK_FULL,
            cause="The disk, a quota or the place for temporary files is full.",
            remedies=(
                (
                    "df -h and quota show which; make room, or set TMPDIR, PIP_CACHE_DIR or UV_CACHE_DIR to "
                    "a disk with room."
                ),
            ),
        ),
        unless=(r"dev\Wshm", "shm"),
    ),
    Sign(
        patterns=(r"Too many open files",),
        telling=Telling(mechanism=m.OPEN_FILES, cause=m.OPEN_FILES.cause),
    ),
    Sign(
        patterns=(
            r"Permission denied: '(?P<path>[^'\n]+)'",
            r"Read-only file system: '(?P<path>[^'\n]+)'",
            r"EnvironmentNotWritableError[^\n]*(?P<path>)",
            r"could not (?:create|open|delete|write)(?: to)? '(?P<path>[^'\n]+)': Permission denied",
            r"\[WinError 5\] [^:\n]{0,60}: '(?P<path>[^'\n]+)'",
            r"NoWritablePkgsDirError[^\n]*(?P<path>)",
            r"NoWritableEnvsDirError[^\n]*(?P<path>)",
            (
                r"(?:failed to|could not|cannot) [^\n]{0,60}`?(?P<path>/[^\s`'\n]*)`?[^\n]{0,40}(?:Permi"
                r"ssion "
                r"denied|Read-only file system)"
            ),
        ),
        tell=lambda values, _: Telling(
            mechanism=m.PERMISSION,
            cause=f"The user may not use {values['path']}: it belongs to another, or is read-only."
            if values.get("path")
            else "The user may not write to the environment: it belongs to another, or is read-only.",
            remedies=("Use an environment, cache or folder that belongs to the user.",),
        ),
    ),
    Sign(
        patterns=(
            r"(?:^|\s)MemoryError\b",
            r"Unable to allocate [\d.]+ \w+ for an array",
            r"Cannot allocate memory",
            r"The paging file is too small",
            r"std::bad_alloc",
            r"DefaultCPUAllocator: (?:can't|not enough|cannot) [^\n]*",
            r"not enough memory: you tried to allocate",
        ),
        telling=Telling(
            mechanism=m.HOST_MEMORY,
            cause="The machine's memory (not the GPU's) does not suffice for what the program asked for.",
            remedies=("Ask for more memory, or use less: fewer workers, smaller parts.",),
            certain=False,
        ),
        unless=("static TLS",),
    ),
    Sign(
        patterns=(
            r"Address already in use",
            r"EADDRINUSE",
            r"port \d+ is already (?:in use|allocated|bound)",
        ),
        telling=Telling(
            mechanism=m.PORT_IN_USE,
            cause=(
                "Another process listens on the port that the program wants: mostly another run of it that "
                "still lives."
            ),
            remedies=(
                (
                    "End the other process (ss -ltnp shows it), or choose another port (--master_port, "
                    "MASTER_PORT)."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"GatedRepoError",
            r"Cannot access gated repo",
            r"Access to model \S+ is restricted",
            r"You are trying to access a gated repo",
            r"(?:401|403) Client Error: [^\n]{0,40} for url: https://huggingface",
            r"Repository Not Found for url: \S+",
            r"is not a local folder and is not a valid model identifier",
            r"Invalid (?:user )?(?:token|credentials|username or password)",
        ),
        telling=Telling(
            mechanism=m.HUB_ACCESS,
            cause=(
                "The server of models has no such model for this user: its name is wrong, it is gated or "
                "private, or the token is missing or wrong. The environment is not at fault."
            ),
            remedies=("Look at the model's page, accept its conditions, and log in (hf auth login).",),
            certain=False,
        ),
    ),
    Sign(
        patterns=(
            r"FileNotFoundError: \[Errno 2\] No such file or directory: '(?P<path>[^'\n]+)'",
            r"No such file or directory: '(?P<path>[^'\n]+)'",
        ),
        tell=_tell_missing_file,
    ),
    Sign(
        patterns=(
            r"^\W?(?P<name>[A-Za-z][\w.+-]*)\W? is not recognized as (?:an internal|the name of)",
            r"(?:^|[\s:/])(?P<name>[\w.+-]+): (?:command )?not found$",
            (
                r"(?:^|\s)(?:sh|bash|zsh|exec|execvp?|env):(?: \d+:| line \d+:)? '?(?P<name>[\w.+-]+)'?: "
                r"(?:command )?(?:not found|No such file or directory)$"
            ),
        ),
        tell=lambda values, _: Telling(
            mechanism=m.PROGRAM_MISSING,
            cause=f"The program {values['name']} is not installed, or its folder is not in PATH.",
            remedies=(f"Install {values['name']}, or put its folder into PATH.",),
            rank=SymptomRank.GENERAL,
        ),
        unless=("version `", r"\.so"),
    ),
    Sign(
        patterns=(
            (
                r"(?:Socket Timeout|Timed out after \d+ seconds waiting for|wait timeout after \d+ms|failed "
                r"to recv, got 0 bytes|Connection reset by peer|Connection closed by remote peer)"
            ),
            (
                r"(?:The client socket has (?:timed out|failed)|RendezvousTimeoutError|"
                r"RendezvousConnectionError|The connection to the C10d store has failed)"
            ),
        ),
        telling=Telling(
            mechanism=m.RENDEZVOUS,
            cause=(
                "The processes of the run did not all reach each other: one of them failed or never "
                "started, or address, port or firewall are in the way."
            ),
            remedies=(
                (
                    "Look for the first error of the other processes; check MASTER_ADDR, MASTER_PORT and "
                    "the network."
                ),
            ),
            rank=SymptomRank.WRAPPER,
        ),
    ),
    sign_of(
        m.DATA_MISSING,
        r"Resource (?P<what>\S+) not found\.\s+Please use the NLTK Downloader",
        cause="NLTK needs its data {what}, which is fetched separately and is not on this machine.",
        remedies=("python -m nltk.downloader {what}",),
    ),
)
