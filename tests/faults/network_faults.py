# SPDX-License-Identifier: MIT
"""What can befall the way to receivers and name servers: see faults.py."""
import collections
import signal
import subprocess
import time
from contextlib import contextmanager
from datetime import datetime

from support.nsd import Relay
from trial import PROFILE

# Long waits made short, so that seconds are enough of an outage.
SHORT = ("timeout.connect_ms=2s", "timeout.banner_ms=2s", "timeout.ehlo_ms=2s",
         "timeout.mail_ms=2s", "timeout.rcpt_ms=2s", "timeout.data_ms=2s", "timeout.dot_ms=4s",
         "retry.schedule=1s", "park_ms=3s")
# Answers are asked for again and again, and none outlives its time.
FORGETFUL = ("dns.ttl_min_ms=1s", "dns.ttl_max_ms=1s", "dns.stale_ms=0s", "dns.failure_ms=2s",
             "dns.attempt_ms=1s", "dns.total_ms=3s", "park_ms=3s", "retry.schedule=1s",
             "budget.leased=1000")

# With those waits every connection of before is gone by then, and probes are seldom.
GONE_S = 10
PROBE_S = 20
LANE_STARTS_WITH = 5


@contextmanager
def relayed(world, directory):
    """The node asks a Relay before the name server."""
    del directory
    relay = Relay(world.dns.port)
    try:
        yield relay, {"settings": (f"dns.servers={relay.servers}", *FORGETFUL)}
    finally:
        relay.stop()


@contextmanager
def impatient(world, directory):
    """The node waits for receivers seconds instead of minutes."""
    del world, directory
    yield None, {"settings": SHORT}


def dns_dead(trial, small):
    """Name servers answer nothing; nobody is given up and the questions stay few."""
    relay, seconds = trial.tool, 5 if small else 60
    relay.behave = lambda name, kind: "drop"
    before = len(relay.questions)
    trial.campaign.wait_for_count("deferred", 1)
    trial.lets_pass(seconds)
    asked = len(relay.questions) - before
    relay.behave = lambda name, kind: "pass"
    # Each question is asked once a second for three; who waits for it comes back in a minute.
    most = len(trial.world.domains) * 2 * (3 + seconds // 10)
    assert 0 < asked <= most, f"{asked} questions in {seconds} s, {most} are plenty"
    trial.resumes("DNS was dead", within=90)


def silent(trial, small):
    """Receivers keep their connections and say nothing; new ones are not answered either."""
    sink = trial.world.sink
    trial.may_be_unknown = trial.connections()
    sink.process.send_signal(signal.SIGSTOP)
    try:
        since = time.time()
        trial.lets_pass(12 if small else 60)
        until = time.time()
    finally:
        sink.process.send_signal(signal.SIGCONT)
    trial.resumes("receivers were silent")
    no_storm(trial, since, until)


def slow(trial, small):
    """Every reply takes a hundred times as long."""
    delays = {step: [100 * ms for ms in span] for step, span in PROFILE["delay_ms"].items()}
    trial.world.sink.reload({"profiles": {"default": {"delay_ms": delays}}})
    trial.lets_pass(10 if small else 60)
    trial.world.sink.reload({"profiles": {"default": PROFILE}})
    trial.resumes("receivers were slow")


def cut(trial, small):
    """No packet passes, in a network of our own whose one link is down; see `run`."""
    trial.may_be_unknown = trial.connections()
    subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
    try:
        since = time.time()
        trial.lets_pass(12 if small else 60)
        until = time.time()
    finally:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    trial.resumes("the network was cut")
    no_storm(trial, since, until)


def no_storm(trial, since, until):
    """Once its connections are gone, a lane of a dead site only probes, with no more than what a
    lane starts with."""
    gone_at = since + GONE_S
    tries = collections.Counter(
        (event["source"], event["lane"]) for event in trial.node.events("connection_failed")
        if gone_at <= datetime.fromisoformat(event["time"]).timestamp() < until)
    most = LANE_STARTS_WITH * (1 + (until - gone_at) / PROBE_S)
    assert max(tries.values(), default=0) <= most, f"{tries.most_common(3)}, {most} are plenty"
