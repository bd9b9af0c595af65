# SPDX-License-Identifier: MIT
"""Holds what receivers saw, the database and the journals against each other.

    check = Checker(world, campaign)
    check.sums()             # any time: every recipient in exactly one state, the counters agree
    check.after_kill(node)   # a node was just killed: what its journal must tell
    check.at_end()           # nothing is under way any more
    check.figures()          # delivered, unknown, twice …, for a table
"""
import collections

from copies import Copies
from journals import INTENT, OUTCOME, last_words
from support.campaign import STATES

# One snapshot of a campaign: the counters, the audience once it is complete, and where each
# recipient is. The places are the ledger's definition (schemas/migrations/0005_ledger.sql): exactly
# one row a recipient.
SNAPSHOT = """
WITH me AS (SELECT %s::int AS campaign_id), at AS MATERIALIZED (
	SELECT x.rid, c.state, c.settled_as, get_bit(c.done_map, i) AS done,
	       EXISTS (SELECT 1 FROM doubt t
	                WHERE (t.campaign_id, t.chunk_no) = (c.campaign_id, c.chunk_no)
	                  AND get_bit(t.map, i) = 1) AS in_doubt
	  FROM me JOIN chunk c USING (campaign_id) JOIN chunk_data d USING (campaign_id, chunk_no),
	       unnest(d.rids) WITH ORDINALITY x(rid, nth), LATERAL (SELECT (nth - 1)::int AS i) k
), place AS (
	SELECT rid, CASE state WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE settled_as END AS state
	  FROM at WHERE done = 0
	UNION ALL SELECT rid, 2 FROM at WHERE in_doubt
	UNION ALL SELECT rid, 3 FROM me JOIN retry USING (campaign_id)
	UNION ALL SELECT rid, 11 FROM me JOIN unknown USING (campaign_id)
	UNION ALL SELECT rid, o.state FROM me JOIN outcome o USING (campaign_id)
	           WHERE o.state BETWEEN 4 AND 10
), move AS (
	SELECT state, n FROM me JOIN moves USING (campaign_id)
	UNION ALL SELECT state, n FROM me JOIN moves_delta USING (campaign_id)
)
SELECT 'place', rid, state::int FROM place
UNION ALL SELECT 'moves', sum(n)::bigint, state::int FROM move GROUP BY state HAVING sum(n) <> 0
UNION ALL SELECT 'audience', total, 0 FROM me JOIN audience USING (campaign_id) WHERE complete
"""
LEASED = """
SELECT chunk_no, epoch, done_map::text, open_map::text
  FROM chunk WHERE campaign_id = %s AND state = 1
"""
PEOPLE_AT = "SELECT chunk_no, rids FROM chunk_data WHERE campaign_id = %s AND chunk_no = ANY (%s)"
# Whom a campaign writes to.
AUDIENCE = """
SELECT DISTINCT rid, address
  FROM campaign_list JOIN list_member USING (list_id) JOIN recipient USING (rid)
 WHERE campaign_id = %s
"""
# What may have given a recipient another copy: attempts that ended as unknown.
AMBIGUOUS = "SELECT rid, count(*) FROM outcome WHERE campaign_id = %s AND class = 8 GROUP BY 1"
# In the receiver's own words, and final.
REFUSED = "SELECT rid, state FROM outcome WHERE campaign_id = %s AND state IN (5, 6) AND words = 1"


def some(names, count=5):
    """A few of many, for a message."""
    shown = [f"{who}: {names[who]}" if isinstance(names, dict) else who
             for who in sorted(names)[:count]]
    return f"{len(names)} of them, {', '.join(shown)}"


class Checker:
    """The checks of one campaign of a world."""

    def __init__(self, world, campaign):
        self.world = world
        self.db = world.database
        self.campaign = campaign
        self.addresses = dict(self.db.query(AUDIENCE, campaign.id))
        self.audience = set(self.addresses.values())
        self.seen = Copies(world.sink.log_file)
        self.doubted = collections.Counter()  # address: kills that found its transaction open

    def copies(self):
        """Accepted copies by address: all, whether the reply was read or not."""
        self.seen.read()
        return collections.Counter(
            {who: n for who, n in self.seen.of.items() if who in self.audience})

    def sums(self):
        """Each recipient is in one state and the counters agree; {address: state}."""
        rows = self.db.query(SNAPSHOT, self.campaign.id)
        places = collections.defaultdict(list)
        for kind, rid, state in rows:
            if kind == "place":
                places[self.addresses[rid]].append(STATES[state])
        moves = {STATES[state]: n for kind, n, state in rows if kind == "moves"}
        torn = {who: states for who, states in places.items() if len(states) != 1}
        assert not torn, f"not in exactly one state: {some(torn)}"
        found = {who: state for who, (state,) in places.items()}
        assert collections.Counter(found.values()) == moves, "the counters do not agree"
        for kind, total, _ in rows:
            assert kind != "audience" or total == len(found), "audience is not the sum of states"
        return found

    def ambiguous(self):
        """Attempts by address that ended as unknown."""
        return {self.addresses[rid]: n for rid, n in self.db.query(AMBIGUOUS, self.campaign.id)}

    # ------------------------------------------------------------------------- after a kill

    def after_kill(self, node):
        """What a node left behind; how many transactions it had open: that may become unknown.

        Nothing may have been sent to whom the database does not hold open, and whoever has a copy
        without being delivered in the database stands in the journal."""
        # In this order, because other nodes may go on meanwhile.
        copies, excused, found = self.copies(), self.ambiguous(), self.sums()
        told = self._told(node)
        left_open = self._check_credits(told)
        others = [self._told(other) for other in self.world.nodes if other is not node]
        named = self._addresses_of({key for words in [told, *others] for key in words})
        gone = {who for who in copies if who not in excused
                and found[who] in ("waiting", "leased")}
        assert gone <= named, f"accepted, and the journal does not know: {some(gone - named)}"
        self.doubted.update(self._addresses_of(left_open))
        return len(left_open)

    def _told(self, node):
        return {key: kind for key, kind in last_words(node.program.data).items()
                if key.campaign == self.campaign.id and kind in (INTENT, OUTCOME)}

    def _check_credits(self, told):
        """The keys of transactions that are open. Of a lease that is over all is settled."""
        leased = {(chunk, epoch): maps for chunk, epoch, *maps
                  in self.db.query(LEASED, self.campaign.id)}
        undone = {}
        for key, kind in told.items():
            if (key.chunk, key.epoch) not in leased:
                continue
            done, credit = (bits[key.position] == "1" for bits in leased[key.chunk, key.epoch])
            assert done or credit, f"sent without credit: {key}"
            if not done:
                undone[key] = kind
        return [key for key, kind in undone.items() if kind == INTENT]

    def check_doubts(self):
        """Who became unknown is explained by a kill in the middle of it; how many attempts."""
        ambiguous = self.ambiguous()
        unexplained = {who: n for who, n in ambiguous.items() if n > self.doubted[who]}
        assert not unexplained, f"unknown, and no kill found it open: {some(unexplained)}"
        return sum(ambiguous.values())

    def refused(self):
        """The state by address of those whom a receiver refused for good."""
        return {self.addresses[rid]: STATES[state]
                for rid, state in self.db.query(REFUSED, self.campaign.id)}

    def _addresses_of(self, keys):
        chunks = dict(self.db.query(PEOPLE_AT, self.campaign.id, [key.chunk for key in keys]))
        return {self.addresses[chunks[key.chunk][key.position]] for key in keys}

    # ------------------------------------------------------------------------------ at the end

    def at_end(self):
        """Everybody is final, and what the database says is what receivers saw; the states found.

        Under hold nobody has two copies; under retry only who was unknown in between. Whoever was
        accepted is delivered or unknown; only who was unknown in between may have been refused by
        the receiver since."""
        found, copies = self.sums(), self.copies()
        under_way = {who: state for who, state in found.items()
                     if state in ("waiting", "leased", "deferred")}
        assert not under_way, f"not final: {some(under_way)}"
        untrue = {who for who, state in found.items() if state == "delivered" and not copies[who]}
        assert not untrue, f"delivered, and no receiver has it: {some(untrue)}"
        excuses = self.ambiguous()
        held = self.db.value("SELECT unknown_policy FROM campaign WHERE campaign_id = %s",
                             self.campaign.id) == 1
        refused = {} if held else self.refused()
        silent = {who: found[who] for who in copies
                  if found[who] not in ("delivered", "unknown")
                  and not (who in excuses and refused.get(who) == found[who])}
        assert not silent, f"accepted, and not told: {some(silent)}"
        twice = {who: n for who, n in copies.items()
                 if n > 1 + (0 if held else excuses.get(who, 0))}
        assert not twice, f"accepted more than once: {some(twice)}"
        letters = {who: len(ids) for who, ids in self.seen.message_ids.items() if len(ids) > 1}
        assert not letters, f"copies with another Message-ID: {some(letters)}"
        return found

    def figures(self):
        """For a table: how many are delivered and unknown, got two copies, or are nowhere."""
        found, copies = self.sums(), self.copies()
        return {"delivered": sum(state == "delivered" for state in found.values()),
                "unknown": sum(state == "unknown" for state in found.values()),
                "twice": sum(n > 1 for n in copies.values()),
                "lost": sum(state not in ("delivered", "unknown") for state in found.values())}
