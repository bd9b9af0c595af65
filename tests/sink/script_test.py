# SPDX-License-Identifier: MIT
"""Scripts: scripted replies, closes, delays and shares at every step."""
import time

import pytest

ALL_STEPS = ["banner", "ehlo", "mail", "rcpt", "data", "dot"]


def walk(client):
    """A whole conversation; the replies until the peer closes or a message is through."""
    replies = [client.reply()]
    for line in ("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "x\r\n."):
        if replies[-1] == "":
            break
        replies.append(client.say(line))
    return replies


@pytest.mark.parametrize("step", ALL_STEPS)
@pytest.mark.parametrize("then, want", [("close", "closed"), ("rst", "reset")])
def test_close_at_each_step(start, connect, step, then, want):
    sink = start(profile={step: [{"then": then}]})
    try:
        client = connect(sink)  # a reset at the banner may be seen here already
        replies = walk(client)
        assert len(replies) == ALL_STEPS.index(step) + 1 and replies[-1] == ""
        ended = client.is_closed()
    except ConnectionResetError:
        ended = "reset"
    assert ended == want
    assert sink.stop()["accepted"] == 0


@pytest.mark.parametrize("accept, want", [(True, 1), (False, 0)])
def test_lost_reply_to_the_dot(start, connect, accept, want):
    sink = start(profile={"dot": [{"then": "close", "accept": accept}]})
    client = connect(sink).hello()
    assert client.mail("a@b.test") == ""
    stats = sink.stop()
    assert (stats["accepted"], stats["silent"]) == (want, want)


@pytest.mark.parametrize("step, want", [("mail", "-"), ("rcpt", "a@b.test"), ("data", "a@b.test"),
                                        ("dot", "a@b.test")])
def test_scripted_refusal(start, connect, step, want):
    sink = start(profile={step: [{"reply": "550-5.7.1 no\n550 5.7.1 never"}]})
    client = connect(sink).hello()
    assert client.mail("a@b.test") == "550-5.7.1 no\n550 5.7.1 never"
    refused, = sink.events("rejected")
    assert refused["rcpt"] == want and refused["code"] == "550"
    assert refused["detail"].startswith(f"{step} 550-5.7.1 no")
    assert sink.stop()["rejected"] == 1


def test_421_closes_unless_told_to_go_on(start, connect):
    client = connect(start(profile={"rcpt": [{"reply": "421 4.7.0 busy"}]})).hello()
    assert client.mail("a@b.test") == "421 4.7.0 busy"
    assert client.is_closed() == "closed"
    client = connect(start(profile={"rcpt": [{"reply": "421 x", "then": "go"}]})).hello()
    client.mail("a@b.test")
    assert client.say("NOOP").startswith("250")


def test_conditions_of_a_rule(start, connect):
    sink = start(profile={"rcpt": [
        {"match": "bad*", "reply": "550 glob"},
        {"match": "*@full.test", "reply": "550 whole"},
        {"regex": "^[0-9]+@", "reply": "550 regex"},
        {"match": "late", "first": 1, "reply": "450 first"},
        {"match": "two", "times": 2, "reply": "450 times"},
        {"match": "skip", "skip": 1, "reply": "450 skip"},
    ]})
    client = connect(sink).hello()
    client.say("MAIL FROM:<x@y.test>")
    table = [("bad1@a.test", "550 glob"), ("a@full.test", "550 whole"), ("12@a.test", "550 regex"),
             ("late@a.test", "450 first"), ("late@a.test", "250"), ("late@b.test", "450 first"),
             ("two@a.test", "450 times"), ("two@a.test", "450 times"), ("two@a.test", "250"),
             ("skip@a.test", "250"), ("skip@a.test", "450 skip"), ("good@a.test", "250")]
    for rcpt, want in table:
        assert client.say(f"RCPT TO:<{rcpt}>").startswith(want), rcpt


def test_share_is_the_same_each_time(start, connect):
    def refused(seed):
        sink = start("--seed", seed, profile={"rcpt": [{"share": 0.2, "reply": "550 no"}]})
        client = connect(sink).hello()
        client.say("MAIL FROM:<x@y.test>")
        for number in range(500):
            client.send(f"RCPT TO:<u{number}@a.test>")
        return [number for number in range(500) if client.reply().startswith("550")]
    first = refused("1")
    assert 70 < len(first) < 130
    assert refused("1") == first and refused("2") != first


def test_middle_of_the_body(start, connect):
    early = {"after_bytes": 100, "reply": "552 5.3.4 too big", "then": "close"}
    client = connect(start(profile={"body": [early]})).hello()
    for line in ("MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"):
        client.say(line)
    client.send("x" * 200)
    assert client.reply() == "552 5.3.4 too big"
    assert client.is_closed() == "closed"


def test_raw_octets_repeat_and_drip(start, connect):
    client = connect(start(profile={"banner": [{"hex": "3232302dff0a", "repeat": 3}]}))
    assert client.file.read(18) == b"220-\xff\n" * 3
    client = connect(start(profile={"drip": {"bytes": 1, "every_ms": 1}})).hello()
    assert client.mail("a@b.test").startswith("250")


def test_replies_to_the_end_are_logged_before_they_leave(start, connect):
    sink = start(profile={"delay_ms": {"rcpt": 1, "dot": [1, 3]}})
    client = connect(sink).hello()
    for number in range(20):
        assert client.mail(f"u{number}@b.test").startswith("250")
        assert len(sink.events("accepted")) == number + 1


def test_pipelined_commands_wait_for_a_delayed_reply(start, connect):
    sink = start(profile={"delay_ms": {"mail": 5}})
    client = connect(sink).hello()
    client.send("MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA", "x", ".", "QUIT")
    assert [client.reply()[:3] for _ in range(5)] == ["250", "250", "354", "250", "221"]
    assert client.is_closed() == "closed"


def test_a_round_trip_is_waited_for_once_by_all_that_is_on_its_way(start, connect):
    sink = start(profile={"round_trip_ms": 400})
    client = connect(sink).hello()
    started = time.monotonic()
    client.send("MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA", "x", ".", "NOOP")
    assert [client.reply()[:3] for _ in range(5)] == ["250", "250", "354", "250", "250"]
    trips = (time.monotonic() - started) / 0.4
    assert round(trips) == 1, trips  # the sink counts in whole milliseconds from its turn's begin
    assert client.say("QUIT").startswith("221")
    assert client.is_closed() == "closed"


def test_hang_answers_nothing_but_notices_the_end(start, connect):
    sink = start(profile={"dot": [{"then": "hang"}]})
    client = connect(sink).hello()
    for line in ("MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"):
        client.say(line)
    client.send("x", ".", "NOOP")
    client.socket.shutdown(1)
    assert client.is_closed() == "closed"
    assert sink.events("close")[0]["detail"] == "peer"


def test_idle_connection_is_closed(start, connect):
    client = connect(start(profile={"idle_ms": 30})).hello()
    assert client.reply().startswith("421 4.4.2")
    assert client.is_closed() == "closed"


def test_broken_starttls(start, connect):
    for rule, want in ([{"reply": "454 4.7.0 no"}, "454 4.7.0 no"],
                       [{"hex": "323230206f6b0d0a323530206d6f72650d0a", "then": "go"}, "220 ok"]):
        sink = start(profile={"extensions": ["STARTTLS"], "starttls": [rule]})
        client = connect(sink).hello()
        assert client.say("STARTTLS") == want


@pytest.mark.parametrize("profile, want", [
    ({"rcpt": [{"replay": "250 x"}]}, 'default: rcpt: rule 1: unknown key "replay"'),
    ({"limits": {"rates": [{"per": "week"}]}}, "per: s, min, h or milliseconds"),
    ({"mail": [{"then": "explode"}]}, "one of go, close"),
    ({"tls": {"cert": "/none"}, "extensions": ["STARTTLS"]}, "/none"),
])
def test_wrong_configuration_is_refused(start, profile, want):
    with pytest.raises(RuntimeError, match="receivers.json") as refused:
        start(profile=profile)
    assert want in str(refused.value)
