"""Run one program and print what it cost, as JSON; itself small, because a child begins with its memory.

Reads ``{"command": [...], "environment": {...}, "limit": SECONDS, "output": PATH}`` from
standard input.  The standard library alone, and little of it: run it with ``-I -S``.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Run the program that standard input describes."""
    order = json.load(sys.stdin)
    command = order["command"]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, order["environment"], file_actions=actions, setpgroup=0)
    late = False

    def end(*_: object) -> None:
        nonlocal late
        late = True
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, order["limit"])
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    signal.setitimer(signal.ITIMER_REAL, 0)
    cost = {
        "code": os.waitstatus_to_exitcode(status),
        "late": late,
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
