"""What CUDA and its libraries say, by code, name or words, in any program."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.cuda_codes import CudaCode, code_of_name, code_of_number, code_of_words
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.sign import Sign, Telling, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_SURE = {
    m.CUDA_NO_KERNEL,
    m.CUDA_DRIVER_OLD,
    m.CUDA_NO_DEVICE,
    m.CUDA_INVALID_DEVICE,
    m.CUDA_MEMORY,
    m.CUDA_ASSERT,
    m.CUDA_NOT_READY,
    m.CUDA_DRIVER_MIXED,
    m.CUDA_FORWARD_COMPAT,
    m.CUDA_HARDWARE,
    m.CUDA_STUB,
    m.CUDA_PTX,
    m.CUDA_JIT,
    m.CUDA_BUSY,
    m.CUDA_MPS,
    m.CUDA_KERNEL_FAULT,
}


def _of_code(code: CudaCode) -> Telling:
    sure = code.mechanism in _SURE and code.number not in (13, 200, 300, 302, 303, 500)
    return Telling(
        mechanism=code.mechanism,
        cause=f"CUDA error {code.number}, {code.name} ({code.words}): {code.mechanism.cause}",
        rank=SymptomRank.CAUSE if sure else SymptomRank.GENERAL,
        certain=sure,
    )


def _tell_code(values: Mapping[str, str], _: Scene) -> Telling | None:
    if "name" in values:
        code = code_of_name(values["name"])
    elif "number" in values:
        code = code_of_number(int(values["number"]))
    else:
        code = code_of_words(values["words"])
        if code is None and re.match(r"[a-z][a-z ,'-]{8,}", values["words"]):
            return Telling(
                mechanism=m.CUDA_UNKNOWN,
                cause=f"CUDA failed and says only: {values['words'].strip().rstrip('.')[:100]}.",
                rank=SymptomRank.GENERAL,
            )
    return _of_code(code) if code is not None else None


_STATUS = {
    "NOT_INITIALIZED": (
        "it could not be started: mostly no GPU memory was free for its handle, else another copy of it or "
        "of its parts was loaded"
    ),
    "ALLOC_FAILED": "it got no memory on the GPU",
    "ARCH_MISMATCH": "it has no code for this GPU",
    "NOT_SUPPORTED": "it does not support what was asked of it, on this GPU or in this release",
    "EXECUTION_FAILED": (
        "a kernel of it failed: mostly a wrong index or a lack of memory before, else a damaged or mixed "
        "installation"
    ),
    "INTERNAL_ERROR": "it failed inside: mostly a lack of GPU memory, else a mixed installation",
    "MAPPING_ERROR": "it could not reach GPU memory",
    "INVALID_VALUE": (
        "it was given a wrong value: by the program, or by a package made for another release of it"
    ),
    "BAD_PARAM": (
        "it was given a wrong value: by the program, or by a package made for another release of it"
    ),
    "VERSION_MISMATCH": "its parts are of different releases",
    "SUBLIBRARY_VERSION_MISMATCH": "its parts are of different releases",
    "SUBLIBRARY_LOADING_FAILED": "one of its parts could not be loaded",
    "LICENSE_ERROR": "it found no licence",
}


def _tell_status(values: Mapping[str, str], _: Scene) -> Telling | None:
    library, status = values["library"], values["status"].upper()
    name = {"CUBLAS": "cuBLAS", "CUDNN": "cuDNN", "CUSOLVER": "cuSOLVER", "CUSPARSE": "cuSPARSE"}.get(
        library.upper()
    )
    if status == "SUCCESS":
        return None
    why = _STATUS.get(status, "it gives only this status")
    return Telling(
        mechanism=m.CUDA_LIBRARY_FAILED,
        cause=f"{name or library} failed with {status}: {why}.",
        remedies=(
            "See whether GPU memory is free (nvidia-smi), and try a smaller batch.",
            "Unset LD_LIBRARY_PATH, so that the library that torch brings is taken.",
        ),
        rank=SymptomRank.GENERAL,
    )


def _tell_without(values: Mapping[str, str], scene: Scene) -> Telling:
    name = values.get("name", "")
    owner = name.partition("::")[0] if "::" in name else scene.importer or name
    what = f"The operator {name}" if "::" in name else owner or "A compiled extension"
    return Telling(
        mechanism=m.WITHOUT_CUDA,
        cause=(
            f"{what} has no code for CUDA in the build that is installed: it is the build for the CPU, or "
            "was compiled where no CUDA was found."
        ),
        remedies=(
            (
                f"Install the build of {owner or 'the package'} with CUDA that fits torch, or build it "
                "with nvcc there."
            ),
        ),
        certain=False,
    )


def _tell_xid(values: Mapping[str, str], _: Scene) -> Telling:
    number = values["number"]
    return Telling(
        mechanism=m.GPU_XID,
        cause=(
            f"The driver reported Xid {number} of a GPU to the kernel log: look the number up in NVIDIA's "
            "list of Xid errors; it says whether the program, the driver or the hardware is at fault."
        ),
        rank=SymptomRank.GENERAL,
    )


SIGNS = (
    Sign(patterns=(r"\b(?P<name>cudaError[A-Z]\w+)", r"\b(?P<name>CUDA_ERROR_[A-Z_]+)\b"), tell=_tell_code),
    Sign(
        patterns=(
            r"CUDA error: (?P<words>[^\n]{6,120})",
            r"Error \[CUDA\]: (?P<words>[^\n]{6,120})",
            r"error before creating cudnn handle \((?P<number>\d+)\)",
            r"CUDA (?:runtime |driver )?(?:error|failure):? ?\d* ?[:(] ?'?(?P<words>[a-zA-Z][^\n]{6,120})",
            r"cuda runtime error \(\d+\) : (?P<words>[^\n]{6,120})",
            r"Cuda failure(?: \d+)? '(?P<words>[^'\n]+)'",
            r"Cuda error [^\n]{0,80}'(?P<words>[^'\n]+)'",
            r"CUDA unknown error - (?P<number>999)",
            r"\bcuInit[^\n]{0,60}(?:error|returned|failed with)[^\n\d]{0,20}(?P<number>\d+)",
            (
                r"(?:cudaGetDeviceCount|cudaSetDevice|cudaMalloc|cudaFree|cudaMemcpy|cudaGetDevice|"
                r"NumCudaDevices)\(\)[^\n]{0,160}Error (?P<number>\d+)"
            ),
            r"cudaError(?:_t)?[ :=(]+(?P<number>\d+)\b",
            r"CUDA failure (?P<number>\d+)\b",
            r"CUDA error (?:code )?\(?(?P<number>\d+)\)?\b",
            r"CUresult[ :=(]+(?P<number>\d+)\b",
        ),
        tell=lambda values, scene: _tell_code(values, scene) if values else None,
    ),
    Sign(
        patterns=(
            r"no kernel image is available for execution",
            (
                r"(?:is not compatible with|not supported by) (?:the current|this) "
                r"(?:PyTorch|build|installation)[^\n]{0,80}(?:sm_|capabilit)"
            ),
            (
                r"(?:was not compiled|not been compiled|not built|no code|kernels? (?:was|were) not "
                r"built|not compiled) for (?:this GPU|sm_?\d+|compute capability|this architecture|device)"
            ),
            r"no (?:SASS|PTX|cubin)[^\n]{0,60}(?:for|matching) (?:this|the) (?:GPU|device|architecture)",
        ),
        telling=Telling(
            mechanism=m.CUDA_NO_KERNEL,
            cause=(
                "A GPU program that was started has no code for this GPU's compute capability: the package "
                "that the traceback names, or torch itself, was built for others."
            ),
            remedies=(
                (
                    "Compare python -c 'import torch; print(torch.cuda.get_arch_list(), "
                    "torch.cuda.get_device_capability())'."
                ),
                (
                    "Install a build with code for this GPU (envfit lock NAME --gpu ...), or compile the "
                    "extension for it with TORCH_CUDA_ARCH_LIST."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"CUDA out of memory",
            r"OutOfMemoryError: (?:CUDA|Allocation|Out of memory)[^\n]*",
            r"Out of memory allocating \d+ bytes",
            r"RESOURCE_EXHAUSTED: [^\n]{0,40}(?:[Oo]ut of memory|OOM)[^\n]*",
            r"OOM when allocating tensor",
            r"cudaMalloc failed: out of memory",
            r"failed to allocate [\d.]+\s?\w+ \(?\d*[^\n]{0,40}from device: CUDA_ERROR_OUT_OF_MEMORY",
            r"No available memory for the cache blocks",
            r"(?:Free memory on device|is less than desired GPU memory utilization)[^\n]*",
            r"(?:larger|more) than the (?:maximum )?(?:number of tokens|available)[^\n]{0,60}KV cache",
            r"KV cache[^\n]{0,80}(?:larger than|exceeds|is not enough|not enough)[^\n]*",
        ),
        telling=Telling(
            mechanism=m.CUDA_MEMORY,
            cause=(
                "The memory of the GPU does not suffice for what the program asked for: the model or batch "
                "is too large for what is free. Another environment does not change that."
            ),
            remedies=(
                (
                    "See with nvidia-smi who else uses the GPU; use smaller batches, sequences or data "
                    "types, or a larger GPU."
                ),
            ),
        ),
    ),
    Sign(
        patterns=(
            r"(?P<library>CUBLAS|CUDNN|CUSOLVER|CUSPARSE)_STATUS_(?P<status>[A-Z_]+)",
            r"(?P<library>CURAND)_STATUS_(?P<status>\w+)",
            r"(?P<library>NVRTC|NVJITLINK)_ERROR_(?P<status>\w+)",
            (
                r"(?P<library>CUFFT)_(?P<status>ALLOC_FAILED|EXEC_FAILED|INTERNAL_ERROR|SETUP_FAILED|"
                r"INVALID_\w+|NOT_\w+)"
            ),
            r"(?P<library>cuFFT|cuRAND) error: (?P<status>CU\w+)",
        ),
        tell=_tell_status,
    ),
    Sign(
        patterns=(
            r"(?:FIND|GET) was unable to find an engine to execute this computation",
            (
                r"(?:Unable to find a valid|no valid convolution algorithms? available in) "
                r"[Cc]u?[Dd]?[Nn]*[^\n]*"
            ),
            r"No algorithm worked!",
            r"Failed to determine best cudnn convolution algorithm[^\n]*",
        ),
        telling=Telling(
            mechanism=m.CUDA_LIBRARY_FAILED,
            cause=(
                "cuDNN found no way to compute a convolution: mostly too little memory of the GPU was free, "
                "else the cuDNN that was loaded does not fit torch, the data type or this GPU."
            ),
            remedies=(
                "See with nvidia-smi how much GPU memory is free, and try a smaller batch.",
                "Unset LD_LIBRARY_PATH, so that the cuDNN that torch brings is taken.",
            ),
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            r"Could not run '(?P<name>[\w:.]+)' with arguments from the 'CUDA' backend",
            (
                r"(?P<name>[\w.-]+) (?:was |is |has )?not (?:been )?(?:compiled|built) with "
                r"(?:CUDA|GPU|cuda|gpu)(?: support)?"
            ),
            r"[Nn]ot (?:been )?compiled with (?P<name>)(?:GPU|CUDA) (?:support|extension)[^\n]*",
            r"(?P<name>[\w.-]+)[^\n]{0,30} (?:was )?(?:compiled|built) without (?:CUDA|GPU)(?: support)?",
            r"(?P<name>[\w.-]+) (?:does not have|has no) (?:CUDA|GPU) support",
            r"[Cc]ompiled? (?:the code )?with (?P<name>\w*(?:USE|WITH)_CUDA\w*)",
            r"Failed to find native CUDA module(?P<name>)",
        ),
        tell=_tell_without,
        unless=("Torch not compiled", "PyTorch"),
    ),
    Sign(
        patterns=(
            r"Torch not compiled with CUDA enabled",
            (
                r"(?:torch|PyTorch)[^\n]{0,60}(?:is|was) (?:not )?(?:compiled|built) (?:with CPU|without "
                r"CUDA|without GPU)[^\n]*"
            ),
            r"PyTorch (?:is not linked with support for|was not compiled with) (?:cuda|CUDA)",
            r"(?:installed|your) (?:version of )?(?:torch|PyTorch) (?:does not have|has no) (?:CUDA|GPU)",
        ),
        telling=Telling(
            mechanism=m.TORCH_CPU,
            cause="The installed torch is a build without CUDA, so that it can use no GPU.",
            remedies=(
                "Install a torch with CUDA: envfit lock torch --gpu auto, or the index of a +cu build.",
            ),
            package="torch",
        ),
    ),
    Sign(
        patterns=(
            r"No CUDA GPUs are available",
            (
                r"No (?:CUDA )?(?:GPUs?|CUDA devices?|NVIDIA GPU) (?:was|were|is|are)? "
                r"?(?:found|detected|available|visible)"
            ),
            r"no NVIDIA GPU (?:detected|found)",
            r"No supported gpu backend found",
            r"(?:Failed to infer device type|Device string must not be empty)",
            r"(?:CUDA|GPU) is not available on this (?:machine|system|host)",
            r"Found no NVIDIA driver on your system",
            r"torch\.cuda\.is_available\(\) (?:is|returned|should be) (?:False|True)[^\n]{0,80}",
            r"CUDA is not available[.,]? ",
        ),
        telling=Telling(
            mechanism=m.CUDA_NO_DEVICE,
            cause=(
                "The program sees no GPU: the process has none (job, container or CUDA_VISIBLE_DEVICES), "
                "there is no driver, or its torch is a build without CUDA."
            ),
            remedies=(
                (
                    "nvidia-smi tells whether the machine has a GPU and a driver; python -c 'import torch; "
                    "print(torch.__version__, torch.version.cuda)' whether torch can use it."
                ),
            ),
            rank=SymptomRank.GENERAL,
        ),
    ),
    Sign(
        patterns=(
            r"requires? (?:a )?GPUs? with (?:a )?compute capability[^\n]*",
            r"requires? (?:an? )?(?:NVIDIA )?GPUs?[^\n]{0,30}\b(?:sm_?|SM ?)\d+[^\n]*",
            (
                r"(?:compute capability|capability|SM) ?(?:>=?|of at least|at least|or "
                r"higher)[^\n]{0,20}\d\.?\d[^\n]{0,40}(?:is )?(?:required|needed)"
            ),
            (
                r"only (?:supported|supports|available|works?) (?:on|for|with) (?:GPUs with )?(?:compute "
                r"capability|SM ?\d|sm_?\d|Ampere|Hopper|Blackwell|Turing|Volta|Ada)[^\n]*"
            ),
            (
                r"(?:not supported|unsupported) (?:on|for) (?:this|your|the current) "
                r"(?:GPU|device|architecture|compute capability)[^\n]*"
            ),
            (
                r"(?:GPU|device)[^\n]{0,60}compute capability[^\n]{0,60}(?:too low|not supported|is not "
                r"supported|too old|unsupported)[^\n]*"
            ),
            r"[Uu]nsupported (?:CUDA )?(?:compute capability|SM version|architecture)[^\n]{0,60}",
        ),
        telling=Telling(
            mechanism=m.GPU_CAPABILITY,
            cause=(
                "The program asks for something that this GPU does not have: it needs another compute "
                "capability than the GPU's, as the message says."
            ),
            remedies=(
                "Use a setting or release that supports this GPU's compute capability, or another GPU.",
            ),
            rank=SymptomRank.CAUSE,
            certain=False,
        ),
    ),
    Sign(
        patterns=(r"failed to open (?P<library>(?:lib)?nvrtc-builtins[\w.-]*)",),
        telling=Telling(
            mechanism=m.CUDA_LIBRARY_FAILED,
            cause=(
                "NVRTC, which compiles kernels at run time, was found, and its companion {library} of the "
                "same CUDA release was not: the library is incomplete or of another version than the "
                "program was built with."
            ),
            remedies=(
                "Reinstall the package that brings NVRTC (nvidia-cuda-nvrtc), and unset LD_LIBRARY_PATH.",
            ),
        ),
    ),
    Sign(
        patterns=(r"Cannot re-initialize CUDA in forked subprocess",),
        telling=Telling(mechanism=m.CUDA_FORK, cause=m.CUDA_FORK.cause),
    ),
    Sign(
        patterns=(
            (
                r"engine plan file is not compatible with this version of TensorRT, expecting library "
                r"version (?P<here>[\d.]+\d) got (?P<there>[\d.]+\d)"
            ),
        ),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "The engine file was built with TensorRT {there}, and TensorRT {here} loads it: engines are "
                "for one version only."
            ),
            remedies=(
                "Build the engine again with the TensorRT that is installed here, on this kind of GPU.",
            ),
            package="tensorrt",
        ),
    ),
    Sign(
        patterns=(r"Current Version: (?P<here>\d+), Serialized Engine Version: (?P<there>\d+)",),
        telling=Telling(
            mechanism=m.VERSION_REFUSED,
            cause=(
                "The engine file was made by another release of TensorRT (its format is {there}) than the "
                "one that reads it (format {here}): engines are for one release only."
            ),
            remedies=(
                "Make the engine again with the TensorRT that is installed here, on this kind of GPU.",
            ),
            package="tensorrt",
        ),
    ),
    Sign(
        patterns=(r"NVRM: Xid \([^)\n]*\): (?P<number>\d+)", r"\bXid[ :=]+(?P<number>\d+)\b"),
        tell=_tell_xid,
    ),
    Sign(
        patterns=(
            r"GPU has fallen off the bus",
            r"Unable to determine the device handle for GPU",
            r"GPU is lost",
        ),
        telling=Telling(
            mechanism=m.CUDA_HARDWARE,
            cause=(
                "The driver lost the GPU: it no longer answers on the bus. That is hardware, power or heat, "
                "and not the environment."
            ),
            remedies=("Restart the machine, and have its owner look at dmesg, power and temperature.",),
        ),
    ),
    Sign(
        patterns=(
            r"ncclInvalidUsage[^\n]*",
            r"ncclInvalidArgument[^\n]*",
            r"ncclInternalError[^\n]*",
            r"ncclSystemError[^\n]*",
            r"ncclUnhandledCudaError[^\n]*",
            r"ncclRemoteError[^\n]*",
            r"NCCL error[^\n]*",
            r"NCCL operation [^\n]{0,60}failed",
            r"Watchdog caught collective operation timeout",
            r"NCCL communicator was aborted",
        ),
        telling=Telling(
            mechanism=m.NCCL_FAILED,
            cause=(
                "Communication between the processes of the run failed (NCCL): another process failed "
                "first, the network or the shared memory is in the way, or the processes do not match. The "
                "message alone does not say which."
            ),
            remedies=(
                (
                    "Look for the first error of any process; run again with NCCL_DEBUG=INFO and read the "
                    "lines with NCCL WARN."
                ),
            ),
            rank=SymptomRank.WRAPPER,
        ),
    ),
    Sign(
        patterns=(
            r"(?:Expected all tensors to be on the same device|Input type \(\S+\) and weight type)[^\n]*",
            (
                r"expected (?:m1 and m2|scalar type|mat1 and mat2|\w+ to have)[^\n]{0,40}(?:same dtype|but "
                r"found|dtype|to have the same)[^\n]*"
            ),
            r"mat1 and mat2 (?:shapes cannot be multiplied|must have the same dtype)[^\n]*",
            r"size mismatch for [\w.]+",
            r"The size of tensor a \(\d+\) must match the size of tensor b",
            r"Sizes of tensors must match except in dimension",
            r"shape '\[[^\n\]]*\]' is invalid for input of size",
            r"Error\(s\) in loading state_dict for",
        ),
        telling=Telling(
            mechanism=m.TENSOR_USE,
            cause=(
                "Tensors of different shape, type or device meet in one operation, or weights do not fit "
                "the model: a fault of the program or its files, not of the environment."
            ),
            rank=SymptomRank.CAUSE,
            certain=False,
        ),
    ),
    sign_of(
        m.KERNEL_COMPILER,
        r"'(?P<target>sm_\w+)' is not a recognized processor for this target",
        cause=(
            "The LLVM inside of Triton (or of another compiler of kernels) does not know this GPU "
            "({target}): Triton is older than the GPU."
        ),
        remedies=("Use a newer torch with the Triton that belongs to it, made for a GPU of this kind.",),
        overrides=True,
    ),
    sign_of(
        m.KERNEL_COMPILER,
        r"LLVM ERROR: (?:Cannot select|Unsupported|Do not know how)[^\n]*",
        r"Instruction '(?P<name>[^'\n]+)' not supported on \.target[^\n]*",
        r"Feature '(?P<name>[^'\n]+)' requires \.target[^\n]*",
        (
            r"(?:PassManager::run failed|failed to translate module to LLVM IR|Unsupported conversion "
            r"from)[^\n]*"
        ),
        cause=(
            "The compiler that makes kernels at run time (Triton, LLVM, ptxas) cannot make this one for "
            "this GPU: its compute capability lacks what the kernel uses, or Triton is of another time than "
            "the GPU."
        ),
        remedies=(
            (
                "Use a setting without that kernel (eager attention, no torch.compile), or a torch and "
                "Triton made for this GPU."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.CUDA_ASSERT,
        r"block: \[\d+, ?\d+, ?\d+\], thread: \[\d+, ?\d+, ?\d+\] Assertion `[^\n]+` failed",
        cause=(
            "A kernel checks an index and found it out of range: a label, token or position that is larger "
            "than the table it is looked up in. That is in the program or its data, whatever CUDA error "
            "follows."
        ),
        remedies=(
            (
                "Look at the sizes: classes, vocabulary and embedding, positions; run on the CPU or with "
                "CUDA_LAUNCH_BLOCKING=1 to see the line."
            ),
        ),
    ),
    sign_of(
        m.CUDA_NO_DEVICE,
        r"No supported gpu backend found",
        r"(?:GPU|CUDA)Accelerator can ?not run on your system",
        r"You requested (?:GPUs|gpu): \[[^\]\n]*\]\s+But your machine only has: \[\]",
        r"GradScaler is enabled, but CUDA is not available",
        r"device_type of 'cuda', but CUDA is not available",
        r"CUDA (?:extension|device)s? (?:is|are) not available",
        cause=(
            "The program is set to use CUDA, and torch sees no GPU: the process has none (job, container), "
            "there is no driver, or torch is a build without CUDA."
        ),
        certain=False,
    ),
)
