# SPDX-License-Identifier: MIT
"""An installation of our own to measure: `edm init` in a fresh directory with its private
PostgreSQL, a name server, receivers on loopback, people and campaigns. Nothing else is touched."""
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scenario.support.nsd import Nsd
from scenario.support.program import Program

DOMAINS = 20
SOURCES = 4
CONNECTIONS_OF_LANE = 20  # of a site without a profile
LINE = "<p>lorem ipsum dolor sit amet consectetur</p>\n"
STOP_SECONDS = 60
ASK_SECONDS = 0.03
RUNNING, CANCELLED = 3, 6
DELIVERED = 4


def html_of(size):
    """A letter of about so many octets."""
    return ('<html><body><p>Hello {{ name | default: "friend" }}</p>\n'
            + LINE * (size // len(LINE)) + "</body></html>\n")


def free_port():
    """A port nobody listens on at any of the receivers' addresses."""
    while True:
        port = 20000 + secrets.randbelow(10000)
        try:
            for last in range(1, DOMAINS + 1):
                with socket.socket() as probe:
                    probe.bind((f"127.1.0.{last}", port))
            return port
        except OSError:
            pass


class Sink:
    """The receiver, on 127.1.0.1 to .20."""

    def __init__(self, world, profile=None):
        world.sink = self
        self.stats_file = world.directory / "stats.json"
        self.stats_file.unlink(missing_ok=True)
        command = [world.build / "bin/edm-sink", "--listen", f"127.1.0.1-20:{world.port}",
                   "--stats", self.stats_file, "--verify-rcpt"]
        if profile:
            config = world.directory / "sink.json"
            config.write_text(json.dumps({"profiles": {"default": profile}}))
            command += ["--config", config]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith("ready"), "the receiver does not listen"

    def stop(self):
        """What it saw."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)
        return json.loads(self.stats_file.read_text())


class World:
    """with World(build) as world: …; everything is gone afterwards. So many recipient domains, at
    so many sets of mail exchangers on the receiver's addresses."""

    def __init__(self, build, domains=DOMAINS, sites=DOMAINS):
        self.domains = domains
        self.sites = sites
        self.build = pathlib.Path(build).resolve()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="edm-bench-"))
        self.edm = Program(self.build, self.directory / "data")
        self.dns = Nsd(self.directory / "nsd")
        self.port = free_port()
        self.node = None
        self.sink = None
        self.db = None

    def __enter__(self):
        os.environ.pop("EDM_DATABASE_URL", None)
        try:
            self.edm("init")
            self.home = pathlib.Path(os.path.realpath(self.edm.data / "postgres"))
            self.server = int((self.home / "data/postmaster.pid").read_text().split()[0])
            self.db = psycopg2.connect(f"host={self.home}/run user=edm dbname=edm",
                                       options="-c search_path=edm,pg_catalog")
            self.db.autocommit = True
            self._identity()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop_node()
        if self.sink is not None and self.sink.process.poll() is None:
            self.sink.process.kill()
            self.sink.process.wait()
        self.dns.stop()
        if self.db is not None:
            self.db.close()
        self.edm.run("down", "--purge", "--yes")
        shutil.rmtree(self.directory)

    def query(self, sql, *args):
        cursor = self.db.cursor()
        cursor.execute(sql, args or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, sql, *args):
        return self.query(sql, *args)[0][0]

    @property
    def own_backend(self):
        return self.db.info.backend_pid

    def _identity(self):
        for i in range(self.sites):
            self.dns.host(f"mx.d{i}.test", f"127.1.0.{i % DOMAINS + 1}")
        for i in range(self.domains):
            self.dns.record(f"d{i}.test", "MX", f"10 mx.d{i % self.sites}.test.")
        self.dns.start()
        self.query("INSERT INTO sending_domain(name) VALUES ('news.test')")
        self.key = self._dkim_key()

    def sources(self, count):
        """So many in all."""
        for i in range(self.value("SELECT count(*) FROM source") + 1, count + 1):
            self.query("INSERT INTO source(name, address, ehlo) VALUES (%s, %s, %s)",
                       f"s{i}", f"127.2.{i // 250}.{i % 250 + 1}", f"s{i}.news.test")

    def providers(self, *limits):
        """Each site a provider of its own, with these limits."""
        for i in range(self.sites):
            self.edm("provider", "set", f"p{i}", "--mx", f".d{i}.test", *limits)

    def limit(self, kind, n, spread, campaign=None):
        self.query("INSERT INTO limit_rule(kind, n, period_ms, spread, campaign_id) "
                   "VALUES (%s, %s, 1000, %s, %s)", kind, n, spread, campaign)

    def _dkim_key(self):
        """An RSA-2048 key of news.test, sealed as scheduler/setup/secrets.h says."""
        pem = self.directory / "dkim.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt",
                        "rsa_keygen_bits:2048", "-out", pem], check=True, capture_output=True)
        node_key = self.edm.data / "node.key"
        if not node_key.exists():
            node_key.touch(0o600)
            node_key.write_bytes(secrets.token_bytes(32))
        nonce = secrets.token_bytes(12)
        sealed = AESGCM(node_key.read_bytes()).encrypt(nonce, pem.read_bytes(), None)
        self.query("INSERT INTO dkim_key(sending_domain_id, selector, algorithm, sealed_key, "
                   "public_key, state) SELECT sending_domain_id, 's1', 1, %s, '', 2 "
                   "FROM sending_domain", b"\x01" + nonce + sealed)
        return pem

    def people(self, count, lists=1):
        """So many, u<i>@d<i mod domains>.test, in lists of equal size; the tables lie in the order
        in which an import fills them."""
        self.query("INSERT INTO recipient_domain(name) "
                   "SELECT 'd' || i || '.test' FROM generate_series(0, %s) i", self.domains - 1)
        self.query("INSERT INTO recipient(rid, domain_id, address) "
                   "SELECT hashtextextended(i::text, 7), domain_id, 'u' || i || '@' || name "
                   "FROM generate_series(1, %s) i JOIN recipient_domain "
                   "ON name = 'd' || (i %% %s) || '.test' ORDER BY 1", count, self.domains)
        self.lists = [self.value("INSERT INTO list(name) VALUES (%s) RETURNING list_id", f"l{i}")
                      for i in range(lists)]
        self.query("INSERT INTO list_member(list_id, domain_id, rid, attributes) "
                   "SELECT (%s::int[])[1 + abs(rid %% %s)], domain_id, rid, "
                   "       jsonb_build_object('name', '张三' || rid) "
                   "FROM recipient ORDER BY 1, domain_id, rid", self.lists, lists)
        self.query("INSERT INTO list_domain_count SELECT list_id, domain_id, count(*) "
                   "FROM list_member GROUP BY 1, 2")
        self.query("VACUUM ANALYZE")
        self.query("CHECKPOINT")

    def campaign(self, name, of_list, signed, html):
        campaign = self.value("INSERT INTO campaign(name, from_address, unsigned) "
                              "VALUES (%s, 'news@news.test', %s) RETURNING campaign_id",
                              name, not signed)
        self.query("INSERT INTO content(campaign_id, version, from_address, from_name, subject, "
                   "html, text) VALUES (%s, 1, 'news@news.test', '新闻', '你好 {{ name }}', %s, "
                   "'你好 {{ name }}')", campaign, html)
        self.query("INSERT INTO campaign_list VALUES (%s, %s)", campaign, self.lists[of_list])
        return campaign

    def start_node(self, *settings):
        """A node that is registered and idle."""
        fixed = [f"smtp.port={self.port}", f"dns.servers={self.dns.servers}",
                 "dns.allow=127.0.0.0/8"]
        sets = [part for setting in [*fixed, *settings] for part in ("--set", setting)]
        with open(self.directory / "node.log", "wb") as log:
            self.node = subprocess.Popen(
                [self.build / "bin/edm", "run", "--data", self.edm.data, *sets], stderr=log)
        self.wait_for(lambda: "event=node_running" in self.log(), 30, "the node runs")

    def stop_node(self):
        if self.node is None:
            return
        self.node.send_signal(signal.SIGTERM)
        try:
            self.node.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.node.kill()
            self.node.wait()
        self.node = None

    def start(self, campaign):
        self.query("UPDATE campaign SET state = %s, started_at = now(), version = version + 1 "
                   "WHERE campaign_id = %s", RUNNING, campaign)
        self.query("NOTIFY edm")

    def cancel(self, campaigns):
        self.query("UPDATE campaign SET state = %s, version = version + 1 "
                   "WHERE campaign_id = ANY(%s)", CANCELLED, campaigns)

    def moved(self, state):
        """People in that state, of all campaigns."""
        return int(self.value("SELECT coalesce(sum(n), 0) FROM (SELECT state, n FROM moves UNION "
                              "ALL SELECT state, n FROM moves_delta) x WHERE state = %s", state))

    def first_delivery(self):
        """Seconds from the start of the first campaign to the first delivery of any."""
        return float(self.value("SELECT extract(epoch FROM min(at) - (SELECT min(started_at) "
                                "FROM campaign)) FROM outcome WHERE state = %s", DELIVERED))

    def gauge(self, name):
        """What the node says of itself, once a second."""
        rows = self.query("SELECT live -> %s FROM node_live", name)
        return rows[0][0] if rows and rows[0][0] is not None else 0

    def wait_for(self, is_so, seconds, what):
        """Until is_so() says yes, asked again and again; or the node ends, which it must not."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{self.log()}"
            try:
                self.node.wait(ASK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"the node ended: {self.log()}")

    def log(self):
        return "\n".join((self.directory / "node.log").read_text().splitlines()[-10:])
