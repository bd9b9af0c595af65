# SPDX-License-Identifier: MIT
"""edm why and edm top: one sentence for a recipient, a campaign, a lane; what nodes do now."""

import json

import pytest

from support.ledger_rows import LedgerRows

QQ = {"provider": "qq", "mx": "mx1.qq.com"}
REFUSED = {
    "code": 550,
    "template": "Mailbox not found. {url}",
    "vars": "http://service.mail.qq.com/x\n",
    "rule": "qq.user-unknown",
}


def lane(queue, source="mx1", **more):
    row = {"source": source, "queue": queue, "tail": False, "sessions": 2, "allowed": 20}
    return {**row, "delivered": 7, "settled": 9, "queued": 40, "ready": 1, "rate": 3.5, **more}


def start_node(database, *lanes, node=1, alive=True):
    database.query(
        "INSERT INTO edm.node(node_id, name, incarnation, journal, host, lease_until)"
        " VALUES (%s, 'n1', 1, gen_random_uuid(), 'here', now() + %s::interval)",
        node,
        "10 s" if alive else "-1 s",
    )
    live = {"sessions": 2, "leases": 1, "held": 41, "unflushed": 0, "lanes": list(lanes)}
    database.query(
        "INSERT INTO edm.node_live(node_id, incarnation, live) VALUES (%s, 1, %s)",
        node,
        json.dumps(live),
    )


def pause(database, scope, **columns):
    names = "".join(f", {name}" for name in columns)
    marks = ", %s" * len(columns)
    database.query(
        f"INSERT INTO edm.pause(scope, who, why{names}) VALUES (%s, 'li', 'too hot'{marks})",
        scope,
        *columns.values(),
    )


@pytest.fixture
def spring(database):
    rows = LedgerRows(database, "spring")
    rows.chunk(0, "qq", [f"{name}@qq.com" for name in ("ann", "bob", "cai", "deng", "fu")])
    rows.chunk(1, "gmail", ["gus@gmail.com", "hal@gmail.com"], "leased", 1)
    rows.settle("ann@qq.com", "delivered", "delivered", **QQ, code=250)
    rows.settle("bob@qq.com", "bounced", "bounced", "user-unknown", **QQ, **REFUSED)
    busy = {"code": 451, "template": "try later", "rule": "any.greylist"}
    rows.settle("cai@qq.com", "deferred", "deferred", "greylisted", **QQ, **busy)
    rows.settle("deng@qq.com", "unknown", "unknown", "reply-lost", **QQ)
    rows.doubt("hal@gmail.com", 1)
    return rows


def why(edm, *args):
    return edm("why", *args, "--json").json


@pytest.mark.parametrize(
    ("address", "state", "want_en", "want_zh"),
    [
        ("ann@qq.com", "delivered", "from mx1 to mx1.qq.com", "由 mx1 投递至 mx1.qq.com"),
        ("Bob@QQ.com", "bounced", "No such QQ mailbox.", "QQ 邮箱不存在。"),
        ("cai@qq.com", "deferred", "(in 14 min", "已尝试 1 次"),
        ("deng@qq.com", "unknown", "it may have arrived", "可能已收到"),
        ("fu@qq.com", "waiting", "its turn among the people of group qq", "在分组 qq 中排队"),
        ("gus@gmail.com", "leased", "node n1 has had it in hand since", "节点 n1 处理中"),
        ("hal@gmail.com", "leased", "its node is gone", "所在节点已失联"),
    ],
)
def test_one_sentence_for_every_state(edm, spring, database, address, state, want_en, want_zh):
    start_node(database, lane("qq"), lane("gmail"))
    answer = why(edm, address)
    (entry,) = answer["campaigns"]
    assert entry["state"] == state and entry["campaign"] == "spring"
    assert want_en in answer["sentence"] == entry["sentence"]
    assert want_zh in edm("why", address, "--lang", "zh").out
    assert want_en in edm("why", address, "--campaign", "spring").out


def test_a_refusal_shows_what_was_said_and_what_it_means(edm, spring):
    (entry,) = why(edm, "bob@qq.com")["campaigns"]
    assert entry["reply"] == "550 Mailbox not found. http://service.mail.qq.com/x"
    assert entry["meaning"] == "No such QQ mailbox." and entry["attempts"] == 1
    (attempt,) = entry["history"]
    assert attempt["source"] == "mx1" and attempt["stage"] == "rcpt"
    assert entry["since"] == attempt["at"] and entry["until"] is None
    (later,) = why(edm, "cai@qq.com")["campaigns"]
    assert later["until"] > later["since"] and later["class"] == "deferred"


def settled_whole(database, state, settled):
    """A campaign whose only chunk ended before anybody of it was tried."""
    rows = LedgerRows(database, "spring", state)
    rows.chunk(0, "qq", ["ann@qq.com"])
    database.query("UPDATE edm.chunk SET state = 3, settled_as = %s", settled)


def test_who_was_cancelled_untried_is_told_when_by_whom_and_why(edm, database):
    """No outcome tells: the campaign does."""
    settled_whole(database, 6, 10)
    for because in ("another one of that name", "wrong price"):
        database.query("INSERT INTO edm.event(actor, verb, object, because)"
                       " VALUES ('li', 'campaign cancel', 'campaign:spring', %s)", because)
    database.query("UPDATE edm.campaign SET state_since = '2026-11-20 10:00Z', state_by = 'li'")
    (entry,) = why(edm, "ann@qq.com")["campaigns"]
    assert entry["state"] == "cancelled" and entry["history"] == []
    assert entry["since"] == "2026-11-20T10:00:00Z"
    assert (entry["by"], entry["because"]) == ("li", "wrong price")
    want = "In spring: cancelled on 2026-11-20 10:00 UTC by li (wrong price)"
    assert entry["sentence"] == want
    assert "，操作人 li（wrong price）" in edm("why", "ann@qq.com", "--lang", "zh").out


def test_who_expired_untried_did_so_at_the_deadline(edm, database):
    settled_whole(database, 5, 8)
    database.query("UPDATE edm.campaign SET deadline = '2026-11-20 09:00Z', state_by = 'li'")
    (entry,) = why(edm, "ann@qq.com")["campaigns"]
    assert entry["since"] == "2026-11-20T09:00:00Z"
    assert entry["sentence"] == "In spring: expired on 2026-11-20 09:00 UTC"
    assert (entry["by"], entry["because"]) == ("", "")


def test_suppression_is_part_of_the_answer(edm, spring, database):
    database.query(
        "INSERT INTO edm.suppression(rid, cause, added_by) SELECT rid, 4, 'li' FROM edm.recipient"
        " WHERE address = 'bob@qq.com'"
    )
    (entry,) = why(edm, "bob@qq.com")["suppressions"]
    assert entry["suppressed_for"] == "operator" and entry["since"].endswith("Z")
    assert "everywhere" in edm("why", "bob@qq.com").out


def test_who_is_on_an_excluded_list_is_told_so(edm, spring, database):
    """No audience has them, and no suppression."""
    spring.person("ivy@qq.com")
    database.query(
        "INSERT INTO edm.list(list_id, name) OVERRIDING SYSTEM VALUE"
        " VALUES (901, 'everybody'), (902, 'staff');"
        "INSERT INTO edm.list_member(list_id, domain_id, rid, attributes)"
        " SELECT l, domain_id, rid, '{}' FROM edm.recipient, unnest(ARRAY[901, 902]) l"
        " WHERE address = 'ivy@qq.com';"
        "INSERT INTO edm.campaign_list(campaign_id, list_id, excluded, position)"
        " SELECT campaign_id, 901, false, 1 FROM edm.campaign UNION ALL"
        " SELECT campaign_id, 902, true, 2 FROM edm.campaign;"
        "UPDATE edm.campaign SET started_at = now()")
    told = why(edm, "ivy@qq.com")
    assert told["sentence"] == "left out of spring: on list staff"
    assert told["left_out"] == [{"campaign": "spring", "list": "staff"}]
    assert why(edm, "ivy@qq.com", "--campaign", "spring")["left_out"] == told["left_out"]
    assert "在排除名单 staff 上" in edm("why", "ivy@qq.com", "--lang", "zh").out
    database.query("DELETE FROM edm.campaign_list WHERE list_id = 901")
    assert "is in no campaign" in edm.fails(3, "why", "ivy@qq.com")


def test_who_and_what_there_is_not(edm, spring):
    assert "is in no campaign" in edm.fails(3, "why", "nobody@example.org")
    assert "there is no campaign 'x'" in edm.fails(3, "why", "x")
    assert "there is no campaign 'x'" in edm.fails(3, "why", "ann@qq.com", "--campaign", "x")
    assert "there is no source 'mx9'" in edm.fails(3, "why", "mx9/qq")
    assert "no provider 'nosuch'" in edm.fails(3, "why", "mx1/nosuch")
    said = edm.fails(3, "why", "mx1/mx.typo.example")
    assert "there is no lane 'mx1/mx.typo.example'" in said and "nobody's mail exchanger" in said
    assert "tail is every site without a provider" in edm.fails(2, "why", "mx1/tail")
    assert "is no lane: write SOURCE/PROVIDER" in edm.fails(2, "why", "mx1/")
    assert "goes with an address" in edm.fails(2, "why", "spring", "--campaign", "spring")
    edm.fails(2, "why", "two@at@example.org")


def test_what_holds_a_waiting_recipient(edm, spring, database):
    """From the widest to the narrowest: the campaign, a pause, no node, every lane waits."""
    assert "no node is running" in why(edm, "fu@qq.com")["sentence"]
    start_node(database, lane("qq", waits="waits 12 s: lane mx1/qq has its 100 messages/min"))
    assert "mx1/qq waits 12 s: lane mx1/qq has its 100" in why(edm, "fu@qq.com")["sentence"]
    pause(database, 2, provider="qq")
    sentence = why(edm, "fu@qq.com")["sentence"]
    assert "paused by li" in sentence
    assert f"(edm resume --id {database.value('SELECT pause_id FROM edm.pause')})" in sentence
    database.query("UPDATE edm.campaign SET state = 4, reason = 1, reason_text = 'typo'")
    assert "its campaign is paused since" in why(edm, "fu@qq.com")["sentence"]
    assert "（typo）" in edm("why", "fu@qq.com", "--lang", "zh").out


def test_a_pause_of_something_else_holds_nobody(edm, spring, database):
    start_node(database, lane("qq"), lane("gmail"))
    pause(database, 2, provider="gmail")
    pause(database, 3, source_name="mx1")
    pause(database, 1, until="2020-01-01")
    assert "its turn" in why(edm, "fu@qq.com")["sentence"]


def test_why_of_a_campaign(edm, spring, database):
    assert "no node is running" in why(edm, "spring")["sentence"]
    start_node(database, lane("qq", waits="waits for a reply"), lane("gmail"))
    answer = why(edm, "spring")
    assert answer["sentence"].startswith("spring is running: 1 waiting, 2 sending, 1 deferred")
    assert "1 deferred (most for: greylisted)" in answer["sentence"]
    groups = {g["name"]: g for g in answer["groups"]}
    assert groups["qq"]["waiting"] == 1 and groups["qq"]["hold"] == "mx1/qq waits for a reply"
    assert groups["gmail"]["leased"] == 1 and groups["gmail"]["hold"] is None
    assert "任务 spring 发送中：1 人等待" in edm("why", "spring", "--lang", "zh").out
    database.query("UPDATE edm.campaign SET state = 1")
    assert "edm campaign start spring sends it" in edm("why", "spring").out
    database.query("UPDATE edm.campaign SET state = 5")
    assert "still open: 4" in edm("why", "spring").out


def test_why_of_a_lane(edm, spring, database):
    assert "no node is running" in why(edm, "mx1/qq")["sentence"]
    start_node(database, lane("qq"), lane("gmail", waits="waits 5 s: because", waits_ms=5000))
    answer = why(edm, "mx1/qq")
    assert answer["sentence"] == "mx1/qq is sending: 2 of 20 sessions, 3.5 a second, 40 queued"
    assert why(edm, "mx1/gmail")["sentence"] == "mx1/gmail waits 5 s: because"
    assert "空闲" in edm("why", "mx1/netease", "--lang", "zh").out
    database.query(
        "INSERT INTO edm.limit_rule(provider, kind, n, period_ms, set_by)"
        " VALUES ('qq', 3, 100, 60000, 'li'), ('gmail', 1, 5, 0, 'li')"
    )
    (limit,) = why(edm, "mx1/qq")["limits"]
    assert (limit["kind"], limit["value"], limit["period_ms"]) == ("rate", 100, 60000)
    assert "60 s" in edm("why", "mx1/qq").out
    pause(database, 4, provider="qq", source_name="mx1")
    assert "mx1/qq stands still: it was paused by li" in why(edm, "mx1/qq")["sentence"]


def test_a_lane_has_the_limits_that_apply_to_it_and_no_others(edm, spring, database):
    edm("source", "add", "127.0.0.3", "--name", "mx2", "--ehlo", "mx2.example.com")
    database.query("UPDATE source SET node_name = 'n1' WHERE name = 'mx1';"
                   "INSERT INTO lane_state(source_id, target) SELECT source_id, 'mx.c.test'"
                   " FROM source WHERE name = 'mx1'")
    for scope in (["--provider", "qq"], ["--provider", "gmail"], ["--provider", "tail"],
                  ["--provider", "qq", "--total"], ["--source", "mx1"], ["--source", "mx2"],
                  ["--node", "n1"], ["--node", "n2"], [], ["--campaign", "spring"],
                  ["--domain", "c.test", "--provider", "qq"]):
        edm("limit", "set", *scope, "rate=50/min")
    edm("limit", "set", "--source", "mx1", "rate=60/min", "--for", "2h")

    def applying(lane):
        return [(one["limit_id"], one["scope"]) for one in why(edm, lane)["limits"]]

    # Of the source the one that holds for two hours is in force, not the lasting one.
    above = [(7, "node n1"), (9, "node n1"), (12, "source mx1")]
    assert applying("mx1/qq") == [(1, "lane mx1/qq"), (4, "provider qq"), *above]
    assert applying("mx1/mx.c.test") == [(3, "lane mx1/mx.c.test"), *above]
    rows = [line.split()[:3] for line in edm("why", "mx1/qq").out.splitlines()[2:]]
    assert rows == [["APPLIES", "TO", "LIMIT"], ["lane", "mx1/qq", "rate"],
                    ["provider", "qq", "rate"], ["node", "n1", "rate"], ["node", "n1", "rate"],
                    ["source", "mx1", "rate"]]
    assert "服务商 qq" in edm("why", "mx1/qq", "--lang", "zh").out


def test_a_lane_that_may_get_mail_is_idle(edm, spring, database):
    """A host of the tail is known by the mail that goes there, or by what was saved of it."""
    start_node(database, lane("mx.a.test"))
    database.query("INSERT INTO recipient_domain(name, last_mx) VALUES ('b.test', 'mx.b.test');"
                   "INSERT INTO lane_state(source_id, target) SELECT source_id, 'mx.c.test'"
                   " FROM source WHERE name = 'mx1'")
    assert "mx1/mx.a.test is sending" in why(edm, "mx1/mx.a.test")["sentence"]
    for host in ("mx.b.test", "mx.c.test"):
        assert "is idle: no node has mail" in why(edm, f"mx1/{host}")["sentence"]


def test_a_source_that_drains_is_said_to(edm, spring, database):
    start_node(database)
    database.query("UPDATE source SET state = 2 WHERE name = 'mx1'")
    told = why(edm, "mx1/qq")
    assert told["source_state"] == "draining"
    assert told["sentence"] == ("mx1/qq takes no new mail: source mx1 drains (edm source set mx1 "
                                "--active takes it back)")
    assert "发信源 mx1 正在排空" in edm("why", "mx1/qq", "--lang", "zh").out


def test_what_a_lane_waits_for_in_chinese(edm, spring, database):
    wait = {"level": "lane", "kind": "rate", "per": "min", "count": 100, "origin": "operator",
            "limit_id": 12, "until": 4102444800000000}
    host = {"host": "mx3.qq.com", "said": "Connection refused", "since": 1795305483000000}
    start_node(database, lane("qq", waits="waits 12 s: …", waits_ms=12000, wait=wait),
               lane("gmail", waits="waits: …", refused=host), lane("netease", waits="waits for x"))
    said = edm("why", "mx1/qq", "--lang", "zh").out
    assert "：通道 mx1/qq 已用满 每分钟 100 封（人工设定，限制 12）" in said and "waits" not in said
    assert "mx3.qq.com 无法连接（Connection refused）" in edm("why", "mx1/gmail", "--lang", "zh").out
    # An older node tells no facts.
    assert "mx1/netease waits for x" in edm("why", "mx1/netease", "--lang", "zh").out
    assert "已用满 每分钟 100 封" in edm("why", "fu@qq.com", "--lang", "zh").out
    assert why(edm, "mx1/qq")["wait"]["until"] == "2100-01-01T00:00:00Z"


def test_top_shows_nodes_and_lanes(edm, spring, database):
    assert "edm run starts one" in edm("top").out
    start_node(database, lane("qq"), lane("gmail", waits="waits 5 s: because"))
    top = edm("top", "--json").json
    (node,) = top["nodes"]
    assert (node["node"], node["alive"], node["gauges"]["held"]) == ("n1", True, 41)
    lanes = [(one["source"], one["queue"]) for one in top["lanes"]]
    assert lanes == [("mx1", "gmail"), ("mx1", "qq")]
    words = edm("top", "--once").out
    assert "mx1/gmail" in words and "waits 5 s: because" in words and "2/20" in words
    assert "正在" not in words and "通道" in edm("top", "--lang", "zh").out


def test_top_does_not_show_what_is_old(edm, spring, database):
    start_node(database, lane("qq"), alive=False)
    database.query("UPDATE edm.node_live SET at = now() - interval '1 min'")
    top = edm("top", "--json").json
    assert top["lanes"] == [] and top["nodes"][0]["alive"] is False
    assert "gone" in edm("top").out


def test_why_names_what_stops_every_lane_of_a_campaign(edm, spring, database):
    start_node(database, lane("qq"))
    database.query("UPDATE edm.campaign SET pool = 'bulk'")
    assert "no active source in pool bulk" in edm("why", "spring").out
    assert "bulk 没有启用的发信源" in edm("why", "spring", "--lang", "zh").out
    database.query("UPDATE edm.campaign SET pool = NULL")
    assert "no active source" not in edm("why", "spring").out
    database.query(
        "INSERT INTO edm.limit_rule(campaign_id, kind, n, period_ms, set_by)"
        " SELECT campaign_id, 3, 20, 3600000, 'li' FROM edm.campaign"
    )
    assert "used up" not in edm("why", "spring").out
    # Running totals of two lanes: the greatest of each counts.
    database.query(
        "INSERT INTO edm.limit_usage SELECT date_trunc('minute', now()), 1, 1, 1, 0, campaign_id,"
        " n, 0, target FROM edm.campaign, (VALUES ('qq', 3), ('qq', 12), ('gmail', 8)) u(target, n)"
    )
    assert "its limit of 20 messages in 1 h is used up" in edm("why", "spring").out
    database.query("UPDATE edm.limit_usage SET bucket = now() - interval '2 h'")
    assert "used up" not in edm("why", "spring").out


def test_the_group_of_a_large_domain_is_held_where_its_site_is(edm, spring, database):
    """The group has the domain's name, the queue the host's; a route comes before DNS."""
    wait = {"level": "lane", "kind": "rate", "per": "min", "count": 40, "origin": "operator",
            "limit_id": 1}
    spring.chunk(2, "big.example", ["kim@big.example", "lou@big.example"], "leased", 1)
    database.query("UPDATE edm.recipient_domain SET last_mx = 'mx.big.example'"
                   " WHERE name = 'big.example'")
    edm("limit", "set", "--provider", "mx.big.example", "rate=40/min")
    database.query("UPDATE edm.limit_rule SET set_at = now() - interval '1 day';"
                   "UPDATE edm.campaign SET started_at = '2026-11-20 10:00Z'")
    start_node(database, lane("mx.big.example", tail=True, waits="waits 9 s: full", wait=wait))
    answer = why(edm, "spring")
    (group,) = [one for one in answer["groups"] if one["name"] == "big.example"]
    assert group["hold"].startswith("mx1/mx.big.example waits 9 s: full, since ")
    assert group["held"]["change"].startswith("edm limit unset --provider mx.big.example")
    (place,) = answer["places"]
    assert (place["queue"], place["people"]) == ("mx.big.example", 2)
    # Set before the campaign began: it holds these people since then.
    database.query("UPDATE edm.limit_rule SET set_at = '2026-11-19 10:00Z'")
    assert why(edm, "spring")["places"][0]["held"]["since"] == "2026-11-20T10:00:00Z"
    assert why(edm, "mx1/mx.big.example")["held"]["since"] == "2026-11-19T10:00:00Z"
    database.query("INSERT INTO edm.route(domain, host, port) VALUES ('big.example', 'relay', 25)")
    groups = {one["name"]: one for one in why(edm, "spring")["groups"]}
    assert groups["big.example"]["queue"] == "relay:25" and groups["big.example"]["held"] is None
    assert groups["qq"]["queue"] == ""


def test_a_lane_whose_node_is_dead_sends_nothing(edm, spring, database):
    """Its last words were a second ago."""
    start_node(database, lane("qq", sent_per_s=1.5, next=[]))
    assert "2 connections of 20" in edm("limit", "explain", "mx1/qq").out
    database.query("UPDATE edm.node SET lease_until = now() - interval '1 ms'")
    said = edm("limit", "explain", "mx1/qq").out
    assert "now: no node is running (edm run starts one); nothing is sent" in said
    assert "connections of" not in said and "messages/s" not in said.split("\n\n")[0]
    assert "没有运行中的节点" in edm("limit", "explain", "mx1/qq", "--lang", "zh").out


def test_sending_what_is_unknown_again_names_the_campaign(edm, spring):
    command = "edm campaign resend spring --state unknown"
    for args in (["why", "deng@qq.com"], ["report", "campaign", "spring"]):
        assert command in edm(*args).out and command in edm(*args, "--lang", "zh").out
