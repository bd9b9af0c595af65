# SPDX-License-Identifier: MIT
"""domain: keys that never show, and DNS rows checked against a real name server."""

import base64

from cryptography.hazmat.primitives.serialization import load_der_public_key


def strings(value):
    """A TXT value as a zone file has it: strings of at most 255 bytes."""
    return " ".join(f'"{value[i:i + 255]}"' for i in range(0, len(value), 255))


def make_key(edm, *options):
    return edm("domain", "key", "example.com", "--json", *options).json["keys"]


def test_a_domain_is_added_shown_changed_and_removed(edm, database):
    out = edm("domain", "add", "Example.COM", "--return-path", "bounce.example.com").out
    assert "next: edm domain key" in out
    edm("domain", "set", "example.com", "--feedback-id", "shop", "--because", "postmaster tools")
    edm("domain", "set", "example.com", "--unsubscribe-base", "https://example.com/u")
    (domain,) = edm("domain", "show", "--json").json["domains"]
    assert domain == {
        "name": "example.com",
        "return_path": "bounce.example.com",
        "feedback_id": "shop",
        "unsubscribe_base": "https://example.com/u",
        "keys": [],
    }
    edm("domain", "set", "example.com", "--return-path", "")
    assert edm("domain", "show", "example.com", "--json").json["domains"][0]["return_path"] is None
    make_key(edm)
    assert "retiring its 1 key needs --yes" in edm.fails(4, "domain", "remove", "example.com")
    edm("domain", "remove", "example.com", "--yes", "--because", "sold")
    assert "no sending domain yet" in edm("domain", "show").out
    assert database.value("SELECT state FROM dkim_key") == 3
    edm("domain", "add", "example.com")
    assert make_key(edm)[0]["selector"] == "edm2", "a selector is used once"
    assert database.query(
        "SELECT verb, actor, because FROM event WHERE object = 'domain:example.com'"
        " ORDER BY event_id"
    ) == [
        ("domain add", "tester", ""),
        ("domain set", "tester", "postmaster tools"),
        ("domain set", "tester", ""),
        ("domain set", "tester", ""),
        ("domain key", "tester", ""),
        ("domain remove", "tester", "sold"),
        ("domain add", "tester", ""),
        ("domain key", "tester", ""),
    ]


def test_changes_of_domains_as_json(edm):
    told = edm("domain", "add", "Example.COM", "--unsubscribe-base", "http://a.example/u",
               "--json").json
    assert (told["name"], told["keys"]) == ("example.com", [])
    assert "over https only" in told["warnings"][0]
    told = edm("domain", "set", "example.com", "--unsubscribe-base", "https://a.example/u",
               "--json").json
    assert (told["unsubscribe_base"], told["warnings"]) == ("https://a.example/u", [])
    make_key(edm)
    make_key(edm)
    for option, state in (("--retire", "retired"), ("--sign", "signing")):
        told = edm("domain", "key", "example.com", option, "edm1", "--json").json
        (key,) = told["keys"]
        assert (told["domain"], key["selector"], key["state"]) == ("example.com", "edm1", state)
    edm("domain", "key", "example.com", "--retire", "edm2")
    assert edm("domain", "remove", "example.com", "--yes", "--json").json == {
        "name": "example.com", "state": "removed", "keys_retired": 1}


def test_a_key_is_sealed_and_its_public_half_is_a_key(edm, database):
    edm("domain", "add", "example.com")
    rsa, ed25519 = make_key(edm, "--ed25519", "--selector", "s2027")
    assert (rsa["selector"], rsa["algorithm"], rsa["state"]) == ("s2027", "rsa-sha256", "signing")
    assert (ed25519["selector"], ed25519["algorithm"]) == ("s2027e", "ed25519-sha256")
    assert rsa["name"] == "s2027._domainkey.example.com" and rsa["type"] == "TXT"
    head, public = rsa["value"].split("p=")
    assert head == "v=DKIM1; k=rsa; "
    assert load_der_public_key(base64.b64decode(public)).key_size == 2048
    assert len(base64.b64decode(ed25519["value"].split("p=")[1])) == 32
    for (sealed,) in database.query("SELECT sealed_key FROM dkim_key"):
        assert b"PRIVATE" not in bytes(sealed)
    shown = edm("domain", "show", "example.com").out
    assert "PRIVATE" not in shown and f"{rsa['name']}. IN TXT {strings(rsa['value'])}\n" in shown
    (only,) = make_key(edm, "--ed25519")
    assert only["selector"] == "edm1", "with an RSA key there, only the other is made"


def test_keys_begin_and_end_their_use(edm):
    edm("domain", "add", "example.com")
    (key,) = make_key(edm, "--later")
    assert key["state"] == "later"
    assert "is signing" in edm("domain", "key", "example.com", "--sign", "edm1").out
    assert "is signing already" in edm.fails(4, "domain", "key", "example.com", "--sign", "edm1")
    edm("domain", "key", "example.com", "--retire", "edm1")
    assert edm("domain", "show", "--json").json["domains"][0]["keys"][0]["state"] == "retired"
    assert "edm1 rsa retired" in edm("domain", "show").out


def test_bad_domains_are_refused_and_change_nothing(edm, database):
    edm("domain", "add", "example.com")
    make_key(edm, "--selector", "s1")
    for code, words, *args in (
        (2, "has no dot", "add", "example"),
        (2, "not allowed there", "add", "exam ple.com"),
        (2, "--return-path", "add", "example.org", "--return-path", "bounce"),
        (2, "is no URL", "add", "example.org", "--unsubscribe-base", "example.org/u"),
        (2, "is no URL", "add", "example.org", "--unsubscribe-base", "https://a/ b"),
        (2, "visible ASCII", "add", "example.org", "--feedback-id", "a\nBcc: b"),
        (4, "already", "add", "EXAMPLE.com"),
        (2, "say what to change", "set", "example.com"),
        (3, "no sending domain", "set", "example.org", "--feedback-id", "x"),
        (3, "no sending domain", "key", "example.org"),
        (2, "--selector", "key", "example.com", "--selector", "a b"),
        (4, "used once", "key", "example.com", "--selector", "S1"),
        (2, "stand alone", "key", "example.com", "--sign", "s1", "--later"),
        (3, "no key with the selector", "key", "example.com", "--retire", "s9"),
        (3, "no sending domain", "check", "example.org"),
        (3, "no sending domain", "remove", "example.org", "--yes"),
    ):
        assert words in edm.fails(code, "domain", *args)
    assert database.value("SELECT count(*) FROM sending_domain") == 1
    assert database.value("SELECT count(*) FROM event WHERE verb LIKE 'domain%%'") == 2


def test_nothing_is_stored_when_others_may_read_the_key_file(edm, database):
    edm("domain", "add", "example.com")
    (edm.data / "node.key").chmod(0o644)
    assert "can be read by others" in edm.fails(4, "domain", "key", "example.com")
    assert database.value("SELECT count(*) FROM dkim_key") == 0


def check(edm, dns, want_code):
    result = edm.run(
        "domain", "check", "example.com", "--json", "--set", f"dns.servers={dns.servers}"
    )
    assert result.code == want_code, (result.out, result.err)
    return {row["check"]: row for row in result.json["rows"]}


def test_check_ticks_each_row_as_it_is_published(edm, dns):
    edm("domain", "add", "example.com", "--return-path", "bounce.example.com")
    edm(
        "source",
        "add",
        "127.0.0.10",
        "--name",
        "mx1",
        "--ehlo",
        "mx1.example.com",
        "--public",
        "203.0.113.10",
    )
    (key,) = make_key(edm)
    dns.start()
    rows = check(edm, dns, 1)
    assert {check: row["level"] for check, row in rows.items()} == {
        "DKIM edm1": "fail",
        "SPF": "fail",
        "DMARC": "warn",
        "return path": "fail",
        "MX": "warn",
    }
    assert rows["DKIM edm1"]["publish"] == key["value"]
    assert rows["SPF"]["publish"] == "v=spf1 ip4:203.0.113.10 -all"
    assert rows["SPF"]["name"] == "bounce.example.com", "SPF is about the envelope"

    for row in rows.values():
        if row["publish"]:
            dns.record(row["name"], row["type"], strings(row["publish"]))
    dns.domain("bounce.example.com", mx=[(10, "in.example.com", "203.0.113.20")])
    dns.host("example.com", "203.0.113.30")
    dns.reload()
    rows = check(edm, dns, 0)
    assert {row["level"] for row in rows.values()} == {"ok"}
    assert rows["DMARC"]["text"] == "the policy is p=none"
    assert rows["return path"]["text"] == "mail to it goes to in.example.com"
    text = edm("domain", "check", "example.com", "--set", f"dns.servers={dns.servers}").out
    assert text.count("✓") == 5 and "✗" not in text


def test_check_tells_wrong_rows_apart(edm, dns):
    edm("domain", "add", "example.com")
    make_key(edm)
    for number, address in enumerate(("203.0.113.10", "2001:db8:7::25", "198.51.100.7"), 1):
        edm(
            "source",
            "add",
            f"127.0.0.1{number}",
            "--name",
            f"mx{number}",
            "--ehlo",
            f"mx{number}.example.com",
            "--public",
            address,
        )
    (other,) = make_key(edm, "--selector", "other")
    dns.record("edm1._domainkey.example.com", "TXT", strings(other["value"]))
    dns.record("other._domainkey.example.com", "TXT", strings(other["value"] + "; t=y"))
    dns.record("example.com", "TXT", '"v=spf1 include:_spf.example.net mx ~all"')
    dns.record("_spf.example.net", "TXT", '"v=spf1 ip4:203.0.113.0/28 ip6:2001:db8:7::/48 -all"')
    dns.domain("example.com", mx=[(10, "in.example.com", "198.51.100.8")])
    dns.record("_dmarc.example.com", "TXT", '"v=DMARC1; rua=mailto:a@example.com"')
    dns.start()
    rows = check(edm, dns, 1)
    assert "another key is published" in rows["DKIM edm1"]["text"]
    assert rows["DKIM other"]["level"] == "warn" and "t=y" in rows["DKIM other"]["text"]
    assert "source mx3 send from 198.51.100.7 (softfail)" in rows["SPF"]["text"]
    assert "no p=" in rows["DMARC"]["text"]
    dns.remove("in.example.com")
    dns.host("in.example.com", "198.51.100.7")
    dns.reload()
    assert check(edm, dns, 1)["SPF"]["level"] == "ok", "by ip4, ip6 and mx"


def test_check_follows_redirects_and_stops_at_ten_questions(edm, dns):
    edm("domain", "add", "example.com")
    edm("source", "add", "203.0.113.10", "--name", "mx1", "--ehlo", "mx1.example.com")
    make_key(edm)
    dns.record("example.com", "TXT", '"v=spf1 ?exists:none.example.com redirect=r.example.com"')
    dns.record("r.example.com", "TXT", '"v=spf1 a:a.example.com/24 -all"')
    dns.host("a.example.com", "203.0.113.99")
    dns.start()
    assert check(edm, dns, 1)["SPF"]["level"] == "ok"
    dns.remove("r.example.com")
    dns.record("r.example.com", "TXT", '"v=spf1 include:r.example.com -all"')
    dns.reload()
    assert "(permerror)" in check(edm, dns, 1)["SPF"]["text"]


def test_check_says_when_dns_does_not_answer(edm, dns):
    edm("domain", "add", "example.com")
    make_key(edm)
    dns.broken("example.com")
    dns.start()
    rows = check(edm, dns, 0)
    assert {row["level"] for row in rows.values()} == {"warn"}
    assert rows["MX"]["text"] == "the name servers could not say"
    (edm.data / "node.key").unlink()
    assert "has no node.key" in check(edm, dns, 1)["DKIM edm1"]["text"]


def test_a_campaign_is_warned_of_a_key_that_is_not_published(edm, dns, tmp_path):
    edm("domain", "add", "example.com")
    (key,) = make_key(edm)
    people, letter = tmp_path / "people.csv", tmp_path / "letter.txt"
    people.write_text("email\nann@example.org\n")
    letter.write_text("Hello")
    edm("list", "import", people, "--list", "l", "--yes")
    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.example.com")
    edm("campaign", "create", "spring", "--list", "l", "--from", "News <a@Example.com>",
        "--subject", "s", "--text", letter)
    dns.start()
    edm.data.joinpath("edm.conf").write_text(f"dns.servers = {dns.servers}\n")
    said = "the DKIM key edm1._domainkey.example.com is not published"
    assert said in edm("campaign", "check", "spring").out
    assert said in edm("campaign", "schedule", "spring", "--at", "2099-01-01 09:00").out
    dns.record("edm1._domainkey.example.com", "TXT", strings(key["value"]))
    dns.reload()

    def warned():
        """What is said of DNS, by the name of the finding."""
        found = edm("campaign", "check", "spring", "--json").json["findings"]
        return {f["name"]: f["sentence"] for f in found
                if f["name"] in ("key-unpublished", "spf", "dns-unchecked")}

    # Published, but nothing says that our source may send for the domain.
    edm("source", "add", "127.0.0.11", "--name", "mx2", "--ehlo", "mx2.example.com",
        "--pool", "other")
    assert list(warned()) == ["spf"] and "there is no SPF record" in warned()["spf"]
    dns.record("example.com", "TXT", '"v=spf1 ip4:127.0.0.9 -all"')
    dns.reload()
    assert "does not let source mx1 send from 127.0.0.10 (fail)" in warned()["spf"]
    assert "edm domain check example.com" in warned()["spf"]
    edm("route", "set", "*", "127.0.0.1:2525")
    assert warned() == {}, "a host of our own takes all mail: receivers see its address"
    edm("route", "remove", "*")
    edm("source", "set", "mx1", "--public", "127.0.0.9")
    assert warned() == {}, "sources of other pools do not send it"
    dns.stop()
    # However patient nodes are, nobody waits minutes for a warning.
    edm.data.joinpath("edm.conf").write_text(f"dns.servers = {dns.servers}\ndns.total_ms = 5min\n")
    assert list(warned()) == ["dns-unchecked"]
    assert "could not be checked" in warned()["dns-unchecked"]
    edm("campaign", "edit", "spring", "--unsigned")
    assert "SPF" in warned()["dns-unchecked"]
