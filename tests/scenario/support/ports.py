# SPDX-License-Identifier: MIT
"""Ports that no other test run takes between our asking and the server's binding."""
import fcntl
import os
import pathlib
import random
import socket
import tempfile

FIRST, END = 10000, 20000  # below what the kernel gives to those who ask for any
LOCKS = pathlib.Path(tempfile.gettempdir(), f"edm-test-ports-{os.getuid()}")
held = []  # locked files, until this process ends


def _lease(port):
    """Whether the port is now ours among all test runs of this user."""
    file = open(LOCKS / str(port), "w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.append(file)
    return True


def _is_free(address, port):
    """For UDP and TCP, at this moment."""
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as one:
                one.bind((address, port))
    except OSError:
        return False
    return True


def free_port(address="127.0.0.1"):
    """A port of this process alone, free on address."""
    LOCKS.mkdir(exist_ok=True)
    start = random.randrange(FIRST, END)
    for port in [*range(start, END), *range(FIRST, start)]:
        if _is_free(address, port) and _lease(port):
            return port
    raise OSError(f"no port is free on {address}")
