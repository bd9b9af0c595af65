# SPDX-License-Identifier: MIT
"""A node at work before a scripted receiver, and a judge that knows only the receiver's log.

    mailing = Mailing(...)                     # the fixture `mailing` makes one
    mailing.provider("big", connections=5)     # MX *.big.test, listening on an address of its own
    mailing.source("s1")
    c = mailing.campaign("c", {"big": 300})    # so many people at each provider
    mailing.limit(provider="big", rate=(20, "s"))
    mailing.start(workers=2)
    mailing.launch(c)
    mailing.finished(c)
    assert peak(mailing.log().mails(), 1.0) <= 20
"""

import bisect
import json
import os
import pathlib
import signal
import subprocess
import sys

from support.ports import free_port
from support.waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "sink"))
import edm_sink  # noqa: E402

RUNNING, FINISHED = 3, 5


class Log:
    """What the receiver saw so far."""

    def __init__(self, events):
        self.events = events

    def _select(self, name, **wanted):
        for event in self.events:
            is_wanted = all(event[key] == value for key, value in wanted.items())
            if event["event"] == name and is_wanted:
                yield int(event["time_us"]) / 1e6, event

    def mails(self, **wanted):
        """Times of the MAIL commands."""
        return [at for at, _ in self._select("mail", **wanted)]

    def connects(self, **wanted):
        return [at for at, _ in self._select("connect", **wanted)]

    def accepted(self, **wanted):
        return [e for _, e in self._select("accepted", **wanted)]

    def open_peak(self, since=0.0, **wanted):
        """The most connections open at once; those still open at the end count to the end."""
        changes = [(at, 1) for at in self.connects(**wanted)]
        changes += [(at, -1) for at, _ in self._select("close", **wanted)]
        # At the same microsecond a close and a connect overlap.
        open_now, before, peak_seen = 0, 0, 0
        for at, change in sorted(changes, key=lambda c: (c[0], -c[1])):
            open_now += change
            if at < since:
                before = open_now
            else:
                peak_seen = max(peak_seen, open_now)
        return max(before, peak_seen)

    def open_now(self, **wanted):
        """Connections that have not ended."""
        return len(self.connects(**wanted)) - len(list(self._select("close", **wanted)))

    def at_work_peak(self, **wanted):
        """The most connections that carried a message at once: from its MAIL until it was
        accepted."""
        changes = [(at, 1) for at in self.mails(**wanted)]
        changes += [(at, -1) for at, _ in self._select("accepted", **wanted)]
        now, most = 0, 0
        for _, change in sorted(changes):
            now += change
            most = max(most, now)
        return most

    def messages_per_connection(self, **wanted):
        counts = {}
        for _, event in self._select("mail", **wanted):
            counts[event["connection"]] = counts.get(event["connection"], 0) + 1
        return max(counts.values(), default=0)


def peak(times, seconds):
    """The most events in any window of that length: n fit iff the first and the n-th of some run
    are less than it apart."""
    times = sorted(times)
    most = 0
    for i, at in enumerate(times):
        most = max(most, i + 1 - bisect.bisect_right(times, at - seconds, 0, i + 1))
    return most


class Mailing:
    """One node, one receiver, one name server, one database."""

    def __init__(self, build, directory, database, edm, dns):
        self.build = build
        self.directory = directory
        self.db = database
        self.edm = edm
        self.dns = dns
        self.port = free_port()
        self.profiles = {"default": {}}
        self.listeners = []
        self.addresses = {}
        self.sink = None
        self.node = None
        self.people = 0
        edm_sink.PROGRAM = str(build / "bin" / "edm-sink")

    # ---------------------------------------------------------------------------- the world

    def provider(self, name, profile=None, initial=20, domain=None, mx=None, listens=True,
                 **limits):
        """A provider with one MX on an address of its own. mx: the host, if a built-in profile is
        to apply (mx3.qq.com; the host offers TLS, which that may ask for); else the profile is
        made of limits."""
        if mx is not None:
            profile = {"extensions": ["PIPELINING", "8BITMIME", "STARTTLS"], **(profile or {})}
        domain = domain or f"{name}.test"
        address = f"127.1.0.{len(self.addresses) + 1}"
        self.addresses[name] = address
        self.dns.domain(domain, mx=[(10, mx or f"mx.{name}.test", address)])
        self.db.query("INSERT INTO recipient_domain(name) VALUES (%s)", domain)
        if mx is None:
            limits = {"connections": 20, **limits}
            body = {"mx_suffixes": [f".{name}.test"], "limits": limits,
                    "initial_connections": min(initial, limits["connections"])}
            self.db.query("INSERT INTO provider(name, overrides) VALUES (%s, %s)",
                          name, json.dumps(body))
        if not listens:
            return
        if profile is not None:
            self.profiles[name] = profile
        listen = f"{address}:{self.port}"
        self.listeners.append({"listen": listen, "profile": name if profile else "default"})

    def source(self, name, **columns):
        number = self.db.value("SELECT count(*) FROM source") + 1
        self.db.query("INSERT INTO source(name, address, ehlo) VALUES (%s, %s, %s)",
                      name, f"127.2.0.{number}", f"{name}.news.test")
        for column, value in columns.items():
            self.db.query(f"UPDATE source SET {column} = %s WHERE name = %s", value, name)
        return f"127.2.0.{number}"

    def campaign(self, name, people, domains=None, priority=0, sender="news.test"):
        """A draft to so many people at each provider; returns its id."""
        domains = domains or {}
        list_id = self.db.value(
            "INSERT INTO list(name) VALUES (%s) RETURNING list_id", f"list-{name}")
        for provider, count in people.items():
            self._members(list_id, domains.get(provider, f"{provider}.test"), count)
        self.db.query("INSERT INTO sending_domain(name) VALUES (%s) ON CONFLICT DO NOTHING", sender)
        campaign = self.db.value(
            "INSERT INTO campaign(name, from_address, unsigned, priority) VALUES (%s, %s, true, %s)"
            " RETURNING campaign_id", name, f"news@{sender}", priority)
        self.db.query(
            "INSERT INTO content(campaign_id, version, from_address, from_name, subject, text)"
            " VALUES (%s, 1, %s, 'News', 'Hello', 'Hello {{ name }}')", campaign, f"news@{sender}")
        self.db.query("INSERT INTO campaign_list VALUES (%s, %s)", campaign, list_id)
        return campaign

    def _members(self, list_id, domain, count):
        first = self.people
        self.people += count
        self.db.query(
            "WITH d AS (SELECT domain_id, name FROM recipient_domain WHERE name = %s), r AS ("
            "INSERT INTO recipient(rid, domain_id, address)"
            " SELECT hashtextextended(i::text, 7), d.domain_id, 'u' || i || '@' || d.name"
            " FROM d, generate_series(%s, %s) i RETURNING rid, domain_id), m AS ("
            "INSERT INTO list_member(list_id, domain_id, rid, attributes)"
            " SELECT %s, domain_id, rid, '{\"name\": \"x\"}' FROM r)"
            "INSERT INTO list_domain_count SELECT %s, domain_id, count(*) FROM r GROUP BY 2",
            domain, first + 1, first + count, list_id, list_id)

    # --------------------------------------------------------------------------- operators

    def limit(self, provider=None, source=None, campaign=None, domain=None, total=False, **values):
        """limit(provider="big", connections=5, rate=(20, "s")): `edm limit set`."""
        words = []
        named = {"provider": provider, "source": source, "campaign": campaign, "domain": domain}
        for option, name in named.items():
            words += [f"--{option}", name] if name else []
        if provider and not source and not domain:
            words.append("--total" if total else "--each-source")
        for kind, value in values.items():
            text = "/".join(map(str, value)) if isinstance(value, tuple) else value
            words.append(f"{kind.replace('_', '-')}={text}")
        self.edm("limit", "set", *words)

    def rule_waits(self, rule_id, delay):
        """The built-in rule with a delay that a test can wait for."""
        for file in (ROOT / "schemas/rules").glob("[0-9]*.json"):
            for rule in json.loads(file.read_text())["rules"]:
                if rule["id"] == rule_id:
                    self.db.query("INSERT INTO reply_rule(rule_id, body) VALUES (%s, %s)",
                                  rule_id, json.dumps({**rule, "delay": delay}))

    def launch(self, *campaigns):
        for campaign in campaigns:
            self.db.query("UPDATE campaign SET state = 3, started_at = now(), version = version + 1"
                          " WHERE campaign_id = %s", campaign)
        self.db.query("NOTIFY edm")

    # ----------------------------------------------------------------------------- running

    def open_world(self):
        """Starts name server and receiver, if they are not running yet."""
        if self.dns.process is None:
            self.dns.start()
        if self.sink is None:
            (self.directory / "sink").mkdir()
            config = {"profiles": self.profiles, "listeners": self.listeners}
            self.sink = edm_sink.Sink(self.directory / "sink", listen=(), config=config)

    def settings(self, workers, settings):
        """What a node is started with, as key=value; settings with _ for the dot."""
        given = {"smtp.port": self.port, "dns.servers": self.dns.servers,
                 "dns.allow": "127.0.0.0/8", "smtp.tls": "none", "workers": workers,
                 "composers": 1}
        dotted = {key.replace("_", ".", 1): value for key, value in settings.items()}
        given |= {"park_ms" if key == "park.ms" else key: value for key, value in dotted.items()}
        return [f"{key}={value}" for key, value in given.items()]

    def start(self, workers=1, **settings):
        """Starts what is not running yet."""
        self.open_world()
        command = [self.build / "bin" / "edm", "run", "--data", self.directory,
                   "--database", self.db.url]
        for setting in self.settings(workers, settings):
            command += ["--set", setting]
        self.node_log = self.directory / "node.log"
        with open(self.node_log, "ab") as log:
            self.node = subprocess.Popen(list(map(str, command)), stderr=log, stdout=log)
        self.wait(lambda: self.node_log.read_text().count("event=node_running") > self._starts(),
                  "the node does not run", 10)
        self.starts = self._starts() + 1

    def _starts(self):
        return getattr(self, "starts", 0)

    def stop(self, how=signal.SIGTERM):
        if self.node is None or self.node.poll() is not None:
            return
        self.node.send_signal(how)
        code = self.node.wait(30)
        assert how == signal.SIGKILL or code == 0, self.tail()

    def close(self):
        if self.node is not None and self.node.poll() is None:
            self.node.kill()
            self.node.wait()
        if self.sink is not None and self.sink.process.poll() is None:
            self.sink.process.kill()
            self.sink.process.wait()

    def tail(self, lines=15):
        return "\n".join(self.node_log.read_text().splitlines()[-lines:])

    # ---------------------------------------------------------------------------- watching

    def wait(self, condition, why, seconds=30):
        """Until condition() is true; what it gave."""
        def check():
            assert self.node.poll() is None, self.tail()
            return condition()

        return until(check, seconds, why)

    def log(self):
        return Log(self.sink.events())

    def accepted(self, count, seconds=30, **wanted):
        """Waits until so many messages were accepted."""
        self.wait(lambda: len(self.log().accepted(**wanted)) >= count,
                  f"only {len(self.log().accepted(**wanted))} of {count} accepted", seconds)
        return self.log()

    def states(self, campaign):
        """People by recipient state."""
        rows = self.db.query(
            "SELECT s.name, sum(m.n)::int FROM (SELECT state, n FROM moves WHERE campaign_id = %s"
            " UNION ALL SELECT state, n FROM moves_delta WHERE campaign_id = %s) m"
            " JOIN (VALUES (1, 'waiting'), (2, 'leased'), (3, 'deferred'), (4, 'delivered'),"
            " (5, 'bounced'), (6, 'rejected'), (7, 'blocked'), (8, 'expired'), (9, 'suppressed'),"
            " (10, 'cancelled'), (11, 'unknown')) s(state, name) USING (state)"
            " GROUP BY 1 HAVING sum(m.n) <> 0", campaign, campaign)
        return dict(rows)

    def finished(self, *campaigns, seconds=30):
        """Waits until they are; returns the receiver's log."""
        for campaign in campaigns:
            try:
                self.wait(lambda: self.db.value("SELECT state FROM campaign WHERE campaign_id = %s",
                                                campaign) == FINISHED, "not finished", seconds)
            except AssertionError as error:
                raise AssertionError(f"{error}: {self.states(campaign)}\n{self.tail()}") from error
        return self.log()
