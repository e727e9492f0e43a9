"""Every command of envfit and what it takes: the table that parsing and ``--help`` are made of."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from envfit.cli.arguments import Argument, Command

__all__ = ["COMMANDS"]


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number above zero")
    return amount


def _count(text: str) -> int:
    if not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def _megabytes(text: str) -> int:
    """Return bytes."""
    if not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is not a number of megabytes")
    return int(text) * 1_000_000


def _flag(name: str, *flags: str, help: str) -> Argument:  # noqa: A002 - as everywhere in argparse
    return Argument(name=name, flags=flags, help=help)


_JSON = _flag("json", "--json", help="Print the answer as JSON.")
_GPUS = Argument(
    name="gpus",
    flags=("--gpu",),
    metavar="GPU",
    many=True,
    help="A GPU that must be served: V100, 'GTX 1080 Ti', sm_70, 7.0, auto (this machine) or none. "
    "Repeat it for several.",
)
_DRIVER = Argument(
    name="driver",
    flags=("--driver",),
    metavar="VERSION",
    help="The driver version on the target, such as 535.161.08. Default: the first release of the oldest "
    "branch that NVIDIA supports and that drives the GPUs.",
)
_IGNORE_GPUS = Argument(
    name="ignored_gpus",
    flags=("--ignore-gpu",),
    metavar="INDEX|NAME",
    many=True,
    help="A GPU that need not be served: its index as nvidia-smi counts, or its model. The lock keeps the "
    "choice for a later lock; an environment that is installed with it hides the GPU when it is activated. "
    "Repeat it for several.",
)
_IGNORE_RULES = Argument(
    name="ignore_rules",
    flags=("--ignore-rule",),
    metavar="ID",
    many=True,
    help="Switch off one rule of the knowledge base.",
)
_STRICT_KNOWLEDGE = _flag(
    "strict_knowledge",
    "--strict-knowledge",
    help="Take no wheel of a package with GPU builds whose GPU code is not known.",
)
_READ_LIMIT = Argument(
    name="read_limit",
    flags=("--read-limit",),
    metavar="MB",
    kind=_megabytes,
    help="Read at most this much of chosen wheels whose GPU code is not known yet; 0 reads none. "
    "Default: 200.",
)
_MIRRORS = Argument(
    name="mirrors",
    flags=("--mirror",),
    metavar="CANONICAL=MIRROR",
    many=True,
    help="Fetch what is under the address CANONICAL from MIRROR; the lock names CANONICAL. Also "
    "ENVFIT_MIRRORS. Repeat it for several.",
)
_OUTPUT = Argument(
    name="output",
    flags=("-o", "--output"),
    metavar="FILE",
    kind=Path,
    help="Default: pylock.toml, or pylock.NAME.toml for --target NAME.",
)
_TARGET = Argument(
    name="target",
    flags=("--target",),
    metavar="NAME",
    help="Name the target; its lock is pylock.NAME.toml.",
)
_PRE = _flag("pre", "--pre", help="Allow pre-releases.")
_INDEX_URL = Argument(
    name="index_url",
    flags=("--index-url",),
    metavar="URL",
    help="The package index. Default: the one that uv or pip is configured for.",
)
_EXTRA_INDEX_URLS = Argument(
    name="extra_index_urls",
    flags=("--extra-index-url",),
    metavar="URL",
    many=True,
    help="A further index, searched first; the first index that has a name serves it.",
)
_NO_INDEX = _flag(
    "no_index",
    "--no-index",
    help="Ask no index: take what --find-links and addresses name, and nothing else.",
)
_FIND_LINKS = Argument(
    name="find_links",
    flags=("-f", "--find-links"),
    metavar="URL|DIR",
    many=True,
    help="A page or directory of distributions, besides the indexes.",
)
_PYTORCH_INDEX = _flag(
    "pytorch_index",
    "--pytorch-index",
    help="Add the PyTorch index, or a mirror of it at URL, for torch and the packages built with it: "
    "--pytorch-index [URL].",
)
_PYTORCH_MIRROR = Argument(name="pytorch_mirror", flags=("--pytorch-mirror",), metavar="URL")
_OFFLINE = _flag("offline", "--offline", help="Use only what is in the cache.")
_NO_BUILD = _flag(
    "no_build", "--no-build", help="Use no source distribution, and build none for its metadata."
)
_NO_PREBUILT = _flag(
    "no_prebuilt",
    "--no-prebuilt",
    help="Ask no release page for a prebuilt wheel of a package that has none on its index.",
)
_VERBOSE = _flag("verbose", "-v", "--verbose", help="Print every package.")
_BUDGET = Argument(
    name="budget",
    flags=("--budget",),
    metavar="N",
    kind=_positive,
    help="Give up undecided, with exit code 4, after N decisions. Default: 1000000.",
)
_EXCLUDE_NEWER = Argument(
    name="exclude_newer",
    flags=("--exclude-newer",),
    metavar="DATE",
    help="Ignore what was uploaded after DATE.",
)
_LOCK_FILE = Argument(
    name="lock_file",
    metavar="LOCK",
    kind=Path,
    default=Path("pylock.toml"),
    help="The lock. Default: pylock.toml.",
)

_DETECT = Command(
    name="detect",
    run="envfit.cli.detecting:detect",
    summary="Say what this machine is, and where each fact came from.",
    arguments=(
        _JSON,
        Argument(
            name="record",
            flags=("--record",),
            metavar="DIR",
            kind=Path,
            help="Write what was read into DIR, without identifiers, to attach to a report.",
        ),
    ),
)

_LOCK = Command(
    name="lock",
    run="envfit.cli.locking:lock",
    remembers=True,
    summary="Lock an environment that runs on a target, or say why there is none.",
    more="Example: envfit lock torch transformers --gpu V100 --driver 535.161.08",
    arguments=(
        Argument(
            name="requirements",
            metavar="REQUIREMENT",
            many=True,
            help="Requirements, such as torch or 'transformers>=5'. Default: ./pyproject.toml.",
        ),
        Argument(
            name="files",
            flags=("-r", "--requirement"),
            metavar="FILE",
            many=True,
            kind=Path,
            help="A requirements file, pyproject.toml, environment.yml or pylock.toml; - is standard input.",
        ),
        Argument(
            name="editables",
            flags=("-e", "--editable"),
            metavar="DIR",
            many=True,
            help="A project in a directory, installed to be used in place.",
        ),
        Argument(
            name="constraints",
            flags=("-c", "--constraint"),
            metavar="FILE",
            many=True,
            kind=Path,
            help="A requirements file that bounds versions and brings nothing in.",
        ),
        Argument(
            name="overrides",
            flags=("--override",),
            metavar="FILE",
            many=True,
            kind=Path,
            help="A requirements file that stands in the place of every other requirement on its names.",
        ),
        Argument(
            name="exclude",
            flags=("--exclude",),
            metavar="NAME",
            many=True,
            help="A package that nothing may bring in.",
        ),
        Argument(
            name="extras", flags=("--extra",), metavar="NAME", many=True, help="An extra of the project."
        ),
        Argument(
            name="groups",
            flags=("--group",),
            metavar="NAME",
            many=True,
            help="A dependency group of the project (PEP 735).",
        ),
        _OUTPUT,
        _flag("check", "--check", help="Write nothing; exit 1 if the lock is stale."),
        _GPUS,
        _IGNORE_GPUS,
        _DRIVER,
        Argument(
            name="python",
            flags=("--python",),
            metavar="VERSION",
            help="The Python on the target, such as 3.12; of a range such as '>=3.10', the one that serves "
            "best what you name. Default: 3.11, or what requires-python asks for.",
        ),
        Argument(
            name="platform",
            flags=("--platform",),
            metavar="PLATFORM",
            help="linux-x86_64 or linux-aarch64. Default: implied by the GPU, else linux-x86_64.",
        ),
        Argument(
            name="glibc",
            flags=("--glibc",),
            metavar="VERSION",
            help="The glibc on the target. Default: 2.28.",
        ),
        _TARGET,
        Argument(
            name="if_supported",
            flags=("--if-supported",),
            metavar="NAME",
            many=True,
            help="Take NAME where it runs, leave it out with the reason where not.",
        ),
        Argument(
            name="concede",
            flags=("--concede",),
            metavar="none|minor|any",
            choices=("none", "minor", "any"),
            help="How far an --if-supported package may lower one that you named. Default: minor.",
        ),
        Argument(
            name="provided",
            flags=("--provided",),
            metavar="NAME==VERSION|FILE",
            many=True,
            help="What a loaded module supplies, as pip list --format=freeze prints it.",
        ),
        Argument(
            name="provided_from",
            flags=("--provided-from",),
            metavar="PYTHON",
            help="The interpreter of a loaded module or a container: what it sees is provided, and its "
            "Python is the target's.",
        ),
        _PRE,
        _flag("upgrade", "--upgrade", help="Do not keep the versions of the existing lock."),
        Argument(
            name="upgrade_packages",
            flags=("--upgrade-package",),
            metavar="NAME",
            many=True,
            help="Do not keep the version of NAME.",
        ),
        _INDEX_URL,
        _EXTRA_INDEX_URLS,
        _NO_INDEX,
        _FIND_LINKS,
        Argument(
            name="no_binary",
            flags=("--no-binary",),
            metavar="NAME",
            many=True,
            help="Take no wheel of NAME; :all: stands for every package.",
        ),
        Argument(
            name="only_binary",
            flags=("--only-binary",),
            metavar="NAME",
            many=True,
            help="Take no source distribution of NAME; :all: stands for every package.",
        ),
        Argument(
            name="resolution",
            flags=("--resolution",),
            metavar="STRATEGY",
            help="highest, lowest, or lowest-direct (only of what you name). Default: highest.",
        ),
        _PYTORCH_INDEX,
        _PYTORCH_MIRROR,
        _MIRRORS,
        _EXCLUDE_NEWER,
        _OFFLINE,
        _NO_BUILD,
        _NO_PREBUILT,
        _IGNORE_RULES,
        _STRICT_KNOWLEDGE,
        _READ_LIMIT,
        _BUDGET,
        _JSON,
        _VERBOSE,
    ),
)

_ADD = Command(
    name="add",
    run="envfit.cli.locking:add",
    summary="Lock again with more packages; target, versions, constraints and what else was asked for are "
    "kept.",
    more="What the lock was made for is read from the lock. Where ./pyproject.toml lists dependencies, what "
    "is added is written there too.",
    arguments=(
        Argument(
            name="requirements",
            metavar="REQUIREMENT",
            many=True,
            required=True,
            help="What to add, such as einops or 'transformers>=5'.",
        ),
        _OUTPUT,
        _TARGET,
        _PRE,
        _INDEX_URL,
        _EXTRA_INDEX_URLS,
        _FIND_LINKS,
        _PYTORCH_INDEX,
        _PYTORCH_MIRROR,
        _MIRRORS,
        _EXCLUDE_NEWER,
        _OFFLINE,
        _NO_BUILD,
        _NO_PREBUILT,
        _IGNORE_RULES,
        _STRICT_KNOWLEDGE,
        _READ_LIMIT,
        _BUDGET,
        _JSON,
        _VERBOSE,
    ),
)

_INSTALL = Command(
    name="install",
    run="envfit.cli.installing:install",
    summary="Install a lock, if it runs on this machine, and prove it by what was asked for.",
    more="An environment that is there is replaced only after the new one was proved.",
    arguments=(
        Argument(
            name="lock_file",
            metavar="LOCK",
            kind=Path,
            help="The lock. Default: the one of pylock.toml and pylock.*.toml that runs on this machine; "
            "where there is none, ./pyproject.toml or requirements.txt is locked first.",
        ),
        Argument(
            name="prefix",
            flags=("--prefix",),
            metavar="DIR",
            kind=Path,
            help="Where the environment goes. Default: .venv.",
        ),
        _flag(
            "adopt",
            "--adopt",
            help="Take the place of a virtual environment that envfit did not make; envfit rollback brings "
            "it back.",
        ),
        Argument(
            name="keep",
            flags=("--keep",),
            metavar="N",
            kind=_count,
            help="How many former versions stay for envfit rollback; 0 in images. Default: 1.",
        ),
        Argument(
            name="gpus",
            flags=("--gpu",),
            metavar="GPU",
            many=True,
            help="Judge for this GPU, or for none. Default: auto, this machine's.",
        ),
        Argument(
            name="driver",
            flags=("--driver",),
            metavar="VERSION",
            help="The driver that goes with --gpu. Default: as for envfit lock.",
        ),
        _IGNORE_GPUS,
        Argument(name="skip", flags=("--skip",), metavar="NAME", many=True, help="Leave NAME out."),
        Argument(
            name="build",
            flags=("--build",),
            metavar="auto|never|only-cached",
            choices=("auto", "never", "only-cached"),
            help="Whether what the lock marks as builds is compiled. Default: auto, where the cache does not "
            "have it. only-cached needs no compiler.",
        ),
        Argument(
            name="jobs",
            flags=("-j", "--jobs"),
            metavar="N",
            kind=_positive,
            help="Run this many compilers at a time. Default: by cores and memory.",
        ),
        Argument(
            name="provided_from",
            flags=("--provided-from",),
            metavar="PYTHON",
            help="The interpreter whose packages the lock counts on; the environment sees them.",
        ),
        _IGNORE_RULES,
        _flag(
            "force",
            "--force-incompatible",
            help="Install what is known not to run here. What is overridden is printed and kept in the "
            "environment; what fails on the GPU does not stop it.",
        ),
        Argument(
            name="verify",
            flags=("--verify",),
            metavar="WHAT",
            choices=("none", "requested", "all"),
            help="What must work before the environment is put in place: requested (what was asked for, on "
            "the GPU too where there is one), all (what envfit check looks at) or none. Default: requested.",
        ),
        _MIRRORS,
        Argument(
            name="find_links",
            flags=("--find-links",),
            metavar="DIR",
            kind=Path,
            many=True,
            help="Take files of the lock from this directory where it has them, by name and sha256. Repeat "
            "it for several.",
        ),
        _flag(
            "offline",
            "--offline",
            help="Fetch nothing: uv's cache and the directories of --find-links must have every file.",
        ),
        _flag(
            "no_guard",
            "--no-guard",
            help="Do not hold later installations by pip and uv to what the lock chose for the GPU.",
        ),
        _flag("dry_run", "--dry-run", help="Judge and plan; make nothing."),
        _JSON,
    ),
)

_WHEELHOUSE = Command(
    name="wheelhouse",
    run="envfit.cli.wheelhousing:wheelhouse",
    summary="Bring every file of a lock into a directory, to install from it without a network.",
    more="Each file is checked by its hash. What is there is kept, and a download that broke off goes on "
    "where it did. Beside the files lies the lock with their paths: envfit install DIR/pylock.toml --offline "
    "and uv pip sync take it as it is.",
    arguments=(
        Argument(name="lock_file", metavar="LOCK", kind=Path, required=True, help="The lock."),
        Argument(
            name="directory",
            metavar="DIR",
            kind=Path,
            required=True,
            help="The wheelhouse; it is made where it is not there.",
        ),
        Argument(
            name="find_links",
            flags=("--find-links",),
            metavar="DIR",
            kind=Path,
            many=True,
            help="Link files of the lock from this directory where it has them, by name and sha256. Repeat "
            "it for several.",
        ),
        _MIRRORS,
        _JSON,
    ),
)

_BUILD = Command(
    name="build",
    run="envfit.cli.building:build",
    summary="Compile what a lock marks as builds, such as flash-attn, for the GPUs of the lock's machine.",
    more="Only for the architectures that serve the GPUs, which need not be here, and without a network. The "
    "device code of a wheel is read back before it counts. Wheels are kept, so that a second run and envfit "
    "install find them; a build that was interrupted goes on from what it had finished.\n\n"
    "Example: envfit build flash-attn==2.8.3.post2 --gpu A100 --torch 2.11.0 --dry-run",
    arguments=(
        Argument(
            name="what",
            metavar="LOCK|REQUIREMENT",
            default="pylock.toml",
            help="The lock. Default: pylock.toml. With --dry-run also a release, such as flash-attn==2.8.3.",
        ),
        Argument(
            name="output",
            flags=("--out",),
            metavar="DIR",
            kind=Path,
            help="Copy the wheels there, for --find-links of any tool.",
        ),
        Argument(
            name="gpus",
            flags=("--gpu",),
            metavar="GPU",
            many=True,
            help="Compile for this GPU, which need not be here. Default: this machine's, else the lock's. "
            "Repeat it for several.",
        ),
        Argument(
            name="provided_from",
            flags=("--provided-from",),
            metavar="PYTHON",
            help="Compile with this interpreter and its torch, instead of in an environment made for it.",
        ),
        Argument(name="skip", flags=("--skip",), metavar="NAME", many=True, help="Leave NAME out."),
        Argument(
            name="jobs",
            flags=("-j", "--jobs"),
            metavar="N",
            kind=_positive,
            help="Run this many compilers at a time. Default: by cores and memory.",
        ),
        _FIND_LINKS,
        _MIRRORS,
        _flag("offline", "--offline", help="Fetch nothing: what a build needs must be here."),
        _flag("allow_network", "--allow-network", help="Let builds use the network."),
        _flag(
            "dry_run",
            "--dry-run",
            help="Compile nothing: say whether it can be, what is in the way and what opens it, the "
            "settings, what it costs here and whether it is worth it. Exit code 1 where it cannot be.",
        ),
        _DRIVER,
        Argument(
            name="torch",
            flags=("--torch",),
            metavar="VERSION",
            help="With --dry-run: judge a build beside this torch. Default: the one that is locked.",
        ),
        Argument(
            name="nvcc",
            flags=("--nvcc",),
            metavar="VERSION|none",
            help="With --dry-run: judge as if nvcc were this. Default: this machine's.",
        ),
        Argument(
            name="gxx",
            flags=("--gxx",),
            metavar="VERSION|none",
            help="With --dry-run: judge as if the host compiler were this GCC. Default: this machine's.",
        ),
        Argument(
            name="memory",
            flags=("--memory",),
            metavar="GIB",
            kind=_amount,
            help="With --dry-run: judge as if so much memory were free. Default: what this process may use.",
        ),
        Argument(
            name="cores",
            flags=("--cores",),
            metavar="N",
            kind=_positive,
            help="With --dry-run: judge as if there were so many. Default: those that this process may use.",
        ),
        _IGNORE_RULES,
        _JSON,
    ),
)

_ROLLBACK = Command(
    name="rollback",
    run="envfit.cli.rolling_back:rollback",
    summary="Switch an environment to the version that was in use before.",
    more="The next rollback takes it back. A directory that envfit install --adopt moved aside is moved back "
    "to where it was.",
    arguments=(
        Argument(
            name="prefix",
            flags=("--prefix",),
            metavar="DIR",
            kind=Path,
            help="The environment. Default: .venv.",
        ),
        Argument(
            name="to",
            flags=("--to",),
            metavar="NAME",
            help="Another version than the one before, as --list names them.",
        ),
        _flag("only_list", "--list", help="List the versions; switch nothing."),
        _JSON,
    ),
)

_GUARD = Command(
    name="guard",
    run="envfit.cli.guarding:guard",
    summary="Tell what later installations by pip and uv are held to in an environment, and why.",
    more="envfit install guards what it makes: what holds GPU code stays as it is, and what cannot run is "
    "refused. pip reads this from pip.conf in the environment; uv from UV_CONSTRAINT, which the activation "
    "sets. For one installation, PIP_CONSTRAINT=/dev/null puts it aside.",
    arguments=(
        Argument(
            name="prefix",
            metavar="PREFIX",
            kind=Path,
            help="The environment. Default: the active one.",
        ),
        _flag("on", "--on", help="Guard it, or renew its guard, for what is installed in it now."),
        _flag("off", "--off", help="Take the guard away."),
        Argument(
            name="gpus",
            flags=("--gpu",),
            metavar="GPU",
            many=True,
            help="With --on: the GPU that it is for. Default: that of its lock, else this machine's.",
        ),
        _DRIVER,
        _IGNORE_RULES,
        _JSON,
    ),
)

_EXPORT = Command(
    name="export",
    run="envfit.cli.exporting:export",
    summary="Write locks in another tool's form, for pip, uv or conda.",
    more="requirements: for pip install -r and uv pip install -r, each package with its version and its "
    "hash. What must be compiled is a comment.\n\n"
    "constraints: for pip install -c and uv pip install -c, the version of everything locked. It installs "
    "nothing: it holds what you install by other means to the lock.\n\n"
    "conda: an environment.yml, conda's half as it came and the pip half pinned.\n\n"
    "uv: tables for the pyproject.toml of a project that uv manages, from one lock for each target. Each "
    "target is an extra with the GPU stack that was locked for it; the extras are declared as conflicting, "
    "other indexes serve what was locked from them and nothing else, and the rest is held by constraints. "
    "uv lock and uv sync --extra NAME then come to the same builds. A name is that of pylock.NAME.toml, or "
    "of the GPU.\n\n"
    "Examples: envfit export pylock.v100.toml pylock.h100.toml --format uv\n\n"
    "envfit export pylock.*.toml --format uv --write && uv lock && uv sync --extra v100\n\n"
    "envfit export --format constraints -o constraints.txt",
    arguments=(
        Argument(
            name="locks",
            metavar="LOCK",
            kind=Path,
            many=True,
            help="The lock; for uv several, one for each target. Default: pylock.toml.",
        ),
        Argument(
            name="form",
            flags=("--format",),
            metavar="FORMAT",
            default="requirements",
            help="requirements, constraints, conda or uv. Default: requirements.",
        ),
        Argument(
            name="output",
            flags=("-o", "--output"),
            metavar="FILE",
            kind=Path,
            help="Default: standard output. What a module provides goes beside requirements, into "
            "FILE-constraints.",
        ),
        _flag(
            "write",
            "--write",
            help="With uv: put the tables into pyproject.toml (or the one that -o names), in the place of "
            "what a former export wrote there; everything else stays as it is written.",
        ),
    ),
)

_MATRIX = Command(
    name="matrix",
    run="envfit.cli.matrices:matrix",
    summary="Say what runs where: the newest version of packages on GPUs with drivers, and why none is "
    "newer.",
    more="Each answer is the one that envfit lock PACKAGE gives for that machine: what a package depends on "
    "counts. A table for each package has GPUs as rows and drivers as columns; rows and columns that are "
    "the same are one. Without PACKAGE, --gpu or --driver: thirty packages, one GPU of each kind from "
    "Maxwell to Blackwell, and the driver branches at which answers change; from a warm cache that takes "
    "minutes.\n\n"
    "Examples: envfit matrix torch vllm --gpu V100 --gpu T4\n\n"
    "envfit matrix torch --driver 535.161.08 --driver 580\n\n"
    "envfit matrix --html matrix.html",
    arguments=(
        Argument(
            name="packages",
            metavar="PACKAGE",
            many=True,
            help="A package, with extras or bounds where wanted: torch, 'jax[cuda12]', 'vllm<0.20'.",
        ),
        Argument(
            name="gpus",
            flags=("--gpu",),
            metavar="GPU",
            many=True,
            help="V100, 'GTX 1080 Ti', sm_70 or 7.0. Repeat it for several: each is a machine of its own.",
        ),
        Argument(
            name="drivers",
            flags=("--driver",),
            metavar="VERSION",
            many=True,
            help="A driver version, or a branch such as 580: its first release. Repeat it for several.",
        ),
        Argument(
            name="python",
            flags=("--python",),
            metavar="VERSION",
            help="The Python of all machines, such as 3.12. Default: 3.11.",
        ),
        Argument(
            name="platform",
            flags=("--platform",),
            metavar="PLATFORM",
            help="linux-x86_64 or linux-aarch64, where the GPU leaves it open. Default: linux-x86_64.",
        ),
        Argument(
            name="glibc",
            flags=("--glibc",),
            metavar="VERSION",
            help="The glibc of all machines. Default: 2.28.",
        ),
        Argument(
            name="html",
            flags=("--html",),
            metavar="FILE",
            kind=Path,
            help="Write one page that needs nothing else: to sort, to filter, with each reason on demand.",
        ),
        _flag(
            "build_metadata",
            "--build-metadata",
            help="Build source distributions that state what they require only then, as envfit lock does; "
            "without it their answer may be undecided.",
        ),
        _PRE,
        _INDEX_URL,
        _EXTRA_INDEX_URLS,
        _NO_INDEX,
        _FIND_LINKS,
        _PYTORCH_INDEX,
        _PYTORCH_MIRROR,
        _MIRRORS,
        _EXCLUDE_NEWER,
        _OFFLINE,
        _NO_BUILD,
        _IGNORE_RULES,
        _READ_LIMIT,
        _BUDGET,
        _JSON,
        _flag("verbose", "-v", "--verbose", help="Print every reason with its evidence, and all remarks."),
    ),
)

_SCAN = Command(
    name="knowledge scan",
    run="envfit.cli.scanning:scan",
    summary="Read which GPU code is in a wheel or a library, and what it is linked with.",
    more="Of a wheel on an index only its directory and its libraries are fetched, and nothing is kept. A "
    "number in brackets says how many of the fat binaries have that code, where not all have.\n\n"
    "Example: envfit knowledge scan bitsandbytes==0.50.2 ./own.whl",
    arguments=(
        Argument(
            name="named",
            metavar="WHEEL",
            many=True,
            required=True,
            help="A wheel or library here, the address of a wheel, or a release such as torch==2.10.0 "
            "(torch: the newest).",
        ),
        Argument(
            name="platform",
            flags=("--platform",),
            metavar="PLATFORM",
            help="Of a release, the wheel for linux-x86_64 or linux-aarch64. Default: linux-x86_64.",
        ),
        _INDEX_URL,
        _EXTRA_INDEX_URLS,
        _MIRRORS,
        _OFFLINE,
        _JSON,
        _flag("verbose", "-v", "--verbose", help="Tell all that is linked, and the glibc that is needed."),
    ),
)

_FRESHEN = Command(
    name="knowledge freshen",
    run="envfit.cli.freshening:freshen",
    summary="Find releases newer than the knowledge, read their wheels, and propose what changes as a patch.",
    more="A rule that ends with a release is held against the newest one: it moves where the wheels "
    "confirm it, and is named where they do not, or cannot. Nothing is changed; the patch is for "
    "reviewing, and `git apply` in a checkout applies it.\n\n"
    "Example: envfit knowledge freshen xformers vllm -o newer.patch",
    arguments=(
        Argument(
            name="names",
            metavar="PACKAGE",
            many=True,
            help="Packages to look at. Default: all that wheels were read of or that rules are bounded for.",
        ),
        Argument(
            name="read_limit",
            flags=("--read-limit",),
            metavar="MB",
            kind=_megabytes,
            help="Read at most this much of each package's wheels; 0 reads none. Default: 2000.",
        ),
        Argument(
            name="output",
            flags=("-o", "--output"),
            metavar="FILE",
            kind=Path,
            help="Where the patch goes. Default: standard output.",
        ),
        _INDEX_URL,
        _EXTRA_INDEX_URLS,
        _MIRRORS,
        _JSON,
    ),
)

_DIRECTORY = Argument(
    name="directory",
    metavar="DIR",
    kind=Path,
    help="A constraints directory, or a folder of rules of your own. Default: what envfit ships.",
)

_LIST = Command(
    name="knowledge list",
    run="envfit.cli.knowing:list_known",
    summary="Show what is known: package by package, or everything about those you name.",
    more="Example: envfit knowledge list xformers",
    arguments=(
        Argument(name="names", metavar="NAME", many=True, help="A package. Default: all, one line for each."),
        _JSON,
    ),
)

_LINT = Command(
    name="knowledge lint",
    run="envfit.cli.knowing:lint",
    summary="Hold the knowledge to its rules: what does not load, contradicts itself, changes nothing, or "
    "refuses what works.",
    more="Exit code 0: nothing found; 1: something was.",
    arguments=(
        _DIRECTORY,
        _flag("fix", "--fix", help="Mend what can be mended beyond doubt, and show it as a diff."),
        Argument(
            name="months",
            flags=("--stale-after",),
            metavar="MONTHS",
            kind=_positive,
            help="How old evidence may become. Default: 12 months.",
        ),
        _JSON,
    ),
)

_NEW = Command(
    name="knowledge new",
    run="envfit.cli.knowing:new",
    summary="Begin a file about a package, with its newest release from the index.",
    more="No Python is needed to fill it in: it says itself what goes where.\n\n"
    "Example: envfit knowledge new natten --directory rules",
    arguments=(
        Argument(name="package", metavar="PACKAGE", required=True, help="The package."),
        Argument(
            name="directory",
            flags=("--directory",),
            metavar="DIR",
            kind=Path,
            help="A constraints directory, or a folder of rules of your own, made if it is not there. "
            "Default: constraints/ of the checkout that envfit runs from.",
        ),
        _INDEX_URL,
        _flag("offline", "--offline", help="Ask no index; leave blank what it would say."),
    ),
)

_CHECK = Command(
    name="check",
    run="envfit.cli.checking:check",
    summary="Say whether an environment runs here, or what a file locks would run on a target: yes, no and "
    "why, or unknown and what would settle it.",
    more="A directory is an environment (venv, conda); a file is a lock of envfit, uv, pip, Poetry or "
    "PDM, or a requirements file. Without either, it is the environment that is active.\n\n"
    "Exit code 1 on a no, 0 on a yes; an unknown is 0 and is said, unless --strict is given. Of several, "
    "one no is a no.\n\n"
    "Examples: envfit check .venv\n\n"
    "envfit check uv.lock --gpu H100 --driver 580",
    arguments=(
        Argument(
            name="places",
            metavar="PREFIX|FILE",
            many=True,
            kind=Path,
            help="An environment, or a file: pylock.toml, uv.lock, requirements.txt, poetry.lock, pdm.lock. "
            "Default: the active environment.",
        ),
        Argument(
            name="gpus",
            flags=("--gpu",),
            metavar="GPU",
            many=True,
            help="The GPU of the target: V100, 'GTX 1080 Ti', sm_70, 7.0, auto or none. Repeat it for "
            "several: it must run on each. Default: this machine's.",
        ),
        _DRIVER,
        Argument(
            name="python",
            flags=("--python",),
            metavar="VERSION",
            help="The Python on the target. Default: one that the file is for.",
        ),
        Argument(
            name="platform",
            flags=("--platform",),
            metavar="PLATFORM",
            help="linux-x86_64 or linux-aarch64. Default: implied by the GPU, else linux-x86_64.",
        ),
        Argument(
            name="glibc",
            flags=("--glibc",),
            metavar="VERSION",
            help="The glibc on the target. Default: 2.28.",
        ),
        Argument(
            name="extras",
            flags=("--extra",),
            metavar="NAME",
            many=True,
            help="An extra of the project that a file locks.",
        ),
        Argument(
            name="groups",
            flags=("--group",),
            metavar="NAME",
            many=True,
            help="A dependency group that a file locks, besides those that are installed by default.",
        ),
        _flag("quick", "--quick", help="Of an environment, only what is known without running anything."),
        Argument(
            name="stages",
            flags=("--stage",),
            metavar="STAGE",
            many=True,
            choices=("files", "metadata", "knowledge", "libraries", "imports", "scenarios", "gpu"),
            help="Only this stage: files, metadata, knowledge, libraries, imports, scenarios or gpu. Repeat "
            "it for several.",
        ),
        _flag(
            "fix",
            "--fix",
            help="Show the remedies of an environment as a diff, and apply what can be undone.",
        ),
        _flag("yes", "--yes", help="With --fix, ask for no confirmation."),
        _flag("strict", "--strict", help="Exit with 1 on an unknown too."),
        _IGNORE_RULES,
        _flag(
            "online",
            "--online",
            help="Of a file, ask the index for what it leaves open, and read wheels whose GPU code is not "
            "known. Default: nothing is asked of a network.",
        ),
        Argument(
            name="read_limit",
            flags=("--read-limit",),
            metavar="MB",
            kind=_megabytes,
            help="Read at most this much of those wheels, and imply --online. Default: 200.",
        ),
        _JSON,
        _flag("verbose", "-v", "--verbose", help="Print all findings, with every fact, evidence and remedy."),
    ),
)

_DIAGNOSE = Command(
    name="diagnose",
    run="envfit.cli.diagnosing:diagnose",
    summary="Say what the failure in a log or traceback comes from, and what helps.",
    more="The log may be of any program: an exception is walked to its root, through the messages that hide "
    "it. Nothing is sent anywhere.\n\n"
    "Exit code 0: a cause is named; 1: it is unknown, or nothing is wrong.\n\n"
    "Examples: envfit diagnose train.log\n\n"
    "python train.py 2>&1 | envfit diagnose -",
    arguments=(
        Argument(
            name="log", metavar="LOG|-", required=True, kind=Path, help="A file, or - for standard input."
        ),
        Argument(
            name="prefix",
            flags=("--prefix",),
            metavar="DIR",
            kind=Path,
            help="The environment that the log is of: what envfit check finds there confirms or "
            "discards causes.",
        ),
        Argument(
            name="gpus",
            flags=("--gpu",),
            metavar="GPU",
            many=True,
            help="With --prefix: a GPU of the machine that the log is of. Default: this machine's.",
        ),
        Argument(
            name="driver",
            flags=("--driver",),
            metavar="VERSION",
            help="With --prefix: the driver version of that machine.",
        ),
        _JSON,
        _flag("verbose", "-v", "--verbose", help="Print every remedy and everything else that was found."),
    ),
)

# What asks for the same as `envfit lock` and says where that goes: none of it is of use to a question.
_OF_WRITING = frozenset({"output", "check", "json", "verbose", "requirements"})

_WHY = Command(
    name="why",
    run="envfit.cli.asking:why",
    summary="Say why a package is there at that version, why not another, and what a rule or an error means.",
    more="The first word is the question. NAME: every way it comes in, what keeps newer releases out, and "
    "what it would be without that. NAME==VERSION, or any requirement: whether that can be, and what would "
    "change, or why not (exit code 1). The id of a rule, as it stands in brackets after a reason: what it "
    "says, proves and changes. The code of an error or a finding: its cause and remedy.\n\n"
    "Asked is the lock in this directory: NAME is answered from the lock alone, and --solve resolves what it "
    "was made for anew. With requirements, a file of them or a target, or where there is no lock, the "
    "question is about what envfit lock would do with the same options.\n\n"
    "Examples: envfit why numpy\n\n"
    "envfit why torch==2.13.0 torch torchaudio vllm --gpu V100\n\n"
    "envfit why cuda-13-runtime/capability",
    arguments=(
        Argument(
            name="word",
            metavar="QUESTION",
            required=True,
            help="NAME, a requirement such as NAME==VERSION, the id of a rule, or the code of an error.",
        ),
        Argument(
            name="requirements",
            metavar="REQUIREMENT",
            many=True,
            help="What is asked for, as in envfit lock. Default: the lock, else ./pyproject.toml.",
        ),
        Argument(
            name="lock_file",
            flags=("--lock",),
            metavar="FILE",
            kind=Path,
            help="The lock that is asked. Default: pylock.toml, or pylock.NAME.toml for --target NAME.",
        ),
        _flag(
            "solve", "--solve", help="Resolve anew what the lock was made for, to tell what would be newer."
        ),
        *(argument for argument in _LOCK.arguments if argument.name not in _OF_WRITING),
        _JSON,
        _flag("verbose", "-v", "--verbose", help="Tell every way in, every bound, and all that was tried."),
    ),
)

#: In the order of the help.
COMMANDS = (
    _DETECT,
    _LOCK,
    _ADD,
    _INSTALL,
    _WHEELHOUSE,
    _BUILD,
    _ROLLBACK,
    _GUARD,
    _CHECK,
    _DIAGNOSE,
    _WHY,
    _EXPORT,
    _MATRIX,
    _LIST,
    _LINT,
    _NEW,
    _SCAN,
    _FRESHEN,
)
