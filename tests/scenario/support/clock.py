# SPDX-License-Identifier: MIT
"""A machine with another clock, for a node: world.node(**hour_ahead(build))."""
import datetime
import subprocess

from support.preload import preloading

HOUR_S = 3600


def _other_boot_time():
    """The words before a command that let it find the machine an hour longer up, if we may."""
    words = ("unshare", "--time", "--boottime", str(HOUR_S), "--monotonic", str(HOUR_S), "--")
    is_allowed = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if is_allowed.returncode == 0 else ()


def hour_ahead(build):
    """The options of a node whose wall clock is an hour ahead, and its time since boot as well."""
    return {"wrap": _other_boot_time(),
            "env": preloading(build / "tools/clock_shift.so", EDM_CLOCK_SHIFT_S=str(HOUR_S))}


def hours_ahead(event):
    """How many hours the clock of a node was ahead when it logged that."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return round((datetime.datetime.fromisoformat(event["time"]) - now).total_seconds() / HOUR_S)
