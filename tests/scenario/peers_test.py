# SPDX-License-Identifier: MIT
"""Campaigns to receivers that we did not write, over real DNS and TLS, with real signatures."""
import os

import dkim
import pytest
from support.node import Node
from support.peers import AioSmtpd, Postfix
from support.waiting import until

SOURCE = "127.0.41.1"
DOMAINS = ("d0.test", "d1.test")
NAMES = [f"reader{i}" for i in range(40)]
STAYS = "park_ms=1h"  # who waits at a site comes back because the route changed, or not at all
LETTER = "<p>{{ name }}，您好：</p>\n<p>.一行以点开头</p>\n" + "<p>春茶到了。</p>\n" * 200


@pytest.fixture
def draft(edm, tmp_path):
    """draft(people): a signed campaign called spring to these addresses, and a source."""
    def make(addresses):
        rows = "".join(f"{address},读者{i}\n" for i, address in enumerate(addresses))
        (tmp_path / "people.csv").write_text("email,name\n" + rows)
        (tmp_path / "letter.html").write_text(LETTER)
        edm("source", "add", SOURCE, "--name", "mx1", "--ehlo", "mx1.news.test")
        edm("domain", "add", "news.test")
        edm("domain", "key", "news.test")
        edm("list", "import", tmp_path / "people.csv", "--list", "readers", "--consent", "asked",
            "--yes")
        edm("campaign", "create", "spring", "--list", "readers", "--from", "茶 <tea@news.test>",
            "--subject", "{{ name }}，今年的春茶到了", "--html", tmp_path / "letter.html")
    return make


@pytest.fixture
def node(edm, dns):
    """node(settings…): one that runs, stopped in order after the test."""
    running = []

    def start(*settings):
        if dns.process is None:
            dns.start()
        running.append(Node(edm, f"dns.servers={dns.servers}", "dns.allow=127.0.0.0/8",
                            "retry.schedule=1s", *settings))
        return running[-1].start()

    yield start
    for one in running:
        one.stop()


def finish(edm, name="spring"):
    edm("campaign", "start", name, "--yes")
    edm("campaign", "wait", name, "--timeout", "60")
    return edm("campaign", "show", name, "--json").json


@pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts as root only")
def test_postfix_gets_everybodys_own_message(edm, draft, node, dns):
    people = [f"{name}@{DOMAINS[i % 2]}" for i, name in enumerate(NAMES)]
    with Postfix("127.0.41.2", {domain: NAMES for domain in DOMAINS}) as postfix:
        for domain in DOMAINS:
            dns.domain(domain, mx=[(10, f"mx.{domain}", postfix.address)])
        draft([*people, "nobody@d0.test"])
        node(f"smtp.port={postfix.port}")
        show = finish(edm)
        assert (show["delivered"], show["bounced"]) == (len(people), 1)
        until(lambda: all(postfix.messages(address) for address in people), 30, "all delivered")
        (key,) = edm("domain", "show", "news.test", "--json").json["domains"][0]["keys"]
        for i, address in enumerate(people):
            (message,) = postfix.messages(address)
            assert message["Subject"] == f"读者{i}，今年的春茶到了"
            html = message.get_body(("html",)).get_content().replace("\r\n", "\n")
            assert html.rstrip("\n") == LETTER.replace("{{ name }}", f"读者{i}").rstrip("\n")
            assert "TLSv1.3" in message["Received"], message["Received"]
        raw = postfix.raw_messages(people[0])[0]
        assert dkim.verify(raw, dnsfunc=lambda name, **_: key["value"].encode()
                           if name == key["name"].encode() + b"." else None)
    why = edm("why", "nobody@d0.test", "--json").json
    assert "5.1.1" in str(why)


def test_a_relay_with_login_and_verified_tls(edm, draft, node, tmp_path):
    people = [f"{name}@d0.test" for name in NAMES]
    (tmp_path / "password").write_text("geheim\n")
    with AioSmtpd("127.0.41.3", tls="required", login=("edm", "geheim")) as relay:
        draft(people)
        edm("route", "set", "*", f"{relay.address}:{relay.port}", "--tls", "verified", "--auth",
            "edm", "--password-file", tmp_path / "password")
        node(f"smtp.ca_file={relay.ca_file}")
        assert finish(edm)["delivered"] == len(people)
        taken = relay.envelopes()
    assert sorted(rcpt for one in taken for rcpt in one["rcpt"]) == sorted(people)
    assert {(one["tls"], one["login"], one["ehlo"]) for one in taken} == \
        {(True, "edm", "mx1.news.test")}


def test_a_wrong_password_costs_nobody(edm, draft, node, tmp_path):
    """Who could not be sent to waits; once the password is right everybody gets it."""
    people = [f"{name}@d0.test" for name in NAMES]
    (tmp_path / "wrong").write_text("falsch\n")
    (tmp_path / "right").write_text("geheim\n")
    with AioSmtpd("127.0.41.4", login=("edm", "geheim")) as relay:
        draft(people)

        def route(file):
            edm("route", "set", "*", f"{relay.address}:{relay.port}", "--tls", "required",
                "--auth", "edm", "--password-file", tmp_path / file)

        route("wrong")
        running = node(STAYS)
        edm("campaign", "start", "spring", "--yes")
        running.wait_for("connection_failed", stage="auth")
        route("right")
        edm("campaign", "wait", "spring", "--timeout", "60")
        show = edm("campaign", "show", "spring", "--json").json
        assert show["delivered"] == len(people), show


def test_a_certificate_that_is_not_right_gets_no_mail_where_it_must_be(edm, draft, node):
    with AioSmtpd("127.0.41.5") as relay:
        draft(["anna@d0.test"])
        edm("route", "set", "*", f"{relay.address}:{relay.port}", "--tls", "verified")
        running = node(STAYS)  # without the authority that signed it
        edm("campaign", "start", "spring", "--yes")
        running.wait_for("connection_failed", words="tls")
        assert relay.envelopes() == []
        edm("route", "set", "*", f"{relay.address}:{relay.port}", "--tls", "opportunistic")
        edm("campaign", "wait", "spring", "--timeout", "60")
        assert [one["tls"] for one in relay.envelopes()] == [True]
