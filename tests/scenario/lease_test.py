# SPDX-License-Identifier: MIT
"""The settings of a node's lease and of its first credits are those in force; leases that only the
node or only the database knows of are found."""
import pathlib

from support.waiting import until

QUERIES = pathlib.Path(__file__).resolve().parents[2] / "schemas/queries/ledger"


def test_the_lease_is_as_long_as_it_is_set(make_world):
    world = make_world(domains=1, sources=1)
    world.short_lease()
    node = world.node().start()
    of_beat = "SELECT beat_at, (extract(epoch FROM lease_until - beat_at) * 1000)::int FROM node"
    beats = set()
    until(lambda: beats.update(world.database.query(of_beat)) or len(beats) >= 6, 20, "it beats")
    times = sorted(at for at, _ in beats)
    assert {ms for _, ms in beats} == {3000}
    assert (times[-1] - times[0]).total_seconds() < 10, "six beats of 2 s would take that long"
    node.freeze()
    until(lambda: world.database.value("SELECT lease_until < now() FROM node"), 10, "it runs out")
    node.thaw()
    until(lambda: world.database.value("SELECT lease_until > now() FROM node"), 10, "it revives")


def test_a_claim_opens_as_many_as_it_is_told(make_world):
    world = make_world(domains=1, sources=1, profile={"delay_ms": {"banner": [60000, 60000]}})
    campaign = world.campaign("credits", world.people(300))
    node = world.node("ledger.first_credits=200").start()
    campaign.start()
    opened = "SELECT bit_count(open_map)::int FROM chunk WHERE state = 1"
    assert until(lambda: world.database.query(opened), 30, "it is claimed")[0][0] >= 200
    node.kill()


def run_of_ledger(world, name, types, values):
    """Runs a statement of the ledger as a node would."""
    statement = (QUERIES / f"{name}.sql").read_text()
    world.database.query(f"PREPARE one({types}) AS {statement}")
    world.database.query(f"EXECUTE one({values}); DEALLOCATE one")


def test_a_lost_and_a_stray_lease_do_not_cancel_out(make_world, check):
    """The database holds as many chunks for the node's as the node does, but another one."""
    world = make_world(domains=1, sources=1)
    world.short_lease()
    world.program("limit", "set", "rate=1/min")
    campaign = world.campaign("leases", world.people(3000))
    node = world.node("budget.leased=1000", "park_ms=5min", "ledger.first_credits=1000").start()
    campaign.start()
    node.wait_for("audience_built")
    campaign.wait_for_count("delivered", 1)  # the only one for now: there is nothing to flush
    (chunk, epoch, me, incarnation), = world.database.query(
        "SELECT chunk_no, epoch, node_id, incarnation FROM chunk WHERE state = 1")
    # A claim that the node knows nothing of, and one that it does not know to be over.
    group = world.database.value("SELECT DISTINCT group_name FROM chunk")
    run_of_ledger(world, "claim", "int, int, int[], text[], int[], int",
                  f"{me}, {incarnation}, '{{{campaign.id}}}', '{{{group}}}', '{{1}}', 32")
    run_of_ledger(world, "release_stray", "int, int, int[], int[], int[]",
                  f"{me}, {incarnation}, '{{{campaign.id}}}', '{{{chunk}}}', '{{{epoch}}}'")
    node.wait_for("strays_released")
    node.wait_for("lease_lost", chunk=chunk, epoch=epoch)
    world.program("limit", "unset", "rate=1/min")
    campaign.wait_for("finished", 60)
    assert campaign.counts() == {"delivered": 3000}
    node.stop()
    check(world, campaign).at_end()
