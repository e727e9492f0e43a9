"""A program of its own, run by ``libcuda`` as a child: load libcuda and say which one it is.

It prints the number that cuDriverGetVersion gave on the first line, and on the
second the real path of the library, which may be empty.  Exit status 3 and the
reason on stderr: the library is there and does not answer.  Exit status 2: it
cannot be loaded.  It imports the standard library alone, so that it starts fast.
"""

from __future__ import annotations

import ctypes
import os
import sys

NOT_LOADED = 2
NO_ANSWER = 3


def main() -> int:
    """Load libcuda as any CUDA program would, and print its version and path."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        print(error, file=sys.stderr)
        return NOT_LOADED
    number = ctypes.c_int()
    try:
        # Works before cuInit, which costs 0.2 s and fails where no GPU is visible.
        error_number = library.cuDriverGetVersion(ctypes.byref(number))
    except AttributeError as error:
        print(error, file=sys.stderr)
        return NO_ANSWER
    if error_number:
        print(f"cuDriverGetVersion gives error {error_number}", file=sys.stderr)
        return NO_ANSWER
    print(number.value)
    print(_mapped_path())
    return 0


def _mapped_path() -> str:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                if os.path.basename(path).startswith("libcuda.so"):
                    return f"/{path}"
    except OSError:
        pass
    return ""


if __name__ == "__main__":
    sys.exit(main())
