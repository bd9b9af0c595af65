# SPDX-License-Identifier: MIT
"""Runs edm-sink for a test: start it, read what it saw, change its configuration, stop it."""
import csv
import io
import json
import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("EDM_SINK", str(ROOT / "build/dev/bin/edm-sink"))


def rows_of(log):
    """The whole lines of a log, in octets, as dicts by column. It may be read while it is written:
    what follows the last end of line is not all there yet."""
    text = log[:log.rfind(b"\n") + 1].decode(errors="replace")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t",
                               quoting=csv.QUOTE_NONE))


class Sink:
    """One running receiver. `addresses` are its (host, port) pairs, in the order given."""

    def __init__(self, directory, *options, listen=("127.0.0.1:0",), config=None):
        self.directory = pathlib.Path(directory)
        self.log_file = self.directory / "sink.log"
        self.stats_file = self.directory / "sink.json"
        self.config_file = self.directory / "receivers.json"
        command = [PROGRAM, "--log", self.log_file, "--stats", self.stats_file, *options]
        for text in listen:
            command += ["--listen", text]
        if config is not None:
            self.config_file.write_text(json.dumps(config))
            command += ["--config", self.config_file]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        if not ready:
            raise RuntimeError(self.process.stderr.read())
        self.addresses = [(host, int(port))
                          for host, port in (text.split(":") for text in ready[1:])]

    def events(self, name=None):
        """The log so far as a list of dicts by column; only those called name, if given."""
        rows = rows_of(self.log_file.read_bytes())
        return [row for row in rows if name in (None, row["event"])]

    def reload(self, config):
        """Changes the configuration of the running sink."""
        self.config_file.write_text(json.dumps(config))
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """Ends it and returns its statistics."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        error = self.process.communicate(timeout=30)[1]
        assert self.process.returncode == 0, error
        return json.loads(self.stats_file.read_text())
