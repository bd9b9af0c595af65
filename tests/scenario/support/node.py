# SPDX-License-Identifier: MIT
"""A running node: `edm run` as a process, and the events of its log as they come.

    node = Node(program, "smtp.port=2525", name="mx1")
    node.start()                          # returns when it says node_running
    node.wait_for("audience_built")
    node.kill()                           # SIGKILL; start() again on the same data directory
    node.stop()                           # SIGTERM, and waits for the end
"""
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
FIELD = re.compile(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S*)')


def parse_event(line):
    """A log line as a dict of its fields."""
    fields = {}
    for key, value in FIELD.findall(line):
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        fields[key] = value
    return fields


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Node:
    """One node; its data directory, settings and log outlive its processes."""

    def __init__(self, program, *settings, name=None, env=None, wrap=()):
        self.program = program
        self.settings = settings
        self.name = name
        self.env = env or {}
        self.wrap = wrap  # words before the command, which end in exec
        self.log = []  # events of all its processes, in order
        self.begun = 0  # where the log of the present process begins
        self.changed = threading.Condition()
        self.process = None
        self.reader = None

    def _command(self):
        command = [*self.wrap, self.program.path, "run", "--data", str(self.program.data)]
        if self.program.url:
            command += ["--database", self.program.url]
        if self.name:
            command += ["--node", self.name]
        for setting in self.settings:
            command += ["--set", setting]
        return command

    def launch(self):
        """Starts the process and does not wait."""
        self.begun = len(self.log)
        self.process = subprocess.Popen(
            self._command(), stderr=subprocess.PIPE, text=True, errors="replace",
            preexec_fn=_die_with_parent,
            env={**os.environ, "EDM_ACTOR": "tester", "LC_ALL": "C.UTF-8", **self.env})
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        return self

    def start(self, seconds=30):
        """Starts it; returns when it may send."""
        self.launch()
        self.wait_for("node_running", seconds)
        return self

    def _read(self, process):
        for line in process.stderr:
            with self.changed:
                self.log.append({"line": line.rstrip("\n"), **parse_event(line)})
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def events(self, name, whole_life=False, **fields):
        """Events so far of the present process, or of all of them."""
        with self.changed:
            log = self.log[0 if whole_life else self.begun:]
        return [e for e in log if e.get("event") == name
                and all(e.get(key) == str(value) for key, value in fields.items())]

    def wait_for(self, name, seconds=20, count=1, **fields):
        """The count-th such event of the present process."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.events(name, **fields)
            if len(found) >= count:
                return found[count - 1]
            with self.changed:
                left = deadline - time.monotonic()
                assert left > 0, f"no {name} within {seconds} s:\n{self.tail()}"
                assert self.is_alive or self.reader.is_alive(), f"it ended:\n{self.tail()}"
                self.changed.wait(min(left, 0.2))

    def tail(self, count=30):
        return "\n".join(e["line"] for e in self.log[self.begun:][-count:])

    @property
    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def _wait(self, seconds):
        code = self.process.wait(seconds)
        self.reader.join(10)
        return code

    def kill(self):
        """kill -9: nothing of it runs on."""
        self.process.kill()
        self._wait(10)

    def terminate(self):
        """SIGTERM; it drains."""
        self.process.terminate()

    def stop(self, seconds=60, want=0):
        """Drains it and waits for its end."""
        if self.is_alive:
            self.terminate()
        code = self.wait_for_end(seconds)
        assert code == want, f"exit {code}:\n{self.tail()}"

    def wait_for_end(self, seconds=60):
        """Its exit code."""
        try:
            return self._wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.tail()}") from None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
