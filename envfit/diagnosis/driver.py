"""What the NVIDIA driver, its tools and the kernel say when the driver does not work."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_GENERAL = SymptomRank.GENERAL

SIGNS: tuple[Sign, ...] = (
    sign_of(
        m.NVML_PERMISSION,
        r"(?:NVML|nvml)[^\n]*[Ii]nsufficient [Pp]ermissions?[^\n]*",
        r"NVMLError_NoPermission[^\n]*",
        r"NVML_ERROR_NO_PERMISSION[^\n]*",
        (
            r"(?:open|opening|access|stat)\w*[^\n]{0,20}/dev/nvidia\w*[^\n]{0,40}(?:Permission denied|not "
            r"permitted)[^\n]*"
        ),
        r"/dev/nvidia\w*: (?:Permission denied|Operation not permitted)",
        r"NVIDIA: could not open the device file /dev/nvidia\w*[^\n]*",
        cause=(
            "The process may not open the GPU's device files (/dev/nvidia*): their permissions, SELinux, or "
            "the cgroup of the container or job forbid the access."
        ),
        overrides=True,
    ),
    sign_of(
        m.NVML_WSL,
        r"GPU access blocked by the operating system",
        r"NVML_ERROR_OPERATING_SYSTEM",
        cause=(
            "The operating system blocks the GPU. That is so in WSL, where Windows does not give the GPU: "
            "the driver in Windows or WSL itself is too old, or an NVIDIA driver for Linux was installed "
            "inside of WSL."
        ),
        overrides=True,
    ),
    sign_of(
        m.DRIVER_NO_MODULE,
        r"(?:NVML[^\n]*|NVMLError_|NVML_ERROR_)[Dd](?:river[ _]?[Nn]ot[ _]?[Ll]oaded|RIVER_NOT_LOADED)",
        r"Failed to initialize NVML: Driver Not Loaded",
        cause=(
            "The NVIDIA driver's library is here and its kernel module is not loaded: it was not built for "
            "the running kernel, could not be loaded, or this container or machine has no GPU."
        ),
        certain=False,
    ),
    sign_of(
        m.NVML_PERMISSION,
        r"Failed to initialize NVML: (?:N/A|Not Found|Uninitialized|Internal Error)",
        cause=(
            "The driver's management library (NVML) could not start: the driver does not answer, or the GPU "
            "is not given to this process."
        ),
        rank=_GENERAL,
    ),
    sign_of(
        m.DRIVER_UNSIGNED,
        r"nvidia[^\n]*(?:Key was rejected by service|Required key not available)",
        r"could not insert '?nvidia[\w-]*'?: (?:Key was rejected|Required key)[^\n]*",
        r"Loading of (?:unsigned )?module (?:with unavailable key )?is rejected",
        r"Lockdown: [^\n]*unsigned module loading is restricted",
        overrides=True,
    ),
    sign_of(
        m.DRIVER_NO_MODULE,
        r"FATAL: Module nvidia[\w-]* not found[^\n]*",
        r"Module nvidia[\w-]* not found in directory[^\n]*",
        cause=(
            "The running kernel has no kernel module of the NVIDIA driver: the kernel was updated and the "
            "module was not built for it, or no driver is installed."
        ),
        overrides=True,
    ),
    sign_of(
        m.DRIVER_OTHER,
        r"NVRM: (?:nouveau|rivafb|nvidiafb)[^\n]*",
        r"NVRM: [^\n]*obtained ownership of the NVIDIA device[^\n]*",
        r"The Nouveau kernel driver is currently in use[^\n]*",
        r"The NVIDIA probe routine was not called[^\n]*",
        cause=(
            "Another kernel driver (nouveau, or vfio for a virtual machine) has the GPU, so that NVIDIA's "
            "driver cannot take it."
        ),
        overrides=True,
    ),
    sign_of(
        m.DRIVER_GPU_UNKNOWN,
        r"requires use of the NVIDIA open kernel modules[^\n]*",
        r"(?:GPU|device)[^\n]{0,120}supported through the NVIDIA [\w.]+ Legacy drivers[^\n]*",
        r"NVRM: [^\n]*(?:GPU|device)[^\n]{0,120}is not supported by (?:the|this)[^\n]*",
        r"NVRM: [^\n]*ignored?[^\n]{0,20}not supported[^\n]*",
        r"No NVIDIA GPU[^\n]{0,60}supported by this (?:driver|NVIDIA Linux)[^\n]*",
        cause=(
            "The driver that is installed does not support this GPU: an old GPU needs an older (legacy) "
            "driver branch, a new one a newer driver, and Blackwell and newer the open kernel modules."
        ),
        overrides=True,
    ),
    sign_of(
        m.CUDA_DRIVER_MIXED,
        r"NVRM: API mismatch[^\n]*",
        r"NVRM: [^\n]*client has the version (?P<client>[\d.]+\d)",
        cause=(
            "The kernel module of the NVIDIA driver and its libraries are of different versions: the driver "
            "was updated and the machine not restarted, or a container brings libraries of another driver."
        ),
        remedies=("Restart the machine, or unload and load the nvidia modules; start containers anew.",),
        overrides=True,
    ),
    sign_of(
        m.DRIVER_NOT_BUILT,
        r"Bad return status for module build on kernel[^\n]*",
        r"nvidia[^\n]{0,60}\(bad exit status: \d+\)[^\n]*",
        r"Unable to (?:find|determine)[^\n]{0,40}kernel (?:source|header)[^\n]*",
        r"Unable to load the kernel module 'nvidia\.ko'[^\n]*",
        r"(?:Your kernel headers|kernel headers) for (?:target )?kernel \S+ cannot be found[^\n]*",
        r"kernel package linux-headers-\S+ is not supported",
        r"An error occurred while performing the step: \"Building kernel modules\"",
        r"could not insert '?nvidia[\w-]*'?: (?:Invalid argument|Exec format error|Unknown symbol)[^\n]*",
        cause=(
            "The kernel module of the NVIDIA driver could not be built or loaded for this kernel: the "
            "kernel's headers or compiler are missing or others, or the driver is older than the kernel."
        ),
        overrides=True,
    ),
    sign_of(
        m.CUDA_NO_DEVICE,
        r"could not insert '?nvidia[\w-]*'?: No such device",
        r"NVRM: No NVIDIA (?:GPU|graphics adapter)[^\n]*",
        cause=(
            "The driver finds no NVIDIA GPU that it can take: there is none, another driver has it, or it "
            "is not one that this driver supports."
        ),
        remedies=("lspci -nnk | grep -A3 -i nvidia shows whether there is one and which driver has it.",),
        certain=False,
    ),
    sign_of(
        m.CUDA_HARDWARE,
        r"fallen off the bus[^\n]*",
        r"NVRM: The NVIDIA probe routine failed[^\n]*",
        r"NVRM: [^\n]*RmInitAdapter failed[^\n]*",
        r"NVRM: GPU[^\n]*(?:fallen off|rm_init_adapter failed|lost)[^\n]*",
        cause=(
            "The driver lost the GPU or could not start it (it fell off the bus, or RmInitAdapter failed), "
            "which is hardware: a damaged or badly seated card, power, an old firmware, or a driver that "
            "does not support it."
        ),
        remedies=(
            (
                "Restart with the power off; look at dmesg | grep NVRM, the BIOS (Above 4G decoding) and "
                "another driver version."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.FABRIC_MANAGER,
        r"[Ff]abric ?[Mm]anager[^\n]{0,80}version[^\n]*(?:don't|does not|not) match[^\n]*",
        cause=(
            "The fabric manager is of another version than the driver, and does not start; GPUs behind "
            "NVSwitch cannot be used without it."
        ),
        overrides=True,
    ),
    sign_of(
        m.FABRIC_MANAGER,
        r"nvidia-fabricmanager(?:\.service|-start\.sh)?[^\n]*(?:failed|FAILURE|exited)[^\n]*",
        r"NV_WARN_NOTHING_TO_DO",
        r"[Ff]ailed to initialize NVSwitch[^\n]*",
        r"nv-fabricmanager[^\n]*(?:failed|error|not)[^\n]*",
        cause=(
            "The fabric manager does not start: its version is not the driver's, the machine has no "
            "NVSwitch and needs none, or the switches do not answer."
        ),
        certain=False,
    ),
    sign_of(
        m.CUDA_INVALID_DEVICE,
        r"device >= 0 && device < num_gpus INTERNAL ASSERT FAILED[^\n]*",
        r"Invalid device id",
        r"Attempting to deserialize object on CUDA device \d+ but torch\.cuda\.device_count\(\) is \d+",
        r"torch\.cuda\.set_device[^\n]{0,40}invalid[^\n]*",
        (
            r"CUDA_VISIBLE_DEVICES[^\n]{0,60}(?:invalid|is set to an? (?:invalid|empty)|does not "
            r"(?:exist|contain))[^\n]*"
        ),
        cause=(
            "The program asks for a GPU by a number that this process does not have: fewer GPUs can be used "
            "than it counts, by CUDA_VISIBLE_DEVICES, the parts of a divided GPU (MIG), or one that does "
            "not answer."
        ),
        remedies=(
            (
                "nvidia-smi -L shows the GPUs; count from 0 within CUDA_VISIBLE_DEVICES, and set it before "
                "the program starts."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.MIG,
        r"Unable to (?:enable|disable) MIG[^\n]*",
        r"MIG[^\n]{0,60}(?:In use by another client|Insufficient Resources|Not Supported)[^\n]*",
        (
            r"(?:CUDA_VISIBLE_DEVICES|device)[^\n]{0,40}MIG-[\w/-]+[^\n]{0,60}(?:invalid|not "
            r"found|cannot|unknown)[^\n]*"
        ),
        certain=False,
    ),
    sign_of(
        m.DRIVER_GPU_UNKNOWN,
        r"not supported by open\s+(?:NVRM:\s+)?nvidia\.ko",
        r"does not include the required GPU\s+(?:NVRM:\s+)?System Processor",
        cause=(
            "The open kernel module of the driver does not support this GPU, which is older than Turing: it "
            "needs the proprietary kernel module of a driver branch that still supports it."
        ),
        remedies=("Install the proprietary variant of the driver (without -open) in a branch for this GPU.",),
        overrides=True,
    ),
    sign_of(
        m.DRIVER_GPU_UNKNOWN,
        r"supported through the NVIDIA (?P<branch>[\w.]+) Legacy drivers",
        r"NVIDIA driver will ignore\s+(?:NVRM:\s+)?this GPU",
        cause=(
            "The driver no longer supports this GPU: it is old and needs an older (legacy) driver branch, "
            "as the message says."
        ),
        remedies=(
            "Install the legacy branch that is named (470, 390), and packages for the CUDA that it supports.",
        ),
        overrides=True,
    ),
    sign_of(
        m.CUDA_UNSUPPORTED,
        r"NVMLError_NotSupported[^\n]*",
        r"NVMLError_InvalidArgument[^\n]*",
        r"NVMLError_(?:NotFound|Unknown|Uninitialized)[^\n]*",
        cause=(
            "The driver's management library (NVML) does not answer what was asked about a GPU: this GPU or "
            "platform does not tell it (Jetson, WSL, vGPU, parts of a divided GPU), or the number asked for "
            "is not one of this process."
        ),
        rank=_GENERAL,
    ),
    sign_of(
        m.NO_DISPLAY,
        r"(?:[Cc]annot|[Ff]ailed to|[Cc]ould not|[Uu]nable to) (?:initialize|create|load|find|open|connect "
        r"to) (?:a |an |the |any )?(?:EGL|GLX|OpenGL|OSMesa|display|GLFW)[^\n]*",
        r"(?:[Cc]ould not|[Ff]ailed to|[Cc]annot|[Uu]nable to) connect to (?:X server|display|Wayland)[^\n]*",
        r"Qt platform plugin [^\n]*(?:xcb|could be initialized|could not be loaded)[^\n]*",
        r"no Qt platform plugin could be initialized",
        r"no display name and no \$DISPLAY environment variable",
        r"libGL error: [^\n]*",
        r"(?:GLXBadFBConfig|BadDisplay|EGL_NOT_INITIALIZED|EGL_BAD_\w+)[^\n]*",
        cause=(
            "A program draws (OpenGL, EGL, Qt), and there is no display or no graphics driver for that "
            "here, as on a server or in a container that was started for computing only."
        ),
        remedies=(
            (
                "Draw without a display: MUJOCO_GL=egl or osmesa, PYOPENGL_PLATFORM=egl, "
                "QT_QPA_PLATFORM=offscreen, xvfb-run."
            ),
            "In a container add NVIDIA_DRIVER_CAPABILITIES=all, and install libegl1, libgl1 and libosmesa6.",
        ),
        certain=False,
        overrides=True,
    ),
    sign_of(
        m.CUDA_DRIVER_OLD,
        r"Driver does not support the required nvenc API version[^\n]*",
        r"minimum required Nvidia driver for nvenc is (?P<driver>[\d.]+\d)",
        cause=(
            "ffmpeg was built for a newer video encoder (NVENC) than the NVIDIA driver of this machine has."
        ),
        remedies=("Update the driver, or use an ffmpeg built for an older one.",),
    ),
)
