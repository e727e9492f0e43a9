"""GPUs that an environment was not made for, hidden from programs when it is activated.

``CUDA_VISIBLE_DEVICES`` counts as ``CUDA_DEVICE_ORDER`` says, so both are exported: NVML's
indexes are in the order of PCI addresses.  What is set already stays: a scheduler hands out
GPUs in that variable.  A program that is started by its path, without activation, sees all GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envfit.install.activation import extended, read_file, write_file
from envfit.target import Target

__all__ = ["hide_gpus", "visible_indexes"]

_POSIX = """
# envfit: the GPUs that this environment was made for, unless something says which are to be seen
if [ -z "${CUDA_VISIBLE_DEVICES+x}" ] ; then
    if [ -n "${CUDA_DEVICE_ORDER+x}" ] ; then
        _ENVFIT_OLD_ORDER="$CUDA_DEVICE_ORDER"
    fi
    CUDA_DEVICE_ORDER=PCI_BUS_ID
    CUDA_VISIBLE_DEVICES=INDEXES
    export CUDA_DEVICE_ORDER CUDA_VISIBLE_DEVICES
    _ENVFIT_GPUS=1
fi
"""
_POSIX_BACK = """\
    if [ -n "${_ENVFIT_GPUS+x}" ] ; then
        unset CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER _ENVFIT_GPUS
        if [ -n "${_ENVFIT_OLD_ORDER+x}" ] ; then
            CUDA_DEVICE_ORDER="$_ENVFIT_OLD_ORDER"
            export CUDA_DEVICE_ORDER
            unset _ENVFIT_OLD_ORDER
        fi
    fi
"""
_FISH = """
# envfit: the GPUs that this environment was made for, unless something says which are to be seen
if not set -q CUDA_VISIBLE_DEVICES
    if set -q CUDA_DEVICE_ORDER
        set -g _ENVFIT_OLD_ORDER $CUDA_DEVICE_ORDER
    end
    set -gx CUDA_DEVICE_ORDER PCI_BUS_ID
    set -gx CUDA_VISIBLE_DEVICES INDEXES
    set -g _ENVFIT_GPUS 1
end
"""
_FISH_BACK = """\
    if set -q _ENVFIT_GPUS
        set -e CUDA_VISIBLE_DEVICES
        set -e CUDA_DEVICE_ORDER
        set -e _ENVFIT_GPUS
        if set -q _ENVFIT_OLD_ORDER
            set -gx CUDA_DEVICE_ORDER $_ENVFIT_OLD_ORDER
            set -e _ENVFIT_OLD_ORDER
        end
    end
"""
_CSH = """
# envfit: the GPUs that this environment was made for, unless something says which are to be seen
if ( ! $?CUDA_VISIBLE_DEVICES ) then
    if ( $?CUDA_DEVICE_ORDER ) set _ENVFIT_OLD_ORDER="$CUDA_DEVICE_ORDER"
    setenv CUDA_DEVICE_ORDER PCI_BUS_ID
    setenv CUDA_VISIBLE_DEVICES INDEXES
    set _ENVFIT_GPUS=1
endif
"""
_CSH_BACK = (
    "test $?_ENVFIT_GPUS != 0 && unsetenv CUDA_VISIBLE_DEVICES && unsetenv CUDA_DEVICE_ORDER && "
    "unset _ENVFIT_GPUS; test $?_ENVFIT_OLD_ORDER != 0 && "
    'setenv CUDA_DEVICE_ORDER "$_ENVFIT_OLD_ORDER" && unset _ENVFIT_OLD_ORDER; '
)

#: By script: what is added at its end, and what is added where it deactivates.
_SCRIPTS = {
    "activate": (_POSIX, _POSIX_BACK),
    "activate.fish": (_FISH, _FISH_BACK),
    "activate.csh": (_CSH, _CSH_BACK),
}


def visible_indexes(target: Target) -> tuple[int, ...] | None:
    """Return the indexes of the GPUs in use where others are left out; None where none are, or are known."""
    if not target.ignored_gpus:
        return None
    indexes = [gpu.index for gpu in target.gpus]
    known = [index for index in indexes if index is not None]
    return tuple(dict.fromkeys(known)) if known and len(known) == len(indexes) else None


def hide_gpus(environment: Path, indexes: Sequence[int]) -> None:
    """Make the activation of an environment show some GPUs only; raises FileError."""
    for name, (text, back) in _SCRIPTS.items():
        script = environment / "bin" / name
        if not script.exists():
            continue  # uv leaves out what cannot be moved
        written = read_file(script)
        shown = text.replace("INDEXES", ",".join(map(str, indexes)))
        added = extended(written, name, end=shown, back=back)
        write_file(script, f"{written.rstrip()}\n{shown}" if added is None else added)
