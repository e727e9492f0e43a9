"""Error codes of CUDA: number, names and words, and the mechanism that each stands for.

Measured: what ``cudaGetErrorName`` and ``cudaGetErrorString`` of libcudart.so.12 return in
nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl (sha256
25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3), and the ``CUresult`` of cuda.h
in the same wheel, whose comments say what each means.
"""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.mechanisms import Mechanism
from envfit.frozen import frozen

__all__ = ["CODES", "CudaCode", "code_of_name", "code_of_number", "code_of_words"]


@frozen
class CudaCode:
    """One error of the CUDA runtime and driver."""

    number: int
    name: str  # of the runtime: cudaErrorNoDevice
    driver: str  # of the driver: CUDA_ERROR_NO_DEVICE; "" where it has none
    words: str
    mechanism: Mechanism


def _code(number: int, name: str, driver: str, words: str, mechanism: Mechanism) -> CudaCode:
    return CudaCode(
        number=number,
        name=f"cudaError{name}",
        driver=f"CUDA_ERROR_{driver}" if driver else "",
        words=words,
        mechanism=mechanism,
    )


CODES = (
    _code(1, "InvalidValue", "INVALID_VALUE", "invalid argument", m.CUDA_USAGE),
    _code(2, "MemoryAllocation", "OUT_OF_MEMORY", "out of memory", m.CUDA_MEMORY),
    _code(3, "InitializationError", "NOT_INITIALIZED", "initialization error", m.CUDA_INITIALIZATION),
    _code(4, "CudartUnloading", "DEINITIALIZED", "driver shutting down", m.CUDA_USAGE),
    _code(9, "InvalidConfiguration", "", "invalid configuration argument", m.CUDA_USAGE),
    _code(12, "InvalidPitchValue", "", "invalid pitch argument", m.CUDA_USAGE),
    _code(13, "InvalidSymbol", "", "invalid device symbol", m.CUDA_NO_KERNEL),
    _code(17, "InvalidDevicePointer", "", "invalid device pointer", m.CUDA_USAGE),
    _code(34, "StubLibrary", "STUB_LIBRARY", "CUDA driver is a stub library", m.CUDA_STUB),
    _code(
        35,
        "InsufficientDriver",
        "",
        "CUDA driver version is insufficient for CUDA runtime version",
        m.CUDA_DRIVER_OLD,
    ),
    _code(
        36,
        "CallRequiresNewerDriver",
        "",
        "API call is not supported in the installed CUDA driver",
        m.CUDA_DRIVER_OLD,
    ),
    _code(
        46,
        "DevicesUnavailable",
        "DEVICE_UNAVAILABLE",
        "CUDA-capable device(s) is/are busy or unavailable",
        m.CUDA_BUSY,
    ),
    _code(98, "InvalidDeviceFunction", "", "invalid device function", m.CUDA_NO_KERNEL),
    _code(100, "NoDevice", "NO_DEVICE", "no CUDA-capable device is detected", m.CUDA_NO_DEVICE),
    _code(101, "InvalidDevice", "INVALID_DEVICE", "invalid device ordinal", m.CUDA_INVALID_DEVICE),
    _code(
        102, "DeviceNotLicensed", "DEVICE_NOT_LICENSED", "device doesn't have valid Grid license", m.CUDA_BUSY
    ),
    _code(200, "InvalidKernelImage", "INVALID_IMAGE", "device kernel image is invalid", m.CUDA_NO_KERNEL),
    _code(201, "DeviceUninitialized", "INVALID_CONTEXT", "invalid device context", m.CUDA_USAGE),
    _code(
        209,
        "NoKernelImageForDevice",
        "NO_BINARY_FOR_GPU",
        "no kernel image is available for execution on the device",
        m.CUDA_NO_KERNEL,
    ),
    _code(
        214, "ECCUncorrectable", "ECC_UNCORRECTABLE", "uncorrectable ECC error encountered", m.CUDA_HARDWARE
    ),
    _code(
        217,
        "PeerAccessUnsupported",
        "PEER_ACCESS_UNSUPPORTED",
        "peer access is not supported between these two devices",
        m.CUDA_UNSUPPORTED,
    ),
    _code(218, "InvalidPtx", "INVALID_PTX", "a PTX JIT compilation failed", m.CUDA_PTX),
    _code(
        220,
        "NvlinkUncorrectable",
        "NVLINK_UNCORRECTABLE",
        "uncorrectable NVLink error detected during the execution",
        m.CUDA_HARDWARE,
    ),
    _code(
        221, "JitCompilerNotFound", "JIT_COMPILER_NOT_FOUND", "PTX JIT compiler library not found", m.CUDA_JIT
    ),
    _code(
        222,
        "UnsupportedPtxVersion",
        "UNSUPPORTED_PTX_VERSION",
        "the provided PTX was compiled with an unsupported toolchain",
        m.CUDA_PTX,
    ),
    _code(
        226,
        "Contained",
        "CONTAINED",
        "Invalid access of peer GPU memory over nvlink or a hardware error",
        m.CUDA_HARDWARE,
    ),
    _code(300, "InvalidSource", "INVALID_SOURCE", "device kernel image is invalid", m.CUDA_NO_KERNEL),
    _code(
        302,
        "SharedObjectSymbolNotFound",
        "SHARED_OBJECT_SYMBOL_NOT_FOUND",
        "shared object symbol not found",
        m.CUDA_DRIVER_MIXED,
    ),
    _code(
        303,
        "SharedObjectInitFailed",
        "SHARED_OBJECT_INIT_FAILED",
        "shared object initialization failed",
        m.CUDA_DRIVER_MIXED,
    ),
    _code(
        304,
        "OperatingSystem",
        "OPERATING_SYSTEM",
        "OS call failed or operation not supported on this OS",
        m.CUDA_OS,
    ),
    _code(400, "InvalidResourceHandle", "INVALID_HANDLE", "invalid resource handle", m.CUDA_USAGE),
    _code(500, "SymbolNotFound", "NOT_FOUND", "named symbol not found", m.CUDA_NO_KERNEL),
    _code(
        700,
        "IllegalAddress",
        "ILLEGAL_ADDRESS",
        "an illegal memory access was encountered",
        m.CUDA_KERNEL_FAULT,
    ),
    _code(
        701,
        "LaunchOutOfResources",
        "LAUNCH_OUT_OF_RESOURCES",
        "too many resources requested for launch",
        m.CUDA_RESOURCES,
    ),
    _code(
        702,
        "LaunchTimeout",
        "LAUNCH_TIMEOUT",
        "the launch timed out and was terminated",
        m.CUDA_KERNEL_FAULT,
    ),
    _code(710, "Assert", "ASSERT", "device-side assert triggered", m.CUDA_ASSERT),
    _code(714, "HardwareStackError", "HARDWARE_STACK_ERROR", "hardware stack error", m.CUDA_HARDWARE),
    _code(
        715,
        "IllegalInstruction",
        "ILLEGAL_INSTRUCTION",
        "an illegal instruction was encountered",
        m.CUDA_KERNEL_FAULT,
    ),
    _code(716, "MisalignedAddress", "MISALIGNED_ADDRESS", "misaligned address", m.CUDA_KERNEL_FAULT),
    _code(
        717,
        "InvalidAddressSpace",
        "INVALID_ADDRESS_SPACE",
        "operation not supported on global/shared address space",
        m.CUDA_KERNEL_FAULT,
    ),
    _code(718, "InvalidPc", "INVALID_PC", "invalid program counter", m.CUDA_KERNEL_FAULT),
    _code(719, "LaunchFailure", "LAUNCH_FAILED", "unspecified launch failure", m.CUDA_KERNEL_FAULT),
    _code(
        720,
        "CooperativeLaunchTooLarge",
        "COOPERATIVE_LAUNCH_TOO_LARGE",
        "too many blocks in cooperative launch",
        m.CUDA_RESOURCES,
    ),
    _code(800, "NotPermitted", "NOT_PERMITTED", "operation not permitted", m.CUDA_USAGE),
    _code(801, "NotSupported", "NOT_SUPPORTED", "operation not supported", m.CUDA_UNSUPPORTED),
    _code(802, "SystemNotReady", "SYSTEM_NOT_READY", "system not yet initialized", m.CUDA_NOT_READY),
    _code(
        803,
        "SystemDriverMismatch",
        "SYSTEM_DRIVER_MISMATCH",
        "system has unsupported display driver / cuda driver combination",
        m.CUDA_DRIVER_MIXED,
    ),
    _code(
        804,
        "CompatNotSupportedOnDevice",
        "COMPAT_NOT_SUPPORTED_ON_DEVICE",
        "forward compatibility was attempted on non supported HW",
        m.CUDA_FORWARD_COMPAT,
    ),
    _code(
        805,
        "MpsConnectionFailed",
        "MPS_CONNECTION_FAILED",
        "MPS client failed to connect to the MPS control daemon or the MPS server",
        m.CUDA_MPS,
    ),
    _code(
        806,
        "MpsRpcFailure",
        "MPS_RPC_FAILURE",
        "the remote procedural call between the MPS server and the MPS client failed",
        m.CUDA_MPS,
    ),
    _code(
        807,
        "MpsServerNotReady",
        "MPS_SERVER_NOT_READY",
        "MPS server is not ready to accept new MPS client requests",
        m.CUDA_MPS,
    ),
    _code(
        808,
        "MpsMaxClientsReached",
        "MPS_MAX_CLIENTS_REACHED",
        "the hardware resources required to create MPS client have been exhausted",
        m.CUDA_MPS,
    ),
    _code(
        810,
        "MpsClientTerminated",
        "MPS_CLIENT_TERMINATED",
        "the MPS client has been terminated by the server",
        m.CUDA_MPS,
    ),
    _code(
        900,
        "StreamCaptureUnsupported",
        "STREAM_CAPTURE_UNSUPPORTED",
        "operation not permitted when stream is capturing",
        m.CUDA_USAGE,
    ),
    _code(
        901,
        "StreamCaptureInvalidated",
        "STREAM_CAPTURE_INVALIDATED",
        "operation failed due to a previous error during capture",
        m.CUDA_USAGE,
    ),
    _code(999, "Unknown", "UNKNOWN", "unknown error", m.CUDA_UNKNOWN),
)

_BY_NAME = {name.lower(): code for code in CODES for name in (code.name, code.driver) if name}
_BY_NUMBER = {code.number: code for code in CODES}


def code_of_name(name: str) -> CudaCode | None:
    """Return the error that has a name, of the runtime or of the driver."""
    return _BY_NAME.get(name.lower())


def code_of_number(number: int) -> CudaCode | None:
    """Return the error of a number."""
    return _BY_NUMBER.get(number)


def code_of_words(words: str) -> CudaCode | None:
    """Return the error whose words a text begins with, in any case; the longest fits best."""
    text = " ".join(words.lower().split())
    fits = [code for code in CODES if text.startswith(code.words.lower())]
    return max(fits, key=lambda code: len(code.words), default=None)
