# SPDX-License-Identifier: MIT
"""Once more: to the unknown of a campaign, and a new campaign to the people of another one. What is
told before is what is done."""
from support.ledger_rows import LedgerRows

SPAM = {"dot": [{"reply": "554 5.7.1 message refused as spam"}]}


def test_resend_goes_to_those_it_told_of(edm, database):
    rows = LedgerRows(database, "spring", state=5)
    rows.insert("content", campaign_id=rows.campaign, version=1, from_address="a@example.com",
                subject="Hello")
    names = [f"{name}@example.org" for name in ("ann", "bob", "cai", "deng")]
    rows.chunk(0, "tail", names)
    rows.settle(names[0], "delivered", "delivered")
    for name in names[1:]:
        rows.settle(name, "unknown", "unknown", "reply-lost")
    # The last one becomes unknown after the operator was asked.
    database.query("UPDATE edm.unknown SET at = now() + interval '1 h' WHERE rid = %s",
                   rows.person(names[3])[0])
    rows.move("unknown", -1)
    rows.move("leased", 1)
    told = edm("campaign", "resend", "spring", "--state", "unknown", "--yes").out
    assert "2 people of campaign spring will be sent to once more" in told
    due = database.query("SELECT address FROM edm.retry ORDER BY 1")
    assert [address for address, in due] == names[1:3]
    assert database.value("SELECT count(*) FROM edm.unknown") == 1
    shown = edm("campaign", "show", "spring", "--json").json
    assert (shown["state"], shown["deferred"], shown["unknown"]) == ("running", 2, 0)
    refused = edm.fails(4, "campaign", "resend", "spring", "--state", "unknown")
    assert "there is nothing to resend" in refused


def test_a_campaign_to_the_people_of_another_goes_to_those_it_told_of(mailing):
    mailing.provider("good")
    mailing.provider("bad", profile=SPAM)
    mailing.source("s1")
    first = mailing.campaign("first", {"good": 40, "bad": 30})
    mailing.start()
    mailing.launch(first)
    mailing.finished(first)
    assert mailing.states(first) == {"delivered": 40, "rejected": 30}
    # Two of them unsubscribe before the second letter.
    mailing.db.query(
        "INSERT INTO suppression(rid, scope, cause) SELECT rid, 0, 2 FROM outcome"
        " WHERE campaign_id = %s AND class = 6 LIMIT 2", first)
    letter = mailing.directory / "again.txt"
    letter.write_text("Once more")
    told = mailing.edm("campaign", "create", "again", "--audience-of", "first", "--state",
                       "rejected", "--from", "news@news.test", "--subject", "Again", "--text",
                       letter, "--unsigned").out
    assert "campaign again is a draft to at most 30 people" in told
    assert "at most 30 people" in mailing.edm("campaign", "check", "again").out
    mailing.edm("campaign", "start", "again", "--yes")
    again = mailing.db.value("SELECT campaign_id FROM campaign WHERE name = 'again'")
    mailing.finished(again)
    shown = mailing.edm("campaign", "show", "again", "--json").json
    assert (shown["audience"], shown["suppressed"], shown["rejected"]) == (30, 2, 28)
    same = mailing.db.value(
        "SELECT count(*) FROM outcome a JOIN outcome f USING (rid)"
        " WHERE a.campaign_id = %s AND f.campaign_id = %s AND f.class = 6", again, first)
    assert same == 30
