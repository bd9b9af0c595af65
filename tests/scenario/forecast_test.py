# SPDX-License-Identifier: MIT
"""campaign forecast: before the start, while it runs, when it cannot end, and for programs."""
import datetime
import pathlib

from support.ledger_rows import LedgerRows

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEOPLE = 3000
A_MINUTE = 60
SLOW = {"delay_ms": {"dot": 60}}
MEMBERS = 40000
MANY = 400_000  # put off


def minutes(forecast, key):
    """From now to that time."""
    at, now = (datetime.datetime.fromisoformat(forecast[k]) for k in (key, "now_at"))
    return (at - now).total_seconds() / 60


def spans(forecast):
    return [minutes(forecast, key) for key in ("earliest_at", "likely_at", "latest_at")]


def statement(name):
    """The text of a statement of the report, about campaign 1."""
    text = (ROOT / f"schemas/queries/report/{name}.sql").read_text()
    return text.replace("$1", "1")


def nodes(plan):
    """All nodes of a plan."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def foresee(edm, name="spring"):
    return edm("campaign", "forecast", name, "--json").json


def test_a_draft_is_foreseen_as_if_it_were_started_now(make_world):
    world = make_world(domains=8, sources=2)
    edm = world.program
    world.campaign("spring", world.people(PEOPLE))
    edm("limit", "set", "--campaign", "spring", f"rate={A_MINUTE}/min")
    forecast = foresee(edm)
    assert (forecast["state"], forecast["left"], forecast["stuck"]) == ("draft", PEOPLE, [])
    assert set(forecast["assumes"]) == {"started-now", "node-runs", "people-estimated"}
    earliest, likely, latest = spans(forecast)
    whole = PEOPLE / A_MINUTE
    # Nothing is known of who will be put off: some of it is waited for.
    assert whole * 0.95 < earliest <= likely <= latest < whole + 24 * 60
    assert whole < minutes(forecast, "most_at") < whole * 1.15
    (tail,) = forecast["providers"]
    assert (tail["provider"], tail["left"]) == ("tail", PEOPLE)
    bind = tail["bind"]
    assert (bind["kind"], bind["level"], bind["count"], bind["per"], bind["origin"]) == \
        ("limit", "campaign", A_MINUTE, "min", "operator")
    said = edm("campaign", "forecast", "spring").out
    assert "as if it were started now" in said and "edm run starts one" in said
    assert f"the campaign: {A_MINUTE} messages/min by operator (limit {bind['limit_id']})" in said
    said = edm("campaign", "forecast", "spring", "--lang", "zh").out
    assert f"该任务：每分钟 {A_MINUTE} 封（人工设定，限制 {bind['limit_id']}）" in said
    assert "预计完成" in said and "假设现在开始" in said

    # Who is put off comes back by the schedule that is in force here.
    conf = edm.data / "edm.conf"
    conf.parent.mkdir(exist_ok=True)
    conf.write_text("retry.schedule = 1s\n")
    assert spans(foresee(edm))[2] < min(latest, whole * 1.5)
    conf.write_text("retry.schedule = soon\n")
    assert "edm.conf" in edm.fails(1, "campaign", "forecast", "spring")
    conf.unlink()

    edm("campaign", "schedule", "spring", "--at", "2099-01-01 09:00", "--tz", "UTC")
    scheduled = foresee(edm)
    assert scheduled["scheduled_at"] == "2099-01-01T09:00:00Z"
    assert scheduled["likely_at"] is None  # more than 90 days from now


def test_what_cannot_end_is_said_with_what_would_change_it(make_world):
    world = make_world(domains=8, sources=1)
    edm = world.program
    campaign = world.campaign("spring", world.people(PEOPLE))

    def stuck(kind, word):
        forecast = foresee(edm)
        assert [forecast[key] for key in ("earliest_at", "likely_at", "latest_at")] == [None] * 3
        assert forecast["providers"][0]["bind"]["kind"] == kind
        (sentence,) = forecast["stuck"]
        assert word in sentence
        assert sentence in edm("campaign", "forecast", "spring").out
        assert "never" in edm("campaign", "forecast", "spring").out

    edm("pause", "--source", "s0", "--because", "moved")
    stuck("pause", "moved); edm resume --id 1 ends it")
    edm("pause", "--all")
    stuck("pause", "edm resume --id 1 and edm resume --id 2 end them")
    said = edm("campaign", "forecast", "spring").out
    assert "likely through" not in said and "no end of tail while pause 1 and pause 2 hold" in said
    for pause in (1, 2):
        assert foresee(edm)["stuck"] != []
        edm("resume", "--id", str(pause))
    world.database.query("UPDATE source SET pool = 'other'")
    stuck("sources", "pool default")
    world.database.query("UPDATE source SET pool = 'default'")
    assert foresee(edm)["stuck"] == []
    edm("source", "drain", "s0")
    stuck("sources", "edm source add")
    edm("source", "set", "s0", "--active")

    campaign.start()
    assert edm("campaign", "show", "spring", "--json").json["eta"] is None, "no node sends it"
    edm("campaign", "pause", "spring", "--because", "wrong price")
    paused = foresee(edm)
    assert "resumed-now" in paused["assumes"] and paused["likely_at"] is not None
    assert "edm campaign resume" in edm("campaign", "forecast", "spring").out
    edm("campaign", "cancel", "spring", "--yes")
    ended = foresee(edm)
    assert ended["state"] == "cancelled" and "providers" not in ended
    assert "nothing to foresee" in edm("campaign", "forecast", "spring").out
    told = edm.fails(3, "campaign", "forecast", "nobody")
    assert "no campaign 'nobody'" in told


def test_a_running_campaign_is_foreseen_from_its_pace(make_world):
    world = make_world(domains=8, sources=2, profile=SLOW)
    edm = world.program
    people, a_second = 750, 15
    campaign = world.campaign("spring", world.people(people))
    edm("limit", "set", "--campaign", "spring", f"rate={a_second}/s")
    world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", people // 3)
    forecast = foresee(edm)
    left = people - campaign.count("delivered")
    assert forecast["state"] == "running" and forecast["assumes"] == []
    assert forecast["audience"] == people
    assert left <= forecast["left"] <= people * 2 // 3
    bind = forecast["bind"]
    assert (bind["kind"], bind["level"], bind["count"], bind["per"]) == \
        ("limit", "campaign", a_second, "s")
    # One calculation: what the campaign's page says is the likely end, with what holds from now on.
    edm("limit", "set", "--campaign", "spring", "rate=1/s")
    slow = foresee(edm)
    eta = edm("campaign", "show", "spring", "--json").json["eta"]
    edm("limit", "set", "--campaign", "spring", f"rate={a_second}/s")
    assert minutes({**slow, "eta": eta}, "eta") > minutes(slow, "likely_at") * 0.9 > 2
    assert minutes(foresee(edm), "likely_at") < 2, "that limit is over"
    # What is left, at so many a second.
    least, most = (n / a_second / 60 for n in (left, forecast["left"]))
    assert least * 0.9 < minutes(forecast, "most_at") < most * 1.2
    campaign.wait_for("finished", seconds=120)
    finished = edm("campaign", "show", "spring", "--json").json["finished_at"]
    real = minutes({**forecast, "finished_at": finished}, "finished_at")
    earliest, _, latest = spans(forecast)
    assert earliest * 0.9 <= real <= latest * 1.1, forecast


def test_people_before_the_start_are_counted_by_a_sample(edm, database, tmp_path):
    """Who is in two lists, excluded or suppressed is taken off, and few members are read for it."""
    database.query("INSERT INTO recipient_domain(name, provider) VALUES ('a.test', 'qq')")
    everybody = (f"SELECT i, ('x' || substr(md5(i::text), 1, 16))::bit(64)::bigint AS rid"
                 f" FROM generate_series(1, {MEMBERS}) i")
    for name, which in (("one", "true"), ("two", "i % 2 = 0"), ("out", "i % 10 = 3")):
        list_id = database.value("INSERT INTO list(name) VALUES (%s) RETURNING list_id", name)
        database.query(f"INSERT INTO list_member(list_id, domain_id, rid)"
                       f" SELECT {list_id}, 1, rid FROM ({everybody}) x WHERE {which}")
        database.query(f"INSERT INTO list_domain_count SELECT list_id, domain_id, count(*)"
                       f" FROM list_member WHERE list_id = {list_id} GROUP BY 1, 2")
    database.query(f"INSERT INTO suppression(rid, cause)"
                   f" SELECT rid, 1 FROM ({everybody}) x WHERE i % 10 = 5")
    edm("source", "add", "127.0.0.9", "--name", "mx1", "--ehlo", "mx1.test")
    (tmp_path / "letter.txt").write_text("hello")
    edm("campaign", "create", "spring", "--list", "one", "--list", "two", "--exclude", "out",
        "--from", "a@b.test", "--subject", "s", "--text", tmp_path / "letter.txt", "--unsigned")
    forecast = foresee(edm)
    (qq,) = forecast["providers"]
    assert qq["provider"] == "qq"
    assert abs(forecast["left"] - MEMBERS * 0.8) < MEMBERS * 0.03
    plan = database.query(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement('forecast_overlap')}")[0][0]
    read = [node for node in nodes(plan[0]["Plan"])
            if node.get("Relation Name") == "list_member" and node["Alias"] == "x"]
    assert 0 < sum(node["Actual Rows"] * node["Actual Loops"] for node in read) < 10000
    assert "Seq Scan" not in {node["Node Type"] for node in read}


def test_who_is_suppressed_since_is_taken_off_the_people_of_another_campaign(edm, database,
                                                                             tmp_path):
    """Of ten who bounced eight are suppressed, one is in an excluded list and one has left; six of
    those whose results are not known are suppressed."""
    rows = LedgerRows(database, "first", state=5)
    rows.insert("content", campaign_id=rows.campaign, version=1, from_address="a@b.test",
                subject="s")
    bounced, unknown = ([f"{kind}{i}@a.test" for i in range(10)] for kind in ("b", "u"))
    rows.chunk(0, "tail", bounced + unknown)
    for state, names in (("bounced", bounced), ("unknown", unknown)):
        for name in names:
            rows.settle(name, state, state)
    database.query("INSERT INTO list(list_id, name) OVERRIDING SYSTEM VALUE"
                   " VALUES (901, 'all'), (902, 'out');"
                   "INSERT INTO list_member(list_id, domain_id, rid)"
                   " SELECT 901, domain_id, rid FROM recipient;"
                   "INSERT INTO list_domain_count SELECT 901, domain_id, 20 FROM recipient_domain;"
                   "INSERT INTO campaign_list(campaign_id, list_id, excluded, position)"
                   " SELECT campaign_id, 901, false, 1 FROM campaign")
    for name in bounced[:8] + unknown[:6]:
        database.query("INSERT INTO suppression(rid, cause) VALUES (%s, 1)", rows.person(name)[0])
    letter = tmp_path / "letter.txt"
    letter.write_text("hello")

    def left(name, state):
        edm("campaign", "create", name, "--audience-of", "first", "--state", state, "--from",
            "a@b.test", "--subject", "s", "--text", letter, "--unsigned", "--exclude", "out")
        return foresee(edm, name)["left"]

    # Whom it goes to is as in the sample, whatever else is in the lists.
    database.query("INSERT INTO recipient_domain(name, provider) VALUES ('many.test', 'qq');"
                   "INSERT INTO list_domain_count SELECT 901, domain_id, 500"
                   " FROM recipient_domain WHERE name = 'many.test'")
    assert left("to-bounced", "bounced") == 2
    assert set(by_provider(foresee(edm, "to-bounced"))) == {"tail"}
    assert left("to-unknown", "unknown") == 4
    assert left("to-both", "bounced,unknown") == 6
    database.query("INSERT INTO list_member(list_id, domain_id, rid) VALUES (902, %s, %s)",
                   *rows.person(bounced[8])[::-1])
    assert foresee(edm, "to-bounced")["left"] == 1
    database.query("UPDATE list_member SET status = 2 WHERE list_id = 901 AND rid = %s",
                   rows.person(bounced[9])[0])
    assert foresee(edm, "to-bounced")["left"] == 0
    # Cancelled whole: nobody has an outcome.
    whole = [f"c{i}@a.test" for i in range(4)]
    rows.chunk(1, "tail", whole)
    database.query("UPDATE chunk SET state = 3, settled_as = 10 WHERE chunk_no = 1")
    rows.move("waiting", -4)
    rows.move("cancelled", 4)
    database.query("INSERT INTO list_member(list_id, domain_id, rid) SELECT 901, domain_id, rid"
                   " FROM recipient WHERE address LIKE 'c%'")
    database.query("INSERT INTO suppression(rid, cause) VALUES (%s, 2)", rows.person(whole[0])[0])
    assert left("to-cancelled", "cancelled") == 3
    # Where nothing tells who they were, all that are counted are of the tail.
    database.query("DELETE FROM outcome")
    assert left("to-lost", "bounced") == 10


def put_off(world, people):
    """The running campaign's people, put off by the receiver, of domains of each kind."""
    query = world.database.query
    query("INSERT INTO recipient_domain(name, provider) VALUES ('routed.test', 'qq'),"
          " ('of-qq.test', 'qq'), ('big.test', NULL), ('small.test', NULL)")
    query("INSERT INTO route(domain, host, port) VALUES ('routed.test', 'relay.test', 25)")
    query("INSERT INTO audience(campaign_id, batch_size, complete) VALUES (1, 1000, true)")
    query("INSERT INTO audience_domain SELECT 1, domain_id, 9, CASE name WHEN 'big.test' THEN name"
          " ELSE 'tail' END FROM recipient_domain WHERE name IN ('big.test', 'small.test')")
    query(f"INSERT INTO retry(campaign_id, domain_id, rid, due_at, attempt, class, cause, address,"
          f" attributes) SELECT 1, domain_id, 4 * i + k, now() + (i - 3) * interval '1 min',"
          f" 1 + i % 2, 2, 1, 'a', '{{}}' FROM generate_series(1, {people}) i, (SELECT domain_id,"
          f" row_number() OVER (ORDER BY domain_id) - 1 AS k FROM recipient_domain"
          f" WHERE name IN ('routed.test', 'of-qq.test', 'big.test', 'small.test')) d")


def run_a_node(world):
    """As far as the database knows."""
    world.database.query("INSERT INTO node(name, journal, incarnation, lease_until)"
                         " VALUES ('n9', gen_random_uuid(), 1, now() + interval '1 h')")


def people_of(*campaigns):
    """What reads them, for these campaigns."""
    text = (ROOT / "schemas/queries/report/forecast_people.sql").read_text()
    return text.replace("$1::int[]", "'{%s}'::int[]" % ",".join(map(str, campaigns)))


def test_who_is_put_off_counts_where_he_goes(make_world):
    world = make_world(domains=8, sources=1)
    world.campaign("spring", world.people(8)).start()
    put_off(world, 9)

    def left():
        return {p["provider"]: p["left"] for p in foresee(world.program)["providers"]}

    assert left() == {"relay.test:25": 9, "qq": 9, "tail": 18}
    world.database.query("INSERT INTO route(domain, host, port) VALUES ('*', 'all.test', 2525)")
    assert left() == {"relay.test:25": 9, "all.test:2525": 27}


def test_of_many_put_off_a_part_is_read(make_world):
    """Who is put off may be millions; a campaign of few beside them is counted exactly."""
    world = make_world(domains=8, sources=1)
    edm, query = world.program, world.database.query
    world.campaign("spring", world.people(8)).start()
    put_off(world, MANY // 4)
    query("DELETE FROM moves_delta")
    query("INSERT INTO moves VALUES (1, 3, %s)", MANY)
    query("ANALYZE retry")
    forecast = foresee(edm)
    left = {p["provider"]: p["left"] for p in forecast["providers"]}
    assert abs(left["qq"] - MANY / 4) < MANY / 4 * 0.05
    assert abs(left["tail"] - MANY / 2) < MANY / 2 * 0.05
    plan = query(f"EXPLAIN (ANALYZE, FORMAT JSON) {people_of(1)}")[0][0][0]["Plan"]
    scans = [node for node in nodes(plan) if node.get("Relation Name") == "retry"]
    read = {node["Node Type"]: node["Actual Rows"] * node["Actual Loops"] for node in scans}
    assert 200_000 < read["Sample Scan"] < 300_000 and sum(read.values()) < 300_000

    query("INSERT INTO retry(campaign_id, domain_id, rid, due_at, attempt, class, cause, address,"
          " attributes) SELECT 2, domain_id, 1, now(), 1, 2, 1, 'a', '{}' FROM recipient_domain"
          " WHERE name = 'of-qq.test'")
    told = query(people_of(1, 2))
    assert [row for row in told if row[0] == 2] == [(2, "qq", 1, 0, 100, True)]


def test_show_does_not_wait_for_what_is_slow_to_foresee(make_world, postgres):
    """Nobody who is put off is read while no node runs, nor where they are many."""
    world = make_world(domains=8, sources=1)
    edm, query = world.program, world.database.query
    world.campaign("spring", world.people(8)).start()
    put_off(world, 9)
    query("DELETE FROM moves_delta")
    query("INSERT INTO moves VALUES (1, 3, 100000)")
    other = postgres.connect(world.database.name)
    other.autocommit = False

    def show_while_nobody_is_read():
        other.cursor().execute("LOCK TABLE retry")
        eta = edm("campaign", "show", "spring", "--json").json["eta"]
        said = edm("campaign", "show", "spring").out
        other.rollback()
        return eta, said

    assert show_while_nobody_is_read()[0] is None
    run_a_node(world)
    assert edm("campaign", "show", "spring", "--json").json["eta"] is not None
    query("INSERT INTO moves_delta VALUES (1, 3, 1)")
    eta, said = show_while_nobody_is_read()
    other.close()
    assert eta is None
    assert "see edm campaign forecast spring" in said
    assert foresee(edm)["likely_at"] is not None


MX = "mx.site.example"


def a_site_and_others(database):
    """Domains 1 … 9 of the tail; two of them at one site, the others each at its own."""
    database.query("INSERT INTO recipient_domain(domain_id, name, last_mx)"
                   " OVERRIDING SYSTEM VALUE SELECT i, 'd' || i || '.test',"
                   f" CASE WHEN i < 3 THEN '{MX}' ELSE 'mx.d' || i || '.test' END"
                   " FROM generate_series(1, 9) i")


def by_provider(forecast):
    return {p["provider"]: p for p in forecast["providers"]}


def test_a_limit_of_a_site_of_the_tail_is_foreseen(edm, database, tmp_path):
    a_site_and_others(database)
    database.query("INSERT INTO list(list_id, name) OVERRIDING SYSTEM VALUE VALUES (901, 'all');"
                   "INSERT INTO list_domain_count SELECT 901, domain_id, 6000"
                   " FROM recipient_domain")
    edm("source", "add", "127.0.0.9", "--name", "mx1", "--ehlo", "mx1.test")
    letter = tmp_path / "letter.txt"
    letter.write_text("hello")
    edm("campaign", "create", "spring", "--list", "all", "--from", "a@b.test", "--subject", "s",
        "--text", letter, "--unsigned")
    edm("limit", "set", "--provider", MX, "--total", "rate=10/min")
    edm("limit", "set", "--provider", "tail", "rate=30/min")
    providers = by_provider(foresee(edm))
    assert providers[MX]["left"] == 12000
    assert providers["mx.d3.test"]["left"] == 6000
    assert sum(p["left"] for p in providers.values()) == 54000
    bind = providers[MX]["bind"]
    assert (bind["level"], bind["count"], bind["per"], bind["limit_id"]) == \
        ("provider", 10, "min", 1)
    bind = providers["mx.d3.test"]["bind"]
    assert (bind["level"], bind["count"], bind["per"], bind["limit_id"]) == ("lane", 30, "min", 2)
    # Beside a thousand others no site holds many: all are told as one, with the limit as set.
    database.query("INSERT INTO recipient_domain(domain_id, name, last_mx)"
                   " OVERRIDING SYSTEM VALUE SELECT i, 'd' || i || '.test', 'mx.d' || i || '.test'"
                   " FROM generate_series(10, 1000) i;"
                   "INSERT INTO list_domain_count SELECT 901, domain_id, 6000"
                   " FROM recipient_domain WHERE domain_id > 9")
    providers = by_provider(foresee(edm))
    assert set(providers) == {MX, "tail"}
    bind = providers["tail"]["bind"]
    assert (bind["count"], bind["each_site"]) == (30, True)
    assert "mx1/tail: 30 messages/min by operator (limit 2), for each site" in bind["says"]


def test_who_is_left_of_the_tail_is_foreseen_at_his_site(edm, database):
    """While it runs, the people of a site are those of its domains in chunks, or put off."""
    a_site_and_others(database)
    rows = LedgerRows(database, "first", state=3)
    rows.chunk(0, "tail", [f"p{i}@d{1 + i % 4}.test" for i in range(40)])
    rows.chunk(1, "d9.test", [f"p{i}@d9.test" for i in range(7)])
    database.query("UPDATE audience SET complete = true")
    database.query(f"INSERT INTO retry(campaign_id, domain_id, rid, due_at, attempt, class, cause,"
                   f" address, attributes) SELECT {rows.campaign}, 1, i, now() + interval '9 min',"
                   " 1, 2, 1, 'a', '{}' FROM generate_series(1, 5) i")
    left = {name: p["left"] for name, p in by_provider(foresee(edm, "first")).items()}
    assert left == {MX: 25, "mx.d3.test": 10, "mx.d4.test": 10, "mx.d9.test": 7}


def test_where_nobody_answers_is_told(edm, database):
    a_site_and_others(database)
    edm("source", "add", "127.0.0.9", "--name", "mx1", "--ehlo", "mx1.test")
    rows = LedgerRows(database, "first", state=3)
    rows.chunk(0, "tail", [f"p{i}@d3.test" for i in range(40)])
    database.query("UPDATE audience SET complete = true")
    database.query("INSERT INTO node(name, journal, incarnation, lease_until)"
                   " VALUES ('n9', gen_random_uuid(), 1, now() + interval '1 h')")
    database.query("INSERT INTO node_live(node_id, incarnation, at, live)"
                   " SELECT node_id, 1, now(), jsonb_build_object('lanes', jsonb_build_array("
                   "jsonb_build_object('source', 'mx1', 'queue', 'mx.d3.test', 'refused',"
                   " jsonb_build_object('host', 'mx.d3.test', 'said',"
                   " 'Connection refused', 'since', time_us(now() - interval '10 min')))))"
                   " FROM node WHERE name = 'n9'")
    forecast = foresee(edm, "first")
    (site,) = forecast["providers"]
    assert site["bind"]["kind"] == "rest"
    assert "mx.d3.test does not answer (Connection refused)" in site["bind"]["says"]
    assert minutes(forecast, "likely_at") >= 9
    # Also of those who were put off for it, for longer than it is thought to last.
    database.query("UPDATE chunk SET state = 3, settled_as = 4;"
                   "INSERT INTO retry(campaign_id, domain_id, rid, due_at, attempt, class, cause,"
                   f" address, attributes) SELECT {rows.campaign}, 3, i, now() + interval '5 h',"
                   " 1, 2, 1, 'a', '{}' FROM generate_series(1, 5) i")
    assert foresee(edm, "first")["bind"]["says"] == site["bind"]["says"]
