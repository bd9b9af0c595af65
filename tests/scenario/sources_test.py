# SPDX-License-Identifier: MIT
"""source, provider, route: what mail leaves from, and what is known of where it goes."""

import re


def events(database, verb):
    return database.query(
        "SELECT actor, object, because FROM event WHERE verb = %s ORDER BY event_id", verb
    )


def add_source(edm, name="mx1", address="127.0.0.10", *more):
    return edm("source", "add", address, "--name", name, "--ehlo", f"{name}.example.com", *more)


def test_a_source_is_added_shown_changed_drained_and_removed(edm, database):
    added = add_source(
        edm, "mx1", "127.0.0.10", "--pool", "bulk", "--weight", 3, "--because", "new rack"
    )
    assert added.err == "" and "127.0.0.10 as mx1.example.com" in added.out
    assert events(database, "source add") == [("tester", "source:mx1", "new rack")]
    (source,) = edm("source", "show", "--json").json["sources"]
    assert source["name"] == "mx1" and source["address"] == source["public"] == "127.0.0.10"
    assert (source["pool"], source["weight"], source["node"], source["state"]) == (
        "bulk",
        3,
        None,
        "active",
    )
    assert source["on_this_machine"] is True and source["warmup_steps"] == 0

    edm("source", "set", "mx1", "--weight", 5, "--public", "203.0.113.9", "--node", "n1")
    (source,) = edm("source", "show", "mx1", "--json").json["sources"]
    assert (source["weight"], source["public"], source["node"]) == (5, "203.0.113.9", "n1")
    edm("source", "drain", "mx1", "--because", "moving")
    assert "draining" in edm("source", "show").out
    assert "is draining already" in edm.fails(4, "source", "drain", "mx1")
    edm("source", "set", "mx1", "--active")
    assert "needs --yes" in edm.fails(4, "source", "remove", "mx1")
    edm("source", "remove", "mx1", "--yes")
    assert "no source yet" in edm("source", "show").out
    assert [
        verb
        for (verb,) in database.query(
            "SELECT verb FROM event WHERE object = 'source:mx1' ORDER BY event_id"
        )
    ] == [
        "source add",
        "source set",
        "source drain",
        "source activate",
        "source remove",
    ]


def test_limits_of_a_removed_source_can_be_unset(edm):
    add_source(edm, "mx1", "127.0.0.10")
    edm("limit", "set", "--source", "mx1", "rate=7/s")
    edm("pause", "--source", "mx1")
    out = edm("source", "remove", "mx1", "--yes").out
    assert "1 limit set for it stays" in out and "edm limit unset --source mx1" in out
    assert "no source 'mx1'" in edm.fails(3, "limit", "set", "--source", "mx1", "rate=8/s")
    assert edm("limit", "unset", "--source", "mx1").out == "1 limit ended\n"
    edm("resume", "--source", "mx1")
    assert "no source 'mx1'" in edm.fails(3, "limit", "unset", "--source", "mx1")


def test_a_node_that_is_not_there_is_a_warning(edm, database):
    """It may be started later; doctor says until then that nothing leaves from there."""
    words = "there is no node 'nonode' (edm node list); this holds when one of that name runs"
    add = ("source", "add", "127.0.0.11", "--name", "mx2", "--ehlo", "b.example.com", "--node")
    added = edm(*add, "nonode", "--json")
    assert added.json["warnings"] == [words] and f"warning: {words}\n" in added.err
    said = edm("source", "set", "mx2", "--node", "nosuch").err
    assert "warning: there is no node 'nosuch'" in said
    doctor = edm.run("doctor", "--json").json["findings"]
    (found,) = [f for f in doctor if "nosuch" in f["text"]]
    assert found["level"] == "warn" and "mx2 belongs to node nosuch, which there is not" in \
        found["text"]
    database.query("INSERT INTO node(name, journal, host, pid, version) VALUES"
                   " ('nosuch', gen_random_uuid(), 'here', 42, '0.1.0')")
    assert edm("source", "set", "mx2", "--node", "nosuch").err == ""
    assert not [f for f in edm.run("doctor", "--json").json["findings"] if "nosuch" in f["text"]]


def test_an_address_of_another_machine_is_a_warning(edm):
    added = add_source(edm, "mx9", "203.0.113.10")
    assert added.err.startswith("warning: 203.0.113.10 is no address of this machine")
    added = edm(
        "source", "add", "203.0.113.11", "--name", "mx8", "--ehlo", "a.example.com", "--json"
    ).json
    assert "no address of this machine" in added.pop("warnings")[0]
    assert added == {
        "name": "mx8",
        "address": "203.0.113.11",
        "id": 2,
        "on_this_machine": False,
    }


def test_bad_sources_are_refused_and_change_nothing(edm, database):
    add_source(edm)
    want = edm("source", "show", "--json").json
    for code, words, *args in (
        (2, "--name is missing", "add", "127.0.0.11", "--ehlo", "a.example.com"),
        (2, "--ehlo is missing", "add", "127.0.0.11", "--name", "mx2"),
        (2, "no full host name", "add", "127.0.0.11", "--name", "mx2", "--ehlo", "localhost"),
        (
            2,
            "no IPv4 or IPv6 address",
            "add",
            "mx.example.com",
            "--name",
            "mx2",
            "--ehlo",
            "a.example.com",
        ),
        (2, "no source name", "add", "127.0.0.11", "--name", "MX/2", "--ehlo", "a.example.com"),
        (
            2,
            "from 1 to 1000",
            "add",
            "127.0.0.11",
            "--name",
            "mx2",
            "--ehlo",
            "a.example.com",
            "--weight",
            0,
        ),
        (
            4,
            'a source "mx1" already',
            "add",
            "127.0.0.11",
            "--name",
            "mx1",
            "--ehlo",
            "a.example.com",
        ),
        (
            4,
            "has this address already",
            "add",
            "127.0.0.10",
            "--name",
            "mx2",
            "--ehlo",
            "a.example.com",
        ),
        (2, "say what to change", "set", "mx1"),
        (4, "is active already", "set", "mx1", "--weight", 9, "--active"),
        (3, "no source 'mx7'", "set", "mx7", "--weight", 2),
        (3, "no source 'mx7'", "remove", "mx7", "--yes"),
        (3, "no source 'mx7'", "show", "mx7"),
    ):
        assert words in edm.fails(code, "source", *args)
    assert edm("source", "show", "--json").json == want
    assert len(events(database, "source add")) == 1


def test_a_provider_profile_is_changed_and_reset(edm, database):
    (qq,) = edm("provider", "show", "qq", "--json").json["providers"]
    assert qq["origin"] == "built-in" and ".qq.com".strip(".") in qq["mx_suffixes"]
    edm(
        "provider", "set", "qq", "connections=3", "rate=120/min", "--verp", "off", "--because", "no"
    )
    (qq,) = edm("provider", "show", "qq", "--json").json["providers"]
    assert qq["origin"] == "changed" and qq["verp"] is False
    assert qq["initial_connections"] == 3, "a lane cannot start with more than it may have"
    assert qq["limits"]["connections"] == 3 and qq["limits"]["messages_per_min"] == 120
    assert events(database, "provider set") == [("tester", "provider:qq", "no")]
    edm("provider", "set", "qq", "--reset")
    assert edm("provider", "show", "qq", "--json").json["providers"][0]["origin"] == "built-in"

    edm(
        "provider",
        "set",
        "corp",
        "--mx",
        ".mx.corp.example",
        "--domain",
        "corp.example",
        "connections=2",
    )
    names = {p["name"]: p for p in edm("provider", "list", "--json").json["providers"]}
    assert names["corp"]["origin"] == "own" and names["corp"]["mx_suffixes"] == ["mx.corp.example"]
    assert "QQ邮箱" in edm("provider", "list", "--lang", "zh").out


def test_a_change_of_a_profile_is_taken_back(edm, database):
    def qq():
        return edm("provider", "show", "qq", "--json").json["providers"][0]

    builtin = qq()
    edm("provider", "set", "qq", "connections=3", "tls=verified")
    edm("provider", "set", "qq", "connections=2", "rate=50/min", "--because", "421s")
    told = edm("provider", "undo").out.splitlines()
    assert [line.split(": ", 1)[0] for line in told] == ["taken back"]
    assert told[0].endswith("qq: connections=2 rate=50/min initial=2")
    assert qq()["limits"]["connections"] == 3 and qq()["tls"] == "verified"
    undone = edm("provider", "undo", "--json").json  # of the undo
    assert undone["taken_back"] == [] and len(undone["holds_again"]) == 1
    again = undone["holds_again"][0]
    assert (again["provider"], again["because"], again["left_ms"]) == ("qq", "421s", None)
    assert again["set"]["limits"] == {"connections": 2, "messages_per_min": 50}
    assert qq()["limits"]["connections"] == 2
    edm("provider", "set", "qq", "--reset")
    assert qq() == builtin
    assert edm("provider", "undo").out.count("holds again: change") == 2
    assert qq()["limits"]["connections"] == 2 and qq()["tls"] == "verified"
    edm("provider", "undo", qq()["changes"][0]["id"], "--because", "all of it")
    assert qq() == builtin
    assert events(database, "provider undo")[-1] == ("tester", "provider:qq", "all of it")
    (was,) = database.query("SELECT detail->'was', detail->'set' FROM event"
                            " WHERE verb = 'provider set' ORDER BY event_id OFFSET 1")
    assert was == ({"limits": {"connections": 3, "messages_per_min": None},
                    "initial_connections": 3},
                   {"limits": {"connections": 2, "messages_per_min": 50},
                    "initial_connections": 2})
    told = edm("events", "--last", "1h").out
    assert "connections=2 rate=50/min initial=2, was connections=3 rate=-/min initial=3" in told


def test_a_change_of_a_profile_for_two_hours(edm, database):
    edm("provider", "set", "gmail", "rate=60/min")
    assert edm("provider", "set", "gmail", "connections=2", "--for", "2h").out == (
        "provider gmail is changed for 2 h 0 min\n")
    (gmail,) = edm("provider", "show", "gmail", "--json").json["providers"]
    lasting, passing = gmail["changes"]
    assert lasting["left_ms"] is None and 7_100_000 < passing["left_ms"] <= 7_200_000
    assert passing["set"] == {"limits": {"connections": 2}, "initial_connections": 2}
    text = edm("provider", "show", "gmail").out
    assert re.search(r"gmail +connections=2 initial=2 +for another (2 h 0 min|120 min)", text)
    assert "change" in edm("provider", "list").out
    assert database.value("SELECT detail->>'until' FROM event ORDER BY event_id DESC LIMIT 1")
    database.query("UPDATE provider SET until = now() WHERE until IS NOT NULL")  # two hours later
    (gmail,) = edm("provider", "show", "gmail", "--json").json["providers"]
    assert gmail["limits"]["connections"] == 5 and gmail["limits"]["messages_per_min"] == 60
    assert [change["id"] for change in gmail["changes"]] == [lasting["id"]]
    assert "nothing of change" in edm.fails(4, "provider", "undo", passing["id"])


def test_bad_profiles_are_refused_and_change_nothing(edm, database):
    for code, words, *args in (
        (2, "say what to change", "qq"),
        (2, "say what to change", "qq", "connections=3", "--reset"),
        (2, "is no limit", "qq", "konnections=3"),
        (2, "from 1 to", "qq", "connections=0"),
        (2, "rate=3/s: a profile states rates per min, h or day", "qq", "rate=3/s"),
        (2, "connections is 20000, not a whole number from 1 to 10000", "qq", "connections=20000"),
        (2, "--verp is on or off", "qq", "--verp", "maybe"),
        (2, "initial_connections is 4, above its connections: 3", "qq", "connections=3",
         "--initial", 4),
        (2, "without mx_suffixes it can never match", "corp", "connections=30"),
        (2, "a name is a-z, 0-9", "Corp", "--mx", ".corp.example"),
        (2, "mx_suffixes is \"\", not a name", "corp", "--mx", ""),
        (2, '"qq.com" is among the mx_suffixes of "qq"', "corp", "--mx", ".QQ.com."),
        (2, '"*.corp.example" has a "*"', "corp", "--mx", "*.corp.example"),
        (2, "rate=601/h can never bind", "qq", "rate=10/min", "rate=601/h"),
        (2, "tls is \"always\", not none, opportunistic, required or verified", "qq", "tls=always"),
        (2, "--for takes a time", "qq", "connections=3", "--for", "soon"),
        (2, "--reset has no --for", "qq", "--reset", "--for", "2h"),
        (3, "nothing was set", "qq", "--reset"),
    ):
        assert words in edm.fails(code, "provider", "set", *args)
    assert "no provider" in edm.fails(3, "provider", "show", "nobody")
    assert "no profile was ever changed" in edm.fails(3, "provider", "undo")
    assert "there is no change 77 of a profile" in edm.fails(3, "provider", "undo", 77)
    assert "'qq' is no number of a change" in edm.fails(2, "provider", "undo", "qq")
    assert database.value("SELECT count(*) FROM provider") == 0
    assert events(database, "provider set") == []


def test_profiles_are_checked(edm, database):
    """What stood before a version that knows more names is put in force, and found."""
    assert "can take effect" in edm("provider", "check").out
    database.query("INSERT INTO provider(name, overrides) VALUES ('own', %s)",
                   '{"mx_suffixes": [".qq.com"]}')
    words = edm.fails(1, "provider", "check")
    assert '"qq.com" is among the mx_suffixes of' in words
    names = {p["name"] for p in edm("provider", "list", "--json").json["providers"]}
    assert {"own", "qq"} <= names


def test_routes_with_a_sealed_password(edm, database, tmp_path):
    password = tmp_path / "password"
    password.write_text("s3cret word\n")
    edm("route", "set", "Example.COM", "192.0.2.10:2525")
    edm(
        "route",
        "set",
        "*",
        "[2001:db8::1]:587",
        "--tls",
        "verified",
        "--auth",
        "edm",
        "--password-file",
        password,
    )
    assert edm("route", "show", "--json").json["routes"] == [
        {"domain": "*", "host": "2001:db8::1", "port": 587, "tls": "verified", "auth_user": "edm"},
        {
            "domain": "example.com",
            "host": "192.0.2.10",
            "port": 2525,
            "tls": "opportunistic",
            "auth_user": None,
        },
    ]
    sealed = bytes(database.value("SELECT sealed_password FROM route WHERE domain = '*'"))
    assert len(sealed) == len("s3cret word") + 29 and b"s3cret" not in sealed
    assert "s3cret" not in str(database.query("SELECT * FROM event"))
    edm("route", "remove", "EXAMPLE.com", "--because", "moved")
    assert events(database, "route remove") == [("tester", "route:example.com", "moved")]


def test_bad_routes_are_refused_and_change_nothing(edm, database, tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for code, words, *args in (
        (2, "no HOST:PORT", "set", "example.com", "mail.example.com"),
        (2, "no HOST:PORT", "set", "example.com", "mail example:25"),
        (2, "no HOST:PORT", "set", "example.com", "mail.example.com:70000"),
        (2, "is no domain", "set", "exa mple.com", "mail.example.com:25"),
        (
            2,
            "--tls is none, opportunistic",
            "set",
            "example.com",
            "mail.example.com:25",
            "--tls",
            "maybe",
        ),
        (2, "go together", "set", "example.com", "mail.example.com:25", "--auth", "edm"),
        (
            1,
            "is empty",
            "set",
            "example.com",
            "a.example.com:25",
            "--auth",
            "edm",
            "--password-file",
            empty,
        ),
        (
            1,
            "cannot open",
            "set",
            "example.com",
            "a.example.com:25",
            "--auth",
            "edm",
            "--password-file",
            "/none",
        ),
        (3, "there is no route", "remove", "example.com"),
    ):
        assert words in edm.fails(code, "route", *args)
    assert "no route: mail goes where DNS says" in edm("route", "show").out
    assert database.value("SELECT count(*) FROM route") == 0


def test_what_changes_says_what_it_became_to_programs(edm, tmp_path):
    """One document each, of the verbs about sources, providers, routes, rules and settings."""
    add_source(edm, "mx1", "127.0.0.10")
    told = edm("source", "set", "mx1", "--weight", 7, "--node", "nowhere", "--json").json
    assert (told["name"], told["weight"], told["state"]) == ("mx1", 7, "active")
    assert "no node 'nowhere'" in told["warnings"][0]
    assert edm("source", "drain", "mx1", "--json").json["state"] == "draining"
    edm("limit", "set", "--source", "mx1", "rate=7/s")
    assert edm("source", "remove", "mx1", "--yes", "--json").json == {
        "name": "mx1", "state": "removed", "limits_left": 1}

    assert edm("provider", "check", "--json").json["sound"] is True
    told = edm("provider", "set", "qq", "connections=3", "--json").json["provider"]
    assert (told["name"], told["origin"], told["limits"]["connections"]) == ("qq", "changed", 3)
    told = edm("provider", "set", "qq", "--reset", "--json").json["provider"]
    assert told["origin"] == "built-in"
    edm("provider", "set", "corp", "--mx", ".mx.corp.example")
    assert edm("provider", "set", "corp", "--reset", "--json").json == {"provider": None}

    route = {"domain": "a.test", "host": "192.0.2.10", "port": 2525, "tls": "none",
             "auth_user": None}
    told = edm("route", "set", "a.test", "192.0.2.10:2525", "--tls", "none", "--json").json
    assert told == route
    assert edm("route", "show", "--json").json["routes"] == [route]
    assert edm("route", "remove", "a.test", "--json").json == {"domain": "a.test", "removed": True}

    rule = "any.user-unknown"
    assert edm("rules", "remove", rule, "--json").json == {"id": rule, "change": "off"}
    assert edm("rules", "restore", rule, "--json").json == {"id": rule, "change": "restored"}

    told = edm("config", "set", "retry.schedule", "5min", "--json").json
    assert told == {"key": "retry.schedule", "value": "5min", "warnings": []}
    (edm.data / "edm.conf").write_text("retry.schedule = 1h\n")
    told = edm("config", "set", "retry.schedule", "6min", "--json").json
    assert "its own setting is 1h" in told["warnings"][0]
    told = edm("config", "unset", "retry.schedule", "--json").json
    assert told == {"key": "retry.schedule", "value": None, "warnings": []}
