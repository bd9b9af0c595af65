# SPDX-License-Identifier: MIT
"""Waiting for what a test cannot be told of: a row, a line of a file."""
import threading
import time

TICK_S = 0.02


def until(check, seconds, what):
    """The first true value of check(); fails when there is none within seconds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        pause.wait(TICK_S)
    return value
