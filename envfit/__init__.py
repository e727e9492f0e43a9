"""A Python environment that really runs on your NVIDIA GPU, or the shortest true reason why none can exist.

``envfit.api`` holds each job of envfit as a function.  The names of those
functions are the names of rooms here, so they are not repeated at this level.
"""

from envfit.version import __version__

__all__ = ["__version__"]
