"""What a process and its children cost, from /proc."""

import os
import pathlib
import re

TICK = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                pass
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the process and its children so far; threads that ended are in it."""
    total = 0
    for one in tree(pid):
        try:
            after_name = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(after_name[11]) + int(after_name[12])
    return total * TICK


def memory_mb(pid: int) -> float:
    """Proportional set size: what would be free if the process were gone."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) / 1024
