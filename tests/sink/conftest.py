# SPDX-License-Identifier: MIT
"""Fixtures for the tests of edm-sink: a sink, and a client that speaks line by line."""
import socket

import pytest

from edm_sink import Sink


class Client:
    """A bare SMTP client: what is sent and read is exactly what the test says."""

    def __init__(self, address, source="127.0.0.1"):
        self.socket = socket.create_connection(address, timeout=10, source_address=(source, 0))
        self.file = self.socket.makefile("rb")

    def send(self, *lines):
        self.socket.sendall(b"".join(line.encode() + b"\r\n" for line in lines))

    def reply(self):
        """One whole reply, its lines joined by a newline; "" when the peer has closed."""
        lines = []
        while True:
            line = self.file.readline().decode(errors="replace").rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, line):
        self.send(line)
        return self.reply()

    def hello(self):
        """Reads the banner and says EHLO; returns the client."""
        assert self.reply().startswith("220")
        assert self.say("EHLO client.test").startswith("250")
        return self

    def mail(self, rcpt, text="Subject: x\r\n\r\nx", sender="news@sender.test"):
        """One message in lock-step; returns the first reply that is not a success, or the last."""
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{rcpt}>", "DATA", text + "\r\n."):
            answer = self.say(line)
            if answer[:1] not in ("2", "3"):
                break
        return answer

    def is_closed(self):
        """Reads to the end: "closed" (FIN), "reset", or what else was read."""
        try:
            rest = self.file.read()
        except ConnectionResetError:
            return "reset"
        return "closed" if rest == b"" else rest


@pytest.fixture
def start(tmp_path):
    """start(config or profile …) -> a Sink that is stopped after the test."""
    sinks = []

    def start_one(*options, profile=None, config=None, **more):
        if profile is not None:
            config = {"profiles": {"default": profile}}
        directory = tmp_path / str(len(sinks))
        directory.mkdir()
        sinks.append(Sink(directory, *options, config=config, **more))
        return sinks[-1]

    yield start_one
    for sink in sinks:
        if sink.process.poll() is None:
            sink.stop()


@pytest.fixture
def connect():
    """connect(sink, …) -> a Client on its first address."""
    clients = []

    def connect_one(sink, index=0, **more):
        clients.append(Client(sink.addresses[index], **more))
        return clients[-1]

    yield connect_one
    for client in clients:
        client.socket.close()
