# SPDX-License-Identifier: MIT
"""Limits as mailbox providers keep them: connections, rates, greylisting; changed while running."""
import time


def test_connections_of_one_client(start, connect):
    limits = {"connections": 2, "connections_reply": "550 Connection frequency limited"}
    sink = start(profile={"limits": limits}, listen=("127.0.0.1:0", "127.0.0.2:0"))
    first, second = connect(sink).hello(), connect(sink).hello()
    assert connect(sink).reply() == "550 Connection frequency limited"
    connect(sink, source="127.0.0.9").hello()
    connect(sink, index=1).hello()
    first.say("QUIT")
    assert first.is_closed() == "closed"
    connect(sink).hello()
    second.say("NOOP")
    pair = [pair for pair in sink.stop()["pairs"]
            if pair["client"] == "127.0.0.1" and pair["listener"].startswith("127.0.0.1")]
    assert pair[0]["max_connections"] == 3 and pair[0]["connections"] == 4


def test_scope_profile_counts_every_client(start, connect):
    limits = {"connections": 1, "scope": "profile"}
    sink = start(profile={"limits": limits}, listen=("127.0.0.1-2:0",))
    connect(sink).hello()
    assert connect(sink, index=1, source="127.0.0.9").reply().startswith("421")


def test_messages_per_connection(start, connect):
    client = connect(start(profile={"limits": {"messages_per_connection": 2}})).hello()
    assert [client.mail(f"u{n}@b.test")[:3] for n in range(3)] == ["250", "250", "421"]
    assert client.is_closed() == "closed"


def test_rate_of_messages(start, connect):
    for step in ("mail", "rcpt", "data", "dot"):
        rate = {"messages": 3, "per": "h", "at": step, "reply": "550 Ip frequency limited"}
        sink = start(profile={"limits": {"rates": [rate]}})
        got = [connect(sink).hello().mail(f"u{n}@b.test")[:3] for n in range(4)]
        assert got == ["250", "250", "250", "550"], step
        assert connect(sink, source="127.0.0.9").hello().mail("u@b.test").startswith("250")
        assert sink.events("rejected")[0]["detail"] == f"{step} 550 Ip frequency limited"


def test_who_is_over_a_rate_is_turned_away_for_a_while(start, connect):
    rate = {"messages": 2, "per": 500, "ban_ms": 3_600_000, "reply": "550 Ip frequency limited"}
    sink = start(profile={"limits": {"rates": [rate]}})
    client, first = connect(sink).hello(), None
    while first is None or time.monotonic() < first + 0.6:  # longer than the period
        answer = client.mail("u@b.test")
        if answer.startswith("550"):
            first = first or time.monotonic()
            client.say("RSET")
        else:
            assert first is None and answer.startswith("250")
    assert connect(sink, source="127.0.0.9").hello().mail("u@b.test").startswith("250")


def test_a_bucket_fills_while_nothing_comes(start, connect):
    rate = {"messages": 1, "per": 100, "burst": 3, "reply": "451 4.7.1 slow down"}
    client = connect(start(profile={"limits": {"rates": [rate]}})).hello()
    began, taken = time.monotonic(), 0
    while time.monotonic() < began + 1.0:
        answer = client.mail("u@b.test")
        taken += answer.startswith("250")
        if not answer.startswith("250"):
            assert taken >= 3 and client.say("RSET").startswith("250")
    seconds = time.monotonic() - began
    assert 3 + 10 * seconds - 2 <= taken <= 3 + 10 * seconds


def test_a_ban_ends(start, connect):
    rate = {"messages": 1, "per": 200, "ban_ms": 30, "reply": "550 Ip frequency limited"}
    client = connect(start(profile={"limits": {"rates": [rate]}})).hello()
    answers = []
    while "550" not in answers or answers[-1] != "250":  # banned, and let in again
        answers.append(client.mail("u@b.test")[:3])
        if answers[-1] == "550":
            client.say("RSET")


def test_rate_of_connections(start, connect):
    sink = start(profile={"limits": {"rates": [{"connections": 2, "per": "min"}]}})
    assert [connect(sink).reply()[:3] for _ in range(3)] == ["220", "220", "421"]


def test_recipients_of_one_message(start, connect):
    client = connect(start(profile={"limits": {"rcpts_per_message": 1}})).hello()
    client.say("MAIL FROM:<a@b.test>")
    assert [client.say(f"RCPT TO:<u{n}@b.test>")[:3] for n in range(2)] == ["250", "452"]


def test_greylisting_is_by_client_sender_and_recipient(start, connect):
    sink = start(profile={"greylist": {"seconds": 0}})
    client = connect(sink).hello()
    codes = []
    for sender, rcpt in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")):
        client.say(f"MAIL FROM:<{sender}@s.test>")
        codes.append(client.say(f"RCPT TO:<{rcpt}@r.test>")[:3])
        client.say("RSET")
    assert codes == ["451", "250", "451", "451", "250"]
    other = connect(sink, source="127.0.0.9").hello()
    assert other.mail("x@r.test", sender="a@s.test").startswith("451")


def test_hidden_limit_changes_while_mail_flows(start, connect):
    sink = start(profile={"rcpt": [{"reply": "450 4.2.1 before"}]})
    client = connect(sink).hello()
    answer = client.mail("a@b.test")
    assert answer == "450 4.2.1 before"
    sink.reload({"profiles": {"default": {}}})
    while not answer.startswith("250"):
        assert answer == "450 4.2.1 before" and client.say("RSET").startswith("250")
        answer = client.mail("a@b.test")
    sink.reload({"profiles": {"default": {"rcpt": [{"then": "nonsense"}]}}})
    assert "reload_failed" in sink.process.stderr.readline()
    client.mail("b@b.test")
    assert sink.stop()["accepted"] == 2


def test_peaks_of_sliding_windows(start, connect):
    sink = start()
    client = connect(sink).hello()
    for number in range(30):
        client.mail(f"u{number}@b.test")
    pair, = sink.stop()["pairs"]
    assert pair["messages"] == pair["max_per_minute"] == pair["max_per_hour"] == 30
    assert 0 < pair["max_per_second"] <= 30
