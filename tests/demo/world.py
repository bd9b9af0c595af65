# SPDX-License-Identifier: MIT
"""The small internet of the demo, all of it on loopback and in one directory: a name server (nsd)
that knows the sample domains, and the receivers (edm-sink) behind their MX records.

    world = World(directory, programs)
    world.start_names(); world.start_receivers()      # world.name_server, world.smtp_port
    world.publish([("news.example", "TXT", "v=spf1 ip4:127.9.2.1 -all")])
    world.start("node", ["./edm", "run", …])
    world.stop()                                      # everything, the last one first

What was started is written to world.json in the directory: a later process stops it, too.
"""
import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import time

import people

HERE = pathlib.Path(__file__).resolve().parent
NSD = "/usr/sbin/nsd"
NAME_SERVER_ADDRESS = "127.0.0.1"
READY_SECONDS = 20
STOP_SECONDS = 60
TTL = 300


class DemoError(Exception):
    """What went wrong, in a sentence for people."""


def free_port(addresses, kinds):
    """A port that is free on all addresses for all kinds of socket at this moment."""
    first = 20000 + os.getpid() % 6000  # two demos that begin together do not meet
    for port in range(first, 32000):
        sockets = []
        try:
            for address in addresses:
                for kind in kinds:
                    sockets.append(socket.socket(socket.AF_INET, kind))
                    sockets[-1].bind((address, port))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise DemoError("no port is free on loopback")


def is_ours(pid, directory):
    """Whether process pid runs and its command line names our directory."""
    try:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return f"{directory}/".encode() in command.replace(b"\0", b"/\0")


def end_process(pid, directory):
    """Asks it to end and waits until it has; kills it if it does not."""
    if not is_ours(pid, directory):
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = select.poll()
    ended.register(handle, select.POLLIN)
    try:
        for how in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(handle, how)
            if ended.poll(STOP_SECONDS * 1000):
                break
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def pause():
    """Between two looks at something that gives no sign of its own."""
    select.select([], [], [], 0.02)


def soa_question(number):
    """The query for the SOA record of the root (RFC 1035, 4.1)."""
    return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 6, 1)


class World:
    """The processes of one demo."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.own = self.directory / "demo"
        self.state_file = self.own / "world.json"
        self.processes = []
        self.children = {}  # of this process, by name
        self.names_port = 0
        self.smtp_port = 0
        self.serial = 0
        self.records = []
        if self.state_file.exists():
            self.__dict__.update(json.loads(self.state_file.read_text(encoding="utf-8")))

    def save(self):
        kept = ("processes", "names_port", "smtp_port", "serial", "records")
        self.own.mkdir(parents=True, exist_ok=True)
        self.state_file.write_text(json.dumps({name: self.__dict__[name] for name in kept}),
                                   encoding="utf-8")

    def start(self, name, command, **how):
        """A process in a session of its own, so that Ctrl-C in the terminal is ours alone."""
        with open(self.own / f"{name}.log", "ab") as log:
            process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                       stderr=log, start_new_session=True,
                                       **{"stdout": log, **how})
        self.processes.append([name, process.pid])
        self.children[name] = process
        self.save()
        return process

    def running(self, name):
        return self.children[name].poll() is None

    def log_end(self, name, lines=12):
        text = (self.own / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def wait_for_line(self, name, text):
        """Returns when text stands in the log of the process."""
        deadline = time.monotonic() + READY_SECONDS
        file = self.own / f"{name}.log"
        while text not in file.read_text(encoding="utf-8", errors="replace"):
            if not self.running(name) or time.monotonic() > deadline:
                raise DemoError(f"{name} did not start:\n{self.log_end(name)}")
            pause()

    def stop(self):
        for _, pid in reversed(self.processes):
            end_process(pid, self.directory)
        self.processes = []
        if self.own.exists():
            self.save()

    # ---------------------------------------------------------------------------------- names

    @property
    def names_config(self):
        return self.own / "nsd.conf"

    @property
    def name_server(self):
        return f"{NAME_SERVER_ADDRESS}:{self.names_port}"

    def _records_of_receivers(self, addresses):
        hosts = {}
        for domain in people.load_domains():
            for preference, host in enumerate(domain["mx"], 1):
                self.records.append([domain["domain"], "MX", f"{preference * 10} {host}."])
                hosts[host] = addresses[domain["receiver"]]
        self.records += [[host, "A", address] for host, address in hosts.items()]

    def _write_zone(self):
        self.serial += 1
        lines = [f". {TTL} IN SOA ns.example. hostmaster.example. {self.serial} 60 60 60 60",
                 f". {TTL} IN NS ns.example."]
        lines += [f"{name}. {TTL} IN {kind} {data}" for name, kind, data in self.records]
        (self.own / "root.zone").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.save()

    def start_names(self, addresses):
        """addresses: receiver -> the address it listens on."""
        if not os.access(NSD, os.X_OK):
            raise DemoError("there is no name server: install the package nsd")
        self.names_port = free_port([NAME_SERVER_ADDRESS],
                                    (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        self._records_of_receivers(addresses)
        self._write_zone()
        self.names_config.write_text(
            f'server:\n ip-address: {NAME_SERVER_ADDRESS}@{self.names_port}\n server-count: 1\n'
            f' username: ""\n zonesdir: "{self.own}"\n database: ""\n rrl-ratelimit: 0\n'
            f' pidfile: "{self.own}/nsd.pid"\n xfrdfile: "{self.own}/xfrd.state"\n'
            f' zonelistfile: "{self.own}/zone.list"\n xfrdir: "{self.own}"\n'
            f'remote-control:\n control-enable: no\n'
            f'zone:\n name: "."\n zonefile: "root.zone"\n', encoding="utf-8")
        self._serve_names()

    def _serve_names(self):
        self.start("names", [NSD, "-d", "-c", self.names_config])
        self._wait_for_serial()

    def publish(self, records):
        """Serves these (name, type, data) too; returns when the name server does.

        By a new process: one that reloads goes on answering from the old zone for a while, beside
        the new one."""
        self.records += [list(record) for record in records]
        self._write_zone()
        end_process(self.children["names"].pid, self.directory)
        self.processes = [one for one in self.processes if one[0] != "names"]
        self._serve_names()

    def _serial_served(self, asker, number):
        asker.sendto(soa_question(number), (NAME_SERVER_ADDRESS, self.names_port))
        try:
            answer = asker.recv(512)
        except socket.timeout:
            return 0
        # The serial is the first of the five numbers that end the one record of the answer.
        at = answer.find(struct.pack("!IIII", 60, 60, 60, 60)) - 4
        return struct.unpack_from("!I", answer, at)[0] if at > 0 else 0

    def _wait_for_serial(self):
        deadline = time.monotonic() + READY_SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.05)
            for number in range(1, 65536):
                if self._serial_served(asker, number) == self.serial:
                    return
                if not self.running("names") or time.monotonic() > deadline:
                    break
        raise DemoError(f"the name server does not answer:\n{self.log_end('names')}")

    # ------------------------------------------------------------------------------ receivers

    def start_receivers(self, program, config):
        """program: edm-sink; config: receivers.json, whose addresses get a port that is free."""
        listeners = config["listeners"]
        hosts = [listener["listen"].split(":")[0] for listener in listeners]
        self.smtp_port = free_port(hosts, [socket.SOCK_STREAM])
        for listener, host in zip(listeners, hosts):
            listener["listen"] = f"{host}:{self.smtp_port}"
        file = self.own / "receivers.json"
        file.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
        (self.own / "received").mkdir(exist_ok=True)
        command = [program, "--config", file, "--stats", self.own / "received.json",
                   "--save-dir", self.own / "received", "--save-every", 500, "--verify-rcpt"]
        process = self.start("receivers", command, stdout=subprocess.PIPE)
        if not process.stdout.readline().startswith(b"ready"):
            raise DemoError(f"the receivers did not start:\n{self.log_end('receivers')}")

    def received(self):
        """What the receivers counted so far (tests/sink/stats.h)."""
        file = self.own / "received.json"
        file.unlink(missing_ok=True)
        pid = next(pid for name, pid in self.processes if name == "receivers")
        os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + READY_SECONDS
        while not file.exists():
            if not self.running("receivers") or time.monotonic() > deadline:
                raise DemoError(f"the receivers do not answer:\n{self.log_end('receivers')}")
            pause()
        return json.loads(file.read_text(encoding="utf-8"))


def addresses_of(config):
    return {listener["profile"]: listener["listen"].split(":")[0]
            for listener in config["listeners"]}
