"""A back end in the tree: nvcc through ninja, with words of its own, and the habits of flash-attn's setup.py.

It takes architectures from PLAIN_CUDA_ARCHS and leaves words that it does not know out without a
message; with PLAIN_CUDA_SKIP it makes a wheel without the library.
"""

import base64
import hashlib
import os
import subprocess
import sysconfig
import time
import zipfile
from pathlib import Path

WORDS = ("80", "90", "120")
NAME = "plain_cuda"
HERE = Path(__file__).parent


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    local = os.environ.get("PLAIN_CUDA_LOCAL_VERSION")
    version = "1.0" + (f"+{local}" if local else "")
    files = {f"{NAME}/__init__.py": (HERE / NAME / "__init__.py").read_bytes()}
    if os.environ.get("PLAIN_CUDA_SKIP", "FALSE") != "TRUE":
        files[f"{NAME}/_kernels.so"] = library().read_bytes()
    tag = f"cp{sysconfig.get_config_var('py_version_nodot')}"
    platform = sysconfig.get_platform().replace("-", "_")
    info = f"{NAME}-{version}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: plain-cuda\nVersion: {version}\n".encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: plain\nRoot-Is-Purelib: false\nTag: {tag}-{tag}-{platform}\n".encode()
    )
    files[f"{info}/RECORD"] = record(files, info).encode()
    filename = f"{NAME}-{version}-{tag}-{tag}-{platform}.whl"
    moment = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))[:6]
    with zipfile.ZipFile(Path(wheel_directory) / filename, "w") as archive:
        for name, body in files.items():
            entry = zipfile.ZipInfo(name, date_time=moment)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, body)
    return filename


def record(files, info):
    lines = []
    for name, body in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(body)}\n")
    return "".join([*lines, f"{info}/RECORD,,\n"])


def library():
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    nvcc = os.environ.get("PYTORCH_NVCC") or f"{os.environ.get('CUDA_HOME', '/usr/local/cuda')}/bin/nvcc"
    words = os.environ.get("PLAIN_CUDA_ARCHS", ";".join(WORDS)).split(";")
    flags = " ".join(f"-gencode arch=compute_{word},code=sm_{word}" for word in WORDS if word in words)
    sources = sorted((HERE / "csrc").glob("*.cu"))
    threads = os.environ.get("NVCC_THREADS", "4")
    objects = [f"{source.stem}.o" for source in sources]
    lines = [
        f"nvcc = {nvcc}",
        "rule compile",
        f"  command = $nvcc -O1 -Xcompiler -fPIC {flags} --threads {threads} -c $in -o $out",
        "rule link",
        f"  command = $nvcc -shared {flags} $in -o $out",
        *(f"build {name}: compile {source}" for name, source in zip(objects, sources, strict=True)),
        f"build _kernels.so: link {' '.join(objects)}",
        "",
    ]
    (build / "build.ninja").write_text("\n".join(lines))
    jobs = os.environ.get("MAX_JOBS", "1")
    subprocess.run(["ninja", "-v", "-j", jobs], cwd=build, check=True)
    return build / "_kernels.so"
