"""Detection: from the machine that envfit runs on to a Target, each fact with its source."""

from envfit.detect.machine import Machine, detect
from envfit.detect.nvml import NvmlReading, NvmlStatus

__all__ = ["Machine", "NvmlReading", "NvmlStatus", "detect"]
