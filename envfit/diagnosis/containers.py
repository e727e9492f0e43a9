"""What container engines, Kubernetes, Slurm and environment modules say before a program even starts."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_GENERAL = SymptomRank.GENERAL
_DEVICES = (
    sign_of(
        m.CONTAINER_CDI,
        r"unresolvable CDI devices?[^\n]*",
        r"(?:setting up|failed to inject) CDI devices?[^\n]*",
        r"failed to stat CDI host device[^\n]*",
        r"stat nvidia\.com/gpu=\S*: no such file or directory",
        r"CDI device injection failed[^\n]*",
        r"no CDI (?:devices|specs?)[^\n]{0,40}(?:found|registered)[^\n]*",
        cause=(
            "The container engine finds no description (CDI) of the GPU under this name: it was never made "
            "on this host, is older than the driver, or the engine (podman before 4.1) does not read it."
        ),
        overrides=True,
    ),
    sign_of(
        m.CONTAINER_GPU,
        r"mount error: file creation failed: (?P<file>\S{1,200}/lib(?:nvidia|cuda|nv)\S{1,80}): file exists",
        cause=(
            "The image of the container already carries a file of the NVIDIA driver ({file}), which the "
            "container toolkit wants to put there itself."
        ),
        remedies=(
            (
                "Build the image without packages that bring files of the driver (libnvidia-*, nvidia-utils, "
                "nvidia-opencl-dev); or remove the file that the message names in its last step."
            ),
        ),
        overrides=True,
        certain=False,
    ),
    sign_of(
        m.CONTAINER_GPU,
        (
            r"nvidia-container-cli: initialization error: (?:driver rpc error|driver error|cuda error|open "
            r"failed)[^\n]*"
        ),
        r"nvidia-container-cli(?:\.real)?: (?:ldcache|mount|detection|driver rpc|device) error[^\n]*",
        r"could not apply required modification to OCI specification[^\n]*",
        r"error adding (?:device|GPU|CDI)[^\n]*nvidia[^\n]*",
        r"error executing hook [^\n]*nvidia[^\n]*",
        r"nvidia-container-runtime: [^\n]*(?:runc|crun)[^\n]*",
        r"error running (?:prestart )?hook[^\n]*nvidia[^\n]*",
        r"nvidia-container-(?:runtime|toolkit)[^\n]{0,80}(?:permission denied|not found|no such file)[^\n]*",
        cause=(
            "NVIDIA's container hook or runtime could not give the GPU to the container: it finds no runc, "
            "the driver of the host does not answer, or the toolkit and the host do not fit."
        ),
        remedies=(
            "Run nvidia-smi on the host first; then update or reinstall nvidia-container-toolkit there.",
        ),
        rank=_GENERAL,
    ),
    sign_of(
        m.CONTAINER_GPU,
        r"nvidia-container-cli: device error[^\n]*(?:unknown device|not found)[^\n]*",
        cause="The container was to get a GPU by a number or UUID that the host does not have.",
        remedies=(
            "nvidia-smi -L on the host shows its GPUs; give --gpus or NVIDIA_VISIBLE_DEVICES one of them.",
        ),
    ),
    sign_of(
        m.CONTAINER_GPU,
        r"bpf_prog_query\(BPF_CGROUP_DEVICE\) failed[^\n]*",
        r"unable to create cgroupv\d interface[^\n]*",
        r"cgroup subsystem devices not found[^\n]*",
        r"failed to add device rules[^\n]*",
        r"nvidia-container-cli[^\n]*cgroup[^\n]*(?:not permitted|not found|failed)[^\n]*",
        cause=(
            "NVIDIA's container hook and the cgroup of this system do not fit: it is older than cgroup v2, "
            "or may not change the cgroup of the container, as with an engine that runs without root."
        ),
        remedies=(
            (
                "Update nvidia-container-toolkit on the host; for an engine without root set no-cgroups = "
                "true in /etc/nvidia-container-runtime/config.toml, or use CDI."
            ),
        ),
        overrides=True,
    ),
    sign_of(
        m.CUDA_NO_DEVICE,
        (
            r"(?:exec|executable file)[^\n]{0,10}[`'\"]?nvidia-smi[`'\"]?[^\n]{0,20}(?:not found|no such "
            r"file)[^\n]*"
        ),
        cause=(
            "The container has no nvidia-smi: the container engine puts it there with the GPU, so that the "
            "container was started without the GPU (in podman --gpus does nothing)."
        ),
        remedies=("docker run --gpus all, podman run --device nvidia.com/gpu=all, apptainer exec --nv.",),
    ),
)
_ENGINE = (
    sign_of(
        m.CONTAINER_SERVICE,
        r"permission denied while trying to connect to the Docker daemon[^\n]*",
        r"[Gg]ot permission denied[^\n]*docker\.sock[^\n]*",
        r"dial unix \S*docker\.sock[^\n]*permission denied",
        cause="The user may not use Docker: its socket belongs to root and the group docker.",
        remedies=("sudo usermod -aG docker $USER and log in again, or use sudo.",),
        overrides=True,
    ),
    sign_of(
        m.CONTAINER_SERVICE,
        r"Cannot connect to the Docker daemon[^\n]*",
        r"Is the docker daemon running",
        cause=(
            "Docker is not running on this machine, or its socket is not where the program looks for it "
            "(DOCKER_HOST)."
        ),
        remedies=("Start it: sudo systemctl start docker; in WSL, Docker Desktop.",),
    ),
    sign_of(
        m.CONTAINER_START,
        r"getpwuid\(\): uid not found: \d+",
        r"No username set in the environment[^\n]*",
        cause=(
            "The process runs under a user id that the system has no name for (as a container started with "
            "--user and without an entry in /etc/passwd), and the program asks for the user's name."
        ),
        remedies=(
            (
                "Create the user in the image, mount /etc/passwd, or set USER, LOGNAME, HOME and "
                "TORCHINDUCTOR_CACHE_DIR."
            ),
        ),
        certain=False,
        overrides=True,
    ),
    sign_of(
        m.FILE_MISSING,
        (
            r"failed to (?:compute cache key|calculate checksum of ref)[^\n]*: \"?(?P<path>/[^\s\":]+)\"?: "
            r"not found"
        ),
        r"(?:COPY|ADD) failed: [^\n]*(?:stat|no source files)[^\n]*",
        cause=(
            "A file that the Dockerfile copies is not in the folder that the image is built from, or is "
            "named in .dockerignore."
        ),
        remedies=("Build from the folder of the project; look at .dockerignore.",),
        overrides=True,
    ),
    sign_of(
        m.LIBC_OLD,
        r"version `(?P<symbol>GLIBC_[\d.]+)' not found \(required by /\.singularity\.d/libs/[^\n]*",
        cause=(
            "The libraries of the host's driver, which apptainer --nv puts into the container, need "
            "{symbol}, and the C library of the image is older: the image is older than the host's system."
        ),
        remedies=("Use an image of a newer Linux.",),
        overrides=True,
    ),
    sign_of(
        m.CONTAINER_IMAGE,
        r"pull access denied for \S+",
        r"manifest (?:for \S+ not found|unknown)[^\n]*",
        r"(?:ErrImagePull|ImagePullBackOff)[^\n]*",
        r"unauthorized: (?:authentication required|access to the requested resource)[^\n]*",
        r"repository does not exist or may require[^\n]*",
        r"failed to resolve source metadata for [^\n]*(?:not found|denied|unauthorized|forbidden)[^\n]*",
        r"(?:failed to resolve reference|requested access to the resource is denied)[^\n]*",
        cause=(
            "The image could not be fetched: there is none of this name and tag, or it is private and "
            "nobody is logged in."
        ),
        remedies=(
            "Look at the name and tag; log in to the registry (docker login, nvcr.io with an API key).",
        ),
    ),
    sign_of(
        m.RATE_LIMIT,
        r"toomanyrequests[^\n]*",
        r"You have reached your (?:unauthenticated )?pull rate limit",
        cause=(
            "The registry of images limits how many are fetched, and the limit is reached (too many "
            "requests)."
        ),
        remedies=("Log in (docker login), wait, or use a mirror.",),
    ),
    sign_of(
        m.LIBRARY_FOREIGN,
        r"no matching manifest for (?P<machine>\S+)[^\n]*",
        cause=(
            "The image exists for other kinds of processor or platform, and not for {machine}, which this "
            "machine is."
        ),
        remedies=("Use an image for this machine's architecture, or build it there.",),
    ),
    sign_of(
        m.CONTAINER_START,
        r"exec (?:/\S+|\S+\.sh): no such file or directory",
        (
            r"exec: \"[^\"\n]+\": (?:stat [^\n:]+: )?(?:no such file or directory|executable file not found "
            r"in \$PATH|permission denied)[^\n]*"
        ),
        r"exec (?:/\S+|\S+\.sh): permission denied",
        r"OCI runtime attempted to invoke a command that was not found",
        r"unable to start container process: exec: [^\n]*",
        cause=(
            "The container's first program could not be started: it is not in the image or not in PATH, is "
            "not executable, or its first line names an interpreter that is not there (as with line ends of "
            "Windows)."
        ),
        remedies=(
            "Look at the path of the entrypoint or command, chmod +x, and its line ends (LF, not CRLF).",
        ),
        certain=False,
        unless=("nvidia-smi", "nvidia-container-runtime"),
    ),
    sign_of(
        m.FILE_DAMAGED,
        r"(?:bad superblock|trying to read the squashfs image|[Cc]ould not find squashfs partition)[^\n]*",
        r"(?:image format not recognized|not a valid (?:SIF|image)|unable to open image)[^\n]*",
        cause=(
            "The image of the container (squashfs, SIF) could not be read: the file is damaged or "
            "incomplete, or the system's kernel does not know the compression that it was made with."
        ),
        remedies=("Fetch or build the image again, whole (look at the free disk and at APPTAINER_TMPDIR).",),
        overrides=True,
    ),
    sign_of(
        m.CONTAINER_NAMESPACE,
        r"[Ff]ailed to create (?:user|mount) namespace[^\n]*",
        r"(?:newuidmap|newgidmap)[^\n]*(?:not found|failed|not permitted|write to uid_map)[^\n]*",
        (
            r"(?:user namespaces?|userns)[^\n]{0,60}(?:not (?:enabled|permitted|allowed|supported)|"
            r"disabled)[^\n]*"
        ),
        r"(?:apptainer|singularity|starter)[^\n]*(?:setuid|fakeroot)[^\n]*(?:not|failed|must)[^\n]*",
        r"no subuid ranges found for user[^\n]*",
        r"crun: [^\n]*: (?:Function not implemented|Operation not permitted)[^\n]*",
        r"container creation failed: [^\n]*(?:permission|not permitted|mount)[^\n]*",
        cause=(
            "The system does not let this user start containers this way: user namespaces or fakeroot are "
            "not set up for it."
        ),
        certain=False,
    ),
)
_SCHEDULERS = (
    sign_of(
        m.NO_RESOURCES,
        r"Insufficient nvidia\.com/(?:gpu|mig)\S*",
        cause=(
            "Kubernetes finds no node with a free GPU (nvidia.com/gpu): all are taken, or the node does not "
            "offer any because NVIDIA's device plugin, the driver or the container runtime is missing there."
        ),
        remedies=(
            (
                "kubectl describe nodes shows nvidia.com/gpu under Allocatable; if it is not there, look at "
                "the device plugin."
            ),
        ),
    ),
    sign_of(
        m.CONTAINER_GPU,
        r"UnexpectedAdmissionError[^\n]*",
        r"Allocate failed due to [^\n]*nvidia\.com[^\n]*",
        r"no runtime for \"nvidia\" is configured[^\n]*",
        cause=(
            "Kubernetes could not give the GPU to the pod: NVIDIA's device plugin does not offer a healthy "
            "GPU on that node, or the container runtime of the node has no nvidia runtime."
        ),
        remedies=(
            "Look at the log of the nvidia-device-plugin on that node, restart it, and run nvidia-smi there.",
        ),
        overrides=True,
    ),
    sign_of(
        m.POD_EVICTED,
        r"The node was low on resource: [^\n]*",
        r"ephemeral local storage usage exceeds[^\n]*",
        r"Pod was evicted[^\n]*",
        r"Reason: +Evicted",
    ),
    sign_of(
        m.KILLED_MEMORY,
        r"job killed: (?:p?v?mem|mem) [^\n]*exceeded limit[^\n]*",
        r"TERM_MEMLIMIT[^\n]*",
        cause=(
            "The scheduler ended the job because it used more of the machine's memory (not the GPU's) than "
            "it had asked for."
        ),
        overrides=True,
    ),
    sign_of(
        m.JOB_ENDED,
        r"TERM_(?:RUNLIMIT|OWNER|PREEMPT|ADMIN)[^\n]*",
        r"\*\*\* (?:JOB|STEP) [^\n]*CANCELLED AT [^\n]*",
        cause=(
            "The scheduler of the cluster or a person ended the job. Neither the program nor its "
            "environment failed."
        ),
        certain=False,
        unless=("DUE TO",),
    ),
    sign_of(
        m.NO_RESOURCES,
        r"Unable to satisfy cpu bind request[^\n]*",
        r"CPU binding outside of job step allocation[^\n]*",
        r"Unable to (?:contact slurm controller|create step for job)[^\n]*",
        r"exceeded quota: [^\n]*",
        cause=(
            "Slurm or Kubernetes could not start it as asked: the CPUs, memory or binding are not within "
            "what the job was given, or a quota is used up. No package is at fault."
        ),
        certain=False,
        unless=(r"\(gres\)",),
    ),
    sign_of(
        m.HIDDEN,
        r"(?:CrashLoopBackOff|Back-off restarting failed container)[^\n]*",
        cause=(
            "Another error is hidden behind this message: the program in the container ended, and "
            "Kubernetes starts it again."
        ),
        remedies=("kubectl logs POD --previous shows what it printed.",),
        rank=SymptomRank.WRAPPER,
        certain=False,
    ),
    sign_of(
        m.NO_RESOURCES,
        r"\d+/\d+ nodes are available: [^\n]*",
        cause=(
            "Kubernetes finds no node that takes the pod: the message says what each lacks (memory, CPU, "
            "taints, selectors)."
        ),
        remedies=("Ask for what the nodes have (kubectl describe nodes), or tolerate their taints.",),
        unless=(r"Insufficient nvidia\.com",),
    ),
    sign_of(
        m.NO_RESOURCES,
        r"Requested node configuration is not available",
        r"Invalid account or account/partition combination specified",
        r"Invalid (?:partition|qos|account)[^\n]{0,20} specif\w+",
        (
            r"(?:sbatch|srun|salloc): error: [^\n]*(?:submission failed|allocation failure|Unable to "
            r"allocate resources)[^\n]*"
        ),
        r"(?:QOSMax\w+|AssocGrp\w+|AssocMax\w+)",
        r"Job violates accounting/QOS policy",
        cause=(
            "Slurm did not take the job: what was asked for (account, partition, GPUs, memory, time) does "
            "not exist, or this user may not have it. No package is at fault."
        ),
        remedies=(
            (
                "sinfo -o '%P %G %m %l' shows what there is, sacctmgr show assoc user=$USER what the user "
                "may use."
            ),
        ),
        unless=(r"\(gres\)",),
    ),
    sign_of(
        m.MODULE_UNKNOWN,
        r"The following module\(s\) are unknown: (?P<name>[^\n]+)",
        r"These module\(s\) or extension\(s\) exist but cannot be loaded as requested: (?P<name>[^\n]+)",
        r"ModuleCmd_Load\.c[^\n]*Unable to locate a modulefile for (?P<name>\S+)",
        r"ERROR: Unable to locate a modulefile for (?P<name>\S+)",
        cause=(
            "The cluster has no environment module {name}, or others must be loaded before it; what it "
            "brings is missing after that."
        ),
        remedies=(
            "module spider shows the versions that are there, and what each needs to be loaded before.",
        ),
        overrides=True,
    ),
)

SIGNS: tuple[Sign, ...] = (*_DEVICES, *_ENGINE, *_SCHEDULERS)
