# SPDX-License-Identifier: MIT
"""Days of an installation's life in minutes: everything that operators and receivers do, at once
and without an end, while memory, descriptors and tables are measured.

    soak = Soak(world, seed=1)
    soak.run(minutes=30)    # fails on growth, and unless everybody is accounted for
    soak.table()            # what was measured, as lines

Two nodes share the work: mx1 lives all the time and is measured, mx2 is stopped and killed.
"""
import collections
import json
import os
import pathlib
import random
import time

from checker import Checker
from support.waiting import until

EVERY_S = 5  # a sample
RUNNING_MOST = 6  # campaigns at a time
PEOPLE = (100, 1000)  # of a campaign
GRACE = ("retry.schedule=1s,2s", "unknown.retry_after_ms=1s", "ledger.overdue_ms=500ms",
         "close_ms=100ms", "timeout.dot_ms=5s", "workers=2")
ENDED = ("finished", "cancelled")

GOOD = {"delay_ms": {"rcpt": [0, 2], "dot": [2, 10]}}
MOODS = {
    "good": GOOD,
    "slow": {"delay_ms": {"rcpt": [50, 100], "dot": [200, 400]}},
    "throttling": {**GOOD, "mail": [{"share": 0.2, "first": 1, "reply": "421 4.7.0 slow down"}]},
    "greylisting": {**GOOD, "rcpt": [{"share": 0.3, "first": 1, "reply": "451 4.7.1 Greylisted"}]},
    "refusing": {**GOOD, "rcpt": [{"share": 0.1, "reply": "550 5.1.1 user unknown"}]},
    "dropping": {**GOOD, "dot": [{"share": 0.02, "first": 1, "then": "close"}]},
    "resetting": {**GOOD, "data": [{"share": 0.1, "first": 1, "then": "rst"}]},
}
SHORTENED = ("any.greylist", "any.rate")
RULES = pathlib.Path(__file__).resolve().parents[2] / "schemas/rules"
# Tables that only hold what is under way, and those that grow with the people sent to.
WORKING = ("retry", "doubt", "unknown", "moves_delta", "attempts_delta", "suppression_feed",
           "limit_usage", "node_live", "pause")
LASTING = ("chunk", "chunk_data", "outcome")
SIZES = """
SELECT split_part(c.relname, '_2', 1), sum(pg_total_relation_size(c.oid))::bigint
  FROM pg_class c WHERE c.relnamespace = 'edm'::regnamespace AND c.relkind = 'r' GROUP BY 1
"""
# What may be added between the middle and the last third: a factor and an amount.
MEMORY = (1.15, 16 << 20)
DESCRIPTORS = (1.0, 40)
WORKING_SIZE = (1.5, 4 << 20)
LASTING_A_PERSON = (1.2, 100)


class Books(Checker):
    """The checks of one campaign whose people nobody else writes to."""

    def __init__(self, world, campaign, accepted):
        super().__init__(world, campaign)
        self.mine = accepted[campaign.name]

    def copies(self):
        return self.mine


class Soak:
    """One life of a world."""

    def __init__(self, world, seed):
        self.world = world
        self.database = world.database
        self.random = random.Random(seed)
        self.steady = world.node(*GRACE, name="mx1")
        self.other = world.node(*GRACE, name="mx2")
        self.campaigns = []
        self.people = 0
        self.samples = []  # dicts
        self.done = collections.Counter()  # actions by name

    def shorten_waits(self):
        """The rules for what receivers say here have people wait for a second."""
        for file in sorted(RULES.glob("[0-9]*.json")):
            for rule in json.loads(file.read_text())["rules"]:
                if rule["id"] in SHORTENED:
                    self.database.query("INSERT INTO reply_rule(rule_id, body) VALUES (%s, %s)",
                                        rule["id"], json.dumps({**rule, "delay": "1s"}))

    # ------------------------------------------------------------------------------- actions

    def start_campaign(self):
        if len(self.under_way("running", "paused")) >= RUNNING_MOST:
            return
        name = f"c{len(self.campaigns)}"
        count = self.random.randint(*PEOPLE)
        file = self.world.directory / "people.csv"
        domains = self.world.domains
        rows = (f"{name}-{i}@{domains[i % len(domains)]},人{i}" for i in range(count))
        file.write_text("\n".join(["email,name", *rows]))
        self.world.program("list", "import", file, "--list", name, "--consent", "asked", "--yes")
        of = self.database.value("SELECT list_id FROM list WHERE name = %s", name)
        campaign = self.world.campaign(name, of, unknown=self.random.choice(["hold", "retry"]))
        campaign.name = name
        self.campaigns.append(campaign.start())
        self.people += count

    def under_way(self, *states):
        return [campaign for campaign in self.campaigns if campaign.state in states]

    def _one(self, *states):
        found = self.under_way(*states)
        return self.random.choice(found) if found else None

    def pause_campaign(self):
        if campaign := self._one("running"):
            campaign.pause()

    def resume_campaign(self):
        if campaign := self._one("paused"):
            campaign.resume()

    def cancel_campaign(self):
        if campaign := self._one("running", "paused"):
            campaign.cancel()

    def change_limit(self):
        rate = self.random.choice([50, 200, 1000])
        scope = self.random.choice([[], ["--source", "s0"], ["--domain", "news.test"]])
        self.world.program("limit", "set", *scope, f"rate={rate}/s")

    def pause_all(self):
        self.world.program("pause", "--all", "--for", "1s")

    def add_source(self):
        if self.database.value("SELECT count(*) FROM source WHERE state = 1") < 8:
            self.world.source(node=self.random.choice(["mx1", "mx2"]))
            self.world.program("limit", "set", "connections=500")  # tells the nodes

    def drop_source(self):
        rows = self.database.query("SELECT name FROM source WHERE source_id > 4 AND state < 3")
        if rows:
            name = self.random.choice(rows)[0]
            self.world.program.run("source", "drain", name)
            self.world.program.run("source", "remove", name, "--yes")

    def suppress(self):
        if self.campaigns:
            name = self.random.choice(self.campaigns).name
            self.world.program("suppress", "add",
                               *(f"{name}-{i}@{self.world.domains[i]}" for i in range(5)))

    def stop_node(self):
        self.other.stop()
        self.other.start()

    def kill_node(self):
        self.other.kill()
        self.other.start()

    def change_mood(self):
        mood = MOODS[self.random.choice(list(MOODS))]
        self.world.sink.reload({"profiles": {"default": mood}})

    ACTIONS = (start_campaign, start_campaign, start_campaign, pause_campaign, resume_campaign,
               resume_campaign, cancel_campaign, change_limit, pause_all, add_source, drop_source,
               suppress, stop_node, kill_node, change_mood, change_mood)

    # ------------------------------------------------------------------------------ measuring

    def sample(self):
        pid = self.steady.process.pid
        memory = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        sizes = dict(self.database.query(SIZES))
        sample = {"people": self.people, "memory": memory * os.sysconf("SC_PAGE_SIZE"),
                  "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
        sample.update((table, sizes[table]) for table in (*WORKING, *LASTING))
        self.samples.append(sample)

    def most(self, what, third, by=1):
        """The largest value in the second or last third of the samples."""
        size = len(self.samples) // 3
        part = self.samples[third * size:] if third == 2 else self.samples[size:2 * size]
        return max(sample[what] / (sample[by] if by != 1 else 1) for sample in part)

    def _check_growth(self, what, bound, by=1):
        before, after = self.most(what, 1, by), self.most(what, 2, by)
        factor, amount = bound
        assert after <= before * factor + amount, f"{what} grew from {before:.0f} to {after:.0f}"

    def check_growth(self):
        self._check_growth("memory", MEMORY)
        self._check_growth("descriptors", DESCRIPTORS)
        for table in WORKING:
            self._check_growth(table, WORKING_SIZE)
        for table in LASTING:
            self._check_growth(table, LASTING_A_PERSON, by="people")

    # --------------------------------------------------------------------------------- the run

    def run(self, minutes):
        self.shorten_waits()
        self.steady.start()
        self.other.start()
        end_at = time.monotonic() + 60 * minutes
        sample_at = time.monotonic() + EVERY_S
        while time.monotonic() < end_at:
            action = self.random.choice(self.ACTIONS)
            action(self)
            self.done[action.__name__] += 1
            assert self.steady.is_alive, f"it ended:\n{self.steady.tail()}"
            if time.monotonic() >= sample_at:
                self.sample()
                sample_at += EVERY_S
        self._calm_down()
        self._check_books()
        self.check_growth()

    def _calm_down(self):
        """No more changes: whatever is under way ends."""
        self.world.sink.reload({"profiles": {"default": GOOD}})
        self.world.program("limit", "set", "rate=2000/s")
        for campaign in self.under_way("paused"):
            campaign.resume()
        try:
            until(lambda: not self.under_way("running", "paused"), 300, "the end")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._what_is_left()}") from error
        until(lambda: all(c.count("waiting", "leased", "deferred") == 0 for c in self.campaigns),
              60, "everybody is final")
        self.steady.stop()
        self.other.stop()

    def _what_is_left(self):
        """The campaigns that do not end, and what the program says of them."""
        return "\n".join(f"{c.name} {c.counts()}: {self.world.program('why', c.name).out}"
                         for c in self.under_way("running", "paused"))

    def _check_books(self):
        accepted = collections.defaultdict(collections.Counter)
        for event in self.world.sink.events("accepted"):
            accepted[event["rcpt"].split("-")[0]][event["rcpt"]] += 1
        for campaign in self.campaigns:
            Books(self.world, campaign, accepted).at_end()

    def table(self):
        """Lines: what was done, and each measure in the second and the last third."""
        yield f"{len(self.campaigns)} campaigns, {self.people} people, {dict(self.done)}"
        for what in ("memory", "descriptors", *WORKING):
            yield f"{what:18s} {self.most(what, 1):12.0f} {self.most(what, 2):12.0f}"
        for what in LASTING:
            yield (f"{what + ' a person':18s} {self.most(what, 1, 'people'):12.1f}"
                   f" {self.most(what, 2, 'people'):12.1f}")
