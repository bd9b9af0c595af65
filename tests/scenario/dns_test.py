# SPDX-License-Identifier: MIT
"""The resolver against a real name server: what each state of DNS means for a domain's mail."""
import json
import subprocess

import pytest

from support.nsd import Nsd, Relay


class Resolve:
    """The resolve tool: runs a script of commands and returns its lines."""

    def __init__(self, build):
        self.program = str(build / "tools" / "edm_resolve")

    def start(self, servers, **options):
        arguments = [f"servers={servers}", "allow=127.0.0.0/8"]
        arguments += [f"{key}={value}" for key, value in options.items()]
        return subprocess.Popen([self.program] + arguments, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)

    def run(self, servers, *commands, **options):
        process = self.start(servers, **options)
        out, _ = process.communicate("\n".join(commands + ("sync", "")), timeout=60)
        assert process.returncode == 0
        return [json.loads(line) for line in out.splitlines()]

    def one(self, servers, command, **options):
        lines = self.run(servers, command, **options)
        assert len(lines) == 1
        return lines[0]


@pytest.fixture
def resolve(build):
    return Resolve(build)


@pytest.fixture
def relay(dns):
    made = []

    def make(behave=lambda name, kind: "pass"):
        made.append(Relay(dns.port, behave))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def hosts(answer):
    return [(h["preference"], h["name"], h["addresses"]) for h in answer["hosts"]]


def test_what_domains_mean(dns, resolve):
    dns.domain("two.test", mx=[(20, "mx2.two.test", "127.0.0.2"),
                               (10, "MX1.two.test", "127.0.0.1")])
    dns.domain("implicit.test", addresses=["127.0.0.3"])
    dns.domain("null.test", addresses=["127.0.0.4"])
    dns.record("null.test", "MX", "0 .")
    dns.record("alias.test", "CNAME", "two.test.")
    dns.record("alias-implicit.test", "CNAME", "implicit.test.")
    dns.record("mxalias.test", "MX", "10 a1.mxalias.test.")
    dns.record("a1.mxalias.test", "CNAME", "a2.mxalias.test.")
    dns.record("a2.mxalias.test", "CNAME", "mx1.two.test.")
    dns.record("nohost.test", "MX", "10 gone.nohost.test.")
    dns.host("nohost.test", "127.0.0.5")
    dns.record("empty.test", "TXT", '"here"')
    dns.record("private.test", "MX", "10 mx.private.test.")
    dns.host("mx.private.test", "10.0.0.1")
    dns.record("literal.test", "MX", "10 127.0.0.1.")
    dns.broken("broken.test")
    dns.record("half.test", "MX", "10 mx.broken.test.")
    dns.record("half.test", "MX", "20 mx2.two.test.")
    dns.record("loop1.test", "CNAME", "loop2.test.")
    dns.record("loop2.test", "CNAME", "loop1.test.")
    dns.start()
    two = [(10, "mx1.two.test", ["127.0.0.1"]), (20, "mx2.two.test", ["127.0.0.2"])]
    cases = {
        "two.test": ("ok", two, "mx1.two.test,mx2.two.test"),
        "TWO.test.": ("ok", two, "mx1.two.test,mx2.two.test"),
        "implicit.test": ("ok", [(0, "implicit.test", ["127.0.0.3"])], "implicit.test"),
        "null.test": ("null-mx", [], ""),
        "alias.test": ("ok", two, "mx1.two.test,mx2.two.test"),
        "alias-implicit.test": ("ok", [(0, "implicit.test", ["127.0.0.3"])], "implicit.test"),
        "mxalias.test": ("ok", [(10, "a1.mxalias.test", ["127.0.0.1"])], "a1.mxalias.test"),
        "nohost.test": ("no-host", [], "gone.nohost.test"),
        "empty.test": ("nodata", [], "empty.test"),
        "absent.test": ("nxdomain", [], ""),
        "private.test": ("forbidden", [], "mx.private.test"),
        "literal.test": ("no-host", [], ""),
        "broken.test": ("servfail", [], ""),
        "half.test": ("ok", [(20, "mx2.two.test", ["127.0.0.2"])], "mx.broken.test,mx2.two.test"),
        "loop1.test": ("servfail", [], ""),
        "not a name": ("nxdomain", [], ""),
    }
    answers = resolve.run(dns.servers, *[f"mx {name}" for name in cases])
    got = {a["asked"]: (a["result"], hosts(a), a["site"]) for a in answers}
    assert got == cases


def test_aliases_that_the_server_does_not_follow(dns, resolve):
    dns.own_zone("elsewhere.test")
    dns.record("b.elsewhere.test", "MX", "10 mx.elsewhere.test.", zone="elsewhere.test.")
    dns.record("b.elsewhere.test", "TXT", '"note"', zone="elsewhere.test.")
    dns.record("mx.elsewhere.test", "A", "127.0.0.7", zone="elsewhere.test.")
    dns.record("a.test", "CNAME", "b.elsewhere.test.", ttl=90)
    dns.start()
    answer = resolve.one(dns.servers, "mx a.test")
    assert hosts(answer) == [(10, "mx.elsewhere.test", ["127.0.0.7"])]
    text = resolve.one(dns.servers, "txt a.test")
    assert text["records"] == ["note"] and text["ttl"] <= 90


def test_domains_at_the_same_hosts_cost_their_names(dns, resolve):
    names = [f"d{i}.test" for i in range(200)]
    dns.host("mx.many.test", "127.0.0.1")
    for name in names:
        dns.record(name, "MX", "10 mx.many.test.")
    dns.start()
    *answers, stats = resolve.run(dns.servers, *[f"mx {name}" for name in names], "sync", "stats")
    assert {(a["result"], a["site"]) for a in answers} == {("ok", "mx.many.test")}
    assert stats["cached"] >= len(names)
    assert stats["bytes"] / len(names) < 200


def test_both_families_and_plain_records(dns, resolve):
    dns.domain("six.test", mx=[(10, "mx.six.test", "127.0.0.1", "2606:4700::1")])
    dns.record("_dmarc.six.test", "TXT", '"v=DMARC1;" " p=none"')
    dns.record("1.0.0.127.in-addr.arpa", "PTR", "Mx.six.test.")
    dns.start()
    got = resolve.run(dns.servers, "mx six.test", "txt _dmarc.six.test", "ptr 127.0.0.1",
                      "host mx.six.test", "host 127.0.0.99", ipv6=1)
    by_name = {line["asked"]: line for line in got}
    assert hosts(by_name["six.test"])[0][2] == ["2606:4700::1", "127.0.0.1"]
    assert by_name["_dmarc.six.test"]["records"] == ["v=DMARC1; p=none"]
    assert by_name["127.0.0.1"]["records"] == ["mx.six.test"]
    assert by_name["mx.six.test"]["hosts"][0]["addresses"] == ["2606:4700::1", "127.0.0.1"]
    assert by_name["127.0.0.99"]["hosts"][0]["addresses"] == ["127.0.0.99"]


def test_large_answers_come_over_tcp(dns, resolve):
    for i in range(200):
        dns.record("big.test", "MX", f"{i} a-rather-long-name-of-a-mail-exchanger-{i}.big.test.")
        dns.host(f"a-rather-long-name-of-a-mail-exchanger-{i}.big.test", "127.0.0.1")
    dns.start()
    answer = resolve.one(dns.servers, "mx big.test")
    assert [h["preference"] for h in answer["hosts"]] == list(range(20))


def test_one_question_in_flight_for_a_name(dns, resolve, relay):
    for i in range(50):
        dns.record(f"customer{i}.test", "MX", "10 mx.provider.test.")
    dns.host("mx.provider.test", "127.0.0.1")
    dns.start()
    counter = relay()
    commands = [f"mx customer{i}.test" for i in range(50)] * 20 + ["mx absent.test"] * 500
    got = resolve.run(counter.servers, *commands, "sync", "mx customer0.test", "sync",
                      "mx absent.test", "sync", "stats", in_flight=7)
    assert sum(1 for line in got if line.get("result") == "ok") == 1001
    assert sum(1 for line in got if line.get("result") == "nxdomain") == 501
    assert counter.count("customer0.test") == 1
    assert counter.count("mx.provider.test", "A") == 1
    assert counter.count("absent.test") == 1
    assert got[-1]["questions"] == 52
    assert got[-1]["in_flight"] == 0


def test_silence_is_a_timeout_and_is_remembered(dns, resolve, relay):
    dns.domain("fine.test", mx=[(10, "mx.fine.test", "127.0.0.1")])
    dns.start()
    hole = relay(lambda name, kind: "drop" if name == "silent.test" else "pass")
    got = resolve.run(hole.servers, "mx silent.test", "mx fine.test", "sync", "mx silent.test",
                      "sync", "stats", attempt_ms=100, total_ms=250)
    assert [line["result"] for line in got[:3]] == ["ok", "timeout", "timeout"]
    assert 2 <= hole.count("silent.test") <= 3
    assert got[-1]["timeouts"] == hole.count("silent.test")


def test_the_next_server_is_asked(dns, resolve, relay):
    dns.domain("fine.test", mx=[(10, "mx.fine.test", "127.0.0.1")])
    dns.start()
    for action in ("drop", "refuse", "servfail"):
        bad = relay(lambda name, kind, action=action: action)
        servers = f"{bad.servers},{dns.servers}"
        answer = resolve.one(servers, "mx fine.test", attempt_ms=100)
        assert answer["result"] == "ok", action
    closed = "127.0.0.1:9"
    assert resolve.one(f"{closed},{dns.servers}", "mx fine.test")["result"] == "ok"
    assert resolve.one(closed, "mx fine.test", attempt_ms=50, total_ms=50)["result"] == "timeout"


def test_a_server_that_rests_is_not_asked(dns, resolve, relay):
    for i in range(10):
        dns.domain(f"d{i}.test", addresses=["127.0.0.1"])
    dns.start()
    dead = relay(lambda name, kind: "drop")
    commands = sum([[f"mx d{i}.test", "sync"] for i in range(10)], [])
    got = resolve.run(f"{dead.servers},{dns.servers}", *commands, attempt_ms=50)
    assert all(line["result"] == "ok" for line in got)
    assert len(dead.questions) == 3


def test_forged_answers_and_empty_packets_are_ignored(dns, resolve, relay):
    dns.domain("fine.test", mx=[(10, "mx.fine.test", "127.0.0.1")])
    dns.start()
    liar = relay(lambda name, kind: "forge")
    assert resolve.one(liar.servers, "mx fine.test")["result"] == "ok"


def test_changes_are_seen_when_the_ttl_is_over(dns, resolve, relay):
    dns.domain("moving.test", mx=[(10, "old.test", "127.0.0.1")], ttl=1)
    dns.start()
    counter = relay()
    process = resolve.start(counter.servers, ttl_min_ms=1)

    def ask():
        process.stdin.write("mx moving.test\nsync\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())["hosts"][0]["name"]

    assert ask() == "old.test"
    dns.remove("moving.test")
    dns.domain("moving.test", mx=[(10, "new.test", "127.0.0.2")], ttl=1)
    dns.reload()
    while ask() != "new.test":
        assert counter.count("moving.test", "MX") <= 2
    process.communicate()
    assert process.returncode == 0


def test_an_old_answer_bridges_an_outage(dns, resolve, relay):
    dns.domain("fine.test", mx=[(10, "mx.fine.test", "127.0.0.1")], ttl=1)
    dns.start()
    state = {"action": "pass"}
    server = relay(lambda name, kind: state["action"])
    process = resolve.start(server.servers, ttl_min_ms=1, failure_ms=1, stale_ms=60000)

    def ask(command):
        process.stdin.write(command + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    assert ask("mx fine.test\nsync")["result"] == "ok"
    state["action"] = "servfail"
    while ask("stats")["stale_used"] == 0:
        assert ask("mx fine.test\nsync")["result"] == "ok"
    process.communicate()
    assert process.returncode == 0


def test_cancelled_and_unfinished_requests_end_cleanly(dns, resolve, relay):
    dns.start()
    hole = relay(lambda name, kind: "drop")
    process = resolve.start(hole.servers)
    out, _ = process.communicate("cancel a.test\nmx b.test\nmx b.test\n", timeout=10)
    assert process.returncode == 0
    assert out == ""


def test_server_lists_that_make_no_sense_are_refused(resolve):
    for servers in ("nonsense", "127.0.0.1:99999", "127.0.0.1,,", ",".join(["127.0.0.1"] * 9)):
        process = subprocess.run([resolve.program, f"servers={servers}"], input="",
                                 capture_output=True, text=True, timeout=10)
        assert process.returncode == 1
        assert "dns.servers" in process.stderr


def test_thousands_of_domains(tmp_path, resolve):
    server = Nsd(tmp_path / "many")
    for i in range(3000):
        server.domain(f"d{i}.test", mx=[(10, f"mx.d{i}.test", f"127.0.{i % 250}.1")])
    server.start()
    try:
        got = resolve.run(server.servers, *[f"mx d{i}.test" for i in range(3000)])
    finally:
        server.stop()
    assert len(got) == 3000
    assert all(line["result"] == "ok" for line in got)
