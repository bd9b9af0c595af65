# SPDX-License-Identifier: MIT
"""DNS for scenarios: a real nsd with our records, and a relay that counts and misbehaves.

    dns = Nsd(directory)
    dns.domain("qq.test", mx=[(10, "mx1.qq.test", "127.0.0.21")])
    dns.start()                      # dns.servers == "127.0.0.1:PORT"
    dns.domain("new.test", ...)
    dns.reload()                     # returns when the new zone is served

All names live in one root zone, so thousands of domains are one file; a CNAME is followed inside
it. own_zone() makes a zone of its own (a CNAME into or out of it is left to the asker), broken()
one that nsd has no data for: it answers SERVFAIL.
"""
import os
import pathlib
import select
import signal
import socket
import subprocess
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

from support.ports import free_port

NSD = "/usr/sbin/nsd"
START_SECONDS = 10


def children_of(pid):
    return [int(child) for child
            in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def servers_of(pid):
    """Handles of the processes that answer for this nsd: the children of its main process."""
    return [os.pidfd_open(server) for main in children_of(pid) for server in children_of(main)]


def absolute(name):
    return name if name.endswith(".") else name + "."


class Nsd:
    """One nsd process, in the foreground, with everything in `directory`."""

    def __init__(self, directory, address="127.0.0.1", ttl=300, negative_ttl=60):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.port = free_port(address)
        self.ttl = ttl
        self.negative_ttl = negative_ttl
        self.serial = 0
        self.zones = {".": []}  # zone -> lines of its file
        self.broken_zones = []
        self.process = None

    @property
    def servers(self):
        """The value of the setting dns.servers."""
        return f"{self.address}:{self.port}"

    def record(self, name, kind, data, ttl=None, zone="."):
        self.zones[zone].append(f"{absolute(name)} {ttl or self.ttl} IN {kind} {data}")

    def host(self, name, *addresses, ttl=None):
        """Addresses of a host, of either family."""
        for address in addresses:
            self.record(name, "AAAA" if ":" in address else "A", address, ttl)

    def domain(self, name, mx=(), addresses=(), ttl=None):
        """A recipient domain: mx is [(preference, host, address…)], addresses are its own."""
        for preference, host, *host_addresses in mx:
            self.record(name, "MX", f"{preference} {absolute(host)}", ttl)
            self.host(host, *host_addresses, ttl=ttl)
        self.host(name, *addresses, ttl=ttl)

    def remove(self, name):
        """Takes all records of name out of the root zone."""
        start = absolute(name) + " "
        self.zones["."] = [line for line in self.zones["."] if not line.startswith(start)]

    def own_zone(self, name):
        self.zones[absolute(name)] = []

    def broken(self, name):
        self.broken_zones.append(absolute(name))

    def _write(self):
        self.serial += 1
        for number, (zone, lines) in enumerate(self.zones.items()):
            soa = (f"{zone} {self.ttl} IN SOA ns.invalid. hostmaster.invalid. "
                   f"{self.serial} 60 60 60 {self.negative_ttl}")
            text = "\n".join([soa, f"{zone} {self.ttl} IN NS ns.invalid."] + lines) + "\n"
            (self.directory / f"{number}.zone").write_text(text)

    def _write_config(self):
        zones = "".join(f'zone:\n name: "{zone}"\n zonefile: "{number}.zone"\n'
                        for number, zone in enumerate(self.zones))
        zones += "".join(f'zone:\n name: "{zone}"\n zonefile: "absent-{zone}zone"\n'
                         for zone in self.broken_zones)
        config = self.directory / "nsd.conf"
        config.write_text(
            f'server:\n ip-address: {self.address}@{self.port}\n server-count: 1\n'
            f' username: ""\n zonesdir: "{self.directory}"\n database: ""\n'
            f' pidfile: "{self.directory}/nsd.pid"\n xfrdfile: "{self.directory}/xfrd"\n'
            f' zonelistfile: "{self.directory}/zone.list"\n xfrdir: "{self.directory}"\n'
            f' logfile: "{self.directory}/nsd.log"\n rrl-ratelimit: 0\n'
            f' zonefiles-check: yes\nremote-control:\n control-enable: no\n{zones}')
        return config

    def start(self):
        self._write()
        config = self._write_config()
        self.process = subprocess.Popen([NSD, "-d", "-c", str(config)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_for_serial()
        return self

    def reload(self):
        """Serves the records as they are now; returns when nsd does.

        For a while the old server answers beside the new one, from the old zone: it has to end."""
        self._write()
        old = servers_of(self.process.pid)
        os.kill(self.process.pid, signal.SIGHUP)
        self._wait_for_serial()
        for handle in old:
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            assert ended.poll(START_SECONDS * 1000), "nsd's old server does not end"
            os.close(handle)

    def _serial_served(self):
        query = dns.message.make_query(".", "SOA")
        try:
            answer = dns.query.udp(query, self.address, port=self.port, timeout=0.2)
            return answer.answer[0][0].serial if answer.answer else 0
        except (OSError, dns.exception.DNSException):
            return 0

    def _wait_for_serial(self):
        deadline = time.monotonic() + START_SECONDS
        while self._serial_served() != self.serial:
            log = self.directory / "nsd.log"
            said = log.read_text() if log.exists() else ""
            assert self.process.poll() is None, f"nsd ended: {said}"
            assert time.monotonic() < deadline, f"nsd does not serve {self.serial}: {said}"

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.process = None


class Relay:
    """A UDP relay before a server: counts the questions and can misbehave.

    `behave(name, kind)` returns what to do with a question: "pass", "drop", "refuse", "servfail",
    or "forge" (a wrong answer from the right address with a wrong id, then the real one).
    """

    def __init__(self, target_port, behave=lambda name, kind: "pass", address="127.0.0.1"):
        self.target = (address, target_port)
        self.behave = behave
        self.questions = []  # (name, type) in the order they came
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.servers = "%s:%d" % self.socket.getsockname()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def count(self, name, kind=None):
        return sum(1 for n, k in self.questions if n == absolute(name) and kind in (None, k))

    def _serve(self):
        while True:
            packet, asker = self.socket.recvfrom(65535)
            if packet == b"stop":
                return
            query = dns.message.from_wire(packet)
            question = query.question[0]
            name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
            self.questions.append((name, kind))
            self._act(self.behave(name.rstrip("."), kind), packet, query, asker)

    def _act(self, action, packet, query, asker):
        if action == "drop":
            return
        if action in ("refuse", "servfail"):
            answer = dns.message.make_response(query)
            answer.set_rcode(dns.rcode.REFUSED if action == "refuse" else dns.rcode.SERVFAIL)
            self.socket.sendto(answer.to_wire(), asker)
            return
        if action == "forge":
            forged = dns.message.make_response(query)
            forged.set_rcode(dns.rcode.NXDOMAIN)
            wire = forged.to_wire()
            self.socket.sendto(bytes([wire[0] ^ 0x55]) + wire[1:], asker)
            self.socket.sendto(b"", asker)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(2)
            upstream.sendto(packet, self.target)
            self.socket.sendto(upstream.recv(65535), asker)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.sendto(b"stop", self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()
