# SPDX-License-Identifier: MIT
"""A plain conversation: what is answered, logged, counted and kept."""
import json
import signal
import smtplib
import ssl
import subprocess

import pytest

from edm_sink import PROGRAM, ROOT, rows_of

MESSAGE = ("From: news@sender.test\r\nTo: {to}\r\nMessage-ID: <{id}@sender.test>\r\n"
           "\r\nline\r\n..stuffed\r\nend\r\n")


def test_refuses_addresses_outside_loopback():
    for listen in ("10.0.0.1:2525", "0.0.0.0:2525", "128.0.0.1:2525", "127.0.0.1", "127.0.0.9-3:1"):
        result = subprocess.run([PROGRAM, "--listen", listen], capture_output=True, text=True)
        assert result.returncode == 2, listen
        assert listen in result.stderr


def test_receivers_of_the_demo_are_right(start):
    """The file loads; its own listeners are replaced, as their addresses may be in use."""
    receivers = json.loads((ROOT / "tests/demo/receivers.json").read_text())
    assert len(receivers["listeners"]) == 8
    for number, listener in enumerate(receivers["listeners"]):
        listener["listen"] = f"127.0.0.{number + 1}:0"
    sink = start(config=receivers)
    assert len(sink.addresses) == 8 + 1


def test_message_is_logged_and_counted(start, connect):
    sink = start("--verify-rcpt")
    client = connect(sink, source="127.0.0.7").hello()
    text = MESSAGE.format(to="a@b.test", id=1)[:-2]
    assert client.mail("a@b.test", text).startswith("250 2.0.0 Ok: queued as 000001")
    assert client.mail("other@b.test", text).startswith("250")
    assert client.say("QUIT").startswith("221")
    assert client.is_closed() == "closed"
    names = [event["event"] for event in sink.events()]
    one = ["mail", "rcpt", "data", "accepted"]
    assert names == ["connect", "helo", *one, *one, "close"]
    accepted = sink.events("accepted")[0]
    want = {"listener": "127.0.0.1", "client": "127.0.0.7", "mail_from": "news@sender.test",
            "rcpt": "a@b.test", "code": "250", "message_id": "<1@sender.test>", "overlapping": "0",
            "connection": "1", "detail": "000001", "size": str(len(text) + 2)}
    assert {key: accepted[key] for key in want} == want
    stats = sink.stop()
    assert stats["accepted"] == 2 and stats["mismatched"] == 1
    assert stats["distinct_recipients"] == 2 and stats["duplicates"] == 0
    assert stats["pairs"][0]["messages"] == 2 and stats["pairs"][0]["max_connections"] == 1


def test_duplicates_are_told_apart(start, connect):
    sink = start()
    client = connect(sink).hello()
    for number in (1, 1, 2):
        client.mail("a@b.test", MESSAGE.format(to="a@b.test", id=number))
    stats = sink.stop()
    assert (stats["duplicates"], stats["duplicate_messages"]) == (2, 1)


def test_overlapping_mail_is_noticed(start, connect):
    sink = start()
    client = connect(sink).hello()
    envelope = ["MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA"]
    client.send(*envelope)
    assert [client.reply()[:3] for _ in envelope] == ["250", "250", "354"]
    client.send("Subject: x", "", "x", ".", *envelope)
    assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    client.send("x", ".")
    assert client.reply().startswith("250")
    assert [event["overlapping"] for event in sink.events("mail")] == ["0", "1"]
    assert [event["mail_from"] for event in sink.events("mail")] == ["<>", "<>"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_end_of_text_in_pieces(start, connect, size):
    """Only <CRLF>.<CRLF> ends it, however it is cut."""
    sink = start()
    client = connect(sink).hello()
    for line in ("MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA"):
        assert client.say(line)[0] in "23"
    text = b"A: b\r\n\r\n.\n\n.\r\n\n.\r\nx\r\n..\r\n...y\r\n.\r\n"
    for start_at in range(0, len(text), size):
        client.socket.sendall(text[start_at:start_at + size])
    assert client.reply().startswith("250")
    assert client.say("NOOP").startswith("250")
    stats = sink.stop()
    assert stats["accepted"] == 1 and stats["bytes"] == len(text) - 3 and stats["bare_lf"] == 1


def test_saved_message_is_unstuffed(start, connect, tmp_path):
    sink = start("--save-dir", tmp_path, "--save-every", "2")
    client = connect(sink).hello()
    for number in range(3):
        client.mail("a@b.test", MESSAGE.format(to="a@b.test", id=number)[:-2])
    saved = sorted(path.name for path in tmp_path.glob("*.eml"))
    assert saved == ["000001.eml", "000003.eml"]
    want = MESSAGE.format(to="a@b.test", id=0).replace("..stuffed", ".stuffed")
    assert (tmp_path / "000001.eml").read_bytes() == want.encode()


@pytest.mark.parametrize("line, want", [
    ("MAIL FROM: <a@b.test>", "501"), ("MAIL FROM:a@b.test", "501"), ("RCPT TO:<a@b.test>", "503"),
    ("DATA", "503"), ("MAIL FROM:<a@b.test> SIZE=99999999", "552"), ("FOO", "500"),
    ("STARTTLS", "502"), ("AUTH PLAIN AGEAYg==", "502"), ("HELO x", "250 sink.test"),
    ('MAIL FROM:<"a>b"@c.test> BODY=8BITMIME', "250"),
])
def test_order_and_syntax(start, connect, line, want):
    client = connect(start()).hello()
    assert client.say(line).startswith(want)


def test_ends_after_count(start, connect):
    sink = start("--count", "2")
    client = connect(sink).hello()
    client.mail("a@b.test")
    assert client.mail("b@b.test").startswith("250")
    assert sink.process.wait(timeout=10) == 0
    assert sink.stop()["accepted"] == 2


def test_starttls_and_auth(start):
    sink = start(profile={"host": "mx.test", "extensions": ["STARTTLS", "AUTH PLAIN LOGIN"],
                          "users": {"tom": "secret"}})
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for login in ("auth_plain", "auth_login"):
        with smtplib.SMTP(*sink.addresses[0], timeout=10) as smtp:
            smtp.ehlo()
            assert smtp.has_extn("starttls")
            smtp.starttls(context=context)
            smtp.ehlo()
            assert not smtp.has_extn("starttls")
            assert smtp.mail("a@b.test")[0] == 530
            smtp.user, smtp.password = "tom", "wrong"
            assert smtp.docmd("AUTH", "PLAIN AHRvbQB3cm9uZw==")[0] == 535
            smtp.password = "secret"
            assert smtp.auth(login.removeprefix("auth_"), getattr(smtp, login))[0] == 235
            smtp.sendmail("a@b.test", ["c@d.test"], "Subject: x\r\n\r\nx")
    assert [event["detail"] for event in sink.events("tls")] == ["TLSv1.3", "TLSv1.3"]
    assert sink.stop()["accepted"] == 2


def test_tls_session_is_resumed(start):
    sink = start(profile={"extensions": ["STARTTLS"], "tls": {"max": "1.2"}})
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session = None
    for _ in range(2):
        with smtplib.SMTP(*sink.addresses[0], timeout=10) as smtp:
            smtp.ehlo()
            smtp.docmd("STARTTLS")
            smtp.sock = context.wrap_socket(smtp.sock, session=session)
            session = smtp.sock.session
            smtp.file = None
            smtp.ehlo()
    assert [event["detail"] for event in sink.events("tls")] == ["TLSv1.2", "TLSv1.2 resumed"]


def test_command_in_one_segment_with_the_end_of_the_handshake(start, connect):
    sink = start(profile={"extensions": ["STARTTLS"]})
    client = connect(sink).hello()
    assert client.say("STARTTLS").startswith("220")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)

    def until_done(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                client.socket.sendall(outgoing.read())
                incoming.write(client.socket.recv(65536))

    until_done(tls.do_handshake)
    tls.write(b"EHLO client.test\r\n")  # behind our Finished, which is still in `outgoing`
    client.socket.sendall(outgoing.read())
    assert until_done(lambda: tls.read(4096)).startswith(b"250")


def test_ends_when_idle(start):
    assert start("--idle-exit", "1").process.wait(timeout=10) == 0


def test_statistics_on_demand(start, connect):
    sink = start()
    client = connect(sink).hello()
    client.mail("a@b.test")
    sink.process.send_signal(signal.SIGUSR1)
    while not sink.stats_file.exists():
        client.say("NOOP")
    assert json.loads(sink.stats_file.read_text())["accepted"] == 1


def test_a_log_is_read_while_it_is_written():
    log = "time\tevent\tdetail\n1\tconnect\té\n2\tmail\tb\n".encode()
    whole = rows_of(log)
    assert [row["event"] for row in whole] == ["connect", "mail"]
    for size in range(len(log)):
        seen = rows_of(log[:size])
        assert seen == whole[:len(seen)] and len(seen) == max(log[:size].count(b"\n") - 1, 0)
