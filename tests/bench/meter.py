# SPDX-License-Identifier: MIT
"""What processes cost: CPU seconds and memory from /proc, and what the hypervisor took."""
import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")
PROC = pathlib.Path("/proc")


def _stat(pid):
    """The fields of /proc/PID/stat from the third on: the name before may hold anything."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def cpu_of(pid):
    """User and system seconds of one process."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_of_server(pid, without=()):
    """The same of a parent with all its children, those that have ended included."""
    fields = _stat(pid)
    total = sum(map(int, fields[11:15])) / TICKS
    for child in children_of(pid):
        try:
            total += cpu_of(child) if child not in without else 0
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def children_of(pid):
    return [int(child) for child in (PROC / f"{pid}/task/{pid}/children").read_text().split()]


def _memory(pid, key):
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def resident_mb(pid):
    return _memory(pid, "VmRSS")


def peak_mb(pid):
    return _memory(pid, "VmHWM")


def proportional_mb(pid):
    """Memory of a parent and its children; what they share counts once."""
    total = 0
    for one in [pid, *children_of(pid)]:
        for line in (PROC / str(one) / "smaps_rollup").read_text().splitlines():
            total += int(line.split()[1]) if line.startswith("Pss:") else 0
    return total / 1024


class Steal:
    """The share of all cores' time that the hypervisor gave to others since this was made."""

    def __init__(self):
        self.before = self._read()

    @staticmethod
    def _read():
        fields = list(map(int, (PROC / "stat").read_text().splitlines()[0].split()[1:9]))
        return fields[7], sum(fields)

    def share(self):
        stolen, total = (now - then for now, then in zip(self._read(), self.before))
        return stolen / total if total else 0.0
