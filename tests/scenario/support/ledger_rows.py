# SPDX-License-Identifier: MIT
"""A campaign's rows as the ledger writes them: what changes a recipient moves the counters too."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

QUERIES = Path(__file__).resolve().parents[3] / "schemas/queries"
RID_KEY = bytes([0x5A] * 16)  # of the template's installation, see conftest.py
STATES = (
    "waiting leased deferred delivered bounced rejected blocked expired suppressed cancelled"
    " unknown"
).split()
CLASSES = (
    "parked delivered deferred throttled blocked bounced rejected held unknown unreached suppressed"
    " expired cancelled"
).split()
CAUSES = {
    "none": 0,
    "user-unknown": 1,
    "rate-limit": 13,
    "greylisted": 16,
    "reputation": 18,
    "spam-content": 23,
    "suppressed": 32,
    "reply-lost": 33,
    "unclassified": 36,
}
MASK = (1 << 64) - 1


def _rotate(v, n):
    return (v << n | v >> 64 - n) & MASK


def _round(v0, v1, v2, v3):
    v0, v2 = (v0 + v1) & MASK, (v2 + v3) & MASK
    v1, v3 = _rotate(v1, 13) ^ v0, _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2, v0 = (v2 + v1) & MASK, (v0 + v3) & MASK
    v1, v3 = _rotate(v1, 17) ^ v2, _rotate(v3, 21) ^ v0
    return v0, v1, _rotate(v2, 32), v3


def rid_of(address, key=RID_KEY):
    """SipHash-2-4 of the folded address, as a signed bigint."""
    data = address.lower().encode()
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = (
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    )
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v = _round(*_round(v[0], v[1], v[2], v[3] ^ word))
        v = (v[0] ^ word, *v[1:])
    v = (v[0], v[1], v[2] ^ 0xFF, v[3])
    for _ in range(4):
        v = _round(*v)
    value = v[0] ^ v[1] ^ v[2] ^ v[3]
    return value - (1 << 64) if value >> 63 else value


def _now(minutes=0):
    return datetime.now(timezone.utc) + timedelta(minutes=minutes)


class LedgerRows:
    """One campaign: chunk() puts people into the audience, settle() says what became of one."""

    def __init__(self, database, name, state=3):
        self.db = database
        self.campaign = self.insert(
            "campaign",
            name=name,
            state=state,
            from_address="news@example.com",
            started_at=_now(-60),
            returning="campaign_id",
        )
        self.insert("audience", campaign_id=self.campaign, batch_size=4096, complete=True)
        self.places = {}

    def insert(self, table, returning=None, conflict="", **columns):
        """One row; the value of the column returning."""
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        sql = f"INSERT INTO edm.{table}({names}) VALUES ({marks}) {conflict}"
        if returning:
            return self.db.value(f"{sql} RETURNING {returning}", *columns.values())
        return self.db.query(sql, *columns.values())

    def source(self, name):
        found = self.db.query("SELECT source_id FROM edm.source WHERE name = %s", name)
        if found:
            return found[0][0]
        return self.insert(
            "source", name=name, address="127.0.0.2", ehlo="mx.example.com", returning="source_id"
        )

    def move(self, state, n):
        number = STATES.index(state) + 1
        self.insert("moves_delta", campaign_id=self.campaign, state=number, n=n)

    def person(self, address):
        """(rid, domain_id) of a recipient, made if there is none."""
        domain = self.insert(
            "recipient_domain",
            name=address.split("@")[1],
            conflict="ON CONFLICT (name) DO UPDATE SET name = excluded.name",
            returning="domain_id",
        )
        rid = rid_of(address)
        self.insert(
            "recipient",
            rid=rid,
            domain_id=domain,
            address=address,
            conflict="ON CONFLICT DO NOTHING",
        )
        return rid, domain

    def chunk(self, number, group, addresses, state="waiting", node=None):
        people = sorted((self.person(a)[::-1] + (a,) for a in addresses))
        domains, rids, names = zip(*people)
        bits = "0" * len(people)
        key = {"campaign_id": self.campaign, "chunk_no": number}
        self.insert(
            "chunk",
            **key,
            n=len(people),
            state=("waiting", "leased").index(state),
            node_id=node,
            incarnation=node and 1,
            leased_at=_now(),
            group_name=group,
            first_domain=domains[0],
            first_rid=rids[0],
            last_domain=domains[-1],
            last_rid=rids[-1],
            done_map=bits,
            open_map=bits,
        )
        self.insert(
            "chunk_data",
            **key,
            rids=list(rids),
            domains=list(domains),
            addresses=list(names),
            attributes=["{}"] * len(people),
        )
        for domain in set(domains):
            self.insert(
                "audience_domain",
                campaign_id=self.campaign,
                domain_id=domain,
                n=1,
                group_name=group,
                conflict="ON CONFLICT DO NOTHING",
            )
        for position, name in enumerate(names):
            self.places[name] = (number, position, state)
        self.move(state, len(people))

    def settle(self, address, state, klass, cause="none", source="mx1", **facts):
        """One attempt: its outcome, its counters, and where the recipient is now. klass "parked":
        no attempt was made."""
        number, position, was = self.places.pop(address, (0, -1, None))
        rid, domain = self.person(address)
        if was:
            self.done(number, position)
            self.move(was, -1)
        self.move(state, 1)
        place = {"campaign_id": self.campaign, "rid": rid, "domain_id": domain}
        kind = {"class": CLASSES.index(klass), "cause": CAUSES[cause]}
        if state == "deferred":
            due = _now(facts.pop("due_min", 15))
            tries = int(klass != "parked")
            person = {"address": address, "attributes": "{}"}
            self.insert("retry", **place, **kind, **person, due_at=due, attempt=tries)
        place.update(chunk_no=number, position=position, content_version=1)
        if klass != "parked":
            self.outcome(place, kind, STATES.index(state) + 1, source, facts)
        if state == "unknown":
            self.insert("unknown", **place, attempt=1, age_s=0)

    def done(self, number, position):
        self.db.query(
            "UPDATE edm.chunk SET done_map = set_bit(done_map, %s, 1),"
            " state = CASE WHEN bit_count(set_bit(done_map, %s, 1)) = n THEN 2 ELSE state END"
            " WHERE campaign_id = %s AND chunk_no = %s",
            position,
            position,
            self.campaign,
            number,
        )

    def outcome(self, place, kind, state, source, facts):
        template = facts.pop("template", "")
        key = abs(hash(template)) if template else 0
        if template:
            self.insert(
                "reply_template", hash=key, template=template, conflict="ON CONFLICT DO NOTHING"
            )
        was_tried = place["position"] >= 0
        row = {
            "at": _now(),
            "source_id": self.source(source) if source else 0,
            "state": state,
            "template": key,
            "attempt": int(was_tried),
            "words": 1 if was_tried else 5,
            "stage": 8,
            "scope": 1,
            "code": 0,
            "enhanced": 0,
            "took_ms": 40,
            "tls": 13,
        }
        row.update(dict.fromkeys(("provider", "mx", "rule", "vars"), ""), **facts)
        self.insert("outcome", **place, **kind, **row)
        self.insert(
            "attempts_delta",
            campaign_id=self.campaign,
            minute=row["at"].replace(second=0, microsecond=0),
            source_id=row["source_id"],
            n=1,
            provider=row["provider"],
            **kind,
        )

    def doubt(self, address, node):
        """The node that had the chunk is gone: the recipient may have been sent to."""
        number, position, _ = self.places.pop(address)
        n = self.db.value(
            "SELECT n FROM edm.chunk WHERE campaign_id = %s AND chunk_no = %s",
            self.campaign,
            number,
        )
        self.done(number, position)
        self.insert(
            "doubt",
            campaign_id=self.campaign,
            chunk_no=number,
            node_id=node,
            incarnation=1,
            epoch=1,
            content_version=1,
            map="".join("1" if i == position else "0" for i in range(n)),
            unknown_map="0" * n,
            until=_now(10),
        )

    def roll_up(self):
        self.db.query("SET search_path = edm")
        self.db.query((QUERIES / "ledger/roll_up.sql").read_text())
