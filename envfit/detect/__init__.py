"""Detection: from the machine that envfit runs on to a Target, each fact with its source."""

from envfit.detect.interpreter import Interpreter, read_interpreter
from envfit.detect.machine import Machine, detect
from envfit.detect.nvml import NvmlReading, NvmlStatus

__all__ = ["Interpreter", "Machine", "NvmlReading", "NvmlStatus", "detect", "read_interpreter"]
