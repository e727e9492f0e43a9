"""NVIDIA GPUs on the PCI bus, which are there to see even without a driver."""

from __future__ import annotations

from pathlib import Path

__all__ = ["count_pci_gpus"]

_NVIDIA = "0x10de"
_DISPLAY = "0x03"  # base class of display controllers: VGA 0x0300, 3D 0x0302


def count_pci_gpus(root: Path) -> int:
    """Return how many GPUs of NVIDIA's the PCI bus shows; 0 where it cannot be read."""
    try:
        devices = list((root / "sys/bus/pci/devices").iterdir())
    except OSError:
        return 0
    return sum(
        _attribute(device, "vendor") == _NVIDIA and _attribute(device, "class").startswith(_DISPLAY)
        for device in devices
    )


def _attribute(device: Path, name: str) -> str:
    try:
        return (device / name).read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        return ""
