"""What the processes of a run say when they do not reach or do not fit each other: NCCL, Gloo, MPI, Ray."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_GENERAL = SymptomRank.GENERAL
_NCCL = (
    sign_of(
        m.NCCL_SHARED_MEMORY,
        r"NCCL WARN[^\n]*(?:shm|shared memory)[^\n]*(?:No space left|[Cc]annot allocate)[^\n]*",
        r"NCCL WARN[^\n]*failed to extend /dev/shm[^\n]*",
        r"NCCL WARN Call to (?:posix_fallocate|ftruncate|mmap)[^\n]{0,20} failed[^\n]*No space left[^\n]*",
        r"(?:failed to extend|Error while creating shared memory segment) /dev/shm/nccl[^\n]*",
        r"Error while creating shared memory segment[^\n]*nccl[^\n]*",
        cause=(
            "NCCL could not make its shared memory in /dev/shm, over which the processes of one machine "
            "speak: it is full or too small (a container has 64 MB unless it is told otherwise), or not to "
            "be written."
        ),
        overrides=True,
    ),
    sign_of(
        m.NCCL_SHARED_MEMORY,
        r"Error while attaching to shared memory segment[^\n]*nccl[^\n]*",
        r"NCCL WARN Call to shm_open[^\n]*failed[^\n]*",
        r"NCCL WARN[^\n]*/dev/shm/nccl[^\n]*(?:No such file|Permission denied)[^\n]*",
        cause=(
            "NCCL could not open its shared memory in /dev/shm: the processes do not see the same /dev/shm "
            "(each in a container of its own), or may not write there."
        ),
        remedies=(
            (
                "Run the processes of one machine in one container or with --ipc=host; NCCL_SHM_DISABLE=1 "
                "avoids it."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.RUN_NETWORK,
        (
            r"NCCL WARN[^\n]*(?:[Cc]onnect|socket)[^\n]*(?:No route to host|Network is "
            r"unreachable|Connection timed out|Software caused connection abort)[^\n]*"
        ),
        r"\bWARN Call to connect[^\n]*(?:No route to host|unreachable|timed out)[^\n]*",
        cause=(
            "NCCL cannot reach another process of the run over the network interface that it chose: no "
            "route, a firewall, or an interface (docker0, a virtual one) that does not join the machines."
        ),
        remedies=(
            (
                "Name the interface that joins them: NCCL_SOCKET_IFNAME=eth0 (ip addr shows the names); "
                "open the ports between the machines."
            ),
        ),
        overrides=True,
    ),
    sign_of(
        m.RUN_NETWORK,
        r"NCCL WARN[^\n]*[Cc]onnect[^\n]*Connection refused[^\n]*",
        cause=(
            "NCCL was refused by another process of the run: that one has ended before or never started, or "
            "the network interface that was chosen is not the one that joins the machines."
        ),
        rank=_GENERAL,
    ),
    sign_of(
        m.RUN_NETWORK,
        r"(?:Bootstrap|NET/Socket) ?: ?[Nn]o (?:socket )?interface found[^\n]*",
        r"\bWARN[^\n]*(?:No IP interface found|no usable (?:network )?interface)[^\n]*",
        r"\bWARN Socket creation failed[^\n]*Address family not supported[^\n]*",
        cause=(
            "NCCL finds no network interface to use: NCCL_SOCKET_IFNAME names one that is not here, or the "
            "machine or container has none with an address."
        ),
        remedies=("Unset NCCL_SOCKET_IFNAME or set it to a name that ip addr shows.",),
        overrides=True,
    ),
    sign_of(
        m.LOCKED_MEMORY,
        r"ibv_(?:exp_)?reg_mr\w*[^\n]{0,80}(?:Cannot allocate memory|errno 12|error 12)[^\n]*",
        r"ibv_create_(?:cq|qp|srq)[^\n]{0,60}(?:Cannot allocate memory|errno 12)[^\n]*",
        r"(?:memlock|max locked memory|RLIMIT_MEMLOCK)[^\n]{0,60}(?:too (?:low|small)|limit|unlimited)[^\n]*",
        overrides=True,
    ),
    sign_of(
        m.RUN_INFINIBAND,
        r"NET/IB ?: ?[Gg]ot (?:async event|completion)[^\n]*(?:error|status|vendor err)[^\n]*",
        r"Call to ibv_(?:modify_qp|open_device|create_ah|post_send|poll_cq|alloc_pd)[^\n]{0,20} failed[^\n]*",
        r"NCCL WARN NET/IB ?: ?(?:Unable to open device|No device found|Peer)[^\n]*",
        r"UCX +ERROR[^\n]*(?:[Tt]ransport retry|mlx5|ib_|rdma)[^\n]*",
        r"(?:transport retry counter exceeded|IBV_WC_\w+|local protection error)[^\n]*",
        cause=(
            "Communication over InfiniBand or RoCE failed: a link or port is down or lossy, the settings of "
            "the network card (NCCL_IB_HCA, NCCL_IB_GID_INDEX) do not fit, or the machines do not reach "
            "each other over it."
        ),
        certain=False,
    ),
    sign_of(
        m.RUN_DIFFERS,
        r"Mismatched collective detected[^\n]*",
        r"collective mismatch error[^\n]*",
        r"Detected mismatch between collectives on ranks[^\n]*",
        r"ranks? \d+ (?:is|are) (?:calling|running)[^\n]{0,80}(?:but|while) rank[^\n]*",
        cause=(
            "The processes of the run do not call the same: they call other collective operations, in "
            "another order or with tensors of different sizes; or their NCCL releases or settings differ."
        ),
        remedies=(
            (
                "TORCH_DISTRIBUTED_DEBUG=DETAIL names the calls that differ; each process must take the "
                "same branches."
            ),
            "Use the same environment and NCCL_ settings on every machine.",
        ),
        certain=False,
    ),
    sign_of(
        m.RUN_DIFFERS,
        r"NCCL WARN Message truncated ?: ?received \d+ bytes instead of \d+",
        r"receiv\w+ \d+ bytes instead of \d+",
        r"connecting to address [^\n]{0,40}with family \d+ is neither AF_INET",
        r"(?:Mismatched NCCL version|NCCL version mismatch|Mismatched versions?)[^\n]*",
        cause=(
            "The processes of the run do not speak the same: mostly their NCCL is of different versions or "
            "set differently (NCCL_ variables), so that each reads the other's messages wrongly."
        ),
        remedies=(
            "Install the same torch and nvidia-nccl on every machine, and set the same NCCL_ variables.",
        ),
        certain=False,
    ),
    sign_of(
        m.NCCL_TOPOLOGY,
        (
            r"(?:Failed to bind NVLink SHARP|NVLS)[^\n]{0,80}(?:failed|error|out of memory|Multicast "
            r"memory)[^\n]*"
        ),
        r"Attribute \w+ of node \w+ not found",
        (
            r"(?:Could not find a path for pattern|No (?:P2P|path) between|graph/(?:xml|topo)\.cc[^\n]*NCCL "
            r"WARN)[^\n]*"
        ),
        cause=(
            "NCCL failed over what it sees of the machine: a topology file, NVLink or NVSwitch (NVLS, "
            "fabric manager) that is not as it expects."
        ),
        certain=False,
    ),
)
_GLOO = (
    sign_of(
        m.RUN_NETWORK,
        r"Unable to find address for: \S+",
        cause=(
            "Gloo finds no network interface of the name that it was given (GLOO_SOCKET_IFNAME): it takes "
            "one exact name that this machine has, not a pattern as NCCL does."
        ),
        remedies=("Set GLOO_SOCKET_IFNAME to a name that ip addr shows on this machine.",),
        overrides=True,
    ),
    sign_of(
        m.RUN_NETWORK,
        r"[Gg]loo connectFullMesh failed[^\n]*",
        r"gloo/transport/tcp[^\n]*(?:unreachable|Connection refused|timed out|No route to host)[^\n]*",
        r"[Gg]loo[^\n]{0,60}unable to resolve (?:hostname|address)[^\n]*",
        r"makeDeviceForHostname\(\)[^\n]*",
        cause=(
            "The processes of the run cannot reach each other over Gloo: it takes the network interface "
            "that the machine's own name leads to, and where that is 127.0.0.1 or another network, no other "
            "machine is reached."
        ),
        remedies=(
            (
                "Set GLOO_SOCKET_IFNAME to the interface that joins the machines, and give each machine's "
                "name its real address in /etc/hosts."
            ),
        ),
        certain=False,
        overrides=True,
    ),
    sign_of(
        m.RENDEZVOUS,
        r"gloo/transport/tcp[^\n]*(?:Connection closed by peer|Connection reset by peer|Read error)[^\n]*",
        cause="Another process of the run ended while this one spoke with it: that one failed first.",
        rank=SymptomRank.WRAPPER,
    ),
)
_MEETING = (
    sign_of(
        m.RENDEZVOUS,
        r"client socket has timed out after [^\n]*(?:trying to )?connect[^\n]*",
        r"client socket has failed to connect to any network address of[^\n]*",
        r"client socket cannot be initialized to connect to[^\n]*",
        r"The server socket has failed to (?:listen|bind)[^\n]*",
        r"(?:connection|rendezvous)[^\n]{0,40}C10d store has failed[^\n]*",
        r"RendezvousTimeoutError[^\n]*",
        r"Timed out waiting for clients",
        r"\d+/\d+ clients joined[^\n]*",
        cause=(
            "The processes of the run did not meet: this one could not reach the main process at its "
            "address and port. It never started there or has ended, the address or host name is wrong, or a "
            "firewall is in the way."
        ),
        remedies=(
            (
                "Look at the first error of the main process; check MASTER_ADDR, MASTER_PORT or "
                "--rdzv-endpoint, that each machine can resolve the name, and the network between them."
            ),
        ),
        rank=_GENERAL,
        overrides=True,
    ),
    sign_of(
        m.SSH_FAILED,
        r"not reachable via ssh",
        r"Permission denied \((?:publickey|password|gssapi)[\w,-]*\)",
        r"Host key verification failed",
        r"ssh: connect to host \S+ port \d+: [^\n]*",
        r"ssh exited with exit code \d+",
        r"Command '?\[?'?ssh [^\n]*returned non-zero exit status 255",
        certain=False,
        overrides=True,
    ),
    sign_of(
        m.PROGRAM_MISSING,
        r"launcher '(?P<name>[\w-]+)' not installed",
        cause=(
            "The launcher {name}, with which the processes on other machines are to be started, is not "
            "installed."
        ),
        remedies=("Install {name} (apt-get install {name}), or choose another: --launcher, srun, torchrun.",),
    ),
)
_ARGUMENTS = (
    sign_of(
        m.ARGUMENTS,
        r"unrecognized arguments: --local[-_]rank[^\n]*",
        cause=(
            "torch.distributed.launch gives each process the argument --local-rank (torch 2.0 and newer, "
            "with a hyphen; older ones --local_rank), which the program does not know in this spelling."
        ),
        remedies=(
            "Start it with torchrun and read LOCAL_RANK from the environment, or let it take both spellings.",
        ),
    ),
    sign_of(
        m.MODULE_MISSING,
        (
            r"py\.?test[^\n]*: error: unrecognized arguments:[^\n]* "
            r"(?P<option>--cov|--timeout|--asyncio-mode|-n|--numprocesses|--dist|--benchmark|--mypy|"
            r"--forked|--reruns|--randomly|--ds|--xdist)\b[^\n]*"
        ),
        cause=(
            "pytest does not know {option}, which one of its plugins brings: the plugin is not installed in "
            "this environment, or not loaded."
        ),
        remedies=("Install the plugin (pytest-cov, pytest-xdist, pytest-timeout, …).",),
        certain=False,
        overrides=True,
    ),
    sign_of(
        m.ARGUMENTS,
        r"error: unrecognized arguments: [^\n]+",
        r"error: the following arguments are required: [^\n]+",
        r"error: argument [^\n]+: (?:invalid|expected|not allowed)[^\n]*",
        r"Error: No such (?:option|command)[^\n]*",
        cause=(
            "The program was started with arguments that it does not know, or without those that it needs: "
            "a mistake in the command, or a command for another release of the program."
        ),
        rank=_GENERAL,
        unless=("--local[-_]rank",),
        certain=False,
    ),
)
_MPI = (
    sign_of(
        m.MPI_LAUNCH,
        r"OMPI was not built with SLURM's PMI support",
        r"PMI2?_Init failed to init?ialize",
        r"PMIX ERROR: [^\n]*",
        r"PMI_Get_\w+ \[[^\n]*Operation failed",
        r"mpi/pmix[^\n]*(?:error|failed|cannot)[^\n]*",
        r"Couldn't find the specified plugin name for mpi/\w+",
        cause=(
            "The MPI in this environment was not built for the way in which Slurm starts processes (PMI or "
            "PMIx), so that srun cannot start it."
        ),
        remedies=(
            (
                "Start it with mpirun, with srun --mpi=pmix where srun --mpi=list has it, or use the MPI of "
                "the cluster."
            ),
        ),
        overrides=True,
        certain=False,
    ),
    sign_of(
        m.MPI_LAUNCH,
        r"There are not enough slots available in the system",
        cause="mpirun was asked for more processes than it has slots: than cores or tasks of the job.",
        remedies=(
            "Ask the job for as many tasks, or start fewer: -np; --oversubscribe takes more than there are.",
        ),
    ),
    sign_of(
        m.MPI_LAUNCH,
        r"mpirun has detected an attempt to run as root",
        cause="Open MPI refuses to run as root, as in most containers.",
        remedies=("Run as another user, or add --allow-run-as-root.",),
    ),
    sign_of(
        m.MPI_LAUNCH,
        r"ORTE (?:was unable to reliably start|has lost communication)[^\n]*",
        r"(?:PRTE|ORTE)[^\n]{0,60}daemon[^\n]*(?:unexpectedly|failed)[^\n]*",
        r"mpirun was unable to (?:find|launch)[^\n]*",
        cause=(
            "mpirun could not start its processes on all machines: the program or MPI is not found there, "
            "or the machine is not reached (ssh, network)."
        ),
        certain=False,
    ),
)
_RAY = (
    sign_of(
        m.RUNTIME_ENVIRONMENT,
        r"gone wrong while installing the runtime_env `\w+` packages",
        r"RuntimeEnvSetupError[^\n]*",
        r"[Rr]untime_env setup failed[^\n]*",
        r"runtime environment[^\n]{0,60}(?:failed to be created|could not be)[^\n]*",
        r"runtime env failed to be created",
        cause=(
            "Ray could not make the runtime environment of its workers: pip, conda or uv failed to install "
            "what runtime_env asks for."
        ),
        remedies=(
            (
                "Read runtime_env_setup-*.log in the session's logs, or install the same packages once by "
                "hand to see the error."
            ),
        ),
        certain=False,
    ),
    sign_of(
        m.RUN_VERSIONS,
        r"Version mismatch: The cluster was started with[^\n]*",
        r"(?:Ray|ray) version[^\n]{0,60}(?:mismatch|does not match|differs)[^\n]*",
        cause="The machines of the Ray cluster have different versions of Ray or Python.",
    ),
    sign_of(
        m.KILLED_MEMORY,
        r"(?:Task|Worker|worker\(s\)|tasks?)[^\n]{0,60}killed due to (?:the )?node running low on memory",
        r"ray\.exceptions\.OutOfMemoryError[^\n]*",
        cause="Ray ended the process because the machine had no memory left (not the GPU's).",
        remedies=("Give it more memory, or run fewer tasks at once (num_cpus, batch sizes).",),
        overrides=True,
    ),
    sign_of(
        m.NO_RESOURCES,
        r"No available node types can fulfill resource request[^\n]*",
        r"(?:cannot be scheduled right now|infeasible resource requests?)[^\n]*",
        r"Error: No available node types[^\n]*",
        r"placement group[^\n]{0,80}(?:infeasible|cannot be (?:scheduled|fulfilled)|not enough)[^\n]*",
        cause=(
            "The Ray cluster has not the CPUs or GPUs that were asked for: none at all, or others use them."
        ),
        remedies=("ray status shows what there is; ask for that.",),
        certain=False,
    ),
)

SIGNS: tuple[Sign, ...] = (*_NCCL, *_GLOO, *_MEETING, *_ARGUMENTS, *_MPI, *_RAY)
