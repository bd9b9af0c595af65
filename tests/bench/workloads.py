# SPDX-License-Identifier: MIT
"""What is measured. A workload is a list of series that are run in alternation, and bars: what
the medians have to be.

    Work      one way to send: how many people, how signed, over what connections
    Workload  its series, the bars, and how many people and runs are usual"""
import contextlib
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import time
import typing

import meter
import world as worlds

STEAL_MAX = 0.05
TRIES = 3
MESSAGE_SECONDS = 0.02  # a run may take this long a message before it counts as hung
DOT_MS = 3000
WARM, WINDOW_SECONDS, AFTER_SECONDS = 30000, 20, 60  # see Watch
STARTTLS = ["PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS"]
MESSAGES, TOTAL = 3, 2  # limit_rule.kind, limit_rule.spread


@dataclasses.dataclass(frozen=True)
class Work:
    html: int = 10240
    signed: bool = False
    tls: bool = False
    profile: dict = dataclasses.field(default_factory=dict)  # of the receiver
    share: float = 1.0                 # of the people
    domains: int = worlds.DOMAINS
    sites: int = worlds.DOMAINS        # sets of mail exchangers they are at
    sources: int = worlds.SOURCES
    campaigns: int = 1
    per_connection: int = 0            # messages a connection, 0 = as the engine likes
    per_second: int = 0                # of each campaign, 0 = as fast as it goes
    settings: tuple = ()


@dataclasses.dataclass(frozen=True)
class Workload:
    people: int
    series: dict                       # name -> function(options) -> row
    bars: typing.Callable = lambda rows: []
    repeat: int = 3


def note(text):
    print(text, file=sys.stderr, flush=True)


def brief(row):
    return ", ".join(f"{key} {value:.4g}" for key, value in row.items())


# ------------------------------------------------------------------------------------- one run

@contextlib.contextmanager
def installation(options, work, people):
    """A world with its people and limits, and a receiver."""
    with worlds.World(options.build, domains=work.domains, sites=work.sites) as world:
        world.sources(work.sources)
        world.people(people, work.campaigns)
        if work.per_connection:
            world.providers(f"messages-per-connection={work.per_connection}")
        profile = dict(work.profile)
        if work.tls:
            profile["extensions"] = STARTTLS
        yield world, worlds.Sink(world, profile)


def start_node(world, work):
    tls = "opportunistic" if work.tls else "none"
    world.start_node(f"smtp.tls={tls}", *work.settings)


def start_campaigns(world, work):
    """The campaigns of all lists, running."""
    html = worlds.html_of(work.html)
    made = [world.campaign(f"c{i}", i, work.signed, html) for i in range(work.campaigns)]
    for campaign in made if work.per_second else []:
        world.limit(MESSAGES, work.per_second, TOTAL, campaign)
    for campaign in made:
        world.start(campaign)
    return made


def check(world, people, seen):
    """The work was done: everybody got one message, their own, and the ledger says so."""
    assert seen["distinct_recipients"] == people and seen["duplicates"] == 0, seen
    assert seen["mismatched"] == 0, seen
    total, distinct = world.query("SELECT count(*), count(DISTINCT rid) FROM outcome "
                                  "WHERE state = %s", worlds.DELIVERED)[0]
    assert (total, distinct) == (people, people), (total, distinct)


class Costs:
    """CPU of engine and PostgreSQL from here on."""

    def __init__(self, world):
        self.world = world
        self.before = self._read()

    def _read(self):
        return (meter.cpu_of(self.world.node.pid),
                meter.cpu_of_server(self.world.server, (self.world.own_backend,)))

    def row(self, people):
        engine, server = (now - then for now, then in zip(self._read(), self.before))
        return {"engine_cpu": engine / people * 1000, "postgres_cpu": server / people * 1000,
                "both_cpu": (engine + server) / people * 1000}


def send(options, work):
    """Campaigns from their start to a complete ledger."""
    people = int(options.people * work.share)
    with installation(options, work, people) as (world, sink):
        start_node(world, work)
        costs, started = Costs(world), time.monotonic()
        start_campaigns(world, work)
        world.wait_for(lambda: world.moved(worlds.DELIVERED) >= people,
                       60 + people * MESSAGE_SECONDS, "everybody delivered to")
        seconds = time.monotonic() - started
        row = {"per_second": people / seconds, "seconds": seconds, **costs.row(people),
               "engine_peak_mb": meter.peak_mb(world.node.pid),
               "postgres_mb": meter.proportional_mb(world.server),
               "first_delivery_s": world.first_delivery(), "report_s": report_seconds(world)}
        world.stop_node()
        seen = sink.stop()
        row["sink_cpu"] = seen["cpu_seconds"] / people * 1000
        row["message_bytes"] = seen["bytes"] / people
        row["connections"] = seen["connections"]
        row["max_connections"] = seen["max_connections"]
        row["resumed"] = seen["tls_resumed"]
        row["overlapping"] = seen["overlapping"]
        check(world, people, seen)
        return row


def report_seconds(world):
    started = time.monotonic()
    world.edm("report", "campaign", "c0")
    return time.monotonic() - started


def ceiling(options, work):
    """The sender that does nothing but SMTP; see ceiling.c."""
    people = int(options.people * work.share)
    with worlds.World(options.build) as world:
        sink = worlds.Sink(world, work.profile)
        key = ["--key", world.key] if work.signed else []
        done = subprocess.run(
            [world.build / "bench/ceiling", "--to", f"127.1.0.1-20:{world.port}", "--count",
             str(people), "--html", str(work.html), *key], capture_output=True, text=True)
        seen = sink.stop()
    assert done.returncode == 0 and seen["distinct_recipients"] == people, done.stderr
    said = json.loads(done.stdout)
    return {"per_second": said["per_second"], "cpu": said["cpu_s"] / people * 1000,
            "message_bytes": seen["bytes"] / people}


def signatures(options):
    """What the RSA-2048 signatures cost, all cores busy with them. The rate that openssl speed
    -multi gives is by the clock on the wall, so what else the machine did would be counted as
    theirs: here CPU is CPU, of its processes from their first signature to their last."""
    cores = len(os.sched_getaffinity(0))
    command = ["openssl", "speed", "-multi", str(cores), "-seconds", "3", "-mr", "rsa2048"]
    begun, counts, seconds = 0, [], 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True) as speed:
        for line in speed.stderr:
            if re.match(r"\+DTP:2048:private:", line):
                begun = meter.cpu_of_server(speed.pid)
            elif ended := re.match(r"\+R1:(\d+):2048:([\d.]+)", line):
                cpu = meter.cpu_of_server(speed.pid) - begun
                counts.append(int(ended[1]))
                seconds = max(seconds, float(ended[2]))
    assert speed.returncode == 0 and len(counts) == cores, counts
    return {"per_second": sum(counts) / seconds, "cpu": cpu / sum(counts) * 1000}


def worst(world, key):
    """Of the loops of all workers."""
    return max(loop[key] for loop in world.gauge("loops"))


def connections(options, work):
    """So many connections at once, to receivers that take their time."""
    count = options.people
    with installation(options, work, count * 40) as (world, sink):
        world.sources(count // (worlds.CONNECTIONS_OF_LANE * work.sites) + 1)
        start_node(world, dataclasses.replace(
            work, settings=(f"budget.sessions={count}", f"ledger.max_open={count * 3 // 2}",
                            f"budget.leased={count * 16}", *work.settings)))
        empty = meter.resident_mb(world.node.pid)
        campaign = start_campaigns(world, work)
        world.wait_for(lambda: world.gauge("sessions") >= count * 0.95, 120,
                       f"{count} connections")
        begun, costs, started = world.moved(worlds.DELIVERED), Costs(world), time.monotonic()
        longest = []

        def has_sent():
            longest.append(worst(world, "lag_max_ms"))
            return world.moved(worlds.DELIVERED) >= begun + 2 * count

        world.wait_for(has_sent, 120, "two messages a connection")
        sent = world.moved(worlds.DELIVERED) - begun
        row = {"idle_mb": empty, "resident_mb": meter.resident_mb(world.node.pid),
               "peak_mb": meter.peak_mb(world.node.pid),
               "per_second": sent / (time.monotonic() - started), **costs.row(sent),
               "lag_p999_ms": worst(world, "lag_p999_ms"), "lag_max_ms": max(longest)}
        row["kb_each"] = (row["resident_mb"] - empty) * 1024 / count
        world.cancel(campaign)
        world.stop_node()
        row["max_connections"] = sink.stop()["max_connections"]
        return row


def build(options, work):
    """A campaign that is sent to slowly while its audience is built."""
    with installation(options, work, options.people) as (world, sink):
        start_node(world, work)
        costs, started = Costs(world), time.monotonic()
        campaign = start_campaigns(world, work)
        watch = Watch(world)
        world.wait_for(watch.is_built, 60 + options.people * MESSAGE_SECONDS, "all is built")
        row = {"build_s": time.monotonic() - started, **costs.row(options.people),
               "first_delivery_s": world.first_delivery()}
        watch.go_on(AFTER_SECONDS)
        row.update(watch.row())
        row["chunks"] = world.value("SELECT count(*) FROM chunk")
        row["engine_peak_mb"] = meter.peak_mb(world.node.pid)
        world.cancel(campaign)
        world.stop_node()
        sink.stop()
        return row


class Sample(typing.NamedTuple):
    at: float        # seconds
    sent: int        # delivered so far
    mb: float        # resident, of the engine
    engine: float    # CPU seconds
    postgres: float


class Watch:
    """Once a second: what the engine costs while and after the build.

    What is to stay flat is what planner and claims cost, whatever the audience and however long it
    takes. A node that has just begun first fills its budgets (composed bytes, a chunk or two in
    hand of each group, which come as they are built, connections), which is no growth: after WARM
    messages, half a minute, they are full, and memory counts from there, at its highest, to the
    end of the build and AFTER_SECONDS beyond. The CPU of a message is that of the WINDOW_SECONDS
    from there, against that of the last ones."""

    def __init__(self, world):
        self.world = world
        self.seen = []

    def look(self):
        now = time.monotonic()
        if not self.seen or now - self.seen[-1].at >= 1:
            self.seen.append(Sample(now, self.world.moved(worlds.DELIVERED),
                                    meter.resident_mb(self.world.node.pid),
                                    meter.cpu_of(self.world.node.pid),
                                    meter.cpu_of_server(self.world.server,
                                                        (self.world.own_backend,))))

    def is_built(self):
        self.look()
        return self.world.value("SELECT count(*) FROM audience WHERE complete") == 1

    def is_warm(self):
        self.look()
        return self.seen[-1].sent >= WARM

    def go_on(self, seconds):
        """Into the time after."""
        self.built = len(self.seen)
        self.world.wait_for(self.is_warm, 120, f"{WARM} messages")
        until = time.monotonic() + seconds
        self.world.wait_for(lambda: self.look() or time.monotonic() > until, seconds + 10, "time")

    @staticmethod
    def _rate(rows):
        return (rows[-1].sent - rows[0].sent) / max(rows[-1].at - rows[0].at, 0.001)

    @staticmethod
    def _each(rows, whose):
        """CPU seconds per 1,000 messages."""
        return 1000 * (getattr(rows[-1], whose) - getattr(rows[0], whose)) / max(
            rows[-1].sent - rows[0].sent, 1)

    def row(self):
        steady = [one for one in self.seen if one.sent >= WARM]
        early = [one for one in steady if one.at <= steady[0].at + WINDOW_SECONDS]
        late = [one for one in steady if one.at >= steady[-1].at - WINDOW_SECONDS]
        return {"rate_while": self._rate(self.seen[:self.built]), "rate_after": self._rate(late),
                "early_cpu": self._each(early, "engine"), "late_cpu": self._each(late, "engine"),
                "late_postgres_cpu": self._each(late, "postgres"),
                "mb_at_first": next(one.mb for one in self.seen if one.sent > 0),
                "mb_warm": steady[0].mb, "mb_highest": max(one.mb for one in steady),
                "mb_at_end": steady[-1].mb, "sent_to": steady[-1].sent}


# ------------------------------------------------------------------------------- the workloads

PLAIN = Work()
REAL = Work(signed=True, tls=True)
FAR = Work(profile={"round_trip_ms": 50}, sources=1)
SINGLE = dataclasses.replace(REAL, per_connection=1)
BIG = Work(html=102400, signed=True)
SLOW = Work(profile={"delay_ms": {"dot": DOT_MS}})
WIDE = Work(domains=100000)
STREAM = Work(per_second=1000)


def sending(work):
    return lambda options: send(options, work)


def at_least(of, value, bar):
    return {"of": of, "is": value, "wants": "≥", "bar": bar, "met": value >= bar}


def at_most(of, value, bar):
    return {"of": of, "is": value, "wants": "≤", "bar": bar, "met": value <= bar}


def bars_plain(rows):
    engine = rows["engine"]
    return [at_least("messages a second", engine["per_second"], 12000),
            at_most("engine CPU s per 1,000", engine["engine_cpu"], 0.06),
            at_most("PostgreSQL CPU s per 1,000", engine["postgres_cpu"], 0.02),
            at_least("of the ceiling's rate",
                     engine["per_second"] / rows["ceiling"]["per_second"], 0.35)]


def bars_real(rows):
    engine = rows["engine"]
    return [at_least("messages a second", engine["per_second"], 1500),
            at_most("engine and PostgreSQL CPU s per 1,000", engine["both_cpu"], 1.1),
            at_most("of the bare cost of the signatures",
                    engine["both_cpu"] / rows["signatures"]["cpu"], 1.4)]


def bars_far(rows):
    return [at_least("messages a second", rows["engine"]["per_second"], 6500),
            at_most("MiB resident", rows["engine"]["engine_peak_mb"], 64)]


def bars_single(rows):
    more = rows["engine"]["both_cpu"] - rows["kept connections"]["both_cpu"]
    return [at_most("CPU s per 1,000 above kept connections", more, 0.9)]


def bars_big(rows):
    return [at_least("messages a second", rows["engine"]["per_second"], 750)]


def bars_slow(rows):
    plain, tls = rows["plain"], rows["TLS"]
    return [at_most("MiB, plain", plain["peak_mb"], 250),
            at_most("MiB, TLS", tls["peak_mb"], 700),
            at_most("ms loop lag p99.9, plain", plain["lag_p999_ms"], 20),
            at_most("ms loop lag p99.9, TLS", tls["lag_p999_ms"], 20)]


def bars_wide(rows):
    engine = rows["engine"]
    return [at_most("s to the first delivery", engine["first_delivery_s"], 2),
            at_most("MiB at most", engine["engine_peak_mb"], 200),
            at_least("of W1's rate", engine["per_second"] / rows["W1"]["per_second"], 0.8),
            at_most("s for a report", engine["report_s"], 1)]


def bars_stream(rows):
    engine = rows["engine"]
    return [at_most("s to the first delivery", engine["first_delivery_s"], 2),
            at_most("s for the whole audience", engine["build_s"], 90),
            at_most(f"MiB grown after {WARM:,} messages",
                    engine["mb_highest"] - engine["mb_warm"], 5),
            at_most("CPU of a message at the end, of that at first",
                    engine["late_cpu"] / engine["early_cpu"], 1.2)]


def of_shares(*shares):
    return {f"{share:.0%}": sending(Work(share=share)) for share in shares}


ALL = {
    "W1": Workload(100000, {"ceiling": lambda options: ceiling(options, PLAIN),
                            "engine": sending(PLAIN)}, bars_plain),
    "W2": Workload(100000, {"signatures": signatures, "engine": sending(REAL)}, bars_real),
    "W3": Workload(100000, {"engine": sending(FAR)}, bars_far),
    "W5": Workload(10000, {"kept connections": sending(REAL), "engine": sending(SINGLE)},
                   bars_single),
    "W6": Workload(100000, {"engine": sending(BIG)}, bars_big, 1),
    "W7": Workload(10000, {"plain": lambda options: connections(options, SLOW),
                           "TLS": lambda options: connections(
                               options, dataclasses.replace(SLOW, tls=True))}, bars_slow, 1),
    "W8": Workload(1000000, {"W1": sending(Work(share=0.1)), "engine": sending(WIDE)},
                   bars_wide, 1),
    "W9": Workload(10000000, {"engine": lambda options: build(options, STREAM)}, bars_stream, 1),
    "recipients": Workload(1000000, of_shares(0.01, 0.1, 1), repeat=1),
    "campaigns": Workload(100000, {"1": sending(PLAIN), "200": sending(Work(campaigns=200))}),
    "sources": Workload(100000, {"4": sending(PLAIN),
                                 "4, 20 a connection": sending(Work(per_connection=20)),
                                 "256": sending(Work(sources=256))}),
    "lanes": Workload(100000, {"80": sending(PLAIN),
                               "80, 10 a connection": sending(Work(per_connection=10)),
                               "10,000": sending(Work(domains=2500, sites=2500))}),
}


def undisturbed(measure, options):
    """The first run that the hypervisor left in peace."""
    for _ in range(TRIES):
        steal = meter.Steal()
        row = measure(options)
        row["steal"] = steal.share()
        if row["steal"] <= STEAL_MAX:
            return row
        note(f"made again: {row['steal']:.0%} of the time was stolen")
    raise SystemExit("the machine is too busy: time is stolen in every run")


def medians(rows):
    """Of rows with the same keys, the median of each number."""
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def measure(options):
    """All series in alternation; medians, bars and every run."""
    workload = ALL[options.what]
    options.people = options.people or workload.people
    repeat = options.repeat or workload.repeat
    runs = {name: [] for name in workload.series}
    for i in range(repeat):
        for name, series in workload.series.items():
            runs[name].append(undisturbed(series, options))
            note(f"{name} {i + 1}/{repeat}: {brief(runs[name][-1])}")
    rows = {name: medians(done) for name, done in runs.items()}
    return {"what": options.what, "people": options.people, "repeat": repeat, "rows": rows,
            "bars": workload.bars(rows), "runs": runs}
