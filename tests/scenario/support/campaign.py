# SPDX-License-Identifier: MIT
"""A world to send campaigns in: recipient domains in DNS, receivers, sources, people.

    world = World(build, directory, database, domains=20)
    people = world.people(2000)                      # a list
    campaign = world.campaign("spring", people, unknown="retry")
    node = world.node().start()
    campaign.start()
    campaign.wait_for("finished")
    campaign.counts()                                # {"delivered": 2000}

Addresses of receivers and sources are in a /24 of 127/8 of this process, so that runs beside each
other do not meet.
"""
import os
import pathlib
import sys

from support.node import Node
from support.nsd import Nsd
from support.program import Program
from support.waiting import until

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "sink"))
import edm_sink  # noqa: E402

PORT = 2525
STATES = {1: "waiting", 2: "leased", 3: "deferred", 4: "delivered", 5: "bounced", 6: "rejected",
          7: "blocked", 8: "expired", 9: "suppressed", 10: "cancelled", 11: "unknown"}
CAMPAIGN_STATES = {1: "draft", 2: "scheduled", 3: "running", 4: "paused", 5: "finished",
                   6: "cancelled"}
UNKNOWN_POLICIES = {"hold": 1, "retry": 2}
NET = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
FIRST_SOURCE = 100
SOURCES = 150  # addresses; whoever adds more has removed the first ones
PARAGRAPHS = 120  # of the body: about 6 kB


class World:
    """What is outside of a node, and the people it is to write to."""

    def __init__(self, build, directory, database, domains=20, hosts=5, sources=4, profile=None):
        self.directory = pathlib.Path(directory)
        self.build = build
        self.database = database
        self.domains = [f"d{i}.test" for i in range(domains)]
        self.nodes = []
        self.program = Program(build, self.directory / "operator", database.url)
        self.dns = Nsd(self.directory / "nsd")
        for i, domain in enumerate(self.domains):
            self.dns.domain(domain, mx=[(10, f"mx.{domain}", f"{NET}.{i % hosts + 1}")])
        self.dns.start()
        edm_sink.PROGRAM = str(build / "bin/edm-sink")
        self.sink = edm_sink.Sink(
            self.directory, "--verify-rcpt", listen=[f"{NET}.1-{hosts}:{PORT}"],
            config={"profiles": {"default": profile or {}}})
        self._fill_database(sources)

    @property
    def sources(self):
        """Their addresses, as receivers see them."""
        return {address for address, in self.database.query("SELECT host(address) FROM source")}

    def _fill_database(self, sources):
        self.database.query("INSERT INTO sending_domain(name) VALUES ('news.test')")
        for _ in range(sources):
            self.source()

    def source(self, node=None, rate=None):
        """One more source address, of that node only if one is named; it sends so many messages a
        second at most."""
        number = self.database.value("SELECT count(*) FROM source")
        self.database.query(
            "INSERT INTO source(name, address, ehlo, node_name) VALUES (%s, %s, %s, %s)",
            f"s{number}", f"{NET}.{FIRST_SOURCE + number % SOURCES}", f"s{number}.news.test", node)
        if rate:
            self.program("limit", "set", "--source", f"s{number}", f"rate={rate}/s")

    def short_lease(self):
        """Nodes started from now on are taken for dead after 3 s of silence, instead of 10."""
        for key, value in (("beat_ms", "300ms"), ("margin_ms", "500ms"), ("lease_ms", "3s")):
            self.program("config", "set", f"ledger.{key}", value)

    def people(self, count, name="readers", first=0):
        """A list of count people spread over the domains; u0@d0.test is the first of all."""
        file = self.directory / f"{name}.csv"
        rows = (f"u{i}@{self.domains[i % len(self.domains)]},读者{i}"
                for i in range(first, first + count))
        file.write_text("\n".join(["email,name", *rows]))
        self.program("list", "import", file, "--list", name, "--consent", "asked for it", "--yes")
        return self.database.value("SELECT list_id FROM list WHERE name = %s", name)

    def campaign(self, name, people, unknown="hold"):
        """A draft."""
        return Campaign(self.database, name, people, unknown)

    def node(self, *settings, name=None, env=None, wrap=()):
        """A node of its own data directory, not started."""
        data = self.directory / f"node-{name or len(self.nodes)}"
        node = Node(Program(self.build, data, self.database.url), f"smtp.port={PORT}",
                    f"dns.servers={self.dns.servers}", "dns.allow=127.0.0.0/8", "smtp.tls=none",
                    *settings, name=name, env=env, wrap=wrap)
        self.nodes.append(node)
        return node

    def close(self):
        for node in self.nodes:
            if node.is_alive:
                node.kill()
        if self.sink.process.poll() is None:
            self.sink.stop()
        self.dns.stop()


class Campaign:
    """One campaign; its states by name."""

    def __init__(self, database, name, people, unknown):
        self.database = database
        self.id = database.value(
            "INSERT INTO campaign(name, from_address, unsigned, unknown_policy)"
            " VALUES (%s, 'news@news.test', true, %s) RETURNING campaign_id",
            name, UNKNOWN_POLICIES[unknown])
        html = ("<html><body><p>Hello {{ name | default: \"friend\" }}</p>"
                + "<p>lorem ipsum dolor sit amet consectetur</p>" * PARAGRAPHS + "</body></html>")
        database.query(
            "INSERT INTO content(campaign_id, version, from_address, from_name, subject, html)"
            " VALUES (%s, 1, 'news@news.test', '新闻', '你好 {{ name }}', %s)", self.id, html)
        database.query("INSERT INTO campaign_list VALUES (%s, %s)", self.id, people)

    def _set_state(self, name):
        number = next(n for n, other in CAMPAIGN_STATES.items() if other == name)
        self.database.query(
            "WITH c AS (UPDATE campaign SET state = %s, version = version + 1,"
            " started_at = coalesce(started_at, now()) WHERE campaign_id = %s)"
            " SELECT pg_notify('edm', 'campaign')::text", number, self.id)

    def start(self):
        self._set_state("running")
        return self

    def pause(self):
        self._set_state("paused")

    def resume(self):
        self._set_state("running")

    def cancel(self):
        self._set_state("cancelled")

    @property
    def state(self):
        return CAMPAIGN_STATES[self.database.value(
            "SELECT state FROM campaign WHERE campaign_id = %s", self.id)]

    def counts(self):
        """How many recipients are in each state, by name; states with nobody are left out."""
        rows = self.database.query(
            "SELECT state, sum(n)::int FROM (SELECT campaign_id, state, n FROM moves"
            " UNION ALL SELECT campaign_id, state, n FROM moves_delta) x"
            " WHERE campaign_id = %s GROUP BY 1 HAVING sum(n) <> 0", self.id)
        return {STATES[state]: n for state, n in rows}

    def count(self, *states):
        counts = self.counts()
        return sum(counts.get(state, 0) for state in states)

    def wait_for(self, state, seconds=60):
        until(lambda: self.state == state, seconds, f"{state}; it is {self.state} {self.counts()}")

    def wait_for_count(self, state, least, seconds=60):
        """At least so many are in that state; returns how many."""
        return until(lambda: (n := self.count(state)) >= least and n, seconds,
                     f"{least} {state}: {self.counts()}")
